"""Cost Explorer's behaviour: GetCostAndUsage over any source of lines.

Requests and answers are the JSON protocol's dictionaries; what is asked is read in `request`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import add
from typing import Any

from farthing.simulator.organisation import Leaf
from farthing.simulator.request import (
    Query,
    ServiceError,
    bad_token,
    days,
    group_value,
    parse,
    read_token,
    write_token,
)
from farthing.simulator.source import COSTS, METRICS, RecordedAmount, Source

__all__ = ["CostExplorerSimulator", "ServiceError", "Source"]

DEFAULT_PAGE_SIZE = 5000
DEFAULT_HISTORY_MONTHS = 13
_KEPT_PERIODS = 8
_KEPT_PLANS = 4

Key = tuple[str, ...]
Group = tuple[Key, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """A query met with a source's leaves: each leaf's key (None: filtered out) and each key's usage unit."""

    query: Query
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
        query = parse(request, self.source.today, self._history_months)
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

    def _plan(self, query: Query) -> _Plan:
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
        for day in days(start, end):
            for leaf, amounts in self.source.amounts(day):
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
            start, end = query.periods[index]
            recorded = [day for day in days(start, end) if self.source.recorded(day)]
            if recorded:
                groups = self._groups(plan, index)
                if offset > len(groups):
                    raise bad_token()
                if query.group_by and groups and not room:
                    return results, (index, offset)
                result: dict[str, Any] = {
                    "TimePeriod": {"Start": start.isoformat(), "End": end.isoformat()},
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


def plain(amount: int, decimals: int = 10) -> str:
    """An integer of 10**-decimals as Cost Explorer spells it: plain digits, no trailing zeros."""
    if isinstance(amount, RecordedAmount):
        return amount.text
    whole, part = divmod(abs(amount), 10**decimals)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{part:0{decimals}d}".rstrip("0") if part else f"{sign}{whole}"


def _spell(amounts: tuple[int, ...], metrics: list[tuple[str, int]], unit: str, source: Source) -> dict[str, Any]:
    return {
        name: {
            "Amount": plain(amounts[place], source.decimals),
            "Unit": source.currency if place < COSTS else unit if place == COSTS else "N/A",
        }
        for name, place in metrics
    }


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
