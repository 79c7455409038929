"""A question that nobody waits for any more ends in the engine, and not only in the browser."""

import asyncio
import shutil
import threading
import time
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from tests.fakes import report

from farthing.dashboard import api
from farthing.dashboard.reading import Reading
from farthing.dashboard.server import application
from farthing.errors import CalledOffError
from farthing.ledger.folder import FolderStore
from farthing.ledger.reports import Reports
from farthing.model import Period
from farthing.query.calling_off import Asker, asker
from farthing.query.engines import copies
from farthing.query.engines.duckdb import DuckDBEngine
from farthing.query.model import Query

from .conftest import opened

NOW = datetime(2026, 10, 20, tzinfo=UTC)
PERIOD = Period(date(2026, 10, 1), date(2026, 10, 4))
BILLED = ("BilledCost",)
LONG_SECONDS = 60
"""A test that waits longer has failed."""


@pytest.fixture
def engine(tmp_path):
    store = FolderStore(tmp_path)
    for day in PERIOD:
        Reports(store).write(report(day, {("Amazon EC2", "1"): "1"}))
    with DuckDBEngine(tmp_path / "cost_data" / "daily", PERIOD, now=NOW) as made:
        yield made


def endless(engine, monkeypatch):
    """Makes any question last for hours."""
    bare = engine._relation

    def relation(*arguments):
        return f"SELECT own.* FROM ({bare(*arguments)}) AS own, range(1000000000000)"

    monkeypatch.setattr(engine, "_relation", relation)


def asking(engine, who):
    """A thread that asks, and what came of it."""
    told = []

    def ask():
        with who.waiting():
            try:
                told.append(engine.run(Query(PERIOD, ("ServiceName",), (), BILLED)))
            except CalledOffError as error:
                told.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    return thread, told


def until(condition):
    end = time.monotonic() + LONG_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_leaving_ends_the_query_and_the_engine_answers_others(engine, monkeypatch):
    who, other = Asker(), Asker()
    with monkeypatch.context() as patched:
        endless(engine, patched)
        thread, told = asking(engine, who)
        until(lambda: who._interrupts)
    second, answered = asking(engine, other)
    second.join(LONG_SECONDS)
    assert [result.totals for result in answered] == [(3,)]
    assert told == []  # it still goes on: one question does not wait for another

    def ended():
        who.leave()
        return not thread.is_alive()

    until(ended)
    assert [type(one) for one in told] == [CalledOffError]
    assert who._interrupts == []
    again, answered = asking(engine, other)
    again.join(LONG_SECONDS)
    assert answered[0].totals == (3,)


def test_somebody_who_has_left_is_not_answered_at_all(engine):
    who = Asker()
    who.leave()
    thread, told = asking(engine, who)
    thread.join(LONG_SECONDS)
    assert [type(one) for one in told] == [CalledOffError]


def test_where_nobody_said_who_asks_nothing_is_called_off(engine):
    assert engine.run(Query(PERIOD, (), (), BILLED)).totals == (3,)
    asker().check()


def test_a_reader_who_goes_calls_the_question_off():
    """Over ASGI itself: the request, then the connection is gone."""
    begun, interrupted = threading.Event(), threading.Event()

    def answer(pages, asked):
        with asker().interrupting(interrupted.set):
            begun.set()
            assert interrupted.wait(LONG_SECONDS)
        asker().check()
        pytest.fail("it was not called off")

    route = api.Route("/api/v1/slow", "", api.Nothing, None, answer)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(api, "ROUTES", (route,))
        app = application(SimpleNamespace(), hosts=frozenset({"localhost"}))
    messages = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]
    sent = []

    async def receive():
        if len(messages) == 1:
            await asyncio.to_thread(begun.wait, LONG_SECONDS)
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"localhost")]
    scope = {"type": "http", "method": "GET", "path": route.path, "headers": headers, "query_string": b""}
    asyncio.run(asyncio.wait_for(app({**scope, "http_version": "1.1", "scheme": "http"}, receive, send), LONG_SECONDS))
    assert interrupted.is_set(), sent
    assert sent[0]["status"] == 503
    assert b"nobody waits" in sent[1]["body"]


def test_an_engine_is_closed_when_its_last_question_is_answered(tmp_path, engine):
    app = SimpleNamespace(today=NOW.date(), now=NOW, store=FolderStore(tmp_path), settings=None, cache=lambda: None)
    reading = Reading(app)
    opened = _opened(reading, engine)
    with opened.take().turn():
        reading.close()
        assert engine.run(Query(PERIOD, (), (), BILLED)).totals == (3,)
    with pytest.raises(Exception, match="closed"):
        engine._connection.execute("SELECT 1")


def _opened(reading, engine):
    from farthing.dashboard.reading import _Open

    made = _Open(engine)
    reading._opened["one"] = made
    return made


@pytest.mark.parametrize("damage", ["deleted", "damaged"])
def test_a_running_dashboard_survives_that_its_copies_are_gone(tmp_path, monkeypatch, damage):
    monkeypatch.setattr(copies, "COPIED_FROM", 0)
    store = FolderStore(tmp_path)
    for day in PERIOD:
        Reports(store).write(report(day, {("Amazon EC2", "1"): "1"}))
    reading = Reading(opened(tmp_path))
    query = Query(PERIOD, (), (), BILLED)
    assert reading.ask(query).totals == (3,)
    (copy,) = (tmp_path / "cache").rglob("*.parquet")
    if damage == "deleted":
        shutil.rmtree(tmp_path / "cache")
    else:
        copy.write_bytes(b"x" * copy.stat().st_size)
    assert reading.ask(query).totals == (3,)
    reading.close()
