variable "name" {
  description = "The role's name in the payer account."
  type        = string
  default     = "farthing-cost-explorer"
}

variable "function_role_arn" {
  description = "The role of the function that may assume this one: the output `function_role_arn` of the deployment. The function sends no external id, so the trust rests on this role alone."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/.+$", var.function_role_arn))
    error_message = "function_role_arn must be a role's ARN, such as arn:aws:iam::111122223333:role/farthing-prod-function."
  }
}

variable "organization_id" {
  description = "The organisation (o-...) that the caller must belong to as well. Null: not asked."
  type        = string
  default     = null

  validation {
    condition     = var.organization_id == null || can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "organization_id must be an organisation's id, such as o-a1b2c3d4e5."
  }
}

variable "billing_view_arn" {
  description = "The billing view that farthing asks for. Null: the account's own."
  type        = string
  default     = null
}

variable "permissions_boundary_arn" {
  description = "A policy that bounds the role. Null: none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
