# ----- what is deployed

variable "environment" {
  description = "dev, staging or prod: part of every name, and the dimension of the metrics."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "name" {
  description = "What every name begins with. Two deployments of one environment in one account need two."
  type        = string
  default     = "farthing"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,29}$", var.name))
    error_message = "name must be 2 to 30 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "tags" {
  description = "Tags of every resource, besides Application and Environment."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:") && length(key) <= 128])
    error_message = "A tag's name must not begin with aws: and must have 128 characters or fewer."
  }
}

variable "permissions_boundary_arn" {
  description = "A policy that bounds every role made here. Null: none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be a policy's ARN, such as arn:aws:iam::111122223333:policy/boundary."
  }
}

# ----- the artifact

variable "artifact_path" {
  description = "The function's zip on this machine. Null, and artifact_s3 null: what `make package` put into dist/."
  type        = string
  default     = null

  validation {
    condition     = var.artifact_path == null ? true : fileexists(var.artifact_path)
    error_message = "There is no file at artifact_path. Build it with `make package`, or download it from the release."
  }
}

variable "artifact_s3" {
  description = "The function's zip in a bucket of the same region; object_version makes a new upload a change. Null: artifact_path."
  type = object({
    bucket         = string
    key            = string
    object_version = optional(string)
  })
  default = null

  validation {
    condition     = var.artifact_s3 == null || var.artifact_path == null
    error_message = "Give artifact_path or artifact_s3, not both."
  }
}

variable "artifact_sha256" {
  description = "The SHA-256 that the zip at artifact_path must have, in hexadecimal, as the release says. Null: not checked."
  type        = string
  default     = null

  validation {
    condition     = var.artifact_sha256 == null || can(regex("^[0-9a-f]{64}$", var.artifact_sha256))
    error_message = "artifact_sha256 must be 64 hexadecimal digits in lower case."
  }

  validation {
    condition     = var.artifact_sha256 == null || var.artifact_s3 == null
    error_message = "artifact_sha256 is checked for a file only: with artifact_s3 pin the object_version."
  }
}

variable "architecture" {
  description = "arm64, which is cheaper, or x86_64. The zip must be of the same."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "runtime" {
  description = "Lambda's Python. python3.11 ends on 2027-06-30, python3.12 on 2028-10-31, python3.13 on 2029-06-30."
  type        = string
  default     = "python3.11"

  validation {
    condition     = contains(["python3.11", "python3.12", "python3.13"], var.runtime)
    error_message = "runtime must be python3.11, python3.12 or python3.13: the zip holds compiled parts for these."
  }
}

# ----- what farthing watches

variable "cost_threshold" {
  description = "Alerts when a day costs more, in the bill's currency."
  type        = number

  validation {
    condition     = var.cost_threshold >= 0
    error_message = "cost_threshold must not be negative."
  }
}

variable "cost_source" {
  description = "cost-explorer, at $0.01 a request, or simulated: test data, at no price."
  type        = string
  default     = "cost-explorer"

  validation {
    condition     = contains(["cost-explorer", "simulated"], var.cost_source)
    error_message = "cost_source must be cost-explorer or simulated."
  }
}

variable "scope" {
  description = "Limits the whole ledger: `account:ID,ID tag:KEY=VALUE category:NAME=VALUE`. A ledger keeps the scope that it began with. Null: everything the account sees."
  type        = string
  default     = null

  validation {
    condition     = var.scope == null ? true : alltrue([for part in split(" ", var.scope) : can(regex("^(account:[0-9]{12}(,[0-9]{12})*|tag:[^=]+=.+|category:[^=]+=.+)?$", part))])
    error_message = "scope must be parts such as account:111122223333,444455556666, tag:team=search or category:unit=retail, with blanks between."
  }
}

variable "payer_role_arn" {
  description = "Reads Cost Explorer through this role, such as the one that modules/payer-role makes in the payer account. Null: the account's own."
  type        = string
  default     = null

  validation {
    condition     = var.payer_role_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/.+$", var.payer_role_arn))
    error_message = "payer_role_arn must be a role's ARN, such as arn:aws:iam::111122223333:role/farthing-cost-explorer."
  }
}

variable "billing_view_arn" {
  description = "Asks Cost Explorer for this billing view. Null: the account's own."
  type        = string
  default     = null

  validation {
    condition     = var.billing_view_arn == null || can(regex("^arn:[a-z-]+:billing::[0-9]{12}:billingview/.+$", var.billing_view_arn))
    error_message = "billing_view_arn must be a billing view's ARN, such as arn:aws:billing::111122223333:billingview/custom-...."
  }
}

variable "settings" {
  description = "Further settings of farthing by their name in the environment, such as FARTHING_DAILY_SUMMARY."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : startswith(name, "FARTHING_")])
    error_message = "settings takes names that begin with FARTHING_; for others there is environment_variables."
  }

  validation {
    condition = length(setintersection(keys(var.settings), [
      "FARTHING_SOURCE", "FARTHING_SCOPE", "FARTHING_CE_ROLE_ARN", "FARTHING_BILLING_VIEW_ARN", "FARTHING_KMS_KEY_ID", "FARTHING_SNS_TOPIC_ARN",
    ])) == 0
    error_message = "settings must not set what has a variable of its own: cost_source, scope, payer_role_arn, billing_view_arn, the key and the topic."
  }

  validation {
    condition = length(setintersection(keys(var.settings), [
      "FARTHING_PREFIX", "FARTHING_CONFIG", "FARTHING_HOME", "FARTHING_SLACK_WEBHOOK_URL", "FARTHING_TODAY",
    ])) == 0
    error_message = "settings must not move the ledger or its configuration, which the function's policy is cut to, must not hold the webhook URL, which belongs into the secret, and must not stop the clock."
  }
}

variable "environment_variables" {
  description = "Environment variables of the function that are not farthing's, such as POWERTOOLS_LOG_LEVEL."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.environment_variables) : !startswith(name, "FARTHING_") && !contains(["BUCKET_NAME", "COST_THRESHOLD", "SLACK_SECRET_NAME", "ENVIRONMENT"], name)])
    error_message = "environment_variables must not set farthing's own: use settings, cost_threshold and environment."
  }

  validation {
    condition     = alltrue([for name in keys(var.environment_variables) : name != "POWERTOOLS_SERVICE_NAME" && !startswith(name, "POWERTOOLS_METRICS_")])
    error_message = "environment_variables must not change the metrics that the alarms look at (POWERTOOLS_SERVICE_NAME, POWERTOOLS_METRICS_...)."
  }

  validation {
    condition     = length(setintersection(keys(var.environment_variables), ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_EXECUTION_ENV"])) == 0
    error_message = "environment_variables must not set what Lambda sets itself, such as AWS_REGION."
  }
}

# ----- when it runs

variable "trigger" {
  description = "scheduler: EventBridge Scheduler, which knows time zones. rule: a scheduled rule of EventBridge, where Scheduler is not allowed."
  type        = string
  default     = "scheduler"

  validation {
    condition     = contains(["scheduler", "rule"], var.trigger)
    error_message = "trigger must be scheduler or rule."
  }
}

variable "schedule" {
  description = "When farthing runs: cron(...) or rate(...). AWS refreshes billing data up to three times a day; each run on cost-explorer costs at least $0.01."
  type        = string
  default     = "cron(0 8 * * ? *)"

  validation {
    condition     = can(regex("^(cron\\([^()]+\\)|rate\\([0-9]+ (minute|minutes|hour|hours|day|days)\\))$", var.schedule))
    error_message = "schedule must be a cron or a rate expression, such as cron(0 8 * * ? *) or rate(1 hour)."
  }
}

variable "schedule_timezone" {
  description = "The time zone of a cron expression, such as Europe/Berlin; with the trigger rule only UTC. A farthing day is a UTC day either way."
  type        = string
  default     = "UTC"

  validation {
    condition     = var.trigger == "scheduler" || var.schedule_timezone == "UTC"
    error_message = "schedule_timezone must be UTC with the trigger rule: only EventBridge Scheduler knows time zones."
  }
}

variable "schedule_flexible_minutes" {
  description = "Minutes that a start may be late by, at EventBridge Scheduler's choice; 0: none."
  type        = number
  default     = 0

  validation {
    condition     = var.schedule_flexible_minutes >= 0 && var.schedule_flexible_minutes <= 1440 && (var.trigger == "scheduler" || var.schedule_flexible_minutes == 0)
    error_message = "schedule_flexible_minutes must be from 0 to 1440, and 0 with the trigger rule."
  }
}

variable "schedule_enabled" {
  description = "false: nothing runs by itself. The heartbeat alarm will say so."
  type        = bool
  default     = true
}

variable "invoke_after_deploy" {
  description = "Ends a deployment with one run, which fails the deployment if it fails; again when the code changes. On cost-explorer it costs what a daily run costs."
  type        = bool
  default     = true
}

# ----- the function

variable "memory_mb" {
  description = "Memory in MB; Lambda's share of a CPU grows with it."
  type        = number
  default     = 256

  validation {
    condition     = var.memory_mb >= 256 && var.memory_mb <= 10240
    error_message = "memory_mb must be from 256, which farthing is measured with, to 10240."
  }
}

variable "timeout_seconds" {
  description = "Seconds until Lambda ends a run."
  type        = number
  default     = 300

  validation {
    condition     = var.timeout_seconds >= 60 && var.timeout_seconds <= 900
    error_message = "timeout_seconds must be from 60 to 900."
  }
}

variable "reserved_concurrency" {
  description = "Runs at the same time. -1 reserves nothing, for accounts with a limit of 10 executions, which refuse to reserve any; farthing is correct without it."
  type        = number
  default     = 1

  validation {
    condition     = var.reserved_concurrency == -1 || var.reserved_concurrency >= 1
    error_message = "reserved_concurrency must be 1 or more, or -1 for none: 0 would stop the function."
  }
}

variable "retries" {
  description = "How often Lambda repeats a run that failed, after one minute and after two more."
  type        = number
  default     = 2

  validation {
    condition     = contains([0, 1, 2], var.retries)
    error_message = "retries must be 0, 1 or 2."
  }
}

variable "delivery_retries" {
  description = "How often EventBridge offers an event again that Lambda did not take."
  type        = number
  default     = 3

  validation {
    condition     = var.delivery_retries >= 0 && var.delivery_retries <= 185
    error_message = "delivery_retries must be from 0 to 185."
  }
}

variable "max_event_age_seconds" {
  description = "Seconds until an event that waits for its run is given up."
  type        = number
  default     = 3600

  validation {
    condition     = var.max_event_age_seconds >= 60 && var.max_event_age_seconds <= 21600
    error_message = "max_event_age_seconds must be from 60 to 21600 (6 hours)."
  }
}

variable "tracing" {
  description = "X-Ray: Active traces every run, PassThrough only what a caller traces."
  type        = string
  default     = "Active"

  validation {
    condition     = contains(["Active", "PassThrough"], var.tracing)
    error_message = "tracing must be Active or PassThrough."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 90

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number that CloudWatch Logs offers, such as 14, 30, 90 or 365."
  }
}

# ----- the ledger

variable "storage_profile" {
  description = "How history is kept. architecture: Standard, Infrequent Access, Glacier, expiry. intelligent_tiering: S3 decides. standard: Standard until expiry, the cheapest for small organisations."
  type        = string
  default     = "architecture"

  validation {
    condition     = contains(["architecture", "intelligent_tiering", "standard"], var.storage_profile)
    error_message = "storage_profile must be architecture, intelligent_tiering or standard."
  }
}

variable "glacier_class" {
  description = "The Glacier class of the profile architecture. GLACIER_IR stays readable for dashboard and reports; GLACIER needs a restore before each read."
  type        = string
  default     = "GLACIER_IR"

  validation {
    condition     = contains(["GLACIER_IR", "GLACIER"], var.glacier_class)
    error_message = "glacier_class must be GLACIER_IR or GLACIER."
  }
}

variable "ia_after_days" {
  description = "Days until the profile architecture moves history to Infrequent Access."
  type        = number
  default     = 30

  validation {
    condition     = var.ia_after_days >= 30
    error_message = "ia_after_days must be 30 or more: S3 moves nothing to Infrequent Access earlier."
  }
}

variable "glacier_after_days" {
  description = "Days until the profile architecture moves history to Glacier."
  type        = number
  default     = 90

  validation {
    condition     = var.glacier_after_days >= var.ia_after_days + 30
    error_message = "glacier_after_days must be at least 30 more than ia_after_days: Infrequent Access bills 30 days."
  }
}

variable "expire_after_days" {
  description = "Days until history is deleted; the default is seven years."
  type        = number
  default     = 2555

  validation {
    condition     = var.expire_after_days >= 400 && (var.storage_profile != "architecture" || var.expire_after_days > var.glacier_after_days)
    error_message = "expire_after_days must be 400 or more, because signals compare with the year before, and more than glacier_after_days."
  }
}

variable "noncurrent_days" {
  description = "Days that earlier versions of an object are kept; of state/, which can be rebuilt, one day."
  type        = number
  default     = 90

  validation {
    condition     = var.noncurrent_days >= 1
    error_message = "noncurrent_days must be 1 or more."
  }
}

variable "force_destroy" {
  description = "Lets `terraform destroy` delete the bucket with all history in it."
  type        = bool
  default     = false
}

# ----- encryption

variable "create_kms_key" {
  description = "Makes a KMS key for everything that is stored here; about $1 a month. Without a key AWS's own encrypt, and the topics are not encrypted."
  type        = bool
  default     = false

  validation {
    condition     = !(var.create_kms_key && var.kms_key_arn != null)
    error_message = "Set create_kms_key or kms_key_arn, not both."
  }
}

variable "kms_key_arn" {
  description = "A KMS key of yours for everything that is stored here. Its policy must let CloudWatch Logs, cloudwatch.amazonaws.com and, with the trigger rule, events.amazonaws.com use it, as modules/key does; else alarms are dropped in silence."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be a key's ARN (not an alias's), such as arn:aws:kms:eu-west-1:111122223333:key/...."
  }
}

# ----- Slack

variable "slack_webhook_url" {
  description = "Slack's webhook URL: written to the secret when slack_webhook_version changes, and never to the state. Best given as TF_VAR_slack_webhook_url. Null: the secret is made empty, and you set it by the AWS command line."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = var.slack_webhook_url == null ? true : startswith(var.slack_webhook_url, "https://") || can(jsondecode(var.slack_webhook_url).url)
    error_message = "slack_webhook_url must be an https:// URL, or JSON with a url key."
  }

  validation {
    condition     = var.slack_webhook_url == null || var.slack_webhook_version > 0
    error_message = "slack_webhook_url is written only with slack_webhook_version: give 1 the first time, and a higher number for a new URL."
  }
}

variable "slack_webhook_version" {
  description = "Raise it to write slack_webhook_url anew: 1 the first time. 0: the value is set by hand."
  type        = number
  default     = 0

  validation {
    condition     = var.slack_webhook_version >= 0 && floor(var.slack_webhook_version) == var.slack_webhook_version
    error_message = "slack_webhook_version must be a whole number, 0 or more."
  }
}

variable "secret_readers" {
  description = "ARNs of roles or users that may read the Slack secret besides the function. Null: whoever applies if Terraform writes the value (the provider before 6.27 reads it back), else nobody. Where several people or a pipeline apply, name them."
  type        = list(string)
  default     = null

  validation {
    condition     = alltrue([for arn in coalesce(var.secret_readers, []) : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+$", arn))])
    error_message = "secret_readers must be ARNs of roles or users, such as arn:aws:iam::111122223333:role/deployer."
  }
}

variable "secret_recovery_days" {
  description = "Days that a destroyed secret can still be restored, from 7 to 30; 0: none."
  type        = number
  default     = 7

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "secret_recovery_days must be 0 or from 7 to 30."
  }
}

# ----- who hears what

variable "cost_alert_emails" {
  description = "Addresses that get every cost alert. Each must confirm its subscription."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.cost_alert_emails : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "cost_alert_emails must be e-mail addresses."
  }
}

variable "system_health_emails" {
  description = "Addresses that get alarms which mean: no data, or an alert that nobody got. Each must confirm its subscription."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.system_health_emails : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "system_health_emails must be e-mail addresses."
  }
}

variable "operational_emails" {
  description = "Addresses that get alarms which can wait until the morning. Each must confirm its subscription."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.operational_emails : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "operational_emails must be e-mail addresses."
  }
}

variable "cost_alert_queue_arns" {
  description = "SQS queues that get every cost alert as JSON; their policies must let the topic send."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.cost_alert_queue_arns : can(regex("^arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:.+$", arn))])
    error_message = "cost_alert_queue_arns must be ARNs of SQS queues."
  }
}

variable "cost_alert_https_endpoints" {
  description = "HTTPS endpoints that get every cost alert; each must confirm its subscription. Not for PagerDuty or the Slack chat, which read alarms only."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for url in var.cost_alert_https_endpoints : startswith(url, "https://") && !can(regex("pagerduty", url))])
    error_message = "cost_alert_https_endpoints must be https:// URLs, and not PagerDuty's, which reads alarms only: that is pagerduty_integration_url."
  }
}

variable "pagerduty_integration_url" {
  description = "The URL of PagerDuty's CloudWatch integration; gets the alarms of system health. It holds a key and is kept in the state. Null: none."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.pagerduty_integration_url == null ? true : startswith(var.pagerduty_integration_url, "https://")
    error_message = "pagerduty_integration_url must be an https:// URL."
  }
}

variable "slack_chat" {
  description = "The Slack team and channel in which Amazon Q Developer in chat applications shows the alarms (not the cost alerts, which come by the webhook). The team must have been authorised once in the console. Null: none."
  type        = object({ team_id = string, channel_id = string })
  default     = null

  validation {
    condition     = var.slack_chat == null ? true : can(regex("^T[A-Z0-9]+$", var.slack_chat.team_id)) && can(regex("^[CG][A-Z0-9]+$", var.slack_chat.channel_id))
    error_message = "slack_chat needs Slack's ids, such as { team_id = \"T0123ABCD\", channel_id = \"C0123ABCD\" }."
  }
}

variable "heartbeat_hours" {
  description = "Alarms when no run succeeded for so many hours: a little more than the time between two runs."
  type        = number
  default     = 26

  validation {
    condition     = var.heartbeat_hours >= 1 && var.heartbeat_hours <= 168 && floor(var.heartbeat_hours) == var.heartbeat_hours
    error_message = "heartbeat_hours must be a whole number from 1 to 168, the longest that CloudWatch looks back."
  }
}

variable "duration_alarm_percent" {
  description = "Alarms when a run takes more than this share of its timeout."
  type        = number
  default     = 80

  validation {
    condition     = var.duration_alarm_percent >= 10 && var.duration_alarm_percent <= 99
    error_message = "duration_alarm_percent must be from 10 to 99."
  }
}

variable "dashboard" {
  description = "Makes a CloudWatch dashboard; three in an account are free, a further one is $3 a month."
  type        = bool
  default     = true
}

# ----- the network

variable "create_vpc" {
  description = "Runs the function in a VPC made here: two zones, NAT, endpoints. About $80 a month in us-east-1 ($36 for NAT with its address, $44 for three interface endpoints), against less than $1 for all the rest."
  type        = bool
  default     = false

  validation {
    condition     = !(var.create_vpc && length(var.subnet_ids) > 0)
    error_message = "Set create_vpc or subnet_ids, not both."
  }
}

variable "vpc_cidr" {
  description = "The VPC's addresses, /26 or larger: two public and two private subnets of a quarter each."
  type        = string
  default     = "10.68.0.0/24"

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 2, 3)) && try(tonumber(split("/", var.vpc_cidr)[1]), 99) <= 26
    error_message = "vpc_cidr must be an IPv4 network of /26 or larger, such as 10.68.0.0/24."
  }
}

variable "availability_zones" {
  description = "The VPC's two zones. None: the region's first two, which may change on the day that AWS adds one; name them where that matters."
  type        = list(string)
  default     = []

  validation {
    condition     = contains([0, 2], length(distinct(var.availability_zones))) && length(var.availability_zones) <= 2
    error_message = "availability_zones must be two different zones, such as eu-west-1a and eu-west-1b, or none."
  }
}

variable "nat_per_zone" {
  description = "A NAT gateway in each zone instead of one for both; about $36 a month more."
  type        = bool
  default     = false
}

variable "interface_endpoints" {
  description = "Interface endpoints for Secrets Manager, CloudWatch Logs and, in us-east-1, Cost Explorer; about $15 a month each. Without them that traffic goes through NAT."
  type        = bool
  default     = true
}

variable "subnet_ids" {
  description = "Subnets of yours to run in. They need a way out to AWS and to Slack. None: not in a VPC."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.subnet_ids : can(regex("^subnet-[0-9a-f]+$", id))])
    error_message = "subnet_ids must be ids of subnets, such as subnet-0123456789abcdef0."
  }
}

variable "security_group_ids" {
  description = "Security groups of the function in your subnets; they must allow HTTPS out."
  type        = list(string)
  default     = []

  validation {
    condition     = (length(var.security_group_ids) > 0) == (length(var.subnet_ids) > 0)
    error_message = "subnet_ids and security_group_ids go together: give both or neither."
  }
}
