variable "region" {
  description = "The region of the bucket."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be a region's name, such as eu-west-1."
  }
}

variable "bucket" {
  description = "The bucket's name. Null: farthing-terraform- and the account's id."
  type        = string
  default     = null

  validation {
    condition     = var.bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket must be a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens."
  }
}

variable "existing_lock_table" {
  description = "A DynamoDB table of yours that locks states (hash key LockID), used besides S3's own lock. Terraform deprecates such tables; none is made here. Null: S3's own lock alone."
  type        = string
  default     = null

  validation {
    condition     = var.existing_lock_table == null || can(regex("^[A-Za-z0-9_.-]{3,255}$", var.existing_lock_table))
    error_message = "existing_lock_table must be a DynamoDB table's name."
  }
}

variable "kms_key_arn" {
  description = "Encrypts the states with this KMS key. Null: AES256."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be a key's ARN, such as arn:aws:kms:eu-west-1:111122223333:key/...."
  }
}

variable "noncurrent_days" {
  description = "Days that earlier states are kept; the ten newest are kept longer."
  type        = number
  default     = 365

  validation {
    condition     = var.noncurrent_days >= 1
    error_message = "noncurrent_days must be 1 or more."
  }
}

variable "tags" {
  description = "Tags of every resource, besides Application."
  type        = map(string)
  default     = {}
}
