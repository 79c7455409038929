locals {
  name = "${var.name}-${var.environment}"
  tags = merge({ Application = "farthing", Environment = var.environment }, var.tags)

  # format() tells the plan that the key to be made is not null, so that it can show what hangs on it.
  kms_key_arn = var.create_kms_key ? format("%s", module.key[0].arn) : var.kms_key_arn

  # A checkout holds the zip that `make package` built; whoever uses the module from elsewhere says where it is.
  built         = "${path.module}/../dist/farthing-lambda-${var.architecture}.zip"
  artifact_path = var.artifact_s3 != null ? null : var.artifact_path != null ? var.artifact_path : local.built

  subnet_ids         = var.create_vpc ? module.network[0].private_subnet_ids : var.subnet_ids
  security_group_ids = var.create_vpc ? [module.network[0].security_group_id] : var.security_group_ids
}

module "key" {
  source = "./modules/key"
  count  = var.create_kms_key ? 1 : 0

  name           = local.name
  log_group_name = "/aws/lambda/${local.name}"
  tags           = local.tags
}

module "storage" {
  source = "./modules/storage"

  environment        = var.environment
  storage_profile    = var.storage_profile
  glacier_class      = var.glacier_class
  ia_after_days      = var.ia_after_days
  glacier_after_days = var.glacier_after_days
  expire_after_days  = var.expire_after_days
  noncurrent_days    = var.noncurrent_days
  kms_key_arn        = local.kms_key_arn
  force_destroy      = var.force_destroy
  tags               = local.tags

  # So that a destroy that stops at a bucket that is not empty has not deleted the key of what is in it.
  depends_on = [module.key]
}

module "secret" {
  source = "./modules/secret"

  name              = local.name
  function_role_arn = module.function.role_arn
  readers           = var.secret_readers
  webhook_url       = var.slack_webhook_url
  webhook_version   = var.slack_webhook_version
  recovery_days     = var.secret_recovery_days
  kms_key_arn       = local.kms_key_arn
  tags              = local.tags
}

module "notifications" {
  source = "./modules/notifications"

  name                       = local.name
  cost_alert_emails          = var.cost_alert_emails
  system_health_emails       = var.system_health_emails
  operational_emails         = var.operational_emails
  cost_alert_queue_arns      = var.cost_alert_queue_arns
  cost_alert_https_endpoints = var.cost_alert_https_endpoints
  pagerduty_integration_url  = var.pagerduty_integration_url
  slack_chat                 = var.slack_chat
  permissions_boundary_arn   = var.permissions_boundary_arn
  kms_key_arn                = local.kms_key_arn
  tags                       = local.tags
}

module "network" {
  source = "./modules/network"
  count  = var.create_vpc ? 1 : 0

  name                = local.name
  cidr                = var.vpc_cidr
  availability_zones  = var.availability_zones
  nat_per_zone        = var.nat_per_zone
  interface_endpoints = var.interface_endpoints
  bucket_arn          = module.storage.arn
  tags                = local.tags
}

module "function" {
  source = "./modules/function"

  name                     = local.name
  environment              = var.environment
  artifact_path            = local.artifact_path
  artifact_s3              = var.artifact_s3
  artifact_sha256          = var.artifact_sha256
  architecture             = var.architecture
  runtime                  = var.runtime
  memory_mb                = var.memory_mb
  timeout_seconds          = var.timeout_seconds
  reserved_concurrency     = var.reserved_concurrency
  retries                  = var.retries
  max_event_age_seconds    = var.max_event_age_seconds
  tracing                  = var.tracing
  log_retention_days       = var.log_retention_days
  bucket                   = module.storage.bucket
  bucket_arn               = module.storage.arn
  slack_secret_name        = module.secret.name
  slack_secret_arn         = module.secret.arn
  alerts_topic_arn         = module.notifications.topic_arns.cost_alerts
  cost_threshold           = var.cost_threshold
  cost_source              = var.cost_source
  scope                    = var.scope
  payer_role_arn           = var.payer_role_arn
  billing_view_arn         = var.billing_view_arn
  settings                 = var.settings
  environment_variables    = var.environment_variables
  subnet_ids               = local.subnet_ids
  security_group_ids       = local.security_group_ids
  permissions_boundary_arn = var.permissions_boundary_arn
  kms_key_arn              = local.kms_key_arn
  tags                     = local.tags
}

module "schedule" {
  source = "./modules/schedule"

  name                     = local.name
  trigger                  = var.trigger
  expression               = var.schedule
  timezone                 = var.schedule_timezone
  flexible_minutes         = var.schedule_flexible_minutes
  enabled                  = var.schedule_enabled
  retries                  = var.delivery_retries
  max_event_age_seconds    = var.max_event_age_seconds
  function_arn             = module.function.arn
  function_name            = module.function.name
  permissions_boundary_arn = var.permissions_boundary_arn
  kms_key_arn              = local.kms_key_arn
  tags                     = local.tags
}

module "monitoring" {
  source = "./modules/monitoring"

  name                    = local.name
  environment             = var.environment
  function_name           = module.function.name
  timeout_seconds         = var.timeout_seconds
  duration_percent        = var.duration_alarm_percent
  heartbeat_hours         = var.heartbeat_hours
  cost_threshold          = var.cost_threshold
  dead_letter_queues      = { failed-runs = module.function.failed_runs_queue, undelivered = module.schedule.undelivered_queue }
  system_health_topic_arn = module.notifications.topic_arns.system_health
  operational_topic_arn   = module.notifications.topic_arns.operational
  dashboard               = var.dashboard
  tags                    = local.tags
}

# The deployment proves itself: it fails if the first run does. It also gives the heartbeat alarm its first beat. Again
# whenever the code changes, never on a plan or an apply that changes nothing.
resource "aws_lambda_invocation" "first_run" {
  count = var.invoke_after_deploy ? 1 : 0

  function_name   = module.function.name
  input           = jsonencode({ source = "deployment" })
  lifecycle_scope = "CREATE_ONLY"
  triggers        = { artifact = module.function.artifact_version }

  depends_on = [module.function, module.secret, module.storage, module.notifications]
}
