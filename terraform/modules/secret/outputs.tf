output "arn" {
  description = "The secret's ARN."
  value       = aws_secretsmanager_secret.slack.arn
}

output "name" {
  description = "The secret's name."
  value       = aws_secretsmanager_secret.slack.name
}
