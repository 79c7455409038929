mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name              = "farthing-prod"
  function_role_arn = "arn:aws:iam::111122223333:role/farthing-prod-function"
}

run "made_empty_and_readable_by_the_function_alone" {
  command = plan
  module {
    source = "./modules/secret"
  }

  assert {
    condition     = length(aws_secretsmanager_secret_version.slack) == 0
    error_message = "the value is set by hand"
  }
  assert {
    condition = jsonencode(jsondecode(aws_secretsmanager_secret_policy.slack.policy).Statement[0]) == jsonencode({
      Sid       = "OnlyTheFunctionReads"
      Effect    = "Deny"
      Principal = "*"
      Action    = "secretsmanager:GetSecretValue"
      Resource  = "*"
      Condition = { ArnNotEquals = { "aws:PrincipalArn" = ["arn:aws:iam::111122223333:role/farthing-prod-function"] } }
    })
    error_message = "everybody else is denied"
  }
}

run "written_and_never_in_the_state" {
  command = plan
  module {
    source = "./modules/secret"
  }
  variables {
    webhook_url     = "https://hooks.slack.com/services/secret"
    webhook_version = 1
  }

  assert {
    condition     = aws_secretsmanager_secret_version.slack[0].secret_string == null && aws_secretsmanager_secret_version.slack[0].secret_string_wo_version == 1
    error_message = "only the write-only argument has the value"
  }
  assert {
    condition     = jsondecode(aws_secretsmanager_secret_policy.slack.policy).Statement[0].Condition.ArnNotEquals["aws:PrincipalArn"] == ["arn:aws:iam::111122223333:role/farthing-prod-function", "arn:aws:iam::111122223333:role/deployer"]
    error_message = "whoever applies may read it, because the provider does"
  }
}

run "named_readers_instead_of_whoever_applies" {
  command = plan
  module {
    source = "./modules/secret"
  }
  variables {
    webhook_url     = "https://hooks.slack.com/services/secret"
    webhook_version = 1
    readers         = ["arn:aws:iam::111122223333:role/pipeline"]
    kms_key_arn     = "arn:aws:kms:us-east-1:111122223333:key/1"
  }

  assert {
    condition     = jsondecode(aws_secretsmanager_secret_policy.slack.policy).Statement[0].Condition.ArnNotEquals["aws:PrincipalArn"] == ["arn:aws:iam::111122223333:role/farthing-prod-function", "arn:aws:iam::111122223333:role/pipeline"]
    error_message = "the function and the pipeline"
  }
  assert {
    condition     = aws_secretsmanager_secret.slack.kms_key_id == "arn:aws:kms:us-east-1:111122223333:key/1"
    error_message = "encrypted with the key"
  }
}
