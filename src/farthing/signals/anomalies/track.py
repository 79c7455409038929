"""One leaf, day by day: what is expected, and where it departs from that. Causal: a day is judged by those before it.

A leaf is in one of four states: ``empty`` (no spend), ``learning`` (fewer than ten days), ``sparse`` (no spend on most
days: what counts is its largest amount of late) and ``dense`` (held against its model).
"""

from collections.abc import Sequence

from farthing.signals.anomalies.calendar import Days
from farthing.signals.anomalies.dense import Dense
from farthing.signals.anomalies.episode import Allowance, Episode, Figures
from farthing.signals.anomalies.episodes import Episodes
from farthing.signals.anomalies.fees import FeeMemory
from farthing.signals.anomalies.limits import NEW, SPIKE, Limits
from farthing.signals.anomalies.model import Model

EMPTY = "empty"
LEARNING = "learning"
SPARSE = "sparse"
DENSE = "dense"

PEAK_FADES = 0.995
"""What is left of a sparse leaf's largest amount after a day: half of it after 138 days."""

PEAK_BUMP = 0.5
"""Share of a sparse leaf's largest amount: one above is remembered, it may be a fee."""

SPARSE_DAYS = 28
"""Days that tell whether a sparse leaf has become dense, looked at once a week."""

PRESENT = 0.8
"""Share of days with a row: where it is as much, a missing row says nothing."""

PRESENCE_DAYS = 14
"""Days that this share is a mean of."""


class Track:
    """What is known of one leaf so far; :meth:`step` takes in the next day.

    Args:
        days: the calendar of all days.
        limits: the parameters.
        fee: the leaf is tax, fees, credits or refunds: less than expected is no news, nor is a first time.
        allowances: what people said may depart.
    """

    def __init__(self, days: Days, limits: Limits, *, fee: bool = False, allowances: Sequence[Allowance] = ()) -> None:
        self.state = EMPTY
        self._limits = limits
        self._first_is_news = not fee
        self._model = Model(days, limits)
        self._fees = FeeMemory(days, limits.fee_percent / 100)
        self._episodes = Episodes(days, limits, allowances)
        self._dense = Dense(days, limits, self._model, self._fees, self._episodes, fee=fee)
        self._zeros = 0
        self._peak = 0.0
        self._presence = 1.0
        self._absent = 0
        self._awaiting_news = False

    @property
    def episodes(self) -> Sequence[Episode]:
        """All departures so far, oldest first."""
        return self._episodes.all

    @property
    def is_learning(self) -> bool:
        """Whether too few days are known to tell anything but that the leaf is new."""
        return self.state == LEARNING

    def step(self, value: float, *, provisional: bool = False) -> Episode | None:
        """Takes in the next day.

        Args:
            value: money; NaN where the leaf has no row though days around it have.
            provisional: the day is still filling: it may be above what is expected, and teaches nothing.

        Returns:
            The departure that is told on this day, None if none is.
        """
        value = self._presumed(value)
        at = self._model.add(value)
        if value != value:  # NaN
            return None
        if self.state == DENSE:
            found = self._spending(at, value, provisional=provisional)
            self._model.levels[at] = self._model.level
            return found
        if self.state == EMPTY:
            return self._empty(at, value, provisional=provisional)
        if self.state == LEARNING:
            return self._learning(at, value)
        return self._sparse(at, value, provisional=provisional)

    def _presumed(self, value: float) -> float:
        """A missing row means nothing where there is one nearly every day, unless more are missing; else zero."""
        missing = value != value
        if missing:
            self._absent += 1
            if self._presence < PRESENT or self._absent >= self._limits.absent_days or self.state == EMPTY:
                value = 0.0
        else:
            self._absent = 0
        self._presence += ((0.0 if missing else 1.0) - self._presence) / PRESENCE_DAYS
        return value

    # Spend on most days

    def _spending(self, at: int, value: float, *, provisional: bool) -> Episode | None:
        model, dense = self._model, self._dense
        found = dense.judge(at, value, self._absent, provisional=provisional)
        if dense.gone_days:
            self.state, self._zeros, dense.gone_days = EMPTY, dense.gone_days, 0
        elif model.ordinary[at]:
            if model.is_to_learn:
                self._learn(at)
            if self.state == DENSE:
                return dense.drifted(at, value)
        return found

    # Before much is known

    def _empty(self, at: int, value: float, *, provisional: bool) -> Episode | None:
        if value <= 0:
            self._zeros += 1
            if value < 0:
                self._fees.add(at, value, self._model.level)
            return None
        zeros, self._zeros = self._zeros, 0
        if self._dense.resume(at):
            self.state = DENSE
            return self._spending(at, value, provisional=provisional)
        self.state = LEARNING
        self._model.since = at
        self._model.known = 1
        self._presence = 1.0
        self._awaiting_news = self._first_is_news and zeros >= self._limits.learning_days
        return self._news(at, value)

    def _learning(self, at: int, value: float) -> Episode | None:
        self._model.known += 1
        if self._model.known >= self._limits.learning_days:
            self._learn(at)
        return self._news(at, value)

    def _news(self, at: int, value: float) -> Episode | None:
        """A new leaf is told once, on the first day that is above the floor."""
        if not self._awaiting_news or value < self._limits.new_amount:
            return None
        self._awaiting_news = False
        model = self._model
        figures = Figures(at, value, 0.0, 0.0, self._limits.new_amount)
        found = self._episodes.begin(NEW, model.since, model.level, figures, rises=True)
        self._episodes.end()
        return found

    # No spend on most days

    def _sparse(self, at: int, value: float, *, provisional: bool) -> Episode | None:
        limits, level = self._limits, self._model.level
        most = max(self._peak * limits.peaks, limits.min_amount)
        if value <= most:
            if not provisional:
                self._sparse_quiet(at, value)
            return None
        fee = self._fees.expected(at, value, level)
        self._fees.add(at, value, level, told=value > fee.most)
        if value <= fee.most:
            return None
        figures = Figures(at, value, fee.amount, 0.0, max(most, fee.most))
        going_on = self._episodes.going_on
        if going_on is None:
            return self._episodes.begin(SPIKE, at, level, figures, rises=True)
        going_on.days.append(figures)
        if len(going_on.days) >= limits.settle_days:
            self._episodes.end()
            self._peak = value
        return None

    def _sparse_quiet(self, at: int, value: float) -> None:
        model = self._model
        self._episodes.end()
        model.known += 1
        self._peak = max(self._peak * PEAK_FADES, value)
        if value < 0 or value > PEAK_BUMP * self._peak:
            self._fees.add(at, value, model.level)
        if model.known % 7 == 0:
            start = max(model.since, at - SPARSE_DAYS + 1)
            window = [x for x in model.values[start:] if x == x]
            if len(window) >= self._limits.learning_days and 3 * sum(x <= 0 for x in window) < len(window):
                model.since = start
                self._learn(at)

    # What is learned

    def _learn(self, at: int) -> None:
        """Learns from all days since the last change of level, but not from those of a departure."""
        model = self._model
        places = model.places(at)
        if len(places) < self._limits.learning_days:
            return
        learned = model.learn(places)
        if learned is None:
            self._learn_sparse(places)
            return
        self.state = DENSE
        for index, amount in learned.bumps:
            self._fees.learned(places[index], amount, model.level)

    def _learn_sparse(self, places: Sequence[int]) -> None:
        model = self._model
        self.state = SPARSE
        model.level = 0.0
        self._peak = max(model.values[place] for place in places)
        for place in places:
            if model.values[place] > PEAK_BUMP * self._peak:
                self._fees.add(place, model.values[place], model.level)
