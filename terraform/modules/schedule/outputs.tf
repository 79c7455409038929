output "arn" {
  description = "The ARN of the schedule or the rule."
  value       = one(concat(aws_scheduler_schedule.this[*].arn, aws_cloudwatch_event_rule.this[*].arn))
}

output "undelivered_queue" {
  description = "The name of the queue that keeps what Lambda did not take."
  value       = aws_sqs_queue.undelivered.name
}

output "undelivered_queue_url" {
  description = "That queue's URL."
  value       = aws_sqs_queue.undelivered.id
}
