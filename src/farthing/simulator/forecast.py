"""A plain forecast: the mean of the same weekdays of the last eight weeks, and their spread. Pure.

Amounts are integers of the source's unit. Days count as independent, so a period's variance is the sum of its days'.
One-off fees are part of the mean: what was billed on one of eight Mondays is expected by an eighth on each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import isqrt
from statistics import NormalDist

WEEKS = 8
YOUNG_DAYS = 2
"""The newest whole days, which still fill up, are left out."""
LEAST_DAYS = 28
"""With fewer known days there is no forecast."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The mean of a period and half the width of its interval (0 without a level)."""

    mean: int
    half: int


def history(today: date) -> tuple[date, date]:
    """[start, end) of the days that a forecast made today rests on."""
    end = today - timedelta(days=YOUNG_DAYS)
    return end - timedelta(weeks=WEEKS), end


def expect(known: Mapping[date, int], period: Sequence[date], level: int | None) -> Expected:
    """What the days of the period add up to. `level` is the interval's percentage.

    Raises ValueError for fewer than LEAST_DAYS known days.
    """
    if len(known) < LEAST_DAYS:
        raise ValueError(f"{len(known)} known days are not enough for a forecast, {LEAST_DAYS} are")
    moments = {weekday: _moments(known, weekday) for weekday in range(7)}
    mean = sum(moments[day.weekday()][0] for day in period)
    if level is None:
        return Expected(mean, 0)
    # Whole thousandths, so that every platform rounds alike.
    deviations = round(NormalDist().inv_cdf((1 + level / 100) / 2) * 1000)
    variance = sum(moments[day.weekday()][1] for day in period)
    return Expected(mean, isqrt(variance * deviations**2) // 1000)


def _moments(known: Mapping[date, int], weekday: int) -> tuple[int, int]:
    """(mean, variance) of the weekday; of all days where a recording has fewer than two of it."""
    same = [amount for day, amount in known.items() if day.weekday() == weekday]
    sample = same if len(same) > 1 else list(known.values())
    mean = sum(sample) // len(sample)
    return mean, sum((amount - mean) ** 2 for amount in sample) // (len(sample) - 1)
