"""The signal `anomalies`: incidents in the days that may be news, under the ids that they were told by."""

from calendar import monthrange
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

import msgspec

from farthing.judging.day import Day, exact_amounts
from farthing.model import EXACT, Cause, KnownIncident, Scope, Signal, exact_difference, exact_sum, percent_of
from farthing.signals.anomalies.detect import judge
from farthing.signals.anomalies.limits import SPIKE
from farthing.signals.feedback import Decision, allowances_of, state_of
from farthing.signals.incidents import Incident, follow, incidents_of

KIND = "anomaly"
RULE = "anomalies"
FALLS = "anomalies, falls"
"""The rule of what is below its expected: in one account a rise and a fall may begin on one day, and are two things."""


class Looked(msgspec.Struct, frozen=True):
    """The incidents of a gathered day under the ids that they were told by, those of the largest excess first.

    ``names`` are the accounts'; ``learning`` is how many series have too short a history.
    """

    incidents: tuple[Incident, ...] = ()
    names: Mapping[str, str | None] = {}
    learning: int = 0


def look(day: Day, back: int, *, every_day: bool = False) -> Looked:
    """The incidents that were going on in the last ``back`` days up to the newest.

    Amounts of an incident's newest day are the reports' own; so are those of its earlier days with ``every_day``, else
    they are as the series tell them: doubles, which are the reports' to fifteen digits.
    """
    panel = day.panel
    if not panel.dates:
        return Looked()
    judgement = judge(panel, back=back, provisional=day.filling, allowances=allowances_of(day.decisions))
    # Once to know of which days the exact amounts are needed: a report of a large organisation is megabytes.
    days = {incident.day for incident in incidents_of(judgement.departures, judgement.currency)}
    if every_day:
        days |= {figures.day for one in judgement.departures for figures in one.days}
    actuals, names = exact_amounts(day.store, day.metric, days, {one.leaf for one in judgement.departures})
    found = follow(incidents_of(judgement.departures, judgement.currency, actuals), known_incidents(day))
    found.sort(key=lambda incident: (-abs(incident.excess), incident.id))
    return Looked(tuple(found), names, judgement.learning)


def find(day: Day) -> list[Signal]:
    """The incidents of the gathered day as signals."""
    newest = day.panel.dates[-1] if day.panel.dates else day.newest_day
    looked = look(day, max(1, (newest - day.oldest_news).days + 1))
    return [
        signal_of(incident, day.metric, looked.names, quiet(incident, day.decisions, day))
        for incident in looked.incidents
    ]


def known_incidents(day: Day) -> Collection[KnownIncident]:
    """What was told before: each incident once, oldest first, as it was told last."""
    found: dict[str, KnownIncident] = {}
    for alert in day.told:
        if alert.kind == KIND and alert.incident is not None:
            found[alert.incident.id] = alert.incident
    return found.values()


def quiet(incident: Incident, decisions: Sequence[Decision], day: Day) -> str:
    """Why nobody is to be told of it: what somebody decided; '' if nobody did."""
    state = state_of(incident, decisions, day.today)
    if state.by is None or state.name == "open":
        return ""
    if state.name == "muted":
        return f"muted until {state.until} by {state.by}"
    return f"{state.name} by {state.by}"


def known_of(incident: Incident) -> KnownIncident:
    """The incident as an alert keeps it."""
    return KnownIncident(
        id=incident.id,
        kind=incident.kind,
        rises=incident.rises,
        first_day=incident.first_day,
        raised_day=incident.raised_day,
        day=incident.day,
        root_cause=tuple(
            Cause(part.service_name, part.sub_account_id, part.actual, part.expected) for part in incident.root_cause
        ),
    )


def signal_of(incident: Incident, metric: str, names: Mapping[str, str | None], quieted: str = "") -> Signal:
    """An incident as a signal; ``names`` are the accounts'."""
    threshold = incident.upper if incident.rises else incident.lower
    overage = exact_difference(incident.actual, threshold)
    return Signal(
        kind=KIND,
        rule=RULE if incident.rises else FALLS,
        scope=scope_of(incident, names),
        day=incident.day,
        since=incident.first_day,
        currency=incident.currency,
        metric=metric,
        actual=incident.actual,
        threshold=threshold,
        overage=overage,
        overage_percent=percent_of(overage, threshold),
        expected=incident.expected,
        month_end=by_month_end(incident),
        reason=incident.reason,
        incident=incident.id,
        lower=incident.lower,
        upper=incident.upper,
        known=known_of(incident),
        quiet=quieted,
    )


def scope_of(incident: Incident, names: Mapping[str, str | None]) -> Scope:
    """What its root cause has in common: a service, an account, both, or neither."""
    services = {part.service_name for part in incident.root_cause}
    accounts = {part.sub_account_id for part in incident.root_cause}
    account = accounts.pop() if len(accounts) == 1 else None
    return Scope(services.pop() if len(services) == 1 else None, account or None, names.get(account or ""))


def by_month_end(incident: Incident) -> Decimal:
    """Money: what it makes of the month of its newest day, if it goes on as on that day.

    A spike is taken not to go on. What it made so far counts from the month's first day on.
    """
    day = incident.day
    days = monthrange(day.year, day.month)[1]
    so_far = exact_sum(daily.excess for daily in incident.by_day if daily.day.replace(day=1) == day.replace(day=1))
    if incident.kind == SPIKE or not incident.is_open:
        return so_far
    return EXACT.add(so_far, EXACT.multiply(incident.excess, Decimal(days - day.day)))
