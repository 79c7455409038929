"""How a detector is scored: events found, false incidents, days until it is told.

An **alarm** is one day of one series, an **incident** what a person is told once. An event is found by an incident in
its own direction with an alarm on one of its days or at most `TOLERANCE` days later. What else is raised about the
event is neither found nor false, until its aftermath is over. So is an alarm about a charge that nobody could know
for one. All else is false.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from bench.series_generator import Dataset, Event, Kind, Occurrence, SeriesKey

TOLERANCE = 2
"""Days after an event's last day on which it may still be found."""

AFTERMATH = 7
"""Days after the last day of an event that ends: that it is over may be told."""

LASTING_AFTERMATH = 28
"""Days after the last day of a change that stays: so long is it new, with the 14 days of the event six weeks."""

GAP = 3
"""Days: alarms of one direction that are no farther apart are one incident. For detectors that only know days."""

ONE_DAY = timedelta(days=1)


class Alarm(NamedTuple):
    """One day of one series that is not as expected; `up`: more than expected."""

    key: SeriesKey
    day: date
    up: bool


class Incident(NamedTuple):
    """Alarms that a person is told once; `days` in order."""

    key: SeriesKey
    days: tuple[date, ...]
    up: bool


class Score(msgspec.Struct, frozen=True):
    """What came of it, over one history or several.

    Attributes:
        events: how many there were, per kind.
        delays: days from an event's first day to the first alarm about it, of each event found, per kind.
        false: incidents that nobody wanted.
        series_days: days of series that were scored.
    """

    events: Mapping[str, int]
    delays: Mapping[str, Sequence[int]]
    false: int
    series_days: int

    @property
    def found(self) -> int:
        """How many events were found."""
        return sum(map(len, self.delays.values()))

    @property
    def precision(self) -> float:
        """Share of what was told that was an event; 1 where nothing was told."""
        told = self.found + self.false
        return self.found / told if told else 1.0

    @property
    def recall(self) -> float:
        """Share of the events that were found; 1 where there were none."""
        events = sum(self.events.values())
        return self.found / events if events else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def false_a_month(self) -> float:
        """False incidents per series and 30 days."""
        return self.false / self.series_days * 30 if self.series_days else 0.0


def incidents(alarms: Iterable[Alarm]) -> list[Incident]:
    """Alarms of one series and direction that are no farther apart than `GAP` days, put together."""
    days: dict[tuple[SeriesKey, bool], list[date]] = defaultdict(list)
    for alarm in set(alarms):
        days[alarm.key, alarm.up].append(alarm.day)
    found = []
    for (key, up), alarmed in days.items():
        run: list[date] = []
        for day in sorted(alarmed):
            if run and (day - run[-1]).days > GAP:
                found.append(Incident(key, tuple(run), up))
                run = []
            run.append(day)
        found.append(Incident(key, tuple(run), up))
    return sorted(found)


def score(dataset: Dataset, raised: Iterable[Incident], *, categories: bool) -> Score:
    """Scores one history.

    Args:
        dataset: with its labels.
        raised: by the detector; whatever is raised in the warm-up alone is not looked at.
        categories: whether the detector was given ChargeCategory. If not, it cannot know a charge of a sort that the
            series never had before: an alarm about that is not false.
    """
    scored_from = dataset.first_day + timedelta(days=dataset.warm_up)
    events: dict[SeriesKey, list[Event]] = defaultdict(list)
    for event in dataset.events:
        events[event.key].append(event)
    unknowable: set[tuple[SeriesKey, date]] = set()
    for occurrence in dataset.occurrences:
        if _unknowable(occurrence, categories):
            unknowable |= {(occurrence.key, occurrence.day), (occurrence.key, occurrence.day + ONE_DAY)}
    first_alarm: dict[Event, date] = {}
    false = 0
    for key, alarmed, up in raised:
        days = [day for day in alarmed if day >= scored_from]
        if not days:
            continue
        hits = [(event, day) for event in events[key] if (event.size > 0) == up for day in days if _finds(event, day)]
        for event, day in hits:
            first_alarm[event] = min(day, first_alarm.get(event, day))
        known = (key, days[0]) in unknowable or any(_about(event, days[0]) for event in events[key])
        if not hits and not known:
            false += 1
    counts: dict[str, int] = {kind.value: 0 for kind in Kind}
    delays: dict[str, list[int]] = {kind.value: [] for kind in Kind}
    for event in dataset.events:
        counts[event.kind.value] += 1
        if event in first_alarm:
            delays[event.kind.value].append((first_alarm[event] - event.first_day).days)
    return Score(events=counts, delays=delays, false=false, series_days=_series_days(dataset, scored_from))


def _unknowable(occurrence: Occurrence, categories: bool) -> bool:
    if occurrence.what == "purchase":
        return True  # whether an upfront payment is news is a matter of taste
    told = categories and occurrence.category != "Usage"
    return not occurrence.seen and not told


def _finds(event: Event, day: date) -> bool:
    return event.first_day <= day <= event.last_day + TOLERANCE * ONE_DAY


def _about(event: Event, day: date) -> bool:
    after = LASTING_AFTERMATH if event.lasting else AFTERMATH
    return event.first_day <= day <= event.last_day + after * ONE_DAY


def _series_days(dataset: Dataset, scored_from: date) -> int:
    """From the end of the warm-up, or the first row of a series that is new after it."""
    end = dataset.first_day + timedelta(days=dataset.days)
    begins: dict[SeriesKey, date] = {}
    for row in dataset.rows:
        begins.setdefault(row.key, row.day)
    return sum((end - max(begin, scored_from)).days for begin in begins.values())


def together(scores: Sequence[Score]) -> Score:
    """Several histories as one."""
    return Score(
        events={kind.value: sum(one.events[kind.value] for one in scores) for kind in Kind},
        delays={kind.value: [delay for one in scores for delay in one.delays[kind.value]] for kind in Kind},
        false=sum(one.false for one in scores),
        series_days=sum(one.series_days for one in scores),
    )
