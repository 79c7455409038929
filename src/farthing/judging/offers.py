"""Offers to the outbox: what a run would tell, each thing once, and what it takes back."""

import logging
from collections.abc import Callable
from datetime import date

from farthing.alerts.outbox import Outbox
from farthing.judging.history import readable
from farthing.model import Alert


class Offers:
    """What one run offers to the outbox.

    Args:
        outbox: of the ledger.
        run_id: the run.
        log: where each new alert is said.
    """

    def __init__(self, outbox: Outbox, run_id: str, log: logging.Logger) -> None:
        self.outbox = outbox
        self.found: set[str] = set()
        self.superseded: set[str] = set()
        self.created: list[Alert] = []
        self.offered: list[Alert] = []
        self._run_id = run_id
        self._log = log

    def before(self, day: date, id_: str) -> Alert | None:
        """The alert of that id as the outbox has it, None if it has none or nobody can read it."""
        self.found.add(id_)
        return readable(lambda: self.outbox.read(day, id_))

    def offer(self, alert: Alert, before: Alert | None, *, quieted: bool = False) -> bool:
        """Keeps a new alert, or brings the one that is there up to date.

        Args:
            alert: as it would be made now.
            before: what the outbox has under its id, None if nothing; also None for a repeat.
            quieted: nobody is to be told, whatever the outbox had in mind.

        Returns:
            Whether it is new.
        """
        self.found.add(alert.id)
        # What was sent stays as it was sent: it may say less than this run knows.
        if before is not None:
            self.offered += filter(None, [self.outbox.refresh(alert, quieted=quieted)])
            return False
        if not self.outbox.offer(alert):
            self.offered += filter(None, [readable(lambda: self.outbox.read(alert.day, alert.id))])
            return False
        self.offered.append(alert)
        self.created.append(alert)
        details = {"run_id": self._run_id, "alert": alert.id, "state": alert.state, "reason": alert.reason}
        self._log.info("alert", extra=details)
        return True

    def withdraw(self, since: date, obsolete: Callable[[Alert], bool]) -> None:
        """Takes back what nobody was sent yet and this run would not make."""
        self.outbox.withdraw(since, obsolete, self.found, self.superseded, self._run_id)

    @property
    def in_order(self) -> tuple[Alert, ...]:
        """The new alerts, by day and rule."""
        return tuple(sorted(self.created, key=lambda alert: (alert.day, alert.rule)))
