variable "name" {
  description = "The function's name, such as farthing-prod."
  type        = string
}

variable "environment" {
  description = "dev, staging or prod; the metrics' dimension."
  type        = string
}

variable "artifact_path" {
  description = "The function's zip on this machine. Null: artifact_s3."
  type        = string
  default     = null
}

variable "artifact_s3" {
  description = "The function's zip in a bucket. Null: artifact_path."
  type = object({
    bucket         = string
    key            = string
    object_version = optional(string)
  })
  default = null
}

variable "artifact_sha256" {
  description = "The SHA-256 that the zip at artifact_path must have, in hexadecimal. Null: not checked."
  type        = string
  default     = null
}

variable "architecture" {
  description = "arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "runtime" {
  description = "Lambda's Python."
  type        = string
  default     = "python3.11"
}

variable "memory_mb" {
  description = "Memory in MB; Lambda's share of a CPU grows with it."
  type        = number
  default     = 256
}

variable "timeout_seconds" {
  description = "Seconds until Lambda ends a run."
  type        = number
  default     = 300
}

variable "reserved_concurrency" {
  description = "Runs at the same time; -1: no reservation."
  type        = number
  default     = 1
}

variable "retries" {
  description = "How often Lambda repeats a run that failed."
  type        = number
  default     = 2
}

variable "max_event_age_seconds" {
  description = "Seconds that an event may wait for its run."
  type        = number
  default     = 3600
}

variable "tracing" {
  description = "X-Ray: Active or PassThrough."
  type        = string
  default     = "Active"
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 90
}

variable "bucket" {
  description = "The ledger's bucket."
  type        = string
}

variable "bucket_arn" {
  description = "The bucket's ARN."
  type        = string
}

variable "slack_secret_name" {
  description = "The name of the secret with Slack's webhook URL."
  type        = string
}

variable "slack_secret_arn" {
  description = "The secret's ARN."
  type        = string
}

variable "alerts_topic_arn" {
  description = "The topic that cost alerts are published to."
  type        = string
}

variable "cost_threshold" {
  description = "Alerts when a day costs more, in the bill's currency."
  type        = number
}

variable "cost_source" {
  description = "cost-explorer or simulated."
  type        = string
  default     = "cost-explorer"
}

variable "scope" {
  description = "Limits the ledger to accounts, tags or cost categories. Null: everything."
  type        = string
  default     = null
}

variable "payer_role_arn" {
  description = "Reads Cost Explorer through this role. Null: the function's own."
  type        = string
  default     = null
}

variable "billing_view_arn" {
  description = "Asks for this billing view. Null: the account's own."
  type        = string
  default     = null
}

variable "settings" {
  description = "Further FARTHING_ settings."
  type        = map(string)
  default     = {}
}

variable "environment_variables" {
  description = "Environment variables that are not farthing's."
  type        = map(string)
  default     = {}
}

variable "subnet_ids" {
  description = "Subnets to run in. None: not in a VPC."
  type        = list(string)
  default     = []
}

variable "security_group_ids" {
  description = "Security groups of the function in its subnets."
  type        = list(string)
  default     = []
}

variable "permissions_boundary_arn" {
  description = "A policy that bounds the role. Null: none."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "Encrypts logs, queue, environment and the ledger's objects with this KMS key. Null: AWS's own keys."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
