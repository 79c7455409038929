"""What is expected of a leaf that spends on most days: a level times a factor for the weekday, and the noise around it.

Level and factors follow the days slowly, and a day that is far out moves them no more than one at the edge does. From
time to time they are learned anew, as medians. The noise is the mean absolute error of the forecasts that were really
made, as a share of what was expected, pooled over the weekdays.
"""

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from farthing.signals.anomalies.calendar import Days
from farthing.signals.anomalies.learning import LEAST_UNIT, MEAN_TO_SIGMA, Learned, learn
from farthing.signals.anomalies.limits import Limits

LEVEL_RATE = 0.12
"""Share of a day's error that the level takes in: a memory of about two weeks."""

WEEKDAY_RATE = 0.15
"""Share of a day's error that its weekday's factor takes in: a memory of about six weeks."""

NOISE_RATE = 1 / 30
"""Share of a day's absolute error that the noise takes in: a memory of about a month."""

RECORD_FADES = 0.985
"""What is left of the largest error after a day: half of it after 46 days."""

SIDES = 3.0
"""Standard deviations: the edge beyond which a day moves the level no further."""

MOST_SIGMAS = 4.0
"""Standard deviations: the noise takes in no more of a day's error."""

UNSURE = 4.0
"""The band is wider by this over the number of days known."""

MOST_NOISE = 1.0
"""Standard deviations as a share: a leaf that errs by as much as it spends has no level to depart from."""

LEARN_AT = (14, 21, 28, 42, 56)
"""Days known at which level, weekdays and noise are learned anew."""

LEARN_EVERY = 112
"""Days after which they are learned anew later."""

LEARN_FROM = 56
"""Days that they are learned from."""


class Band(NamedTuple):
    """What a day is held against.

    Attributes:
        expected: money.
        unit: money that an error is a share of: what was expected, or a part of the level on a day of nearly nothing.
        sigma: standard deviation, a share of ``unit``; wider while little is known.
        far: share of ``unit`` beyond which a day is out.
    """

    expected: float
    unit: float
    sigma: float
    far: float


class Model:
    """The expectation, and the days that it came from, by their place in the calendar.

    Attributes:
        values: money; NaN where it is unknown.
        levels: the level on the day.
        ordinary: 1 for a day that was taken into the expectation.
        flat: an ordinary day's value without its weekday, zero for any other.
        left_out: places of days that teach nothing.
        since: the place from which the level counts.
        known: days taken in since then.
        level: money a day.
        factors: each weekday's share of the level, Monday first.
        error: the newest ordinary day's, in standard deviations.
        sigma: the standard deviation of a day's error, as a share.
    """

    __slots__ = (
        *("error", "factors", "flat", "known", "left_out", "level", "levels", "ordinary", "sigma", "since", "values"),
        *("_days", "_limits", "_noise", "_record"),
    )

    def __init__(self, days: Days, limits: Limits) -> None:
        self.values = array("d")
        self.levels = array("d")
        self.ordinary = bytearray()
        self.flat = array("d")
        self.left_out: set[int] = set()
        self.since = 0
        self.known = 0
        self.level = 0.0
        self.factors = [1.0] * 7
        self.error = 0.0
        self._days = days
        self._limits = limits
        self.sigma = limits.min_noise
        self._noise = 0.0
        self._record = 0.0

    def add(self, value: float) -> int:
        """A new day; gives its place."""
        self.values.append(value)
        self.levels.append(self.level)
        self.ordinary.append(0)
        self.flat.append(0.0)
        return len(self.values) - 1

    def band(self, at: int) -> Band:
        """What the day at a place is held against."""
        expected = self.level * self.factors[self._days.weekday[at]]
        least = LEAST_UNIT * self.level
        sigma = self.sigma * (1 + UNSURE / self.known)
        far, record = self._limits.sigmas * sigma, self._limits.record * self._record
        return Band(expected, expected if expected > least else least, sigma, far if far > record else record)

    def follow(self, at: int, value: float, error: float) -> None:
        """Takes an ordinary day in; ``error`` is a share of the band's unit."""
        weekday = self._days.weekday[at]
        sigma, factor = self.sigma, self.factors[weekday]
        self.ordinary[at] = 1
        if factor >= LEAST_UNIT:
            self.flat[at] = value / factor
        self.error = error / (sigma * (1 + UNSURE / self.known))
        self.known += 1
        size, edge = abs(error), SIDES * sigma
        moved = error if size <= edge else (edge if error > 0 else -edge)
        self.level *= 1 + LEVEL_RATE * moved
        self.factors[weekday] = factor * (1 + WEEKDAY_RATE * moved)
        most, fades = MOST_SIGMAS * sigma, self._record * RECORD_FADES
        self._record = fades if fades > size else size
        self._hear(self._noise + NOISE_RATE * ((most if size > most else size) - self._noise))
        if at % 7 == 0:
            mean = sum(self.factors) / 7
            if mean > 0:
                self.level *= mean
                self.factors = [factor / mean for factor in self.factors]

    @property
    def is_to_learn(self) -> bool:
        """Whether it is time to learn anew."""
        return self.known in LEARN_AT or (self.known > LEARN_AT[-1] and self.known % LEARN_EVERY == 0)

    def places(self, at: int) -> list[int]:
        """The days to learn from: those since the last change of level, without those of a departure."""
        values = self.values
        start = max(self.since, at - LEARN_FROM + 1)
        return [one for one in range(start, at + 1) if one not in self.left_out and values[one] == values[one]]

    def learn(self, places: Sequence[int]) -> Learned | None:
        """Learns anew; None, and nothing is changed, where there is no level to learn."""
        limits, weekday = self._limits, self._days.weekday
        values = [self.values[place] for place in places]
        learned = learn(values, [weekday[place] for place in places], limits.min_noise, limits.min_percent / 100)
        if learned is None or learned.noise * MEAN_TO_SIGMA > MOST_NOISE:
            return None
        self.level = learned.level
        self.factors = list(learned.factors)
        self._hear(learned.noise if self.known <= LEARN_AT[0] else max(learned.noise, self._noise))
        self._record = max(0.8 * self._record, learned.record)
        for place, level in zip(places, learned.levels, strict=True):
            self.levels[place] = level
        for place in places[-7:]:
            self.flat[place] = self._flattened(place, self.values[place]) if self.ordinary[place] else 0.0
        return learned

    def restart(self, since: int, level: float, factors: Sequence[float]) -> None:
        """Another level, from a place on; what was known of the noise stays."""
        self.since = since
        self.level = level
        self.factors = list(factors)
        self.known = self._limits.learning_days
        self.error = 0.0

    def take_in(self, at: int, value: float) -> None:
        """A day of a departure that has become ordinary."""
        self.ordinary[at] = 1
        self.flat[at] = self._flattened(at, value)

    def _hear(self, noise: float) -> None:
        self._noise = noise
        sigma, least = noise * MEAN_TO_SIGMA, self._limits.min_noise
        self.sigma = sigma if sigma > least else least

    def _flattened(self, at: int, value: float) -> float:
        factor = self.factors[self._days.weekday[at]]
        return value / factor if factor >= LEAST_UNIT else 0.0
