output "arn" {
  description = "The role's ARN: the deployment's `payer_role_arn`."
  value       = aws_iam_role.this.arn
}
