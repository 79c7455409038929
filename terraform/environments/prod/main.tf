module "farthing" {
  source = "../.."

  environment               = "prod"
  architecture              = var.architecture
  cost_threshold            = var.cost_threshold
  scope                     = var.scope
  payer_role_arn            = var.payer_role_arn
  schedule                  = "cron(0 8 * * ? *)"
  slack_webhook_url         = var.slack_webhook_url
  slack_webhook_version     = var.slack_webhook_version
  cost_alert_emails         = var.cost_alert_emails
  system_health_emails      = var.system_health_emails
  operational_emails        = var.operational_emails
  pagerduty_integration_url = var.pagerduty_integration_url
}
