"""The Data page: which days the ledger has, how AWS restated them, what the runs did and what they cost. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from farthing.model import BILLED_COST, EXACT, ZERO, Period, RunRecord, exact_difference, is_filling, percent_of
from farthing.query.sources import ranges

DayState = Literal["settled", "open", "provisional", "imported", "missing"]

MEANINGS: Mapping[DayState, str] = {
    "settled": "AWS has closed it",
    "open": "complete; AWS still marks the month as estimated",
    "provisional": "still filling up: younger than 48 hours",
    "imported": "from a billing export",
    "missing": "not in the ledger",
}

REQUEST_PRICE = Decimal("0.01")
"""USD that AWS asks for a request to Cost Explorer."""

RESTATED_SHOWN = 20
"""Restated days that are listed, the newest first."""


class DayTold(msgspec.Struct, frozen=True):
    """One day: its total, how often it was restated, and by how much in all since it was first seen."""

    day: date
    state: DayState
    total: Decimal | None = None
    restated: int = 0
    first_total: Decimal | None = None
    drift: Decimal = ZERO
    drift_percent: Decimal | None = None
    seen_at: datetime | None = None


class RunTold(msgspec.Struct, frozen=True):
    """One run, for people."""

    id: str
    command: str
    started_at: datetime
    stage: str
    window: Period | None
    written: int
    restated: int
    billed_requests: int
    alerts_sent: int
    alerts_failed: int
    seconds: float
    errors: tuple[str, ...]


class Mend(msgspec.Struct, frozen=True):
    """Days that are missing, and the command that brings them."""

    period: Period
    command: str


class UnequalTold(msgspec.Struct, frozen=True):
    """A day that a reconciling found not to be equal: in what way, and why that may be."""

    day: date
    state: str
    why: str


class ProofTold(msgspec.Struct, frozen=True):
    """What was found when the ledger was last held against a source; ``mend`` brings it up to date."""

    against: str
    at: datetime
    period: Period
    equal: bool
    verdict: str
    unequal: tuple[UnequalTold, ...]
    mend: str


class DataPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the Data page shows. ``billed_requests`` and ``cost`` are of the runs of the last 30 days."""

    currency: str | None
    counts: Mapping[str, int]
    days: tuple[DayTold, ...]
    missing: tuple[Mend, ...]
    restated: tuple[DayTold, ...]
    runs: tuple[RunTold, ...]
    billed_requests: int
    cost: Decimal
    simulated: bool
    last_run: RunTold | None
    proofs: tuple[ProofTold, ...]


def data_page(
    days: Iterable[tuple[date, str, bool, datetime, Sequence[Decimal]]],
    runs: Sequence[RunRecord],
    now: datetime,
    proofs: Sequence[ProofTold] = (),
    exported: Iterable[date] = (),
) -> DataPage:
    """Puts the page together.

    Args:
        days: for each day its currency, whether AWS marks it estimated, when it was seen, and its billed totals,
            the first that was seen first.
        runs: the newest first.
        now: UTC.
        proofs: the newest first.
        exported: the days of imported bills.
    """
    told: dict[date, DayTold] = {}
    currency = None
    for day, unit, estimated, seen_at, totals in days:
        currency = unit
        told[day] = _told(day, estimated, seen_at, totals, now)
    # An import is done when somebody does it: only where runs collect, days up to today are missed.
    collected = bool(told)
    for day in exported:
        told.setdefault(day, DayTold(day, "imported"))
    all_days: list[DayTold] = []
    if told:
        newest = max(told) + timedelta(days=1)
        whole = Period(min(told), max(newest, now.date()) if collected else newest)
        all_days = [told.get(day, DayTold(day, "missing")) for day in whole]
    shown = tuple(map(_run, runs))
    since = now - timedelta(days=30)
    requests = sum(run.billed_requests for run in runs if run.started_at >= since)
    simulated = bool(runs) and runs[0].source.kind == "simulated"
    return DataPage(
        currency=currency,
        counts=dict(Counter(day.state for day in all_days)),
        days=tuple(all_days),
        missing=tuple(
            Mend(gap, f"farthing backfill --start {gap.start} --end {gap.end}")
            for gap in ranges(day.day for day in all_days if day.state == "missing")
        ),
        restated=tuple([day for day in reversed(all_days) if day.restated][:RESTATED_SHOWN]),
        runs=shown,
        billed_requests=requests,
        cost=ZERO if simulated else EXACT.multiply(REQUEST_PRICE, Decimal(requests)),
        simulated=simulated,
        last_run=shown[0] if shown else None,
        proofs=tuple(proofs),
    )


def billed(totals: Mapping[str, Decimal]) -> Decimal:
    """The billed total among a report's totals."""
    return totals.get(BILLED_COST, ZERO)


def _told(day: date, estimated: bool, seen_at: datetime, totals: Sequence[Decimal], now: datetime) -> DayTold:
    state: DayState = "provisional" if is_filling(day, now) else "open" if estimated else "settled"
    drift = exact_difference(totals[-1], totals[0])
    return DayTold(
        day,
        state,
        total=totals[-1],
        restated=len(totals) - 1,
        first_total=totals[0],
        drift=drift,
        drift_percent=percent_of(drift, totals[0]),
        seen_at=seen_at,
    )


def _run(record: RunRecord) -> RunTold:
    return RunTold(
        id=record.id,
        command=record.command,
        started_at=record.started_at,
        stage=record.stage,
        window=record.window,
        written=len(record.days_written),
        restated=len(record.days_restated),
        billed_requests=record.billed_requests,
        alerts_sent=record.alerts_sent,
        alerts_failed=record.alerts_failed,
        seconds=record.duration_seconds,
        errors=record.errors,
    )
