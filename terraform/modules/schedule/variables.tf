variable "name" {
  description = "The deployment's name, such as farthing-prod."
  type        = string
}

variable "trigger" {
  description = "scheduler (EventBridge Scheduler) or rule (a scheduled rule)."
  type        = string
  default     = "scheduler"
}

variable "expression" {
  description = "When: cron(...) or rate(...)."
  type        = string
}

variable "timezone" {
  description = "The time zone of a cron expression; a rule knows UTC only."
  type        = string
  default     = "UTC"
}

variable "flexible_minutes" {
  description = "Minutes that a start may be late by, at EventBridge Scheduler's choice; 0: none."
  type        = number
  default     = 0
}

variable "enabled" {
  description = "Whether the schedule runs."
  type        = bool
  default     = true
}

variable "retries" {
  description = "How often an event that Lambda did not take is offered again."
  type        = number
  default     = 3
}

variable "max_event_age_seconds" {
  description = "Seconds until such an event is given up."
  type        = number
  default     = 3600
}

variable "function_arn" {
  description = "The function that is started."
  type        = string
}

variable "function_name" {
  description = "Its name."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "A policy that bounds the role. Null: none."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "Encrypts the queue with this KMS key. Null: SQS's own."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
