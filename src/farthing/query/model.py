"""A question about the bill as a frozen value, how people spell it, and its answer. Pure.

The grammar of ``--where``: terms ``key:value``, a leading ``-`` excludes, quotes hold a value with spaces
together, ``*`` stands for anything, case does not matter. Terms of one key are alternatives, different keys
must all hold. A key is one line in ``COLUMNS``, or ``tag:KEY=VALUE``, ``category:NAME=VALUE`` (a cost category;
``category:Tax``, without a name, is the ChargeCategory); a metric is one line in ``METRICS``. A service may be called
what everybody calls it: ``SHORT_NAMES``.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from functools import partial
from typing import Any

import msgspec

from farthing.errors import UsageError
from farthing.model import ZERO, Period, exact_difference, exact_sum, is_filling

Key = date | str | None
"""What a row is about in one column: a day, a name, or None where the source knows no name."""


class Column(msgspec.Struct, frozen=True):
    """A column to group or filter by. ``label`` is what a person reads above it."""

    name: str
    aliases: tuple[str, ...]
    label: str
    is_day: bool = False


class Metric(msgspec.Struct, frozen=True):
    """An amount of every charge. ``meaning`` says in words what it includes."""

    name: str
    aliases: tuple[str, ...]
    label: str
    meaning: str


COLUMNS: Mapping[str, Column] = {
    column.name: column
    for column in (
        Column("ChargePeriodStart", ("day", "date"), "Day", is_day=True),
        Column("BillingPeriodStart", ("month",), "Month", is_day=True),
        Column("ServiceName", ("service",), "Service"),
        Column("SubAccountId", ("account",), "Account"),
        Column("SubAccountName", ("account-name",), "Account name"),
        Column("BillingCurrency", ("currency",), "Currency"),
        Column("RegionId", ("region",), "Region"),
        Column("x_RecordType", ("record-type",), "Record type"),
        Column("x_Week", ("week",), "Week from", is_day=True),
        Column("ProviderName", ("provider",), "Provider"),
        Column("BillingAccountId", ("billing-account", "payer"), "Billing account"),
        Column("BillingAccountName", ("billing-account-name",), "Billing account name"),
        Column("InvoiceIssuerName", ("invoice-issuer",), "Invoice issuer"),
        Column("InvoiceId", ("invoice",), "Invoice"),
        Column("PublisherName", ("publisher",), "Publisher"),
        Column("ServiceCategory", ("service-category",), "Service category"),
        Column("ServiceSubcategory", ("service-subcategory",), "Service subcategory"),
        Column("ChargeCategory", ("charge-category", "category"), "Charge category"),
        Column("ChargeClass", ("charge-class",), "Charge class"),
        Column("ChargeFrequency", ("charge-frequency",), "Charge frequency"),
        Column("ChargeDescription", ("description",), "Description"),
        Column("RegionName", ("region-name",), "Region name"),
        Column("AvailabilityZone", ("zone", "az"), "Availability zone"),
        Column("ResourceId", ("resource",), "Resource"),
        Column("ResourceName", ("resource-name",), "Resource name"),
        Column("ResourceType", ("resource-type",), "Resource type"),
        Column("SkuId", ("sku",), "SKU"),
        Column("SkuPriceId", ("sku-price",), "SKU price"),
        Column("SkuMeter", ("sku-meter", "meter"), "SKU meter"),
        Column("PricingCategory", ("pricing-category",), "Pricing category"),
        Column("PricingUnit", ("pricing-unit", "unit"), "Pricing unit"),
        Column("ConsumedUnit", ("consumed-unit",), "Consumed unit"),
        Column("CommitmentDiscountCategory", ("commitment-category",), "Commitment category"),
        Column("CommitmentDiscountId", ("commitment",), "Commitment"),
        Column("CommitmentDiscountName", ("commitment-name",), "Commitment name"),
        Column("CommitmentDiscountStatus", ("commitment-status",), "Commitment status"),
        Column("CommitmentDiscountType", ("commitment-type",), "Commitment type"),
        Column("x_UsageType", ("usage-type",), "Usage type"),
        Column("x_Operation", ("operation",), "Operation"),
        Column("x_ServiceCode", ("service-code",), "Service code"),
    )
}

SHORT_NAMES: Mapping[str, tuple[str, ...]] = {
    "alb": ("Elastic Load Balancing",),
    "apigateway": ("Amazon API Gateway",),
    "athena": ("Amazon Athena",),
    "cloudfront": ("Amazon CloudFront",),
    "cloudtrail": ("AWS CloudTrail",),
    "cloudwatch": ("AmazonCloudWatch", "Amazon CloudWatch"),
    "dynamodb": ("Amazon DynamoDB",),
    "ebs": ("Amazon Elastic Block Store",),
    "ec2": ("Amazon Elastic Compute Cloud*",),
    "ecr": ("Amazon EC2 Container Registry*", "Amazon Elastic Container Registry*"),
    "ecs": ("Amazon Elastic Container Service",),
    "efs": ("Amazon Elastic File System",),
    "eks": ("Amazon Elastic Container Service for Kubernetes", "Amazon Elastic Kubernetes Service"),
    "elasticache": ("Amazon ElastiCache",),
    "elb": ("Elastic Load Balancing", "Amazon Elastic Load Balancing"),
    "emr": ("Amazon Elastic MapReduce",),
    "glue": ("AWS Glue",),
    "kinesis": ("Amazon Kinesis*",),
    "kms": ("AWS Key Management Service",),
    "lambda": ("AWS Lambda",),
    "msk": ("Amazon Managed Streaming for Apache Kafka",),
    "opensearch": ("Amazon OpenSearch Service",),
    "rds": ("Amazon Relational Database Service",),
    "redshift": ("Amazon Redshift",),
    "route53": ("Amazon Route 53",),
    "s3": ("Amazon Simple Storage Service",),
    "sagemaker": ("Amazon SageMaker*",),
    "ses": ("Amazon Simple Email Service",),
    "sns": ("Amazon Simple Notification Service",),
    "sqs": ("Amazon Simple Queue Service",),
    "support": ("AWS Support*",),
    "vpc": ("Amazon Virtual Private Cloud",),
    "waf": ("AWS WAF",),
}
"""What people type for a service, in lower case -> what AWS calls it in its bills, with ``*`` for anything."""

KEYED: Mapping[str, str] = {"tag": "Tags/", "category": "x_CostCategories/"}
"""Columns of which there is one for each key that somebody made up: how they are typed, and what they are called."""


def column_of(name: str) -> Column | None:
    """The column of that name, None if there is none."""
    for kind, prefix in KEYED.items():
        if name.startswith(prefix) and name != prefix:
            return Column(name, (), f"{kind.capitalize()} {name.removeprefix(prefix)}")
    if name.startswith("x_") and name not in COLUMNS:
        return Column(name, (), name.removeprefix("x_"))
    return COLUMNS.get(name)


def label_of(name: str) -> str:
    """What a person reads above a column."""
    column = column_of(name)
    return column.label if column else name


def is_day(name: str) -> bool:
    """Whether a column holds days."""
    column = column_of(name)
    return column is not None and column.is_day


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("BilledCost", ("billed",), "Billed", "billed cost, net of credits and discounts"),
        Metric(
            "EffectiveCost",
            ("effective",),
            "Effective",
            "effective cost, net, with prepaid commitments spread over the days that they cover",
        ),
        Metric("ListCost", ("list",), "List", "list cost, at public prices"),
        Metric("ContractedCost", ("contracted",), "Contracted", "contracted cost, at negotiated prices"),
        Metric("x_UnblendedCost", ("unblended",), "Unblended", "unblended cost, on the day it was charged, gross"),
        Metric(
            "x_AmortizedCost",
            ("amortized", "amortised"),
            "Amortized",
            "amortized cost, commitments spread, gross",
        ),
        Metric("x_BlendedCost", ("blended",), "Blended", "blended cost, at the organisation's average rates"),
        Metric("PricingQuantity", ("quantity",), "Quantity", "quantity that was priced, in units of its own"),
        Metric("ConsumedQuantity", ("consumed",), "Consumed", "quantity that was consumed, in units of its own"),
    )
}

QUANTITIES: Mapping[str, str] = {"PricingQuantity": "PricingUnit", "ConsumedQuantity": "ConsumedUnit"}
"""Metrics that are no money -> the column of their unit. They are answered only when they are asked for, and only
grouped by their unit: hours and gigabytes do not add up."""


class Filter(msgspec.Struct, frozen=True):
    """Keeps (or, with ``exclude``, drops) the charges whose column matches one of the values.

    A value matches the whole text, ``*`` anything, upper and lower case alike. SubAccountId looks at the
    account's name as well. A charge without a name matches no value. With ``whole`` the values are texts as they are:
    no wildcard, no other case, no other column.
    """

    column: str
    values: tuple[str, ...]
    exclude: bool = False
    whole: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it looks at: an account is found by its id and by its name."""
        found_by_name = self.column == "SubAccountId" and not self.whole
        return ("SubAccountId", "SubAccountName") if found_by_name else (self.column,)


def matches(term: Filter, text: str | None) -> bool:
    """Whether a text in the filter's column lets a charge pass."""
    folded = None if text is None else text.lower()
    hit = folded is not None and any(_fits(value.lower(), folded) for value in term.values)
    return hit is not term.exclude


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


class Query(msgspec.Struct, frozen=True):
    """What to add up: the charges of a period that pass every filter, per combination of ``group_by``.

    ``group_by`` holds FOCUS names; none gives one row. ``metrics`` None asks for every one that is there. With ``top``
    only so many rows are named, the largest by the first metric; the others are added up in one.
    """

    period: Period
    group_by: tuple[str, ...] = ("ServiceName",)
    filters: tuple[Filter, ...] = ()
    metrics: tuple[str, ...] | None = None
    top: int | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that whoever asks has named, each once."""
        return tuple(dict.fromkeys([*self.group_by, *(term.column for term in self.filters)]))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the query looks at, each once."""
        filtered = (name for term in self.filters for name in term.columns)
        return tuple(dict.fromkeys([*self.group_by, *filtered]))


class Row(msgspec.Struct, frozen=True):
    """One group: ``keys`` in the order of the result's columns, ``amounts`` in that of its metrics."""

    keys: tuple[Key, ...]
    amounts: tuple[Decimal, ...]


class Result(msgspec.Struct, frozen=True):
    """The answer to a query, in one currency, exact.

    ``totals`` are the sums of the rows, in the order of ``metrics``. ``currency`` is None where there is no
    data. ``days_present`` are the days of the period that the ledger holds, filtered or not, oldest first;
    ``days_provisional`` those that still fill up. ``days_lacking`` counts, per metric, the days whose
    source did not give it: they are missing in its sums. ``days_from`` tells, for each source of figures (``reports``,
    ``exports``), the days that come from it; of a day that has several providers, both may be named. ``rest`` is what
    the rows beyond the query's ``top`` come to, ``rest_count`` how many they are; the totals are of all.
    """

    period: Period
    columns: tuple[str, ...]
    metrics: tuple[str, ...]
    rows: tuple[Row, ...]
    totals: tuple[Decimal, ...]
    currency: str | None
    days_present: tuple[date, ...]
    days_provisional: tuple[date, ...]
    days_lacking: Mapping[str, int] = {}
    days_from: Mapping[str, tuple[date, ...]] = {}
    rest: Row | None = None
    rest_count: int = 0

    def total(self, metric: str) -> Decimal:
        """The sum of a metric over all rows; zero where it was not asked for or is not there."""
        return dict(zip(self.metrics, self.totals, strict=True)).get(metric, ZERO)


class Day(msgspec.Struct, frozen=True):
    """A day that an engine holds, from one source.

    ``selected`` tells whether the query's filters may let it pass. ``stray``: the source may have a charge of it, and
    does not tell of the whole day.
    """

    day: date
    currency: str
    metrics: tuple[str, ...]
    selected: bool = True
    source: str = "reports"
    stray: bool = False


def metrics_to_sum(query: Query, days: Iterable[Day]) -> tuple[str, ...]:
    """The metrics that a query adds up on these days, the known ones first.

    Raises:
        UsageError: the query names one that no day has.
    """
    selected = [day for day in days if day.selected]
    there = in_order({metric for day in selected for metric in day.metrics})
    if query.metrics is None:
        return tuple(metric for metric in there if metric not in QUANTITIES)
    for metric in query.metrics:
        unit = QUANTITIES.get(metric)
        if unit and unit not in query.group_by:
            raise UsageError(f"{metric} is in units of its own: group by {_BY_NAME[unit]} too (--by {_BY_NAME[unit]})")
    for metric in query.metrics if selected else ():
        if metric not in there:
            raise UsageError(f"no day of {query.period} has the metric {metric}: there are {', '.join(there)}")
    return query.metrics


def in_order(metrics: Iterable[str]) -> tuple[str, ...]:
    """Metrics in the order in which people expect them: the known ones first, then by name."""
    names = sorted(metrics)
    known = list(METRICS)
    return tuple(sorted(names, key=lambda name: known.index(name) if name in METRICS else len(known)))


class Whole(msgspec.Struct, frozen=True):
    """How many rows there are and what they come to, where an engine brings the largest alone."""

    count: int
    totals: tuple[Decimal, ...]


def rows_in(query: Query, metrics: Sequence[str], found: Sequence[tuple]) -> tuple[list[Row], Whole | None]:  # type: ignore[type-arg]
    """An engine's rows, as :func:`farthing.query.compile.compile_rows` asks for them, as values."""
    width, end = len(query.group_by), len(query.group_by) + len(metrics)
    rows = [Row(row[:width], row[width:end]) for row in found]
    if query.top is None or not found:
        return rows, None
    return rows, Whole(int(found[0][end]), tuple(found[0][end + 1 :]))


def result(
    query: Query,
    metrics: tuple[str, ...],
    rows: Iterable[Row],
    *,
    currency: str | None,
    days: Sequence[Day],
    now: datetime,
    whole: Whole | None = None,
) -> Result:
    """Puts an engine's rows in their order, see :func:`rows_in_order`."""
    ordered = tuple(rows_in_order(query.group_by, rows))
    days = [day for day in days if not day.stray]
    present = tuple(sorted({day.day for day in days}))
    selected = [day for day in days if day.selected]
    lacking = {metric: len({day.day for day in selected if metric not in day.metrics}) for metric in metrics}
    sources = sorted({day.source for day in days})
    sums = tuple(exact_sum(row.amounts[index] for row in ordered) for index in range(len(metrics)))
    totals, rest, rest_count = sums, None, 0
    if whole is not None and whole.count > len(ordered):
        totals, rest_count = whole.totals, whole.count - len(ordered)
        rest = Row((), tuple(exact_difference(all_, named) for all_, named in zip(totals, sums, strict=True)))
    return Result(
        period=query.period,
        columns=query.group_by,
        metrics=metrics,
        rows=ordered,
        totals=totals,
        rest=rest,
        rest_count=rest_count,
        currency=currency,
        days_present=present,
        days_provisional=tuple(day for day in present if is_filling(day, now)),
        days_lacking={metric: count for metric, count in lacking.items() if count},
        days_from={source: tuple(sorted({day.day for day in days if day.source == source})) for source in sources},
    )


def rows_in_order(columns: Sequence[str], rows: Iterable[Row]) -> list[Row]:
    """Rows in their order: days, then the first metric from the largest down, then names; no name comes last."""
    ordered = list(rows)
    days = [place for place, name in enumerate(columns) if is_day(name)]
    names = [place for place, name in enumerate(columns) if not is_day(name)]
    # Stable sorts, the least important first, take a quarter of the time of one sort by a tuple for each row.
    for place in reversed(names):
        ordered.sort(key=partial(_name_at, place))
        ordered.sort(key=partial(_is_nameless_at, place))
    if ordered and ordered[0].amounts:
        ordered.sort(key=_first_amount, reverse=True)
    for place in reversed(days):
        ordered.sort(key=partial(_key_at, place))
    return ordered


def _key_at(place: int, row: Row) -> Any:
    return row.keys[place]


def _name_at(place: int, row: Row) -> Any:
    return row.keys[place] or ""


def _is_nameless_at(place: int, row: Row) -> bool:
    return row.keys[place] is None


def _first_amount(row: Row) -> Decimal:
    return row.amounts[0]


def parse_by(texts: Iterable[str]) -> tuple[str, ...]:
    """The columns that ``--by`` names: FOCUS names or aliases, repeated or with commas between.

    Raises:
        UsageError: one is unknown; the message names the nearest.
    """
    return _names("--by", texts, _BY)


def parse_metrics(texts: Iterable[str]) -> tuple[str, ...] | None:
    """The metrics that ``--metric`` names, None if it names none. A custom one (``x_...``) is taken as it is.

    Raises:
        UsageError: one is unknown; the message names the nearest.
    """
    return _names("--metric", texts, _METRIC) or None


def parse_where(text: str) -> tuple[Filter, ...]:
    """The filters that ``--where`` spells, one for each key and sign, in the order of their first term.

    Raises:
        UsageError: a quote is not closed, a term has no key or no value, or the key is unknown; the message
            names it and the nearest known key.
    """
    try:
        terms = shlex.split(text)
    except ValueError as error:
        raise UsageError(
            f'--where {text!r}: a quote is not closed; write "service:Amazon Simple Storage Service", '
            "with double quotes around a value that holds an apostrophe"
        ) from error
    values: dict[tuple[str, bool], list[str]] = {}
    for term in terms:
        column, exclude, value = _term(term)
        alternatives = values.setdefault((column, exclude), [])
        alternatives.append(value)
        if column == "ServiceName":
            alternatives += SHORT_NAMES.get(value.lower(), ())
    return tuple(
        Filter(column, tuple(dict.fromkeys(alternatives)), exclude)
        for (column, exclude), alternatives in values.items()
    )


def _term(term: str) -> tuple[str, bool, str]:
    exclude = term.startswith("-")
    key, colon, value = term.removeprefix("-").partition(":")
    if not colon:
        raise UsageError(
            f"--where: {term!r} has no key; write key:value, such as service:{term.removeprefix('-') or '*'} "
            f"(keys: {_listed(_WHERE)})"
        )
    if key.lower() in KEYED and (key.lower() not in _WHERE or "=" in value):
        name, equals, value = value.partition("=")
        if not name or not equals:
            raise UsageError(
                f"--where: {term!r} has no value; write {key}:NAME=VALUE, such as {key}:{name or 'team'}=core"
            )
        return KEYED[key.lower()] + name, exclude, value
    column = _WHERE.get(key.lower())
    if column is None and (own := column_of(key)) is not None and not own.is_day:
        column = own.name
    if column is None and key.lower() in _BY:
        raise UsageError(f"--where: {key!r} is no filter; name the days with --period, or --start and --end")
    if column is None:
        raise _unknown("--where", key, _WHERE)
    if not value:
        raise UsageError(f"--where: {term!r} has no value; {key}:* means any")
    return column, exclude, value


def _table(things: Iterable[Column | Metric]) -> dict[str, str]:
    """Every spelling in lower case -> name; a thing's shortest-to-type spelling comes first."""
    return {spelling.lower(): thing.name for thing in things for spelling in (*thing.aliases, thing.name)}


LISTED = 12
"""How many names a message lists before it says how many more there are."""

_BY = _table(COLUMNS.values())
_WHERE = _table(column for column in COLUMNS.values() if not column.is_day)
_METRIC = _table(METRICS.values())
_BY_NAME = {column.name: (column.aliases or (column.name,))[0] for column in COLUMNS.values()}


def _names(option: str, texts: Iterable[str], known: Mapping[str, str]) -> tuple[str, ...]:
    spelled = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    names: dict[str, None] = {}
    for part in spelled:
        name = known.get(part.lower())
        kind, _, key = part.partition(":")
        if name is None and option == "--by" and kind.lower() in KEYED and key:
            name = KEYED[kind.lower()] + key
        if name is None and option == "--by" and column_of(part):
            name = part
        if name is None and option == "--metric" and part.startswith("x_"):
            name = part
        if name is None:
            raise _unknown(option, part, known)
        names[name] = None
    return tuple(names)


def _unknown(option: str, text: str, known: Mapping[str, str]) -> UsageError:
    near = get_close_matches(text.lower(), known, n=1, cutoff=0.5)
    hint = f", the nearest is {near[0]}" if near else ""
    return UsageError(f"{option}: {text!r} is unknown{hint}; there are {_listed(known)}")


def _listed(known: Mapping[str, str]) -> str:
    """The first names by their aliases, with the FOCUS names beside them, and how many more there are."""
    first: dict[str, str] = {}
    for spelling, name in known.items():
        first.setdefault(name, spelling)
    keyed = [f"{kind}:NAME" for kind in KEYED] if "ServiceName" in first else []
    names = [*(f"{spelling} ({name})" for name, spelling in list(first.items())[:LISTED]), *keyed]
    more = len(first) - LISTED
    return ", ".join(names) + (f" and {more} more (docs/querying.md)" if more > 0 else "")
