"""`farthing backfill`: history."""

import sys
from datetime import datetime

import click

from farthing.cli._context import current_app, progress
from farthing.collect import backfill
from farthing.errors import UsageError
from farthing.jsontext import builtins, pretty
from farthing.ledger.reports import Reports, lens_prefix
from farthing.ledger.runs import Runs
from farthing.model import Period
from farthing.planning import first_of_month, learned, make_plan
from farthing.sources import PRICE_PER_REQUEST
from farthing.wording import money, several

DAY = click.DateTime(["%Y-%m-%d"])


@click.command("backfill", short_help="Bring history into the ledger, priced and confirmed first.")
@click.option(
    "--months",
    type=click.IntRange(1, 38),
    default=13,
    show_default=True,
    help="Whole months before this one.",
)
@click.option("--start", type=DAY, metavar="D", help="The first day, instead of --months.")
@click.option("--end", type=DAY, metavar="D", help="The day after the last one; default today.")
@click.option("--missing-only", is_flag=True, help="Ask only from the first to the last day that the ledger lacks.")
@click.option(
    "--max-requests",
    type=click.IntRange(1),
    metavar="N",
    help="Stop after N billed requests; default: for each question twice the estimate, at least 10.",
)
@click.option("--yes", is_flag=True, help="Do not ask before the first billed request.")
@click.option("--json", "as_json", is_flag=True, help="The run record as JSON.")
def command(
    months: int,
    start: datetime | None,
    end: datetime | None,
    missing_only: bool,
    max_requests: int | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Ask for history in one query and keep it, day by day. Never alerts.

    Days that the ledger has are compared and, where AWS restated them, rewritten with a revision. The service decides
    how far back it answers (Cost Explorer: 13 months).
    """
    app = current_app(previews_to_stderr=as_json)
    today = app.today
    last = end.date() if end else today
    first = start.date() if start else first_of_month(today, months)
    if first >= last:
        raise UsageError(f"nothing to ask for: --start {first} is not before --end {last}")
    period = Period(first, last)
    place = app.workplace()
    reports = Reports(place.store)
    homes = {name: Reports(place.store, lens_prefix(name)) for name in place.lenses}
    if missing_only:
        present = set(reports.days()).intersection(*(home.days() for home in homes.values()))
        missing = [day for day in period if day not in present]
        if not missing:
            click.echo(f"no day of {period} is missing", err=True)
            return 0
        period = Period(missing[0], Period.of_day(missing[-1]).end)
    runs = Runs(place.store)
    groups, page_size, _ = learned(reports, runs, today)
    plan = make_plan(period, groups, page_size)
    plans = [plan]
    for name, home in homes.items():
        # A lens that the ledger does not know yet is taken to be as large as the daily question.
        rows, page, _ = learned(home, runs, today, lens=name)
        plans.append(make_plan(period, rows or groups, page or page_size))
    requests = sum(one.requests for one in plans)
    # Of an empty ledger the estimate is only the least that it can be, so each question has room of its own.
    room = sum(max(2 * one.requests, place.settings.max_billed_requests) for one in plans)
    price = (
        "nothing (simulated)"
        if place.source.source.kind == "simulated"
        else f"about {money(requests * PRICE_PER_REQUEST, 'USD')}"
    )
    click.echo(
        f"{period} ({several(len(period), 'day')}): {several(requests, 'billed request')}, {price} ({plan.basis})",
        err=True,
    )
    if not yes and place.source.source.kind != "simulated":
        if not sys.stdin.isatty():
            raise UsageError("nothing was asked: say --yes to go on without being asked")
        click.confirm("Go on?", abort=True, err=True)
    with progress("backfilling", len(period)) as (on_page, on_day):
        result = backfill(
            place,
            period,
            max_requests=max_requests or room,
            invocation=app.invocation(),
            on_page=on_page,
            on_day=on_day,
        )
    record = result.record
    noun = "free request" if record.source.kind == "simulated" else "billed request"
    if as_json:
        click.echo(pretty({**builtins(record), "ok": not result.failures}))
    else:
        click.echo(
            f"kept {several(len(record.days_written), 'new day')}, {len(record.days_restated)} restated, "
            f"{record.days_unchanged} unchanged; {several(record.billed_requests, noun)}"
        )
        for lens in record.lenses:
            told = f"{several(len(lens.days_written), 'new day')}, {len(lens.days_restated)} restated"
            click.echo(f"lens {lens.name}: {told}, {lens.days_unchanged} unchanged")
        if record.days_missing:
            click.echo(f"{several(len(record.days_missing), 'day')} of {period} had no answer", err=True)
    result.require_success()
    return 0
