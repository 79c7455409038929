"""The Incidents page: what went otherwise than expected, its root cause, and where it stands. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

import msgspec

from farthing.model import ZERO, Alert, DeliveryState, Period, exact_sum
from farthing.query.model import Filter, Query, Result
from farthing.signals.feedback import Action, Decision, State, state_of
from farthing.signals.incidents import Incident, scope_text

PATH_DAYS = 45
"""Days of the picture beside an incident, up to its newest one or the ledger's."""

SHOWN = 50
"""Incidents on the page, those that need somebody first."""

ORDER = ("open", "acknowledged", "muted", "resolved")


class Cause(msgspec.Struct, frozen=True):
    """A service in an account that is part of the root cause, on the incident's newest day."""

    service_name: str
    sub_account_id: str
    account_name: str | None
    actual: Decimal
    expected: Decimal
    excess: Decimal


class Said(msgspec.Struct, frozen=True):
    """What somebody decided."""

    at: datetime
    by: str
    action: Action
    until: date | None
    note: str


class Sent(msgspec.Struct, frozen=True):
    """How far a message about an incident got on a channel; ``reason`` says why it was not sent, if it was not."""

    channel: str
    state: DeliveryState
    at: datetime
    reason: str | None


class IncidentTold(msgspec.Struct, frozen=True):
    """An incident, where it stands, what its root cause cost day by day from ``path_start`` on, and who was sent it."""

    title: str
    incident: Incident
    state: State
    causes: tuple[Cause, ...]
    said: tuple[Said, ...]
    path_start: date
    path: tuple[Decimal, ...]
    sent: tuple[Sent, ...] = ()


class IncidentsPage(msgspec.Struct, frozen=True):
    """What the Incidents page shows; ``open_count`` need somebody; ``learning`` series are too young to be judged."""

    incidents: tuple[IncidentTold, ...]
    open_count: int
    metric: str
    learning: int
    hidden: int


def question(incidents: Sequence[Incident], metric: str, newest: date) -> Query | None:
    """What the pictures need: the causes' costs day by day; None without incidents."""
    parts = [part for one in incidents for part in one.root_cause]
    if not parts:
        return None
    first = min(one.day for one in incidents) - timedelta(days=PATH_DAYS)
    services = tuple(sorted({part.service_name for part in parts}))
    return Query(
        Period(first, newest + timedelta(days=1)),
        ("ChargePeriodStart", "ServiceName", "SubAccountId"),
        (Filter("ServiceName", services, whole=True),),
        (metric,),
    )


def incidents_page(
    incidents: Sequence[Incident],
    decisions: Sequence[Decision],
    costs: Result | None,
    names: Mapping[str, str | None],
    metric: str,
    today: date,
    learning: int = 0,
    alerts: Mapping[str, Sequence[Alert]] = MappingProxyType({}),
) -> IncidentsPage:
    """Puts the page together from the answer to :func:`question`; ``alerts`` told of incidents, by their ids."""
    cells = {row.keys: row.amounts[0] for row in costs.rows} if costs else {}
    last = costs.period.end if costs else today
    told = [
        msgspec.structs.replace(_told(one, decisions, cells, names, today, last), sent=_sent(alerts.get(one.id, ())))
        for one in incidents
    ]
    told.sort(key=lambda one: ORDER.index(one.state.name))
    open_count = sum(one.state.name == "open" for one in told)
    return IncidentsPage(tuple(told[:SHOWN]), open_count, metric, learning, max(0, len(told) - SHOWN))


def _sent(alerts: Sequence[Alert]) -> tuple[Sent, ...]:
    return tuple(
        Sent(channel, delivery.state, delivery.at, delivery.reason)
        for alert in alerts
        for channel, delivery in sorted(alert.deliveries.items())
    )


def _told(
    incident: Incident,
    decisions: Sequence[Decision],
    cells: Mapping[tuple[date | str | None, ...], Decimal],
    names: Mapping[str, str | None],
    today: date,
    last: date,
) -> IncidentTold:
    end = min(last, incident.day + timedelta(days=PATH_DAYS // 3))
    days = Period(incident.day - timedelta(days=PATH_DAYS - 1), end)
    leaves = [(part.service_name, part.sub_account_id) for part in incident.root_cause]
    return IncidentTold(
        title=scope_text(incident.root_cause, names),
        incident=incident,
        state=state_of(incident, decisions, today),
        causes=tuple(
            Cause(
                part.service_name,
                part.sub_account_id,
                names.get(part.sub_account_id),
                part.actual,
                part.expected,
                part.excess,
            )
            for part in incident.root_cause
        ),
        said=tuple(
            Said(one.at, one.by, one.action, one.until, one.note) for one in decisions if one.incident == incident.id
        ),
        path_start=days.start,
        path=tuple(exact_sum(cells.get((day, *leaf), ZERO) for leaf in leaves) for day in days),
    )
