variable "name" {
  description = "The deployment's name, such as farthing-prod."
  type        = string
}

variable "cidr" {
  description = "The VPC's addresses: two public and two private subnets of a quarter each."
  type        = string
  default     = "10.68.0.0/24"

  validation {
    condition     = can(cidrsubnet(var.cidr, 2, 3)) && try(tonumber(split("/", var.cidr)[1]), 99) <= 26
    error_message = "cidr must be an IPv4 network of /26 or larger, such as 10.68.0.0/24."
  }
}

variable "availability_zones" {
  description = "The two zones. None: the region's first two."
  type        = list(string)
  default     = []

  validation {
    condition     = contains([0, 2], length(distinct(var.availability_zones))) && length(var.availability_zones) <= 2
    error_message = "availability_zones must be two different zones, such as eu-west-1a and eu-west-1b, or none."
  }
}

variable "nat_per_zone" {
  description = "A NAT gateway in each of the two zones instead of one for both; about $37 a month more."
  type        = bool
  default     = false
}

variable "interface_endpoints" {
  description = "Interface endpoints for Secrets Manager, CloudWatch Logs and, in us-east-1, Cost Explorer; about $15 a month each. Without them that traffic goes through NAT."
  type        = bool
  default     = true
}

variable "bucket_arn" {
  description = "The ledger's bucket: all that the S3 endpoint lets through."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
