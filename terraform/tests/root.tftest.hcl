mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  environment    = "dev"
  cost_threshold = 10
  artifact_path  = "./tests/stand-in.txt"
}

run "the_defaults" {
  command = plan

  assert {
    condition     = output.vpc_id == null && output.kms_key_arn == null && output.function_name == "farthing-dev"
    error_message = "no VPC, no key of its own"
  }
  assert {
    condition     = length(aws_lambda_invocation.first_run) == 1 && aws_lambda_invocation.first_run[0].lifecycle_scope == "CREATE_ONLY"
    error_message = "a deployment ends with one run"
  }
  assert {
    condition     = aws_lambda_invocation.first_run[0].triggers == tomap({ artifact = filebase64sha256("./tests/stand-in.txt") })
    error_message = "and again when the code changes, and only then"
  }
  assert {
    condition     = toset(keys(output.alarm_names)) == toset(["duration", "errors", "failed-alerts", "failed-runs", "heartbeat", "throttles", "undelivered"])
    error_message = "seven alarms"
  }
}

run "without_a_run_at_the_end" {
  command = plan
  variables {
    invoke_after_deploy = false
  }

  assert {
    condition     = length(aws_lambda_invocation.first_run) == 0
    error_message = "none"
  }
}

run "a_key_of_its_own" {
  command = plan
  variables {
    create_kms_key = true
  }

  assert {
    condition     = output.kms_key_arn == "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"
    error_message = "made and used"
  }
}

run "a_vpc" {
  command = plan
  variables {
    create_vpc = true
  }

  assert {
    condition     = output.vpc_id == "vpc-0a1b2c3d"
    error_message = "made where asked for"
  }
}

run "what_is_wrong_is_said" {
  command = plan
  variables {
    environment               = "production"
    name                      = "Farthing!"
    tags                      = { "aws:owner" = "x" }
    permissions_boundary_arn  = "boundary"
    artifact_path             = "./none.zip"
    architecture              = "arm"
    runtime                   = "python3.14"
    cost_threshold            = -1
    cost_source               = "guess"
    scope                     = "accounts=1"
    payer_role_arn            = "payer"
    billing_view_arn          = "view"
    settings                  = { BUCKET_NAME = "x" }
    environment_variables     = { FARTHING_SOURCE = "x" }
    trigger                   = "cron"
    schedule                  = "every day"
    memory_mb                 = 128
    timeout_seconds           = 901
    reserved_concurrency      = 0
    retries                   = 3
    delivery_retries          = 186
    max_event_age_seconds     = 1
    tracing                   = "On"
    log_retention_days        = 91
    kms_key_arn               = "alias/mine"
    slack_webhook_url         = "http://hooks.example.com"
    slack_webhook_version     = 1
    secret_readers            = ["somebody"]
    secret_recovery_days      = 3
    cost_alert_emails         = ["nobody"]
    system_health_emails      = ["nobody"]
    operational_emails        = ["nobody"]
    cost_alert_queue_arns     = ["queue"]
    pagerduty_integration_url = "http://events.pagerduty.com"
    slack_chat                = { team_id = "team", channel_id = "#channel" }
    heartbeat_hours           = 169
    duration_alarm_percent    = 100
    vpc_cidr                  = "10.0.0.0/28"
    availability_zones        = ["eu-west-1a"]
    subnet_ids                = ["subnet"]
    storage_profile           = "cheap"
    glacier_class             = "DEEP_ARCHIVE"
    ia_after_days             = 10
    noncurrent_days           = 0
  }

  expect_failures = [
    var.environment, var.name, var.tags, var.permissions_boundary_arn, var.artifact_path, var.availability_zones, var.architecture, var.runtime,
    var.cost_threshold, var.cost_source, var.scope, var.payer_role_arn, var.billing_view_arn, var.settings, var.environment_variables,
    var.trigger, var.schedule, var.memory_mb, var.timeout_seconds, var.reserved_concurrency, var.retries,
    var.delivery_retries, var.max_event_age_seconds, var.tracing, var.log_retention_days, var.kms_key_arn, var.slack_webhook_url,
    var.secret_readers, var.secret_recovery_days, var.cost_alert_emails, var.system_health_emails,
    var.operational_emails, var.cost_alert_queue_arns, var.pagerduty_integration_url, var.slack_chat, var.heartbeat_hours,
    var.duration_alarm_percent, var.vpc_cidr, var.subnet_ids, var.storage_profile, var.glacier_class,
    var.ia_after_days, var.noncurrent_days,
  ]
}

run "a_version_is_a_whole_number" {
  command = plan
  variables {
    slack_webhook_version = -1
  }

  expect_failures = [var.slack_webhook_version]
}

run "a_webhook_that_nobody_writes_is_said" {
  command = plan
  variables {
    slack_webhook_url = "https://hooks.example.com/services/T/B/x"
  }

  expect_failures = [var.slack_webhook_url]
}

run "a_variable_that_the_alarms_would_miss" {
  command = plan
  variables {
    environment_variables = { POWERTOOLS_SERVICE_NAME = "costs" }
  }

  expect_failures = [var.environment_variables]
}

run "a_variable_of_lambdas_own" {
  command = plan
  variables {
    environment_variables = { AWS_REGION = "eu-west-1" }
  }

  expect_failures = [var.environment_variables]
}

run "a_clock_that_stands_still" {
  command = plan
  variables {
    settings = { FARTHING_TODAY = "2026-01-01" }
  }

  expect_failures = [var.settings]
}

run "what_does_not_go_together_is_said" {
  command = plan
  variables {
    artifact_s3                = { bucket = "artifacts", key = "farthing.zip" }
    create_kms_key             = true
    kms_key_arn                = "arn:aws:kms:us-east-1:111122223333:key/1"
    create_vpc                 = true
    subnet_ids                 = ["subnet-0a1b2c3d"]
    security_group_ids         = ["sg-0a1b2c3d"]
    trigger                    = "rule"
    schedule_timezone          = "Europe/Berlin"
    settings                   = { FARTHING_PREFIX = "mine/" }
    cost_alert_https_endpoints = ["https://events.pagerduty.com/v2/enqueue"]
  }

  expect_failures = [
    var.artifact_s3, var.create_kms_key, var.create_vpc, var.schedule_timezone, var.settings, var.cost_alert_https_endpoints,
  ]
}

run "what_hangs_on_other_variables_is_said" {
  command = plan
  variables {
    artifact_sha256           = "abc"
    schedule_flexible_minutes = -1
    security_group_ids        = ["sg-0a1b2c3d"]
  }

  expect_failures = [var.artifact_sha256, var.schedule_flexible_minutes, var.security_group_ids]
}

run "a_setting_that_has_a_variable_of_its_own" {
  command = plan
  variables {
    settings = { FARTHING_SOURCE = "simulated" }
  }

  expect_failures = [var.settings]
}

run "days_that_do_not_follow_one_another" {
  command = plan
  variables {
    glacier_after_days = 40
  }

  expect_failures = [var.glacier_after_days]
}

run "history_is_kept_for_longer_than_a_year" {
  command = plan
  variables {
    expire_after_days = 365
  }

  expect_failures = [var.expire_after_days]
}
