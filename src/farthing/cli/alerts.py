"""`farthing alerts`: the history of alerts, and a test message."""

import time
from datetime import datetime, timedelta

import click

from farthing.alerts.outbox import Outbox
from farthing.cli._context import console, current_app
from farthing.jsontext import builtins, pretty
from farthing.model import SUMMARY
from farthing.wording import money, several


@click.group("alerts", short_help="The alerts so far; a test message.")
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
    found = list(outbox.since(app.today - timedelta(days=days)))
    if as_json:
        click.echo(pretty([{"state": alert.state, **builtins(alert)} for alert in found]))
        return 0
    shown = [alert for alert in found if every or alert.state != "suppressed"]
    if not shown:
        click.echo(f"no alert in the last {several(days, 'day')}", err=True)
        return 0
    from rich.table import Table
    from rich.text import Text

    table = Table("Day", "Rule", "Looks at", "Spent", "Over by", "State", expand=False)
    for place in (3, 4):
        table.columns[place].justify = "right"
    for alert in shown:
        percent = "" if alert.overage_percent is None else f" ({alert.overage_percent:+,.1f} %)"
        table.add_row(
            alert.day.isoformat(),
            Text(alert.rule),
            Text(str(alert.scope)),
            money(alert.actual, alert.currency),
            "" if alert.kind == SUMMARY else f"{money(alert.overage, alert.currency)}{percent}",
            alert.state,
        )
    console().print(table)
    hidden = len(found) - len(shown)
    if hidden:
        click.echo(f"{several(hidden, 'alert')} only recorded; --all shows them", err=True)
    return 0


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
