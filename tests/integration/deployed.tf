# What somebody with an account writes: a provider and the module. Test receivers stand beside it.
terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

variable "endpoint" {
  type = string
}

variable "cost_explorer" {
  type = string
}

variable "architecture" {
  type = string
}

variable "runtime" {
  type = string
}

variable "schedule_enabled" {
  type = bool
}

variable "invoke_after_deploy" {
  type = bool
}

variable "slack_webhook_version" {
  type = number
}

variable "slack_webhook_url" {
  type      = string
  default   = null
  ephemeral = true
  sensitive = true
}

provider "aws" {
  region                  = "us-east-1"
  s3_use_path_style       = true
  skip_metadata_api_check = true

  endpoints {
    cloudwatch     = var.endpoint
    events         = var.endpoint
    iam            = var.endpoint
    lambda         = var.endpoint
    logs           = var.endpoint
    s3             = var.endpoint
    scheduler      = var.endpoint
    secretsmanager = var.endpoint
    sns            = var.endpoint
    sqs            = var.endpoint
    sts            = var.endpoint
  }
}

module "farthing" {
  source = "./farthing/terraform"

  environment           = "prod"
  cost_threshold        = 10
  architecture          = var.architecture
  runtime               = var.runtime
  slack_webhook_url     = var.slack_webhook_url
  slack_webhook_version = var.slack_webhook_version
  schedule              = "rate(1 minute)"
  schedule_enabled      = var.schedule_enabled
  invoke_after_deploy   = var.invoke_after_deploy
  heartbeat_hours       = 2
  log_retention_days    = 14
  force_destroy         = true
  secret_recovery_days  = 0
  cost_alert_queue_arns = ["arn:aws:sqs:us-east-1:${data.aws_caller_identity.current.account_id}:alerts"]

  # Which incidents the simulated bill has depends on the day: they are told in test_handler.py.
  settings              = { FARTHING_SIGNALS = "thresholds,budgets,credits,restatement,forecast" }
  environment_variables = { AWS_ENDPOINT_URL_COST_EXPLORER = var.cost_explorer }
}

data "aws_caller_identity" "current" {}

resource "aws_sqs_queue" "alerts" {
  name = "alerts"
}

resource "aws_sqs_queue_policy" "alerts" {
  queue_url = aws_sqs_queue.alerts.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.alerts.arn
        Condition = { ArnEquals = { "aws:SourceArn" = module.farthing.topic_arns.cost_alerts } }
      },
    ]
  })
}

output "farthing" {
  value = module.farthing
}
