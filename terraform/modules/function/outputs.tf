output "name" {
  description = "The function's name."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "The function's ARN."
  value       = aws_lambda_function.this.arn
}

output "artifact_version" {
  description = "Changes when the code does."
  value       = coalesce(aws_lambda_function.this.source_code_hash, try(var.artifact_s3.object_version, null), "unversioned")
}

output "role_arn" {
  description = "The ARN of the role that the function runs under."
  value       = aws_iam_role.function.arn
}

output "log_group" {
  description = "The log group's name."
  value       = aws_cloudwatch_log_group.this.name
}

output "failed_runs_queue" {
  description = "The name of the queue that keeps runs that failed for good."
  value       = aws_sqs_queue.failed_runs.name
}

output "failed_runs_queue_url" {
  description = "That queue's URL."
  value       = aws_sqs_queue.failed_runs.id
}

output "ready" {
  description = "Set when the function can be invoked and what fails is kept."
  value       = aws_lambda_function_event_invoke_config.this.id
}
