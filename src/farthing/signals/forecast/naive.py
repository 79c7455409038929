"""What anybody would forecast by hand, and a forecast is held against: the month to date, and a rate for the rest."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import accumulate

from farthing.model import Period, exact_sum
from farthing.signals.forecast.outlook import TOTAL, to_decimal
from farthing.signals.forecast.units import By, Group, known_of
from farthing.signals.panel import Panel

RUN_RATE, LAST_WEEK, SEASONAL = "run-rate", "last-7 average", "seasonal naive"
NAIVE = (RUN_RATE, LAST_WEEK, SEASONAL)

WEEK = 7
MONTH = 30


def naive(
    panel: Panel,
    as_of: date,
    periods: Sequence[Period],
    *,
    by: By = "service",
    growth: Mapping[date, float],
    without: Collection[date] = (),
) -> dict[tuple[Period, Group], dict[str, Decimal]]:
    """Each baseline's figure for each period, of each group and in total; the arguments are those of ``outlook``."""
    known = known_of(panel, as_of, by, growth, without)
    if known is None:
        return {}
    groups: dict[Group, list[float]] = {}
    for unit in known.units:
        own = groups.setdefault(unit.group, [0.0] * len(known.days))
        for at, value in enumerate(unit.values):
            own[at] += value
    found: dict[tuple[Period, Group], dict[str, Decimal]] = {}
    for period in periods:
        parts = {group: dict(_of_group(known.days, values, as_of, period)) for group, values in groups.items()}
        found.update({(period, group): told for group, told in parts.items()})
        found[period, TOTAL] = {name: exact_sum(told[name] for told in parts.values()) for name in NAIVE}
    return found


def _of_group(
    days: Sequence[date], values: Sequence[float], as_of: date, period: Period
) -> Iterator[tuple[str, Decimal]]:
    """The month to date is that of ``as_of``; on its first day the last thirty days stand for it."""
    start = bisect_left(days, as_of.replace(day=1))
    month = values[start:] or values[-MONTH:]
    sums = [0.0, *accumulate(values)]
    spent = sums[bisect_left(days, period.end)] - sums[bisect_left(days, period.start)]
    left = [day for day in period if day > days[-1]]
    week = values[-WEEK:]
    last = {day.weekday(): value for day, value in zip(days[-WEEK:], week, strict=True)}
    usual = sum(week) / len(week)
    rest = {
        RUN_RATE: sum(month) / len(month) * len(left),
        LAST_WEEK: usual * len(left),
        SEASONAL: sum(last.get(day.weekday(), usual) for day in left),
    }
    for name in NAIVE:
        yield name, to_decimal(spent + rest[name])
