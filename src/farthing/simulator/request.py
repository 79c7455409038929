"""Reading requests whose shape was checked: what is asked, or the service's refusal. Pure.

What AWS documents, or was seen to answer, is imitated down to the wording; where neither is known the wording
is near (docs/simulator.md lists which).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

from farthing.simulator.errors import ServiceError, invalid, violated
from farthing.simulator.expression import GROUP_DIMENSIONS, Predicate, dimension, read_filter
from farthing.simulator.organisation import Leaf
from farthing.simulator.source import COSTS, METRICS

HOURLY_DAYS = 14
DAILY_FORECAST_MONTHS = 3
MONTHLY_FORECAST_MONTHS = 18
MOST_VALUES = 1000
_ONE_DAY = timedelta(days=1)
_DAY_FORMAT = "yyyy-MM-dd"
_HOUR_FORMAT = "yyyy-MM-ddTHH:mm:ssZ"

VALUE_DIMENSIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "COST_AND_USAGE": (
            *("AZ", "BILLING_ENTITY", "CACHE_ENGINE", "DEPLOYMENT_OPTION", "DATABASE_ENGINE", "INSTANCE_TYPE"),
            *("INSTANCE_TYPE_FAMILY", "INVOICING_ENTITY", "LEGAL_ENTITY_NAME", "LINKED_ACCOUNT", "OPERATING_SYSTEM"),
            *("OPERATION", "PLATFORM", "PURCHASE_TYPE", "RESERVATION_ID", "SAVINGS_PLAN_ARN", "SAVINGS_PLANS_TYPE"),
            *("SERVICE", "TENANCY", "USAGE_TYPE", "USAGE_TYPE_GROUP", "REGION", "RECORD_TYPE"),
        ),
        "RESERVATIONS": (
            *("AZ", "CACHE_ENGINE", "DEPLOYMENT_OPTION", "INSTANCE_TYPE", "LINKED_ACCOUNT", "PLATFORM"),
            *("REGION", "TENANCY"),
        ),
        "SAVINGS_PLANS": (
            *("SAVINGS_PLANS_TYPE", "PAYMENT_OPTION", "REGION", "INSTANCE_TYPE_FAMILY", "LINKED_ACCOUNT"),
            "SAVINGS_PLAN_ARN",
        ),
    }
)
"""GetDimensionValues' dimensions per context, as its documentation lists them; RESOURCE_ID, SCOPE and PRODUCT_ATTRIBUTE
are not simulated."""

_CONTEXTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "RESERVATIONS": frozenset({"DiscountedUsage", "RIFee"}),
        "SAVINGS_PLANS": frozenset(
            {"SavingsPlanCoveredUsage", "SavingsPlanNegation", "SavingsPlanRecurringFee", "SavingsPlanUpfrontFee"}
        ),
    }
)
"""The record types that the context speaks of; of all where it is not listed."""

FORECAST_DIMENSIONS = (
    *("AZ", "INSTANCE_TYPE", "LINKED_ACCOUNT", "OPERATION", "PURCHASE_TYPE", "REGION", "SERVICE", "USAGE_TYPE"),
    *("USAGE_TYPE_GROUP", "RECORD_TYPE", "OPERATING_SYSTEM", "TENANCY", "PLATFORM", "SUBSCRIPTION_ID"),
    *("LEGAL_ENTITY_NAME", "DEPLOYMENT_OPTION", "DATABASE_ENGINE", "INSTANCE_TYPE_FAMILY", "BILLING_ENTITY"),
    *("RESERVATION_ID", "SAVINGS_PLAN_ARN"),
)
"""What GetCostForecast filters by, as it documents."""


@dataclass(frozen=True, slots=True)
class Span:
    """One period of an answer: days, or a single hour of the day `start`."""

    start: date
    end: date
    hour: int | None = None

    def spelled(self) -> dict[str, str]:
        """As a TimePeriod."""
        if self.hour is None:
            return {"Start": self.start.isoformat(), "End": self.end.isoformat()}
        begins = datetime(self.start.year, self.start.month, self.start.day, self.hour)  # noqa: DTZ001 - UTC by name
        return {"Start": f"{begins.isoformat()}Z", "End": f"{(begins + timedelta(hours=1)).isoformat()}Z"}


@dataclass(frozen=True, slots=True)
class Query:
    """A valid GetCostAndUsage. `group_by` holds (type, key); `digest` is the request's own, without its page token."""

    periods: tuple[Span, ...]
    metrics: tuple[str, ...]
    group_by: tuple[tuple[str, str], ...]
    matches: Predicate | None
    digest: bytes


@dataclass(frozen=True, slots=True)
class ValuesQuery:
    """A valid GetDimensionValues or GetTags. `values` gives what a leaf adds to the answer.

    `sort_by` is (place in METRICS, descending), `most` then how many are answered; None: by value, in pages.
    """

    period: Span
    values: Callable[[Leaf], Sequence[str]]
    matches: Predicate | None
    search: str
    sort_by: tuple[int, bool] | None
    most: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class ForecastQuery:
    """A valid GetCostForecast: the `metric`'s name, and the percentage of the interval, None without one."""

    periods: tuple[Span, ...]
    metric: str
    matches: Predicate | None
    level: int | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What depends on the account: its day, how many months before it may be asked for (None: any), hourly data."""

    today: date
    history_months: int | None
    hourly: bool


def parse_cost_and_usage(request: Mapping[str, Any], limits: Limits) -> Query:
    """GetCostAndUsage. Raises ServiceError as Cost Explorer would refuse it."""
    granularity = request["Granularity"]
    if granularity == "HOURLY":
        if not limits.hourly:
            raise invalid("You haven't enabled hourly granularity data.")
        periods = _read_hours(request["TimePeriod"], limits)
    else:
        start, end = _read_period(request["TimePeriod"], limits)
        periods = _days_apart(start, end) if granularity == "DAILY" else _months_apart(start, end)
    metrics = _read_metrics(request["Metrics"])
    group_by = _read_group_by(request.get("GroupBy", ()))
    matches = read_filter(request.get("Filter"))
    _read_view(request.get("BillingViewArn"))
    return Query(periods, metrics, group_by, matches, _digest("GetCostAndUsage", request))


def parse_dimension_values(request: Mapping[str, Any], limits: Limits) -> ValuesQuery:
    """GetDimensionValues. Raises ServiceError as Cost Explorer would refuse it."""
    context = request.get("Context", "COST_AND_USAGE")
    key = request["Dimension"]
    if key not in VALUE_DIMENSIONS[context]:
        raise invalid(f"Dimension {key} is not allowed in the context {context}.")
    if request.get("SortBy") and context != "COST_AND_USAGE":
        raise invalid("SortBy is only supported in the context COST_AND_USAGE")
    spoken_of = _CONTEXTS.get(context)

    def values(leaf: Leaf) -> Sequence[str]:
        return (dimension(leaf, key),) if spoken_of is None or leaf.record_type in spoken_of else ()

    return _read_values("GetDimensionValues", request, limits, values)


def parse_tags(request: Mapping[str, Any], limits: Limits) -> ValuesQuery:
    """GetTags: the values of a key, else the keys. Raises ServiceError as Cost Explorer would refuse it."""
    key = request.get("TagKey")

    def keys(leaf: Leaf) -> Sequence[str]:
        return [name for name, value in leaf.tags if value]

    def values(leaf: Leaf) -> Sequence[str]:
        return (dict(leaf.tags).get(key or "", ""),)

    return _read_values("GetTags", request, limits, values if key else keys)


def parse_forecast(request: Mapping[str, Any], limits: Limits) -> ForecastQuery:
    """GetCostForecast. Raises ServiceError as Cost Explorer would refuse it."""
    granularity, metric = request["Granularity"], request["Metric"]
    if granularity == "HOURLY":
        raise invalid("Granularity should be either 'MONTHLY' or 'DAILY'")
    costs = {_snake(name): name for name in METRICS[:COSTS]}
    if metric not in costs:
        raise invalid(f"Metric {metric} is invalid. Valid values are {', '.join(sorted(costs))}")
    start, end = (_read_date(request["TimePeriod"][name], name) for name in ("Start", "End"))
    if start >= end:
        raise invalid(f"Requested Start: {start} must be before requested End: {end}")
    if start < limits.today:
        raise invalid(f"Requested Start: {start} must not be before the current date: {limits.today}")
    months = DAILY_FORECAST_MONTHS if granularity == "DAILY" else MONTHLY_FORECAST_MONTHS
    if end > _same_day(limits.today, months):
        raise invalid(f"Requested End: {end} is more than {months} months ahead for {granularity} granularity")
    matches = read_filter(request.get("Filter"), FORECAST_DIMENSIONS)
    _read_view(request.get("BillingViewArn"))
    periods = _days_apart(start, end) if granularity == "DAILY" else _months_apart(start, end)
    return ForecastQuery(periods, costs[metric], matches, request.get("PredictionIntervalLevel"))


def _read_values(
    operation: str, request: Mapping[str, Any], limits: Limits, values: Callable[[Leaf], Sequence[str]]
) -> ValuesQuery:
    start, end = _read_period(request["TimePeriod"], limits)
    search, sort_by = request.get("SearchString", ""), None
    most = request.get("MaxResults", MOST_VALUES)
    if order := request.get("SortBy"):
        if len(order) > 1:
            raise invalid("Only one value for SortBy is allowed")
        if search or "NextPageToken" in request:
            raise invalid("NextPageToken and SearchString are not supported with SortBy")
        if most > MOST_VALUES:
            raise invalid(f"MaxResults must be at most {MOST_VALUES}")
        (metric,) = _read_metrics([order[0]["Key"]])
        sort_by = METRICS.index(metric), order[0].get("SortOrder") == "DESCENDING"
    matches = read_filter(request.get("Filter"))
    _read_view(request.get("BillingViewArn"))
    return ValuesQuery(Span(start, end), values, matches, search, sort_by, most, _digest(operation, request))


def _digest(operation: str, request: Mapping[str, Any]) -> bytes:
    """Spelled in one way, so that the same question in another order of keys is the same question."""
    asked = {key: value for key, value in request.items() if key != "NextPageToken"}
    rest = json.dumps([operation, asked], sort_keys=True)
    return blake2b(rest.encode(), digest_size=16).digest()


def _read_period(period: Mapping[str, str], limits: Limits) -> tuple[date, date]:
    start, end = (_read_date(period[name], name) for name in ("Start", "End"))
    if start >= end:
        raise invalid("Start date (and hour) should be before end date (and hour)")
    _check_ends(start, end - _ONE_DAY, limits)
    if limits.history_months is not None and start < _month(limits.today, -limits.history_months):
        raise invalid(f"You haven't enabled historical data beyond {limits.history_months + 1} months.")
    return start, end


def _read_hours(period: Mapping[str, str], limits: Limits) -> tuple[Span, ...]:
    start, end = (_read_hour(period[name], name) for name in ("Start", "End"))
    if start >= end:
        raise invalid("Start date (and hour) should be before end date (and hour)")
    _check_ends(start.date(), (end - timedelta(hours=1)).date(), limits)
    if start.date() < limits.today - timedelta(days=HOURLY_DAYS):
        raise invalid(
            f"Start date is more than {HOURLY_DAYS} days ago for hourly granularity. Please adjust start date as we "
            f"support only {HOURLY_DAYS} days of data at hourly granularity."
        )
    spans = []
    while start < end:
        spans.append(Span(start.date(), start.date() + _ONE_DAY, start.hour))
        start += timedelta(hours=1)
    return tuple(spans)


def _check_ends(start: date, last: date, limits: Limits) -> None:
    if last >= _month(limits.today, 1):
        raise invalid("end date past the beginning of next month")
    if start > limits.today:
        raise invalid("start date past the current date")


def _read_date(text: str, name: str) -> date:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _malformed(text, name, _DAY_FORMAT)


def _read_hour(text: str, name: str) -> datetime:
    """A full hour, without a zone; UTC is meant."""
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00Z", text):
            return datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        pass
    raise _malformed(text, name, _HOUR_FORMAT)


def _malformed(text: str, name: str, valid: str) -> ServiceError:
    return invalid(f"{name} time {text} is invalid. Valid format is: {valid}.")


def _read_metrics(names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        raise violated(["Value null at 'metrics' failed to satisfy constraint: Member must not be null"])
    known = {name: name for name in METRICS} | {_snake(name): name for name in METRICS}
    metrics = []
    for text in names:
        if text not in known:
            valid = ", ".join(map(_snake, sorted(METRICS)))
            raise invalid(f"Metric {text} is invalid. Valid values are {valid}")
        metrics.append(known[text])
    return tuple(dict.fromkeys(metrics))


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()


def _read_group_by(given: Sequence[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    groups = []
    for group in given:
        kind, key = group.get("Type"), group.get("Key")
        if kind is None:
            raise violated(
                ["Value null at 'groupBy.member.type' failed to satisfy constraint: Member must not be null"]
            )
        if kind == "PRODUCT_ATTRIBUTE":
            raise invalid("PRODUCT_ATTRIBUTE is not simulated")
        if kind == "DIMENSION" and key not in GROUP_DIMENSIONS:
            names = ", ".join(GROUP_DIMENSIONS)
            raise invalid(f"Group Definition dimension is invalid. Valid values are {names}")
        if not key:
            raise invalid("Group Definition key is required")
        groups.append((kind, key))
    if len(groups) > 2:
        raise invalid("Only two values for GroupBy are allowed")
    if len(set(groups)) < len(groups):
        raise invalid("Group definitions must be unique")
    return tuple(groups)


def _read_view(arn: str | None) -> None:
    if arn is None:
        return
    if not re.fullmatch(r"arn:aws[a-z-]*:billing::[0-9]{12}:billingview/[-a-zA-Z0-9/:_+=.@]{1,43}", arn):
        rule = "Member must satisfy regular expression pattern"
        raise violated([f"Value '{arn}' at 'billingViewArn' failed to satisfy constraint: {rule}"])
    if not arn.endswith("/primary"):
        raise ServiceError("ResourceNotFoundException", f"The billing view {arn} does not exist.")


def _month(day: date, months: int) -> date:
    """The first of the month that many months from the day's own."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _same_day(day: date, months: int) -> date:
    """The same day of the month that many months on, or that month's last day."""
    first = _month(day, months)
    return min(first + timedelta(days=day.day - 1), _month(first, 1) - _ONE_DAY)


def days(start: date, end: date) -> list[date]:
    """The days from `start` to before `end`."""
    return [start + timedelta(days=number) for number in range((end - start).days)]


def _days_apart(start: date, end: date) -> tuple[Span, ...]:
    return tuple(Span(day, day + _ONE_DAY) for day in days(start, end))


def _months_apart(start: date, end: date) -> tuple[Span, ...]:
    """Calendar months, the first and last cut to what was asked for, as AWS does."""
    periods = []
    while start < end:
        stop = min(_month(start, 1), end)
        periods.append(Span(start, stop))
        start = stop
    return tuple(periods)
