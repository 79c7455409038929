variable "region" {
  description = "Where farthing runs. Cost Explorer is asked in us-east-1 either way."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be a region's name, such as eu-west-1."
  }
}

variable "cost_threshold" {
  description = "Alerts when a day costs more, in the bill's currency."
  type        = number
  default     = 1000

  validation {
    condition     = var.cost_threshold >= 0
    error_message = "cost_threshold must not be negative."
  }
}

variable "slack_webhook_url" {
  description = "Slack's webhook URL for prod; give it as TF_VAR_slack_webhook_url."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true
}

variable "slack_webhook_version" {
  description = "Raise it to write slack_webhook_url anew. 0: the secret's value is set by hand."
  type        = number
  default     = 0

  validation {
    condition     = var.slack_webhook_version >= 0
    error_message = "slack_webhook_version must be 0 or more."
  }
}

variable "scope" {
  description = "Limits the ledger of prod, such as account:111122223333 or tag:team=search. A ledger keeps the scope that it began with. Null: everything the account sees."
  type        = string
  default     = null
}

variable "payer_role_arn" {
  description = "A role in the payer account that Cost Explorer is read through. Null: this account's own Cost Explorer."
  type        = string
  default     = null
}

variable "cost_alert_emails" {
  description = "Addresses that get every cost alert."
  type        = list(string)
  default     = []
}

variable "system_health_emails" {
  description = "Addresses that get alarms which mean: no data, or an alert that nobody got."
  type        = list(string)
  default     = []
}

variable "operational_emails" {
  description = "Addresses that get alarms which can wait until the morning."
  type        = list(string)
  default     = []
}

variable "pagerduty_integration_url" {
  description = "The URL of PagerDuty's CloudWatch integration. Null: none."
  type        = string
  default     = null
  sensitive   = true
}

variable "architecture" {
  description = "arm64 or x86_64; the zip must be of the same."
  type        = string
  default     = "arm64"
}
