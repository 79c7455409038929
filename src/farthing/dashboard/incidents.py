"""Incidents of the ledger for the dashboard, and what people decide about them."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from farthing.app import App
from farthing.errors import UsageError
from farthing.ledger.events import Events
from farthing.ledger.reports import Reports
from farthing.ledger.series import MAX_DAYS, Series, Table
from farthing.model import BILLED_COST, EFFECTIVE_COST, ZERO, DailyReport, is_filling
from farthing.signals.anomalies.detect import judge
from farthing.signals.feedback import Action, Decision, allowances_of, decide
from farthing.signals.incidents import Incident, incidents_of
from farthing.signals.panel import Leaf

LOOKED_DAYS = 30
"""Days back: incidents that went on in them are shown, as `farthing anomalies` does."""

DECISIONS_DAYS = 400
"""Days for which a decision is looked for: no signal looks further back."""

DECISION, DECISION_SCHEMA = "decision", "farthing.decision/1"


class Looked(msgspec.Struct, frozen=True):
    """The incidents, those of the largest excess first; in which metric; what was decided, oldest first."""

    incidents: tuple[Incident, ...]
    metric: str
    decisions: tuple[Decision, ...]
    learning: int = 0


def looked(app: App) -> Looked:
    """The incidents that went on in the last days, also those that are over."""
    metric, table = _table(app)
    decisions = _decisions(app)
    if not table.dates:
        return Looked((), metric, decisions)
    filling = [day for day in table.dates[-7:] if is_filling(day, app.now)]
    found = judge(table, back=LOOKED_DAYS, provisional=filling, allowances=allowances_of(decisions))
    days = {figures.day for one in found.departures for figures in one.days}
    actuals = _exact(app, metric, sorted(days), {one.leaf for one in found.departures})
    incidents = incidents_of(found.departures, found.currency, actuals)
    return Looked(tuple(incidents), metric, decisions, found.learning)


def record(
    app: App, incidents: Sequence[Incident], id_: str, action: Action, *, by: str, until: date | None, note: str
) -> Decision:
    """Keeps what somebody decides about one of these incidents.

    Raises:
        UsageError: it is not among them, or the action and its end do not fit.
        LedgerError: the ledger cannot be written.
    """
    incident = next((one for one in incidents if one.id == id_), None)
    if incident is None:
        raise UsageError(f"no incident {id_!r} is shown now: load the page again")
    decision = decide(incident, action, at=app.now, by=by, until=until, note=note)
    Events(app.store, DECISION, DECISION_SCHEMA, Decision).append(app.today, decision)
    return decision


def _decisions(app: App) -> tuple[Decision, ...]:
    events = Events(app.store, DECISION, DECISION_SCHEMA, Decision).since(app.today - timedelta(days=DECISIONS_DAYS))
    return tuple(sorted((decision for _, decision in events), key=lambda one: one.at))


def _table(app: App) -> tuple[str, Table]:
    series, since = Series(app.store), app.today - timedelta(days=MAX_DAYS)
    table = series.load(EFFECTIVE_COST, app.today, since).daily
    if table.leaves or not table.dates:
        return EFFECTIVE_COST, table
    # A source need not tell it.
    return BILLED_COST, series.load(BILLED_COST, app.today, since).daily


def _exact(app: App, metric: str, days: Sequence[date], leaves: set[Leaf]) -> Mapping[tuple[Leaf, date], Decimal]:
    """Exact amounts, from the reports; the detector's own are doubles."""
    found: dict[tuple[Leaf, date], Decimal] = {}
    for day, report in Reports(app.store).read_many(days):
        if isinstance(report, DailyReport):
            found.update({(leaf, day): ZERO for leaf in leaves})
            charges = (charge for charge in report.charges if charge.keys in leaves)
            found.update({(charge.keys, day): report.amount(charge, metric) for charge in charges})
    return found
