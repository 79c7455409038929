mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name       = "farthing-prod"
  bucket_arn = "arn:aws:s3:::ledger"
}

run "two_zones_one_nat_and_endpoints" {
  command = plan
  module {
    source = "./modules/network"
  }

  assert {
    condition     = join(" ", aws_subnet.private[*].availability_zone) == "us-east-1a us-east-1b" && length(aws_nat_gateway.this) == 1
    error_message = "private subnets in two zones, one NAT gateway"
  }
  assert {
    condition     = length(setunion(aws_subnet.private[*].cidr_block, aws_subnet.public[*].cidr_block)) == 4 && alltrue([for s in concat(aws_subnet.public, aws_subnet.private) : s.map_public_ip_on_launch != true])
    error_message = "four networks apart, and no public address by default"
  }
  assert {
    condition     = join(" ", output.interface_endpoints) == "ce logs secretsmanager" && aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway"
    error_message = "in us-east-1 Cost Explorer has an endpoint too"
  }
  assert {
    condition     = jsondecode(aws_vpc_endpoint.s3.policy).Statement[0].Resource == ["arn:aws:s3:::ledger", "arn:aws:s3:::ledger/*"]
    error_message = "by the S3 endpoint only the ledger is reached"
  }
  assert {
    condition = toset(jsondecode(aws_vpc_endpoint.s3.policy).Statement[0].Action) == toset(flatten([
      for purpose, actions in jsondecode(file("./modules/function/permissions.json")) : actions if startswith(purpose, "ledger_")
    ]))
    error_message = "by the S3 endpoint all is possible that the code calls on the ledger"
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.function.from_port == 443 && aws_vpc_security_group_egress_rule.function.to_port == 443 && length(aws_vpc_security_group_ingress_rule.endpoints) == 1
    error_message = "HTTPS out, nothing in"
  }
}

run "elsewhere_cost_explorer_is_reached_through_nat" {
  command = plan
  module {
    source = "./modules/network"
  }
  override_data {
    target = data.aws_region.current
    values = { id = "eu-west-1", name = "eu-west-1" }
  }

  assert {
    condition     = join(" ", output.interface_endpoints) == "logs secretsmanager"
    error_message = "no endpoint that does not exist"
  }
}

run "a_nat_in_each_zone_and_no_interface_endpoints" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    nat_per_zone        = true
    interface_endpoints = false
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 2 && length(aws_vpc_endpoint.interface) == 0 && length(aws_security_group.endpoints) == 0
    error_message = "two NAT gateways, only S3's endpoint"
  }
}

run "a_network_too_small_is_refused" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    cidr = "10.0.0.0/28"
  }

  expect_failures = [var.cidr]
}

run "two_zones_by_name" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    availability_zones = ["us-east-1b", "us-east-1c"]
  }

  assert {
    condition     = join(" ", aws_subnet.public[*].availability_zone) == "us-east-1b us-east-1c"
    error_message = "those and no others"
  }
}
