"""`farthing reconcile --exports`: daily reports and billing exports of the same days."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from farthing.cli._tables import cents, console, table
from farthing.errors import UsageError
from farthing.exported import export_slices
from farthing.jsontext import builtins, pretty
from farthing.ledger.proofs import Reconciled, Unequal, keep
from farthing.ledger.reports import PREFIX
from farthing.model import BILLED_COST, EFFECTIVE_COST, Period
from farthing.query.differences import TOLERANCE, DayDifference, differences, total
from farthing.query.engines.duckdb import DuckDBEngine
from farthing.query.model import Filter, Query
from farthing.query.sources import AWS, EXPORTS, FILLING_DAYS, REPORTS, ExportSlice
from farthing.wording import several, signed

if TYPE_CHECKING:
    from farthing.app import App

METRICS = (BILLED_COST, EFFECTIVE_COST)


def compare_exports(app: "App", days: Period, *, as_json: bool) -> int:
    """Prints the differences; the exit code is 1 if a day that is complete in both differs by a cent or more.

    Raises:
        UsageError: nothing is covered by both.
        CurrencyError: a source has two currencies in these days.
    """
    slices = [one for one in export_slices(app, days) if one.provider == AWS]
    query = Query(days, ("ChargePeriodStart",), (Filter("ProviderName", (AWS,)),))
    with DuckDBEngine(app.report_files(PREFIX), days, now=app.now, only=REPORTS) as engine:
        reports = engine.run(query)
    with DuckDBEngine(None, days, now=app.now, slices=slices, only=EXPORTS) as engine:
        exports = engine.run(query)
    incomplete = _incomplete(slices)
    found = differences(reports, exports, METRICS, incomplete=incomplete, now=app.now)
    if not found:
        raise UsageError(
            f"no day of {days} is both in the daily reports and in an imported export of {AWS}: import one "
            "(`farthing import PATH`), or name another --period"
        )
    wrong = [one for one in found if one.why and one.day not in incomplete and abs(one.difference) >= TOLERANCE]
    keep(app.store, _kept(found, wrong, days, reports.currency or "", app.now))
    if as_json:
        document = {
            "period": {"start": str(days.start), "end": str(days.end)},
            "currency": reports.currency,
            "equal": not wrong,
            "days": [builtins(one) for one in found],
            "differences": {metric: total(found, metric) for metric in METRICS},
        }
        click.echo(pretty(document))
    else:
        _print(found, reports.currency or "")
    return 1 if wrong else 0


def _incomplete(slices: Sequence[ExportSlice]) -> set[date]:
    """Days that were still filling when their export was delivered."""
    return {day for one in slices if not one.whole for day in list(one.days)[-FILLING_DAYS:]}


def _print(found: Sequence[DayDifference], currency: str) -> None:
    billed = [one for one in found if one.metric == BILLED_COST]
    out = console()
    rows = [[str(one.day), one.why or "equal", *map(cents, (one.report, one.export, one.difference))] for one in billed]
    unit = f" ({currency})"
    out.print(table(["Day", "Why", f"Reports{unit}", f"Exports{unit}", f"Difference{unit}"], 2, rows))
    out.print(_verdict(found, currency))


def _verdict(found: Sequence[DayDifference], currency: str) -> str:
    """All in one sentence."""
    billed = [one for one in found if one.metric == BILLED_COST]
    differing = sum(bool(one.difference) for one in billed)
    return (
        f"{several(len(billed), 'day')} in both, {differing} with a difference; billed cost of the exports is "
        f"{signed(total(found, BILLED_COST))} {currency} against the daily reports"
    )


def _kept(
    found: Sequence[DayDifference], wrong: Sequence[DayDifference], days: Period, currency: str, now: datetime
) -> Reconciled:
    """What is kept of it."""
    unequal = {one.day: Unequal(one.day, "differs", one.why) for one in sorted(wrong, key=lambda one: one.day)}
    return Reconciled(
        against="exports",
        at=now,
        period=days,
        equal=not wrong,
        verdict=_verdict(found, currency),
        unequal=tuple(reversed(unequal.values())),
    )
