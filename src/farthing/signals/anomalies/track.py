"""One leaf, day by day: what is expected, and where it departs from that. Causal: a day is judged by those before it.

The expectation is a level times a factor for the weekday. Both follow the days slowly, and a day that is far out moves
them no more than one at the edge does. From time to time they are learned anew, as medians. The noise is the mean
absolute error of the forecasts that were really made, as a share of what was expected, pooled over the weekdays.

A leaf is in one of four states: ``empty`` (no spend), ``learning`` (fewer than ten days), ``sparse`` (no spend on most
days: what counts is its largest amount of late) and ``dense``.
"""

from array import array
from collections.abc import Sequence

from farthing.signals.anomalies.calendar import Days
from farthing.signals.anomalies.episode import Allowance, Episode, Figures
from farthing.signals.anomalies.fees import Bump, Fee, expected_fee
from farthing.signals.anomalies.learning import LEAST_UNIT, MEAN_TO_SIGMA, learn
from farthing.signals.anomalies.limits import DROP, GONE, NEW, RAMP, SHIFT, SPIKE, Limits

EMPTY = "empty"
LEARNING = "learning"
SPARSE = "sparse"
DENSE = "dense"

LEVEL_RATE = 0.12
"""Share of a day's error that the level takes in: a memory of about two weeks."""

WEEKDAY_RATE = 0.15
"""Share of a day's error that its weekday's factor takes in: a memory of about six weeks."""

NOISE_RATE = 1 / 30
"""Share of a day's absolute error that the noise takes in: a memory of about a month."""

SLOW_NOISE_RATE = 7 / 45
"""The same for the error of a weekly mean, which is looked at once a week."""

SLOW_SHARE = 0.45
"""Standard deviation of a weekly mean against a level, in those of a day: sqrt(1/7 + 0.12 / (2 - 0.12))."""

RECORD_FADES = 0.985
"""What is left of the largest error after a day: half of it after 46 days."""

PEAK_FADES = 0.995
"""The same for a sparse leaf's largest amount: half of it after 138 days."""

SIDES = 3.0
"""Standard deviations: the edge beyond which a day moves the level no further."""

INSIDE = 0.6
"""Share of the band that a day must be back in for a departure to be over."""

UNSURE = 4.0
"""The band is wider by this over the number of days known."""

LEARN_AT = (14, 21, 28, 42, 56)
"""Days known at which level, weekdays and noise are learned anew."""

LEARN_EVERY = 56
"""Days after which they are learned anew later."""

LEARN_FROM = 56
"""Days that they are learned from."""

SLOW_AFTER = 28
"""Days since the last change of level that must be known before a ramp is looked for."""

TREND_DAYS = 28
"""Days over which the growth before a ramp is measured."""

TREND_AHEAD = 18
"""Days from the middle of the earlier level to the middle of the last week."""

TREND_LIMITS = (-0.004, 0.006)
"""The least and most growth a day that is believed to be a trend."""

NEARLY_NOTHING = 0.01
"""Share of what was expected: with less a leaf is gone."""


class Track:
    """What is known of one leaf so far; :meth:`step` takes in the next day.

    Args:
        days: the calendar of all days.
        limits: the parameters.
        fee: the leaf is tax, fees, credits or refunds: less than expected is no news, nor is a first time.
        purchase: the same, but a first time is news once the leaf was looked at for long enough.
        allowances: what people said may depart.
    """

    def __init__(
        self,
        days: Days,
        limits: Limits,
        *,
        fee: bool = False,
        purchase: bool = False,
        allowances: Sequence[Allowance] = (),
    ) -> None:
        self.state = EMPTY
        self.episodes: list[Episode] = []
        self._days = days
        self._limits = limits
        self._fee = fee or purchase
        self._news_after = limits.purchase_days if purchase else limits.learning_days
        self._first_is_news = purchase or not fee
        self._allowances = allowances
        # What each day was, by its place: the value (NaN: unknown), the level then, whether it was ordinary.
        self._values = array("d")
        self._levels = array("d")
        self._ordinary = bytearray()
        # An ordinary day's value without its weekday, zero for any other day.
        self._flat = array("d")
        self._since = 0
        self._known = 0
        self._zeros = 0
        self._level = 0.0
        self._factors = [1.0] * 7
        self._noise = 0.0
        self._slow_noise = 0.0
        far = limits.min_slow_percent / 100
        self._least_away = (
            (1 - far) * (1 + TREND_LIMITS[1]) ** TREND_AHEAD,
            (1 + far) * (1 + TREND_LIMITS[0]) ** TREND_AHEAD,
        )
        self._record = 0.0
        self._peak = 0.0
        self._bumps: dict[int, Bump] = {}
        self._left_out: set[int] = set()
        self._episode: Episode | None = None
        self._last: Episode | None = None
        # The level and factors before the last departure that settled, until when they count, and its side.
        self._before: tuple[float, list[float], int, bool] | None = None
        self._calm_until = 0
        self._dips = 0
        self._presence = 1.0
        self._absent = 0
        self._awaiting_news = False

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
        at = len(self._values)
        value = self._presumed(value)
        self._values.append(value)
        self._ordinary.append(0)
        self._flat.append(0.0)
        self._levels.append(self._level)
        if value != value:  # NaN
            return None
        state = self.state
        if state == DENSE:
            found = self._dense(at, value, provisional)
            self._levels[at] = self._level
            return found
        if state == EMPTY:
            return self._empty(at, value, provisional)
        if state == LEARNING:
            return self._learning(at, value)
        return self._sparse(at, value, provisional)

    def _presumed(self, value: float) -> float:
        """A missing row means nothing where there is one nearly every day, unless more are missing; else zero."""
        missing = value != value
        if missing:
            self._absent += 1
            if self._presence < 0.8 or self._absent >= self._limits.absent_days or self.state == EMPTY:
                value = 0.0
        else:
            self._absent = 0
        self._presence += ((0.0 if missing else 1.0) - self._presence) / 14
        return value

    # Before much is known

    def _empty(self, at: int, value: float, provisional: bool) -> Episode | None:
        if value <= 0:
            self._zeros += 1
            if value < 0:
                self._bump(at, value)
            return None
        zeros, self._zeros = self._zeros, 0
        if self._before is not None:
            level, factors, until, _ = self._before
            self._before = None
            if self._days.ordinal[at] <= until:
                self._restart(at, level, factors)
                return self._dense(at, value, provisional)
        self.state = LEARNING
        self._since = at
        self._known = 1
        self._presence = 1.0
        self._awaiting_news = self._first_is_news and zeros >= self._news_after
        return self._news(at, value)

    def _learning(self, at: int, value: float) -> Episode | None:
        self._known += 1
        if self._known >= self._limits.learning_days:
            self._learn(at)
        return self._news(at, value)

    def _news(self, at: int, value: float) -> Episode | None:
        """A new leaf is told once, on the first day that is above the floor."""
        if not self._awaiting_news or value < self._limits.new_amount:
            return None
        self._awaiting_news = False
        found = self._depart(NEW, self._since, Figures(at, value, 0.0, 0.0, self._limits.new_amount), rises=True)
        self._end()
        return found

    # No spend on most days

    def _sparse(self, at: int, value: float, provisional: bool) -> Episode | None:
        limits = self._limits
        most = max(self._peak * limits.peaks, limits.min_amount)
        if value <= most:
            if not provisional:
                self._sparse_quiet(at, value)
            return None
        fee = self._fee_on(at, value)
        self._bump(at, value, told=value > fee.most)
        if value <= fee.most:
            return None
        figures = Figures(at, value, fee.amount, 0.0, max(most, fee.most))
        if self._episode is not None:
            self._episode.days.append(figures)
            if len(self._episode.days) >= limits.settle_days:
                self._end()
                self._peak = value
            return None
        return self._depart(SPIKE, at, figures, rises=True)

    def _sparse_quiet(self, at: int, value: float) -> None:
        if self._episode is not None:
            self._end()
        self._known += 1
        self._peak = max(self._peak * PEAK_FADES, value)
        if value < 0 or value > 0.5 * self._peak:
            self._bump(at, value)
        if self._known % 7 == 0:
            window = [x for x in self._values[max(self._since, at - 27) :] if x == x]
            if len(window) >= self._limits.learning_days and 3 * sum(x <= 0 for x in window) < len(window):
                self._since = max(self._since, at - 27)
                self._learn(at)

    # Spend on most days

    def _dense(self, at: int, value: float, provisional: bool) -> Episode | None:
        limits = self._limits
        level = self._level
        weekday = self._days.weekday[at]
        expected = level * self._factors[weekday]
        unit = max(expected, LEAST_UNIT * level)
        sigma = max(self._noise * MEAN_TO_SIGMA, limits.min_noise)
        half = max(limits.sigmas * sigma * (1 + UNSURE / self._known), limits.record * self._record) * unit
        if self._episode is not None:
            return self._go_on(self._episode, at, value, expected, half, provisional)
        excess = value - expected
        if excess > 0:
            half = max(half, limits.min_amount, limits.min_percent / 100 * expected)
            if excess > half:
                return self._high(at, value, expected, half)
        elif provisional:
            return None
        elif value < 0:
            # More was given back than spent: a credit or a refund.
            self._bump(at, excess)
            return None
        elif -excess > limits.min_amount and not self._fee:
            if value <= NEARLY_NOTHING * expected and expected > LEAST_UNIT * level:
                return self._low(at, value, expected, min(half, 0.9 * expected), GONE)
            half = max(half, limits.min_drop_percent / 100 * expected)
            if -excess > half:
                return self._low(at, value, expected, half, DROP)
        if provisional:
            return None
        self._dips = 0
        self._follow(at, value, excess / unit if unit > 0 else 0.0, sigma, weekday)
        known = self._known
        if known in LEARN_AT or (known > LEARN_AT[-1] and known % LEARN_EVERY == 0):
            self._learn(at)
        return self._slow(at, value, sigma)

    def _follow(self, at: int, value: float, error: float, sigma: float, weekday: int) -> None:
        """Takes an ordinary day into what is expected."""
        self._ordinary[at] = 1
        factor = self._factors[weekday]
        if factor >= LEAST_UNIT:
            self._flat[at] = value / factor
        self._known += 1
        size = abs(error)
        edge = SIDES * sigma
        moved = error if size <= edge else (edge if error > 0 else -edge)
        self._level *= 1 + LEVEL_RATE * moved
        self._factors[weekday] *= 1 + WEEKDAY_RATE * moved
        self._noise += NOISE_RATE * (min(size, 4 * sigma) - self._noise)
        self._record = max(self._record * RECORD_FADES, size)
        if at % 7 == 0:
            mean = sum(self._factors) / 7
            if mean > 0:
                self._level *= mean
                self._factors = [factor / mean for factor in self._factors]

    def _high(self, at: int, value: float, expected: float, half: float) -> Episode | None:
        excess = value - expected
        fee = self._fee_on(at, excess)
        known = excess <= fee.most + half
        self._bump(at, excess, told=not known)
        if known:
            return None
        if self._returns(at, value):
            self._bumps.pop(at)
            return None
        upper = expected + fee.most + half
        expected += fee.amount
        return self._depart(SPIKE, at, Figures(at, value, expected, max(0.0, expected - half), upper), rises=True)

    def _low(self, at: int, value: float, expected: float, half: float, kind: str) -> Episode | None:
        limits = self._limits
        excess = value - expected
        fee = self._fee_on(at, excess)
        if fee.most < 0 and excess >= fee.most - half:
            self._bump(at, excess)
            return None
        first = at
        if kind == GONE:
            first = at - max(0, self._absent - 1)
        else:
            day = self._days.dates[at]
            if (day.month, day.day) in limits.quiet_days:
                return None
            least = min(self._factors)
            if value >= 0.85 * least * self._level and self._factors[self._days.weekday[at]] > 1.15 * least:
                # As low as a weekend: a holiday, unless it goes on.
                self._dips += 1
                if self._dips < limits.holiday_days:
                    return None
                first = at - self._dips + 1
        if self._returns(at, value):
            return None
        return self._depart(
            kind, first, Figures(at, value, expected, max(0.0, expected - half), expected + half), rises=False
        )

    def _returns(self, at: int, value: float) -> bool:
        """Whether a day fits the level before the last departure: nothing new begins, that one is over."""
        if self._before is None:
            return False
        level, factors, until, _ = self._before
        if self._days.ordinal[at] > until:
            self._before = None
            return False
        expected = level * factors[self._days.weekday[at]]
        sigma = max(self._noise * MEAN_TO_SIGMA, self._limits.min_noise)
        if abs(value - expected) > max(4 * sigma, 0.15) * max(expected, LEAST_UNIT * level):
            return False
        self._restart(at, level, factors)
        self._before = None
        return True

    # Departures

    def _depart(self, kind: str, first: int, figures: Figures, *, rises: bool) -> Episode | None:
        """A departure begins, or the last one goes on after a breath."""
        last = self._last
        allowed = self._allowed(figures, rises=rises)
        goes_on = False
        if last is not None and last.rises == rises:
            soon = figures.at - last.days[-1].at <= self._limits.breath_days + 1
            if soon and (allowed or not last.muted):
                last.ended = False
                last.days.append(figures)
                self._episode = last
                return None
            goes_on = figures.at < self._calm_until
        muted = allowed or goes_on
        self._episode = self._last = episode = Episode(kind, first, self._level, figures, rises=rises, muted=muted)
        self.episodes.append(episode)
        return None if muted else episode

    def _allowed(self, figures: Figures, *, rises: bool) -> bool:
        day = self._days.ordinal[figures.at]
        size = abs(figures.actual - figures.expected)
        return any(a.rises == rises and a.start <= day < a.end and size <= a.most for a in self._allowances)

    def _go_on(
        self, episode: Episode, at: int, value: float, expected: float, half: float, provisional: bool
    ) -> Episode | None:
        """The next day of a departure: back to normal, still out, or out for so long that it is normal now."""
        if value < 0:
            return None
        scale = episode.level / self._level if self._level > 0 else 1.0
        expected *= scale
        half = max(half * scale, self._limits.min_amount)
        excess = value - expected
        outside = excess > INSIDE * half if episode.rises else -excess > INSIDE * half
        if provisional and not (outside and episode.rises):
            return None
        if not outside:
            self._end()
            return self._dense(at, value, provisional)
        figures = Figures(at, value, expected, max(0.0, expected - half), expected + half)
        if episode.muted and self._allowances and not self._allowed(figures, rises=episode.rises):
            # Further out than people said it may be.
            self._end()
            return self._depart(episode.kind, at, figures, rises=episode.rises)
        episode.days.append(figures)
        if episode.rises:
            self._bump(at, excess, told=True)
        if len(episode.days) >= self._limits.settle_days:
            self._settle(at, episode)
        return None

    def _end(self) -> None:
        episode = self._episode
        if episode is not None:
            episode.ended = True
            if len(episode.days) > 2:
                self._left_out.update(figures.at for figures in episode.days)
        self._episode = None

    def _settle(self, at: int, episode: Episode) -> None:
        """What was a departure is what is expected from now on."""
        limits = self._limits
        episode.ended = episode.settled = True
        if episode.kind in (SPIKE, DROP):
            episode.kind = SHIFT
        self._episode = None
        before = (episode.level, list(self._factors), self._days.ordinal[at] + limits.remember_days, episode.rises)
        recent = [
            figures.actual / self._factors[self._days.weekday[figures.at]]
            for figures in episode.days[-limits.settle_days :]
            if self._factors[self._days.weekday[figures.at]] > LEAST_UNIT
        ]
        for figures in episode.days:
            self._bumps.pop(figures.at, None)
        if not recent or max(recent) <= NEARLY_NOTHING * episode.level:
            self.state = EMPTY
            self._zeros = len(episode.days)
            self._level = 0.0
        else:
            for figures in episode.days:
                self._ordinary[figures.at] = 1
                factor = self._factors[self._days.weekday[figures.at]]
                self._flat[figures.at] = figures.actual / factor if factor >= LEAST_UNIT else 0.0
            tail = sorted(recent[-3:] if episode.kind == RAMP else recent)
            self._restart(episode.days[0].at, tail[len(tail) // 2], self._factors)
            self._calm_until = at + limits.calm_days
        self._before = before

    def _restart(self, since: int, level: float, factors: Sequence[float]) -> None:
        self.state = DENSE
        self._since = since
        self._level = level
        self._factors = list(factors)
        self._known = self._limits.learning_days

    # Ramps

    def _slow(self, at: int, value: float, sigma: float) -> Episode | None:
        """Whether the last seven days together left the level of two weeks before."""
        limits = self._limits
        if at - self._since < SLOW_AFTER or self.state != DENSE:
            return None
        weekly = at % 7 == 0
        usual = self._levels[at - limits.lag_days] * self._factors[self._days.weekday[at]]
        if not weekly and self._least_away[0] * usual < value < self._least_away[1] * usual:
            # Whatever the trend, the day itself is not away far enough.
            return None
        moved, level = self._drift(at)
        wide = max(sigma * SLOW_SHARE, self._slow_noise * MEAN_TO_SIGMA)
        if weekly:
            self._slow_noise += SLOW_NOISE_RATE * (min(abs(moved), SIDES * wide) - self._slow_noise)
        far = max(limits.min_slow_percent / 100, limits.slow_sigmas * wide)
        if abs(moved) <= far:
            return None
        rises = moved > 0
        expected = level * self._factors[self._days.weekday[at]]
        away = (value - expected) * (1 if rises else -1)
        if away < max(limits.min_amount, far * expected):
            return None
        if not rises and (self._fee or (self._before is not None and self._before[3])):
            # What went up comes down.
            return None
        figures = Figures(at, value, expected, max(0.0, expected * (1 - far)), expected * (1 + far))
        first = self._first_away(at, level, sigma, rises=rises)
        found = self._depart(RAMP if rises else SHIFT, first, figures, rises=rises)
        if self._episode is not None and self._episode.days[0].at == at:
            self._episode.level = level
        return found

    def _drift(self, at: int) -> tuple[float, float]:
        """How far the last week is from the level before it, as a share; and that level, carried on by its trend."""
        reference = self._levels[at - self._limits.lag_days]
        week = self._flat[at - 6 : at + 1]
        count = 7 - week.count(0.0)
        if count < 4 or reference <= 0:
            return 0.0, reference
        growth = 0.0
        earlier = at - self._limits.lag_days - TREND_DAYS
        if earlier >= self._since + self._limits.lag_days and self._levels[earlier] > 0:
            growth = (reference / self._levels[earlier]) ** (1 / TREND_DAYS) - 1
            growth = max(TREND_LIMITS[0], min(TREND_LIMITS[1], growth))
        level = reference * (1 + growth) ** TREND_AHEAD
        return sum(week) / count / level - 1, level

    def _first_away(self, at: int, level: float, sigma: float, *, rises: bool) -> int:
        """The first of the days in a row, up to this one, that are on one side of the level by more than the noise."""
        first = at
        while first > at - self._limits.lag_days and self._ordinary[first - 1]:
            usual = self._factors[self._days.weekday[first - 1]] * level
            if (self._values[first - 1] - usual) * (1 if rises else -1) < sigma * usual:
                break
            first -= 1
        return first

    # What is remembered

    def _bump(self, at: int, amount: float, *, told: bool = False) -> None:
        self._bumps[at] = Bump(at, amount, self._level, told)

    def _fee_on(self, at: int, excess: float) -> Fee:
        share = self._limits.fee_percent / 100
        return expected_fee(self._bumps.values(), at, self._days, excess, self._level, share)

    def _learn(self, at: int) -> None:
        """Learns from all days since the last change of level, but not from those of a departure."""
        start = max(self._since, at - LEARN_FROM + 1)
        left_out = self._left_out
        values = self._values
        places = [place for place in range(start, at + 1) if place not in left_out and values[place] == values[place]]
        if len(places) < self._limits.learning_days:
            return
        amounts = [values[place] for place in places]
        learned = learn(
            amounts,
            [self._days.weekday[place] for place in places],
            self._limits.min_noise,
            self._limits.min_percent / 100,
        )
        if learned is None:
            self._learn_sparse(places, amounts)
            return
        self.state = DENSE
        self._level = learned.level
        self._factors = list(learned.factors)
        self._noise = learned.noise if self._known <= LEARN_AT[0] else max(learned.noise, self._noise)
        self._record = max(0.8 * self._record, learned.record)
        for place, level in zip(places, learned.levels, strict=True):
            self._levels[place] = level
        for place in places[-7:]:
            factor = self._factors[self._days.weekday[place]]
            self._flat[place] = values[place] / factor if self._ordinary[place] and factor >= LEAST_UNIT else 0.0
        for index, amount in learned.bumps:
            place = places[index]
            self._bump(place, amount, told=place in self._bumps and self._bumps[place].told)

    def _learn_sparse(self, places: Sequence[int], amounts: Sequence[float]) -> None:
        self.state = SPARSE
        self._level = 0.0
        self._peak = max(amounts)
        for place, amount in zip(places, amounts, strict=True):
            if amount > 0.5 * self._peak:
                self._bump(place, amount)
