"""A leaf that spends on most days, held against its model: a day may be high, low, or one more of a departure."""

from typing import NamedTuple

from farthing.signals.anomalies.calendar import Days
from farthing.signals.anomalies.episode import Episode, Figures
from farthing.signals.anomalies.episodes import Episodes
from farthing.signals.anomalies.fees import FeeMemory
from farthing.signals.anomalies.learning import LEAST_UNIT
from farthing.signals.anomalies.limits import DROP, GONE, RAMP, SHIFT, SPIKE, Limits
from farthing.signals.anomalies.lows import Lows, fall
from farthing.signals.anomalies.model import Band, Model
from farthing.signals.anomalies.slow import Slow

INSIDE = 0.6
"""Share of the band that a day must be back in for a departure to be over."""

NEARLY_NOTHING = 0.01
"""Share of what was expected: with less a leaf is gone."""

LONG = 2
"""Days: a departure that took longer teaches nothing of what is usual."""

BACK_SIGMAS = 4.0
"""Standard deviations of the level before a departure within which a day is back on it."""

BACK_SHARE = 0.15
"""Share of that level within which a day is back on it, however little noise there is."""


class Before(NamedTuple):
    """The level and factors before the last departure that settled, the ordinal until which they count, its side."""

    level: float
    factors: list[float]
    until: int
    rises: bool


class Dense:
    """The judgement of one leaf.

    Attributes:
        before: what it was before its last change of level, None if that no longer counts.
        gone_days: days without spend, once a leaf without any has become what is expected.
    """

    __slots__ = ("_days", "_episodes", "_fee", "_fees", "_limits", "_lows", "_model", "_slow", "before", "gone_days")

    def __init__(
        self, days: Days, limits: Limits, model: Model, fees: FeeMemory, episodes: Episodes, *, fee: bool
    ) -> None:
        self.before: Before | None = None
        self.gone_days = 0
        self._days = days
        self._limits = limits
        self._model = model
        self._fees = fees
        self._episodes = episodes
        self._fee = fee
        self._slow = Slow(days, limits)
        self._lows = Lows(days, limits)

    def judge(self, at: int, value: float, absent: int, *, provisional: bool) -> Episode | None:
        """Takes in a day; ``absent`` is how many rows in a row are missing. Gives the departure told on it."""
        limits, model = self._limits, self._model
        band = model.band(at)
        going_on = self._episodes.going_on
        if going_on is not None:
            return self._go_on(going_on, at, value, band, absent, provisional=provisional)
        expected = band.expected
        excess = value - expected
        yesterday = model.error if at and model.ordinary[at - 1] else 0.0
        if excess > 0:
            edge = limits.pair_sigmas * band.sigma
            again = yesterday > limits.pair_sigmas and edge < band.far
            half = max(
                (edge if again else band.far) * band.unit, limits.min_amount, limits.min_percent / 100 * expected
            )
            if excess > half:
                return self._high(at, value, expected, half, at - again)
        elif provisional:
            return None
        elif value < 0:
            # More was given back than spent: a credit or a refund.
            self._fees.add(at, excess, model.level)
            return None
        elif -excess > limits.min_amount and not self._fee:
            far, edge = fall(band.far), limits.pair_sigmas * band.sigma
            again = yesterday < -limits.pair_sigmas and edge < far
            half = (edge if again else far) * band.unit
            if value <= NEARLY_NOTHING * expected and expected > LEAST_UNIT * model.level:
                return self._low(at, value, expected, min(half, 0.9 * expected), GONE, at - max(0, absent - 1))
            half = max(half, limits.min_drop_percent / 100 * expected)
            if -excess > half:
                return self._low(at, value, expected, half, DROP, at - again)
        if not provisional:
            self._lows.forget()
            model.follow(at, value, excess / band.unit if band.unit > 0 else 0.0)
        return None

    def drifted(self, at: int, value: float) -> Episode | None:
        """Looks at the week up to an ordinary day."""
        drift = self._slow.look(self._model, at, value)
        if drift is None:
            return None
        if not drift.rises and (self._fee or (self.before is not None and self.before.rises)):
            # What went up comes down.
            return None
        expected, far = drift.expected, drift.far
        figures = Figures(at, value, expected, max(0.0, expected * (1 - far)), expected * (1 + far))
        kind = RAMP if drift.rises else SHIFT
        return self._episodes.begin(kind, drift.first, drift.level, figures, rises=drift.rises)

    def resume(self, at: int) -> bool:
        """Whether the level before the last departure is one to return to on a day; it is returned to."""
        before, self.before = self.before, None
        if before is None or self._days.ordinal[at] > before.until:
            return False
        self._model.restart(at, before.level, before.factors)
        return True

    def _high(self, at: int, value: float, expected: float, half: float, first: int) -> Episode | None:
        excess = value - expected
        fee = self._fees.expected(at, excess, self._model.level)
        known = excess <= fee.most + half
        self._fees.add(at, excess, self._model.level, told=not known)
        if known:
            return None
        if self._returns(at, value):
            self._fees.forget(at)
            return None
        upper = expected + fee.most + half
        expected += fee.amount
        figures = Figures(at, value, expected, max(0.0, expected - half), upper)
        return self._episodes.begin(SPIKE, first, self._model.level, figures, rises=True)

    def _low(self, at: int, value: float, expected: float, half: float, kind: str, first: int) -> Episode | None:
        model = self._model
        excess = value - expected
        fee = self._fees.expected(at, excess, model.level)
        if fee.most < 0 and excess >= fee.most - half:
            self._fees.add(at, excess, model.level)
            return None
        if kind == DROP:
            begun = self._lows.begun(model, at, value, expected)
            if begun is None:
                return None
            first = min(first, begun)
        if self._returns(at, value):
            return None
        figures = Figures(at, value, expected, max(0.0, expected - half), expected + half)
        return self._episodes.begin(kind, first, model.level, figures, rises=False)

    def _returns(self, at: int, value: float) -> bool:
        """Whether a day fits the level before the last departure: nothing new begins, that one is over."""
        before = self.before
        if before is None:
            return False
        if self._days.ordinal[at] > before.until:
            self.before = None
            return False
        expected = before.level * before.factors[self._days.weekday[at]]
        near = max(BACK_SIGMAS * self._model.sigma, BACK_SHARE)
        if abs(value - expected) > near * max(expected, LEAST_UNIT * before.level):
            return False
        return self.resume(at)

    def _go_on(
        self, episode: Episode, at: int, value: float, band: Band, absent: int, *, provisional: bool
    ) -> Episode | None:
        """The next day of a departure: back to normal, still out, or out for so long that it is normal now."""
        if value < 0:
            return None
        level = self._model.level
        scale = episode.level / level if level > 0 else 1.0
        expected = band.expected * scale
        far = band.far if episode.rises else fall(band.far)
        half = max(far * band.unit * scale, self._limits.min_amount)
        excess = value - expected
        outside = excess > INSIDE * half if episode.rises else -excess > INSIDE * half
        if provisional and not (outside and episode.rises):
            return None
        if not outside:
            self._end()
            return self.judge(at, value, absent, provisional=provisional)
        figures = Figures(at, value, expected, max(0.0, expected - half), expected + half)
        if self._episodes.is_more_than_allowed(episode, figures):
            self._end()
            return self._episodes.begin(episode.kind, at, level, figures, rises=episode.rises)
        episode.days.append(figures)
        if episode.rises:
            self._fees.add(at, excess, level, told=True)
        if len(episode.days) >= self._limits.settle_days:
            self._settle(at, episode)
        return None

    def _end(self) -> None:
        episode = self._episodes.end()
        if episode is not None and len(episode.days) > LONG:
            self._model.left_out.update(figures.at for figures in episode.days)

    def _settle(self, at: int, episode: Episode) -> None:
        """What was a departure is what is expected from now on."""
        limits, model = self._limits, self._model
        self._episodes.end()
        episode.settled = True
        if episode.kind in (SPIKE, DROP):
            episode.kind = SHIFT
        self.before = Before(
            episode.level, list(model.factors), self._days.ordinal[at] + limits.remember_days, episode.rises
        )
        factors = {figures.at: model.factors[self._days.weekday[figures.at]] for figures in episode.days}
        recent = [
            figures.actual / factors[figures.at]
            for figures in episode.days[-limits.settle_days :]
            if factors[figures.at] > LEAST_UNIT
        ]
        for figures in episode.days:
            self._fees.forget(figures.at)
        if not recent or max(recent) <= NEARLY_NOTHING * episode.level:
            self.gone_days = len(episode.days)
            model.level = 0.0
            return
        for figures in episode.days:
            model.take_in(figures.at, figures.actual)
        tail = sorted(recent[-3:] if episode.kind == RAMP else recent)
        model.restart(episode.days[0].at, tail[len(tail) // 2], model.factors)
        self._episodes.calm_until = at + limits.calm_days
