"""The services of the organisation: what they cost on a usual day and how they behave."""

from typing import NamedTuple


class Service(NamedTuple):
    """One service.

    Attributes:
        name: as on the bill.
        level: the middle of its accounts' daily spend, in the currency.
        noise: from day to day, as a share of the level: the least and the most that a series may have.
        rhythms: how its series may go by the week: flat, office, leisure, batch.
    """

    name: str
    level: float
    noise: tuple[float, float]
    rhythms: tuple[str, ...]


SERVICES = (
    Service("Amazon Elastic Compute Cloud - Compute", 420, (0.03, 0.12), ("office", "office", "flat")),
    Service("Amazon Relational Database Service", 260, (0.01, 0.05), ("flat", "flat", "office")),
    Service("Amazon Redshift", 210, (0.01, 0.06), ("flat", "batch")),
    Service("Amazon OpenSearch Service", 130, (0.01, 0.05), ("flat",)),
    Service("Amazon ElastiCache", 90, (0.01, 0.04), ("flat",)),
    Service("Amazon SageMaker", 150, (0.08, 0.18), ("office", "office", "flat")),
    Service("Amazon Bedrock", 110, (0.08, 0.16), ("office", "leisure")),
    Service("Amazon Simple Storage Service", 120, (0.01, 0.04), ("flat",)),
    Service("EC2 - Other", 100, (0.02, 0.08), ("flat", "office")),
    Service("Amazon Elastic Container Service", 110, (0.03, 0.09), ("flat", "office")),
    Service("Amazon Elastic Container Service for Kubernetes", 90, (0.01, 0.06), ("flat",)),
    Service("Amazon Elastic MapReduce", 140, (0.05, 0.14), ("batch", "office")),
    Service("AWS Glue", 70, (0.05, 0.14), ("batch", "office", "flat")),
    Service("Amazon CloudFront", 95, (0.04, 0.12), ("leisure", "leisure", "flat")),
    Service("Amazon DynamoDB", 85, (0.03, 0.10), ("leisure", "office", "flat")),
    Service("AWS Data Transfer", 75, (0.04, 0.12), ("leisure", "flat")),
    Service("AWS Lambda", 55, (0.04, 0.12), ("office", "leisure", "flat")),
    Service("AmazonCloudWatch", 65, (0.02, 0.08), ("flat", "office")),
    Service("Amazon Kinesis", 60, (0.02, 0.09), ("leisure", "flat")),
    Service("Amazon Elastic Load Balancing", 50, (0.02, 0.07), ("flat", "office")),
    Service("Amazon Virtual Private Cloud", 45, (0.01, 0.05), ("flat",)),
    Service("AWS Backup", 45, (0.02, 0.08), ("flat", "batch")),
    Service("Amazon Managed Streaming for Apache Kafka", 95, (0.01, 0.05), ("flat",)),
    Service("Amazon GuardDuty", 50, (0.03, 0.10), ("flat", "office")),
    Service("AWS Config", 40, (0.04, 0.12), ("flat", "office")),
    Service("Amazon Route 53", 40, (0.02, 0.08), ("flat",)),
)

SPORADIC = ("Amazon Athena", "Amazon Textract", "Amazon Transcribe")
ZERO = ("AWS Step Functions", "Amazon Cognito", "AWS Systems Manager")
TINY = ("AWS Key Management Service", "AWS Secrets Manager", "Amazon Simple Queue Service", "AWS CloudShell")
MARKETPLACE = ("Meridian Logs", "Harbor Firewall", "Tern Feature Store")
TAX = "Tax"
SUPPORT = "AWS Support (Business)"
