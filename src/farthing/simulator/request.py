"""Reading a GetCostAndUsage request: what is asked, or the service's refusal. Pure.

What AWS documents, or was seen to answer, is imitated down to the wording; where neither is known the wording
is near (docs/simulator.md lists which).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

from farthing.simulator.organisation import Leaf
from farthing.simulator.source import METRICS

_ONE_DAY = timedelta(days=1)
GROUP_DIMENSIONS = (
    "AZ",
    "INSTANCE_TYPE",
    "LINKED_ACCOUNT",
    "OPERATION",
    "PURCHASE_TYPE",
    "SERVICE",
    "USAGE_TYPE",
    "PLATFORM",
    "TENANCY",
    "RECORD_TYPE",
    "LEGAL_ENTITY_NAME",
    "INVOICING_ENTITY",
    "DEPLOYMENT_OPTION",
    "DATABASE_ENGINE",
    "CACHE_ENGINE",
    "INSTANCE_TYPE_FAMILY",
    "REGION",
    "BILLING_ENTITY",
    "RESERVATION_ID",
    "SAVINGS_PLANS_TYPE",
    "SAVINGS_PLAN_ARN",
    "OPERATING_SYSTEM",
)
FILTER_DIMENSIONS = (
    *GROUP_DIMENSIONS,
    "PAYER_ACCOUNT",
    "USAGE_TYPE_GROUP",
    "SUBSCRIPTION_ID",
    "PAYMENT_OPTION",
)
LEAF_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "SERVICE": "service",
        "LINKED_ACCOUNT": "account",
        "REGION": "region",
        "RECORD_TYPE": "record_type",
        "USAGE_TYPE": "usage_type",
    }
)
"""The dimensions that have a field of their own in a leaf."""

_ROOTS = ("And", "Or", "Not", "Dimensions", "Tags", "CostCategories")
_MATCH_OPTIONS = (
    "EQUALS",
    "ABSENT",
    "STARTS_WITH",
    "ENDS_WITH",
    "CONTAINS",
    "CASE_SENSITIVE",
    "CASE_INSENSITIVE",
    "GREATER_THAN_OR_EQUAL",
)
_DEEPEST_FILTER = 50
_KEY_OF_TOKENS = b"farthing simulator page token"

Predicate = Callable[[Leaf], bool]


class ServiceError(Exception):
    """A refusal as the service words it: `code` and `message` of the JSON protocol, `status` of HTTP."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """See the class."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True)
class Query:
    """A valid request. `group_by` holds (type, key); `digest` is the request's own, without its page token."""

    periods: tuple[tuple[date, date], ...]
    metrics: tuple[str, ...]
    group_by: tuple[tuple[str, str], ...]
    matches: Predicate | None
    digest: bytes


def dimension(leaf: Leaf, name: str) -> str:
    """The leaf's value, or AWS's name for none: NoRegion, NoInstanceType, ..."""
    field = LEAF_FIELDS.get(name)
    value: str = getattr(leaf, field) if field else dict(leaf.others).get(name, "")
    return value or "No" + "".join(word if word == "AZ" else word.capitalize() for word in name.split("_"))


def group_value(leaf: Leaf, kind: str, name: str) -> str:
    """The leaf's key in a grouping: a dimension's value, or 'name$value' for tags and cost categories."""
    if kind == "DIMENSION":
        return dimension(leaf, name)
    pairs = leaf.tags if kind == "TAG" else leaf.categories
    return f"{name}${dict(pairs).get(name, '')}"


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _constraint(value: object, member: str, constraint: str) -> ServiceError:
    shown = "null" if value is None else f"'{value}'"
    return _invalid(
        f"1 validation error detected: Value {shown} at '{member}' failed to satisfy constraint: {constraint}"
    )


def _typed(value: Any, kind: type, member: str) -> Any:
    """`value` if it is of the JSON type (a tuple is a list to boto3 too), else the deserialiser's refusal."""
    if not isinstance(value, (list, tuple) if kind is list else kind):
        wanted = "a string" if kind is str else "a list" if kind is list else "a structure"
        raise ServiceError("SerializationException", f"{member} must be {wanted}")
    return value


def parse(request: Mapping[str, Any], today: date, history_months: int | None) -> Query:
    """The request as a Query. `history_months`: how many months before today's may be asked for; None: any.

    Raises ServiceError as Cost Explorer would refuse it.
    """
    if not isinstance(request, Mapping):
        raise ServiceError("SerializationException", "Start of structure or map found where not expected.")
    if request.get("TimePeriod") is None:
        raise _constraint(None, "timePeriod", "Member must not be null")
    period = _typed(request["TimePeriod"], dict, "TimePeriod")
    granularity = request.get("Granularity")
    if granularity not in ("DAILY", "HOURLY", "MONTHLY"):
        known = "Member must satisfy enum value set: [DAILY, HOURLY, MONTHLY]"
        raise _constraint(granularity, "granularity", "Member must not be null" if granularity is None else known)
    if granularity == "HOURLY":
        raise _invalid("You haven't enabled hourly granularity data.")
    start, end = _read_period(period, today, history_months)
    metrics = _read_metrics(request.get("Metrics"))
    group_by = _read_group_by(request.get("GroupBy"))
    matches = None if request.get("Filter") is None else _read_filter(request["Filter"], 0)
    _read_view(request.get("BillingViewArn"))
    # Spelled in one way, so that the same question in another order of keys is the same question.
    asked = {key: value for key, value in request.items() if key != "NextPageToken"}
    rest = json.dumps(asked, sort_keys=True, default=str)
    periods = _days_apart(start, end) if granularity == "DAILY" else _months_apart(start, end)
    return Query(periods, metrics, group_by, matches, blake2b(rest.encode(), digest_size=16).digest())


def _read_period(period: Mapping[str, Any], today: date, history_months: int | None) -> tuple[date, date]:
    for name in ("Start", "End"):
        if period.get(name) is None:
            raise _constraint(None, f"timePeriod.{name.lower()}", "Member must not be null")
    start, end = (_read_date(period[name], name) for name in ("Start", "End"))
    if start >= end:
        raise _invalid("Start date (and hour) should be before end date (and hour)")
    next_month = _month(today, 1)
    if end > next_month:
        raise _invalid("end date past the beginning of next month")
    if start > today:
        raise _invalid("start date past the current date")
    if history_months is not None and start < _month(today, -history_months):
        raise _invalid(f"You haven't enabled historical data beyond {history_months + 1} months.")
    return start, end


def _read_date(value: Any, name: str) -> date:
    text = _typed(value, str, f"TimePeriod.{name}")
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _invalid(f"{name} time {text} is invalid. Valid format is: yyyy-MM-dd.")


def _read_metrics(value: Any) -> tuple[str, ...]:
    if not value:
        raise _constraint(None, "metrics", "Member must not be null")
    known = {name: name for name in METRICS} | {_snake(name): name for name in METRICS}
    metrics = []
    for text in _typed(value, list, "Metrics"):
        name = known.get(_typed(text, str, "Metrics"))
        if name is None:
            names = ", ".join(map(_snake, sorted(METRICS)))
            raise _invalid(f"Metric {text} is invalid. Valid values are {names}")
        metrics.append(name)
    return tuple(dict.fromkeys(metrics))


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()


def _read_group_by(value: Any) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    groups = []
    for item in _typed(value, list, "GroupBy"):
        group = _typed(item, dict, "GroupBy")
        kind, key = group.get("Type"), group.get("Key")
        if kind not in ("DIMENSION", "TAG", "COST_CATEGORY", "PRODUCT_ATTRIBUTE"):
            rule = "Member must satisfy enum value set: [DIMENSION, TAG, COST_CATEGORY, PRODUCT_ATTRIBUTE]"
            raise _constraint(kind, "groupBy.member.type", rule)
        if kind == "PRODUCT_ATTRIBUTE":
            raise _invalid("PRODUCT_ATTRIBUTE is not simulated")
        if kind == "DIMENSION" and key not in GROUP_DIMENSIONS:
            names = ", ".join(GROUP_DIMENSIONS)
            raise _invalid(f"Group Definition dimension is invalid. Valid values are {names}")
        if not key:
            raise _invalid("Group Definition key is required")
        groups.append((kind, _typed(key, str, "GroupBy.Key")))
    if len(groups) > 2:
        raise _invalid("Only two values for GroupBy are allowed")
    if len(set(groups)) < len(groups):
        raise _invalid("Group definitions must be unique")
    return tuple(groups)


def _read_view(arn: Any) -> None:
    if arn is None:
        return
    if not re.fullmatch(r"arn:aws[a-z-]*:billing::[0-9]{12}:billingview/[-a-zA-Z0-9/:_+=.@]{1,43}", str(arn)):
        raise _constraint(arn, "billingViewArn", "Member must satisfy regular expression pattern")
    if not str(arn).endswith("/primary"):
        raise ServiceError("ResourceNotFoundException", f"The billing view {arn} does not exist.")


def _read_filter(value: Any, depth: int) -> Predicate:
    expression = _typed(value, dict, "Filter")
    roots = [name for name, part in expression.items() if part is not None]
    if "ProductAttributes" in roots:
        raise _invalid("ProductAttributes is not simulated")
    for name in roots:
        if name not in _ROOTS:
            raise ServiceError("SerializationException", f"Filter has no member {name}")
    if len(roots) != 1:
        count = "more than one roots" if roots else "zero roots"
        raise _invalid(
            f"Expression has {count}. Only one root operator is allowed for each expression: " + ", ".join(_ROOTS)
        )
    if depth > _DEEPEST_FILTER:
        raise _invalid("Expression is nested too deeply")
    root = roots[0]
    part = expression[root]
    if root in ("And", "Or"):
        operands = [_read_filter(item, depth + 1) for item in _typed(part, list, root)]
        if len(operands) < 2:
            raise _invalid(f"{root} expression must have at least 2 operands")
        combine = all if root == "And" else any
        return lambda leaf: combine(operand(leaf) for operand in operands)
    if root == "Not":
        operand = _read_filter(part, depth + 1)
        return lambda leaf: not operand(leaf)
    if root == "Dimensions":
        return _read_dimension(_typed(part, dict, root))
    return _read_pairs(_typed(part, dict, root), root)


def _read_values(part: Mapping[str, Any], root: str, allowed: tuple[str, ...]) -> tuple[frozenset[str], bool]:
    """(values, whether ABSENT was asked for). The operation's documentation says which match options are valid."""
    values = part.get("Values")
    values = _typed([] if values is None else values, list, f"{root}.Values")
    texts = [_typed(text, str, f"{root}.Values") for text in values]
    options = part.get("MatchOptions")
    for option in _typed([] if options is None else options, list, f"{root}.MatchOptions"):
        if option not in _MATCH_OPTIONS:
            rule = f"Member must satisfy enum value set: [{', '.join(_MATCH_OPTIONS)}]"
            raise _constraint(option, "filter.matchOptions.member", rule)
        if option not in allowed:
            names = ", ".join(allowed)
            raise _invalid(f"Match option {option} is not supported for {root}. Valid values are {names}")
    return frozenset(texts), "ABSENT" in (options or ())


def _read_dimension(part: Mapping[str, Any]) -> Predicate:
    name = part.get("Key")
    if name not in FILTER_DIMENSIONS:
        raise _invalid(f"Dimension {name} is not allowed.")
    values, _ = _read_values(part, "Dimensions", ("EQUALS", "CASE_SENSITIVE"))
    if not values:
        raise _invalid(f"Values must not be empty for dimension {name}")
    key = str(name)
    return lambda leaf: dimension(leaf, key) in values


def _read_pairs(part: Mapping[str, Any], root: str) -> Predicate:
    """Tags and cost categories. Without values, or with ABSENT, the absence of the key (or of any) counts."""
    values, absent = _read_values(part, root, ("EQUALS", "ABSENT", "CASE_SENSITIVE"))
    key = part.get("Key")
    if key is not None:
        _typed(key, str, f"{root}.Key")
    if absent and values:
        raise _invalid("Values must be empty with the ABSENT match option")
    if values and key is None:
        raise _invalid(f"{root} filter needs a Key for its Values")

    def pairs(leaf: Leaf) -> dict[str, str]:
        return dict(leaf.tags if root == "Tags" else leaf.categories)

    if key is None:
        return lambda leaf: not pairs(leaf)
    if not values:
        return lambda leaf: not pairs(leaf).get(key)
    return lambda leaf: pairs(leaf).get(key, "") in values


def _month(day: date, months: int) -> date:
    """The first of the month that many months from the day's own."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def days(start: date, end: date) -> list[date]:
    """The days from `start` to before `end`."""
    return [start + timedelta(days=number) for number in range((end - start).days)]


def _days_apart(start: date, end: date) -> tuple[tuple[date, date], ...]:
    return tuple((day, day + _ONE_DAY) for day in days(start, end))


def _months_apart(start: date, end: date) -> tuple[tuple[date, date], ...]:
    """Calendar months, the first and last cut to what was asked for, as AWS does."""
    periods = []
    while start < end:
        stop = min(_month(start, 1), end)
        periods.append((start, stop))
        start = stop
    return tuple(periods)


def bad_token() -> ServiceError:
    """What a token that was not given out is refused with."""
    return ServiceError("InvalidNextTokenException", "The pagination token is invalid.")


def write_token(digest: bytes, index: int, offset: int) -> str:
    """Stateless: the request's digest and the place, sealed so that a changed token is noticed."""
    body = digest + struct.pack(">II", index, offset)
    return base64.urlsafe_b64encode(body + _seal(body)).decode()


def read_token(token: Any, digest: bytes) -> tuple[int, int]:
    """(period, group) at which the page begins; (0, 0) without a token.

    Raises ServiceError: InvalidNextTokenException, or RequestChangedException for another request's token.
    """
    if token is None:
        return 0, 0
    try:
        raw = base64.b64decode(_typed(token, str, "NextPageToken").encode(), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise bad_token() from None
    body, seal = raw[:24], raw[24:]
    if len(body) != 24 or seal != _seal(body):
        raise bad_token()
    if body[:16] != digest:
        raise ServiceError("RequestChangedException", "The request parameters changed between pages.")
    index, offset = struct.unpack(">II", body[16:])
    return int(index), int(offset)


def _seal(body: bytes) -> bytes:
    return blake2b(body, digest_size=12, key=_KEY_OF_TOKENS).digest()
