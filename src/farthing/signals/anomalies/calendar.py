"""The days of a panel as plain numbers, worked out once for all of its leaves."""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date

import msgspec


class Days(msgspec.Struct, frozen=True):
    """The tuples run alike, an entry for each day.

    Attributes:
        dates: the days.
        ordinal: the day's number; two in a row differ by one.
        weekday: 0 is Monday.
        of_month: 1 to 31.
        month: counted from year 0.
        from_end: days until the month's last.
    """

    dates: tuple[date, ...]
    ordinal: tuple[int, ...]
    weekday: tuple[int, ...]
    of_month: tuple[int, ...]
    month: tuple[int, ...]
    from_end: tuple[int, ...]


def days_of(dates: Sequence[date]) -> Days:
    """The numbers of these days."""
    return Days(
        dates=tuple(dates),
        ordinal=tuple(day.toordinal() for day in dates),
        weekday=tuple(day.weekday() for day in dates),
        of_month=tuple(day.day for day in dates),
        month=tuple(day.year * 12 + day.month - 1 for day in dates),
        from_end=tuple(monthrange(day.year, day.month)[1] - day.day for day in dates),
    )
