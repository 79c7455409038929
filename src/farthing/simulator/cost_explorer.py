"""Cost Explorer's behaviour over any source of lines.

Requests and answers are the JSON protocol's dictionaries; shapes are checked in `contract`, what is asked is read in
`request`, and what goes wrong on request is decided in `faults`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import add
from typing import Any, TypeVar, cast

from farthing.simulator.contract import OPERATIONS, check
from farthing.simulator.errors import ServiceError
from farthing.simulator.expression import Predicate, group_value
from farthing.simulator.faults import Effect, Fault, Faults, Verdict
from farthing.simulator.forecast import expect, history
from farthing.simulator.hours import HOURS_OF_TODAY, hour_of
from farthing.simulator.organisation import Leaf
from farthing.simulator.request import (
    Limits,
    Query,
    Span,
    ValuesQuery,
    days,
    parse_cost_and_usage,
    parse_dimension_values,
    parse_forecast,
    parse_tags,
)
from farthing.simulator.source import COSTS, METRICS, Amounts, RecordedAmount, Source
from farthing.simulator.tokens import bad_token, read_token, write_token

__all__ = ["CostExplorerSimulator", "Reply", "ServiceError", "Source"]

DEFAULT_PAGE_SIZE = 5000
DEFAULT_HISTORY_MONTHS = 13
_KEPT_PERIODS = 8
_KEPT_PLANS = 4
_KEPT_VALUES = 4

Key = tuple[str, ...]
Group = tuple[Key, tuple[int, ...]]
Found = tuple[str, tuple[int, ...], str]
Slot = TypeVar("Slot")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a client meets: after `seconds`, an answer or an error, unless the fault has it lost on its way.

    `fault` is set for TRUNCATE, GARBAGE and RESET only; for the last two there is neither answer nor error.
    """

    answer: dict[str, Any] | None = None
    error: ServiceError | None = None
    fault: Fault | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Plan:
    """A query met with a source's leaves: each leaf's key (None: filtered out) and each key's usage unit."""

    query: Query
    keys: Sequence[Key | None]
    units: Mapping[Key, str]
    unit_of_all: str


class CostExplorerSimulator:
    """Answers from a source. Safe to share between threads.

    `page_size` counts groups (or values) over the whole answer, so a day may be split over two pages. `history_months`
    is how many whole months before the current one may be asked for; None switches the limit off. `hourly` switches
    hourly data on; AWS has it off until it is paid for.

    The four operations answer by themselves; `reply` is what the client and the server ask: it adds the faults.
    """

    def __init__(
        self,
        source: Source,
        *,
        page_size: int = DEFAULT_PAGE_SIZE,
        history_months: int | None = DEFAULT_HISTORY_MONTHS,
        hourly: bool = False,
        faults: Sequence[Fault] = (),
    ) -> None:
        """See the class. Raises ValueError for a page size below 1."""
        if page_size < 1:
            raise ValueError(f"page size must be at least 1, not {page_size}")
        self.source = source
        self.billed_requests = 0
        self.failed_requests = 0
        self._page_size = page_size
        self._limits = Limits(source.today, history_months, hourly)
        self._plans: OrderedDict[bytes, _Plan] = OrderedDict()
        self._periods: OrderedDict[tuple[bytes, int, int], list[Group]] = OrderedDict()
        self._values: OrderedDict[tuple[bytes, int], list[Found]] = OrderedDict()
        self._last: dict[str, Mapping[str, Any]] = {}
        self._faults = Faults()
        self._faults.set(faults)
        self._lock = threading.RLock()

    # -- faults ------------------------------------------------------------------------------------------------

    def set_faults(self, *faults: Fault) -> None:
        """Adds faults; they count requests from now on. Raises FaultError for too many."""
        with self._lock:
            self._faults.set(faults)

    def clear_faults(self) -> None:
        """Takes every fault away; what was restated costs again what it did."""
        with self._lock:
            self._faults.clear()

    def faults(self) -> list[dict[str, Any]]:
        """The faults that are set, as JSON: `fault` as it is written, and how often it `happened`."""
        with self._lock:
            return self._faults.listed()

    def reply(self, operation: str, request: Any) -> Reply:
        """What a client meets that asks this operation: the answer, or what the faults make of it.

        What replaces the answer counts as failed; a truncated answer was given, and counts as billed.
        """
        with self._lock:
            follows = isinstance(request, Mapping) and request.get("NextPageToken") is not None
            verdict = self._faults.next(operation, repeatable=follows and operation in self._last)
            effect = verdict.fault.effect if verdict.fault else None
            if effect in (Effect.GARBAGE, Effect.RESET):
                self.failed_requests += 1
                return Reply(fault=verdict.fault, seconds=verdict.seconds)
            lost = verdict.fault if effect is Effect.TRUNCATE else None
            try:
                answer = self._reply(operation, request, verdict)
            except ServiceError as error:
                return Reply(error=error, fault=lost, seconds=verdict.seconds)
            return Reply(answer=answer, fault=lost, seconds=verdict.seconds)

    def _reply(self, operation: str, request: Any, verdict: Verdict) -> dict[str, Any]:
        fault = verdict.fault
        if fault is not None and fault.effect is Effect.REFUSE:
            self.failed_requests += 1
            raise fault.refusal(operation)
        if fault is not None and fault.effect is Effect.REPEAT:
            request = self._last[operation]
        answer: dict[str, Any] = getattr(self, OPERATIONS[operation])(request)
        self._last[operation] = dict(request)
        return answer

    # -- the operations ----------------------------------------------------------------------------------------

    def get_cost_and_usage(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One page. Raises ServiceError; a refused request is counted as failed, not as billed."""
        return self._count("GetCostAndUsage", request, self._cost_and_usage)

    def get_dimension_values(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One page of a dimension's values. Raises and counts as `get_cost_and_usage`."""
        return self._count("GetDimensionValues", request, self._dimension_values)

    def get_tags(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One page of tag keys, or of a key's values. Raises and counts as `get_cost_and_usage`."""
        return self._count("GetTags", request, self._tags)

    def get_cost_forecast(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A forecast (see `forecast` for the method). Raises and counts as `get_cost_and_usage`."""
        return self._count("GetCostForecast", request, self._forecast)

    def _count(
        self, operation: str, request: Mapping[str, Any], answering: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        with self._lock:
            try:
                answer = answering(check(operation, request))
            except ServiceError:
                self.failed_requests += 1
                raise
            self.billed_requests += 1
            return answer

    def _cost_and_usage(self, request: dict[str, Any]) -> dict[str, Any]:
        query = parse_cost_and_usage(request, self._limits)
        place = read_token(request.get("NextPageToken"), query.digest)
        plan = self._plan(query)
        results, token = self._page(plan, *place)
        answer: dict[str, Any] = {}
        if token is not None:
            answer["NextPageToken"] = write_token(query.digest, *token)
        if query.group_by:
            answer["GroupDefinitions"] = [{"Type": kind, "Key": key} for kind, key in query.group_by]
        answer["ResultsByTime"] = results
        answer["DimensionValueAttributes"] = self._attributes(query, results)
        return answer

    def _dimension_values(self, request: dict[str, Any]) -> dict[str, Any]:
        query = parse_dimension_values(request, self._limits)
        page, rest = self._values_page(query, request.get("NextPageToken"))
        dimension, names = request["Dimension"], self.source.account_names
        values = []
        for value, _, unit in page:
            attributes = {}
            if dimension == "LINKED_ACCOUNT" and value in names:
                attributes["description"] = names[value]
            elif dimension in ("USAGE_TYPE", "USAGE_TYPE_GROUP"):
                attributes["unit"] = unit
            values.append({"Value": value, "Attributes": attributes})
        return {"DimensionValues": values, **rest}

    def _tags(self, request: dict[str, Any]) -> dict[str, Any]:
        query = parse_tags(request, self._limits)
        page, rest = self._values_page(query, request.get("NextPageToken"))
        return {"Tags": [value for value, _, _ in page], **rest}

    def _forecast(self, request: dict[str, Any]) -> dict[str, Any]:
        query = parse_forecast(request, self._limits)
        matching = [query.matches is None or query.matches(leaf) for leaf in self.source.leaves]
        place = METRICS.index(query.metric)
        known = {
            day: sum(amounts[place] for leaf, amounts in self._amounts(day) if matching[leaf])
            for day in days(*history(self.source.today))
            if day >= self.source.first_day and self.source.recorded(day)
        }
        spans = [days(span.start, span.end) for span in query.periods]
        try:
            if query.metric not in self.source.metrics:
                raise ValueError(f"{query.metric} is not known")
            expected = [expect(known, span, query.level) for span in spans]
        except ValueError:
            raise ServiceError("DataUnavailableException", "Insufficient amount of historical data.") from None
        results = []
        for span, each in zip(query.periods, expected, strict=True):
            result: dict[str, Any] = {"TimePeriod": span.spelled(), "MeanValue": self._plain(each.mean)}
            if query.level is not None:
                result["PredictionIntervalLowerBound"] = self._plain(each.mean - each.half)
                result["PredictionIntervalUpperBound"] = self._plain(each.mean + each.half)
            results.append(result)
        total = self._plain(sum(each.mean for each in expected))
        return {"Total": {"Amount": total, "Unit": self.source.currency}, "ForecastResultsByTime": results}

    # -- lines -------------------------------------------------------------------------------------------------

    def _amounts(self, day: date) -> Iterable[tuple[int, Amounts]]:
        """The source's lines, restated where a fault asks for it."""
        above, below = self._faults.factor((self.source.today - day).days)
        lines = self.source.amounts(day)
        if above == below:
            return lines
        return ((leaf, cast("Amounts", tuple(part * above // below for part in amounts))) for leaf, amounts in lines)

    def _lines(self, span: Span) -> Iterator[tuple[int, Amounts]]:
        if span.hour is None:
            for day in days(span.start, span.end):
                yield from self._amounts(day)
            return
        leaves = self.source.leaves
        known = HOURS_OF_TODAY if span.start == self.source.today else 24
        for leaf, amounts in self._amounts(span.start):
            part = hour_of(amounts, leaves[leaf].record_type, span.hour, known)
            if part is not None:
                yield leaf, part

    # -- pages of costs ----------------------------------------------------------------------------------------

    def _plan(self, query: Query) -> _Plan:
        return _kept(self._plans, query.digest, _KEPT_PLANS, lambda: _meet(query, self.source.leaves))

    def _groups(self, plan: _Plan, index: int) -> list[Group]:
        """The sorted groups of one period; the last few are kept, because a page often ends within one."""
        slot = (plan.query.digest, index, self._faults.version)
        return _kept(self._periods, slot, _KEPT_PERIODS, lambda: self._add_up(plan, plan.query.periods[index]))

    def _add_up(self, plan: _Plan, span: Span) -> list[Group]:
        keys = plan.keys
        sums: dict[Key, tuple[int, ...]] = {}
        for leaf, amounts in self._lines(span):
            key = keys[leaf]
            if key is not None:
                known = sums.get(key)
                # What is alone stays untouched, so that a recorded amount keeps its spelling.
                sums[key] = amounts if known is None else tuple(map(add, known, amounts))
        return sorted(sums.items())

    def _page(self, plan: _Plan, index: int, offset: int) -> tuple[list[dict[str, Any]], tuple[int, int] | None]:
        """From group `offset` of period `index` on: the results, and where the next page begins."""
        query, room = plan.query, self._page_size
        metrics = [(name, METRICS.index(name)) for name in query.metrics if name in self.source.metrics]
        results: list[dict[str, Any]] = []
        while index < len(query.periods):
            span = query.periods[index]
            recorded = [day for day in days(span.start, span.end) if self.source.recorded(day)]
            if recorded:
                groups = self._groups(plan, index)
                if offset > len(groups):
                    raise bad_token()
                if query.group_by and groups and not room:
                    return results, (index, offset)
                result: dict[str, Any] = {
                    "TimePeriod": span.spelled(),
                    "Total": {},
                    "Groups": [],
                    "Estimated": any(map(self.source.estimated, recorded)),
                }
                if query.group_by and groups:
                    part = groups[offset : offset + room]
                    result["Groups"] = [
                        {
                            "Keys": list(key),
                            "Metrics": _spell(amounts, metrics, plan.units.get(key, "N/A"), self.source),
                        }
                        for key, amounts in part
                    ]
                    room -= len(part)
                else:
                    total = groups[0][1] if groups else (0,) * len(METRICS)
                    result["Total"] = _spell(total, metrics, plan.unit_of_all, self.source)
                results.append(result)
                if query.group_by and offset + len(result["Groups"]) < len(groups):
                    return results, (index, offset + len(result["Groups"]))
            index, offset = index + 1, 0
        return results, None

    def _attributes(self, query: Query, results: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Names of the accounts on this page, where the answer is grouped by account."""
        if ("DIMENSION", "LINKED_ACCOUNT") not in query.group_by:
            return []
        place = query.group_by.index(("DIMENSION", "LINKED_ACCOUNT"))
        seen = {group["Keys"][place] for result in results for group in result["Groups"]}
        names = self.source.account_names
        return [{"Value": key, "Attributes": {"description": names[key]}} for key in sorted(seen) if key in names]

    # -- pages of values ---------------------------------------------------------------------------------------

    def _values_page(self, query: ValuesQuery, token: str | None) -> tuple[list[Found], dict[str, Any]]:
        """(the values of a page, the rest of its answer)."""
        _, offset = read_token(token, query.digest)
        slot = (query.digest, self._faults.version)
        found = _kept(self._values, slot, _KEPT_VALUES, lambda: self._find(query))
        if offset > len(found):
            raise bad_token()
        most = query.most if query.sort_by else self._page_size
        page = found[offset : offset + most]
        rest: dict[str, Any] = {"ReturnSize": len(page), "TotalSize": len(found)}
        if not query.sort_by and offset + len(page) < len(found):
            rest["NextPageToken"] = write_token(query.digest, 0, offset + len(page))
        return page, rest

    def _find(self, query: ValuesQuery) -> list[Found]:
        """What is charged in the period has its values listed: by value, or by a metric's sum."""
        values = _values_by_leaf(query.values, query.matches, self.source.leaves)
        sums: dict[str, tuple[int, ...]] = {}
        units: dict[str, str] = {}
        for leaf, amounts in self._lines(query.period):
            for value in values[leaf]:
                known = sums.get(value)
                sums[value] = amounts if known is None else tuple(map(add, known, amounts))
                unit = self.source.leaves[leaf].unit
                units[value] = unit if units.get(value, unit) == unit else "N/A"
        search = query.search.casefold()
        found = [(value, sums[value], units[value]) for value in sorted(sums) if search in value.casefold()]
        if query.sort_by:
            place, descending = query.sort_by
            found.sort(key=lambda each: -each[1][place] if descending else each[1][place])
        return found

    def _plain(self, amount: int) -> str:
        return plain(amount, self.source.decimals)


def plain(amount: int, decimals: int = 10) -> str:
    """An integer of 10**-decimals as Cost Explorer spells it: plain digits, no trailing zeros."""
    if isinstance(amount, RecordedAmount):
        return amount.text
    whole, part = divmod(abs(amount), 10**decimals)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{part:0{decimals}d}".rstrip("0") if part else f"{sign}{whole}"


def _kept(kept: OrderedDict[Slot, Value], slot: Slot, most: int, make: Callable[[], Value]) -> Value:
    """What is in the slot, made if it is not; the least recently used beyond `most` is dropped."""
    if slot not in kept:
        kept[slot] = make()
        if len(kept) > most:
            kept.popitem(last=False)
    kept.move_to_end(slot)
    return kept[slot]


def _spell(amounts: tuple[int, ...], metrics: list[tuple[str, int]], unit: str, source: Source) -> dict[str, Any]:
    return {
        name: {
            "Amount": plain(amounts[place], source.decimals),
            "Unit": source.currency if place < COSTS else unit if place == COSTS else "N/A",
        }
        for name, place in metrics
    }


def _values_by_leaf(
    values: Callable[[Leaf], Sequence[str]], matches: Predicate | None, leaves: Sequence[Leaf]
) -> list[Sequence[str]]:
    return [values(leaf) if matches is None or matches(leaf) else () for leaf in leaves]


def _meet(query: Query, leaves: Sequence[Leaf]) -> _Plan:
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
