data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account      = data.aws_caller_identity.current.account_id
  partition    = data.aws_partition.current.partition
  region       = data.aws_region.current.id
  dns_suffix   = data.aws_partition.current.dns_suffix
  by_scheduler = var.trigger == "scheduler"
}

# What could not be handed to Lambda at all; what fails inside the function goes to the function's own queue.
resource "aws_sqs_queue" "undelivered" {
  name                      = "${var.name}-undelivered"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
  tags                      = var.tags
}

resource "aws_sqs_queue_policy" "undelivered" {
  queue_url = aws_sqs_queue.undelivered.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "OnlyOverTls"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sqs:*"
          Resource  = aws_sqs_queue.undelivered.arn
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
      ],
      [for rule in aws_cloudwatch_event_rule.this : {
        Sid       = "TheRuleKeepsWhatItCannotDeliver"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.undelivered.arn
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
          ArnEquals    = { "aws:SourceArn" = rule.arn }
        }
      }],
    )
  })
}

# ----- EventBridge Scheduler, the default

resource "aws_scheduler_schedule_group" "this" {
  count = local.by_scheduler ? 1 : 0

  name = var.name
  tags = var.tags
}

resource "aws_iam_role" "scheduler" {
  count = local.by_scheduler ? 1 : 0

  name                 = "${var.name}-scheduler"
  description          = "Lets the schedule of ${var.name} start it."
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "scheduler.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account
            "aws:SourceArn"     = aws_scheduler_schedule_group.this[0].arn
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  count = local.by_scheduler ? 1 : 0

  name = "start-the-function"
  role = aws_iam_role.scheduler[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "StartTheFunction"
          Effect   = "Allow"
          Action   = "lambda:InvokeFunction"
          Resource = var.function_arn
        },
        {
          Sid      = "KeepWhatCannotBeDelivered"
          Effect   = "Allow"
          Action   = "sqs:SendMessage"
          Resource = aws_sqs_queue.undelivered.arn
        },
      ],
      [for arn in var.kms_key_arn == null ? [] : [var.kms_key_arn] : {
        Sid       = "WriteToTheEncryptedQueue"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = arn
        Condition = { StringEquals = { "kms:ViaService" = "sqs.${local.region}.${local.dns_suffix}" } }
      }],
    )
  })
}

resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:The schedule holds no secret: only when to start which function.
  count = local.by_scheduler ? 1 : 0

  name                         = var.name
  group_name                   = aws_scheduler_schedule_group.this[0].name
  description                  = "Starts ${var.name}."
  schedule_expression          = var.expression
  schedule_expression_timezone = var.timezone
  state                        = var.enabled ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode                      = var.flexible_minutes == 0 ? "OFF" : "FLEXIBLE"
    maximum_window_in_minutes = var.flexible_minutes == 0 ? null : var.flexible_minutes
  }

  target {
    arn      = var.function_arn
    role_arn = aws_iam_role.scheduler[0].arn
    input    = jsonencode({ source = "schedule" })

    retry_policy {
      maximum_retry_attempts       = var.retries
      maximum_event_age_in_seconds = var.max_event_age_seconds
    }

    dead_letter_config {
      arn = aws_sqs_queue.undelivered.arn
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}

# ----- the classic rule

resource "aws_cloudwatch_event_rule" "this" {
  count = local.by_scheduler ? 0 : 1

  name                = var.name
  description         = "Starts ${var.name}."
  schedule_expression = var.expression
  state               = var.enabled ? "ENABLED" : "DISABLED"
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "this" {
  count = local.by_scheduler ? 0 : 1

  rule  = aws_cloudwatch_event_rule.this[0].name
  arn   = var.function_arn
  input = jsonencode({ source = "schedule" })

  retry_policy {
    maximum_retry_attempts       = var.retries
    maximum_event_age_in_seconds = var.max_event_age_seconds
  }

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }

  depends_on = [aws_lambda_permission.rule, aws_sqs_queue_policy.undelivered]
}

resource "aws_lambda_permission" "rule" {
  count = local.by_scheduler ? 0 : 1

  statement_id   = "TheRuleStartsIt"
  action         = "lambda:InvokeFunction"
  function_name  = var.function_name
  principal      = "events.amazonaws.com"
  source_arn     = aws_cloudwatch_event_rule.this[0].arn
  source_account = local.account
}
