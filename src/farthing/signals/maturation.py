"""How a day's amount grows after the day has ended, learned from what the ledger saw of earlier days. Pure.

A billing day is not complete when it ends: its figures come in over hours, and what was seen is kept as revisions of
the day's report. The share that a day had at an age is ``amount known at that age / amount known now``; what is typical
for an age is the median over the days that are old enough to be complete. What a young day will grow to is its amount
divided by that share.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import median

import msgspec

from farthing.model import FILLING_HOURS

COMPLETE_HOURS = 168
"""Hours after its end from which on a day teaches: what comes later (refunds, credits) is restatement, not filling."""

LEARNING_DAYS = 90
"""Days: how many of the newest complete ones are learned from."""

LEAST_DAYS = 10
"""Days: with fewer that were seen at an age nothing is said of it."""

SLACK_HOURS = 2
"""Hours by which a look may have come later in its day than the present one: runs do not start on the minute."""

LEAST_SHARE = 0.1
"""A day that had less than this share of its amount is not extrapolated further: tenfold at most."""

MOST_SHARE = 1.25
"""A day that had more than this share of its amount is not brought down further."""

WITHIN = 0.01
"""Share of its amount to within which a day must have come to count as filled."""

FILLED_OF_TEN = 9
"""Days of ten that must have filled by an age for it to be called how long days fill up."""


class Known(msgspec.Struct, frozen=True):
    """What a day's amount was known to be from a moment on, until the next."""

    seen_at: datetime
    currency: str
    amount: Decimal


class DayHistory(msgspec.Struct, frozen=True):
    """A UTC day with every state that the ledger saw it in, oldest first, the last being what it says now."""

    day: date
    states: tuple[Known, ...]


class Point(msgspec.Struct, frozen=True):
    """The usual share at an age (hours after the day's end), and of how many days."""

    age_hours: float
    share: float
    days: int


class Curve(msgspec.Struct, frozen=True):
    """The maturation curve of a ledger.

    ``filling_hours`` is the age by which nine of ten days have come to within 1 % of their amount, None where too few
    days were seen while they were young. A ledger that is asked once a day knows it to a day.
    """

    points: tuple[Point, ...]
    filling_hours: float | None
    days: int


def age_hours(day: date, moment: datetime) -> float:
    """Hours from the end of a UTC day to a moment; negative while it goes on."""
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return (moment - end) / timedelta(hours=1)


def growth(
    days: Iterable[DayHistory],
    as_of: datetime,
    *,
    filling_hours: float | None = None,
    least_days: int = LEAST_DAYS,
) -> dict[date, float]:
    """By what each provisional day's amount has to be multiplied to be what it will usually become.

    Args:
        days: the ledger's days, in any order.
        as_of: when the ledger last looked at its youngest days, UTC: earlier days are compared at that age.
        filling_hours: hours after its end for which a day is provisional; by default what :func:`filling_hours_of`
            learned, and not less than 48.
        least_days: days that must have been seen at an age.

    Returns:
        For each day that has ended and is provisional, a factor from 0.8 to 10; a day of whose age too little is known
        is left out, because no source says how far a young day usually is.
    """
    days = list(days)
    taught = learned_from(days, as_of)
    if filling_hours is None:
        filling_hours = max(float(FILLING_HOURS), filling_hours_of(taught) or 0.0)
    found = {}
    for one in days:
        age = age_hours(one.day, as_of)
        if one.states and 0 <= age < filling_hours:
            shares = _shares(taught, age)
            if len(shares) >= least_days:
                found[one.day] = 1 / _clamped(median(shares))
    return found


def curve(days: Iterable[DayHistory], as_of: datetime, *, until_hours: int = COMPLETE_HOURS) -> Curve:
    """The curve as a person looks at it: a point for each daily look at the time of day of ``as_of``."""
    taught = learned_from(list(days), as_of)
    first = as_of.hour + as_of.minute / 60
    points = []
    for look in range(until_hours // 24):
        age = first + 24 * look
        shares = _shares(taught, age)
        if len(shares) >= LEAST_DAYS:
            points.append(Point(age, median(shares), len(shares)))
    return Curve(tuple(points), filling_hours_of(taught), len(taught))


def learned_from(days: Sequence[DayHistory], as_of: datetime) -> list[DayHistory]:
    """The newest complete days: those that others are compared with."""
    complete = [one for one in days if one.states and age_hours(one.day, as_of) >= COMPLETE_HOURS]
    return sorted(complete, key=lambda one: one.day)[-LEARNING_DAYS:]


def filling_hours_of(taught: Iterable[DayHistory]) -> float | None:
    """The age by which nine of ten days had come to within 1 % of their amount; None where too few tell."""
    ages = sorted(age for one in taught if (age := _filled_at(one)) is not None)
    if len(ages) < LEAST_DAYS:
        return None
    return ages[math.ceil(len(ages) * FILLED_OF_TEN / 10) - 1]


def _filled_at(one: DayHistory) -> float | None:
    """The age at which a day was first seen as large as it stayed; None for one that was not watched while young."""
    final = one.states[-1]
    if final.amount <= 0 or age_hours(one.day, one.states[0].seen_at) >= FILLING_HOURS:
        return None
    filled = final
    for state in reversed(one.states):
        if state.currency != final.currency or abs(float(state.amount / final.amount) - 1) > WITHIN:
            break
        filled = state
    return max(0.0, age_hours(one.day, filled.seen_at))


def _shares(taught: Iterable[DayHistory], age: float) -> list[float]:
    """The share that each day had at an age, of those that were seen by then and are in one currency."""
    shares = []
    for one in taught:
        final = one.states[-1]
        seen = [state for state in one.states if age_hours(one.day, state.seen_at) <= age + SLACK_HOURS]
        if seen and final.amount > 0 and seen[-1].currency == final.currency:
            shares.append(float(seen[-1].amount / final.amount))
    return shares


def _clamped(share: float) -> float:
    return min(MOST_SHARE, max(LEAST_SHARE, share))
