"""Work beside the event loop: it ends with its asker, is shared where it is the same for all, and never holds the loop."""

import asyncio
import threading
import time

import duckdb
import pytest

from farthing.dashboard.working import Working
from farthing.errors import CalledOffError
from farthing.query.calling_off import Asker, asker
from farthing.query.engines.reports import connected

HEAVY = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"


def asked(connection, sql):
    """As the engine asks: on a cursor, called off by whoever leaves."""
    with connection.cursor() as cursor, asker().interrupting(cursor.interrupt):
        try:
            return cursor.execute(sql).fetchall()
        except duckdb.Error:
            asker().check()
            raise


class Request:
    """A client that leaves after so many seconds."""

    def __init__(self, leaves=60.0):
        self._leaves = leaves

    async def receive(self):
        await asyncio.sleep(self._leaves)
        return {"type": "http.disconnect"}


def test_a_client_that_leaves_ends_its_question_in_the_engine():
    connection = connected()

    async def main():
        working = Working()
        begun = time.monotonic()
        with pytest.raises(CalledOffError):
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
    assert [type(one) for one in told] == [CalledOffError] * 3
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


def test_a_lock_is_not_waited_for_by_somebody_who_left():
    lock, who = threading.Lock(), Asker()
    lock.acquire()
    threading.Timer(0.1, who.leave).start()
    with pytest.raises(CalledOffError):
        who.take(lock)
    lock.release()
    Asker().take(lock)
    assert lock.locked()
