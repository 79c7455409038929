mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "trusts_that_function_and_asks_one_question" {
  command = plan
  module {
    source = "./modules/payer-role"
  }
  variables {
    function_role_arn = "arn:aws:iam::444455556666:role/farthing-prod-function"
    organization_id   = "o-a1b2c3d4e5"
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_role.this.assume_role_policy).Statement[0]) == jsonencode({
      Sid       = "OnlyThatFunction"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::444455556666:root" }
      Action    = "sts:AssumeRole"
      Condition = {
        ArnEquals    = { "aws:PrincipalArn" = "arn:aws:iam::444455556666:role/farthing-prod-function" }
        StringEquals = { "aws:PrincipalOrgID" = "o-a1b2c3d4e5" }
      }
    })
    error_message = "that role of that account and organisation"
  }
  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.this.policy).Statement : s.Action] == [["ce:GetCostAndUsage"]]
    error_message = "one action"
  }
}

run "something_that_is_no_role_is_refused" {
  command = plan
  module {
    source = "./modules/payer-role"
  }
  variables {
    function_role_arn = "arn:aws:iam::444455556666:user/somebody"
    organization_id   = "example"
  }

  expect_failures = [var.function_role_arn, var.organization_id]
}
