"""Months counted from year 0, and days moved by months."""

from calendar import monthrange
from datetime import date


def month_number(day: date) -> int:
    """The month of a day."""
    return day.year * 12 + day.month - 1


def first_of(month: int) -> date:
    """The first day of a month."""
    return date(month // 12, month % 12 + 1, 1)


def on_day(month: int, at: int) -> date:
    """A day of a month; its last where it has fewer days."""
    year, number = month // 12, month % 12 + 1
    return date(year, number, min(at, monthrange(year, number)[1]))


def moved(day: date, months: int) -> date:
    """The same day of the month, so many months later; the month's last where that has fewer days."""
    return on_day(month_number(day) + months, day.day)
