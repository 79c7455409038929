"""`farthing anomalies`: what went otherwise than expected, in the ledger or in anybody's series."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farthing.alerts.rendering.found import ID_LENGTH
from farthing.cli._context import current_app
from farthing.errors import UsageError
from farthing.jsontext import builtins, encode, pretty
from farthing.model import BILLED_COST, EFFECTIVE_COST, EXACT, ZERO
from farthing.signals.incidents import Incident, incidents_of, scope_text
from farthing.signals.panel import Leaf
from farthing.wording import number, several, signed

if TYPE_CHECKING:
    from farthing.app import App
    from farthing.signals.feedback import Action, State
    from farthing.signals.seriesfile import SeriesFile

METRICS = {"effective": EFFECTIVE_COST, "billed": BILLED_COST}


@click.group(
    "anomalies",
    short_help="What went otherwise than expected; what you decide about it.",
    invoke_without_command=True,
    subcommand_metavar="[COMMAND INCIDENT]",
)
@click.option(
    "--series",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Judge a CSV file (ChargePeriodStart, ServiceName, BilledCost; optionally SubAccountId, ChargeCategory, "
    "BillingCurrency) instead of the ledger, each series by itself.",
)
@click.option("--replay", is_flag=True, help="With --series: every day judged with only the days up to it.")
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=30,
    show_default=True,
    help="Of the ledger: incidents that went on in the last N days.",
)
@click.option("--all", "every", is_flag=True, help="Also incidents that are over.")
@click.option(
    "--metric",
    type=click.Choice(list(METRICS)),
    default="effective",
    show_default=True,
    help="Of the ledger: effective spreads the fees of reservations and savings plans over their days.",
)
@click.option("--json", "as_json", is_flag=True, help="For machines; with --replay one object on each line.")
@click.pass_context
def command(
    context: click.Context, series: Path | None, replay: bool, days: int, every: bool, metric: str, as_json: bool
) -> int:
    """Show what went otherwise than expected, with what was expected, the excess and its root cause.

    Amounts are compared leaf by leaf (a service in an account), each with its own past: its weekdays, its trend, the
    fees that come on their day of the month. A leaf with less than ten days of history is only learned.

    With a command and an incident's id (its first digits are enough): what you decide about it. It is kept with your
    name and the time, and the next daily run goes by it.
    """
    if context.invoked_subcommand is not None:
        return 0
    if replay and series is None:
        raise UsageError("--replay judges a file: name it with --series")
    if series is None:
        return _ledger(current_app(), days, METRICS[metric], every=every, as_json=as_json)
    return _file(series, replay=replay, every=every, as_json=as_json)


def _file(path: Path, *, replay: bool, every: bool, as_json: bool) -> int:
    from farthing.signals.anomalies.detect import OPEN
    from farthing.signals.anomalies.detect import replay as replayed
    from farthing.signals.seriesfile import parse_series

    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            file = parse_series(lines, str(path))
    except OSError as error:
        raise UsageError(f"{path}: it cannot be read: {error.strerror or error}") from error
    found = replayed(file.panel(), file.days_with_rows())
    _say_learning(found.learning)
    actuals = _merged(file)
    if replay:
        told = [incidents_of([one.then], one.currency, actuals)[0] for one in found.told]
        if as_json:
            for incident in told:
                click.echo(encode(_line(incident)))
        else:
            _table(told, "no day would have raised an incident", {})
        return 0
    newest = max(file.currencies, default=None)
    now = [
        incidents_of([one.now], one.currency, actuals)[0]
        for one in found.told
        if every or one.now.state == OPEN or one.now.days[-1].day == newest
    ]
    _show(now, "no incident is open", {}, as_json=as_json)
    return 0


def _ledger(app: "App", days: int, metric: str, *, every: bool, as_json: bool) -> int:
    from farthing.judging.anomalies import look
    from farthing.judging.deciding import gathered
    from farthing.signals.feedback import state_of

    day = gathered(app, metric)
    if not day.panel.dates:
        click.echo("the ledger has no day yet: farthing collect, or farthing backfill", err=True)
    looked = look(day, days, every_day=True)
    _say_learning(looked.learning)
    states = {one.id: state_of(one, day.decisions, day.today) for one in looked.incidents}
    shown = [one for one in looked.incidents if every or (one.is_open and states[one.id].name != "resolved")]
    _show(shown, "no incident is open", states, as_json=as_json)
    hidden = len(looked.incidents) - len(shown)
    if hidden:
        click.echo(f"{several(hidden, 'incident')} over since; --all shows them", err=True)
    return 0


def _decided(incident: str, action: "Action", by: str | None, note: str, until: datetime | None = None) -> int:
    from farthing.judging.deciding import record

    end = until.date() if until else None
    decision = record(current_app(), incident, action, by=by or login(), note=note, until=end)
    said = f" until {decision.until}" if decision.until else ""
    click.echo(f"{decision.incident[:ID_LENGTH]}: {action}{said}, by {decision.by}", err=True)
    return 0


def login() -> str:
    """Who is asking, as far as the system knows."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise UsageError("the system does not know your name: give it with --by") from None


INCIDENT = click.argument("incident")
BY = click.option("--by", metavar="NAME", help="Who decides this; by default your login.")
NOTE = click.option("--note", default="", metavar="TEXT", help="Why, for those who read it later.")
UNTIL = click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    metavar="DAY",
    help="The UTC day on which it ends, not included.",
)


@command.command("ack")
@INCIDENT
@BY
@NOTE
def acknowledge(incident: str, by: str | None, note: str) -> int:
    """Somebody is on it: it is not told again, however it grows."""
    return _decided(incident, "acknowledge", by, note)


@command.command("mute")
@INCIDENT
@UNTIL
@BY
@NOTE
def mute(incident: str, until: datetime, by: str | None, note: str) -> int:
    """Keep it quiet until a day."""
    return _decided(incident, "mute", by, note, until)


@command.command("resolve")
@INCIDENT
@BY
@NOTE
def resolve(incident: str, by: str | None, note: str) -> int:
    """It is dealt with; a new day of it opens it again."""
    return _decided(incident, "resolve", by, note)


@command.command("not-an-anomaly")
@INCIDENT
@BY
@NOTE
def not_an_anomaly(incident: str, by: str | None, note: str) -> int:
    """Such an excess is no news here: for 180 days nothing up to a quarter more is told."""
    return _decided(incident, "not-an-anomaly", by, note)


@command.command("expected")
@INCIDENT
@UNTIL
@BY
@NOTE
def expected(incident: str, until: datetime, by: str | None, note: str) -> int:
    """It is meant to be until a day: nothing up to a quarter more is told before it."""
    return _decided(incident, "expected", by, note, until)


def _merged(file: "SeriesFile") -> dict[tuple[Leaf, date], Decimal]:
    """The file's exact amounts by the leaves that they are judged under."""
    from farthing.signals.anomalies.detect import merged_leaf

    merged: dict[tuple[Leaf, date], Decimal] = {}
    for (leaf, day), amount in file.amounts.items():
        key = (merged_leaf(leaf), day)
        merged[key] = EXACT.add(merged.get(key, ZERO), amount)
    return merged


def _line(incident: Incident) -> dict[str, Any]:
    """An incident of one series as `--replay --json` prints it."""
    leaf = incident.root_cause[0]
    return {
        "date": incident.raised_day.isoformat(),
        "ServiceName": leaf.service_name,
        "SubAccountId": leaf.sub_account_id,
        "kind": incident.kind,
        "actual": incident.actual,
        "expected": incident.expected,
        "lower": incident.lower,
        "upper": incident.upper,
        "excess": incident.excess,
        "first_day": incident.first_day.isoformat(),
        "incident": incident.id,
    }


def _whole(incident: Incident, state: "State | None") -> dict[str, Any]:
    """An incident with all that is known of it; ``state`` is None in a series, where nobody decides anything."""
    parts = [
        {
            "ServiceName": part.service_name,
            "SubAccountId": part.sub_account_id,
            **({"ChargeCategory": part.charge_category} if part.charge_category else {}),
            "kind": part.kind,
            "first_day": part.first_day.isoformat(),
            "actual": part.actual,
            "expected": part.expected,
            "excess": part.excess,
        }
        for part in incident.root_cause
    ]
    decided = {}
    if state is not None and state.by is not None:
        decided = {"decided": {"by": state.by, "at": state.at, "until": state.until, "note": state.note}}
    told: dict[str, Any] = builtins(incident)
    for name in ("id", "is_open", "currency"):
        del told[name]
    return {
        **told,
        "incident": incident.id,
        "state": state.name if state else "open" if incident.is_open else "resolved",
        **decided,
        "BillingCurrency": incident.currency,
        "root_cause": parts,
    }


def _say_learning(leaves: int) -> None:
    if leaves:
        click.echo(f"learning: {leaves:,} series with less than ten days of history", err=True)


def _show(incidents: Sequence[Incident], nothing: str, states: "Mapping[str, State]", *, as_json: bool) -> None:
    if as_json:
        click.echo(pretty([_whole(incident, states.get(incident.id)) for incident in incidents]))
    else:
        _table(incidents, nothing, states)


def _kind(incident: Incident, state: "State | None") -> tuple[str, ...]:
    """Its kind and its state, in lines that are no longer than its id."""
    if state is not None and state.by is not None:
        until = ("until", state.until.isoformat()) if state.until and state.name == "muted" else ()
        return incident.kind, state.name, *until
    return (incident.kind,) if incident.is_open else (incident.kind, "over")


def _table(incidents: Sequence[Incident], nothing: str, states: "Mapping[str, State]") -> None:
    """For people: a row for each, then the sentence of the largest."""
    if not incidents:
        click.echo(nothing, err=True)
        return
    from farthing.cli._tables import console, table

    # An incident takes several lines, so that its figures are whole in eighty columns.
    rows = [
        (
            scope_text(incident.root_cause) + (f" and {incident.others} more" if incident.others else ""),
            (incident.id[:ID_LENGTH], *_kind(incident, states.get(incident.id))),
            incident.first_day.isoformat(),
            (number(incident.actual), incident.currency),
            number(incident.expected),
            (
                signed(incident.excess),
                *(() if incident.excess_percent is None else (f"{incident.excess_percent:+,.1f} %",)),
            ),
        )
        for incident in incidents
    ]
    head = ("Root cause", ("Incident", "Kind"), "Since", "Spent", "Expected", ("Excess", "%"))
    console().print(table(head, 2, rows))
    largest = max(incidents, key=lambda incident: abs(incident.excess))
    click.echo(largest.reason)
