"""Two answers to one question about two periods, side by side. Pure."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from farthing.errors import CurrencyError, UsageError
from farthing.model import ZERO, Period, exact_difference
from farthing.query.model import Key, Result, is_day

PREVIOUS = "previous"
"""What people type for :func:`previous`."""


class ComparedRow(msgspec.Struct, frozen=True):
    """One group in both periods; the amounts run like the metrics, zero where a period does not have it."""

    keys: tuple[Key, ...]
    after: tuple[Decimal, ...]
    before: tuple[Decimal, ...]
    change: tuple[Decimal, ...]


class Comparison(msgspec.Struct, frozen=True):
    """``after`` is what was asked, ``before`` what it is compared with; ``change`` is after less before, exact.

    The rows stand as in ``after``; those that only ``before`` has come last, the largest first.
    """

    after: Result
    before: Result
    metrics: tuple[str, ...]
    rows: tuple[ComparedRow, ...]
    change: tuple[Decimal, ...]

    @property
    def currency(self) -> str | None:
        """The one currency of both."""
        return self.after.currency or self.before.currency


def previous(period: Period) -> Period:
    """The period to compare with: as many whole months before whole months, else as many days before."""
    whole_months = period.start.day == 1 and period.end.day == 1 and period.end > period.start
    if not whole_months:
        return Period(period.start - timedelta(days=len(period)), period.start)
    months = (period.end.year - period.start.year) * 12 + period.end.month - period.start.month
    first = period.start.year * 12 + period.start.month - 1 - months
    return Period(date(first // 12, first % 12 + 1, 1), period.start)


def compared(after: Result, before: Result) -> Comparison:
    """Two results of one question.

    Raises:
        UsageError: they are grouped by days, of which two periods have none in common.
        CurrencyError: they are in two currencies.
    """
    days = [column for column in after.columns if is_day(column)]
    if days:
        raise UsageError(f"two periods have no {' and '.join(days)} in common: leave it out of --by to compare them")
    if after.currency and before.currency and after.currency != before.currency:
        raise CurrencyError(
            f"{after.period} is in {after.currency}, {before.period} in {before.currency}: they cannot be compared"
        )
    metrics = after.metrics or before.metrics
    old, new = _by_keys(before, metrics), _by_keys(after, metrics)
    nothing = (ZERO,) * len(metrics)
    rows = []
    for keys in [*new, *(keys for keys in old if keys not in new)]:
        now, then = new.get(keys, nothing), old.get(keys, nothing)
        rows.append(ComparedRow(keys, now, then, _less(now, then)))
    return Comparison(after, before, metrics, tuple(rows), _less(_totals(after, metrics), _totals(before, metrics)))


def _by_keys(result: Result, metrics: tuple[str, ...]) -> Mapping[tuple[Key, ...], tuple[Decimal, ...]]:
    places = [result.metrics.index(metric) if metric in result.metrics else None for metric in metrics]
    return {row.keys: tuple(ZERO if place is None else row.amounts[place] for place in places) for row in result.rows}


def _totals(result: Result, metrics: tuple[str, ...]) -> tuple[Decimal, ...]:
    return tuple(result.total(metric) for metric in metrics)


def _less(minuends: tuple[Decimal, ...], subtrahends: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    return tuple(exact_difference(one, other) for one, other in zip(minuends, subtrahends, strict=True))
