"""What people decide about incidents: append-only, never a change of what was found.

State and allowances follow from it. A decision carries what it is about, so that it can be used when the incident
itself is no longer found.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from farthing.errors import UsageError
from farthing.model import KnownIncident
from farthing.signals.anomalies.episode import Allowance
from farthing.signals.incidents import Incident

Action = Literal["acknowledge", "mute", "resolve", "not-an-anomaly", "expected"]

ACKNOWLEDGE: Action = "acknowledge"
MUTE: Action = "mute"
RESOLVE: Action = "resolve"
NOT_AN_ANOMALY: Action = "not-an-anomaly"
EXPECTED: Action = "expected"

NEEDS_UNTIL = (MUTE, EXPECTED)

TOLERANCE = 1.25
"""Times the excess that people spoke of: a departure up to that size is what they meant."""

REMEMBERED_DAYS = 180
"""Days for which 'not an anomaly' counts."""

StateName = Literal["open", "acknowledged", "muted", "resolved"]


class About(msgspec.Struct, frozen=True):
    """A leaf that a decision is about, and the size of its excess then: money a day, not negative."""

    service_name: str
    sub_account_id: str
    excess: Decimal


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One event. ``until`` is the UTC day on which a mute or an expectation ends, not included."""

    incident: str
    action: Action
    at: datetime
    by: str
    rises: bool
    first_day: date
    about: tuple[About, ...]
    until: date | None = None
    note: str = ""


class State(msgspec.Struct, frozen=True):
    """Where an incident stands; ``by`` and ``at`` are those of the decision that put it there, None for the data."""

    name: StateName
    until: date | None = None
    by: str | None = None
    at: datetime | None = None
    note: str = ""


def decide(
    incident: Incident | KnownIncident,
    action: Action,
    *,
    at: datetime,
    by: str,
    until: date | None = None,
    note: str = "",
) -> Decision:
    """The event of somebody's decision.

    Raises:
        UsageError: a mute or an expectation has no end, or one that has passed; another action has one.
    """
    if action in NEEDS_UNTIL and until is None:
        raise UsageError(f"{action} needs the day on which it ends")
    if action not in NEEDS_UNTIL and until is not None:
        raise UsageError(f"{action} has no end: leave the day out")
    if until is not None and until <= at.date():
        raise UsageError(f"{action} until {until}: that day has passed; give a later one")
    return Decision(
        incident=incident.id,
        action=action,
        at=at,
        by=by,
        rises=incident.rises,
        first_day=incident.first_day,
        about=tuple(About(part.service_name, part.sub_account_id, abs(part.excess)) for part in incident.root_cause),
        until=until,
        note=note,
    )


def state_of(incident: Incident, decisions: Iterable[Decision], today: date) -> State:
    """Where an incident stands on a UTC day.

    One that is over is resolved by itself. A resolved one that has a new day after that is open again; an expired mute
    gives way to what was before it.
    """
    state = State("open")
    for decision in sorted((one for one in decisions if one.incident == incident.id), key=lambda one: one.at):
        told = State("open", decision.until, decision.by, decision.at, decision.note)
        if decision.action in NEEDS_UNTIL:
            if decision.until is not None and today < decision.until:
                state = msgspec.structs.replace(told, name="muted")
        elif decision.action == ACKNOWLEDGE:
            state = msgspec.structs.replace(told, name="acknowledged")
        elif decision.action == NOT_AN_ANOMALY or incident.day <= decision.at.date():
            state = msgspec.structs.replace(told, name="resolved")
        else:
            state = State("open")
    if not incident.is_open and state.name != "resolved":
        return State("resolved")
    return state


def allowances_of(decisions: Iterable[Decision]) -> Mapping[tuple[str, str], tuple[Allowance, ...]]:
    """What the detector need not tell, by (ServiceName, SubAccountId): the newest word on each incident counts."""
    newest: dict[str, Decision] = {}
    for decision in sorted(decisions, key=lambda one: one.at):
        if decision.action in (NOT_AN_ANOMALY, EXPECTED):
            newest[decision.incident] = decision
    found: dict[tuple[str, str], tuple[Allowance, ...]] = {}
    for decision in newest.values():
        end = decision.until or decision.at.date() + timedelta(days=REMEMBERED_DAYS)
        for about in decision.about:
            key = (about.service_name, about.sub_account_id)
            allowance = Allowance(
                rises=decision.rises,
                most=float(about.excess) * TOLERANCE,
                start=decision.first_day.toordinal(),
                end=end.toordinal(),
            )
            found[key] = (*found.get(key, ()), allowance)
    return found
