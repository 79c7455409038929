data "aws_caller_identity" "current" {}

# Who applies, without the session's name: the same for every run of that role.
data "aws_iam_session_context" "current" {
  count = var.webhook_version > 0 && var.readers == null ? 1 : 0

  arn = data.aws_caller_identity.current.arn
}

locals {
  # The provider before 6.27 reads a value that it wrote back at each plan, so whoever applies must be able to.
  applier = data.aws_iam_session_context.current[*].issuer_arn
  readers = concat([var.function_role_arn], var.readers == null ? local.applier : var.readers)
}

resource "aws_secretsmanager_secret" "slack" {
  #checkov:skip=CKV2_AWS_57:Slack's webhook URLs cannot be rotated by a program; docs say how to replace one.
  name_prefix             = "${var.name}-slack-"
  description             = "Slack's webhook URL: the plain URL, or JSON with a url key."
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days
  tags                    = var.tags
}

resource "aws_secretsmanager_secret_version" "slack" {
  count = var.webhook_version == 0 ? 0 : 1

  secret_id = aws_secretsmanager_secret.slack.id

  # Sent only when the version changes; without a URL Secrets Manager then refuses, and the value stays as it was.
  secret_string_wo         = var.webhook_url == null ? "" : var.webhook_url
  secret_string_wo_version = var.webhook_version

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_secretsmanager_secret_policy.slack]
}

# An administrator's own policy would allow reading it too. This denies it to everybody else, and to them until they
# change it here.
resource "aws_secretsmanager_secret_policy" "slack" {
  secret_arn          = aws_secretsmanager_secret.slack.arn
  block_public_policy = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyTheFunctionReads"
        Effect    = "Deny"
        Principal = "*"
        Action    = "secretsmanager:GetSecretValue"
        Resource  = "*"
        Condition = { ArnNotEquals = { "aws:PrincipalArn" = local.readers } }
      },
    ]
  })
}
