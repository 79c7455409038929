"""What people decide about incidents: found by the first digits of an id, kept as an event."""

from datetime import date, datetime, timedelta
from typing import Protocol

from farthing.alerts.outbox import Outbox
from farthing.errors import UsageError
from farthing.judging.anomalies import known_incidents, look
from farthing.judging.day import DECISIONS_DAYS, Day, decisions_in
from farthing.ledger.store import Store
from farthing.model import EFFECTIVE_COST, KnownIncident
from farthing.settings import Settings
from farthing.signals.feedback import Action, Decision, decide
from farthing.signals.incidents import Incident

LOOKED_DAYS = 92
"""Days back in which an incident is looked for in the figures; one that was told is also found by its alert."""

LEAST_DIGITS = 4
"""Digits of an id that are enough to mean one."""


class Asking(Protocol):
    """What is used of the app."""

    settings: Settings
    store: Store

    @property
    def now(self) -> datetime:
        """UTC."""


def gathered(app: Asking, metric: str = EFFECTIVE_COST) -> Day:
    """The day as a run would gather it now."""
    now = app.now
    outbox = Outbox(app.store, lambda: now, lambda _: None)
    told = outbox.readable_since(now.date() - timedelta(days=DECISIONS_DAYS))
    return Day(app.settings, app.store, now, now.date() - timedelta(days=1), told, metric)


def incident_of(day: Day, digits: str) -> Incident | KnownIncident:
    """The incident whose id begins so: as it is found now, else as its alert kept it.

    Raises:
        UsageError: none does, or two do.
    """
    if len(digits) < LEAST_DIGITS:
        raise UsageError(f"{digits!r} is too short: give at least {LEAST_DIGITS} digits of the incident's id")
    found: dict[str, Incident | KnownIncident] = {one.id: one for one in known_incidents(day)}
    found |= {one.id: one for one in look(day, LOOKED_DAYS).incidents}
    fitting = [one for id_, one in found.items() if id_.startswith(digits.lower())]
    if not fitting:
        raise UsageError(f"no incident begins with {digits!r}: `farthing anomalies --all` shows them")
    if len(fitting) > 1:
        listed = ", ".join(sorted(one.id for one in fitting))
        raise UsageError(f"{digits!r} may be any of {listed}: give more digits")
    return fitting[0]


def record(app: Asking, digits: str, action: Action, *, by: str, note: str = "", until: date | None = None) -> Decision:
    """Keeps what somebody decides.

    Args:
        app: the ledger, and the time.
        digits: the first digits of the incident's id.
        action: what.
        by: who.
        note: why.
        until: the UTC day on which a mute or an expectation ends, not included.

    Raises:
        UsageError: there is no such incident, or the action and its end do not fit.
        LedgerError: the ledger cannot be read or written.
    """
    incident = incident_of(gathered(app), digits)
    decision = decide(incident, action, at=app.now, by=by, until=until, note=note)
    decisions_in(app.store).append(app.now.date(), decision)
    return decision
