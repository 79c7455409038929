# Runs often, on test data, at no price, with a threshold that is soon crossed: what a change does is seen within the hour.
module "farthing" {
  source = "../.."

  environment           = "dev"
  architecture          = var.architecture
  cost_source           = "simulated"
  cost_threshold        = var.cost_threshold
  schedule              = "rate(1 hour)"
  heartbeat_hours       = 3
  log_retention_days    = 14
  storage_profile       = "standard"
  force_destroy         = true
  slack_webhook_url     = var.slack_webhook_url
  slack_webhook_version = var.slack_webhook_version
}
