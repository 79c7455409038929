"""What a deployment costs a month, line by line: farthing's own bill. Pure.

One table of unit prices (us-east-1, USD), each with its source, when it was looked up and how sure it is; quantities
come from the settings and the ledger. Whoever finds another price changes one row.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Literal

import msgspec

from farthing.model import ZERO, exact_sum
from farthing.sources import PRICE_PER_REQUEST

REGION = "us-east-1"
DAYS_PER_MONTH = Decimal("30.4375")
"""Days: a year of 365.25 days, by twelve."""

HOURS_PER_MONTH = DAYS_PER_MONTH * 24
GIB = 2**30

RUN_METRICS = 7
SERVICE_METRICS = 10
"""Metrics that a run emits: its own, and one for each of the largest services."""

ALARMS = 7
"""Errors, duration, throttles, failed alerts, the heartbeat, and one for each of two queues of what was not handled."""

OTHER_WRITES, OTHER_READS, LISTS, LISTS_A_LENS = 12, 80, 26, 35
"""S3 requests of a run, besides one write and two reads for each day of its window; at most, counted on runs."""

LOG_BYTES = 20_000
"""Bytes that a run logs, its metrics and Lambda's own lines included; at most."""

LOG_MONTHS = 3
"""Months for which a log is kept."""

MESSAGES_A_DAY = 1
"""Alert messages a day that are priced."""

SECONDS_ASSUMED = Decimal(10)
"""Seconds of a run where no run on a bucket tells: twice what 14 days of a medium organisation took with 256 MB."""

ENDPOINT_ZONES = 2
"""Availability zones in which an interface endpoint stands."""

Sure = Literal["primary source", "second hand", "memory"]


class Price(msgspec.Struct, frozen=True):
    """A unit price in USD.

    Attributes:
        usd: for one ``unit``.
        unit: what is counted.
        source: where the service publishes it.
        seen: the month in which it was looked up.
        sure: how: at a primary source, in somebody else's words, or from memory.
        free: units a month that every account has free for good; of all its workloads together.
    """

    usd: Decimal
    unit: str
    source: str
    seen: str
    sure: Sure
    free: Decimal = ZERO


def _price(usd: str, unit: str, page: str, sure: Sure, free: int = 0) -> Price:
    return Price(Decimal(usd), unit, f"https://aws.amazon.com/{page}/pricing/", "2026-11", sure, Decimal(free))


PRICES: Mapping[str, Price] = {
    "lambda-arm64": _price("0.0000133334", "GB-s", "lambda", "second hand", 400_000),
    "lambda-x86_64": _price("0.0000166667", "GB-s", "lambda", "second hand", 400_000),
    "lambda-requests": _price("0.0000002", "request", "lambda", "second hand", 1_000_000),
    "cost-explorer": _price(
        str(PRICE_PER_REQUEST), "request", "aws-cost-management/aws-cost-explorer", "primary source"
    ),
    "s3-writes": _price("0.000005", "request", "s3", "second hand"),
    "s3-reads": _price("0.0000004", "request", "s3", "second hand"),
    "s3-storage": _price("0.023", "GB-month", "s3", "second hand"),
    "metrics": _price("0.30", "metric-month", "cloudwatch", "primary source", 10),
    "alarms": _price("0.10", "alarm-month", "cloudwatch", "primary source", 10),
    "dashboards": _price("3", "dashboard-month", "cloudwatch", "primary source", 3),
    "logs-taken": _price("0.50", "GB", "cloudwatch", "second hand", 5),
    "logs-kept": _price("0.03", "GB-month", "cloudwatch", "second hand", 5),
    "traces": _price("0.000005", "trace", "xray", "memory", 100_000),
    "secrets": _price("0.40", "secret-month", "secrets-manager", "primary source"),
    "secret-calls": _price("0.000005", "request", "secrets-manager", "memory"),
    "sns": _price("0.0000005", "request", "sns", "memory", 1_000_000),
    "sqs": _price("0.0000004", "request", "sqs", "memory", 1_000_000),
    "scheduler": _price("0.000001", "invocation", "eventbridge", "second hand", 14_000_000),
    "kms-keys": _price("1", "key-month", "kms", "primary source"),
    "kms-requests": _price("0.000003", "request", "kms", "memory", 20_000),
    "nat": _price("0.045", "hour", "vpc", "second hand"),
    "addresses": _price("0.005", "hour", "vpc", "second hand"),
    "endpoints": _price("0.01", "hour", "privatelink", "second hand"),
}


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What is deployed, and how much it is used.

    Attributes:
        architecture: of the function, arm64 or x86_64.
        memory_mb: of the function.
        runs_per_day: how often it runs.
        seconds_per_run: how long.
        billed_requests_per_run: of Cost Explorer.
        window_days: days that a run reads and, at most, writes again; on average.
        questions: the daily one and one for each lens.
        stored_bytes: of all objects in the ledger.
        topic: whether alerts go to SNS.
        dashboard: whether there is one.
        kms_key: whether it has a key of its own.
        nat_gateways: 0 without a VPC.
        endpoints: interface endpoints, each in two zones.
    """

    architecture: str = "arm64"
    memory_mb: int = 256
    runs_per_day: Decimal = Decimal(1)
    seconds_per_run: Decimal = SECONDS_ASSUMED
    billed_requests_per_run: int = 1
    window_days: Decimal = Decimal(14)
    questions: int = 1
    stored_bytes: int = 0
    topic: bool = True
    dashboard: bool = True
    kms_key: bool = False
    nat_gateways: int = 0
    endpoints: int = 0


class Line(msgspec.Struct, frozen=True):
    """One line of the bill: so many units at a price, a month."""

    what: str
    quantity: Decimal
    price: Price

    def cost(self, *, free_tier: bool = False) -> Decimal:
        """USD a month, exact; with ``free_tier`` only what is beyond what every account has free."""
        billed = max(ZERO, self.quantity - self.price.free) if free_tier else self.quantity
        return billed * self.price.usd


def lines(deployed: Deployment) -> tuple[Line, ...]:
    """Every line of a month."""
    runs = deployed.runs_per_day * DAYS_PER_MONTH
    days = deployed.window_days * deployed.questions
    writes = days + OTHER_WRITES
    lists = Decimal(LISTS + LISTS_A_LENS * (deployed.questions - 1))
    reads = 2 * days + OTHER_READS
    # A metric is billed for each hour in which it was sent.
    metric_hours = (RUN_METRICS + SERVICE_METRICS) * min(runs, HOURS_PER_MONTH)
    messages = DAYS_PER_MONTH * MESSAGES_A_DAY
    found = [
        ("Lambda, computing", Decimal(deployed.memory_mb) / 1024 * deployed.seconds_per_run * runs,
         f"lambda-{deployed.architecture}"),
        ("Lambda, requests", runs, "lambda-requests"),
        ("Cost Explorer, requests", deployed.billed_requests_per_run * runs, "cost-explorer"),
        ("S3, writes and lists", (writes + lists) * runs, "s3-writes"),
        ("S3, reads", reads * runs, "s3-reads"),
        ("S3, storage (Standard)", Decimal(deployed.stored_bytes) / GIB, "s3-storage"),
        ("CloudWatch, metrics", metric_hours / HOURS_PER_MONTH, "metrics"),
        ("CloudWatch, alarms", Decimal(ALARMS), "alarms"),
        ("CloudWatch, dashboard", Decimal(int(deployed.dashboard)), "dashboards"),
        ("CloudWatch, logs", LOG_BYTES * runs / GIB, "logs-taken"),
        ("CloudWatch, logs kept", LOG_MONTHS * LOG_BYTES * runs / GIB, "logs-kept"),
        ("X-Ray, traces", runs, "traces"),
        ("Secrets Manager, secret", Decimal(1), "secrets"),
        ("Secrets Manager, requests", messages, "secret-calls"),
        ("SNS, messages", messages if deployed.topic else ZERO, "sns"),
        ("SQS, failed runs", ZERO, "sqs"),
        ("Scheduler, invocations", runs, "scheduler"),
    ]  # fmt: skip
    if deployed.kms_key:
        found += [
            ("KMS, key", Decimal(1), "kms-keys"),
            ("KMS, requests", (writes + reads) * runs, "kms-requests"),
        ]
    if deployed.nat_gateways:
        hours = deployed.nat_gateways * HOURS_PER_MONTH
        found += [("VPC, NAT gateways", hours, "nat"), ("VPC, their public addresses", hours, "addresses")]
    if deployed.endpoints:
        zones = deployed.endpoints * ENDPOINT_ZONES
        found += [("VPC, interface endpoints", zones * HOURS_PER_MONTH, "endpoints")]
    return tuple(Line(what, _measured(quantity), PRICES[name]) for what, quantity, name in found)


def total(bill: Iterable[Line], *, free_tier: bool = False) -> Decimal:
    """USD a month: the exact sum of the lines."""
    return exact_sum(line.cost(free_tier=free_tier) for line in bill)


def _measured(quantity: Decimal) -> Decimal:
    """A quantity to a millionth: it is an estimate, and its price shall be a plain number."""
    return Context(prec=40, rounding=ROUND_HALF_EVEN).quantize(quantity, Decimal("0.000001")).normalize()
