mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name              = "farthing-dev"
  environment       = "dev"
  artifact_path     = "./tests/stand-in.txt"
  bucket            = "ledger"
  bucket_arn        = "arn:aws:s3:::ledger"
  slack_secret_name = "slack"
  slack_secret_arn  = "arn:aws:secretsmanager:us-east-1:111122223333:secret:slack-abc"
  alerts_topic_arn  = "arn:aws:sns:us-east-1:111122223333:alerts"
  cost_threshold    = 12.5
}

run "the_function_is_as_the_architecture_asks" {
  command = plan
  module {
    source = "./modules/function"
  }

  assert {
    condition     = aws_lambda_function.this.handler == "farthing.aws_lambda.handler" && aws_lambda_function.this.runtime == "python3.11" && aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "handler, Python 3.11, arm64"
  }
  assert {
    condition     = aws_lambda_function.this.memory_size == 256 && aws_lambda_function.this.timeout == 300 && aws_lambda_function.this.reserved_concurrent_executions == 1
    error_message = "256 MB, 300 s, one at a time"
  }
  assert {
    condition     = aws_lambda_function.this.tracing_config[0].mode == "Active" && length(aws_lambda_function.this.vpc_config) == 0
    error_message = "traced, and in no VPC"
  }
  assert {
    condition     = aws_lambda_function.this.source_code_hash == filebase64sha256("./tests/stand-in.txt")
    error_message = "a changed zip is a changed function"
  }
  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      BUCKET_NAME            = "ledger"
      COST_THRESHOLD         = "12.5"
      SLACK_SECRET_NAME      = "slack"
      ENVIRONMENT            = "dev"
      FARTHING_SOURCE        = "cost-explorer"
      FARTHING_SNS_TOPIC_ARN = "arn:aws:sns:us-east-1:111122223333:alerts"
    })
    error_message = "the environment is the contract, and nothing else"
  }
  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/lambda/farthing-dev" && aws_cloudwatch_log_group.this.retention_in_days == 90
    error_message = "logs are kept 90 days"
  }
}

run "a_failed_run_is_repeated_then_kept_in_an_encrypted_queue" {
  command = plan
  module {
    source = "./modules/function"
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 2 && aws_lambda_function_event_invoke_config.this.maximum_event_age_in_seconds == 3600
    error_message = "two retries within an hour"
  }
  assert {
    condition     = aws_lambda_function_event_invoke_config.this.destination_config[0].on_failure[0].destination == aws_sqs_queue.failed_runs.arn && length(aws_lambda_function.this.dead_letter_config) == 0
    error_message = "an on-failure destination, and no dead-letter queue besides"
  }
  assert {
    condition     = aws_sqs_queue.failed_runs.sqs_managed_sse_enabled && aws_sqs_queue.failed_runs.message_retention_seconds == 1209600
    error_message = "encrypted, kept for 14 days"
  }
}

run "the_role_may_do_what_the_code_calls_and_no_more" {
  command = plan
  module {
    source = "./modules/function"
  }

  assert {
    condition = jsonencode({ for s in jsondecode(aws_iam_role_policy.function.policy).Statement : s.Sid => [s.Action, s.Resource] }) == jsonencode({
      ReadTheLedger      = [["s3:GetObject"], ["arn:aws:s3:::ledger/cost_data/*", "arn:aws:s3:::ledger/state/*", "arn:aws:s3:::ledger/config/*"]]
      WriteTheLedger     = [["s3:PutObject"], ["arn:aws:s3:::ledger/cost_data/*", "arn:aws:s3:::ledger/state/*"]]
      ListTheLedger      = [["s3:ListBucket"], ["arn:aws:s3:::ledger"]]
      ReadTheSlackSecret = [["secretsmanager:GetSecretValue"], ["arn:aws:secretsmanager:us-east-1:111122223333:secret:slack-abc"]]
      PublishCostAlerts  = [["sns:Publish"], ["arn:aws:sns:us-east-1:111122223333:alerts"]]
      KeepFailedRuns     = [["sqs:SendMessage"], ["arn:aws:sqs:us-east-1:111122223333:queue"]]
      WriteLogs          = [["logs:CreateLogStream", "logs:PutLogEvents"], ["arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/farthing-dev:*"]]
      WriteTraces        = [["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]]
      AskCostExplorer    = [["ce:GetCostAndUsage"], ["*"]]
    })
    error_message = "each statement names its actions and its resources; a star only where the service knows no resources"
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.function.policy).Statement : s.Effect == "Allow"]) && one([for s in jsondecode(aws_iam_role_policy.function.policy).Statement : s.Condition.StringLikeIfExists["s3:prefix"] if s.Sid == "ListTheLedger"]) == ["cost_data/*", "state/*", "config/*"]
    error_message = "it lists below the ledger's prefixes"
  }
  assert {
    condition     = jsondecode(aws_iam_role.function.assume_role_policy).Statement == [{ Action = "sts:AssumeRole", Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" } }]
    error_message = "Lambda takes the role for this function only"
  }
}

run "test_data_needs_no_cost_explorer" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    cost_source = "simulated"
    tracing     = "PassThrough"
  }

  assert {
    condition     = length([for s in jsondecode(aws_iam_role_policy.function.policy).Statement : s if contains(["AskCostExplorer", "WriteTraces"], s.Sid)]) == 0
    error_message = "neither Cost Explorer nor X-Ray"
  }
}

run "the_payers_role_instead_of_its_own_right" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    payer_role_arn = "arn:aws:iam::999988887777:role/farthing-cost-explorer"
  }

  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.function.policy).Statement : s.Resource if contains(s.Action, "sts:AssumeRole")]) == ["arn:aws:iam::999988887777:role/farthing-cost-explorer"]
    error_message = "it may take that role"
  }
  assert {
    condition     = length([for s in jsondecode(aws_iam_role_policy.function.policy).Statement : s if s.Sid == "AskCostExplorer"]) == 0 && aws_lambda_function.this.environment[0].variables["FARTHING_CE_ROLE_ARN"] == "arn:aws:iam::999988887777:role/farthing-cost-explorer"
    error_message = "and asks Cost Explorer through it only"
  }
}

run "a_billing_view" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    billing_view_arn = "arn:aws:billing::111122223333:billingview/custom-1"
  }

  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.function.policy).Statement : s.Resource if contains(s.Action, "billing:GetBillingViewData")]) == ["arn:aws:billing::111122223333:billingview/custom-1"]
    error_message = "it may read that view"
  }
}

run "a_key_is_used_through_its_services_only" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    kms_key_arn = "arn:aws:kms:us-east-1:111122223333:key/1"
  }

  assert {
    condition = jsonencode(one([for s in jsondecode(aws_iam_role_policy.function.policy).Statement : [s.Action, s.Resource, s.Condition] if s.Sid == "UseTheKeyThroughItsServices"])) == jsonencode([
      ["kms:Decrypt", "kms:GenerateDataKey"],
      ["arn:aws:kms:us-east-1:111122223333:key/1"],
      { StringEquals = { "kms:ViaService" = ["s3.us-east-1.amazonaws.com", "secretsmanager.us-east-1.amazonaws.com", "sns.us-east-1.amazonaws.com", "sqs.us-east-1.amazonaws.com"] } },
    ])
    error_message = "the key, for four services"
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables["FARTHING_KMS_KEY_ID"] == "arn:aws:kms:us-east-1:111122223333:key/1" && aws_lambda_function.this.kms_key_arn == "arn:aws:kms:us-east-1:111122223333:key/1" && aws_cloudwatch_log_group.this.kms_key_id == "arn:aws:kms:us-east-1:111122223333:key/1" && aws_sqs_queue.failed_runs.kms_master_key_id == "arn:aws:kms:us-east-1:111122223333:key/1"
    error_message = "objects, environment, logs and queue are encrypted with it"
  }
}

run "in_a_vpc_the_code_itself_may_not_touch_the_network" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    subnet_ids         = ["subnet-1", "subnet-2"]
    security_group_ids = ["sg-1"]
  }

  assert {
    condition     = aws_lambda_function.this.vpc_config[0].subnet_ids == toset(["subnet-1", "subnet-2"])
    error_message = "it runs in the subnets"
  }
  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.function.policy).Statement : s.Condition.ArnEquals["lambda:SourceFunctionArn"] if s.Effect == "Deny"]) == "arn:aws:lambda:us-east-1:111122223333:function:farthing-dev"
    error_message = "the network's actions are Lambda's, not the code's"
  }
}

run "settings_and_variables_reach_the_function" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    scope                 = "tag:team=search"
    settings              = { FARTHING_DAILY_SUMMARY = "on" }
    environment_variables = { POWERTOOLS_LOG_LEVEL = "DEBUG" }
  }

  assert {
    condition     = [for name in ["FARTHING_SCOPE", "FARTHING_DAILY_SUMMARY", "POWERTOOLS_LOG_LEVEL"] : aws_lambda_function.this.environment[0].variables[name]] == ["tag:team=search", "on", "DEBUG"]
    error_message = "scope, setting, variable"
  }
}

run "the_wrong_zip_is_refused" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    artifact_sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
  }

  expect_failures = [aws_lambda_function.this]
}

run "the_right_zip_is_taken" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    artifact_sha256 = "2bd9f97aef3b0950f6d49e6b3a5fac24047020eb6d6f4bbed516fcdd166bae36"
  }

  assert {
    condition     = aws_lambda_function.this.filename == "./tests/stand-in.txt"
    error_message = "the file"
  }
}

run "a_missing_zip_is_named" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    artifact_path = "./dist/none.zip"
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_zip_in_a_bucket" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    artifact_path = null
    artifact_s3   = { bucket = "artifacts", key = "farthing.zip", object_version = "v1" }
  }

  assert {
    condition     = [aws_lambda_function.this.s3_bucket, aws_lambda_function.this.s3_key, aws_lambda_function.this.s3_object_version] == ["artifacts", "farthing.zip", "v1"] && aws_lambda_function.this.filename == null
    error_message = "from the bucket, and from no file"
  }
}

run "the_role_is_bounded_where_asked_for" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary"
  }

  assert {
    condition     = aws_iam_role.function.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
    error_message = "bounded"
  }
}
