"""What comes once a month: which amount, on which day, and how sure it is to come again.

Fees, tax, support, the marketplace, credits and the job on a month's last day come on a day of the month that moves a
little, with about the size of the last time. A refund or an upfront payment comes once. How often a charge came in
the last months tells one from the other; one that was seen a single time is expected in part.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise

import msgspec

from farthing.signals.anomalies.fees import MONTH_START, MOVES
from farthing.signals.anomalies.learning import median
from farthing.signals.forecast.calendar import first_of, month_number, on_day

LOOKS_BACK = 3
"""Chances to come, newest first, that tell whether a charge comes again."""

AGAIN = {
    (True, True, True): 1.0,
    (True, True, False): 1.0,
    (True, False, True): 0.8,
    (True, True): 1.0,
    (False, True, True): 0.25,
}
"""How sure a charge is to come, by whether it came at its last chances, newest first."""

ONCE_FEE, ONCE = 0.5, 0.25
"""The same of one that came only at its last chance: where it is a fee by its category, its name or its day (1 to 3)
and was not spread over several days, and else."""

LATE = 2
"""Days that a charge may be late before it is no longer expected this month."""

LONG_PERIODS = (3, 6, 12)
"""Months between the charges of a quarter, half a year and a year; two of them tell the period."""

ALIKE = 3.0
"""Times: charges that differ by more are not taken for the same one."""


class Charge(msgspec.Struct, frozen=True, gc=False):
    """One amount out of the ordinary: money, on a day."""

    day: date
    amount: float


class Expected(msgspec.Struct, frozen=True, gc=False):
    """What is expected on a day: the amount times how sure it is to come."""

    day: date
    amount: float


class _Habit(msgspec.Struct):
    """Charges of one place in the month, a sum for each month, keyed by the month's number."""

    at: int
    from_end: bool
    days: dict[int, int]
    amounts: dict[int, float]
    counts: dict[int, int]


def expected(charges: Iterable[Charge], first: date, today: date, days: Sequence[date], *, fee: bool) -> list[Expected]:
    """What the memory expects to come.

    Args:
        charges: what was out of the ordinary, before ``today``.
        first: the first day of which anything is known.
        today: the first day that is not known.
        days: the days of interest, from ``today`` on, ascending.
        fee: whether the leaf is nothing but fees, by its category or its name.
    """
    if not days:
        return []
    found = []
    months = range(month_number(days[0]), month_number(days[-1]) + 1)
    for habit in _habits(charges):
        for month in months:
            one = _next(habit, month, first, today, fee=fee)
            if one is not None and days[0] <= one.day <= days[-1]:
                found.append(one)
    return found


def is_known(charges: Iterable[Charge], charge: Charge) -> bool:
    """Whether a charge like this one came on about the same day of one of the months before."""
    month, at = month_number(charge.day), charge.day.day
    left = (first_of(month + 1) - charge.day).days - 1
    for other in charges:
        number = month_number(other.day)
        if not 1 <= month - number <= LOOKS_BACK:
            continue
        near = abs(other.day.day - at) <= MOVES or max(other.day.day, at) <= MONTH_START
        if near or left == (first_of(number + 1) - other.day).days - 1 < MONTH_START:
            share = charge.amount / other.amount
            if 1 / ALIKE <= share <= ALIKE:
                return True
    return False


def _habits(charges: Iterable[Charge]) -> list[_Habit]:
    """The charges by their place in the month, and by their sign."""
    habits: dict[bool, list[_Habit]] = {True: [], False: []}
    for charge in sorted(charges, key=lambda one: one.day):
        month, at = month_number(charge.day), charge.day.day
        left = (first_of(month + 1) - charge.day).days - 1
        known = habits[charge.amount > 0]
        habit = next((one for one in reversed(known) if _same_place(one, at, left)), None)
        if habit is None:
            from_end = left < MONTH_START
            habit = _Habit(left if from_end else at, from_end, {}, {}, {})
            known.append(habit)
        habit.days[month] = left if habit.from_end else at
        habit.at = habit.days[month]
        habit.amounts[month] = habit.amounts.get(month, 0.0) + charge.amount
        habit.counts[month] = habit.counts.get(month, 0) + 1
    return [*habits[True], *habits[False]]


def _same_place(habit: _Habit, at: int, left: int) -> bool:
    if habit.from_end:
        return abs(habit.at - left) == 0
    return abs(habit.at - at) <= MOVES or (at <= MONTH_START and habit.at <= MONTH_START)


def _next(habit: _Habit, month: int, first: date, today: date, *, fee: bool) -> Expected | None:
    """What a habit brings in a month that is not over."""
    if month in habit.amounts:
        return None
    last = max(habit.amounts)
    day = _day(habit, month)
    if day < today:
        if month != month_number(today) or (today - day).days > LATE:
            return None
        day = today
    sure = _sure(habit, month, first, today, fee=fee)
    if sure <= 0:
        return None
    return Expected(day, sure * _amount(habit, last))


def _day(habit: _Habit, month: int) -> date:
    if habit.from_end:
        return first_of(month + 1) - timedelta(days=habit.at + 1)
    return on_day(month, habit.at)


def _amount(habit: _Habit, last: int) -> float:
    """That of the last time, unless it was alone in being so large or small."""
    recent = [habit.amounts[month] for month in sorted(habit.amounts)[-LOOKS_BACK:]]
    amount, middle = habit.amounts[last], median(recent)
    return amount if abs(middle) / ALIKE <= abs(amount) <= abs(middle) * ALIKE else middle


def _sure(habit: _Habit, month: int, first: date, today: date, *, fee: bool) -> float:
    """How sure the habit is to bring its charge in ``month``."""
    seen = sorted(habit.amounts)
    gaps = {later - earlier for earlier, later in pairwise(seen)}
    if len(gaps) == 1 and (gap := next(iter(gaps))) in LONG_PERIODS:
        return 1.0 if (month - seen[-1]) % gap == 0 else 0.0
    chances = list(_chances(habit, first, today))
    if not any(chances):
        return 0.0
    if tuple(chances) in AGAIN:
        return AGAIN[tuple(chances)]
    if chances[0]:
        start = not habit.from_end and habit.at <= MONTH_START and habit.counts[seen[-1]] == 1
        return ONCE_FEE if fee or start else ONCE
    return 0.0


def _chances(habit: _Habit, first: date, today: date) -> Iterator[bool]:
    """Whether it came at its last chances, newest first; months that are not known are none."""
    month, left = month_number(today), LOOKS_BACK
    while left and first_of(month + 1) > first:
        day = _day(habit, month)
        if month in habit.amounts:
            yield True
            left -= 1
        elif first <= day and (today - day).days > LATE:
            yield False
            left -= 1
        month -= 1
