"""How a forecast is scored: a month's error, whether it lies in the intervals, and how wide those are."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from bench.series_generator import Row
from bench.series_generator.calendar import next_month

TOTAL = ""
"""The group that is all of them together."""

FLOOR = 100.0
"""In the currency, a month: groups that cost less are not scored, a percentage of next to nothing says nothing."""

KNOWN = (5, 10, 15, 20, 25)
"""Days of the month that are known when it is forecast."""

HORIZONS = 4
"""Months: the running one and the next three."""

Interval = tuple[float, float]


class Forecast(NamedTuple):
    """What is told about one month of one group; a forecaster without intervals tells none."""

    month: date
    group: str
    mean: float
    in80: Interval | None = None
    in95: Interval | None = None


class Asked(NamedTuple):
    """When a forecast is made: the days before `as_of` are known, `known` of them in its month."""

    as_of: date
    known: int


class Judged(NamedTuple):
    """One month that was forecast and what came of it; `ahead` is 0 for the running month."""

    known: int
    ahead: int
    group: str
    actual: float
    told: Forecast

    @property
    def error(self) -> float:
        """Absolute, as a share of what came."""
        return abs(self.told.mean - self.actual) / self.actual


def questions(first: date, days: int, *, history: int, months: int) -> list[Asked]:
    """When forecasts are asked for: in so many months, the first that have enough history and the next three known.

    Raises:
        ValueError: the data are too short for that.
    """
    month = next_month(first + timedelta(days=history))
    asked = []
    for _ in range(months):
        asked += [Asked(month + timedelta(days=known), known) for known in KNOWN]
        month = next_month(month)
    end = month
    for _ in range(HORIZONS - 1):
        end = next_month(end)
    if end > first + timedelta(days=days):
        raise ValueError(f"{days} days are too short for {history} days of history and {months} + 3 months")
    return asked


def daily(rows: Iterable[Row], first: date, days: int) -> dict[str, list[float]]:
    """Each group's amount on every day, and the total's."""
    groups: dict[str, list[float]] = {TOTAL: [0.0] * days}
    for row in rows:
        number, amount = (row.day - first).days, float(row.amount)
        groups.setdefault(row.key.service, [0.0] * days)[number] += amount
        groups[TOTAL][number] += amount
    return groups


def months_from(day: date) -> list[date]:
    """The day's month and the next three, each by its first day."""
    months = [day.replace(day=1)]
    while len(months) < HORIZONS:
        months.append(next_month(months[-1]))
    return months


def judge(
    groups: Mapping[str, Sequence[float]], first: date, asked: Asked, forecasts: Iterable[Forecast]
) -> list[Judged]:
    """What was told on one day beside what came of it.

    Left out are groups that had no spend before or too little after, and months that are not over.

    Raises:
        ValueError: a group or a month that had to be forecast is missing.
    """
    told = {(one.month, one.group): one for one in forecasts}
    judged = []
    for ahead, month in enumerate(months_from(asked.as_of)):
        start, end = (month - first).days, (next_month(month) - first).days
        for group, values in groups.items():
            actual = sum(values[start:end])
            if end > len(values) or actual < FLOOR or not any(values[: (asked.as_of - first).days]):
                continue
            if (month, group) not in told:
                raise ValueError(f"as of {asked.as_of}: nothing is told about {group or 'the total'} in {month:%Y-%m}")
            judged.append(Judged(asked.known, ahead, group, actual, told[month, group]))
    return judged


class Figures(NamedTuple):
    """Of some forecasts, all but the number in percent; None where no intervals were told.

    Attributes:
        number: how many there are.
        error: the mean absolute error, of what came.
        covered80: how often a month lay in its 80 % interval.
        covered95: the same of the 95 % interval.
        width80: the mean width of the 80 % interval, of what came.
    """

    number: int
    error: float
    covered80: float | None
    covered95: float | None
    width80: float | None


def figures(judged: Sequence[Judged]) -> Figures:
    """Sums some forecasts up; there must be one."""
    in80 = [(one, one.told.in80) for one in judged if one.told.in80]
    in95 = [(one, one.told.in95) for one in judged if one.told.in95]
    return Figures(
        len(judged),
        100 * statistics.fmean(one.error for one in judged),
        100 * statistics.fmean(low <= one.actual <= high for one, (low, high) in in80) if in80 else None,
        100 * statistics.fmean(low <= one.actual <= high for one, (low, high) in in95) if in95 else None,
        100 * statistics.fmean((high - low) / one.actual for one, (low, high) in in80) if in80 else None,
    )


class Spent(NamedTuple):
    """Seconds of CPU for so many forecasts; one is a series, as of one day, in all its months."""

    seconds: float
    forecasts: int


def incoherence(forecasts: Iterable[Forecast]) -> float:
    """How far, at most, a month's groups are from its total, in the currency."""
    sums: dict[date, float] = defaultdict(float)
    for one in forecasts:
        sums[one.month] += -one.mean if one.group == TOTAL else one.mean
    return max(map(abs, sums.values()), default=0.0)
