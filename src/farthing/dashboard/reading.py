"""Reads the ledger for the views: one engine over all of it, kept open until the ledger changes.

AWS's Cost Explorer is never asked.
Everything here may be called from several threads; one engine answers one question at a time.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from datetime import date
from typing import TypeVar

import msgspec

from farthing.app import App
from farthing.asking import Question, open_engine
from farthing.exported import exports_of
from farthing.ledger.derived import Derived
from farthing.ledger.reports import PREFIX, Outline, Reports
from farthing.ledger.runs import Runs
from farthing.model import Period, RunRecord
from farthing.query.engines.base import ChargesEngine
from farthing.query.model import Query, Result
from farthing.query.sources import REPORTS, SourceName
from farthing.reporting import days_of, question_of

LOOKED_AT = (
    PREFIX,
    "cost_data/lenses/",
    "cost_data/exports/",
    "cost_data/alerts/",
    "cost_data/runs/",
    "cost_data/events/",
)
"""What a page may show: the state of the ledger is that of these."""

CHECK_SECONDS = 10.0
"""How long the ledger's state is taken for known before it is listed again; a bucket's listing is some requests."""

OUTLINES_KEY, OUTLINES_SCHEMA = "state/outlines.json", "farthing.outlines/1"
"""Days' totals without their rows, so that a large organisation's year is not read for them again."""

KEPT = 64
"""Answers that are kept for the state of the ledger that they are of."""

RUNS_SHOWN = 60
"""Runs that the Data page lists."""

T = TypeVar("T")


class _Open(msgspec.Struct):
    engine: ChargesEngine
    lock: threading.Lock


class Reading:
    """The ledger of an app, as the dashboard reads it.

    Args:
        app: whose ledger; nothing but derived sums is written to it.
        monotonic: seconds that only go forward.
    """

    def __init__(self, app: App, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.app = app
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._version: tuple[float, str] | None = None
        self._opened: dict[tuple[str, bool, SourceName | None], _Open] = {}
        self._answers: OrderedDict[Hashable, object] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def version(self) -> str:
        """Names the ledger's state and the day: while it stays, so does every answer.

        Raises:
            LedgerError: the ledger cannot be listed.
        """
        with self._lock:
            now = self._monotonic()
            if self._version is None or now - self._version[0] >= CHECK_SECONDS:
                found = hashlib.sha256(str(self.app.today).encode())
                for prefix in LOOKED_AT:
                    for entry in self.app.store.entries(prefix):
                        found.update(f"{entry.key}\0{entry.etag}\n".encode())
                version = found.hexdigest()[:16]
                if self._version is not None and self._version[1] != version:
                    self._forget()
                self._version = (now, version)
            return self._version[1]

    def look_again(self) -> None:
        """Takes the ledger's state for unknown: something was just written."""
        with self._lock:
            if self._version is not None:
                self._version = (self._monotonic() - CHECK_SECONDS, self._version[1])

    def kept(self, name: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gives, made once for a state of the ledger, also when several ask at once."""
        key = (self.version(), name)
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._answers:
                    self._answers.move_to_end(key)
                    return self._answers[key]  # type: ignore[return-value]
            made = make()
            with self._lock:
                self._answers[key] = made
                while len(self._answers) > KEPT:
                    old, _ = self._answers.popitem(last=False)
                    self._making.pop(old, None)
            return made

    def everything(self) -> Period:
        """All days that the ledger has; none on an empty one."""
        return self.kept("everything", lambda: days_of(self.app, "all", None, None, (), None))

    def ask(self, query: Query, only: SourceName | None = None) -> Result:
        """The answer to a query about any period.

        Raises:
            FarthingError: as an engine's ``run``.
        """
        everything = self.everything()
        if only == REPORTS and not self.has_exports():
            only = None  # the same answer, from the engine that is open
        reach = Period(min(query.period.start, everything.start), max(query.period.end, everything.end))
        question = question_of(self.app, reach, query.named, only)
        opened = self._engine(question)
        with opened.lock:
            return opened.engine.run(query)

    def has_exports(self) -> bool:
        """Whether billing exports were imported."""
        return self.kept("exports", lambda: bool(exports_of(self.app).slices()))

    def names(self) -> dict[str, str | None]:
        """What each account is called."""

        def read() -> dict[str, str | None]:
            question = question_of(self.app, self.everything(), ("SubAccountId",), None)
            opened = self._engine(question)
            with opened.lock:
                return dict(opened.engine.names())

        return self.kept("names", read)

    def outlines(self) -> tuple[Outline, ...]:
        """Every day's totals, now and before."""

        def read() -> tuple[Outline, ...]:
            reports = Reports(self.app.store)
            listed = reports.etags()
            derived = Derived(self.app.store, OUTLINES_KEY, OUTLINES_SCHEMA, Outline)
            known = derived.load(listed)
            found = known | {one.day: one for one in reports.outlines(day for day in listed if day not in known)}
            derived.save(found, listed)
            return tuple(found[day] for day in sorted(found))

        return self.kept("outlines", read)

    def runs(self) -> tuple[RunRecord, ...]:
        """The newest runs, the newest first."""

        def read() -> tuple[RunRecord, ...]:
            found = []
            for record in Runs(self.app.store).newest_first():
                found.append(record)
                if len(found) == RUNS_SHOWN:
                    break
            return tuple(found)

        return self.kept("runs", read)

    def days(self) -> Sequence[date]:
        """The days that have a daily report, oldest first."""
        return self.kept("days", lambda: tuple(Reports(self.app.store).days()))

    def close(self) -> None:
        """Lets go of the engines."""
        with self._lock:
            self._forget()

    def _engine(self, question: Question) -> _Open:
        key = (question.prefix, question.with_exports, question.only)
        with self._lock:
            opened = self._opened.get(key)
            period = question.period
            if opened is not None and _holds(opened.engine.period, period):
                return opened
            made = _Open(open_engine(question), threading.Lock())
            if opened is not None:
                with opened.lock:
                    opened.engine.close()
            self._opened[key] = made
            return made

    def _forget(self) -> None:
        """Closes what was read of an earlier state, each engine when its question is answered."""
        for opened in self._opened.values():
            with opened.lock:
                opened.engine.close()
        self._opened.clear()
        self._answers.clear()
        self._making.clear()


def _holds(outer: Period, inner: Period) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end
