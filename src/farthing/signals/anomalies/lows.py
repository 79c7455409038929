"""Low days that are none to tell: holidays, and how far below is as far as above."""

from math import exp

from farthing.signals.anomalies.calendar import Days
from farthing.signals.anomalies.limits import Limits
from farthing.signals.anomalies.model import Model

RESTS = 1.15
"""Times the lowest weekday's factor: a weekday with more is one of work, of a leaf that rests at other times."""

AS_A_WEEKEND = 0.85
"""Share of what the lowest weekday costs: a day with as much is as low as a weekend."""

HOLIDAY_LEAST = 0.25
"""Share of what was expected: a holiday leaves at least as much running."""


def fall(far: float) -> float:
    """The share below what was expected that is as far out as the share ``far`` above it.

    Spend varies by factors, so a tenth of it is as far away as ten times as much: without this a noisy leaf could stop
    and still be in its band.
    """
    return 1 - exp(-far)


class Lows:
    """Low days in a row that may be a holiday's.

    Where people rest at weekends, machines rest on public holidays too, and which these are depends on the country. So
    a low working day of such a leaf is told when it goes on, and at once when next to nothing is left.
    """

    __slots__ = ("_days", "_limits", "_so_far")

    def __init__(self, days: Days, limits: Limits) -> None:
        self._days = days
        self._limits = limits
        self._so_far = 0

    def forget(self) -> None:
        """A day was not low."""
        self._so_far = 0

    def begun(self, model: Model, at: int, value: float, expected: float) -> int | None:
        """The place of the first low day if this one is to be told, None if it may be a holiday's."""
        limits, day = self._limits, self._days.dates[at]
        if (day.month, day.day) in limits.quiet_days:
            return None
        least = min(model.factors)
        rests = model.factors[self._days.weekday[at]] > RESTS * least
        if not rests or value < HOLIDAY_LEAST * expected:
            return at
        self._so_far += 1
        as_a_weekend = value >= AS_A_WEEKEND * least * model.level
        if self._so_far < (limits.holiday_days if as_a_weekend else limits.low_days):
            return None
        return at - self._so_far + 1
