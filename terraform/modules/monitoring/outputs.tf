output "alarm_names" {
  description = "The alarms' names, by what they watch."
  value       = { for what, alarm in aws_cloudwatch_metric_alarm.this : what => alarm.alarm_name }
}

output "alarm_arns" {
  description = "The alarms' ARNs, by what they watch."
  value       = { for what, alarm in aws_cloudwatch_metric_alarm.this : what => alarm.arn }
}

output "dashboard" {
  description = "The dashboard's name; null without one."
  value       = one(aws_cloudwatch_dashboard.this[*].dashboard_name)
}
