mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name          = "farthing-prod"
  expression    = "cron(0 8 * * ? *)"
  function_arn  = "arn:aws:lambda:us-east-1:111122223333:function:farthing-prod"
  function_name = "farthing-prod"
}

run "scheduler_is_the_default" {
  command = plan
  module {
    source = "./modules/schedule"
  }

  assert {
    condition     = aws_scheduler_schedule.this[0].schedule_expression == "cron(0 8 * * ? *)" && aws_scheduler_schedule.this[0].schedule_expression_timezone == "UTC" && aws_scheduler_schedule.this[0].flexible_time_window[0].mode == "OFF" && aws_scheduler_schedule.this[0].state == "ENABLED"
    error_message = "at eight o'clock UTC, to the minute"
  }
  assert {
    condition     = aws_scheduler_schedule.this[0].target[0].retry_policy[0].maximum_retry_attempts == 3 && aws_scheduler_schedule.this[0].target[0].retry_policy[0].maximum_event_age_in_seconds == 3600 && aws_scheduler_schedule.this[0].target[0].dead_letter_config[0].arn == aws_sqs_queue.undelivered.arn
    error_message = "offered again for an hour, then kept"
  }
  assert {
    condition     = length(aws_cloudwatch_event_rule.this) == 0 && length(aws_lambda_permission.rule) == 0
    error_message = "one trigger, not two"
  }
  assert {
    condition = jsonencode(jsondecode(aws_iam_role.scheduler[0].assume_role_policy).Statement[0].Condition) == jsonencode({
      StringEquals = { "aws:SourceAccount" = "111122223333", "aws:SourceArn" = "arn:aws:scheduler:us-east-1:111122223333:schedule-group/farthing-dev" }
    })
    error_message = "Scheduler takes the role for this group of schedules only"
  }
  assert {
    condition = jsonencode({ for s in jsondecode(aws_iam_role_policy.scheduler[0].policy).Statement : s.Action => s.Resource }) == jsonencode({
      "lambda:InvokeFunction" = "arn:aws:lambda:us-east-1:111122223333:function:farthing-prod"
      "sqs:SendMessage"       = "arn:aws:sqs:us-east-1:111122223333:queue"
    })
    error_message = "it starts this function and writes to this queue"
  }
  assert {
    condition     = aws_sqs_queue.undelivered.sqs_managed_sse_enabled
    error_message = "the queue is encrypted"
  }
}

run "a_time_zone_a_window_and_off" {
  command = plan
  module {
    source = "./modules/schedule"
  }
  variables {
    timezone         = "Europe/Berlin"
    flexible_minutes = 15
    enabled          = false
  }

  assert {
    condition     = aws_scheduler_schedule.this[0].schedule_expression_timezone == "Europe/Berlin" && aws_scheduler_schedule.this[0].flexible_time_window[0].maximum_window_in_minutes == 15 && aws_scheduler_schedule.this[0].state == "DISABLED"
    error_message = "as given"
  }
}

run "the_classic_rule_where_asked_for" {
  command = plan
  module {
    source = "./modules/schedule"
  }
  variables {
    trigger = "rule"
  }

  assert {
    condition     = aws_cloudwatch_event_rule.this[0].schedule_expression == "cron(0 8 * * ? *)" && length(aws_scheduler_schedule.this) == 0 && length(aws_iam_role.scheduler) == 0
    error_message = "a rule, and no schedule"
  }
  assert {
    condition     = aws_cloudwatch_event_target.this[0].retry_policy[0].maximum_retry_attempts == 3 && aws_cloudwatch_event_target.this[0].dead_letter_config[0].arn == aws_sqs_queue.undelivered.arn
    error_message = "offered again, then kept"
  }
  assert {
    condition     = aws_lambda_permission.rule[0].principal == "events.amazonaws.com" && aws_lambda_permission.rule[0].source_arn == aws_cloudwatch_event_rule.this[0].arn && aws_lambda_permission.rule[0].source_account == "111122223333"
    error_message = "this rule of this account starts it, no other"
  }
  assert {
    condition     = one([for s in jsondecode(aws_sqs_queue_policy.undelivered.policy).Statement : s.Condition if s.Effect == "Allow"]).ArnEquals["aws:SourceArn"] == "arn:aws:events:us-east-1:111122223333:rule/farthing-dev"
    error_message = "this rule writes to the queue"
  }
  assert {
    condition     = [for s in jsondecode(aws_sqs_queue_policy.undelivered.policy).Statement : s.Action if s.Effect == "Allow"] == ["sqs:SendMessage"]
    error_message = "the rule may put what it could not deliver into the queue"
  }
}
