output "topic_arns" {
  description = "The topics' ARNs: cost_alerts, system_health, operational."
  value       = { for topic, of in aws_sns_topic.this : topic => of.arn }
}
