"""Daily reports against billing exports, day by day: what one says more than the other. Pure."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

import msgspec

from farthing.model import ZERO, exact_difference, exact_sum, is_filling
from farthing.query.model import Result

TOLERANCE = Decimal("0.01")
"""In the bill's currency, a day: Cost Explorer rounds each group that it answers, so two tellings of one day may differ
by less."""


class DayDifference(msgspec.Struct, frozen=True):
    """A day that both sources have; ``difference`` is the export less the report. ``why`` is '' where they agree."""

    day: date
    metric: str
    report: Decimal
    export: Decimal
    difference: Decimal
    why: str = ""


def differences(
    reports: Result, exports: Result, metrics: Iterable[str], *, incomplete: Iterable[date], now: datetime
) -> tuple[DayDifference, ...]:
    """Each metric of each day that both have.

    Args:
        reports: by day, from daily reports alone.
        exports: by day, from the exports of the same provider alone.
        metrics: what to compare; one that either lacks is left out.
        incomplete: days that were still filling when the export was delivered.
        now: for days that still change.
    """
    both = sorted(set(reports.days_present) & set(exports.days_present))
    unfinished = set(incomplete)
    found = []
    for metric in metrics:
        if metric not in reports.metrics or metric not in exports.metrics:
            continue
        told, billed = _by_day(reports, metric), _by_day(exports, metric)
        for day in both:
            one, other = told.get(day, ZERO), billed.get(day, ZERO)
            difference = exact_difference(other, one)
            why = _why(day, difference, unfinished, now)
            found.append(DayDifference(day, metric, one, other, difference, why))
    return tuple(sorted(found, key=lambda one: (one.day, one.metric)))


def total(found: Iterable[DayDifference], metric: str) -> Decimal:
    """All differences of a metric, exact."""
    return exact_sum(one.difference for one in found if one.metric == metric)


def _by_day(result: Result, metric: str) -> dict[date, Decimal]:
    place = result.metrics.index(metric)
    return {row.keys[0]: row.amounts[place] for row in result.rows if isinstance(row.keys[0], date)}


def _why(day: date, difference: Decimal, unfinished: set[date], now: datetime) -> str:
    if not difference:
        return ""
    if day in unfinished:
        return "the export was delivered while the day still filled up: import its next delivery"
    if is_filling(day, now):
        return "the day still fills up"
    if abs(difference) < TOLERANCE:
        return f"less than {TOLERANCE}: Cost Explorer rounds each group"
    return "one of them is older than a restatement: import the newest delivery, or run `farthing collect`"
