variable "name" {
  description = "The deployment's name, such as farthing-prod; the secret's name begins with it."
  type        = string
}

variable "function_role_arn" {
  description = "The role that may read the secret."
  type        = string
}

variable "readers" {
  description = "ARNs of roles or users that may read the secret besides the function. Null: whoever applies, if Terraform writes the value, else nobody."
  type        = list(string)
  default     = null
}

variable "webhook_url" {
  description = "Slack's webhook URL. Written to the secret and nowhere else."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true
}

variable "webhook_version" {
  description = "Which writing of webhook_url this is; 0: the value is set by hand."
  type        = number
  default     = 0
}

variable "recovery_days" {
  description = "Days that a destroyed secret can still be restored; 0: none."
  type        = number
  default     = 7
}

variable "kms_key_arn" {
  description = "Encrypts the secret with this KMS key. Null: Secrets Manager's own."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
