variable "name" {
  description = "The deployment's name, such as farthing-prod: the key's alias, and the prefix of the alarms and rules that may use it."
  type        = string
}

variable "log_group_name" {
  description = "The log group that the key may encrypt."
  type        = string
}

variable "deletion_window_days" {
  description = "Days that a destroyed key can still be restored."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "deletion_window_days must be from 7 to 30."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
