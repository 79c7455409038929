"""`farthing explain`: why a cost changed, as a waterfall that adds up to the cent."""

from collections.abc import Sequence
from decimal import Decimal
from typing import get_args

import click

from farthing.cli._context import current_app
from farthing.jsontext import pretty
from farthing.model import BILLED_COST, Period, percent_of
from farthing.periods import UNDERSTOOD, resolve
from farthing.query.compare import PREVIOUS, previous
from farthing.query.model import label_of, parse_by, parse_metrics, parse_where
from farthing.signals.explain import (
    EFFECTS,
    MEANINGS,
    Driver,
    Equalise,
    Waterfall,
    explain,
    in_cents,
    largest,
)
from farthing.wording import money, signed

DRIVERS = 10
"""Bars before the rest is added up in one."""


@click.command("explain", short_help="Why a cost changed: a waterfall that adds up to the cent.")
@click.argument("period", metavar="PERIOD")
@click.option("--against", required=True, metavar="WHEN", help=f"The period before: {UNDERSTOOD}, or 'previous'.")
@click.option(
    "--by", multiple=True, metavar="COLUMN", help="What a bar is, as for `farthing report`. Default: service."
)
@click.option("--where", multiple=True, metavar="TERMS", help="Only what matches, as for `farthing report`.")
@click.option("--metric", metavar="NAME", help="What changed: billed (default), effective, list, ...")
@click.option(
    "--equalise",
    type=click.Choice(get_args(Equalise)),
    help="Take out what another number of days, or of each weekday, makes: a bar of its own.",
)
@click.option("--top", type=click.IntRange(min=1), default=DRIVERS, show_default=True, metavar="N", help="Bars shown.")
@click.option("--json", "as_json", is_flag=True, help="Every bar, exact.")
def command(
    period: str,
    against: str,
    by: tuple[str, ...],
    where: tuple[str, ...],
    metric: str | None,
    equalise: Equalise | None,
    top: int,
    as_json: bool,
) -> int:
    """Why the cost of PERIOD is not that of another: what is new, gone, dearer, more, or a costlier mix.

    Price, volume and mix need quantities, which imported billing exports have; from daily reports each service's change
    is told as it is. The bars add up to the difference, always. Asks AWS nothing.

    \b
    farthing explain last-month --against previous
    farthing explain 2026-10 --against 2026-09 --by account --where service:EC2 --equalise weekdays
    """  # noqa: D301 - \b is click's, for lines that stay as they are
    from farthing.explaining import document_of, sides_of

    app = current_app()
    after = resolve(period, today=app.today, default="")
    before = previous(after) if against.strip().lower() == PREVIOUS else resolve(against, today=app.today, default="")
    columns = parse_by(by) or ("ServiceName",)
    measured = (parse_metrics([metric]) or (BILLED_COST,))[0] if metric else BILLED_COST
    filters = parse_where(" ".join(where))
    sides, currency, notes = sides_of(
        app, before, after, columns, filters, measured, equalise, tell=lambda line: click.echo(line, err=True)
    )
    found = explain(*sides, equalise=equalise)
    for note in notes:
        click.echo(f"warning: {note}", err=True)
    if as_json:
        click.echo(pretty(document_of(found, before, after, columns, measured, currency)))
    else:
        _print(largest(found, top), before, after, columns, measured, currency)
    return 0


def _print(found: Waterfall, before: Period, after: Period, columns: Sequence[str], metric: str, currency: str) -> None:
    from farthing.cli._tables import cents, console, table

    start, changes, end = in_cents(found)
    unit = f" ({currency})" if currency else ""
    blank = [""] * (len(columns) - 1)
    rows = [[str(before), *blank, "", cents(start)]]
    rows += [
        [*(name or "(no name)" for name in driver.names), _effects(driver), _plus(change)]
        for driver, change in zip(found.drivers, changes, strict=True)
    ]
    out = console()
    headers = [*(label_of(name) for name in columns), "What changed", f"{metric}{unit}"]
    out.print(table(headers, len(columns) + 1, rows, [str(after), *blank, "", cents(end)]))
    percent = percent_of(found.change, found.before)
    by = f" ({percent:+} %)" if percent is not None else ""
    out.print(f"{money(found.before, currency)} to {money(found.after, currency)}: {signed(found.change)}{by}")
    said = [f"{effect} {signed(found.effects[effect])}" for effect in EFFECTS if found.effects.get(effect)]
    if said:
        out.print(f"In all: {', '.join(said)}", style="dim")
        meanings = [f"{effect}: {MEANINGS[effect]}" for effect in EFFECTS if found.effects.get(effect)]
        out.print("; ".join(meanings), style="dim")


def _effects(driver: Driver) -> str:
    return ", ".join(f"{effect} {signed(driver.effects[effect])}" for effect in EFFECTS if driver.effects.get(effect))


def _plus(cents_: Decimal) -> str:
    return f"{cents_:+,.2f}" if cents_ else "0.00"
