output "vpc_id" {
  description = "The VPC's id."
  value       = aws_vpc.this.id
}

# Known only when the way out is there: the function's first run needs it.
output "private_subnet_ids" {
  description = "The subnets that the function runs in."
  value       = aws_subnet.private[*].id
  depends_on  = [aws_route.private, aws_route.public, aws_route_table_association.private, aws_route_table_association.public, aws_vpc_endpoint.s3, aws_vpc_endpoint.interface]
}

output "security_group_id" {
  description = "The function's security group."
  value       = aws_security_group.function.id
  depends_on  = [aws_vpc_security_group_egress_rule.function, aws_vpc_security_group_ingress_rule.endpoints]
}

output "interface_endpoints" {
  description = "The services that have an interface endpoint here."
  value       = sort(keys(aws_vpc_endpoint.interface))
}
