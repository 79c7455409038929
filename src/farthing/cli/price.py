"""`farthing price`: what a configuration costs to run, and what its deployment costs."""

import statistics
from datetime import timedelta
from decimal import Decimal
from itertools import islice

import click

from farthing.app import App
from farthing.cli._context import console, current_app
from farthing.deployment import (
    DAYS_PER_MONTH,
    PRICES,
    REGION,
    SECONDS_ASSUMED,
    Deployment,
    Line,
    lines,
    total,
)
from farthing.errors import UsageError
from farthing.jsontext import pretty
from farthing.ledger.runs import Runs
from farthing.ledger.store import Store
from farthing.planning import RUNS_REMEMBERED, plan_daily, plan_lenses, window
from farthing.sources import PRICE_PER_REQUEST
from farthing.wording import number, several

STORED = ("cost_data/daily/", "cost_data/lenses/", "cost_data/alerts/", "cost_data/runs/", "state/series/")
SAMPLE = 5
"""Objects below each of these, the newest, that are read for the size of one."""

A_YEAR = 365
"""Days over which a run's window is averaged: it is longer in the first half of a month."""

VPC_ENDPOINTS = 3
"""Secrets Manager, CloudWatch Logs, Cost Explorer; each in two zones."""

SURE = {"primary source": "", "second hand": "~", "memory": "?"}


@click.command("price", short_help="What this configuration costs to run, before it runs.")
@click.option("--deployment", is_flag=True, help="What the whole deployment costs a month, line by line.")
@click.option("--architecture", type=click.Choice(["arm64", "x86_64"]), help="Of the function; default arm64.")
@click.option("--memory", type=click.IntRange(128, 10_240), help="MB of the function; default 256.")
@click.option("--runs-per-day", type=click.IntRange(1, 1440), help="How often it runs; default 1.")
@click.option("--no-dashboard", is_flag=True, help="Without a CloudWatch dashboard.")
@click.option("--kms-key", is_flag=True, help="With a KMS key of its own.")
@click.option("--vpc", is_flag=True, help="In a VPC of its own: one NAT gateway, three interface endpoints.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(
    deployment: bool,
    architecture: str | None,
    memory: int | None,
    runs_per_day: int | None,
    no_dashboard: bool,
    kms_key: bool,
    vpc: bool,
    as_json: bool,
) -> int:
    """Estimate the billed requests of one daily run and what they cost, per day and month. Asks AWS nothing.

    The estimate comes from the ledger: rows of the newest day, and the page size last seen. With --deployment: what
    Lambda, S3, CloudWatch and all else of the deployment cost a month; the other options describe it.
    """
    app = current_app()
    if deployment:
        described = {"architecture": architecture, "memory_mb": memory, "runs_per_day": runs_per_day}
        return _deployment(
            app,
            as_json,
            dashboard=not no_dashboard,
            kms_key=kms_key,
            nat_gateways=int(vpc),
            endpoints=VPC_ENDPOINTS if vpc else 0,
            **{name: value for name, value in described.items() if value is not None},
        )
    if architecture or memory or runs_per_day or no_dashboard or kms_key or vpc:
        raise UsageError("these options describe a deployment: add --deployment")
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


def _deployment(app: App, as_json: bool, **described: object) -> int:
    """Prints the deployment's bill."""
    place = app.workplace()
    plan = plan_daily(place)
    plans = [plan, *plan_lenses(place, plan).values()]
    free = place.source.source.kind == "simulated"
    seconds, basis = _seconds_per_run(app)
    deployed = Deployment(
        seconds_per_run=seconds,
        billed_requests_per_run=0 if free else sum(one.requests for one in plans),
        window_days=_window_days(app),
        questions=len(plans),
        stored_bytes=_stored_bytes(app.store),
        topic=app.settings.sns_topic_arn is not None,
        **described,  # type: ignore[arg-type]  # click has checked them
    )
    bill = lines(deployed)
    seen = max(price.seen for price in PRICES.values())
    notes = [
        f"prices of {REGION} as of {seen}, without taxes; most other regions cost more",
        basis,
        f"{several(deployed.stored_bytes, 'byte')} in the ledger now, older versions of objects not counted",
        "not free: what is left if nothing else in the account uses what AWS gives every account free",
    ]
    if as_json:
        click.echo(pretty(_document(bill, notes)))
        return 0
    _show(bill, notes)
    return 0


def _document(bill: tuple[Line, ...], notes: list[str]) -> dict[str, object]:
    return {
        "region": REGION,
        "currency": "USD",
        "lines": [
            {
                "what": line.what,
                "quantity": line.quantity,
                "unit": line.price.unit,
                "unit_price": line.price.usd,
                "per_month": line.cost(),
                "per_month_beyond_free": line.cost(free_tier=True),
                "source": line.price.source,
                "seen": line.price.seen,
                "sure": line.price.sure,
            }
            for line in bill
        ],
        "per_month": total(bill),
        "per_month_beyond_free": total(bill, free_tier=True),
        "notes": notes,
    }


def _show(bill: tuple[Line, ...], notes: list[str]) -> None:
    from rich import box
    from rich.table import Table

    title = "What the deployment costs a month, in USD"
    headings = ("", "Units x price", "Price", "Not free")
    table = Table(*headings, title=title, title_justify="left", box=box.SIMPLE, pad_edge=False)
    for column in (1, 2, 3):
        table.columns[column].justify = "right"
    for line in bill:
        each = f"{number(line.quantity)} {line.price.unit} x {line.price.usd:f}{SURE[line.price.sure]}"
        table.add_row(line.what, each, number(line.cost()), number(line.cost(free_tier=True)))
    sums = (number(total(bill)), number(total(bill, free_tier=True)))
    table.add_row("a month", "", *sums, style="bold")
    to = console()
    to.print(table)
    to.print("~ read in other people's publications, ? from memory: look at the service's page before you rely on it")
    for note in notes:
        to.print(note, markup=False)


def _seconds_per_run(app: App) -> tuple[Decimal, str]:
    """How long a run takes, and how that is known: runs on a laptop's folder tell nothing about Lambda."""
    if app.settings.bucket_name:
        runs = (run for run in Runs(app.store).newest_first() if run.command == "collect" and run.stage == "finished")
        found = [Decimal(str(run.duration_seconds)) for run in islice(runs, RUNS_REMEMBERED)]
        if found:
            seconds = statistics.median(found)
            return seconds, f"a run takes {seconds:f} s, the median of the last {several(len(found), 'run')}"
    return SECONDS_ASSUMED, f"a run is taken for {SECONDS_ASSUMED} s: no run on a bucket tells"


def _window_days(app: App) -> Decimal:
    days = (app.today + timedelta(days=ahead) for ahead in range(A_YEAR))
    return Decimal(sum(len(window(day, app.settings.window_days, ())) for day in days)) / A_YEAR


def _stored_bytes(store: Store) -> int:
    """About: each kind of object counts as large as its newest are on average."""
    size = 0
    for prefix in STORED:
        keys = list(store.keys(prefix))
        sample = [len(stored.data) for stored in store.read_many(keys[-SAMPLE:]) if stored is not None]
        size += len(keys) * sum(sample) // len(sample) if sample else 0
    return size
