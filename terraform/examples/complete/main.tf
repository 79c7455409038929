# Most of what can be said, with a key of its own and a role in the payer account.
module "farthing" {
  source = "../.."

  environment    = "prod"
  name           = "costs"
  cost_threshold = 2500
  scope          = "account:111122223333,444455556666"
  payer_role_arn = "arn:aws:iam::999988887777:role/farthing-cost-explorer"

  settings = {
    FARTHING_DAILY_SUMMARY = "on"
    FARTHING_LENSES        = "region,record-type"
  }
  environment_variables = {
    POWERTOOLS_LOG_LEVEL = "INFO"
  }

  artifact_s3 = {
    bucket         = "example-artifacts"
    key            = "farthing/1.0.0/farthing-lambda-arm64.zip"
    object_version = "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH"
  }
  runtime   = "python3.13"
  memory_mb = 512

  schedule                  = "cron(30 9 * * ? *)"
  schedule_timezone         = "Europe/Berlin"
  schedule_flexible_minutes = 15

  storage_profile = "intelligent_tiering"
  create_kms_key  = true

  slack_webhook_url     = var.slack_webhook_url
  slack_webhook_version = 1
  secret_readers        = ["arn:aws:iam::111122223333:role/deployer"]

  cost_alert_emails         = ["finops@example.com"]
  system_health_emails      = ["platform@example.com"]
  operational_emails        = ["platform@example.com"]
  pagerduty_integration_url = var.pagerduty_integration_url
  slack_chat                = { team_id = "T0123ABCD", channel_id = "C0123ABCD" }

  permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary"
  tags                     = { Team = "finops" }
}

# In the payer account, with a provider of its own.
module "payer_role" {
  source    = "../../modules/payer-role"
  providers = { aws = aws.payer }

  function_role_arn = module.farthing.function_role_arn
  organization_id   = "o-a1b2c3d4e5"
}

provider "aws" {
  alias  = "payer"
  region = "us-east-1"
}
