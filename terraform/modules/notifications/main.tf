data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.id

  topics = {
    cost_alerts   = { name = "${var.name}-cost-alerts", emails = var.cost_alert_emails, alarms = false }
    system_health = { name = "${var.name}-system-health", emails = var.system_health_emails, alarms = true }
    operational   = { name = "${var.name}-operational", emails = var.operational_emails, alarms = true }
  }

  emails = merge([for topic, of in local.topics : { for email in of.emails : "${topic}/${email}" => { topic = topic, email = email } }]...)
}

resource "aws_sns_topic" "this" {
  # Encrypted with the key if one is given, else not: with AWS's own SNS key alarms would be dropped in silence.
  for_each = local.topics

  name              = each.value.name
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags
}

# The function publishes by its own policy. These statements are for the services that come in their own name.
resource "aws_sns_topic_policy" "this" {
  for_each = local.topics

  arn = aws_sns_topic.this[each.key].arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "OnlyOverTls"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sns:Publish"
          Resource  = aws_sns_topic.this[each.key].arn
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
      ],
      [for name in each.value.alarms ? [var.name] : [] : {
        Sid       = "AlarmsOfThisDeployment"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this[each.key].arn
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
          ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:${name}-*" }
        }
      }],
    )
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = local.emails

  topic_arn = aws_sns_topic.this[each.value.topic].arn
  protocol  = "email"
  endpoint  = each.value.email
}

# Receivers of the structured alert: queues and HTTPS endpoints of other systems.
resource "aws_sns_topic_subscription" "queue" {
  # By place: a queue that the same configuration makes has no ARN yet at the plan.
  for_each = { for place, arn in var.cost_alert_queue_arns : tostring(place) => arn }

  topic_arn            = aws_sns_topic.this["cost_alerts"].arn
  protocol             = "sqs"
  endpoint             = each.value
  raw_message_delivery = true
}

resource "aws_sns_topic_subscription" "https" {
  for_each = { for place, url in var.cost_alert_https_endpoints : tostring(place) => url }

  topic_arn              = aws_sns_topic.this["cost_alerts"].arn
  protocol               = "https"
  endpoint               = each.value
  endpoint_auto_confirms = false
}

# PagerDuty's CloudWatch integration reads alarm messages only, so it gets the topics of alarms and no cost alert.
resource "aws_sns_topic_subscription" "pagerduty" {
  for_each = nonsensitive(var.pagerduty_integration_url != null) ? toset(["system_health"]) : toset([])

  topic_arn              = aws_sns_topic.this[each.key].arn
  protocol               = "https"
  endpoint               = var.pagerduty_integration_url
  endpoint_auto_confirms = true
}

# Amazon Q Developer in chat applications shows alarm messages and drops what is of no schema that it knows. Cost alerts
# reach Slack by the webhook.
resource "aws_chatbot_slack_channel_configuration" "alarms" {
  count = var.slack_chat == null ? 0 : 1

  configuration_name    = "${var.name}-alarms"
  iam_role_arn          = aws_iam_role.chat[0].arn
  slack_team_id         = var.slack_chat.team_id
  slack_channel_id      = var.slack_chat.channel_id
  sns_topic_arns        = [aws_sns_topic.this["system_health"].arn, aws_sns_topic.this["operational"].arn]
  guardrail_policy_arns = ["arn:${local.partition}:iam::aws:policy/CloudWatchReadOnlyAccess"]
  logging_level         = "ERROR"
  tags                  = var.tags
}

resource "aws_iam_role" "chat" {
  count = var.slack_chat == null ? 0 : 1

  name                 = "${var.name}-chat"
  description          = "Lets the chat show the charts of alarms of ${var.name}."
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "chatbot.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
          ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:chatbot::${local.account}:*" }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "chat" {
  count = var.slack_chat == null ? 0 : 1

  name = "show-alarms"
  role = aws_iam_role.chat[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ShowAlarms"
        Effect   = "Allow"
        Action   = "cloudwatch:DescribeAlarms"
        Resource = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:*"
      },
      {
        # These actions know no resources.
        Sid      = "ShowTheirCharts"
        Effect   = "Allow"
        Action   = ["cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics", "cloudwatch:GetMetricWidgetImage", "cloudwatch:ListMetrics"]
        Resource = "*"
      },
    ]
  })
}
