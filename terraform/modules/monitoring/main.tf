data "aws_region" "current" {}

locals {
  region = data.aws_region.current.id

  of_function    = { FunctionName = var.function_name }
  of_environment = { Environment = var.environment }

  # Each alarm: what it watches, when it is too much, who hears of it. `urgent` goes to system health, the rest to operational.
  # farthing's own metrics are delivered at least once, so they are judged by Maximum; RunSucceeded by a sum that is only
  # ever compared with 'less than one', where counting twice changes nothing.
  alarms = merge(
    {
      errors = {
        urgent      = true
        description = "The daily run failed. Lambda repeats it; the function's log says why in a line with the level ERROR."
        namespace   = "AWS/Lambda"
        metric      = "Errors"
        dimensions  = local.of_function
        statistic   = "Sum"
        period      = 300
        periods     = 1
        comparison  = "GreaterThanOrEqualToThreshold"
        threshold   = 1
        missing     = "notBreaching"
      }
      duration = {
        urgent      = false
        description = "A run took more than ${var.duration_percent} % of its timeout. Give it more memory, which is more CPU, or more time."
        namespace   = "AWS/Lambda"
        metric      = "Duration"
        dimensions  = local.of_function
        statistic   = "Maximum"
        period      = 300
        periods     = 1
        comparison  = "GreaterThanThreshold"
        threshold   = var.timeout_seconds * 10 * var.duration_percent
        missing     = "notBreaching"
      }
      throttles = {
        urgent      = false
        description = "Lambda turned a run away: another one was going on, or the account is at its limit. Lambda offers it again."
        namespace   = "AWS/Lambda"
        metric      = "Throttles"
        dimensions  = local.of_function
        statistic   = "Sum"
        period      = 300
        periods     = 1
        comparison  = "GreaterThanOrEqualToThreshold"
        threshold   = 1
        missing     = "notBreaching"
      }
      failed-alerts = {
        urgent      = true
        description = "An alert could not be delivered. It is kept, and the next run sends it again."
        namespace   = "Farthing"
        metric      = "AlertsFailed"
        dimensions  = local.of_environment
        statistic   = "Maximum"
        period      = 300
        periods     = 1
        comparison  = "GreaterThanOrEqualToThreshold"
        threshold   = 1
        missing     = "notBreaching"
      }
      heartbeat = {
        urgent      = true
        description = "No run succeeded in ${var.heartbeat_hours} h. Look at the schedule, at the queue of undelivered events, then at the log."
        namespace   = "Farthing"
        metric      = "RunSucceeded"
        dimensions  = local.of_environment
        statistic   = "Sum"
        period      = 3600
        periods     = var.heartbeat_hours
        comparison  = "LessThanThreshold"
        threshold   = 1
        missing     = "breaching"
      }
    },
    { for what, queue in var.dead_letter_queues : what => {
      urgent      = true
      description = "The queue ${queue} keeps an event that was given up. Mend the cause, run the function once, then purge the queue."
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = queue }
      statistic   = "Maximum"
      period      = 300
      periods     = 1
      comparison  = "GreaterThanOrEqualToThreshold"
      threshold   = 1
      missing     = "notBreaching"
    } },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.periods
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  treat_missing_data  = each.value.missing
  alarm_actions       = [each.value.urgent ? var.system_health_topic_arn : var.operational_topic_arn]
  ok_actions          = [each.value.urgent ? var.system_health_topic_arn : var.operational_topic_arn]
  tags                = var.tags
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard ? 1 : 0

  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [
      {
        type       = "alarm", x = 0, y = 0, width = 24, height = 3
        properties = { title = "Alarms", alarms = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.arn] }
      },
      {
        type = "metric", x = 0, y = 3, width = 12, height = 6
        properties = {
          title       = "Cost of the newest day", region = local.region, view = "timeSeries", stat = "Maximum", period = 86400
          metrics     = [["Farthing", "DailyCost", "Environment", var.environment]]
          annotations = { horizontal = [{ label = "threshold", value = var.cost_threshold }] }
        }
      },
      {
        type = "metric", x = 12, y = 3, width = 12, height = 6
        properties = {
          title   = "The largest services", region = local.region, view = "timeSeries", stacked = true, stat = "Maximum", period = 86400
          metrics = [[{ expression = "SEARCH('{Farthing,Environment,ServiceName} MetricName=\"ServiceCost\" Environment=\"${var.environment}\"', 'Maximum', 86400)", id = "services" }]]
        }
      },
      {
        type = "metric", x = 0, y = 9, width = 8, height = 6
        properties = {
          title   = "Alerts", region = local.region, view = "timeSeries", stat = "Maximum", period = 3600
          metrics = [for metric in ["ThresholdBreaches", "AlertsSent", "AlertsFailed"] : ["Farthing", metric, "Environment", var.environment]]
        }
      },
      {
        type = "metric", x = 8, y = 9, width = 8, height = 6
        properties = {
          title = "Runs", region = local.region, view = "timeSeries", stat = "Maximum", period = 3600
          metrics = [
            ["Farthing", "RunSucceeded", "Environment", var.environment],
            ["Farthing", "BilledRequests", "Environment", var.environment],
            ["Farthing", "RunDuration", "Environment", var.environment, { yAxis = "right" }],
          ]
        }
      },
      {
        type = "metric", x = 16, y = 9, width = 8, height = 6
        properties = {
          title = "Function", region = local.region, view = "timeSeries", stat = "Sum", period = 300
          metrics = [
            ["AWS/Lambda", "Invocations", "FunctionName", var.function_name],
            ["AWS/Lambda", "Errors", "FunctionName", var.function_name],
            ["AWS/Lambda", "Throttles", "FunctionName", var.function_name],
            ["AWS/Lambda", "Duration", "FunctionName", var.function_name, { stat = "Maximum", yAxis = "right" }],
          ]
        }
      },
      {
        type = "metric", x = 0, y = 15, width = 24, height = 4
        properties = {
          title   = "Given up", region = local.region, view = "timeSeries", stat = "Maximum", period = 300
          metrics = [for queue in values(var.dead_letter_queues) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]]
        }
      },
    ]
  })
}
