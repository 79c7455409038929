"""The simulated organisation: its accounts, the services they use, and the leaves that its bill is made of.

All of it is a pure function of (size, seed). Nothing here knows a date or an amount of a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from types import MappingProxyType

USD = 10**10
"""One US dollar in the integer unit of every amount here: Cost Explorer answers with up to ten decimals."""

MASK = (1 << 64) - 1
COST_CATEGORY = "business-unit"
RESERVABLE = frozenset({"Amazon Elastic Compute Cloud - Compute", "Amazon Relational Database Service"})
SAVINGS_PLAN_COVERS = frozenset(
    {"Amazon Elastic Compute Cloud - Compute", "AWS Lambda", "Amazon Elastic Container Service"}
)
NO_TAGS: tuple[tuple[str, str], ...] = ()


class Size(StrEnum):
    """How large the organisation is: accounts x services, and the account/service pairs in use."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


@dataclass(frozen=True, slots=True)
class Scale:
    """What a size means. `daily` is the target of an ordinary day's usage, in whole USD."""

    accounts: int
    services: int
    pairs: int
    daily: int
    incidents: int
    detailed: bool


SCALES: Mapping[Size, Scale] = MappingProxyType(
    {
        Size.SMALL: Scale(accounts=5, services=24, pairs=60, daily=360, incidents=8, detailed=True),
        Size.MEDIUM: Scale(accounts=12, services=60, pairs=350, daily=3_300, incidents=16, detailed=True),
        Size.LARGE: Scale(accounts=200, services=100, pairs=20_000, daily=240_000, incidents=32, detailed=False),
    }
)


@dataclass(frozen=True, slots=True)
class Account:
    """One linked account. `weight` is its share of the spending, relative to the others."""

    id: str
    name: str
    team: str
    environment: str
    business_unit: str
    region: str
    second_region: str
    weight: int


@dataclass(frozen=True, slots=True)
class Meter:
    """What a service meters: a usage type, its unit, and its price in millionths of a USD per unit."""

    usage_type: str
    unit: str
    price: int


@dataclass(frozen=True, slots=True)
class Service:
    """A service under the name by which Cost Explorer calls it.

    `weight`: its share of the spending; `rhythm`: a key of RHYTHMS; `noise`: its day-to-day standard deviation in
    parts per thousand; `everywhere`: not bound to a region.
    """

    name: str
    weight: int
    rhythm: str
    noise: int
    meters: tuple[Meter, ...]
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """The finest thing that is billed: everything by which Cost Explorer can group or filter, apart from time.

    An empty string means that the dimension does not apply (or was not recorded). `others` holds dimensions that
    have no field of their own, by their Cost Explorer name.
    """

    service: str = ""
    account: str = ""
    region: str = ""
    record_type: str = ""
    usage_type: str = ""
    unit: str = "N/A"
    tags: tuple[tuple[str, str], ...] = NO_TAGS
    categories: tuple[tuple[str, str], ...] = NO_TAGS
    others: tuple[tuple[str, str], ...] = NO_TAGS


@dataclass(frozen=True, slots=True)
class Pair:
    """A service in use in an account, with its share of an ordinary day in USD units of 10**-10."""

    service: int
    account: int
    base: int


@dataclass(frozen=True, slots=True)
class Organisation:
    """Accounts, services and the pairs of them that spend. The first account is the payer.

    `services` ends with the retired ones: `retired` is the index of the first of them.
    """

    size: Size
    seed: int
    scale: Scale
    accounts: tuple[Account, ...]
    services: tuple[Service, ...]
    retired: int
    pairs: tuple[Pair, ...]


RHYTHMS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {  # parts per thousand, Monday to Sunday
        "steady": (1005, 1005, 1005, 1005, 1000, 990, 990),
        "office": (1080, 1095, 1090, 1080, 1045, 820, 790),
        "build": (1180, 1240, 1230, 1200, 1090, 560, 500),
        "weekend": (940, 930, 940, 965, 1040, 1110, 1075),
        "batch": (1260, 960, 960, 960, 960, 950, 950),
    }
)

REGION_PREFIX: Mapping[str, str] = MappingProxyType(
    {
        "us-east-1": "",
        "us-west-2": "USW2-",
        "eu-west-1": "EU-",
        "eu-central-1": "EUC1-",
        "ap-southeast-1": "APS1-",
    }
)
_REGIONS = tuple(REGION_PREFIX)


def digest(*parts: object) -> int:
    """A 64-bit number that depends on nothing but `parts`: the same on every platform and Python."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def _meters(*rows: tuple[str, str, int]) -> tuple[Meter, ...]:
    return tuple(Meter(*row) for row in rows)


def _service(
    name: str, weight: int, rhythm: str, noise: int, *rows: tuple[str, str, int], everywhere: bool = False
) -> Service:
    return Service(name, weight, rhythm, noise, _meters(*rows), everywhere)


def _catalogue() -> tuple[Service, ...]:
    """The services in order of how common they are; a size takes the first so many."""
    head = (
        _service(
            "Amazon Elastic Compute Cloud - Compute",
            1000,
            "office",
            35,
            ("BoxUsage:m6i.xlarge", "Hrs", 192_000),
            ("BoxUsage:c6i.2xlarge", "Hrs", 340_000),
            ("SpotUsage:m6i.xlarge", "Hrs", 71_000),
        ),
        _service(
            "EC2 - Other",
            420,
            "steady",
            25,
            ("EBS:VolumeUsage.gp3", "GB-Mo", 80_000),
            ("NatGateway-Bytes", "GB", 45_000),
            ("NatGateway-Hours", "Hrs", 45_000),
        ),
        _service(
            "Amazon Relational Database Service",
            620,
            "steady",
            20,
            ("InstanceUsage:db.r6g.large", "Hrs", 260_000),
            ("RDS:GP3-Storage", "GB-Mo", 115_000),
        ),
        _service(
            "Amazon Simple Storage Service",
            380,
            "steady",
            20,
            ("TimedStorage-ByteHrs", "GB-Mo", 23_000),
            ("Requests-Tier1", "Requests", 5),
        ),
        _service(
            "AmazonCloudWatch",
            160,
            "office",
            40,
            ("DataProcessing-Bytes", "GB", 500_000),
            ("CW:MetricMonitorUsage", "Metrics", 300_000),
        ),
        _service("AWS Lambda", 140, "office", 60, ("Lambda-GB-Second", "Lambda-GB-Second", 17)),
        _service(
            "Amazon Elastic Load Balancing",
            120,
            "office",
            30,
            ("LoadBalancerUsage", "Hrs", 22_500),
            ("LCUUsage", "LCU-Hrs", 8_000),
        ),
        _service("Amazon Virtual Private Cloud", 90, "steady", 25, ("VpcEndpoint-Hours", "Hrs", 10_000)),
        _service(
            "Amazon DynamoDB",
            170,
            "weekend",
            50,
            ("WriteRequestUnits", "WriteRequestUnits", 1),
            ("TimedStorage-ByteHrs", "GB-Mo", 250_000),
        ),
        _service(
            "Amazon CloudFront",
            150,
            "weekend",
            60,
            ("US-DataTransfer-Out-Bytes", "GB", 85_000),
            everywhere=True,
        ),
        _service("Amazon ElastiCache", 110, "steady", 15, ("NodeUsage:cache.r6g.large", "Hrs", 206_000)),
        _service(
            "Amazon Elastic Container Service",
            130,
            "office",
            45,
            ("Fargate-vCPU-Hours:perCPU", "hours", 40_480),
        ),
        _service(
            "Amazon Elastic Container Service for Kubernetes",
            60,
            "steady",
            10,
            ("AmazonEKS-Hours:perCluster", "Hours", 100_000),
        ),
        _service("Amazon EC2 Container Registry (ECR)", 14, "build", 50, ("TimedStorage-ByteHrs", "GB-Mo", 100_000)),
        _service("AWS Key Management Service", 18, "office", 30, ("KMS-Requests", "Requests", 3)),
        _service("AWS Secrets Manager", 10, "steady", 15, ("AWSSecretsManager-Secrets", "Secrets", 400_000)),
        _service("Amazon Route 53", 9, "office", 40, ("DNS-Queries", "Queries", 1), everywhere=True),
        _service("Amazon Simple Queue Service", 16, "office", 60, ("Requests-RBP", "Requests", 1)),
        _service(
            "Amazon Simple Notification Service",
            7,
            "office",
            70,
            ("DeliveryAttempts-HTTP", "Notifications", 1),
        ),
        _service("Amazon API Gateway", 40, "weekend", 60, ("ApiGatewayRequest", "Requests", 3)),
        _service("AWS CloudTrail", 30, "steady", 40, ("PaidEventsRecorded", "Events", 20)),
        _service("AWS Config", 36, "build", 60, ("ConfigurationItemRecorded", "ConfigurationItemRecorded", 3_000)),
        _service("Amazon GuardDuty", 44, "steady", 30, ("PaidEventsAnalyzed-Bytes", "GB", 1_000_000)),
        _service("AWS Step Functions", 12, "batch", 70, ("StateTransition", "StateTransitions", 25)),
        # the first 24 are the small organisation
        _service("Amazon Redshift", 260, "batch", 25, ("Node:ra3.xlplus", "Hrs", 1_086_000)),
        _service("Amazon OpenSearch Service", 150, "steady", 15, ("ESInstance:r6g.large", "Hrs", 167_000)),
        _service("Amazon SageMaker", 170, "build", 120, ("Train:ml.g5.xlarge", "Hrs", 1_408_000)),
        _service("AWS Glue", 90, "batch", 90, ("ETL-DPU-Hour", "DPU-Hour", 440_000)),
        _service("Amazon Athena", 45, "build", 110, ("DataScannedInTB", "Terabytes", 5_000_000)),
        _service("Amazon Kinesis", 60, "weekend", 30, ("Storage-ShardHour", "ShardHour", 15_000)),
        _service("Amazon Kinesis Firehose", 32, "weekend", 40, ("BilledBytes", "GB", 29_000)),
        _service(
            "Amazon Managed Streaming for Apache Kafka",
            120,
            "steady",
            10,
            ("Kafka.m5.large", "hours", 210_000),
        ),
        _service("Amazon Elastic MapReduce", 110, "batch", 90, ("BoxUsage:m5.xlarge", "Hrs", 48_000)),
        _service("Amazon Elastic File System", 60, "steady", 20, ("TimedStorage-ByteHrs", "GB-Mo", 300_000)),
        _service("Amazon FSx", 50, "steady", 15, ("SSD-Storage", "GB-Mo", 130_000)),
        _service("AWS Backup", 70, "steady", 30, ("WarmStorage-ByteHrs-EBS", "GB-Mo", 50_000)),
        _service("AWS Direct Connect", 40, "steady", 5, ("PortUsage:1G", "Hrs", 300_000)),
        _service("AWS WAF", 22, "weekend", 40, ("WebACLV2", "WebACL", 5_000_000)),
        _service("AWS Security Hub", 20, "steady", 40, ("PaidComplianceCheck", "Checks", 1_000)),
        _service("Amazon Inspector", 18, "steady", 30, ("EC2-Monthly-Coverage", "Instances", 1_258_000)),
        _service("Amazon Macie", 16, "batch", 80, ("SensitiveDataDiscovery", "GB", 1_000_000)),
        _service("AWS Systems Manager", 12, "office", 40, ("Inventory-Advanced", "Instance-Hrs", 6_950)),
        _service("CodeBuild", 26, "build", 110, ("Build-Min:Linux:g1.small", "minutes", 5_000)),
        _service("AWS CodePipeline", 6, "steady", 20, ("ActionExecutionMinute", "Minutes", 2_000)),
        _service("AWS Data Transfer", 80, "weekend", 50, ("DataTransfer-Out-Bytes", "GB", 90_000)),
        _service("Amazon Bedrock", 130, "office", 110, ("InputTokenCount", "1K tokens", 3_000)),
        _service("Amazon Textract", 22, "office", 90, ("AnalyzeDocument", "Pages", 50_000)),
        _service("Amazon Rekognition", 14, "office", 90, ("ImagesProcessed", "Images", 1_000)),
        _service("Amazon Comprehend", 10, "office", 90, ("DetectEntities", "Unit", 100)),
        _service("Amazon Cognito", 20, "weekend", 40, ("CognitoUserPoolsMAU", "User", 5_500)),
        _service("Amazon Simple Email Service", 14, "office", 70, ("Recipients", "Count", 100)),
        _service(
            "Amazon DocumentDB (with MongoDB compatibility)",
            70,
            "steady",
            15,
            ("InstanceUsage:db.r6g.large", "Hrs", 263_000),
        ),
        _service("Amazon Neptune", 40, "steady", 15, ("InstanceUsage:db.r6g.large", "Hrs", 328_000)),
        _service("Amazon MemoryDB", 36, "steady", 15, ("NodeUsage:db.r6g.large", "Hrs", 309_000)),
        _service("CloudWatch Events", 5, "office", 60, ("Event-64K-Chunks", "Events", 1)),
        _service("AWS X-Ray", 8, "office", 60, ("XRay-TracesStored", "Traces", 5)),
        _service("AWS Global Accelerator", 16, "weekend", 30, ("Fee-Accelerator", "Hrs", 25_000), everywhere=True),
        _service("AWS Transfer Family", 24, "steady", 10, ("ProtocolHours", "Hrs", 300_000)),
        _service("AWS Database Migration Service", 18, "batch", 40, ("InstanceUsg:dms.r5.large", "Hrs", 175_000)),
        _service(
            "Amazon QuickSight",
            30,
            "steady",
            15,
            ("QS-Enterprise-User", "Users", 24_000_000),
            everywhere=True,
        ),
        # the first 60 are the medium organisation
    )
    tail = (
        "Amazon Transcribe",
        "Amazon Polly",
        "Amazon Translate",
        "Amazon Lex",
        "Amazon Kendra",
        "Amazon Personalize",
        "Amazon Connect",
        "Contact Center Telecommunications (service sold by AMCS, LLC)",
        "Amazon WorkSpaces",
        "Amazon AppStream",
        "Amazon Lightsail",
        "AWS Amplify",
        "AWS AppSync",
        "AWS IoT",
        "AWS IoT Device Management",
        "Amazon Timestream",
        "Amazon Keyspaces (for Apache Cassandra)",
        "Amazon MQ",
        "Amazon Managed Workflows for Apache Airflow",
        "AWS DataSync",
        "AWS Storage Gateway",
        "Amazon Glacier",
        "AWS Network Firewall",
        "AWS Shield",
        "AWS Firewall Manager",
        "AWS Certificate Manager",
        "AWS Directory Service",
        "AWS Cost Explorer",
        "AWS CloudFormation",
        "AWS CodeArtifact",
        "AWS CodeCommit",
        "AWS App Runner",
        "AWS Elemental MediaConvert",
        "AWS Elemental MediaLive",
        "Amazon Location Service",
        "Amazon Pinpoint",
        "AWS Elastic Disaster Recovery",
        "Amazon Managed Grafana",
        "Amazon Managed Service for Prometheus",
        "Amazon Detective",
    )
    rhythms, anything = tuple(RHYTHMS), ("Usage", "Units", 1_000)
    return head + tuple(
        _service(name, 8 + 67 * rank % 61, rhythms[rank % len(rhythms)], 15 + 7 * rank % 60, anything)
        for rank, name in enumerate(tail)
    )


_RETIRED = (
    _service("Amazon Elastic Inference", 90, "office", 30, ("EI:eia2.medium", "Hrs", 120_000)),
    _service("AWS OpsWorks", 60, "steady", 20, ("OpsWorks-Node-Hours", "Hrs", 15_500)),
)

_SMALL = (
    ("management", "platform", "prod", "Corporate", 6),
    ("prod-web", "storefront", "prod", "Retail", 40),
    ("prod-data", "data", "prod", "Analytics", 30),
    ("staging", "storefront", "staging", "Retail", 14),
    ("sandbox", "platform", "dev", "Corporate", 10),
)
_MEDIUM = (
    ("management", "platform", "prod", "Corporate", 30),
    ("prod-web", "storefront", "prod", "Retail", 220),
    ("prod-api", "core", "prod", "Retail", 180),
    ("data-platform", "data", "prod", "Analytics", 160),
    ("machine-learning", "ml", "prod", "Analytics", 110),
    ("payments", "payments", "prod", "Finance", 90),
    ("analytics", "data", "prod", "Analytics", 70),
    ("shared-services", "platform", "prod", "Corporate", 60),
    ("security", "security", "prod", "Corporate", 35),
    ("staging", "core", "staging", "Retail", 60),
    ("development", "core", "dev", "Retail", 50),
    ("sandbox", "platform", "dev", "Corporate", 20),
)
_DOMAINS = (
    "billing",
    "catalogue",
    "checkout",
    "claims",
    "clickstream",
    "content",
    "crm",
    "customers",
    "delivery",
    "devices",
    "discovery",
    "documents",
    "events",
    "finance",
    "fraud",
    "fulfilment",
    "gateway",
    "identity",
    "images",
    "insights",
    "inventory",
    "ledger",
    "logistics",
    "loyalty",
    "mailing",
    "maps",
    "marketing",
    "media",
    "mobile",
    "offers",
    "orders",
    "partners",
    "payments",
    "pricing",
    "profiles",
    "promotions",
    "ratings",
    "reporting",
    "returns",
    "rides",
    "routing",
    "search",
    "sessions",
    "shipping",
    "stores",
    "suppliers",
    "support",
    "telemetry",
    "trading",
    "warehouse",
)
_UNITS = ("Retail", "Finance", "Logistics", "Analytics", "Corporate")
_STAGES = (("prod", "prod", 100), ("data", "prod", 60), ("staging", "staging", 25), ("dev", "dev", 18))


def _account_rows(size: Size) -> tuple[tuple[str, str, str, str, int], ...]:
    if size is Size.SMALL:
        return _SMALL
    if size is Size.MEDIUM:
        return _MEDIUM
    # A few domains carry most of the spending, as everywhere: weights fall off with the domain's place.
    return tuple(
        (f"{domain}-{stage}", domain, environment, _UNITS[place % len(_UNITS)], weight * 60 // (8 + place))
        for place, domain in enumerate(_DOMAINS)
        for stage, environment, weight in _STAGES
    )


def _accounts(size: Size, seed: int) -> tuple[Account, ...]:
    accounts = []
    for place, (name, team, environment, unit, weight) in enumerate(_account_rows(size)):
        mark = digest("account", size.value, seed, place)
        home = (mark >> 20) % 3
        accounts.append(
            Account(
                # The place in the last digits keeps the ids apart whatever the seed.
                id=f"{100_000_000 + mark % 899_999_999:09d}{place:03d}",
                name=name,
                team=team,
                environment=environment,
                business_unit=unit,
                region=_REGIONS[home],
                second_region=_REGIONS[(home + 1 + (mark >> 40) % 4) % 5],
                weight=weight,
            )
        )
    return tuple(accounts)


def _pairs(
    size: Size, seed: int, scale: Scale, accounts: tuple[Account, ...], services: tuple[Service, ...]
) -> tuple[Pair, ...]:
    """The pairs that spend: common services in most accounts, rare ones in few, each in at least one."""
    luck = 4 * scale.services  # how far a pair's chance can move it from its service's rank
    ranked = sorted(
        (service * 5 + digest("pair", size.value, seed, service, account) % luck, service, account)
        for service in range(scale.services)
        for account in range(scale.accounts)
    )
    at_least_one = {
        (service, digest("home", size.value, seed, service) % scale.accounts) for service in range(scale.services)
    }
    # Compute and its surroundings are needed everywhere that something is simulated upon.
    at_least_one |= {(service, account) for service in (0, 1) for account in range(scale.accounts)}
    chosen = sorted(at_least_one)
    for _, service, account in ranked:
        if len(chosen) >= scale.pairs:
            break
        if (service, account) not in at_least_one:
            chosen.append((service, account))
    weights = [
        services[service].weight
        * accounts[account].weight
        * (600 + digest("share", size.value, seed, service, account) % 800)
        for service, account in chosen
    ]
    total, target = sum(weights), scale.daily * USD
    least = target // (scale.pairs * 400)
    return tuple(
        Pair(service, account, max(least, target * weight // total))
        for (service, account), weight in sorted(zip(chosen, weights, strict=True))
    )


def organisation(size: Size, seed: int) -> Organisation:
    """The organisation of this size and seed."""
    scale = SCALES[size]
    accounts = _accounts(size, seed)
    services = _catalogue()[: scale.services]
    return Organisation(
        size=size,
        seed=seed,
        scale=scale,
        accounts=accounts,
        services=services + _RETIRED,
        retired=scale.services,
        pairs=_pairs(size, seed, scale, accounts, services),
    )


def largest_pairs(organisation: Organisation, count: int) -> list[int]:
    """The places of the pairs that spend most, the largest first."""
    pairs = organisation.pairs
    return sorted(range(len(pairs)), key=lambda place: (-pairs[place].base, place))[:count]
