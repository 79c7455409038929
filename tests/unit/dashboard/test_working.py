"""Work beside the event loop: it ends with its asker, is shared where it is the same for all, and never holds the loop."""

import asyncio
import threading
import time

import pytest

from farthing.dashboard import behind as behind_module
from farthing.dashboard.behind import Behind
from farthing.dashboard.working import Working
from farthing.errors import StoppedError
from farthing.query.engines.reports import asked, connected
from farthing.stopping import Stop, stoppable, take

HEAVY = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"


class Request:
    """A client that leaves after so many seconds."""

    def __init__(self, leaves=None):
        self._leaves = None if leaves is None else time.monotonic() + leaves

    async def is_disconnected(self):
        return self._leaves is not None and time.monotonic() > self._leaves


def test_a_client_that_leaves_ends_its_question_in_the_engine():
    connection = connected()

    async def main():
        working = Working()
        begun = time.monotonic()
        with pytest.raises(StoppedError):
            await working.for_request(Request(leaves=0.2), lambda: asked(connection, HEAVY))
        return time.monotonic() - begun

    assert asyncio.run(main()) < 10
    assert asked(connection, "SELECT 1") == [(1,)]
    connection.close()


def test_the_loop_turns_while_questions_are_worked_on_and_the_end_ends_them():
    connection = connected()

    async def main():
        working, turns = Working(), 0
        asking = [
            asyncio.ensure_future(working.for_request(Request(), lambda: asked(connection, HEAVY))) for _ in range(3)
        ]
        ends = time.monotonic() + 0.5
        while time.monotonic() < ends:
            await asyncio.sleep(0.01)
            turns += 1
        working.end()
        told = await asyncio.gather(*asking, return_exceptions=True)
        return turns, told

    turns, told = asyncio.run(main())
    assert turns > 5
    assert [type(one) for one in told] == [StoppedError] * 3
    connection.close()


def test_an_answer_comes_as_it_is_and_so_does_an_error():
    async def main():
        working = Working()
        assert await working.for_request(Request(), lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await working.for_request(Request(), lambda: 1 // 0)

    asyncio.run(main())


def test_what_is_shared_is_worked_out_once_and_goes_on_when_patience_is_over():
    go, count = threading.Event(), []

    def work():
        count.append(1)
        assert go.wait(20)
        return "page"

    async def main():
        working = Working()
        assert await asyncio.gather(*(working.shared("page", work, 0.05) for _ in range(3))) == [None] * 3
        go.set()
        assert await working.shared("page", work, 20) == "page"
        assert len(count) == 1
        with pytest.raises(ZeroDivisionError):
            await working.shared("wrong", lambda: 1 // 0, 20)
        await working.close()

    asyncio.run(main())


def test_what_is_behind_the_pages_is_done_once_in_turn_and_again_if_it_failed():
    behind, go, done = Behind(), threading.Event(), []

    def first():
        assert go.wait(20)
        done.append("first")
        return 1

    def second():
        done.append("second")
        return 2

    assert behind.known("first", first, 0.01) is None
    assert behind.known("second", second, 0.01) is None
    assert behind.pending() == ("first", "second")
    stop = Stop()
    stop.ask()
    with stoppable(stop), pytest.raises(StoppedError):
        behind.wait("first", first)
    go.set()
    assert behind.wait("second", lambda: 3) == 2
    assert behind.wait("first", first) == 1
    assert done == ["first", "second"]
    with pytest.raises(ZeroDivisionError):
        behind.wait("wrong", lambda: 1 // 0)
    assert behind.wait("wrong", lambda: 5) == 5
    behind.close()


def test_closing_ends_what_the_engine_works_on(monkeypatch):
    monkeypatch.setattr(behind_module, "CLOSE_SECONDS", 20.0)
    connection, behind = connected(), Behind()
    piece = behind.begin("heavy", lambda: asked(connection, HEAVY))
    time.sleep(0.2)
    behind.close()
    assert isinstance(piece.exception(timeout=0), StoppedError)
    connection.close()


def test_a_lock_is_not_waited_for_by_somebody_who_left():
    lock, stop = threading.Lock(), Stop()
    lock.acquire()
    threading.Timer(0.1, stop.ask).start()
    with stoppable(stop), pytest.raises(StoppedError):
        take(lock)
