"""A ledger as it was at a moment: the store port over another store, whose writes stay in memory."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec

from farthing.errors import ConflictError, CorruptError
from farthing.ledger.events import PREFIX as EVENTS
from farthing.ledger.reports import LENSES_PREFIX, decode_report, encode_report
from farthing.ledger.reports import PREFIX as DAILY
from farthing.ledger.series import PREFIX as SERIES
from farthing.ledger.states import seen_at, state_at, states_of
from farthing.ledger.store import Entry, Store, Stored
from farthing.model import BILLED_COST, DailyReport, Source

LATE = timedelta(days=2)
"""After the end of a day: one that was first seen later was not seen by a daily run that was on time."""

_DATED = re.compile(rf"(?:{DAILY}|{LENSES_PREFIX}[^/]+/)(\d{{4}}-\d\d-\d\d)\.json")
_EVENT = re.compile(rf"{EVENTS}(\d{{4}}-\d\d-\d\d)/.*")


class Recorded(msgspec.Struct, frozen=True):
    """When each state of a day was known, and its BilledCost; ``late`` tells that the first of them was backfilled."""

    day: date
    etag: str
    times: tuple[datetime, ...]
    totals: tuple[Decimal, ...]
    source: Source
    late: bool


class View:
    """What a ledger's readers saw at a moment that can be set.

    A day that was first seen late (by a backfill, or after an outage) is there from its end on, as it was first seen.

    Args:
        store: the ledger; it is read and never written.
        since: the first UTC day of interest; earlier reports are not there.
    """

    def __init__(self, store: Store, since: date) -> None:
        self._store = store
        self._written: dict[str, tuple[bytes, str]] = {}
        self._writes = 0
        self.at = datetime.max.replace(tzinfo=UTC)
        self.unreadable: list[str] = []
        self._dated: dict[str, Recorded] = {}
        prefixes = [DAILY, *_lenses(store)]
        listed = [entry for prefix in prefixes for entry in store.entries(prefix) if _since(entry.key, since)]
        for entry, stored in zip(listed, store.read_many(entry.key for entry in listed), strict=True):
            if stored is None:
                continue
            try:
                report = decode_report(stored.data, store.locate(entry.key))
            except CorruptError as error:
                self.unreadable.append(str(error))
                continue
            self._dated[entry.key] = _recorded(report, stored.etag)

    @property
    def days(self) -> dict[date, Recorded]:
        """Every daily report, oldest first."""
        return {one.day: one for key, one in sorted(self._dated.items()) if key.startswith(DAILY)}

    def totals(self) -> dict[date, Decimal]:
        """The days that are known at the moment, with their BilledCost."""
        found = {day: (one, state_at(one.times, self.at)) for day, one in self.days.items()}
        return {day: one.totals[place] for day, (one, place) in found.items() if place is not None}

    # The store port

    def read(self, key: str) -> Stored | None:  # noqa: D102 - the port says it
        if key in self._written:
            return Stored(*self._written[key])
        if key in self._dated:
            return self._state(key)
        if key.startswith(SERIES) or self._is_known_event(key):
            return self._store.read(key)
        return None

    def read_many(self, keys: Iterable[str]) -> Iterator[Stored | None]:  # noqa: D102
        return map(self.read, keys)

    def create(self, key: str, data: bytes) -> str:  # noqa: D102
        if self.read(key) is not None:
            raise ConflictError(f"{key} exists")
        return self._write(key, data)

    def replace(self, key: str, data: bytes, etag: str) -> str:  # noqa: D102
        stored = self.read(key)
        if stored is None or stored.etag != etag:
            raise ConflictError(f"{key} was written in between")
        return self._write(key, data)

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:  # noqa: D102
        return (entry.key for entry in self.entries(prefix) if entry.key > after)

    def entries(self, prefix: str) -> Iterator[Entry]:  # noqa: D102
        found = {key: etag for key, (_, etag) in self._written.items() if key.startswith(prefix)}
        for key, one in self._dated.items():
            place = state_at(one.times, self.at)
            if key.startswith(prefix) and key not in found and place is not None:
                found[key] = _etag(one, place)
        if prefix.startswith(EVENTS):
            events = (entry for entry in self._store.entries(prefix) if self._is_known_event(entry.key))
            found |= {entry.key: entry.etag for entry in events}
        return (Entry(key, found[key]) for key in sorted(found))

    def locate(self, key: str) -> str:  # noqa: D102
        return self._store.locate(key)

    def _state(self, key: str) -> Stored | None:
        """The report as it was known; the newest state is the object itself, so that series that exist count for it."""
        one = self._dated[key]
        place = state_at(one.times, self.at)
        if place is None:
            return None
        stored = self._store.read(key)
        if stored is None or place == len(one.times) - 1:
            return stored
        report = decode_report(stored.data, self._store.locate(key), one.day)
        return Stored(encode_report(states_of(report)[place]), _etag(one, place))

    def _write(self, key: str, data: bytes) -> str:
        self._writes += 1
        etag = f"written-{self._writes}"
        self._written[key] = (data, etag)
        return etag

    def _is_known_event(self, key: str) -> bool:
        # What somebody decides on the day of a run follows from its messages: it counts from the next day on.
        matched = _EVENT.fullmatch(key)
        return matched is not None and matched[1] < self.at.date().isoformat()


def _lenses(store: Store) -> list[str]:
    names = {key.removeprefix(LENSES_PREFIX).partition("/")[0] for key in store.keys(LENSES_PREFIX)}
    return [f"{LENSES_PREFIX}{name}/" for name in sorted(names)]


def _since(key: str, since: date) -> bool:
    matched = _DATED.fullmatch(key)
    return matched is not None and matched[1] >= since.isoformat()


def _recorded(report: DailyReport, etag: str) -> Recorded:
    times = list(seen_at(report))
    end = datetime(report.date.year, report.date.month, report.date.day, tzinfo=UTC) + timedelta(days=1)
    late = times[0] > end + LATE
    if late:
        times[0] = end
    totals = (*(one.totals.get(BILLED_COST, Decimal(0)) for one in report.revisions), report.total())
    return Recorded(report.date, etag, tuple(times), totals, report.source, late)


def _etag(one: Recorded, place: int) -> str:
    return one.etag if place == len(one.times) - 1 else f"{one.etag}-{place}"
