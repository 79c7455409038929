# Copied beside each example: plans it without an account.

mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  slack_webhook_url         = "https://hooks.slack.com/services/example"
  pagerduty_integration_url = "https://events.pagerduty.com/integration/example/enqueue"
}

run "it_can_be_planned" {
  command = plan
}
