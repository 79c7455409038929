mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name                    = "farthing-prod"
  environment             = "prod"
  function_name           = "farthing-prod"
  timeout_seconds         = 300
  cost_threshold          = 1000
  dead_letter_queues      = { failed-runs = "farthing-prod-failed-runs", undelivered = "farthing-prod-undelivered" }
  system_health_topic_arn = "arn:aws:sns:us-east-1:111122223333:health"
  operational_topic_arn   = "arn:aws:sns:us-east-1:111122223333:operational"
}

run "each_alarm_watches_the_right_thing_in_the_right_way" {
  command = plan
  module {
    source = "./modules/monitoring"
  }

  assert {
    condition = jsonencode({ for what, a in aws_cloudwatch_metric_alarm.this : what => "${a.namespace} ${a.metric_name} ${a.statistic} ${a.comparison_operator} ${a.threshold} in ${a.evaluation_periods} x ${a.period}, missing ${a.treat_missing_data}" }) == jsonencode({
      errors        = "AWS/Lambda Errors Sum GreaterThanOrEqualToThreshold 1 in 1 x 300, missing notBreaching"
      duration      = "AWS/Lambda Duration Maximum GreaterThanThreshold 240000 in 1 x 300, missing notBreaching"
      throttles     = "AWS/Lambda Throttles Sum GreaterThanOrEqualToThreshold 1 in 1 x 300, missing notBreaching"
      failed-alerts = "Farthing AlertsFailed Maximum GreaterThanOrEqualToThreshold 1 in 1 x 300, missing notBreaching"
      heartbeat     = "Farthing RunSucceeded Sum LessThanThreshold 1 in 26 x 3600, missing breaching"
      failed-runs   = "AWS/SQS ApproximateNumberOfMessagesVisible Maximum GreaterThanOrEqualToThreshold 1 in 1 x 300, missing notBreaching"
      undelivered   = "AWS/SQS ApproximateNumberOfMessagesVisible Maximum GreaterThanOrEqualToThreshold 1 in 1 x 300, missing notBreaching"
    })
    error_message = "statistic, comparison, period and missing data of each alarm"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["heartbeat"].datapoints_to_alarm == 26
    error_message = "all of the hours must be without a run, not one of them"
  }
  assert {
    condition     = alltrue([for what, a in aws_cloudwatch_metric_alarm.this : length(a.alarm_description) > 40 && length(a.alarm_description) <= 1024])
    error_message = "each says what it means"
  }
  assert {
    condition = jsonencode({ for what, a in aws_cloudwatch_metric_alarm.this : what => a.dimensions }) == jsonencode({
      errors        = { FunctionName = "farthing-prod" }
      duration      = { FunctionName = "farthing-prod" }
      throttles     = { FunctionName = "farthing-prod" }
      failed-alerts = { Environment = "prod" }
      heartbeat     = { Environment = "prod" }
      failed-runs   = { QueueName = "farthing-prod-failed-runs" }
      undelivered   = { QueueName = "farthing-prod-undelivered" }
    })
    error_message = "dimensions as the metrics have them"
  }
}

run "what_must_be_seen_now_goes_to_system_health" {
  command = plan
  module {
    source = "./modules/monitoring"
  }

  assert {
    condition     = toset([for what, a in aws_cloudwatch_metric_alarm.this : what if a.alarm_actions == toset(["arn:aws:sns:us-east-1:111122223333:health"]) && a.ok_actions == a.alarm_actions]) == toset(["errors", "failed-alerts", "failed-runs", "heartbeat", "undelivered"])
    error_message = "no data, or an alert that nobody got"
  }
  assert {
    condition     = toset([for what, a in aws_cloudwatch_metric_alarm.this : what if a.alarm_actions == toset(["arn:aws:sns:us-east-1:111122223333:operational"])]) == toset(["duration", "throttles"])
    error_message = "the rest can wait"
  }
}

run "an_environment_that_runs_hourly_is_missed_sooner" {
  command = plan
  module {
    source = "./modules/monitoring"
  }
  variables {
    heartbeat_hours  = 3
    timeout_seconds  = 100
    duration_percent = 50
    dashboard        = false
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["heartbeat"].evaluation_periods == 3 && aws_cloudwatch_metric_alarm.this["duration"].threshold == 50000
    error_message = "hours and share as given"
  }
  assert {
    condition     = length(aws_cloudwatch_dashboard.this) == 0
    error_message = "no dashboard"
  }
}

run "the_dashboard_shows_every_metric_of_lambda_and_farthing" {
  command = plan
  module {
    source = "./modules/monitoring"
  }

  assert {
    condition = alltrue([for metric in [
      "DailyCost", "ServiceCost", "ThresholdBreaches", "AlertsSent", "AlertsFailed", "BilledRequests", "RunSucceeded", "RunDuration",
      "Invocations", "Errors", "Throttles", "Duration", "ApproximateNumberOfMessagesVisible",
    ] : strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, metric)])
    error_message = "all of them"
  }
  assert {
    condition     = alltrue([for w in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : w.x + w.width <= 24])
    error_message = "within the dashboard's 24 columns"
  }
}
