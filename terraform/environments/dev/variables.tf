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
  default     = 10

  validation {
    condition     = var.cost_threshold >= 0
    error_message = "cost_threshold must not be negative."
  }
}

variable "slack_webhook_url" {
  description = "Slack's webhook URL for dev; give it as TF_VAR_slack_webhook_url."
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

variable "architecture" {
  description = "arm64 or x86_64; the zip must be of the same."
  type        = string
  default     = "arm64"
}
