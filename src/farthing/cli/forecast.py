"""`farthing forecast`: what the month and the next three will cost, in the ledger or in anybody's series."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farthing.cli._context import current_app
from farthing.errors import UsageError
from farthing.jsontext import encode, pretty
from farthing.model import BILLED_COST, EFFECTIVE_COST, percent_of
from farthing.wording import money, number, several

if TYPE_CHECKING:
    from farthing.app import App
    from farthing.forecasting import Scores
    from farthing.signals.forecast.outlook import Forecast, Outlook
    from farthing.signals.forecast.units import By

METRICS = {"billed": BILLED_COST, "effective": EFFECTIVE_COST}
SHOWN = 20
"""Groups in the table for people, the largest; --json has all of them."""


@click.command("forecast", short_help="What the month and the next three will cost.")
@click.option(
    "--series",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Forecast a CSV file (ChargePeriodStart, ServiceName, BilledCost; optionally SubAccountId, ChargeCategory, "
    "BillingCurrency) instead of the ledger.",
)
@click.option("--as-of", metavar="DATE", help="With --series: only the days before DATE are known.")
@click.option(
    "--by",
    type=click.Choice(["service", "account"]),
    default="service",
    show_default=True,
    help="What a group is.",
)
@click.option("--metric", type=click.Choice(list(METRICS)), default="billed", show_default=True, help="Of the ledger.")
@click.option("--scorecard", is_flag=True, help="How the forecasts that were kept came out, over months that are over.")
@click.option("--json", "as_json", is_flag=True, help="For machines; with --series one object on each line.")
def command(series: Path | None, as_of: str | None, by: "By", metric: str, scorecard: bool, as_json: bool) -> int:
    """Show what the running month and the next three will cost, of each group and in total, with 80% and 95% intervals.

    The month to date is a fact, known fees are placed on their day, the rest goes on with its weekdays, its level and
    its trend. The intervals come from how far such forecasts were off before. Every forecast of the ledger by service
    is kept, once a day and metric, for --scorecard.
    """
    if as_of is not None and series is None:
        raise UsageError("--as-of is for a file: name it with --series; the ledger is forecast as of today")
    if series is not None:
        if scorecard:
            raise UsageError("--scorecard is about the ledger's forecasts: leave --series out")
        return _file(series, _day(as_of), by, as_json=as_json)
    app = current_app()
    if scorecard:
        return _scorecard(app, METRICS[metric], as_json=as_json)
    return _ledger(app, METRICS[metric], by, as_json=as_json)


def _day(text: str | None) -> date | None:
    from farthing.signals.seriesfile import YEARS

    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--as-of {text!r} is not a day: write YYYY-MM-DD") from error
    if day.year not in YEARS:
        raise UsageError(f"--as-of {text!r}: the year is not between {YEARS[0]} and {YEARS[-1]}")
    return day


def _file(path: Path, as_of: date | None, by: "By", *, as_json: bool) -> int:
    from datetime import timedelta

    from farthing.signals.forecast.outlook import months_from, outlook
    from farthing.signals.seriesfile import parse_series

    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            file = parse_series(lines, str(path))
    except OSError as error:
        raise UsageError(f"{path}: it cannot be read: {error.strerror or error}") from error
    if as_of is None:
        if not file.currencies:
            raise UsageError(f"{path}: it has no rows, so there is nothing to forecast")
        as_of = max(file.currencies) + timedelta(days=1)
    told = outlook(file.panel(), as_of, months_from(as_of), by=by)
    if told is None:
        _say_learning(f"before {as_of}")
        return 0
    _say_left_out(told)
    if as_json:
        for row in told.rows:
            click.echo(encode(_line(row, by)))
    else:
        _table(told, {})
    return 0


def _ledger(app: "App", metric: str, by: "By", *, as_json: bool) -> int:
    from farthing.budgeting import growth_of
    from farthing.forecasting import forecast, keep, last_month

    growth = growth_of(app.store, app.now, metric=metric)
    told = forecast(app.store, metric, app.now, by=by, growth=growth)
    if told is None:
        _say_learning("in the ledger")
        if as_json:
            click.echo(pretty({"as_of": app.today.isoformat(), "metric": metric, "rows": []}))
        return 0
    _say_left_out(told)
    if by == "service":
        keep(app.store, metric, told, app.now, growth=growth)
    if as_json:
        head = {"as_of": told.as_of.isoformat(), "metric": metric, "BillingCurrency": told.currency}
        click.echo(pretty({**head, "rows": [_line(row, by, facts=True) for row in told.rows]}))
    else:
        _table(told, last_month(app.store, metric, told, by))
    return 0


def _say_learning(where: str) -> None:
    click.echo(f"learning: fewer than ten days are known {where}, too few for a forecast", err=True)


def _say_left_out(told: "Outlook") -> None:
    if told.left_out:
        days, first = several(len(told.left_out), "day"), told.left_out[0]
        click.echo(f"{first:%Y-%m} is without {days} (from {first}) in another currency than {told.currency}", err=True)


def _line(row: "Forecast", by: "By", *, facts: bool = False) -> dict[str, Any]:
    """One month of one group; the total has no name."""
    name = "SubAccountId" if by == "account" else "ServiceName"
    estimate = row.estimate
    return {
        "month": f"{row.period.start:%Y-%m}",
        **({name: row.group[0]} if row.group else {}),
        **({"to_date": row.fact} if facts else {}),
        "mean": estimate.mean,
        "lo80": estimate.lo80,
        "hi80": estimate.hi80,
        "lo95": estimate.lo95,
        "hi95": estimate.hi95,
        **({"learning": True} if row.learning else {}),
    }


def _table(told: "Outlook", before: "dict[tuple[str, ...], Decimal]") -> None:
    """For people: the running month by group, then the next three in total."""
    from farthing.cli._tables import cents, console, table

    def cells(row: "Forecast", name: str) -> tuple[str, ...]:
        estimate, last = row.estimate, before.get(row.group)
        change = None if last is None else percent_of(estimate.mean - last, last)
        interval = ("learning", "") if row.learning else (cents(estimate.lo80), cents(estimate.hi80))
        compared = "" if change is None else f"{change:+,.1f}"
        return (name, cents(row.fact), cents(estimate.mean), *interval, compared)

    running = [row for row in told.rows if told.as_of in row.period]
    total, groups = running[0], sorted(running[1:], key=lambda row: -abs(row.estimate.mean))
    rows = [cells(row, row.group[0] or "no account") for row in groups[:SHOWN]]
    header = (f"{total.period.start:%Y-%m}", "To date", "Month", "80% from", "to", "vs last %")
    console().print(table(header, 1, rows, footer=cells(total, "Total")))
    if len(groups) > SHOWN:
        click.echo(f"{several(len(groups) - SHOWN, 'smaller group')} in the total; --json has all", err=True)
    for row in told.rows:
        if not row.group and told.as_of not in row.period:
            estimate = row.estimate
            between = f"80%: {number(estimate.lo80)} to {number(estimate.hi80)}"
            click.echo(f"{row.period.start:%Y-%m}: {money(estimate.mean, told.currency)} ({between})")


def _scorecard(app: "App", metric: str, *, as_json: bool) -> int:
    from farthing.forecasting import scorecard

    scores = scorecard(app.store, metric, app.now)
    if as_json:
        click.echo(pretty({"metric": metric, "rows": [_score(one) for one in scores]}))
    elif scores:
        _score_table(scores)
    else:
        click.echo("no month that was forecast is over yet: the scorecard fills as months end", err=True)
    return 0


def _score(one: "Scores") -> dict[str, Any]:
    """One row for machines; shares are in percent."""
    return {
        "of": one.whom,
        "days_known": one.days_known,
        "forecasts": one.forecasts,
        "error_percent": one.error,
        "in80_percent": one.in80,
        "in95_percent": one.in95,
        "baselines": dict(one.baselines),
    }


def _score_table(scores: "Iterable[Scores]") -> None:
    from farthing.cli._tables import console, table

    scores = list(scores)
    names = list(scores[0].baselines)
    rows = [
        (
            one.whom,
            one.days_known,
            str(one.forecasts),
            f"{one.error:.1f}",
            *(f"{one.baselines[name]:.1f}" for name in names),
            f"{one.in80:.0f}",
            f"{one.in95:.0f}",
        )
        for one in scores
    ]
    header = ("Of", "Days known", "Told", "Error %", *(name.split()[0] for name in names), "In 80%", "In 95%")
    console().print(table(header, 2, rows))
