"""What people type for a range of days, as a :class:`~farthing.model.Period`. Pure: the caller knows today.

Relative periods end before today: today's own day has not been collected yet. Calendar periods (2026,
2026-Q4, 2026-10) are what the calendar says, also where they reach into the future.
"""

import re
from datetime import date, timedelta
from difflib import get_close_matches

from farthing.errors import UsageError
from farthing.model import Period

UNDERSTOOD = (
    "mtd, last-month, ytd, yesterday, 30d (days), 3m (whole months), 2026, 2026-Q4, 2026-10, 2026-10-04, "
    "2026-10-01..2026-10-08 (the end not included)"
)
"""The spellings of a period, for help texts and errors."""

_WORDS = ("mtd", "last-month", "ytd", "yesterday")
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


def parse_period(text: str, today: date) -> Period:
    """The period that a text means.

    Args:
        text: one of ``UNDERSTOOD``; upper and lower case are the same.
        today: the UTC day that the relative ones count from.

    Returns:
        Half-open UTC days. ``mtd`` on the first of a month, and ``ytd`` on the first of January, have no day.

    Raises:
        UsageError: it is none of them, or names a day that does not exist.
    """
    spelled = text.strip().lower()
    try:
        period = _parse(spelled, today)
    except (ValueError, OverflowError):
        period = None
    if period is None:
        near = get_close_matches(spelled, _WORDS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"{text!r} is not a period: {hint}understood are {UNDERSTOOD}")
    return period


def _parse(text: str, today: date) -> Period | None:
    month = today.replace(day=1)
    if text in _WORDS:
        return {
            "mtd": Period(month, today),
            "last-month": Period(_months_after(month, -1), month),
            "ytd": Period(today.replace(month=1, day=1), today),
            "yesterday": Period(today - timedelta(days=1), today),
        }[text]
    if match := re.fullmatch(r"([1-9][0-9]{0,5})([dm])", text):
        count = int(match[1])
        if match[2] == "d":
            return Period(today - timedelta(days=count), today)
        return Period(_months_after(month, -count), month)
    if match := re.fullmatch(r"([0-9]{4})", text):
        return _months_from(date(int(match[1]), 1, 1), 12)
    if match := re.fullmatch(r"([0-9]{4})-q([1-4])", text):
        return _months_from(date(int(match[1]), 3 * int(match[2]) - 2, 1), 3)
    if match := re.fullmatch(r"([0-9]{4})-([0-9]{2})", text):
        return _months_from(date(int(match[1]), int(match[2]), 1), 1)
    if re.fullmatch(_DAY, text):
        return Period.of_day(date.fromisoformat(text))
    if match := re.fullmatch(rf"({_DAY})\.\.({_DAY})", text):
        return _between(date.fromisoformat(match[1]), date.fromisoformat(match[2]))
    return None


def resolve(
    period: str | None = None,
    start: str | None = None,
    end: str | None = None,
    *,
    today: date,
    default: str,
) -> Period:
    """The one period that ``--period``, ``--start`` and ``--end`` ask for together.

    Args:
        period: what ``--period`` says, or None.
        start: the first day as YYYY-MM-DD, or None.
        end: the day after the last as YYYY-MM-DD, or None: today.
        today: the UTC day that relative periods count from.
        default: the period where nothing is given.

    Returns:
        Half-open UTC days.

    Raises:
        UsageError: both ways are used at once, ``end`` stands alone or is not after ``start``, or something
            is no date; one line, with what is understood.
    """
    if start is None and end is None:
        return parse_period(default if period is None else period, today)
    if period is not None:
        raise UsageError("--period and --start/--end both name a range: use one of them")
    if start is None:
        raise UsageError("--end needs --start: the first day, as in --start 2026-10-01 --end 2026-10-08")
    return _between(_day("--start", start), today if end is None else _day("--end", end))


def _day(option: str, text: str) -> date:
    try:
        if re.fullmatch(_DAY, text.strip()):
            return date.fromisoformat(text.strip())
    except ValueError:
        pass
    raise UsageError(f"{option} {text!r} is not a day: write YYYY-MM-DD; or use --period with one of {UNDERSTOOD}")


def _between(start: date, end: date) -> Period:
    if end <= start:
        raise UsageError(f"a range must end after it starts: {start} to {end} (the end not included) holds no day")
    return Period(start, end)


def _months_from(first: date, count: int) -> Period:
    return Period(first, _months_after(first, count))


def _months_after(first: date, count: int) -> date:
    months = first.year * 12 + first.month - 1 + count
    return date(months // 12, months % 12 + 1, 1)
