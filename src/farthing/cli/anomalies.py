"""`farthing anomalies`: what went otherwise than expected, in the ledger or in anybody's series."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farthing.cli._context import current_app
from farthing.errors import UsageError
from farthing.jsontext import builtins, encode, pretty
from farthing.model import BILLED_COST, EFFECTIVE_COST, EXACT, ZERO, is_filling
from farthing.signals.incidents import Incident, incidents_of, scope_text
from farthing.signals.panel import Leaf
from farthing.wording import money, several, signed

if TYPE_CHECKING:
    from farthing.app import App
    from farthing.signals.seriesfile import SeriesFile

METRICS = {"effective": EFFECTIVE_COST, "billed": BILLED_COST}


@click.command("anomalies", short_help="What went otherwise than expected.")
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
def command(series: Path | None, replay: bool, days: int, every: bool, metric: str, as_json: bool) -> int:
    """Show what went otherwise than expected, with what was expected, the excess and its root cause.

    Amounts are compared leaf by leaf (a service in an account), each with its own past: its weekdays, its trend, the
    fees that come on their day of the month. A leaf with less than ten days of history is only learned.
    """
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
            _table(told, "no day would have raised an incident")
        return 0
    newest = max(file.currencies, default=None)
    now = [
        incidents_of([one.now], one.currency, actuals)[0]
        for one in found.told
        if every or one.now.state == OPEN or one.now.days[-1].day == newest
    ]
    _show(now, "no incident is open", as_json=as_json)
    return 0


def _ledger(app: "App", days: int, metric: str, *, every: bool, as_json: bool) -> int:
    from datetime import timedelta

    from farthing.ledger.series import MAX_DAYS, Series
    from farthing.signals.anomalies.detect import judge

    now = app.now
    series, since = Series(app.store), app.today - timedelta(days=MAX_DAYS)
    table = series.load(metric, app.today, since).daily
    if not table.leaves and metric == EFFECTIVE_COST:
        # A source need not tell it.
        metric = BILLED_COST
        table = series.load(metric, app.today, since).daily
    if not table.dates:
        click.echo("the ledger has no day yet: farthing collect, or farthing backfill", err=True)
    judgement = judge(table, back=days, provisional=[day for day in table.dates if is_filling(day, now)])
    _say_learning(judgement.learning)
    wanted = {figures.day for one in judgement.departures for figures in one.days}
    actuals = _reported(app, metric, wanted, {one.leaf for one in judgement.departures})
    found = incidents_of(judgement.departures, judgement.currency, actuals)
    shown = [incident for incident in found if every or incident.is_open]
    _show(shown, "no incident is open", as_json=as_json)
    hidden = len(found) - len(shown)
    if hidden:
        click.echo(f"{several(hidden, 'incident')} over since; --all shows them", err=True)
    return 0


def _reported(app: "App", metric: str, days: Iterable[date], leaves: set[Leaf]) -> dict[tuple[Leaf, date], Decimal]:
    """Exact amounts, from the reports."""
    from farthing.ledger.reports import Reports
    from farthing.model import DailyReport

    found: dict[tuple[Leaf, date], Decimal] = {}
    for day, report in Reports(app.store).read_many(sorted(days)):
        if isinstance(report, DailyReport):
            found.update({(leaf, day): ZERO for leaf in leaves})
            found.update(
                {
                    (charge.keys, day): report.amount(charge, metric)
                    for charge in report.charges
                    if charge.keys in leaves
                }
            )
    return found


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


def _whole(incident: Incident) -> dict[str, Any]:
    """An incident with all that is known of it."""
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
    told: dict[str, Any] = builtins(incident)
    for name in ("id", "is_open", "currency"):
        del told[name]
    return {
        **told,
        "incident": incident.id,
        "state": "open" if incident.is_open else "resolved",
        "BillingCurrency": incident.currency,
        "root_cause": parts,
    }


def _say_learning(leaves: int) -> None:
    if leaves:
        click.echo(f"learning: {leaves:,} series with less than ten days of history", err=True)


def _show(incidents: Sequence[Incident], nothing: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(pretty([_whole(incident) for incident in incidents]))
    else:
        _table(incidents, nothing)


def _table(incidents: Sequence[Incident], nothing: str) -> None:
    """For people: a row for each, then the sentence of the largest."""
    if not incidents:
        click.echo(nothing, err=True)
        return
    from farthing.cli._tables import console, table

    rows = [
        (
            scope_text(incident.root_cause) + (f" and {incident.others} more" if incident.others else ""),
            incident.kind if incident.is_open else f"{incident.kind}, over",
            incident.first_day.isoformat(),
            money(incident.actual, incident.currency),
            money(incident.expected, incident.currency),
            signed(incident.excess),
            "" if incident.excess_percent is None else f"{incident.excess_percent:+,.1f}",
        )
        for incident in incidents
    ]
    console().print(table(("Root cause", "Kind", "Since", "Spent", "Expected", "Excess", "%"), 1, rows))
    largest = max(incidents, key=lambda incident: abs(incident.excess))
    click.echo(largest.reason)
