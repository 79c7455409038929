# Several environments in one account and one state: for a small team. The folders in ../../environments keep a state each,
# so that a mistake in one cannot touch another.
locals {
  environments = {
    dev  = { threshold = 10, source = "simulated", schedule = "rate(1 hour)", heartbeat = 3, retention = 14, scope = null }
    prod = { threshold = 1000, source = "cost-explorer", schedule = "cron(0 8 * * ? *)", heartbeat = 26, retention = 90, scope = "tag:team=search" }
  }
}

module "farthing" {
  source   = "../.."
  for_each = local.environments

  environment         = each.key
  cost_threshold      = each.value.threshold
  cost_source         = each.value.source
  scope               = each.value.scope
  schedule            = each.value.schedule
  heartbeat_hours     = each.value.heartbeat
  log_retention_days  = each.value.retention
  invoke_after_deploy = false
}
