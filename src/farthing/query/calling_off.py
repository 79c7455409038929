"""Calling a question off: whoever asked has gone, and the engine need not go on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from farthing.errors import CalledOffError

LOOK_SECONDS = 0.05
"""How often who waits for a lock looks whether somebody still waits for him."""


class Asker:
    """Somebody who waits for answers, and may go. All of it may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._interrupts: list[Callable[[], None]] = []
        self._gone = False

    def leave(self) -> None:
        """Calls off what is being answered; said again, also what had only just begun."""
        with self._lock:
            self._gone = True
            for interrupt in self._interrupts:
                interrupt()

    def check(self) -> None:
        """Ends the work for somebody who has gone.

        Raises:
            CalledOffError: nobody waits.
        """
        if self._gone:
            raise CalledOffError

    def take(self, lock: "threading.Lock | threading.Semaphore") -> None:
        """Acquires a lock.

        Raises:
            CalledOffError: nobody waits any more; the lock is not taken.
        """
        self.check()
        while not lock.acquire(timeout=LOOK_SECONDS):
            self.check()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """What is asked inside is asked by this one."""
        token = _asker.set(self)
        try:
            yield
        finally:
            _asker.reset(token)

    @contextmanager
    def interrupting(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """``interrupt`` ends what is done inside when the asker leaves.

        Raises:
            CalledOffError: nobody waits.
        """
        with self._lock:
            self.check()
            self._interrupts.append(interrupt)
        try:
            yield
        finally:
            with self._lock:
                self._interrupts.remove(interrupt)


_nobody = Asker()
_asker: ContextVar[Asker] = ContextVar("asker", default=_nobody)


def asker() -> Asker:
    """Who asks here; where nobody said, one who never leaves."""
    return _asker.get()
