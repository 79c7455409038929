locals {
  # Only history moves or expires. What is derived (state/) and what people wrote (config/) does neither.
  transitions = {
    architecture = [
      { days = var.ia_after_days, storage_class = "STANDARD_IA" },
      { days = var.glacier_after_days, storage_class = var.glacier_class },
    ]
    intelligent_tiering = [{ days = 0, storage_class = "INTELLIGENT_TIERING" }]
    standard            = []
  }[var.storage_profile]
}

resource "aws_s3_bucket" "ledger" {
  #checkov:skip=CKV_AWS_144:A copy in a second region doubles what is kept; AWS still has 13 months of the same figures.
  #checkov:skip=CKV_AWS_18:Only the function reads and writes here. Who needs a trail of reads has CloudTrail's data events.
  #checkov:skip=CKV2_AWS_62:Nothing waits for these objects; the daily run sends what there is to say.
  #checkov:skip=CKV_AWS_19:It is encrypted below; whether by AES256 or by a key that is still to be made cannot be read here.
  #checkov:skip=CKV_AWS_145:AES256 unless a key is given: a CMK costs $1 a month, more than everything else here.
  bucket_prefix = "aws-cost-data-${var.environment}-"
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_versioning" "ledger" {
  bucket = aws_s3_bucket.ledger.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "ledger" {
  bucket = aws_s3_bucket.ledger.id

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "ledger" {
  bucket                  = aws_s3_bucket.ledger.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "ledger" {
  bucket = aws_s3_bucket.ledger.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_policy" "ledger" {
  bucket = aws_s3_bucket.ledger.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.ledger.arn, "${aws_s3_bucket.ledger.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "OnlyTls12OrNewer"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.ledger.arn, "${aws_s3_bucket.ledger.arn}/*"]
        Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
      },
    ]
  })

  # S3 refuses two changes of a bucket's access at the same time.
  depends_on = [aws_s3_bucket_public_access_block.ledger]
}

resource "aws_s3_bucket_lifecycle_configuration" "ledger" {
  bucket = aws_s3_bucket.ledger.id

  # Set, so that a bucket behaves the same whenever it was made. Daily reports are smaller than this minimum: the profile
  # 'architecture' lifts it by a size filter of its own, which comes before the bucket's default.
  transition_default_minimum_object_size = "all_storage_classes_128K"

  rule {
    id     = "history"
    status = "Enabled"

    filter {
      prefix = var.storage_profile == "architecture" ? null : "cost_data/"

      dynamic "and" {
        for_each = var.storage_profile == "architecture" ? [1] : []
        content {
          prefix                   = "cost_data/"
          object_size_greater_than = 1
        }
      }
    }

    dynamic "transition" {
      for_each = local.transitions
      content {
        days          = transition.value.days
        storage_class = transition.value.storage_class
      }
    }

    expiration {
      days = var.expire_after_days
    }

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }
  }

  rule {
    id     = "state"
    status = "Enabled"

    filter {
      prefix = "state/"
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  rule {
    id     = "config"
    status = "Enabled"

    filter {
      prefix = "config/"
    }

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }
  }

  rule {
    id     = "remains"
    status = "Enabled"

    filter {
      prefix = ""
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  # Rules for non-current versions mean nothing before there are versions.
  depends_on = [aws_s3_bucket_versioning.ledger]
}
