"""`farthing budgets`: what is spent of each budget, and how long credits last."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from farthing.cli._context import current_app
from farthing.jsontext import builtins, pretty
from farthing.wording import several

if TYPE_CHECKING:
    from farthing.budgeting import CreditStanding, Standing
    from farthing.cli._tables import Cell
    from farthing.signals.budgets import Status
    from farthing.signals.credits import Credits, Runway
    from farthing.signals.maturation import Curve

OVER_THRESHOLD = 3

ROUGH_FROM = 100
"""In the bill's currency: estimates from here on are shown without cents."""


@click.command("budgets", short_help="What is spent of each budget, and how long credits last.")
@click.option(
    "--as-of",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    help="As it stood with the days before this one (YYYY-MM-DD), in their figures of today.",
)
@click.option(
    "--fail-on-breach", is_flag=True, help="Exit 3 where more than a budget is spent, or surely enough will be."
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def command(as_of: datetime | None, fail_on_breach: bool, as_json: bool) -> int:
    """Show each budget of farthing.toml in the period of the ledger's newest day, and the runway of credits.

    Pace is what even spending would have used by now. The forecast stands with the interval that holds the end of the
    period in 80 of 100 cases.
    """
    from farthing.budget_forecasts import forecasts_of
    from farthing.budgeting import credit_standing, curve_of, rules_of, standings
    from farthing.signals.forecast import estimate

    app = current_app()
    rules = rules_of(app.settings)
    until = as_of.date() if as_of else None
    if not rules.budgets and not rules.credits:
        click.echo("no budget is set: write [[budgets]] or [[credits]] in farthing.toml", err=True)
    forecasts = forecasts_of(app.store, app.now, estimate, as_of=until)
    standing = standings(app.store, rules.budgets, app.now, as_of=until, forecasts=forecasts)
    lasting = credit_standing(app.store, rules.credits, app.now, as_of=until)
    curve = curve_of(app.store, app.now)
    if as_json:
        click.echo(pretty(_document(standing, lasting, curve)))
    else:
        _print(standing, lasting, curve)
    problems = [*standing.problems, *lasting.problems]
    for problem in [*problems, *filter(None, [lasting.hint]), *_remarks(standing)]:
        click.echo(f"farthing: {problem}", err=True)
    if problems:
        return 1
    breached = any(status.is_breached for status in standing.statuses)
    return OVER_THRESHOLD if fail_on_breach and breached else 0


def _remarks(standing: "Standing") -> list[str]:
    """What a person should know beside the figures."""
    from farthing.signals.budget_marks import gap
    from farthing.signals.budgets import period_name

    said = []
    for status in standing.statuses:
        name, period = status.budget.name, period_name(status.budget, status.period)
        if status.state == "no data":
            said.append(f"budget {name!r}: the ledger has no {status.budget.metric} of {period}")
        elif status.state == "no amount":
            said.append(f"budget {name!r}: no amount is set for {period}")
        elif status.budget.where and not status.charges:
            said.append(f"budget {name!r}: nothing in {period} matches {status.budget.where!r}")
        if status.days_missing and status.state != "no data":
            said.append(f"budget {name!r}: what is spent is without {gap(status)}")
    return said


def _print(standing: "Standing", lasting: "CreditStanding", curve: "Curve") -> None:
    """Tables for people."""
    if standing.statuses:
        _print_budgets(standing, curve)
    if lasting.credits is not None:
        _print_credits(lasting.credits)


def _print_budgets(standing: "Standing", curve: "Curve") -> None:
    from farthing.cli._tables import cents, console, table
    from farthing.signals.budgets import period_name

    statuses = standing.statuses
    currencies = {status.currency for status in statuses}
    unit = f" ({statuses[0].currency})" if len(currencies) == 1 and statuses[0].currency else ""

    def row(status: "Status") -> "tuple[Cell, ...]":
        own = f" {status.currency}" if not unit and status.currency else ""
        return (
            (status.budget.name, period_name(status.budget, status.period)),
            status.state,
            cents(status.spent) + own,
            "-" if status.amount is None else cents(status.amount),
            "-" if status.used is None else f"{status.used:,}",
            "-" if status.pace is None else _rough(status.pace),
            _forecast(status),
            str(status.days_left),
        )

    heads = ("Budget", "State", f"Spent{unit}", "Of", "Used %", "Pace", ("Forecast", "80 %"), ("Days", "left"))
    out = console()
    out.print(table(heads, 2, map(row, statuses)))
    newest = max((status.newest for status in statuses if status.newest), default=None)
    filling = max((status.days_filling for status in statuses), default=0)
    if newest:
        still = f"; the last {several(filling, 'day')} still fill{'s' if filling == 1 else ''} up" if filling else ""
        learned = curve.filling_hours
        usually = "" if learned is None else f"; nine of ten days here are filled {learned:.0f} h after their end"
        out.print(f"known up to {newest}{still}{usually}", style="dim")


def _rough(amount: Decimal) -> str:
    """An estimate: cents of hundreds tell nothing."""
    from farthing.cli._tables import cents

    return cents(amount) if abs(amount) < ROUGH_FROM else format(amount, ",.0f")


def _forecast(status: "Status") -> "Cell":
    told = status.forecast
    return "-" if told is None else (_rough(told.mean), f"{_rough(told.lo80)} to {_rough(told.hi80)}")


def _print_credits(told: "Credits") -> None:
    from farthing.cli._tables import cents, console, table
    from farthing.wording import money

    unit = f" ({told.currency})" if told.currency else ""

    def row(runway: "Runway") -> tuple[str, ...]:
        return (
            runway.credit.name,
            cents(runway.left),
            cents(runway.credit.balance),
            "-" if runway.burn is None else cents(runway.burn),
            _day(runway.runs_out),
            _day(runway.credit.expires),
            cents(runway.lost),
            "-" if runway.days_left is None else str(runway.days_left),
        )

    heads = (
        "Credit",
        f"Left{unit}",
        "Of",
        ("Used", "a day"),
        "Runs out",
        "Expires",
        ("Unused", "then"),
        ("Days", "left"),
    )
    out = console()
    out.print(table(heads, 1, map(row, told.runways)))
    if told.currency:
        parts = [f"{money(told.gross, told.currency)} before credits", f"{money(told.used, told.currency)} of credits"]
        parts += [f"{money(told.refunds, told.currency)} of refunds"] if told.refunds else []
        out.print(
            f"the last {several(told.days, 'day')}: {', '.join(parts)}, {money(told.net, told.currency)} to pay",
            style="dim",
        )
        if told.unaccounted:
            out.print(
                f"credits paid {money(told.unaccounted, told.currency)} that no [[credits]] entry accounts for",
                style="dim",
            )


def _day(day: date | None) -> str:
    return day.isoformat() if day else "-"


def _document(standing: "Standing", lasting: "CreditStanding", curve: "Curve") -> dict[str, Any]:
    """All of it for machines."""
    from farthing.signals.budgets import period_name

    budgets = [
        {
            "name": status.budget.name,
            "period": {
                "kind": status.budget.period,
                "name": period_name(status.budget, status.period),
                "start": status.period.start,
                "end": status.period.end,
            },
            "where": status.budget.where,
            "metric": status.budget.metric,
            "currency": status.currency,
            "amount": status.amount,
            "spent": status.spent,
            "used_percent": status.used,
            "pace": status.pace,
            "forecast": status.forecast,
            "newest_day": status.newest,
            "days_left": status.days_left,
            "days_filling": status.days_filling,
            "days_missing": status.days_missing,
            "state": status.state,
            "marks": [_mark(crossing) for crossing in _crossings(status)],
        }
        for status in standing.statuses
    ]
    return {
        "budgets": budgets,
        "credits": None if lasting.credits is None else _credits(lasting.credits),
        "maturation": curve,
        "problems": [*standing.problems, *lasting.problems],
    }


def _crossings(status: "Status") -> tuple[Any, ...]:
    from farthing.signals.budget_marks import crossings

    return crossings(status)


def _mark(crossing: Any) -> dict[str, Any]:
    return {
        "percent": crossing.mark,
        "on": crossing.on,
        "threshold": crossing.signal.threshold,
        "told": crossing.told,
        "reason": crossing.signal.reason,
    }


def _credits(told: "Credits") -> dict[str, Any]:
    from farthing.signals.credit_warnings import reason

    entries = []
    for runway in told.runways:
        plainly: dict[str, Any] = builtins(runway)
        credit = runway.credit
        plainly["credit"] = credit.name
        plainly |= {"balance": credit.balance, "as_of": credit.as_of, "expires": credit.expires, "where": credit.where}
        entries.append({**plainly, "reason": reason(runway)})
    whole: dict[str, Any] = builtins(told)
    return {**whole, "runways": entries}
