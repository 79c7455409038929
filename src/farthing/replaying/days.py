"""The daily run's judging, day after day over a :class:`View`."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NoReturn

import msgspec

from farthing.alerts.outbox import Outbox
from farthing.judging import Judge
from farthing.ledger.series import MAX_DAYS
from farthing.ledger.store import Store
from farthing.model import Alert, Period, Source
from farthing.planning import window
from farthing.replaying.view import View
from farthing.settings import Settings
from farthing.sources.lenses import parse_lens
from farthing.workplace import Workplace

RUN_AT = time(23, 59, 59)
"""The time of day, UTC, at which each day's run is taken to happen: what was seen on that day was known."""

CHANNEL = "replay"


class ReplayedDay(msgspec.Struct, frozen=True):
    """What the run of one day would have done.

    ``fired`` are the alerts that it would have sent, ``recorded`` those that it would only have kept, ``signals`` what
    each signal found.
    """

    day: date
    fired: tuple[Alert, ...]
    recorded: tuple[Alert, ...]
    signals: dict[str, int]


class Replayed(msgspec.Struct, frozen=True):
    """What would have happened.

    Attributes:
        days: those with a run, oldest first.
        late: days of the period that were first seen too late for the run that would have told them.
        problems: reports that cannot be read, and signals that failed, a sentence each.
    """

    days: tuple[ReplayedDay, ...]
    late: tuple[date, ...]
    problems: tuple[str, ...] = ()

    @property
    def fired(self) -> list[Alert]:
        """Every alert that would have been sent."""
        return [alert for day in self.days for alert in day.fired]


class _Nothing:
    """Stands for what asks a source; a replay asks nothing."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def fetch(self, *_: object, **__: object) -> NoReturn:
        raise NotImplementedError("a replay asks nothing")


class _Silence:
    """A channel that takes every message and sends none."""

    name = CHANNEL

    def send(self, alerts: Sequence[Alert]) -> None:
        """Takes the message."""

    def send_test(self) -> None:
        """Takes the message."""


def replay(
    store: Store, settings: Settings, period: Period, *, on_day: Callable[[date], None] = lambda _: None
) -> Replayed:
    """What the daily runs of a period would have told, each with what was known on its day.

    The days before the period that may still be news are run first, and what they tell is not shown: as in life, what
    is old by then is no news.

    Args:
        store: the ledger; it is read and never written.
        settings: the rules to go by.
        period: the UTC days of the runs; each tells of the days before it.
        on_day: progress.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    begin = period.start - timedelta(days=settings.alert_max_age_days + 1)
    view = View(store, begin - timedelta(days=MAX_DAYS))
    problems = list(view.unreadable)
    channels = (_Silence(),)
    place = _place(settings, view, channels)
    days: list[ReplayedDay] = []
    started: datetime | None = None
    for day in Period(begin, period.end):
        view.at = datetime.combine(day, RUN_AT, UTC)
        known = {known: total for known, total in view.totals().items() if known < day}
        if not known:
            continue
        asked = window(day, settings.window_days, sorted(known))
        totals = {known_day: total for known_day, total in known.items() if known_day in asked}
        if not totals:
            continue
        first = view.at if started is None else None
        started = started or view.at
        run_id = f"replay-{day}"
        new = frozenset(settings.signals) if first else frozenset()
        judgement = Judge(place, run_id, first, new).days(totals, whole=True)
        Outbox(view, place.clock, place.sleep).drain(channels, run_id, also=judgement.offered)
        if day in period:
            problems += [f"{day}: {failure}" for failure in judgement.failures]
            days.append(_told(day, judgement.created, dict(judgement.signals)))
        on_day(day)
    late = tuple(one.day for one in view.days.values() if one.late and one.day in _told_of(period))
    return Replayed(tuple(days), late, tuple(dict.fromkeys(problems)))


def _told_of(period: Period) -> Period:
    """The days that the runs of a period tell for the first time."""
    return Period(period.start - timedelta(days=1), period.end - timedelta(days=1))


def _told(day: date, created: Sequence[Alert], signals: dict[str, int]) -> ReplayedDay:
    fired = tuple(alert for alert in created if alert.state != "suppressed")
    return ReplayedDay(day, fired, tuple(alert for alert in created if alert.state == "suppressed"), signals)


def _place(settings: Settings, view: View, channels: tuple[Any, ...]) -> Workplace:
    sources = [one.source for one in view.days.values()]
    nothing: Any = _Nothing(sources[-1] if sources else Source("", ()))
    return Workplace(
        settings=settings,
        store=view,
        source=nothing,
        channels=channels,
        clock=lambda: view.at,
        sleep=lambda _: None,
        # Of its own, so that a hundred runs do not say the same thing a hundred times.
        log=logging.Logger("farthing.replay", logging.CRITICAL),
        lenses={lens.name: nothing for lens in map(parse_lens, settings.lenses)},
    )
