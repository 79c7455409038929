"""Plans: what a run is going to ask, and what that costs, from the ledger alone."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice

import msgspec

from farthing.ledger.reports import Reports, lens_prefix, require_same_source
from farthing.ledger.runs import Runs
from farthing.model import DailyReport, Period
from farthing.sources import HISTORY_MONTHS, PRICE_PER_REQUEST
from farthing.sources.lenses import spelled
from farthing.workplace import Workplace

LEAST_WINDOW_DAYS = 3
"""Days: the request cap never shrinks the window below this, because the last two are still filling up."""

DEFAULT_WINDOW_DAYS = 14
"""Days that a daily run asks again by default, because AWS restates them."""

RESTATED_UNTIL_DAY = 15
"""Day of the month until which the window reaches back to the first of the month before: AWS restates it that long."""

RUNS_REMEMBERED = 10
"""Runs that are looked through for the page size last seen."""


class Plan(msgspec.Struct, frozen=True):
    """What a query is going to ask and cost, as far as the ledger can tell.

    Attributes:
        period: the days to ask for.
        requests: billed requests expected, at least 1.
        groups_per_day: rows of the newest day in the ledger, 0 if it is empty.
        page_size: the largest page that was ever followed by another, 0 if none was yet.
        wanted: the period before the request cap shrank it; the same if it did not.
        cap: the most billed requests, None without one.
        lens: the lens that asks, as it is written in the settings; '' for the daily question.
    """

    period: Period
    requests: int
    groups_per_day: int
    page_size: int
    wanted: Period
    cap: int | None = None
    lens: str = ""

    @property
    def caution(self) -> str:
        """What the request cap does to this plan, for people; '' if nothing."""
        parts = []
        if self.period != self.wanted:
            parts.append(
                f"only {len(self.period)} of {len(self.wanted)} days are asked for ({self.period}), to stay within "
                f"{self.cap} billed requests"
            )
        if self.cap is not None and self.cap < 1:
            return f"the lens {self.lens}: the request cap leaves none for it: raise FARTHING_MAX_BILLED_REQUESTS"
        if self.cap is not None and self.requests > self.cap:
            parts.append(f"even these need about {self.requests} requests, so the newest days will be missing")
        who = f"the lens {self.lens}: " if self.lens else ""
        return f"{who}{'; '.join(parts)}: raise FARTHING_MAX_BILLED_REQUESTS" if parts else ""

    @property
    def price(self) -> Decimal:
        """USD."""
        return self.requests * PRICE_PER_REQUEST

    @property
    def basis(self) -> str:
        """How sure the estimate is, for people."""
        if not self.groups_per_day:
            return "the ledger is empty, so this is the least it can be"
        rows = f"{self.groups_per_day:,} rows on the newest day"
        if not self.page_size:
            return f"{rows}; every answer so far fitted one page"
        return f"{rows}, {self.page_size:,} rows a page"


def first_of_month(day: date, months_back: int = 0) -> date:
    """The first day of the month that many months before the day's."""
    month = day.year * 12 + day.month - 1 - months_back
    return date(month // 12, month % 12 + 1, 1)


def window(today: date, window_days: int | None, known: Sequence[date]) -> Period:
    """The days that a daily run asks for: from the trailing window to yesterday.

    By default 14 days, and until the 15th back to the first of the month before; just ``window_days`` where that is
    set. Either way further back to the oldest gap in the ledger: within a page a longer window costs the same.
    """
    start = today - timedelta(days=window_days or DEFAULT_WINDOW_DAYS)
    if window_days is None and today.day <= RESTATED_UNTIL_DAY:
        start = min(start, first_of_month(today, 1))
    if known:
        present = set(known)
        oldest = max(min(known), first_of_month(today, HISTORY_MONTHS))
        gap = next((day for day in Period(min(oldest, start), start) if day >= oldest and day not in present), None)
        start = gap or start
    return Period(start, today)


def make_plan(period: Period, groups_per_day: int, page_size: int, cap: int | None = None) -> Plan:
    """How many requests a period takes, shrunk from its far end to ``cap`` of them."""

    def requests(days: int) -> int:
        return max(1, -(-groups_per_day * days // page_size)) if page_size else 1

    shrunk = period
    while cap is not None and requests(len(shrunk)) > cap and len(shrunk) > LEAST_WINDOW_DAYS:
        shrunk = Period(shrunk.start + timedelta(days=1), shrunk.end)
    return Plan(shrunk, requests(len(shrunk)), groups_per_day, page_size, period, cap)


def learned(reports: Reports, runs: Runs, today: date, lens: str | None = None) -> tuple[int, int, DailyReport | None]:
    """What the ledger knows of the size of a question's answers.

    Args:
        reports: of the ledger, or of a lens.
        runs: of the ledger.
        today: the UTC day.
        lens: its name.

    Returns:
        Rows a day, rows a page (0: unknown), and the newest report.
    """
    newest = reports.newest(today)
    if newest is None:
        return 0, 0, None
    recent = islice(runs.newest_first(), RUNS_REMEMBERED)
    sizes = (
        run.page_size_seen if lens is None else next((one.page_size_seen for one in run.lenses if one.name == lens), 0)
        for run in recent
    )
    return len(newest.charges), next(filter(None, sizes), 0), newest


def plan_daily(place: Workplace) -> Plan:
    """The plan of the daily run, from the ledger alone.

    Raises:
        ScopeError: the ledger holds another source or scope.
    """
    reports, runs = Reports(place.store), Runs(place.store)
    today = place.clock().date()
    groups, page_size, newest = learned(reports, runs, today)
    if newest is not None:
        require_same_source(newest.source, place.source.source)
    wanted = window(today, place.settings.window_days, reports.days())
    return make_plan(wanted, groups, page_size, place.settings.max_billed_requests)


def plan_lenses(place: Workplace, daily: Plan) -> dict[str, Plan]:
    """The plan of each lens, by name: what the daily question leaves of the request cap is shared in their order.

    Raises:
        ScopeError: a lens in the ledger holds another source or scope.
    """
    today = place.clock().date()
    runs = Runs(place.store)
    plans: dict[str, Plan] = {}
    spent = daily.requests
    for place_in_line, (name, source) in enumerate(place.lenses.items()):
        reports = Reports(place.store, lens_prefix(name))
        groups, page_size, newest = learned(reports, runs, today, lens=name)
        if newest is not None:
            require_same_source(newest.source, source.source)
        left = place.settings.max_billed_requests - spent
        waiting = len(place.lenses) - place_in_line - 1
        cap = max(1, left - waiting) if left > 0 else 0
        wanted = window(today, place.settings.window_days, reports.days())
        plan = make_plan(wanted, groups, page_size or daily.page_size, max(1, cap))
        plans[name] = msgspec.structs.replace(plan, lens=spelled(source), cap=cap)
        spent += plans[name].requests
    return plans
