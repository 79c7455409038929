"""Ramps: whether the last seven days together left the level of two weeks before, though none of them stood out."""

from typing import NamedTuple

from farthing.signals.anomalies.calendar import Days
from farthing.signals.anomalies.learning import MEAN_TO_SIGMA
from farthing.signals.anomalies.limits import Limits
from farthing.signals.anomalies.model import SIDES, Model

NOISE_RATE = 7 / 45
"""Share of a weekly mean's absolute error that its noise takes in; it is looked at once a week."""

WEEKLY_SHARE = 0.45
"""Standard deviation of a weekly mean against a level, in those of a day: sqrt(1/7 + 0.12 / (2 - 0.12))."""

AFTER = 28
"""Days since the last change of level that must be known before a ramp is looked for."""

LEAST_DAYS = 4
"""Ordinary days of a week that make a mean."""

TREND_DAYS = 28
"""Days over which the growth before a ramp is measured."""

TREND_AHEAD = 18
"""Days from the middle of the earlier level to the middle of the last week."""

TREND_LIMITS = (-0.004, 0.006)
"""The least and most growth a day that is believed to be a trend."""


class Drift(NamedTuple):
    """A week that left the earlier level.

    Attributes:
        rises: upwards.
        first: the place of the first day that is away from the level.
        level: the earlier one carried on by its trend, money a day.
        expected: money, of the day by that level.
        far: share of it beyond which the week is out.
    """

    rises: bool
    first: int
    level: float
    expected: float
    far: float


class Slow:
    """The look at weeks; it learns how much weekly means of this leaf err."""

    __slots__ = ("_days", "_least_away", "_limits", "_noise")

    def __init__(self, days: Days, limits: Limits) -> None:
        self._days = days
        self._limits = limits
        self._noise = 0.0
        far = limits.min_slow_percent / 100
        self._least_away = (
            (1 - far) * (1 + TREND_LIMITS[1]) ** TREND_AHEAD,
            (1 + far) * (1 + TREND_LIMITS[0]) ** TREND_AHEAD,
        )

    def look(self, model: Model, at: int, value: float) -> Drift | None:
        """Whether the week up to the day at a place has drifted, and the day with it."""
        limits = self._limits
        if at - model.since < AFTER:
            return None
        weekly = at % 7 == 0
        factor = model.factors[self._days.weekday[at]]
        usual = model.levels[at - limits.lag_days] * factor
        if not weekly and self._least_away[0] * usual < value < self._least_away[1] * usual:
            # Whatever the trend, the day itself is not away far enough.
            return None
        moved, level = self._drift(model, at)
        sigma = model.sigma
        wide = max(sigma * WEEKLY_SHARE, self._noise * MEAN_TO_SIGMA)
        if weekly:
            self._noise += NOISE_RATE * (min(abs(moved), SIDES * wide) - self._noise)
        far = max(limits.min_slow_percent / 100, limits.slow_sigmas * wide)
        expected = level * factor
        away = value - expected if moved > 0 else expected - value
        if abs(moved) <= far or away < max(limits.min_amount, far * expected):
            return None
        rises = moved > 0
        return Drift(rises, self._first_away(model, at, level, sigma, rises=rises), level, expected, far)

    def _drift(self, model: Model, at: int) -> tuple[float, float]:
        """How far the last week is from the level before it, as a share; and that level, carried on by its trend."""
        lag = self._limits.lag_days
        reference = model.levels[at - lag]
        week = model.flat[at - 6 : at + 1]
        count = 7 - week.count(0.0)
        if count < LEAST_DAYS or reference <= 0:
            return 0.0, reference
        growth = 0.0
        earlier = at - lag - TREND_DAYS
        if earlier >= model.since + lag and model.levels[earlier] > 0:
            growth = (reference / model.levels[earlier]) ** (1 / TREND_DAYS) - 1
            growth = max(TREND_LIMITS[0], min(TREND_LIMITS[1], growth))
        level = reference * (1 + growth) ** TREND_AHEAD
        return sum(week) / count / level - 1, level

    def _first_away(self, model: Model, at: int, level: float, sigma: float, *, rises: bool) -> int:
        """The first of the days in a row, up to this one, that are on one side of the level by more than the noise."""
        first = at
        while first > at - self._limits.lag_days and model.ordinary[first - 1]:
            usual = model.factors[self._days.weekday[first - 1]] * level
            if (model.values[first - 1] - usual) * (1 if rises else -1) < sigma * usual:
                break
            first -= 1
        return first
