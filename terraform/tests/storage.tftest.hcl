mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "the_architectures_profile_moves_small_history_and_expires_it" {
  command = plan
  module {
    source = "./modules/storage"
  }
  variables {
    environment = "dev"
  }

  assert {
    condition     = aws_s3_bucket.ledger.bucket_prefix == "aws-cost-data-dev-"
    error_message = "the bucket's name begins with aws-cost-data-dev-"
  }
  assert {
    condition     = toset([for t in aws_s3_bucket_lifecycle_configuration.ledger.rule[0].transition : "${t.days} ${t.storage_class}"]) == toset(["30 STANDARD_IA", "90 GLACIER_IR"])
    error_message = "Standard, Infrequent Access after 30 days, Glacier Instant Retrieval after 90"
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.ledger.rule[0].expiration[0].days == 2555
    error_message = "history expires after seven years"
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.ledger.rule[0].filter[0].and[0].object_size_greater_than == 1 && aws_s3_bucket_lifecycle_configuration.ledger.rule[0].filter[0].and[0].prefix == "cost_data/"
    error_message = "the rule holds for small objects too, and for history only"
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.ledger.transition_default_minimum_object_size == "all_storage_classes_128K"
    error_message = "without the filter, small objects stay where they are"
  }
}

run "glacier_flexible_retrieval_where_asked_for" {
  command = plan
  module {
    source = "./modules/storage"
  }
  variables {
    environment        = "prod"
    glacier_class      = "GLACIER"
    ia_after_days      = 60
    glacier_after_days = 180
  }

  assert {
    condition     = toset([for t in aws_s3_bucket_lifecycle_configuration.ledger.rule[0].transition : "${t.days} ${t.storage_class}"]) == toset(["60 STANDARD_IA", "180 GLACIER"])
    error_message = "class and days are as given"
  }
}

run "intelligent_tiering_at_once" {
  command = plan
  module {
    source = "./modules/storage"
  }
  variables {
    environment     = "dev"
    storage_profile = "intelligent_tiering"
  }

  assert {
    condition     = [for t in aws_s3_bucket_lifecycle_configuration.ledger.rule[0].transition : "${t.days} ${t.storage_class}"][0] == "0 INTELLIGENT_TIERING" && length(aws_s3_bucket_lifecycle_configuration.ledger.rule[0].transition) == 1
    error_message = "one transition, at once"
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.ledger.rule[0].filter[0].prefix == "cost_data/"
    error_message = "history only, and no size filter: small objects would only cost a transition"
  }
}

run "standard_only_expires" {
  command = plan
  module {
    source = "./modules/storage"
  }
  variables {
    environment     = "dev"
    storage_profile = "standard"
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.ledger.rule[0].transition) == 0 && aws_s3_bucket_lifecycle_configuration.ledger.rule[0].expiration[0].days == 2555
    error_message = "no transition, the same expiry"
  }
}

run "state_never_moves_and_keeps_one_day_of_versions" {
  command = plan
  module {
    source = "./modules/storage"
  }
  variables {
    environment = "dev"
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.ledger.rule : length(rule.transition) == 0 && (rule.id == "remains" || length(rule.expiration) == 0)
      if rule.id != "history"
    ])
    error_message = "only history moves and expires"
  }
  assert {
    condition     = jsonencode({ for rule in aws_s3_bucket_lifecycle_configuration.ledger.rule : rule.id => rule.noncurrent_version_expiration[0].noncurrent_days if length(rule.noncurrent_version_expiration) > 0 }) == jsonencode({ config = 90, history = 90, state = 1 })
    error_message = "earlier versions: 90 days, of state/ one"
  }
  assert {
    condition     = one([for rule in aws_s3_bucket_lifecycle_configuration.ledger.rule : rule.abort_incomplete_multipart_upload[0].days_after_initiation if rule.id == "remains"]) == 7
    error_message = "uploads that were given up are removed"
  }
}

run "nothing_is_public_and_everything_is_versioned_and_encrypted" {
  command = plan
  module {
    source = "./modules/storage"
  }
  variables {
    environment = "dev"
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.ledger.block_public_acls && aws_s3_bucket_public_access_block.ledger.block_public_policy && aws_s3_bucket_public_access_block.ledger.ignore_public_acls && aws_s3_bucket_public_access_block.ledger.restrict_public_buckets
    error_message = "all four blocks are on"
  }
  assert {
    condition     = aws_s3_bucket_ownership_controls.ledger.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "no ACLs"
  }
  assert {
    condition     = aws_s3_bucket_versioning.ledger.versioning_configuration[0].status == "Enabled"
    error_message = "versioned"
  }
  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.ledger.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    error_message = "AES256 without a key"
  }
  assert {
    condition     = aws_s3_bucket.ledger.force_destroy == false
    error_message = "destroy does not delete history unless asked to"
  }
  assert {
    condition = alltrue([for s in jsondecode(aws_s3_bucket_policy.ledger.policy).Statement : s.Effect == "Deny" && s.Principal == "*" && s.Action == "s3:*" && length(s.Resource) == 2]) && jsonencode([for s in jsondecode(aws_s3_bucket_policy.ledger.policy).Statement : s.Condition]) == jsonencode([
      { Bool = { "aws:SecureTransport" = "false" } },
      { NumericLessThan = { "s3:TlsVersion" = "1.2" } },
    ])
    error_message = "the policy denies all that is not TLS 1.2 or newer, and allows nothing"
  }
}

run "a_key_encrypts_the_bucket" {
  command = plan
  module {
    source = "./modules/storage"
  }
  variables {
    environment = "dev"
    kms_key_arn = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.ledger.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms" && one(aws_s3_bucket_server_side_encryption_configuration.ledger.rule).bucket_key_enabled
    error_message = "the key, with a bucket key, which saves requests to KMS"
  }
}

run "profiles_classes_and_days_are_checked" {
  command = plan
  module {
    source = "./modules/storage"
  }
  variables {
    environment     = "dev"
    storage_profile = "cheap"
    glacier_class   = "DEEP_ARCHIVE"
    ia_after_days   = 10
    noncurrent_days = 0
  }

  expect_failures = [var.storage_profile, var.glacier_class, var.ia_after_days, var.noncurrent_days]
}

run "glacier_comes_a_month_after_infrequent_access" {
  command = plan
  module {
    source = "./modules/storage"
  }
  variables {
    environment        = "dev"
    glacier_after_days = 40
  }

  expect_failures = [var.glacier_after_days]
}

run "history_is_kept_for_longer_than_a_year" {
  command = plan
  module {
    source = "./modules/storage"
  }
  variables {
    environment       = "dev"
    expire_after_days = 365
  }

  expect_failures = [var.expire_after_days]
}
