variable "environment" {
  description = "dev, staging or prod; part of the bucket's name."
  type        = string
}

variable "storage_profile" {
  description = "How history is kept. `architecture`: Standard, then Infrequent Access, then Glacier, then expiry. `intelligent_tiering`: S3 decides; objects under 128 KB stay in its first tier. `standard`: Standard until expiry, the cheapest for small organisations."
  type        = string
  default     = "architecture"

  validation {
    condition     = contains(["architecture", "intelligent_tiering", "standard"], var.storage_profile)
    error_message = "storage_profile must be architecture, intelligent_tiering or standard."
  }
}

variable "glacier_class" {
  description = "The Glacier class of the profile `architecture`. `GLACIER_IR` (Instant Retrieval) stays readable for the dashboard; `GLACIER` (Flexible Retrieval) needs a restore before each read."
  type        = string
  default     = "GLACIER_IR"

  validation {
    condition     = contains(["GLACIER_IR", "GLACIER"], var.glacier_class)
    error_message = "glacier_class must be GLACIER_IR or GLACIER."
  }
}

variable "ia_after_days" {
  description = "Days until the profile `architecture` moves history to Infrequent Access."
  type        = number
  default     = 30

  validation {
    condition     = var.ia_after_days >= 30
    error_message = "ia_after_days must be 30 or more: S3 moves nothing to Infrequent Access earlier."
  }
}

variable "glacier_after_days" {
  description = "Days until the profile `architecture` moves history to Glacier."
  type        = number
  default     = 90

  validation {
    condition     = var.glacier_after_days >= var.ia_after_days + 30
    error_message = "glacier_after_days must be at least 30 more than ia_after_days: Infrequent Access bills 30 days."
  }
}

variable "expire_after_days" {
  description = "Days until history is deleted."
  type        = number
  default     = 2555

  validation {
    condition     = var.expire_after_days >= 400 && (var.storage_profile != "architecture" || var.expire_after_days > var.glacier_after_days)
    error_message = "expire_after_days must be 400 or more, because signals compare with the year before, and more than glacier_after_days."
  }
}

variable "noncurrent_days" {
  description = "Days that earlier versions of an object are kept; of `state/`, which can be rebuilt, one day."
  type        = number
  default     = 90

  validation {
    condition     = var.noncurrent_days >= 1
    error_message = "noncurrent_days must be 1 or more."
  }
}

variable "kms_key_arn" {
  description = "Encrypts the bucket with this KMS key. Null: AES256."
  type        = string
  default     = null
}

variable "force_destroy" {
  description = "Lets `terraform destroy` delete the bucket with all history in it."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
