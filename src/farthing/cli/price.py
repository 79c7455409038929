"""`farthing price`: what a configuration costs to run."""

from decimal import Decimal

import click

from farthing.cli._context import console, current_app
from farthing.jsontext import pretty
from farthing.planning import plan_daily, plan_lenses
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
    plans = [plan, *plan_lenses(place, plan).values()]
    requests = sum(one.requests for one in plans)
    free = place.source.source.kind == "simulated"
    per_request = Decimal(0) if free else PRICE_PER_REQUEST
    per_day = requests * per_request
    per_month = (per_day * DAYS_PER_MONTH).quantize(Decimal("0.01"))
    if as_json:
        document = {
            "source": place.source.source.kind,
            "window": plan.period,
            "billed_requests": requests,
            "questions": [{"lens": one.lens or None, "billed_requests": one.requests} for one in plans],
            "price_per_request": per_request,
            "per_day": per_day,
            "per_month": per_month,
            "currency": "USD",
            "basis": plan.basis,
            "caution": "; ".join(one.caution for one in plans if one.caution),
        }
        click.echo(pretty(document))
        return 0
    from rich.table import Table

    table = Table("", "USD", title="What one daily run costs", title_justify="left")
    table.columns[1].justify = "right"
    for one in plans:
        name = f"the lens {one.lens}: " if one.lens else ""
        asked = f"{name}{several(one.requests, 'billed request')} for {one.period}, at {per_request:f} each"
        table.add_row(asked, f"{one.requests * per_request:.2f}")
    table.add_row("a month of one run a day", f"{per_month:.2f}", style="bold")
    to = console()
    to.print(table)
    for one in plans:
        if one.caution:
            to.print(one.caution, markup=False)
    to.print(f"{plan.basis}. Looking at the data costs nothing.", markup=False)
    return 0
