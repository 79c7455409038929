"""`farthing explain`: why a cost changed, as a waterfall that adds up to the cent."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

import click

from farthing.cli._context import current_app
from farthing.errors import CurrencyError, UsageError
from farthing.jsontext import pretty
from farthing.model import BILLED_COST, Period, exact_sum, percent_of
from farthing.periods import UNDERSTOOD, resolve
from farthing.query.compare import PREVIOUS, previous
from farthing.query.model import Filter, Query, Result, label_of, parse_by, parse_metrics, parse_where
from farthing.query.sources import REPORTS, ExportSlice
from farthing.signals.explain import (
    EFFECTS,
    MEANINGS,
    Driver,
    Equalise,
    Leaf,
    Measure,
    Side,
    Waterfall,
    explain,
    in_cents,
    largest,
)
from farthing.wording import money, signed

if TYPE_CHECKING:
    from farthing.app import App
    from farthing.query.engines import Engine

DRIVERS = 10
"""Bars before the rest is added up in one."""

QUANTITY, UNIT = "PricingQuantity", "PricingUnit"
DETAIL = ("ServiceName", "SubAccountId", "RegionId", "SkuId", "x_UsageType", "ChargeCategory")
"""What tells two things apart whose price and quantity are compared, as far as the source knows it."""


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
    app = current_app()
    after = resolve(period, today=app.today, default="")
    before = previous(after) if against.strip().lower() == PREVIOUS else resolve(against, today=app.today, default="")
    columns = parse_by(by) or ("ServiceName",)
    measured = (parse_metrics([metric]) or (BILLED_COST,))[0] if metric else BILLED_COST
    filters = parse_where(" ".join(where))
    sides, currency, notes = _sides(app, before, after, columns, filters, measured, equalise)
    found = explain(*sides, equalise=equalise)
    for note in notes:
        click.echo(f"warning: {note}", err=True)
    if as_json:
        click.echo(pretty(_document(found, before, after, columns, measured, currency)))
    else:
        _print(largest(found, top), before, after, columns, measured, currency)
    return 0


def _sides(
    app: "App",
    before: Period,
    after: Period,
    columns: Sequence[str],
    filters: Sequence[Filter],
    metric: str,
    equalise: Equalise | None,
) -> tuple[tuple[Side, Side], str, list[str]]:
    """Both periods, asked of the ledger; the currency; what the reader should know.

    Raises:
        CurrencyError: they are in two currencies.
        UsageError: a period has no data, or the columns cannot be compared.
    """
    from farthing.asking import Question, open_engine
    from farthing.exported import export_slices

    if any(name in ("ChargePeriodStart", "BillingPeriodStart", "x_Week") for name in columns):
        raise UsageError("a bar cannot be a day, a week or a month: the two periods have none in common")
    reach = Period(min(before.start, after.start), max(before.end, after.end))
    slices = export_slices(app, reach, local=False)
    with open_engine(Question(app, reach, tell=lambda line: click.echo(line, err=True))) as engine:
        plain = [engine.run(Query(days, (), tuple(filters), (metric,))) for days in (before, after)]
        for days, one in zip((before, after), plain, strict=True):
            if not one.days_present:
                raise UsageError(f"the ledger has no day of {days}: `farthing backfill` or `farthing import` brings it")
        # A thing's quantity is comparable only where both periods come from the same kind of source.
        detailed = all(REPORTS not in one.days_from for one in plain) and _have_quantities(slices)
        results = [
            _asked(engine, days, columns, filters, metric, equalise, slices, detailed=detailed)
            for days in (before, after)
        ]
    currencies = {one.currency for one in results if one.currency}
    if len(currencies) > 1:
        raise CurrencyError(f"{before} and {after} are in {' and '.join(sorted(currencies))}: they cannot be compared")
    made = [_side(result, columns, metric) for result in results]
    notes = [
        f"{one.period} has data for {len(one.days_present)} of {len(one.period)} days"
        for one in plain
        if len(one.days_present) < len(one.period)
    ]
    if len({frozenset(one.days_from) for one in plain}) > 1:
        notes.append("one period comes from daily reports, the other from billing exports, which differ a little")
    return (made[0], made[1]), next(iter(currencies), ""), notes


def _have_quantities(slices: Sequence[ExportSlice]) -> bool:
    return bool(slices) and all(one.has(QUANTITY) and one.has(UNIT) for one in slices)


def _asked(
    engine: "Engine",
    days: Period,
    columns: Sequence[str],
    filters: Sequence[Filter],
    metric: str,
    equalise: Equalise | None,
    slices: Sequence[ExportSlice],
    *,
    detailed: bool,
) -> Result:
    group_by = list(columns)
    if detailed:
        group_by += [name for name in DETAIL if all(one.has(name) for one in slices)] + [UNIT]
    if equalise == "weekdays":
        group_by.append("ChargePeriodStart")
    metrics = (metric, QUANTITY) if detailed else (metric,)
    return engine.run(Query(days, tuple(dict.fromkeys(group_by)), tuple(filters), metrics))


def _side(result: Result, columns: Sequence[str], metric: str) -> Side:
    """A result as the leaves of a waterfall."""
    drivers = [result.columns.index(name) for name in columns]
    day = result.columns.index("ChargePeriodStart") if "ChargePeriodStart" in result.columns else None
    unit = result.columns.index(UNIT) if UNIT in result.columns else None
    rest = [place for place in range(len(result.columns)) if place not in (*drivers, day, unit)]
    cost = result.metrics.index(metric)
    quantity = result.metrics.index(QUANTITY) if QUANTITY in result.metrics and metric != QUANTITY else None
    leaves: dict[Leaf, Measure] = {}
    for row in result.rows:
        when = row.keys[day] if day is not None else None
        leaf = Leaf(
            driver=tuple(_name(row.keys[place]) for place in drivers),
            detail=tuple(_name(row.keys[place]) for place in rest),
            unit=_name(row.keys[unit]) if unit is not None else None,
            weekday=when.weekday() if isinstance(when, date) else None,
        )
        amount = row.amounts[quantity] if quantity is not None and leaf.unit is not None else None
        measure = Measure(row.amounts[cost], amount)
        leaves[leaf] = _added(leaves[leaf], measure) if leaf in leaves else measure
    return Side(result.period, tuple(day_.weekday() for day_ in result.days_present), leaves)


def _added(one: Measure, other: Measure) -> Measure:
    quantity = None if one.quantity is None or other.quantity is None else exact_sum([one.quantity, other.quantity])
    return Measure(exact_sum([one.cost, other.cost]), quantity)


def _name(key: object) -> str | None:
    return None if key is None else str(key)


def _document(
    found: Waterfall, before: Period, after: Period, columns: Sequence[str], metric: str, currency: str
) -> dict[str, Any]:
    return {
        "period": {"start": str(after.start), "end": str(after.end)},
        "against": {"start": str(before.start), "end": str(before.end)},
        "currency": currency or None,
        "metric": metric,
        "equalised": found.equalised,
        "before": found.before,
        "after": found.after,
        "change": found.change,
        "effects": dict(found.effects),
        "drivers": [
            {
                **dict(zip(columns, driver.names, strict=True)),
                "before": driver.before,
                "after": driver.after,
                "change": driver.change,
                "effects": dict(driver.effects),
            }
            for driver in found.drivers
        ],
    }


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
