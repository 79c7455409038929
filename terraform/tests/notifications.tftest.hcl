mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name = "farthing-prod"
}

run "three_topics_and_nobody_subscribed" {
  command = plan
  module {
    source = "./modules/notifications"
  }

  assert {
    condition     = toset(values(aws_sns_topic.this)[*].name) == toset(["farthing-prod-cost-alerts", "farthing-prod-system-health", "farthing-prod-operational"])
    error_message = "cost alerts, system health, operational"
  }
  assert {
    condition     = length(aws_sns_topic_subscription.email) + length(aws_sns_topic_subscription.queue) + length(aws_sns_topic_subscription.https) + length(aws_sns_topic_subscription.pagerduty) + length(aws_chatbot_slack_channel_configuration.alarms) + length(aws_iam_role.chat) == 0
    error_message = "every subscription is optional"
  }
  assert {
    condition     = alltrue([for topic in aws_sns_topic.this : topic.kms_master_key_id == null])
    error_message = "never AWS's own SNS key, which would drop alarms"
  }
}

run "alarms_of_this_deployment_reach_the_two_topics_of_alarms" {
  command = plan
  module {
    source = "./modules/notifications"
  }

  assert {
    condition     = toset([for topic, of in aws_sns_topic_policy.this : topic if length([for s in jsondecode(of.policy).Statement : s if try(s.Principal.Service, "") == "cloudwatch.amazonaws.com"]) == 1]) == toset(["system_health", "operational"])
    error_message = "CloudWatch may not publish cost alerts"
  }
  assert {
    condition = alltrue(flatten([for of in aws_sns_topic_policy.this : [for s in jsondecode(of.policy).Statement :
      s.Condition.StringEquals["aws:SourceAccount"] == "111122223333" && s.Condition.ArnLike["aws:SourceArn"] == "arn:aws:cloudwatch:us-east-1:111122223333:alarm:farthing-prod-*" if s.Effect == "Allow"
    ]]))
    error_message = "alarms of this account and deployment only"
  }
  assert {
    condition     = alltrue([for of in aws_sns_topic_policy.this : length([for s in jsondecode(of.policy).Statement : s if s.Effect == "Deny" && try(s.Condition.Bool["aws:SecureTransport"], "") == "false"]) == 1])
    error_message = "published over TLS only"
  }
}

run "whoever_can_read_it_is_subscribed" {
  command = plan
  module {
    source = "./modules/notifications"
  }
  variables {
    cost_alert_emails          = ["finops@example.com", "cto@example.com"]
    system_health_emails       = ["platform@example.com"]
    cost_alert_queue_arns      = ["arn:aws:sqs:us-east-1:111122223333:tickets"]
    cost_alert_https_endpoints = ["https://example.com/hook"]
    pagerduty_integration_url  = "https://events.pagerduty.com/integration/x/enqueue"
    slack_chat                 = { team_id = "T0123ABCD", channel_id = "C0123ABCD" }
  }

  assert {
    condition     = toset(keys(aws_sns_topic_subscription.email)) == toset(["cost_alerts/finops@example.com", "cost_alerts/cto@example.com", "system_health/platform@example.com"])
    error_message = "each address to its topic"
  }
  assert {
    condition     = keys(aws_sns_topic_subscription.pagerduty) == ["system_health"]
    error_message = "PagerDuty reads alarms only"
  }
  assert {
    condition     = length(aws_chatbot_slack_channel_configuration.alarms[0].sns_topic_arns) == 1 && aws_chatbot_slack_channel_configuration.alarms[0].slack_channel_id == "C0123ABCD"
    error_message = "the chat shows alarms (the two topics are one ARN here)"
  }
  assert {
    condition     = jsondecode(aws_iam_role.chat[0].assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    error_message = "the chat takes the role for this account only"
  }
}

run "a_key_encrypts_the_topics" {
  command = plan
  module {
    source = "./modules/notifications"
  }
  variables {
    kms_key_arn = "arn:aws:kms:us-east-1:111122223333:key/1"
  }

  assert {
    condition     = alltrue([for topic in aws_sns_topic.this : topic.kms_master_key_id == "arn:aws:kms:us-east-1:111122223333:key/1"])
    error_message = "all three"
  }
}

run "the_keys_policy_lets_alarms_logs_and_rules_through" {
  command = plan
  module {
    source = "./modules/key"
  }
  variables {
    log_group_name = "/aws/lambda/farthing-prod"
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation
    error_message = "rotated"
  }
  assert {
    condition = jsonencode({ for s in jsondecode(aws_kms_key.this.policy).Statement : values(s.Principal)[0] => try(s.Condition, null) }) == jsonencode({
      "arn:aws:iam::111122223333:root" = null
      "logs.us-east-1.amazonaws.com"   = { ArnEquals = { "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/farthing-prod" } }
      "cloudwatch.amazonaws.com"       = { StringEquals = { "aws:SourceAccount" = "111122223333" }, ArnLike = { "aws:SourceArn" = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:farthing-prod-*" } }
      "events.amazonaws.com"           = { StringEquals = { "aws:SourceAccount" = "111122223333" }, ArnLike = { "aws:SourceArn" = "arn:aws:events:us-east-1:111122223333:rule/farthing-prod*" } }
    })
    error_message = "each service for this deployment only"
  }
}
