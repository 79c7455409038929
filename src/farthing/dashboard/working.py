"""Work in threads for the server's event loop: bounded, and called off when nobody waits for it any more."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request

from farthing.query.calling_off import Asker

AT_ONCE = 24
"""Questions that are in hand at a time; of these the engine works on fewer (see ``reading``). Further ones wait, pages
do not: they have threads of their own."""

LOOK_SECONDS = 0.1
"""How often it is looked whether whoever asked is still there; and how often a question that nobody waits for is called
off, until it ends: it may not have reached the engine yet."""

T = TypeVar("T")


class Working:
    """Runs what blocks, beside the event loop.

    Work with a name is shared and goes on when its askers leave: it is the same for everybody, and the next one wants
    it. Work without one belongs to whoever asked, and ends with him.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._limiter: CapacityLimiter | None = None
        self._shared: dict[str, asyncio.Task[object]] = {}
        self._everybody = Asker()
        self._ending = False

    async def for_request(self, request: Request, work: Callable[[], T]) -> T:
        """What ``work`` gives, if the client stays.

        Raises:
            CalledOffError: it left; the work has ended.
        """
        who = Asker()
        if self._limiter is None:  # it belongs to the loop that runs
            self._limiter = CapacityLimiter(self._at_once)
        task = asyncio.ensure_future(to_thread.run_sync(partial(_asked_by, who, work), limiter=self._limiter))
        leaving = asyncio.ensure_future(_left(request))
        try:
            while not task.done():
                if self._ending or leaving.done():
                    who.leave()
                waits = {task} if leaving.done() else {task, leaving}
                await asyncio.wait(waits, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            return task.result()
        except asyncio.CancelledError:  # the server ends, and did not say so
            who.leave()
            task.add_done_callback(_seen)
            raise
        finally:
            leaving.cancel()

    async def shared(self, name: str, work: Callable[[], T], patience: float) -> T | None:
        """What ``work`` gives, None where that takes longer than ``patience`` seconds; then it goes on."""
        task = self._shared.get(name)
        if task is None:
            task = self._shared[name] = asyncio.ensure_future(
                to_thread.run_sync(partial(_asked_by, self._everybody, work))
            )
            task.add_done_callback(partial(self._over, name))
        done, _ = await asyncio.wait({task}, timeout=patience)
        return task.result() if done else None  # type: ignore[return-value]

    def end(self) -> None:
        """The server is about to end: what is asked of it ends now. May be called from a signal's handler."""
        self._ending = True

    async def close(self) -> None:
        """The server ends: so does what is shared."""
        while self._shared:
            self._everybody.leave()
            await asyncio.wait(list(self._shared.values()), timeout=LOOK_SECONDS)

    def _over(self, name: str, task: "asyncio.Task[object]") -> None:
        self._shared.pop(name, None)
        _seen(task)  # who still waits is told, and the next one asks anew


async def _left(request: Request) -> None:
    """Until the reader goes: another filter was chosen, or the page was left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _seen(task: "asyncio.Future[Any]") -> None:
    """An exception that nobody asks for is no news."""
    if not task.cancelled():
        task.exception()


def _asked_by(who: Asker, work: Callable[[], T]) -> T:
    with who.waiting():
        return work()
