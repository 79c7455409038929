# Known only when the bucket is ready: a function that writes before versioning is on would lose a version.
output "bucket" {
  description = "The bucket's name."
  value       = aws_s3_bucket.ledger.id
  depends_on  = [aws_s3_bucket_versioning.ledger, aws_s3_bucket_server_side_encryption_configuration.ledger, aws_s3_bucket_ownership_controls.ledger, aws_s3_bucket_policy.ledger]
}

output "arn" {
  description = "The bucket's ARN."
  value       = aws_s3_bucket.ledger.arn
}
