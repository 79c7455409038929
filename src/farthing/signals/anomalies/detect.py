"""The leaves of a panel, judged on a day: departures from what is expected, each leaf for itself.

Causal: what is said of a day depends on the days up to it and on nothing else, so judging twice says the same, and
days that come later change nothing.
"""

from array import array
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from math import nan

import msgspec

from farthing.signals.anomalies.calendar import Days, days_of
from farthing.signals.anomalies.episode import Allowance, Episode
from farthing.signals.anomalies.fees import is_fee
from farthing.signals.anomalies.limits import DEFAULTS, NEW, Limits
from farthing.signals.anomalies.screen import screen_of
from farthing.signals.anomalies.track import Track
from farthing.signals.panel import UNKNOWN, USAGE, Leaf, Panel, category_of

OPEN = "open"
ENDED = "ended"
SETTLED = "settled"


class DayFigures(msgspec.Struct, frozen=True):
    """A day of a departure: money."""

    day: date
    actual: float
    expected: float
    lower: float
    upper: float


class Departure(msgspec.Struct, frozen=True):
    """A leaf that is not as expected.

    Attributes:
        leaf: which.
        kind: one of ``limits.KINDS``, as far as it can be told by now.
        rises: above or below what was expected.
        first_day: the first day that was out.
        raised_day: the day on which it could first be told.
        days: the days out of the band from ``raised_day`` on.
        state: ``open``, ``ended`` (back to normal) or ``settled`` (it has become what is expected).
    """

    leaf: Leaf
    kind: str
    rises: bool
    first_day: date
    raised_day: date
    days: tuple[DayFigures, ...]
    state: str

    @property
    def excess(self) -> float:
        """Money over what was expected on the newest day; below zero for a fall."""
        return self.days[-1].actual - self.days[-1].expected


class Judgement(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        day: the day judged; None for a panel without days.
        currency: of all amounts.
        departures: those told, oldest first, then the largest.
        leaves: how many were judged.
        learning: how many of them have too few days yet to be told anything of but that they are new.
        looked: how many were looked at closely.
    """

    day: date | None
    currency: str
    departures: tuple[Departure, ...] = ()
    leaves: int = 0
    learning: int = 0
    looked: int = 0


Allowances = Mapping[tuple[str, str], Sequence[Allowance]]
"""What people said may depart, by (ServiceName, SubAccountId)."""


def judge(
    panel: Panel,
    on: date | None = None,
    *,
    back: int = 1,
    limits: Limits = DEFAULTS,
    provisional: Collection[date] = (),
    allowances: Allowances | None = None,
) -> Judgement:
    """The departures of all leaves that were going on in the last ``back`` days up to ``on``.

    Args:
        panel: the numbers; days in another currency than the judged day's count as gaps.
        on: the UTC day to be judged; later ones are not looked at. None: the newest.
        back: days up to ``on``, 1 for it alone.
        limits: the parameters.
        provisional: days that are still filling: they may raise a rise, never a fall.
        allowances: what people said may depart.
    """
    dates = panel.dates
    end = len(dates) if on is None else sum(day <= on for day in dates)
    if not end:
        return Judgement(None, "")
    currency = panel.currencies[end - 1]
    places = [place for place in range(end) if panel.currencies[place] == currency]
    one_currency = len(places) == end
    days = days_of([dates[place] for place in places])
    newest = len(places) - 1
    since = days.ordinal[newest] - back + 1
    screens = [screen_of(days, at, limits) for at in range(newest + 1) if days.ordinal[at] >= since]
    screens.reverse()
    filling = [day in provisional for day in days.dates]
    departures: list[Departure] = []
    learning = looked = 0
    for place, leaf in enumerate(panel.leaves):
        values = panel.values(place)
        values = values[:end] if one_currency else array("d", [values[column] for column in places])
        if all(screen.quiet(values) or screen.nearly_quiet(values) for screen in screens):
            continue
        looked += 1
        track = track_of(days, leaf, limits, allowances)
        for value, is_filling in zip(values, filling, strict=True):
            track.step(value, provisional=is_filling)
        learning += track.is_learning
        departures += (
            departure_of(leaf, episode, days, newest, limits)
            for episode in track.episodes
            if not episode.muted and days.ordinal[episode.days[-1].at] >= since
        )
    departures.sort(key=lambda one: (one.first_day, -abs(one.excess), one.leaf))
    return Judgement(days.dates[newest], currency, tuple(departures), len(panel.leaves), learning, looked)


def track_of(days: Days, leaf: Leaf, limits: Limits, allowances: Allowances | None = None) -> Track:
    """The track of a leaf, as its category or name asks for."""
    allowed = (allowances or {}).get((leaf[0], leaf[1]), ())
    return Track(days, limits, fee=is_fee(leaf), allowances=allowed)


def departure_of(leaf: Leaf, episode: Episode, days: Days, newest: int, limits: Limits) -> Departure:
    """What there is to tell of an episode, seen from the day at place ``newest``."""
    # A new leaf is news for as long as any other level takes to become what is expected.
    going_on = not episode.ended or (episode.kind == NEW and newest - episode.raised < limits.settle_days)
    return Departure(
        leaf=leaf,
        kind=episode.kind,
        rises=episode.rises,
        first_day=days.dates[episode.first],
        raised_day=days.dates[episode.raised],
        days=tuple(
            DayFigures(days.dates[one.at], one.actual, one.expected, one.lower, one.upper) for one in episode.days
        ),
        state=OPEN if going_on else SETTLED if episode.settled else ENDED,
    )


class Told(msgspec.Struct, frozen=True):
    """A departure as it was on the day on which it could first be told, and as it is at the end."""

    currency: str
    then: Departure
    now: Departure


class Replayed(msgspec.Struct, frozen=True):
    """What :func:`replay` found, in the order of the days on which it was told; and how many leaves are learning."""

    told: tuple[Told, ...]
    learning: int


def replay(panel: Panel, present: Mapping[tuple[str, str], Collection[date]], *, limits: Limits = DEFAULTS) -> Replayed:
    """Every departure of a panel, each day judged with only the days up to it.

    Usage and what has no category are one leaf of each (ServiceName, SubAccountId), every other category is one of its
    own. All days count as settled; days of another currency are gaps.

    Args:
        panel: the numbers, with categories where they are known.
        present: the days on which each (ServiceName, SubAccountId) has a row: where one that has a row nearly every day
            has none, nothing is known of it.
        limits: the parameters.
    """
    found: list[Told] = []
    learning = 0
    leaves = merged_usage(panel, present)
    for currency in sorted(set(panel.currencies)):
        places = [place for place, other in enumerate(panel.currencies) if other == currency]
        days = days_of([panel.dates[place] for place in places])
        for leaf, values in leaves:
            track = track_of(days, leaf, limits)
            told: list[tuple[Episode, Departure]] = []
            for at, place in enumerate(places):
                episode = track.step(values[place])
                if episode is not None:
                    told.append((episode, departure_of(leaf, episode, days, at, limits)))
            learning += track.is_learning
            newest = len(places) - 1
            found += (Told(currency, then, departure_of(leaf, one, days, newest, limits)) for one, then in told)
    return Replayed(tuple(sorted(found, key=lambda one: (one.then.raised_day, one.then.leaf))), learning)


def merged_leaf(leaf: Leaf) -> Leaf:
    """The leaf that a leaf's numbers are judged under: usage and what has no category are one."""
    category = category_of(leaf)
    return leaf[0], leaf[1], UNKNOWN if category == USAGE else category


def merged_usage(
    panel: Panel, present: Mapping[tuple[str, str], Collection[date]]
) -> "list[tuple[Leaf, array[float]]]":
    """The merged leaves with their numbers; NaN where there is no row after the first one."""
    merged: dict[Leaf, array[float]] = {}
    for place, leaf in enumerate(panel.leaves):
        target = merged_leaf(leaf)
        values = panel.values(place)
        if target in merged:
            values = array("d", map(float.__add__, merged[target], values))
        merged[target] = values
    for leaf, values in merged.items():
        days = present.get((leaf[0], leaf[1]), ())
        if category_of(leaf) == UNKNOWN and days:
            first = min(days)
            for place, day in enumerate(panel.dates):
                if day > first and day not in days:
                    values[place] = nan
    return sorted(merged.items())
