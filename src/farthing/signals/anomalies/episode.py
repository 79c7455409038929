"""A departure from what is expected, while it goes on; and what people said may depart."""

from typing import NamedTuple

import msgspec


class Figures(NamedTuple):
    """A day of it: its place in the calendar, and money."""

    at: int
    actual: float
    expected: float
    lower: float
    upper: float


class Allowance(msgspec.Struct, frozen=True):
    """Departures that people said are none.

    Attributes:
        rises: on which side.
        most: money a day, how far out.
        start: the first day's ordinal.
        end: the ordinal of the day after the last.
    """

    rises: bool
    most: float
    start: int
    end: int


class Episode:
    """Days outside the band, one after the other.

    Attributes:
        kind: one of ``limits.KINDS``; what looked like a spike may turn out to be a shift.
        first: the place of the first day that was out.
        raised: the place of the day on which it was told.
        level: money a day, the level before it.
        rises: above or below what was expected.
        muted: not told: it goes on from one that was, or people allowed it.
        days: the days outside, those before ``raised`` not included.
        ended: back to normal, or become normal.
        settled: become normal.
    """

    __slots__ = ("days", "ended", "first", "kind", "level", "muted", "raised", "rises", "settled")

    def __init__(self, kind: str, first: int, level: float, figures: Figures, *, rises: bool, muted: bool) -> None:
        self.kind = kind
        self.first = first
        self.raised = figures.at
        self.level = level
        self.rises = rises
        self.muted = muted
        self.days = [figures]
        self.ended = False
        self.settled = False
