"""Incidents of the ledger for the dashboard: found, decided and told as the daily run and the command do it."""

from collections.abc import Sequence

import msgspec

from farthing.app import App
from farthing.judging.anomalies import KIND, look
from farthing.judging.deciding import gathered
from farthing.model import Alert
from farthing.signals.feedback import Decision
from farthing.signals.incidents import Incident

LOOKED_DAYS = 30
"""Days back: incidents that went on in them are shown, as `farthing anomalies` does."""


class Looked(msgspec.Struct, frozen=True):
    """The incidents, those of the largest excess first; in which metric; what was decided, oldest first.

    ``told`` are the alerts that tell of incidents, by the incident's id, oldest first.
    """

    incidents: tuple[Incident, ...]
    metric: str
    decisions: tuple[Decision, ...]
    learning: int = 0
    told: dict[str, tuple[Alert, ...]] = {}


def looked(app: App) -> Looked:
    """The incidents that went on in the last days, also those that are over."""
    day = gathered(app)
    found = look(day, LOOKED_DAYS, every_day=True)
    return Looked(found.incidents, day.metric, tuple(day.decisions), found.learning, _by_incident(day.told))


def _by_incident(alerts: Sequence[Alert]) -> dict[str, tuple[Alert, ...]]:
    told: dict[str, tuple[Alert, ...]] = {}
    for alert in sorted(alerts, key=lambda one: one.created_at):
        if alert.kind == KIND and alert.incident is not None:
            told[alert.incident.id] = (*told.get(alert.incident.id, ()), alert)
    return told
