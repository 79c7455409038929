# The next release on real figures: a scope and a threshold of its own, an hour before prod.
module "farthing" {
  source = "../.."

  environment           = "staging"
  architecture          = var.architecture
  cost_threshold        = var.cost_threshold
  scope                 = var.scope
  payer_role_arn        = var.payer_role_arn
  schedule              = "cron(0 7 * * ? *)"
  log_retention_days    = 30
  storage_profile       = "standard"
  slack_webhook_url     = var.slack_webhook_url
  slack_webhook_version = var.slack_webhook_version
  system_health_emails  = var.system_health_emails
}
