"""`farthing demo`: the main job on a simulated organisation, from nothing to the alert and the report."""

import statistics
import time
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import click

from farthing.alerts.outbox import Outbox
from farthing.alerts.rendering import plain_text
from farthing.app import CONFIG_KEY, App
from farthing.cli._context import console, progress, show_message, use_app
from farthing.cli.collect import show_result
from farthing.collect import backfill, collect
from farthing.ledger.folder import FolderStore, default_home
from farthing.ledger.reports import Reports
from farthing.ledger.runs import Runs
from farthing.model import DailyReport, Period
from farthing.planning import DEFAULT_WINDOW_DAYS, first_of_month
from farthing.settings import SIZES
from farthing.wording import day_name, money, several

HISTORY_MONTHS = 18
THRESHOLD_OVER_USUAL = Decimal("1.2")
"""The demo's threshold: a fifth above the median day of the last four weeks."""


@click.command("demo", short_help="A simulated organisation and a full daily run: no AWS, no account, no key.")
@click.option(
    "--size", type=click.Choice(SIZES), default="medium", show_default=True, help="How large an organisation."
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=1,
    show_default=True,
    help="The same seed gives the same bill.",
)
@click.option("--no-serve", is_flag=True, help="End after the report.")
@click.option("--port", type=click.IntRange(0, 65535), help="Of the dashboard; 0 picks a free one. Default: 8321.")
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
@click.pass_context
def command(ctx: click.Context, size: str, seed: int, no_serve: bool, port: int | None, no_open: bool) -> int:
    """Simulate eighteen months of an organisation's bill, do one daily run on it, show the alert and the report.

    Then it serves the dashboard, until Ctrl-C.

    Writes to FARTHING_HOME if that is empty or holds this very demo, else to a folder of its own; never into real
    data, and never to Slack or AWS.
    """
    environment: dict[str, str] = ctx.find_root().obj["environment"]
    home = demo_home(environment.get("FARTHING_HOME"), size, seed)
    configuration = _configure(home, size, seed)
    own = {
        "FARTHING_HOME": str(home),
        "FARTHING_CONFIG": str(configuration),
        "FARTHING_TODAY": environment.get("FARTHING_TODAY", ""),
        "FARTHING_MAX_BILLED_REQUESTS": "10000",  # the simulated ones are free
    }
    to = console()
    to.rule(f"a simulated {size} organisation, seed {seed}")
    app = use_app(own)
    _fill(app)
    threshold = _threshold(app)
    app = use_app({**own, "COST_THRESHOLD": str(threshold)})
    to.print(f"\nThe daily run, with a threshold of {threshold:,} a day:\n", markup=False)
    with progress("collecting") as (on_page, on_day):
        result = collect(app.workplace(), invocation=app.invocation(), on_page=on_page, on_day=on_day)
    show_result(result, as_json=False)
    result.require_success()
    if not result.record.alerts_sent:
        _show_again(app)
    to.print()
    to.rule("farthing report --period 30d --top 12")
    from farthing.cli.report import command as report

    with report.make_context("report", ["--top", "12"], parent=ctx) as inner:
        report.invoke(inner)
    to.print(f"\nThe ledger is in {home}. Look around:", markup=False, soft_wrap=True)
    to.print(f"  farthing --home {home} report --by month", markup=False, soft_wrap=True)
    to.print(f"  farthing --home {home} alerts list", markup=False, soft_wrap=True)
    if not no_serve:
        from farthing.cli.dashboard import HOST, PORT, serve

        to.print()
        serve(app, HOST, PORT if port is None else port, open_browser=not no_open)
    return 0


def demo_home(named: str | None, size: str, seed: int) -> Path:
    """Where the demo may write: FARTHING_HOME if it is empty or this very demo's, else a folder of its own."""
    own = default_home() / "demo" / f"{size}-{seed}"
    if not named:
        return own
    home = Path(named).expanduser()
    store = FolderStore(home)
    configuration = store.read(CONFIG_KEY)
    if configuration is None:
        return own if any(store.keys("cost_data/")) else home
    return home if configuration.data == _configuration(size, seed) else own


def _configuration(size: str, seed: int) -> bytes:
    """The demo ledger's own farthing.toml: later commands on it stay simulated."""
    return f'source = "simulated"\nsimulated_size = "{size}"\nsimulated_seed = {seed}\n'.encode()


def _configure(home: Path, size: str, seed: int) -> Path:
    store = FolderStore(home)
    if store.read(CONFIG_KEY) is None:
        store.create(CONFIG_KEY, _configuration(size, seed))
    return Path(store.locate(CONFIG_KEY))


def _fill(app: App) -> None:
    """Brings in the history that is missing, as a real user's backfill does."""
    period = Period(first_of_month(app.today, HISTORY_MONTHS), app.today)
    present = set(Reports(app.store).days())
    missing = [day for day in period if day not in present]
    # The last two weeks are the daily run's own work, unless they are all that the ledger has.
    missing = [day for day in missing if (app.today - day).days > DEFAULT_WINDOW_DAYS]
    if not missing:
        return
    period = Period(missing[0], Period.of_day(missing[-1]).end)
    with progress("simulating", len(period)) as (on_page, on_day):
        result = backfill(
            app.workplace(),
            period,
            max_requests=100_000,
            invocation=app.invocation(),
            on_page=on_page,
            on_day=on_day,
        )
    result.require_success()
    click.echo(f"history: {several(len(result.record.days_written), 'day')}, {several(result.record.groups, 'row')}")


def _threshold(app: App) -> Decimal:
    """A round figure a fifth above the usual day, from the four weeks before the demo's first daily run: it stays."""
    first = Runs(app.store).first_day() or app.today
    end = first - timedelta(days=DEFAULT_WINDOW_DAYS)
    reports = Reports(app.store)
    month = reports.read_many(Period(end - timedelta(days=28), end))
    totals = [report.total() for _, report in month if isinstance(report, DailyReport)]
    return (statistics.median(totals) * THRESHOLD_OVER_USUAL / 10).quantize(Decimal(1), ROUND_CEILING) * 10


def _show_again(app: App) -> None:
    """A demo that is run again on the same day sends nothing again; it shows what it sent."""
    outbox = Outbox(app.store, app.clock, sleep=time.sleep)
    sent = [alert for alert in outbox.since(first_of_month(app.today, 1)) if alert.state == "sent"]
    if sent:
        newest = sent[-1]
        click.echo(
            f"sent before, on {day_name(newest.created_at.date())} ({money(newest.overage, newest.currency)} over):"
        )
        show_message(plain_text([newest], app.settings.environment), console())
