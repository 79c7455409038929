# Everything that has a default has it. Slack's webhook URL is set by hand afterwards:
#   aws secretsmanager put-secret-value --secret-id NAME --secret-string file://url.txt
module "farthing" {
  source = "../.."

  environment         = "dev"
  cost_threshold      = 50
  invoke_after_deploy = false # there is no webhook URL yet
}
