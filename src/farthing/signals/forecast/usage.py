"""One series of daily amounts, and how it goes on: its level, a damped trend, its weekdays, its noise.

The weekdays and the days out of the ordinary are learned as the detector learns them, by medians. The level and its
slope now are a weighted regression over the ordinary days since the last shift, with a prior on the slope: a ramp that
stands out of the noise is followed, a wobble is not.
"""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from operator import mul
from statistics import fmean

import msgspec

from farthing.signals.anomalies.learning import learn, median
from farthing.signals.forecast.memory import Charge, is_known

WINDOW = 98
"""Days that a series is learned from: fourteen weeks, three months of fees."""

LEARNING = 10
"""Days: a series younger than that goes on with the mean of its days."""

MIN_NOISE = 0.005
"""The least standard deviation of a day, as a share of what was expected."""

MIN_SHARE = 0.15
"""A day out of the ordinary is at least this share off."""

HALF_LIFE = 7.0
"""Days after which a day counts half for the level and the slope."""

SLOPE = 0.0015
"""Standard deviation, a day, of the slope as a share of the level: what is believed before looking."""

DAMPING = 0.97
"""What is left of the slope a day later."""

SIDE = 7
"""Days on either side of a shift that tell it."""

SHIFT_SIGMAS, SHIFT_SHARE = 4.0, 0.12
"""How many standard errors, and which share of the level, a shift has at least."""

STAYS = (0.0, 0.3, 0.5, 0.6)
"""How likely a departure goes on, by the days that it has lasted; longer ones are the new level."""

LEAST_STEP = 0.1
"""Share of the level: a departure of the last days that is smaller is noise."""

FEW = 28
"""Days of zeros and others by which it is told whether a series has spend on most days."""


class Course(msgspec.Struct, frozen=True):
    """How a series goes on. ``level`` and ``slope`` are as of ``last``, money a day and money a day each day.

    ``noise`` is the standard deviation of a day as a share of the level, ``charges`` what was out of the ordinary.
    ``step`` is a departure of the very last days, money a day, and ``stays`` how likely it goes on: that share of it is
    in the level.
    """

    last: date
    level: float
    slope: float
    factors: tuple[float, ...]
    noise: float
    charges: tuple[Charge, ...]
    dense: bool
    step: float = 0.0
    stays: float = 0.0

    def amounts(self, days: Sequence[date]) -> list[float]:
        """What is expected on each of these days, without what comes once a month."""
        if not self.level and not self.slope:
            return [0.0] * len(days)
        whole = self.slope * DAMPING / (1 - DAMPING)
        found = []
        for day in days:
            ahead = (day - self.last).days
            level = self.level + whole * (1 - DAMPING**ahead) if ahead > 0 else self.level
            # Usage is not paid back, however its slope points; credits of every day are no usage.
            found.append(level * self.factors[day.weekday()] if level > 0 or not self.dense else 0.0)
        return found


OVER = 3
"""Days without a charge, besides twice the longest gap before, after which a service is over."""

RATE_HALF_LIFE = 10.0
"""Days after which a day counts half for the rate of a series without spend on most days."""

MONTHLY, RARE = 7, 3
"""Of the last FEW days, those with a charge: with so many at most, fees (or others) are taken to come once a month."""

UNSURE = 1.0
"""The noise of a series that has just begun, or has spend on few days only: nobody knows."""

UNREST = 0.3
"""How much charges of which there are but one or two are taken to differ, as a share of them."""

FLAT = (1.0,) * 7


def course_of(days: Sequence[date], values: Sequence[float], *, fee: bool) -> Course:
    """What is learned of one series.

    Args:
        days: those that are known, ascending; at least one.
        values: the money of each.
        fee: whether it is nothing but fees, by its category or its name.
    """
    start = max(0, len(days) - WINDOW)
    while start < len(days) and not values[start]:
        start += 1
    own, ordinals = values[start:], days[start:]
    often = sum(value != 0 for value in values[-FEW:])
    if (fee and often <= MONTHLY) or 2 * sum(value > 0 for value in own[-FEW:]) <= min(FEW, len(own)):
        return _sparse(days, values, monthly=often <= (MONTHLY if fee else RARE))
    weekdays = [day.weekday() for day in ordinals]
    learned = learn(own, weekdays, MIN_NOISE, MIN_SHARE) if len(own) >= LEARNING else None
    if learned is None:
        return _young(ordinals, own)
    flat = [
        value / share if (share := learned.factors[weekday]) > 0.05 else level
        for value, weekday, level in zip(own, weekdays, learned.levels, strict=True)
    ]
    odd = {at for at, _ in learned.bumps}
    sigma = max(learned.noise * 1.25, MIN_NOISE)
    first = _since_shift(flat, sigma)
    level, slope = _line(ordinals, flat, odd, first, sigma)
    charges = tuple(Charge(ordinals[at], amount) for at, amount in learned.bumps)
    # A fee that comes every month is no departure.
    new = {at for (at, _), one in zip(learned.bumps, charges, strict=True) if not is_known(charges, one)}
    step, stays = _departure(flat, new, level, sigma)
    level = max(level + stays * step, 0.0)
    return Course(ordinals[-1], level, slope, learned.factors, sigma, charges, dense=True, step=step, stays=stays)


def _sparse(days: Sequence[date], values: Sequence[float], *, monthly: bool) -> Course:
    """Spend on few days: what comes once a month is remembered, the rest is a rate; so are credits of every day."""
    charges = [Charge(day, value) for day, value in zip(days, values, strict=True) if value]
    late = values[-2 * FEW :]
    weights = [0.5 ** (age / RATE_HALF_LIFE) for age in range(len(late) - 1, -1, -1)]
    rate = 0.0 if monthly else sum(map(mul, weights, late)) / sum(weights)
    if _is_over(values[-WINDOW:]):
        return Course(days[-1], 0.0, 0.0, FLAT, UNREST, (), dense=True)
    return Course(
        days[-1],
        rate,
        0.0,
        FLAT,
        _unrest(charges) if monthly else UNSURE,
        tuple(charges) if monthly else (),
        dense=False,
    )


def _is_over(values: Sequence[float]) -> bool:
    """Whether there has been nothing for much longer than the gaps between charges were; few charges tell no gaps."""
    if sum(value != 0 for value in values) <= MONTHLY:
        return False
    gaps = [0]
    for value in values:
        if value:
            gaps.append(0)
        else:
            gaps[-1] += 1
    return gaps[-1] > OVER + 2 * max(gaps[1:-1], default=0)


def _unrest(charges: Sequence[Charge]) -> float:
    """How much charges differ from one to the next, as a share of them."""
    late = [abs(charge.amount) for charge in charges[-12:]]
    if len(late) < 3:
        return UNREST
    return min(median([abs(later - earlier) for earlier, later in pairwise(late)]) / median(late), 1.0)


def _young(days: Sequence[date], values: Sequence[float]) -> Course:
    """A series of some days: their middle; of one that has just begun, part is taken to stay."""
    level = median(values[-LEARNING:])
    if len(values) < len(STAYS):
        level *= STAYS[len(values)]
    return Course(days[-1], max(level, 0.0), 0.0, FLAT, UNSURE, (), dense=True)


def _since_shift(flat: Sequence[float], sigma: float) -> int:
    """Where the level that holds now begins."""
    count = len(flat)
    for at in range(count - 4, max(count - 4 * SIDE, SIDE - 1), -1):
        left, right = median(flat[max(0, at - SIDE) : at]), median(flat[at : at + SIDE])
        scale = max(left, right)
        width = min(SIDE, count - at)
        error = sigma * scale * (1 / SIDE + 1 / width) ** 0.5 * 1.25
        step = abs(right - left)
        if step > max(SHIFT_SIGMAS * error, SHIFT_SHARE * scale):
            # The steepest place nearby: the windows see a shift some days before and after it.
            near = range(max(1, at - 4), at + 1)
            return max(
                near, key=lambda place: abs(fmean(flat[place : place + 3]) - fmean(flat[max(0, place - 3) : place]))
            )
    return 0


def _line(days: Sequence[date], flat: Sequence[float], odd: set[int], first: int, sigma: float) -> tuple[float, float]:
    """Level and slope at the last day: a weighted regression with a prior on the slope."""
    last = days[-1]
    places = [at for at in range(first, len(days)) if at not in odd] or list(range(first, len(days)))
    weights = [0.5 ** ((last - days[at]).days / HALF_LIFE) for at in places]
    ages = [float((days[at] - last).days) for at in places]
    values = [flat[at] for at in places]
    total = sum(weights)
    x = sum(w * a for w, a in zip(weights, ages, strict=True)) / total
    y = sum(w * v for w, v in zip(weights, values, strict=True)) / total
    sxx = sum(w * (a - x) ** 2 for w, a in zip(weights, ages, strict=True))
    sxy = sum(w * (a - x) * (v - y) for w, a, v in zip(weights, ages, values, strict=True))
    if y <= 0:
        return max(y, 0.0), 0.0
    slope = sxy / (sxx + (sigma / SLOPE) ** 2)
    return y - slope * x, slope


def _departure(flat: Sequence[float], odd: set[int], level: float, sigma: float) -> tuple[float, float]:
    """By how much the very last days left the level, and how likely that goes on; (0, 0) where they did not."""
    run = 0
    while run < len(STAYS) and len(flat) - 1 - run in odd:
        run += 1
    if not run or run >= len(STAYS):
        return 0.0, 0.0
    step = median(flat[-run:]) - level
    if abs(step) < max(LEAST_STEP * level, 3 * sigma * level):
        return 0.0, 0.0
    return step, STAYS[run]
