data "aws_partition" "current" {}

locals {
  account = split(":", var.function_role_arn)[4]
}

# Applied in the payer account. The trust names the account and requires the role, so that this module can be applied
# before the role exists, and so that a role that is made anew is trusted again.
resource "aws_iam_role" "this" {
  name                 = var.name
  description          = "Lets farthing in account ${local.account} ask this account's Cost Explorer."
  max_session_duration = 3600
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyThatFunction"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${local.account}:root" }
        Action    = "sts:AssumeRole"
        Condition = merge(
          { ArnEquals = { "aws:PrincipalArn" = var.function_role_arn } },
          var.organization_id == null ? {} : { StringEquals = { "aws:PrincipalOrgID" = var.organization_id } },
        )
      },
    ]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "ask-cost-explorer"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          # Without a billing view Cost Explorer knows no resources.
          Sid      = "AskCostExplorer"
          Effect   = "Allow"
          Action   = ["ce:GetCostAndUsage"]
          Resource = ["*"]
        },
      ],
      [for arn in var.billing_view_arn == null ? [] : [var.billing_view_arn] : {
        Sid      = "ReadTheBillingView"
        Effect   = "Allow"
        Action   = ["billing:GetBillingViewData"]
        Resource = [arn]
      }],
    )
  })
}
