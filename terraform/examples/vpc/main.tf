# For organisations that let nothing run outside of a VPC. Costs about $80 a month more than the rest together.
module "farthing" {
  source = "../.."

  environment         = "prod"
  cost_threshold      = 500
  create_vpc          = true
  vpc_cidr            = "10.20.0.0/25"
  invoke_after_deploy = false
}

# The same in subnets that are there already.
module "in_your_own" {
  source = "../.."

  environment         = "staging"
  cost_threshold      = 500
  subnet_ids          = ["subnet-0a1b2c3d4e5f60718", "subnet-18070f6e5d4c3b2a1"]
  security_group_ids  = ["sg-0a1b2c3d4e5f60718"]
  invoke_after_deploy = false
}
