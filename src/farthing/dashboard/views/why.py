"""What the page Why begins with. Pure."""

from datetime import date, timedelta

from farthing.model import Period
from farthing.query.compare import previous

LENGTH = 30
"""Days of each period at most, where the ledger has nothing of the last two months."""


def beginning(today: date, days: Period) -> tuple[Period, Period] | None:
    """The period that is told and the one that it is held against, as the page's script chooses them (periods.js).

    Args:
        today: the UTC day.
        days: what the page has data of.

    Returns:
        Last month and the month before it; the newest days in halves where ``days`` has nothing of one of them; None
        where they are too few.
    """
    month = today.replace(day=1)
    last = Period((month - timedelta(days=1)).replace(day=1), month)
    if all(one.start < days.end and days.start < one.end for one in (last, previous(last))):
        return last, previous(last)
    half = min(LENGTH, len(days) // 2)
    newest = Period(days.end - timedelta(days=half), days.end)
    return (newest, previous(newest)) if half else None
