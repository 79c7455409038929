variable "name" {
  description = "The deployment's name, such as farthing-prod; the alarms' names begin with it."
  type        = string
}

variable "environment" {
  description = "dev, staging or prod; the dimension of farthing's metrics."
  type        = string
}

variable "function_name" {
  description = "The function that is watched."
  type        = string
}

variable "timeout_seconds" {
  description = "The function's timeout."
  type        = number
}

variable "duration_percent" {
  description = "Alarm when a run takes more than this share of the timeout."
  type        = number
  default     = 80
}

variable "heartbeat_hours" {
  description = "Alarm when no run succeeded for so many hours."
  type        = number
  default     = 26
}

variable "cost_threshold" {
  description = "Drawn into the chart of the daily cost."
  type        = number
}

variable "dead_letter_queues" {
  description = "Names of the queues that keep what was given up, by the name of their alarm."
  type        = map(string)
}

variable "system_health_topic_arn" {
  description = "The topic of alarms that somebody must see now."
  type        = string
}

variable "operational_topic_arn" {
  description = "The topic of alarms that can wait until the morning."
  type        = string
}

variable "dashboard" {
  description = "Makes a dashboard."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
