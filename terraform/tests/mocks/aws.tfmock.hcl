# What AWS would answer, so that plans need no account.

mock_data "aws_caller_identity" {
  defaults = {
    account_id = "111122223333"
    arn        = "arn:aws:sts::111122223333:assumed-role/deployer/someone"
  }
}

mock_data "aws_iam_session_context" {
  defaults = {
    issuer_arn = "arn:aws:iam::111122223333:role/deployer"
  }
}

mock_data "aws_partition" {
  defaults = {
    partition  = "aws"
    dns_suffix = "amazonaws.com"
  }
}

mock_data "aws_region" {
  defaults = {
    id   = "us-east-1"
    name = "us-east-1"
  }
}

mock_data "aws_availability_zones" {
  defaults = {
    names = ["us-east-1a", "us-east-1b", "us-east-1c"]
  }
}

mock_data "aws_dynamodb_table" {
  defaults = {
    hash_key = "LockID"
  }
}

mock_resource "aws_s3_bucket" {
  defaults = {
    id  = "aws-cost-data-dev-2026"
    arn = "arn:aws:s3:::aws-cost-data-dev-2026"
  }
}

mock_resource "aws_kms_key" {
  defaults = {
    key_id = "11111111-2222-3333-4444-555555555555"
    arn    = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"
  }
}

mock_resource "aws_iam_role" {
  defaults = {
    id  = "role"
    arn = "arn:aws:iam::111122223333:role/role"
  }
}

mock_resource "aws_sqs_queue" {
  defaults = {
    id  = "https://sqs.us-east-1.amazonaws.com/111122223333/queue"
    arn = "arn:aws:sqs:us-east-1:111122223333:queue"
  }
}

mock_resource "aws_sns_topic" {
  defaults = {
    arn = "arn:aws:sns:us-east-1:111122223333:topic"
  }
}

mock_resource "aws_lambda_function" {
  defaults = {
    arn = "arn:aws:lambda:us-east-1:111122223333:function:farthing-dev"
  }
}

mock_resource "aws_secretsmanager_secret" {
  defaults = {
    arn  = "arn:aws:secretsmanager:us-east-1:111122223333:secret:farthing-dev-slack-abc"
    name = "farthing-dev-slack-abc"
  }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = {
    arn = "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/farthing-dev"
  }
}

mock_resource "aws_cloudwatch_metric_alarm" {
  defaults = {
    arn = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:farthing-dev-alarm"
  }
}

mock_resource "aws_scheduler_schedule_group" {
  defaults = {
    arn = "arn:aws:scheduler:us-east-1:111122223333:schedule-group/farthing-dev"
  }
}

mock_resource "aws_scheduler_schedule" {
  defaults = {
    arn = "arn:aws:scheduler:us-east-1:111122223333:schedule/farthing-dev/farthing-dev"
  }
}

mock_resource "aws_cloudwatch_event_rule" {
  defaults = {
    arn = "arn:aws:events:us-east-1:111122223333:rule/farthing-dev"
  }
}

mock_resource "aws_vpc" {
  defaults = {
    id = "vpc-0a1b2c3d"
  }
}
