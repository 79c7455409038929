"""`farthing alerts`: the history of alerts, a test message, and a replay of the past."""

import time
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from farthing.alerts.outbox import Outbox
from farthing.alerts.rendering.found import ANOMALY
from farthing.cli._context import current_app
from farthing.errors import UsageError
from farthing.jsontext import builtins, pretty
from farthing.model import SUMMARY, Period, exact_difference, percent_of
from farthing.wording import money, several, signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from farthing.cli._tables import Cell
    from farthing.model import Alert
    from farthing.replaying import Replayed, Suggestion
    from farthing.settings import Settings


LONGEST_PERIOD = timedelta(days=366)
"""How long before the newest day that it is about an alert may be filed."""


@click.group("alerts", short_help="The alerts so far; a test message; a replay of the past.")
def command() -> None:
    """What was found, and who was told."""


@command.command("list")
@click.option("--days", type=click.IntRange(1), default=92, show_default=True, help="How many days back.")
@click.option("--all", "every", is_flag=True, help="Also those that were only recorded.")
@click.option("--json", "as_json", is_flag=True, help="Every alert, whole, as JSON.")
def list_alerts(days: int, every: bool, as_json: bool) -> int:
    """List alerts, the newest day last."""
    app = current_app()
    outbox = Outbox(app.store, app.clock, sleep=time.sleep)
    start = app.today - timedelta(days=days)
    # A year's budget is filed under the year's first day, whatever day its mark is passed on.
    older = [alert for alert in outbox.readable_since(start - LONGEST_PERIOD) if alert.day < start <= alert.about]
    found = sorted([*older, *outbox.since(start)], key=lambda alert: alert.about)
    if as_json:
        click.echo(pretty([{"state": alert.state, **builtins(alert)} for alert in found]))
        return 0
    shown = [alert for alert in found if every or alert.state != "suppressed"]
    if not shown:
        click.echo(f"no alert in the last {several(days, 'day')}", err=True)
        return 0
    from farthing.cli._tables import console, table

    console().print(table(("Rule", "Looks at", "Day", "Spent", "Over by", "State"), 2, map(_listed, shown)))
    hidden = len(found) - len(shown)
    if hidden:
        click.echo(f"{several(hidden, 'alert')} only recorded; --all shows them", err=True)
    return 0


def _over(alert: "Alert") -> tuple[Decimal, Decimal | None]:
    """By how much it is over, and the percentage: an incident over what was expected, as its message says it."""
    if alert.kind != ANOMALY or alert.expected is None:
        return alert.overage, alert.overage_percent
    excess = exact_difference(alert.actual, alert.expected)
    return excess, percent_of(excess, alert.expected)


def _listed(alert: "Alert") -> "tuple[Cell, ...]":
    """A row of the list; a summary is over nothing."""
    over, percent = _over(alert)
    return (
        alert.rule + (" (again)" if alert.repeated else ""),
        str(alert.scope),
        alert.about.isoformat(),
        money(alert.actual, alert.currency),
        "" if alert.kind == SUMMARY else (signed(over), *(() if percent is None else (f"{percent:+,.1f} %",))),
        alert.state,
    )


@command.command("test")
def test() -> int:
    """Send a test message to every configured channel."""
    from farthing.errors import FarthingError

    app = current_app()
    failures: list[FarthingError] = []
    for channel in app.channels():
        try:
            channel.send_test()
        except FarthingError as error:
            failures.append(error)
        else:
            click.echo(f"{channel.name}: sent at {datetime.now(tz=app.now.tzinfo):%H:%M:%S} UTC", err=True)
    if failures:
        raise failures[0]
    return 0


class _Wish(click.ParamType[Decimal]):
    """A number of alerts a month."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """The number."""
        try:
            wish = Decimal(value)
        except (InvalidOperation, TypeError):
            wish = Decimal("NaN")
        if not (wish.is_finite() and wish >= 0):
            self.fail(f"{value!r} is not a number of alerts a month", param, ctx)
        return wish


@command.command("replay")
@click.option(
    "--from", "start", type=click.DateTime(["%Y-%m-%d"]), required=True, metavar="DAY", help="The first run's UTC day."
)
@click.option(
    "--to",
    "end",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    metavar="DAY",
    help="The UTC day after the last run.",
)
@click.option("--config", metavar="FILE", help="Other rules to try: a farthing.toml, or an s3:// URL.")
@click.option(
    "--suggest", "wish", type=_Wish(), metavar="N", help="Thresholds that would have given about N alerts a month."
)
@click.option("--json", "as_json", is_flag=True, help="Every alert, whole, as JSON.")
def replay_alerts(start: datetime, end: datetime, config: str | None, wish: Decimal | None, as_json: bool) -> int:
    """Show what would have been told, day by day, with what was known then.

    The daily run's own judging runs over the past: each day's figures are put together again from the reports'
    revisions. Nothing is written and nothing is sent.
    """
    from farthing.budgeting import rules_of
    from farthing.cli._context import progress
    from farthing.replaying import replay, suggest

    app = current_app()
    if end <= start:
        raise UsageError(f"--to {end.date()} has to be after --from {start.date()}")
    if start.date() > app.today:
        raise UsageError(f"--from {start.date()} is still to come")
    period = Period(start.date(), min(end.date(), app.today + timedelta(days=1)))
    settings = app.settings if config is None else _other(config)
    rules_of(settings)  # a wrong budget stops a replay as it stops a run
    with progress("replaying", len(period)) as (_, on_day):
        shown = _within(period, on_day)
        if wish is not None:
            suggestions = suggest(app.store, settings, period, wish, on_day=shown)
            return _show_suggestions(suggestions, period, as_json=as_json)
        replayed = replay(app.store, settings, period, on_day=shown)
    return _show_replayed(replayed, period, as_json=as_json)


def _within(period: Period, on_day: "Callable[[date], None]") -> "Callable[[date], None]":
    """Progress of the days asked for; those before them are run too."""
    return lambda day: on_day(day) if day in period else None


def _other(config: str) -> "Settings":
    """The settings with another file's rules, the environment laid over it as always."""
    from farthing.app import read_config
    from farthing.settings import load

    environment = click.get_current_context().find_root().obj["environment"]
    return load(environment, read_config(config), config)


def _show_replayed(replayed: "Replayed", period: Period, *, as_json: bool) -> int:
    from farthing.cli._tables import console as table_console
    from farthing.cli._tables import table

    for problem in replayed.problems:
        click.echo(f"farthing: {problem}", err=True)
    if replayed.late:
        first, last = replayed.late[0], replayed.late[-1]
        which, they = (f"{first} to {last}", "they were") if first != last else (str(first), "it was")
        click.echo(
            f"{several(len(replayed.late), 'day')} first seen later than a daily run would have ({which}): "
            f"taken as {they} seen then",
            err=True,
        )
    if as_json:
        days = [
            {
                "date": day.day.isoformat(),
                "alerts": [builtins(alert) for alert in day.fired],
                "recorded": [builtins(alert) for alert in day.recorded],
                "signals": day.signals,
            }
            for day in replayed.days
        ]
        click.echo(pretty({"period": {"start": period.start, "end": period.end}, "days": days, "late": replayed.late}))
        return 1 if replayed.problems else 0
    rows = [
        (
            alert.rule + (" (again)" if alert.repeated else ""),
            str(alert.scope),
            day.day.isoformat(),
            alert.about.isoformat(),
            money(alert.actual, alert.currency),
            f"{signed(_over(alert)[0])} {alert.currency}",
        )
        for day in replayed.days
        for alert in day.fired
    ]
    if rows:
        table_console().print(table(("Rule", "Looks at", "Run", "Day", "Spent", "Over by"), 2, rows))
    recorded = sum(len(day.recorded) for day in replayed.days)
    click.echo(
        f"{several(len(rows), 'alert')} in {several(len(replayed.days), 'daily run')}, {recorded} more only recorded; "
        "nothing was written or sent",
        err=True,
    )
    return 1 if replayed.problems else 0


def _show_suggestions(suggestions: "tuple[Suggestion, ...]", period: Period, *, as_json: bool) -> int:
    if as_json:
        told = [builtins(one) for one in suggestions]
        click.echo(pretty({"period": {"start": period.start, "end": period.end}, "suggestions": told}))
        return 0
    from farthing.cli._tables import cents, table
    from farthing.cli._tables import console as table_console

    rows = [
        (one.rule + (" (as it is)" if one.now else ""), cents(one.amount), str(one.alerts), f"{one.monthly:f}")
        for one in suggestions
    ]
    table_console().print(table(("Rule", "Amount a day", "Alerts", "A month"), 1, rows))
    click.echo(f"as the daily runs of {period} would have sent them; rules with a percentage are not tried", err=True)
    return 0
