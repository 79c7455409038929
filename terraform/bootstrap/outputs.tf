output "bucket" {
  description = "The bucket of the states."
  value       = aws_s3_bucket.state.id
}

output "backend" {
  description = "The lines that complete an environment's backend: terraform output -raw backend > ../environments/account.hcl"
  value = join("\n", concat(
    ["bucket = \"${aws_s3_bucket.state.id}\"", "region = \"${var.region}\""],
    var.kms_key_arn == null ? [] : ["kms_key_id = \"${var.kms_key_arn}\""],
    [for table in data.aws_dynamodb_table.lock : "dynamodb_table = \"${table.name}\""],
    [""],
  ))
}
