output "function_name" {
  description = "The function's name."
  value       = module.function.name
}

output "function_arn" {
  description = "The function's ARN."
  value       = module.function.arn
}

output "function_role_arn" {
  description = "The function's role: what modules/payer-role trusts in the payer account."
  value       = module.function.role_arn
}

output "log_group" {
  description = "The function's log group."
  value       = module.function.log_group
}

output "bucket" {
  description = "The ledger's bucket: BUCKET_NAME for the command line."
  value       = module.storage.bucket
}

output "bucket_arn" {
  description = "The bucket's ARN."
  value       = module.storage.arn
}

output "slack_secret_name" {
  description = "The secret with Slack's webhook URL: SLACK_SECRET_NAME."
  value       = module.secret.name
}

output "slack_secret_arn" {
  description = "The secret's ARN."
  value       = module.secret.arn
}

output "topic_arns" {
  description = "The topics' ARNs: cost_alerts, system_health, operational."
  value       = module.notifications.topic_arns
}

output "schedule_arn" {
  description = "The ARN of the schedule or the rule."
  value       = module.schedule.arn
}

output "failed_runs_queue_url" {
  description = "The queue of runs that failed for good."
  value       = module.function.failed_runs_queue_url
}

output "undelivered_queue_url" {
  description = "The queue of events that Lambda did not take."
  value       = module.schedule.undelivered_queue_url
}

output "alarm_names" {
  description = "The alarms' names, by what they watch."
  value       = module.monitoring.alarm_names
}

output "dashboard" {
  description = "The CloudWatch dashboard's name; null without one."
  value       = module.monitoring.dashboard
}

output "kms_key_arn" {
  description = "The key that encrypts what is stored here; null where AWS's own do."
  value       = local.kms_key_arn
}

output "vpc_id" {
  description = "The VPC that was made; null without one."
  value       = one(module.network[*].vpc_id)
}

output "environment" {
  description = "The function's environment that is farthing's contract, for the command line on your machine."
  value = {
    BUCKET_NAME       = module.storage.bucket
    COST_THRESHOLD    = tostring(var.cost_threshold)
    SLACK_SECRET_NAME = module.secret.name
    ENVIRONMENT       = var.environment
  }
}
