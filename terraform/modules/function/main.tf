data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account    = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.id
  dns_suffix = data.aws_partition.current.dns_suffix

  # Spelled out, because the role comes before the function.
  function_arn = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}"

  # What the code declares that it calls, by purpose; written by tools/terraform_docs.py.
  permissions = jsondecode(file("${path.module}/permissions.json"))

  asks_cost_explorer = var.cost_source == "cost-explorer" && var.payer_role_arn == null
  in_vpc             = length(var.subnet_ids) > 0

  environment_variables = merge(
    var.environment_variables,
    var.settings,
    {
      BUCKET_NAME            = var.bucket
      COST_THRESHOLD         = tostring(var.cost_threshold)
      SLACK_SECRET_NAME      = var.slack_secret_name
      ENVIRONMENT            = var.environment
      FARTHING_SOURCE        = var.cost_source
      FARTHING_SNS_TOPIC_ARN = var.alerts_topic_arn
    },
    { for name, value in {
      FARTHING_SCOPE            = var.scope
      FARTHING_CE_ROLE_ARN      = var.payer_role_arn
      FARTHING_BILLING_VIEW_ARN = var.billing_view_arn
      FARTHING_KMS_KEY_ID       = var.kms_key_arn
    } : name => value if value != null },
  )

  statements = concat(
    [
      {
        Sid      = "ReadTheLedger"
        Effect   = "Allow"
        Action   = local.permissions.ledger_read
        Resource = ["${var.bucket_arn}/cost_data/*", "${var.bucket_arn}/state/*", "${var.bucket_arn}/config/*"]
      },
      {
        Sid      = "WriteTheLedger"
        Effect   = "Allow"
        Action   = local.permissions.ledger_write
        Resource = ["${var.bucket_arn}/cost_data/*", "${var.bucket_arn}/state/*"]
      },
      {
        # IfExists, because reading an object that is not there answers 404 only to those who may list, and a read names
        # no prefix: with a plain condition every first run would end in 403.
        Sid       = "ListTheLedger"
        Effect    = "Allow"
        Action    = local.permissions.ledger_list
        Resource  = [var.bucket_arn]
        Condition = { StringLikeIfExists = { "s3:prefix" = ["cost_data/*", "state/*", "config/*"] } }
      },
      {
        Sid      = "ReadTheSlackSecret"
        Effect   = "Allow"
        Action   = local.permissions.slack_secret
        Resource = [var.slack_secret_arn]
      },
      {
        Sid      = "PublishCostAlerts"
        Effect   = "Allow"
        Action   = local.permissions.alerts_topic
        Resource = [var.alerts_topic_arn]
      },
      {
        Sid      = "KeepFailedRuns"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = [aws_sqs_queue.failed_runs.arn]
      },
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      },
    ],
    [for arn in var.tracing == "Active" ? ["*"] : [] : {
      # X-Ray's actions know no resources.
      Sid      = "WriteTraces"
      Effect   = "Allow"
      Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
      Resource = [arn]
    }],
    [for arn in local.asks_cost_explorer ? ["*"] : [] : {
      # Without a billing view Cost Explorer knows no resources.
      Sid      = "AskCostExplorer"
      Effect   = "Allow"
      Action   = local.permissions.cost_explorer
      Resource = [arn]
    }],
    [for arn in local.asks_cost_explorer && var.billing_view_arn != null ? [var.billing_view_arn] : [] : {
      Sid      = "ReadTheBillingView"
      Effect   = "Allow"
      Action   = ["billing:GetBillingViewData"]
      Resource = [arn]
    }],
    [for arn in var.payer_role_arn == null ? [] : [var.payer_role_arn] : {
      Sid      = "AssumeThePayersRole"
      Effect   = "Allow"
      Action   = local.permissions.payer_role
      Resource = [arn]
    }],
    [for arn in var.kms_key_arn == null ? [] : [var.kms_key_arn] : {
      Sid      = "UseTheKeyThroughItsServices"
      Effect   = "Allow"
      Action   = local.permissions.key
      Resource = [arn]
      Condition = {
        StringEquals = {
          "kms:ViaService" = [for service in ["s3", "secretsmanager", "sns", "sqs"] : "${service}.${local.region}.${local.dns_suffix}"]
        }
      }
    }],
    [for arn in local.in_vpc ? ["*"] : [] : {
      # Lambda itself makes the network interfaces; these actions know no resources that exist before.
      Sid    = "JoinTheNetwork"
      Effect = "Allow"
      Action = [
        "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
        "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
      ]
      Resource = [arn]
    }],
    [for arn in local.in_vpc ? ["*"] : [] : {
      Sid       = "ButNotFromTheCode"
      Effect    = "Deny"
      Action    = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
      Resource  = [arn]
      Condition = { ArnEquals = { "lambda:SourceFunctionArn" = local.function_arn } }
    }],
  )
}

resource "aws_iam_role" "function" {
  name                 = "${var.name}-function"
  description          = "What ${var.name} may do."
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "lambda.amazonaws.com" }
        Action    = "sts:AssumeRole"
        # No condition on the source: Lambda documents aws:SourceArn only for policies of the function itself, and a role
        # that Lambda cannot assume is no function. Who may give this role to a function is iam:PassRole's matter.
      },
    ]
  })
}

resource "aws_iam_role_policy" "function" {
  name   = "what-the-code-calls"
  role   = aws_iam_role.function.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}

# Before the function, so that it never makes one that keeps logs for ever.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:90 days cover what the runbooks look back on; the ledger keeps the run records for years.
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_116:What fails goes to the on-failure destination, which holds more than a dead-letter queue; never both.
  #checkov:skip=CKV_AWS_272:Code signing needs a signing profile in the account; the artifact is checked by its SHA-256.
  function_name                  = var.name
  description                    = "farthing: watches what the organisation spends on AWS, once a day."
  role                           = aws_iam_role.function.arn
  handler                        = "farthing.aws_lambda.handler"
  runtime                        = var.runtime
  architectures                  = [var.architecture]
  memory_size                    = var.memory_mb
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn
  tags                           = var.tags

  filename          = var.artifact_path
  source_code_hash  = var.artifact_path == null ? null : try(filebase64sha256(var.artifact_path), null)
  s3_bucket         = try(var.artifact_s3.bucket, null)
  s3_key            = try(var.artifact_s3.key, null)
  s3_object_version = try(var.artifact_s3.object_version, null)

  environment {
    variables = local.environment_variables
  }

  tracing_config {
    mode = var.tracing
  }

  dynamic "vpc_config" {
    for_each = local.in_vpc ? [1] : []
    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }

  lifecycle {
    precondition {
      condition     = var.artifact_path == null ? var.artifact_s3 != null : fileexists(var.artifact_path)
      error_message = "There is no zip at ${coalesce(var.artifact_path, "artifact_path")}. Build it with `make package`, or set artifact_path to a release's zip, or artifact_s3."
    }

    precondition {
      condition     = var.artifact_sha256 == null ? true : try(filesha256(var.artifact_path), "") == var.artifact_sha256
      error_message = "The file at artifact_path does not have artifact_sha256: it is another release, or damaged. Download it again."
    }
  }

  # The policy first: the first invocation may follow at once.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.function]
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = var.retries
  maximum_event_age_in_seconds = var.max_event_age_seconds

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed_runs.arn
    }
  }
}

resource "aws_sqs_queue" "failed_runs" {
  name                      = "${var.name}-failed-runs"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
  tags                      = var.tags
}

resource "aws_sqs_queue_policy" "failed_runs" {
  queue_url = aws_sqs_queue.failed_runs.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.failed_runs.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}
