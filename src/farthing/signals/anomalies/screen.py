"""The cheap look: leaves that have nothing to tell on a day, so that only the others are followed day by day.

A large organisation has tens of thousands of leaves, and a close look at one of them takes milliseconds. This one takes
microseconds. Its bounds are within those of the close look, but it measures the noise more coarsely: of the days that
the close look finds out of the band it passes over about one in a hundred, mostly the first of a ramp.
"""

from array import array

import msgspec

from farthing.signals.anomalies.calendar import Days
from farthing.signals.anomalies.learning import LEAST_UNIT, MEAN_TO_SIGMA, learn, median
from farthing.signals.anomalies.limits import Limits

NEAR = 0.15
"""Share of the same weekdays' amount: a day that is nearer is no departure, whatever the noise."""

STEADY = 0.12
"""Share of an earlier week's sum: a week that is nearer is no ramp."""

NEAR_SIGMAS = 2.8
"""Standard deviations: the same for a leaf with more noise than that."""

STEADY_SIGMAS = 8.0
"""Standard deviations of a day: the same for its weekly sum."""

MOVED_SIGMAS = 1.5
"""Standard deviations: a day that is nearer to those two to four weeks before belongs to no ramp."""

DIFFERENCE_TO_SIGMA = 1.4826 / 2**0.5
"""The standard deviation of normal noise whose week-on-week differences have a median size of one."""

FEE_NEAR = 0.1
"""Share: a fee that comes on the day of the last month's and is as near to it is no departure."""

FEE_SHARE = 0.5
"""Share of what a day has over the usual by which the same day of the last month stood out."""

LEARN_FROM = 56
"""Days that the closer look learns from."""

CLOSE_SIGMAS = 2.8
"""Standard deviations: a day that is nearer is no departure, at the closer look."""

CLOSE_MOVED_SIGMAS = 1.5
"""The same against the level ``LAG`` days before."""

LAG = 14
"""Days back to an earlier level."""

MIN_NOISE = 0.02
"""Share: the least standard deviation that a leaf is believed to have."""

KEPT = 5
"""Days of a week that its sum is of: the two largest may be fees."""

WEEKS = 4
HISTORY = 7 * WEEKS + 7
"""Days before a day that the look needs; with fewer, or with a gap among them, every leaf is looked at closely."""


class Screen(msgspec.Struct, frozen=True):
    """The look at one day of a panel.

    Attributes:
        at: the day's place.
        month_ago: the place of the same day of the month before, -1 if there is none.
        usable: whether there is enough history without a gap.
        floor: money, a day: leaves that never have as much are quiet.
        weekdays: of the days before, up to ``at``.
    """

    at: int
    month_ago: int
    usable: bool
    floor: float
    weekdays: tuple[int, ...]

    def quiet(self, values: "array[float]") -> bool:
        """Whether a leaf with these numbers has nothing to tell on the day."""
        at = self.at
        if not self.usable:
            return False
        value = values[at]
        same = values[at - 28], values[at - 21], values[at - 14], values[at - 7]
        usual = (sum(same) - max(same) - min(same)) / 2
        if (value == 0 and max(same) <= 0) or max(values[at - 34 : at + 1]) < self.floor:
            return True
        earlier = sum(same[:3]) - max(same[:3]) - min(same[:3])
        away, moved = abs(value - usual), abs(value - earlier)
        if away <= NEAR * usual and moved <= NEAR * earlier:
            return True
        window = values[at - 34 : at]
        changes = [abs(x - y) / (x + y) if x + y > 0 else 0.0 for x, y in zip(window[7:], window[:-7], strict=True)]
        noise = 2 * median(changes) * DIFFERENCE_TO_SIGMA * usual
        if away > max(NEAR * usual, NEAR_SIGMAS * noise):
            return self._known_fee(values, value, usual, noise)
        if abs(value - same[3]) > 2 * max(NEAR * usual, NEAR_SIGMAS * noise):
            # Near to what it was, but not to last week: it is back from somewhere.
            return False
        return moved <= max(NEAR * earlier, MOVED_SIGMAS * noise) or self._steady(values, noise)

    def nearly_quiet(self, values: "array[float]") -> bool:
        """A closer look at one that is not quiet: what the last eight weeks teach of it, without what came before.

        It takes a tenth of a millisecond; the bounds are still within those of the close look.
        """
        at = self.at
        if not self.usable or at < LEARN_FROM:
            return False
        taught = learn(values[at - LEARN_FROM : at], self.weekdays[-LEARN_FROM:], MIN_NOISE, NEAR)
        if taught is None:
            return False
        factor = taught.factors[(self.weekdays[-1] + 1) % 7]
        sigma = max(taught.noise * MEAN_TO_SIGMA, MIN_NOISE)
        expected = taught.level * factor
        if abs(values[at] - expected) > max(NEAR, CLOSE_SIGMAS * sigma) * max(expected, LEAST_UNIT * taught.level):
            return False
        before = taught.levels[-LAG] * factor
        return (
            abs(values[at] - before) <= max(NEAR, CLOSE_MOVED_SIGMAS * sigma) * before
            or abs(median(taught.levels[-3:]) - taught.levels[-LAG]) <= STEADY * taught.levels[-LAG]
        )

    def _steady(self, values: "array[float]", noise: float) -> bool:
        """Whether the last week is as those before it."""
        at = self.at
        week, *others = [sum(sorted(values[end - 6 : end + 1])[:KEPT]) for end in (at, at - 7, at - 14, at - 21)]
        return max(abs(week - other) for other in others) <= max(STEADY * min(others), STEADY_SIGMAS * noise)

    def _known_fee(self, values: "array[float]", value: float, usual: float, noise: float) -> bool:
        """Whether the day is as the same day of the last month was, and the days before it are as ever."""
        at, month_ago = self.at, self.month_ago
        if month_ago < 7 or value <= usual or abs(value - values[month_ago]) > FEE_NEAR * values[month_ago]:
            return False
        if values[month_ago] - values[month_ago - 7] < FEE_SHARE * (value - usual):
            # It did not stand out a month ago: the leaf has fallen since, and is back.
            return False
        return all(
            abs(values[place] - values[place - 7]) <= max(NEAR * values[place - 7], NEAR_SIGMAS * noise)
            for place in range(at - 3, at)
        )


def screen_of(days: Days, at: int, limits: Limits) -> Screen:
    """The look at the day at place ``at``."""
    usable = at >= HISTORY and days.ordinal[at] - days.ordinal[at - HISTORY] == HISTORY
    month_ago = next(
        (
            place
            for place in range(max(0, at - 31), at - 27)
            if days.of_month[place] == days.of_month[at] and days.month[place] == days.month[at] - 1
        ),
        -1,
    )
    return Screen(at, month_ago, usable, min(limits.min_amount, limits.new_amount), days.weekday[:at])
