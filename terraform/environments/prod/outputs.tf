output "farthing" {
  description = "Everything that the deployment says about itself."
  value       = module.farthing
}
