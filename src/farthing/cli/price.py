"""`farthing price`: what a configuration costs to run."""

from decimal import Decimal

import click

from farthing.cli._context import console, current_app
from farthing.collect import plan_daily
from farthing.jsontext import pretty
from farthing.sources import PRICE_PER_REQUEST
from farthing.wording import several

DAYS_PER_MONTH = Decimal("30.4375")
"""Days: a year of 365.25 days, by twelve."""


@click.command("price", short_help="What this configuration costs to run, before it runs.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(as_json: bool) -> int:
    """Estimate the billed requests of one daily run and what they cost, per day and month. Asks AWS nothing.

    The estimate comes from the ledger: rows of the newest day, and the page size last seen.
    """
    app = current_app()
    place = app.workplace()
    plan = plan_daily(place)
    free = place.source.source.kind == "simulated"
    per_request = Decimal(0) if free else PRICE_PER_REQUEST
    per_day = plan.requests * per_request
    per_month = (per_day * DAYS_PER_MONTH).quantize(Decimal("0.01"))
    if as_json:
        document = {
            "source": place.source.source.kind,
            "window": plan.period,
            "billed_requests": plan.requests,
            "price_per_request": per_request,
            "per_day": per_day,
            "per_month": per_month,
            "currency": "USD",
            "basis": plan.basis,
            "caution": plan.caution,
        }
        click.echo(pretty(document))
        return 0
    from rich.table import Table

    table = Table("", "USD", title="What one daily run costs", title_justify="left")
    table.columns[1].justify = "right"
    table.add_row(
        f"{several(plan.requests, 'billed request')} for {plan.period}, at {per_request:f} each",
        f"{per_day:.2f}",
    )
    table.add_row("a month of one run a day", f"{per_month:.2f}", style="bold")
    to = console()
    to.print(table)
    if plan.caution:
        to.print(plan.caution, markup=False)
    to.print(f"{plan.basis}. Looking at the data costs nothing.", markup=False)
    return 0
