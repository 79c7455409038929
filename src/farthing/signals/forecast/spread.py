"""How far forecasts like this one were off before: the intervals.

The same forecast is made as of one month ago, two, and so on, with what was known then, for the same span of days, and
held against what came. These errors, as shares of what a series spends, are the pool that the future is drawn from:
each series draws from the errors of those about as noisy as itself, so that a deployment or a leak is in the intervals
as often as it was in the past. A group's draws are the sums of its series' draws, and so are the total's.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from operator import add
from random import Random

import msgspec

from farthing.model import Period
from farthing.signals.forecast.calendar import moved
from farthing.signals.forecast.memory import expected
from farthing.signals.forecast.shared import drift_of, together_of
from farthing.signals.forecast.units import RECENT, Unit
from farthing.signals.forecast.usage import Course, course_of

ONE_DAY = timedelta(days=1)

ORIGINS = 8
"""Months back from which forecasts are made again, at most."""

LEAST_HISTORY = 28
"""Days that must be known before such a forecast."""

DRAWS = 500
"""Futures that are drawn."""

NEAR = 90
"""Errors that a series draws from: those of the series nearest to it in noise."""

ENOUGH = 8
"""Errors of the past that weigh as much as what is believed without any."""

MEMORY = 1.6
"""Times that a day's noise counts in a sum, for a day is like the one before."""

CHANGES = 0.005
"""How often, a day, a series is believed to change its level: deployments, leaks and drops."""

CHANGE = 0.5
"""Standard deviation of such a change, as a share of the level."""

MONTHLY_ERROR = 0.1
"""Standard deviation of what comes once a month, as a share of it, believed without a past: at least this much."""

MONTH = 30.4
"""Days."""


class Outcome(msgspec.Struct, frozen=True):
    """One series' forecast for some periods: the mean of each, and the scale that its errors are a share of."""

    course: Course
    means: tuple[float, ...]
    scales: tuple[float, ...]


def outcome(unit: Unit, days: Sequence[date], known: int, wanted: Sequence[Sequence[date]]) -> Outcome:
    """What a series is expected to bring on the wanted days, knowing its first ``known`` days."""
    before, values = days[:known], unit.values[:known]
    course = course_of(before, values, fee=unit.fee)
    means = []
    scales = []
    usual = abs_mean(values)
    for span in wanted:
        once = expected(course.charges, days[0], before[-1] + ONE_DAY, span, fee=unit.fee)
        means.append(sum(course.amounts(span)) + sum(one.amount for one in once))
        scales.append((course.level if course.dense else usual) * len(span))
    return Outcome(course, tuple(means), tuple(scales))


def drifting(unit: Unit, one: Outcome, place: int) -> float:
    """What of a series' forecast drifts along with all of them: usage, and what is a percentage of the bill."""
    if one.course.dense:
        return one.scales[place]
    return one.means[place] if unit.of_the_bill else 0.0


def abs_mean(values: Sequence[float]) -> float:
    """The mean size of the last three months' days."""
    late = values[-92:]
    return sum(map(abs, late)) / len(late)


class Past(msgspec.Struct):
    """What forecasts of one kind of series were off by, in one period.

    ``errors`` holds (noise of the series, error as a share of its scale), sorted; ``days`` is how far ahead the middle
    of the period lies, ``reach`` what a wandering level's variance grows with.
    """

    days: float
    reach: float
    errors: list[tuple[float, float]]


class Pools(msgspec.Struct, frozen=True):
    """The past of series with spend on most days (True) and of the others: of each period, and the drift a day.

    ``together`` tells of each period how many times as far the sum of all series was off as it is where they move by
    themselves; at least 1.
    """

    past: dict[bool, list[Past]]
    drift: float
    together: tuple[float, ...]


def pools(
    units: Sequence[Unit],
    days: Sequence[date],
    as_of: date,
    periods: Sequence[Period],
    wanted: Sequence[Sequence[date]],
) -> Pools:
    """What forecasts like this one were off by before.

    Args:
        units: the series.
        days: those that are known.
        as_of: the day of the forecast.
        periods: what is forecast.
        wanted: their days that are not known.
    """
    past = {dense: [Past(*_far(span, as_of), []) for span in wanted] for dense in (True, False)}
    sums: dict[int, list[float]] = {}
    apart: list[dict[int, list[tuple[float, float]]]] = [{} for _ in wanted]
    lag = as_of - days[-1]
    for back in range(1, ORIGINS + 1):
        origin = moved(as_of, -back)
        known = bisect_left(days, origin - lag + ONE_DAY)
        if (origin - days[0]).days < LEAST_HISTORY or not known:
            break
        spans = list(_spans(days, days[known - 1] + ONE_DAY, as_of, back, periods))
        for number, unit in enumerate(units):
            if not spans or not any(unit.values[max(0, known - RECENT) : known]):
                continue
            then = outcome(unit, days, known, [days[span] for _, span in spans])
            dense = then.course.dense
            for (place, span), mean, scale in zip(spans, then.means, then.scales, strict=True):
                if scale > 0:
                    one = past[dense][place]
                    off = sum(unit.values[span]) - mean
                    apart[place].setdefault(back, []).append((off, scale * one.days * dense))
                    one.errors.append((then.course.noise, off / scale))
                    if dense:
                        own = sums.setdefault(number, [0.0, 0.0])
                        own[0] += off
                        own[1] += scale * one.days
    drift = drift_of(list(sums.values()))
    for dense, ones in past.items():
        for one in ones:
            one.errors = sorted((noise, share - drift * one.days * dense) for noise, share in one.errors)
        _lend(ones)
    return Pools(past, drift, _borrowed([list(months.values()) for months in apart], drift))


def _far(span: Sequence[date], as_of: date) -> tuple[float, float]:
    """How far ahead a span's middle lies, in days, and what a wandering level's variance grows with there."""
    ahead = [(day - as_of).days + 1 for day in span if day >= as_of]
    if not ahead:
        return 0.0, 0.0
    return sum(ahead) / len(span), ahead[0] - 1 + len(ahead) / 3


def _spans(
    days: Sequence[date], unknown: date, as_of: date, back: int, periods: Sequence[Period]
) -> Iterator[tuple[int, slice]]:
    """The days from ``unknown`` on that stand to it as the periods' days, so many months later, stand to ``as_of``."""
    for place, period in enumerate(periods):
        if period.end <= as_of:
            continue
        start = max(unknown, moved(period.start, -back))
        end = moved(period.end, -back)
        span = slice(bisect_left(days, start), bisect_left(days, end))
        if (end - days[-1]).days <= 1 and span.start < span.stop:
            yield place, span


def _borrowed(apart: Sequence[Sequence[Sequence[tuple[float, float]]]], drift: float) -> tuple[float, ...]:
    """How much series move together, of each period; one that lies too far ahead has it of the one before."""
    found: list[float] = []
    for place, months in enumerate(apart):
        known = not place or len(months) >= len(apart[place - 1]) / 3
        found.append(together_of(months, drift) if known else found[-1])
    return tuple(found)


def _lend(ones: Sequence[Past]) -> None:
    """A period that lies too far ahead to have a past borrows that of the one before it, made wider."""
    for before, one in pairwise(ones):
        if len(one.errors) < len(before.errors) / 3 and 0 < before.reach < one.reach:
            wider = (one.reach / before.reach) ** 0.5
            one.errors = [(noise, share * wider) for noise, share in before.errors]


def draws(now: Outcome, place: int, mean: float, length: int, past: Past, random: Random) -> list[float]:
    """Futures of one series in one period, less its mean.

    Args:
        now: the series' forecast.
        place: the period's.
        mean: what the series is expected to bring in it, its drift included.
        length: how many unknown days it has.
        past: the errors of the past.
        random: where chance comes from.
    """
    scale = now.scales[place]
    if not scale:
        return [0.0] * DRAWS
    near = _nearest(past.errors, now.course.noise)
    count = round(DRAWS * len(near) / (len(near) + ENOUGH))
    found = random.choices([share for _, share in near], k=count) if count else []
    found += _believed(now, place, length, past, DRAWS - count, random)
    # Where the believed ones stand differs from series to series, so that they meet others' errors of the past.
    turn = random.randrange(DRAWS)
    found = found[turn:] + found[:turn]
    if now.course.step:
        found = list(map(add, found, _whole_or_none(now.course, length / scale, random)))
    if now.course.dense and min(found) * scale < -mean:
        # What is used is not paid back.
        return [max(share * scale, min(-mean, 0.0)) for share in found]
    return [share * scale for share in found]


def _whole_or_none(course: Course, share: float, random: Random) -> list[float]:
    """What becomes of a departure of the last days, less its mean: it goes on or is over, hardly ever in part."""
    whole = course.step * share
    return ends((1 - course.stays) * whole, -course.stays * whole, course.stays, random)


def ends(goes_on: float, is_over: float, likely: float, random: Random) -> list[float]:
    """One of two ends for each future, the first in so many of them."""
    lasting = round(DRAWS * likely)
    found = [goes_on] * lasting + [is_over] * (DRAWS - lasting)
    random.shuffle(found)
    return found


def _nearest(pool: list[tuple[float, float]], noise: float) -> list[tuple[float, float]]:
    at = bisect_left(pool, (noise, 0.0))
    start = max(0, min(at - NEAR // 2, len(pool) - NEAR))
    return pool[start : start + NEAR]


def _believed(now: Outcome, place: int, length: int, past: Past, count: int, random: Random) -> list[float]:
    """Errors as they are believed to be without a past, as shares of the scale."""
    if not now.course.dense:
        wide = max(now.course.noise, MONTHLY_ERROR) * abs(now.means[place]) / now.scales[place]
        return [random.gauss(0.0, wide) for _ in range(count)]
    wide = now.course.noise * (MEMORY / length + MEMORY / LEAST_HISTORY) ** 0.5
    changes = min(CHANGES * past.reach, 1.0)
    return [
        random.gauss(0.0, wide) + (random.gauss(0.0, CHANGE) if random.random() < changes else 0.0)
        for _ in range(count)
    ]
