"""Reads the ledger for the views: one engine over all of it, kept open until the ledger changes.

AWS's Cost Explorer is never asked.
Everything here may be called from several threads. A question that nobody waits for any more is called off.
"""

import hashlib
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Self, TypeVar

import msgspec
from msgspec.structs import replace

from farthing.app import App
from farthing.asking import Question, open_engine
from farthing.dashboard.shelf import shelf_of
from farthing.errors import QueryFailedError
from farthing.exported import exports_of
from farthing.ledger.derived import Derived
from farthing.ledger.proofs import PREFIX as PROOFS
from farthing.ledger.proofs import Reconciled, last
from farthing.ledger.reports import PREFIX, Outline, Reports
from farthing.ledger.runs import Runs
from farthing.model import Period, RunRecord
from farthing.query.calling_off import LOOK_SECONDS, Asker, asker
from farthing.query.engines.base import ChargesEngine, Rows
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
    PROOFS,
)
"""What a page may show: the state of the ledger is that of these."""

CHECK_SECONDS = 10.0
"""How long the ledger's state is taken for known before it is listed again; a bucket's listing is some requests."""

OUTLINES_KEY, OUTLINES_SCHEMA = "state/outlines.json", "farthing.outlines/1"
"""Days' totals without their rows, so that a large organisation's year is not read for them again."""

AT_ONCE = 3
"""Questions that the engine works on at a time; further ones wait, each for its turn. Each may use all cores."""

KEPT = 64
"""Answers that are kept for the state of the ledger that they are of."""

SOON_SECONDS = 1.0
"""How long a page waits for a part of it that can follow."""

CLOSE_SECONDS = 1.0
"""How long is waited, when all ends, for what is done beside."""

RUNS_SHOWN = 60
"""Runs that the Data page lists."""

T = TypeVar("T")


class Progress(msgspec.Struct, frozen=True):
    """How far the reading of the daily reports is: ``done`` of ``of`` months."""

    done: int
    of: int


class _Open:
    """An engine, and how many are asking it: it is closed when the last one has its answer."""

    def __init__(self, engine: ChargesEngine) -> None:
        self.period = engine.period
        self._engine = engine
        self._turn = threading.Semaphore(AT_ONCE if engine.concurrent else 1)
        self._lock = threading.Lock()
        self._asking = 0
        self._done = False

    def take(self) -> Self:
        """It stays open until a :meth:`turn` was had."""
        with self._lock:
            self._asking += 1
        return self

    @contextmanager
    def turn(self) -> Iterator[ChargesEngine]:
        """The engine, for one question; after :meth:`take`."""
        try:
            asker().take(self._turn)
            try:
                yield self._engine
            finally:
                self._turn.release()
        finally:
            with self._lock:
                self._asking -= 1
                self._close_if_done()

    def close(self) -> None:
        """Takes no further question."""
        with self._lock:
            self._done = True
            self._close_if_done()

    def _close_if_done(self) -> None:
        if self._done and not self._asking:
            self._engine.close()


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
        self._opening = threading.Lock()
        self._state = 0
        self._version: tuple[float, str] | None = None
        self._opened: dict[tuple[str, bool, SourceName | None], _Open] = {}
        self._answers: OrderedDict[Hashable, object] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._behind: dict[Hashable, threading.Thread] = {}
        self._threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self._own = Asker()
        self._progress: Progress | None = None
        self._shelf = shelf_of(app)

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
        asker().take(making)
        try:
            with self._lock:
                if key in self._answers:
                    self._answers.move_to_end(key)
                    return self._answers[key]  # type: ignore[return-value]
            made = make()
            with self._lock:
                self._answers[key] = made
                while len(self._answers) > KEPT:
                    self._answers.popitem(last=False)
            return made
        finally:
            with self._lock:
                # Whoever waits has the lock already; who comes now finds the answer, or makes it himself.
                self._making.pop(key, None)
            making.release()

    def kept_on_disk(self, name: str, type_: type[T], make: Callable[[], T]) -> T:
        """As :meth:`kept`; what was made is there for the next start of the server too.

        Args:
            name: of the file.
            type_: what ``make`` gives: a struct.
            make: makes it.
        """

        def found() -> T:
            version = self.version()
            known = self._shelf.load(name, version, type_)
            if known is not None:
                return known
            made = make()
            self._shelf.save(name, version, made)
            return made

        return self.kept(name, found)

    def kept_bytes_on_disk(self, name: str, make: Callable[[], bytes]) -> bytes:
        """As :meth:`kept_on_disk`, of an answer that is bytes; who asks keeps it himself."""
        version = self.version()
        made = self._shelf.load_bytes(name, version)
        if made is None:
            made = make()
            self._shelf.save_bytes(name, version, made)
        return made

    def soon(self, name: Hashable, make: Callable[[], T], seconds: float = SOON_SECONDS) -> T | None:
        """As :meth:`kept`, but None where it takes longer than that; it is made all the same, and there later."""
        told: list[T] = []
        failed: list[BaseException] = []
        with self._lock:
            key = (self.version(), name)
            if key in self._answers:
                return self._answers[key]  # type: ignore[return-value]
            thread = self._behind.get(key)
            if thread is not None and thread.is_alive():
                seconds = 0.0  # somebody has waited for it already

        def work() -> None:
            try:
                told.append(self.kept(name, make))
            except BaseException as error:
                failed.append(error)

        if thread is None or not thread.is_alive():
            with self._lock:
                thread = self._behind[key] = self.behind(work)
        thread.join(seconds)
        if failed:
            raise failed[0]
        return told[0] if told else None

    def behind(self, work: Callable[[], object]) -> threading.Thread:
        """Does something beside, until all ends."""

        def run() -> None:
            with self._own.waiting():
                work()

        thread = threading.Thread(target=run, name="farthing-behind", daemon=True)
        thread.start()
        self._threads.add(thread)
        return thread

    def progress(self) -> Progress | None:
        """How far the reading of the daily reports is; None where they are read."""
        return self._progress

    def everything(self) -> Period:
        """All days that the ledger has; none on an empty one."""
        return self.kept("everything", lambda: days_of(self.app, "all", None, None, (), None))

    def ask(self, query: Query, only: SourceName | None = None) -> Result:
        """The answer to a query about any period.

        Raises:
            FarthingError: as an engine's ``run``.
        """
        if only == REPORTS and not self.has_exports():
            only = None  # the same answer, from the engine that is open
        return self._asked(self._question(query, only), lambda engine: engine.run(query))

    def bare_rows(self, query: Query) -> tuple[Result, Rows]:
        """The answer to a query with many rows; see :meth:`farthing.query.engines.base.ChargesEngine.bare_rows`.

        Raises:
            FarthingError: as an engine's ``run``.
        """
        return self._asked(self._question(query, None), lambda engine: engine.bare_rows(query))

    def metrics(self, query: Query) -> tuple[str, ...]:
        """The metrics that a query would add up; nothing is added up.

        Raises:
            FarthingError: as an engine's ``run``.
        """
        with self._engine(self._question(query, None)).turn() as engine:
            return engine.metrics(query)

    @contextmanager
    def opened(self, question: Question) -> Iterator[ChargesEngine]:
        """The engine for a question, as :func:`farthing.asking.open_engine` gives one; it stays open afterwards."""
        kept = self._question(Query(question.period, ()), question.only)
        with self._engine(kept).turn() as engine:
            yield engine

    def _asked(self, question: Question, ask: Callable[[ChargesEngine], T]) -> T:
        """What an engine answers; if it fails, what one that is opened anew does: copies may be deleted at any time."""
        opened = self._engine(question)
        try:
            with opened.turn() as engine:
                return ask(engine)
        except QueryFailedError:
            with self._lock:
                for key in [key for key, one in self._opened.items() if one is opened]:
                    self._opened.pop(key).close()
        with self._engine(question).turn() as engine:
            return ask(engine)

    def _question(self, query: Query, only: SourceName | None) -> Question:
        everything = self.everything()
        reach = Period(min(query.period.start, everything.start), max(query.period.end, everything.end))
        return question_of(self.app, reach, query.named, only)

    def has_exports(self) -> bool:
        """Whether billing exports were imported."""
        return self.kept("exports", lambda: bool(exports_of(self.app).slices()))

    def names(self) -> dict[str, str | None]:
        """What each account is called."""

        def read() -> dict[str, str | None]:
            question = question_of(self.app, self.everything(), ("SubAccountId",), None)
            return dict(self._asked(question, lambda engine: engine.names()))

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

    def proofs(self) -> tuple[Reconciled, ...]:
        """What reconciling found last, the newest first."""
        return self.kept("proofs", lambda: tuple(last(self.app.store)))

    def days(self) -> Sequence[date]:
        """The days that have a daily report, oldest first."""
        return self.kept("days", lambda: tuple(Reports(self.app.store).days()))

    def close(self) -> None:
        """Ends what is done beside, and lets go of the engines.

        It waits a moment: a process that ends must not cut an engine off midway. What is no question to the engine
        cannot be ended, and ends with the process.
        """
        ends = time.monotonic() + CLOSE_SECONDS
        while time.monotonic() < ends and any(thread.is_alive() for thread in self._threads):
            self._own.leave()
            time.sleep(LOOK_SECONDS)
        with self._lock:
            self._forget()

    def _engine(self, question: Question) -> _Open:
        """The engine for a question, taken. Whoever needs none that has to be opened does not wait for it."""
        key = (question.prefix, question.with_exports, question.only)
        asker().take(self._opening)
        try:
            while True:
                with self._lock:
                    opened, state = self._opened.get(key), self._state
                    if opened is not None and _holds(opened.period, question.period):
                        return opened.take()
                try:
                    made = _Open(open_engine(replace(question, progress=self._tell)))
                finally:
                    self._progress = None
                with self._lock:
                    if self._state == state:
                        self._opened[key] = made
                        if opened is not None:
                            opened.close()
                        return made.take()
                made.close()  # of a state of the ledger that is over
        finally:
            self._opening.release()

    def _tell(self, done: int, of: int) -> None:
        self._progress = Progress(done, of)

    def _forget(self) -> None:
        """Closes what was read of an earlier state, each engine when its questions are answered."""
        self._state += 1
        for opened in self._opened.values():
            opened.close()
        self._opened.clear()
        self._answers.clear()
        self._making.clear()
        self._behind.clear()


def _holds(outer: Period, inner: Period) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end
