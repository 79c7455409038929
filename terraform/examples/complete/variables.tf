variable "slack_webhook_url" {
  description = "Slack's webhook URL."
  type        = string
  ephemeral   = true
  sensitive   = true
}

variable "pagerduty_integration_url" {
  description = "The URL of PagerDuty's CloudWatch integration."
  type        = string
  sensitive   = true
}
