"""The forecast of some periods, of each group and in total: the parts add up to the total, to the last decimal."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from operator import add
from random import Random
from types import MappingProxyType

import msgspec

from farthing.model import EXACT, ZERO, Estimate, Period, exact_sum
from farthing.signals.forecast.calendar import first_of, month_number
from farthing.signals.forecast.intervals import bounds, bounds_of_sum, shares_of_sum
from farthing.signals.forecast.spread import DRAWS, draws, drifting, ends, outcome, pools
from farthing.signals.forecast.units import By, Group, Known, known_of
from farthing.signals.forecast.unsettled import beyond, going_on
from farthing.signals.forecast.usage import LEARNING
from farthing.signals.panel import Panel

COMPLETE: Mapping[date, float] = MappingProxyType({})
"""No day's figure is expected to grow."""

MONTHS_AHEAD = 3
"""Months that are forecast beside the running one."""

TOTAL: Group = ()
"""The group that is all of them together."""

PROVISIONAL_ERROR = 0.5
"""Standard deviation of what a provisional day still grows by, as a share of what it is expected to."""

_PARTS = Decimal("0.000001")
_ROUNDING = Context(prec=76, rounding=ROUND_HALF_EVEN)


class Forecast(msgspec.Struct, frozen=True):
    """What one group costs in one period.

    Attributes:
        period: UTC days.
        group: whose; :data:`TOTAL` for all.
        fact: what is known of it, provisional days completed.
        estimate: the whole period, facts included.
        learning: the group's first spend is less than ten days old: its figure is the middle of its days so far.
    """

    period: Period
    group: Group
    fact: Decimal
    estimate: Estimate
    learning: bool = False


class Outlook(msgspec.Struct, frozen=True):
    """A forecast as of a day, which is not known itself. ``rows``: period by period, the total first.

    ``left_out`` are days of the periods that are known in another currency, which nothing can be added to.
    """

    as_of: date
    currency: str
    rows: tuple[Forecast, ...]
    left_out: tuple[date, ...] = ()


def months_from(as_of: date) -> list[Period]:
    """The running month and the next three."""
    first = month_number(as_of)
    return [Period(first_of(month), first_of(month + 1)) for month in range(first, first + 1 + MONTHS_AHEAD)]


def outlook(
    panel: Panel,
    as_of: date,
    periods: Sequence[Period],
    *,
    by: By = "service",
    growth: Mapping[date, float] = COMPLETE,
    without: Collection[date] = (),
) -> Outlook | None:
    """The forecast of each group and of the total; None where fewer than ten days are known.

    Args:
        panel: leaves over time; only days before ``as_of`` and in the newest currency count.
        as_of: the first day that is not a fact.
        periods: what is wanted.
        by: what a group is.
        growth: by which factor a provisional day's figure is still expected to grow.
        without: provisional days of which no factor is known: they are forecast, and count at least what they have.
    """
    known = known_of(panel, as_of, by, growth, without)
    if known is None or len(known.days) < LEARNING:
        return None
    other = tuple(
        day
        for day, currency in zip(panel.dates, panel.currencies, strict=True)
        if day < as_of and currency != known.currency and any(day in period for period in periods)
    )
    return Outlook(as_of, known.currency, tuple(_forecasts(known, as_of, periods, growth)), other)


def _unknown(known: Known, as_of: date, period: Period) -> list[date]:
    """The period's days that have to be forecast: those to come, and those that the past has gaps at."""
    if period.end <= as_of:
        return []
    have = set(known.days)
    return [day for day in period if day >= known.days[0] and day not in have]


def _forecasts(
    known: Known, as_of: date, periods: Sequence[Period], growth: Mapping[date, float]
) -> Iterator[Forecast]:
    wanted = [_unknown(known, as_of, period) for period in periods]
    groups = sorted({unit.group for unit in known.units})
    past = pools(known.units, known.days, as_of, periods, wanted)
    now = [outcome(unit, known.days, len(known.days), wanted) for unit in known.units]
    random = Random(0)  # noqa: S311 - the same futures every time, nothing is secret
    since = {group: _age(known, group) for group in groups}
    for place, period in enumerate(periods):
        span = wanted[place]
        inside = [at for at, day in enumerate(known.days) if day in period]
        grown = {at: 1 - 1 / factor for at in inside if (factor := growth.get(known.days[at], 1.0)) > 1}
        # How a day grows is alike in all groups, so they share its chance.
        chance = [random.gauss(0.0, PROVISIONAL_ERROR) for _ in range(DRAWS)] if grown else []
        growing = dict.fromkeys(groups, 0.0)
        # Rounded series by series, so that a total is the same however they are grouped.
        facts = dict.fromkeys(groups, ZERO)
        means = dict.fromkeys(groups, ZERO)
        futures: dict[Group, list[float]] = {group: [0.0] * DRAWS for group in groups}
        for unit, one in zip(known.units, now, strict=True):
            fact = to_decimal(sum(unit.values[at] for at in inside))
            facts[unit.group] = EXACT.add(facts[unit.group], fact)
            errors = past.past[one.course.dense][place]
            mean = one.means[place] + past.drift * errors.days * drifting(unit, one, place)
            rest = to_decimal(mean + beyond(unit, one, place, known, period))
            means[unit.group] = EXACT.add(means[unit.group], rest)
            growing[unit.group] += sum(share * abs(unit.values[at]) for at, share in grown.items())
            if span:
                drawn = draws(one, place, mean, len(span), errors, random)
                step, likely = going_on(unit, one.course, known)
                if step:
                    to_come = sum(day > known.unsettled[-1] for day in span)
                    drawn = list(map(add, drawn, ends(step * to_come, 0.0, likely, random)))
                futures[unit.group] = list(map(add, futures[unit.group], drawn))
        ahead = past.past[True][place].days
        shares = shares_of_sum(list(futures.values()), ahead, past.together[place])
        alone = [sum(column) for column in zip(*futures.values(), strict=True)] or [0.0] * DRAWS
        in_common = [sum(growing.values()) * one for one in chance] or [0.0] * DRAWS
        if grown:
            futures = {
                group: [off + growing[group] * one for off, one in zip(own, chance, strict=True)]
                for group, own in futures.items()
            }
        parts = [_row(period, g, facts[g], means[g], bounds(futures[g]), learning=since[g] < LEARNING) for g in groups]
        yield _total(period, parts, bounds_of_sum(alone, in_common, shares))
        yield from parts


def _age(known: Known, group: Group) -> int:
    """Days since the group's first spend, that day included."""
    own = [unit.values for unit in known.units if unit.group == group]
    new = len(known.days)
    first = min(next((at for at, value in enumerate(values) if value), new) for values in own)
    if first == new:
        return 0
    return (known.days[-1] - known.days[first]).days + 1


def _row(
    period: Period, group: Group, fact: Decimal, mean: Decimal, offs: Sequence[float], *, learning: bool
) -> Forecast:
    return Forecast(period, group, fact, _estimate(exact_sum([fact, mean]), offs), learning)


def _total(period: Period, parts: Sequence[Forecast], offs: Sequence[float]) -> Forecast:
    fact = exact_sum(part.fact for part in parts)
    return Forecast(period, TOTAL, fact, _estimate(exact_sum(part.estimate.mean for part in parts), offs))


def _estimate(mean: Decimal, offs: Sequence[float]) -> Estimate:
    lo80, hi80, lo95, hi95 = (exact_sum([mean, to_decimal(off)]) for off in offs)
    return Estimate(mean=mean, lo80=lo80, hi80=hi80, lo95=min(lo95, lo80), hi95=max(hi95, hi80))


def to_decimal(amount: float) -> Decimal:
    """An amount to a millionth, never -0: doubles stay inside."""
    rounded = _ROUNDING.quantize(Decimal(amount), _PARTS)
    return rounded if rounded else abs(rounded)
