"""Cost Explorer's behaviour: GetCostAndUsage over any source of lines, with the service's own refusals.

Requests and answers are the JSON protocol's dictionaries. What AWS documents or was seen to answer is imitated down to the
wording; where neither is known the wording is near (docs/simulator.md lists which).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b
from operator import add
from typing import Any, Protocol

from farthing.simulator.bill import METRICS, Amounts
from farthing.simulator.organisation import Leaf

ONE_DAY = timedelta(days=1)
DEFAULT_PAGE_SIZE = 5000
DEFAULT_HISTORY_MONTHS = 13

GROUP_DIMENSIONS = (
    "AZ", "INSTANCE_TYPE", "LINKED_ACCOUNT", "OPERATION", "PURCHASE_TYPE", "SERVICE", "USAGE_TYPE", "PLATFORM",
    "TENANCY", "RECORD_TYPE", "LEGAL_ENTITY_NAME", "INVOICING_ENTITY", "DEPLOYMENT_OPTION", "DATABASE_ENGINE",
    "CACHE_ENGINE", "INSTANCE_TYPE_FAMILY", "REGION", "BILLING_ENTITY", "RESERVATION_ID", "SAVINGS_PLANS_TYPE",
    "SAVINGS_PLAN_ARN", "OPERATING_SYSTEM",
)  # fmt: skip
FILTER_DIMENSIONS = (
    *GROUP_DIMENSIONS,
    "PAYER_ACCOUNT",
    "USAGE_TYPE_GROUP",
    "SUBSCRIPTION_ID",
    "PAYMENT_OPTION",
)
_FIELDS = {
    "SERVICE": "service",
    "LINKED_ACCOUNT": "account",
    "REGION": "region",
    "RECORD_TYPE": "record_type",
    "USAGE_TYPE": "usage_type",
}
_ROOTS = ("And", "Or", "Not", "Dimensions", "Tags", "CostCategories")
_MATCH_OPTIONS = (
    "EQUALS", "ABSENT", "STARTS_WITH", "ENDS_WITH", "CONTAINS", "CASE_SENSITIVE", "CASE_INSENSITIVE",
    "GREATER_THAN_OR_EQUAL",
)  # fmt: skip
_DEEPEST_FILTER = 50
_KEPT_PERIODS = 8
_KEPT_PLANS = 4
_KEY_OF_TOKENS = b"farthing simulator page token"

Key = tuple[str, ...]
Group = tuple[Key, tuple[int, ...]]
Predicate = Callable[[Leaf], bool]


class ServiceError(Exception):
    """A refusal as the service words it: `code` and `message` of the JSON protocol, `status` of HTTP."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """See the class."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class Source(Protocol):
    """What the service answers from: the bill, or a recorded answer."""

    @property
    def today(self) -> date:
        """The current UTC day."""
        ...

    @property
    def metrics(self) -> Sequence[str]:
        """Which of METRICS exist; others are left out of the answer."""
        ...

    @property
    def leaves(self) -> Sequence[Leaf]:
        """What lines refer to, by place."""
        ...

    @property
    def account_names(self) -> Mapping[str, str]:
        """Account id to name, where known."""
        ...

    def recorded(self, day: date) -> bool:
        """Whether the day is in the answer at all."""
        ...

    def estimated(self, day: date) -> bool:
        """Cost Explorer's flag for the day."""
        ...

    def amounts(self, day: date) -> Iterable[tuple[int, Amounts]]:
        """The day's lines: place in `leaves`, and integers of 10**-10 in the order of METRICS.

        An amount may be a RecordedAmount, which is answered in its recorded spelling where it is not added up.
        """
        ...


class RecordedAmount(int):
    """An amount that remembers how it was spelled. Adding it to another gives a plain int."""

    text: str

    def __new__(cls, value: int, text: str) -> RecordedAmount:
        """`value` in units of 10**-10, `text` as recorded."""
        amount = super().__new__(cls, value)
        amount.text = text
        return amount


@dataclass(frozen=True, slots=True)
class _Query:
    periods: tuple[tuple[date, date], ...]
    metrics: tuple[str, ...]
    group_by: tuple[tuple[str, str], ...]
    matches: Predicate | None
    digest: bytes


@dataclass(frozen=True, slots=True)
class _Plan:
    """A query met with a source's leaves: each leaf's key (None: filtered out) and each key's usage unit."""

    query: _Query
    keys: Sequence[Key | None]
    units: Mapping[Key, str]
    unit_of_all: str


class CostExplorerSimulator:
    """Answers GetCostAndUsage from a source. Safe to share between threads.

    `page_size` counts groups over the whole answer, so a day may be split over two pages. `history_months` is how many
    whole months before the current one may be asked for; None switches the limit off.
    """

    def __init__(
        self,
        source: Source,
        *,
        page_size: int = DEFAULT_PAGE_SIZE,
        history_months: int | None = DEFAULT_HISTORY_MONTHS,
    ) -> None:
        """See the class. Raises ValueError for a page size below 1."""
        if page_size < 1:
            raise ValueError(f"page size must be at least 1, not {page_size}")
        self.source = source
        self.billed_requests = 0
        self.failed_requests = 0
        self._page_size = page_size
        self._history_months = history_months
        self._plans: OrderedDict[bytes, _Plan] = OrderedDict()
        self._periods: OrderedDict[tuple[bytes, int], list[Group]] = OrderedDict()
        self._lock = threading.RLock()

    def get_cost_and_usage(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One page. Raises ServiceError; a refused request is counted as failed, not as billed."""
        with self._lock:
            try:
                answer = self._answer(request)
            except ServiceError:
                self.failed_requests += 1
                raise
            self.billed_requests += 1
            return answer

    def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        query = _parse(request, self.source.today, self._history_months)
        place = _read_token(request.get("NextPageToken"), query.digest)
        plan = self._plan(query)
        results, token = self._page(plan, *place)
        answer: dict[str, Any] = {}
        if token is not None:
            answer["NextPageToken"] = _write_token(query.digest, *token)
        if query.group_by:
            answer["GroupDefinitions"] = [{"Type": kind, "Key": key} for kind, key in query.group_by]
        answer["ResultsByTime"] = results
        answer["DimensionValueAttributes"] = self._attributes(query, results)
        return answer

    def _plan(self, query: _Query) -> _Plan:
        plan = self._plans.get(query.digest)
        if plan is None:
            plan = _meet(query, self.source.leaves)
            self._plans[query.digest] = plan
            if len(self._plans) > _KEPT_PLANS:
                self._plans.popitem(last=False)
        self._plans.move_to_end(query.digest)
        return plan

    def _groups(self, plan: _Plan, index: int) -> list[Group]:
        """The sorted groups of one period; the last few are kept, because a page often ends within one."""
        slot = (plan.query.digest, index)
        groups = self._periods.get(slot)
        if groups is None:
            groups = self._add_up(plan, *plan.query.periods[index])
            self._periods[slot] = groups
            if len(self._periods) > _KEPT_PERIODS:
                self._periods.popitem(last=False)
        self._periods.move_to_end(slot)
        return groups

    def _add_up(self, plan: _Plan, start: date, end: date) -> list[Group]:
        keys = plan.keys
        sums: dict[Key, tuple[int, ...]] = {}
        for day in _days(start, end):
            for leaf, amounts in self.source.amounts(day):
                key = keys[leaf]
                if key is not None:
                    known = sums.get(key)
                    # What is alone stays untouched, so that a recorded amount keeps its spelling.
                    sums[key] = amounts if known is None else tuple(map(add, known, amounts))
        return sorted(sums.items())

    def _page(
        self, plan: _Plan, index: int, offset: int
    ) -> tuple[list[dict[str, Any]], tuple[int, int] | None]:
        """From group `offset` of period `index` on: the results, and where the next page begins."""
        query, room = plan.query, self._page_size
        metrics = [(name, METRICS.index(name)) for name in query.metrics if name in self.source.metrics]
        results: list[dict[str, Any]] = []
        while index < len(query.periods):
            start, end = query.periods[index]
            days = [day for day in _days(start, end) if self.source.recorded(day)]
            if days:
                groups = self._groups(plan, index)
                if offset > len(groups):
                    raise _bad_token()
                if query.group_by and groups and not room:
                    return results, (index, offset)
                result: dict[str, Any] = {
                    "TimePeriod": {"Start": start.isoformat(), "End": end.isoformat()},
                    "Total": {},
                    "Groups": [],
                    "Estimated": any(map(self.source.estimated, days)),
                }
                if query.group_by and groups:
                    part = groups[offset : offset + room]
                    result["Groups"] = [
                        {"Keys": list(key), "Metrics": _spell(amounts, metrics, plan.units.get(key, "N/A"))}
                        for key, amounts in part
                    ]
                    room -= len(part)
                else:
                    total = groups[0][1] if groups else (0,) * len(METRICS)
                    result["Total"] = _spell(total, metrics, plan.unit_of_all)
                results.append(result)
                if query.group_by and offset + len(result["Groups"]) < len(groups):
                    return results, (index, offset + len(result["Groups"]))
            index, offset = index + 1, 0
        return results, None

    def _attributes(self, query: _Query, results: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Names of the accounts on this page, where the answer is grouped by account."""
        if ("DIMENSION", "LINKED_ACCOUNT") not in query.group_by:
            return []
        place = query.group_by.index(("DIMENSION", "LINKED_ACCOUNT"))
        seen = {group["Keys"][place] for result in results for group in result["Groups"]}
        names = self.source.account_names
        return [
            {"Value": key, "Attributes": {"description": names[key]}} for key in sorted(seen) if key in names
        ]


def plain(amount: int) -> str:
    """An integer of 10**-10 as Cost Explorer spells it: plain digits, no trailing zeros."""
    if isinstance(amount, RecordedAmount):
        return amount.text
    whole, part = divmod(abs(amount), 10**10)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{part:010d}".rstrip("0") if part else f"{sign}{whole}"


def _spell(amounts: tuple[int, ...], metrics: list[tuple[str, int]], unit: str) -> dict[str, Any]:
    return {
        name: {
            "Amount": plain(amounts[place]),
            "Unit": "USD" if place < 5 else unit if place == 5 else "N/A",
        }
        for name, place in metrics
    }


def _meet(query: _Query, leaves: Sequence[Leaf]) -> _Plan:
    keys: list[Key | None] = []
    units: dict[Key, str] = {}
    every: set[str] = set()
    for leaf in leaves:
        if query.matches is not None and not query.matches(leaf):
            keys.append(None)
            continue
        key = tuple(group_value(leaf, kind, name) for kind, name in query.group_by)
        keys.append(key)
        # A unit is answered only where all that is added up is counted in it.
        units[key] = leaf.unit if units.get(key, leaf.unit) == leaf.unit else "N/A"
        every.add(leaf.unit)
    return _Plan(query, keys, units, every.pop() if len(every) == 1 else "N/A")


# -- dimensions, tags and categories of a leaf ---------------------------------------------------------------------


def dimension(leaf: Leaf, name: str) -> str:
    """The leaf's value, or AWS's name for none: NoRegion, NoInstanceType, ..."""
    field = _FIELDS.get(name)
    value: str = getattr(leaf, field) if field else dict(leaf.others).get(name, "")
    return value or "No" + "".join(word if word == "AZ" else word.capitalize() for word in name.split("_"))


def group_value(leaf: Leaf, kind: str, name: str) -> str:
    """The leaf's key in a grouping: a dimension's value, or 'name$value' for tags and cost categories."""
    if kind == "DIMENSION":
        return dimension(leaf, name)
    pairs = leaf.tags if kind == "TAG" else leaf.categories
    return f"{name}${dict(pairs).get(name, '')}"


# -- requests --------------------------------------------------------------------------------------------------


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _constraint(value: object, member: str, constraint: str) -> ServiceError:
    shown = "null" if value is None else f"'{value}'"
    return _invalid(
        f"1 validation error detected: Value {shown} at '{member}' failed to satisfy constraint: {constraint}"
    )


def _typed(value: Any, kind: type, member: str) -> Any:
    """`value` if it is of the JSON type, else the deserialiser's refusal."""
    if not isinstance(value, kind):
        wanted = "a string" if kind is str else "a list" if kind is list else "a structure"
        raise ServiceError("SerializationException", f"{member} must be {wanted}")
    return value


def _parse(request: Mapping[str, Any], today: date, history_months: int | None) -> _Query:
    if not isinstance(request, Mapping):
        raise ServiceError("SerializationException", "Start of structure or map found where not expected.")
    if request.get("TimePeriod") is None:
        raise _constraint(None, "timePeriod", "Member must not be null")
    period = _typed(request["TimePeriod"], dict, "TimePeriod")
    granularity = request.get("Granularity")
    if granularity not in ("DAILY", "HOURLY", "MONTHLY"):
        rule = "Member must not be null" if granularity is None else "Member must satisfy enum value set: "
        raise _constraint(
            granularity, "granularity", rule + "[DAILY, HOURLY, MONTHLY]" * (granularity is not None)
        )
    if granularity == "HOURLY":
        raise _invalid("You haven't enabled hourly granularity data.")
    start, end = _read_period(period, today, history_months)
    metrics = _read_metrics(request.get("Metrics"))
    group_by = _read_group_by(request.get("GroupBy"))
    matches = None if request.get("Filter") is None else _read_filter(request["Filter"], 0)
    _read_view(request.get("BillingViewArn"))
    # Spelled in one way, so that the same question in another order of keys is the same question.
    rest = json.dumps(
        {key: request[key] for key in request if key != "NextPageToken"}, sort_keys=True, default=str
    )
    periods = _days_apart(start, end) if granularity == "DAILY" else _months_apart(start, end)
    return _Query(periods, metrics, group_by, matches, blake2b(rest.encode(), digest_size=16).digest())


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
            f"Expression has {count}. Only one root operator is allowed for each expression: {', '.join(_ROOTS)}"
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
    texts = [
        _typed(text, str, f"{root}.Values") for text in _typed([] if values is None else values, list, root)
    ]
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
    """Tags and cost categories: without values, or with ABSENT, it is the absence of the key (or of any) that counts."""
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


# -- periods ---------------------------------------------------------------------------------------------------


def _month(day: date, months: int) -> date:
    """The first of the month that many months from the day's own."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _days(start: date, end: date) -> list[date]:
    return [start + timedelta(days=number) for number in range((end - start).days)]


def _days_apart(start: date, end: date) -> tuple[tuple[date, date], ...]:
    return tuple((day, day + ONE_DAY) for day in _days(start, end))


def _months_apart(start: date, end: date) -> tuple[tuple[date, date], ...]:
    """Calendar months, the first and last cut to what was asked for, as AWS does."""
    periods = []
    while start < end:
        stop = min(_month(start, 1), end)
        periods.append((start, stop))
        start = stop
    return tuple(periods)


# -- page tokens -----------------------------------------------------------------------------------------------


def _bad_token() -> ServiceError:
    return ServiceError("InvalidNextTokenException", "The pagination token is invalid.")


def _write_token(digest: bytes, index: int, offset: int) -> str:
    """Stateless: the request's digest and the place, sealed so that a changed token is noticed."""
    body = digest + struct.pack(">II", index, offset)
    return base64.urlsafe_b64encode(body + _seal(body)).decode()


def _read_token(token: Any, digest: bytes) -> tuple[int, int]:
    if token is None:
        return 0, 0
    try:
        raw = base64.b64decode(_typed(token, str, "NextPageToken").encode(), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _bad_token() from None
    body, seal = raw[:24], raw[24:]
    if len(body) != 24 or seal != _seal(body):
        raise _bad_token()
    if body[:16] != digest:
        raise ServiceError("RequestChangedException", "The request parameters changed between pages.")
    index, offset = struct.unpack(">II", body[16:])
    return int(index), int(offset)


def _seal(body: bytes) -> bytes:
    return blake2b(body, digest_size=12, key=_KEY_OF_TOKENS).digest()
