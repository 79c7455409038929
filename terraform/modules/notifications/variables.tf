variable "name" {
  description = "The deployment's name, such as farthing-prod."
  type        = string
}

variable "cost_alert_emails" {
  description = "Get every cost alert."
  type        = list(string)
  default     = []
}

variable "system_health_emails" {
  description = "Get alarms that mean: no data, or an alert that nobody got."
  type        = list(string)
  default     = []
}

variable "operational_emails" {
  description = "Get alarms that can wait until the morning."
  type        = list(string)
  default     = []
}

variable "cost_alert_queue_arns" {
  description = "SQS queues that get every cost alert; their policies must allow it."
  type        = list(string)
  default     = []
}

variable "cost_alert_https_endpoints" {
  description = "HTTPS endpoints that get every cost alert; each must confirm its subscription."
  type        = list(string)
  default     = []
}

variable "pagerduty_integration_url" {
  description = "The URL of PagerDuty's CloudWatch integration; gets alarms of system health."
  type        = string
  default     = null
  sensitive   = true
}

variable "slack_chat" {
  description = "The Slack team and channel that Amazon Q Developer in chat applications shows alarms in. Null: none."
  type        = object({ team_id = string, channel_id = string })
  default     = null
}

variable "permissions_boundary_arn" {
  description = "A policy that bounds the role. Null: none."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "Encrypts the topics with this KMS key. Null: not encrypted."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
