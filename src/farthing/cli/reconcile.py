"""`farthing reconcile`: the stored totals against the bill's own."""

import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from farthing.cli._context import current_app
from farthing.errors import CorruptError, FarthingError, LedgerError, UsageError
from farthing.jsontext import pretty
from farthing.ledger.proofs import Reconciled, Unequal, keep
from farthing.ledger.reports import Reports, require_same_source
from farthing.ledger.runs import Runs
from farthing.ledger.totals import lens_names, stored_days
from farthing.model import BILLED_COST, EFFECTIVE_COST, ZERO, Period, plain
from farthing.periods import UNDERSTOOD, resolve
from farthing.planning import Plan, learned, plan_daily, plan_lenses, window
from farthing.reconcile import DayProof, LeftOut, MetricProof, Proof, RecordType, command_for_all, prove
from farthing.sources import PRICE_PER_REQUEST
from farthing.sources.totals import RECORD_TYPES, TotalsSource
from farthing.wording import money, number, several

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from farthing.app import App
    from farthing.workplace import Workplace

SPARE = 2
"""A question may take this many times the requests that it was priced with before it is stopped."""


@click.command("reconcile", short_help="Prove the stored totals against an independent ungrouped query.")
@click.option("--period", metavar="WHEN", help=f"{UNDERSTOOD}. Default: the window of a daily run.")
@click.option("--start", metavar="DAY", help="The first day, YYYY-MM-DD.")
@click.option("--end", metavar="DAY", help="The day after the last, YYYY-MM-DD. Default: today.")
@click.option("--exports", is_flag=True, help="Compare the daily reports with imported exports; asks AWS nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before the first billed request.")
@click.option("--json", "as_json", is_flag=True, help="The proof as JSON.")
def command(period: str | None, start: str | None, end: str | None, exports: bool, yes: bool, as_json: bool) -> int:
    """Compare each stored day with the total that Cost Explorer adds up by itself, to the last decimal.

    Asks for ungrouped totals, then for what they consist of, by record type. With FARTHING_SCOPE also for the record
    types of the whole bill, so that everything that the scope leaves out is listed. Each page is a billed request
    ($0.01). Nothing that was collected is changed; the result is kept for the dashboard and doctor. Ends with 1 if
    anything differs.

    With --exports each day that daily reports and imported billing exports both cover is compared, free of charge; ends
    with 1 if a day that is complete in both differs by a cent or more.
    """
    app = current_app()
    days = _days(app, period, start, end)
    if exports:
        from farthing.cli._reconciled_exports import compare_exports

        return compare_exports(app, days, as_json=as_json)
    source = _source(app)
    allowed = _agreed(app, source, days, yes=yes)
    place = app.workplace()
    plan = plan_daily(place)
    lenses_collected = _lenses_reached(place, plan)
    try:
        asked = source.days(days, max_requests=allowed)
        record_types = source.record_types(days, scoped=True, max_requests=allowed)
        scope = source.source.scope
        whole = source.record_types(days, scoped=False, max_requests=allowed) if scope else None
    except FarthingError:
        if source.billed_requests:
            click.echo(_billed(source), err=True)
        raise
    proof = prove(
        days,
        stored_days(app.store, days, place.lenses),
        asked,
        record_types,
        whole,
        now=app.now,
        collected=_reached(plan),
        lenses_collected=lenses_collected,
    )
    keep(app.store, _kept(proof, source, app.now))
    not_kept = [name for name in lens_names(app.store) if name not in place.lenses]
    if as_json:
        click.echo(pretty(_document(proof, source, not_kept)))
    else:
        _print(proof, source, not_kept)
    return 0 if proof.equal else 1


def _kept(proof: Proof, source: TotalsSource, now: datetime) -> Reconciled:
    """What is kept of it."""
    differ = [day for day in proof.days if day.state != "equal"]
    differ += [one for one in proof.lenses if one.state != "rounding"]
    newest = sorted(differ, key=lambda one: (one.day, one.lens), reverse=True)
    return Reconciled(
        against="simulated" if source.source.kind == "simulated" else "cost-explorer",
        at=now,
        period=proof.period,
        equal=proof.equal,
        verdict=_verdict(proof),
        unequal=tuple(
            Unequal(one.day, (f"lens {one.lens}: " if one.lens else "") + _named(one.state), one.why) for one in newest
        ),
        mend=command_for_all((*proof.days, *proof.lenses)),
    )


def _source(app: "App") -> TotalsSource:
    """What a daily run asks, asked for totals."""
    settings = app.settings
    simulated = settings.source == "simulated"
    return TotalsSource(
        app.cost_explorer(),
        kind="simulated" if simulated else "cost-explorer",
        billing_view_arn=None if simulated else settings.billing_view_arn,
        scope=settings.scope,
    )


def _reached(plan: Plan) -> Period:
    """The days that a daily run really asks for; none where its cap leaves too few requests to tell which."""
    return plan.period if plan.cap is None or plan.requests <= plan.cap else Period(plan.period.end, plan.period.end)


def _lenses_reached(place: "Workplace", daily: Plan) -> dict[str, Period]:
    try:
        return {name: _reached(plan) for name, plan in plan_lenses(place, daily).items()}
    except CorruptError:  # of one lens no report can be read: the proof says so, and a backfill is right for the others
        return {}


def _days(app: "App", period: str | None, start: str | None, end: str | None) -> Period:
    """What is asked for, without days that have not been collected yet."""
    trailing = window(app.today, app.settings.window_days, ())
    wanted = trailing
    if period is not None or start is not None or end is not None:
        wanted = resolve(period, start, end, today=app.today, default="")
    if wanted.start >= min(wanted.end, app.today):
        raise UsageError(f"{wanted} has no day before today, {app.today}: a day is collected when it is over")
    return Period(wanted.start, min(wanted.end, app.today))


def _agreed(app: "App", source: TotalsSource, days: Period, *, yes: bool) -> int:
    """Says the price and asks for consent; returns the most requests that may be billed."""
    reports = Reports(app.store)
    if not any(day in days for day in reports.days()):
        raise LedgerError(
            f"the ledger has no day of {days}, so there is nothing to prove: bring them by `farthing backfill "
            f"--start {days.start} --end {days.end}`"
        )
    _, page_size, newest = learned(reports, Runs(app.store), app.today)
    if newest is not None:
        require_same_source(newest.source, source.source)
    by_record_type = -(-RECORD_TYPES * len(days) // page_size) if page_size else 1
    requests = 1 + by_record_type * (2 if source.source.scope else 1)
    simulated = source.source.kind == "simulated"
    price = "nothing (simulated)" if simulated else f"about {money(requests * PRICE_PER_REQUEST, 'USD')}"
    click.echo(
        f"{days} ({several(len(days), 'day')}): {several(requests, _noun(source))}, {price}: ungrouped, by record "
        f"type{', and by record type without the scope' if source.source.scope else ''}",
        err=True,
    )
    if not yes and not simulated:
        if not sys.stdin.isatty():
            raise UsageError("nothing was asked: say --yes to go on without being asked")
        click.confirm("Go on?", abort=True, err=True)
    return max(SPARE * requests, app.settings.max_billed_requests)


def _noun(source: TotalsSource) -> str:
    return "free request" if source.source.kind == "simulated" else "billed request"


def _billed(source: TotalsSource) -> str:
    free = source.source.kind == "simulated"
    price = "nothing was billed" if free else money(source.billed_requests * PRICE_PER_REQUEST, "USD")
    return f"{several(source.billed_requests, _noun(source))}, {price}"


def _document(proof: Proof, source: TotalsSource, not_kept: Sequence[str]) -> dict[str, object]:
    excluded = proof.excluded
    return {
        "period": {"start": proof.period.start, "end": proof.period.end},
        "source": source.source.kind,
        "scope": source.source.scope,
        "equal": proof.equal,
        "days": [_day_document(day) for day in proof.days],
        "lenses": [{"lens": one.lens, **_day_document(one, "daily", "lens")} for one in proof.lenses],
        "lens_reports": dict(proof.lenses_seen),
        "lenses_not_kept": list(not_kept),
        "sums": [
            {
                "metric": one.metric,
                "currency": one.currency,
                "ledger": one.stored,
                "source": one.asked,
                "difference": one.difference,
            }
            for one in proof.sums
        ],
        "record_types": [
            {"record_type": one.name, "currency": one.currency, "totals": dict(one.totals)}
            for one in proof.record_types
        ],
        "excluded": [
            {
                "record_type": one.name,
                "currency": one.currency,
                "entirely": one.entirely,
                "totals": dict(one.totals),
            }
            for one in excluded or ()
        ],
        "contradictions": list(proof.contradictions),
        "billed_requests": 0 if source.source.kind == "simulated" else source.billed_requests,
        "request_ids": source.request_ids,
    }


def _day_document(day: DayProof, here: str = "ledger", there: str = "source") -> dict[str, object]:
    return {
        "date": day.day,
        "state": day.state,
        "currency": {here: day.stored_currency, there: day.asked_currency},
        "metrics": {
            one.metric: {"state": one.state, here: one.stored, there: one.asked, "difference": one.difference}
            for one in day.metrics
        },
        "why": day.why,
        "mend": day.mend,
    }


def _print(proof: Proof, source: TotalsSource, not_kept: Sequence[str]) -> None:
    from farthing.cli._tables import console, printable, table

    to = console()
    asked = "Simulation" if source.source.kind == "simulated" else "AWS"
    currencies = {own for day in proof.days for own in (day.stored_currency, day.asked_currency) if own}
    currency = currencies.pop() if len(currencies) == 1 else None
    unit = f" ({currency})" if currency else ""
    headers = ["Day", "Metric", f"Ledger{unit}", f"{asked}{unit}", "Result"]
    to.print(table(headers, 2, [row for day in proof.days for row in _rows(day, currency)]))
    if proof.record_types:
        click.echo("What this total consists of, by record type:")
        to.print(_parts(proof.record_types))
    _print_excluded(proof, source.source.scope, to)
    for day in proof.days:
        if day.state != "equal":
            click.echo(printable(f"{day.day} {_named(day.state)}: {day.why}"))
    for one in proof.lenses:
        if one.state == "rounding":
            continue
        metrics = ", ".join(metric.metric for metric in one.metrics if metric.state != "equal")
        figures = f" ({metrics})" if metrics else ""
        click.echo(printable(f"the lens {one.lens} of {one.day}{figures} {_named(one.state)}: {one.why}"))
    _print_rounding(proof)
    if not_kept:
        click.echo(printable(f"not compared, because FARTHING_LENSES names them no more: {', '.join(not_kept)}"))
    for sentence in proof.contradictions:
        click.echo(sentence)
    if command := command_for_all((*proof.days, *proof.lenses)):
        mendable = {one.day for one in (*proof.days, *proof.lenses) if one.mend}
        click.echo(f"Bring {several(len(mendable), 'day')} up to date: `{command}`")
    click.echo(_verdict(proof))
    click.echo(_billed(source))


def _print_rounding(proof: Proof) -> None:
    """A line for each lens: a real bill has such differences on every day."""
    from farthing.cli._tables import printable

    rounded: dict[str, list[DayProof]] = {}
    for one in proof.lenses:
        if one.state == "rounding":
            rounded.setdefault(one.lens, []).append(one)
    for name, proofs in sorted(rounded.items()):
        most = max(abs(metric.difference or ZERO) for one in proofs for metric in one.metrics)
        differs = "differs from its day" if len(proofs) == 1 else "differ from their days"
        click.echo(
            printable(
                f"the lens {name}: {several(len(proofs), 'report')} {differs} by rounding only, at most {plain(most)} "
                f"{proofs[0].stored_currency}: Cost Explorer rounds each group"
            )
        )


def _rows(day: DayProof, currency: str | None) -> list[list[str]]:
    """A day in one row where all its metrics are alike, else one row for each metric that is not equal.

    ``currency`` stands in the head of the table; None where there are two, and each amount has its own.
    """
    if day.state != "differs" and len({one.state for one in day.metrics}) <= 1:
        shown = next((one for one in day.metrics if one.metric == BILLED_COST), None) or next(iter(day.metrics), None)
        others = f" +{len(day.metrics) - 1}" if len(day.metrics) > 1 else ""
        label = f"{shown.metric}{others}" if shown else ""
        return [[str(day.day), label, *_figures(day, shown, currency), day.state]]
    unequal = [one for one in day.metrics if one.state != "equal"]
    return [[str(day.day), one.metric, *_figures(day, one, currency), _result(one)] for one in unequal]


def _figures(day: DayProof, one: MetricProof | None, currency: str | None) -> tuple[str, str]:
    stored, asked = (one.stored, one.asked) if one else (None, None)
    return _cents(stored, day.stored_currency, currency), _cents(asked, day.asked_currency, currency)


def _cents(amount: Decimal | None, own: str | None, currency: str | None) -> str:
    if amount is None or own is None:
        return "-"
    return number(amount) if currency else money(amount, own)


def _result(one: MetricProof) -> str:
    return f"differs by {signed_exactly(one.difference)}" if one.difference else one.state


def _named(state: str, *, many: bool = False) -> str:
    """The state as what a day does: '2026-11-20 differs', '2 days differ'."""
    verb = "are" if many else "is"
    return {
        "differs": "differ" if many else "differs",
        "other currency": f"{verb} in another currency",
        "unreadable": "cannot be read",
    }.get(state, f"{verb} {state}")


def _parts(rows: Sequence[RecordType | LeftOut]) -> "Table":
    """Record types with their exact amounts, the two metrics that people judge by."""
    from farthing.cli._tables import table

    metrics = [metric for metric in (BILLED_COST, EFFECTIVE_COST) if any(metric in row.totals for row in rows)]
    cells = [
        [row.name, row.currency, *(plain(row.totals[metric]) if metric in row.totals else "-" for metric in metrics)]
        for row in rows
    ]
    return table(["Record type", "Currency", *metrics], 2, cells)


def _print_excluded(proof: Proof, scope: str | None, to: "Console") -> None:
    if proof.excluded is None:
        click.echo("excluded: none (the ledger has no scope)")
        return
    if not proof.excluded:
        click.echo(f"excluded: none (the scope {scope} holds the whole bill)")
        return
    click.echo(f"excluded by the scope {scope}:")
    to.print(_parts(proof.excluded))
    entirely = sorted({one.name for one in proof.excluded if one.entirely})
    if entirely:
        click.echo(f"Nothing at all is in the scope of: {', '.join(entirely)}.")
    if scope and ("tag:" in scope or "category:" in scope):
        click.echo("Tax, support, credits and other charges without tags typically fall out of such a scope.")


def _verdict(proof: Proof) -> str:
    """All in one sentence."""
    lenses = f" and {several(sum(proof.lenses_seen.values()), 'lens report')}" if proof.lenses_seen else ""
    rounded = sum(one.state == "rounding" for one in proof.lenses)
    lenses += f" ({rounded:,} of them but for rounding)" if rounded else ""
    if proof.equal:
        total = ", ".join(f"{plain(one.asked)} {one.currency}" for one in proof.sums if one.metric == BILLED_COST)
        return f"equal to the last decimal: {several(len(proof.days), 'day')}{lenses}, {BILLED_COST} {total}"
    parts = []
    for state in dict.fromkeys(day.state for day in proof.days if day.state != "equal"):
        count = sum(day.state == state for day in proof.days)
        parts.append(f"{several(count, 'day')} {_named(state, many=count > 1)}")
    if others := len(proof.lenses) - rounded:
        parts.append(f"{several(others, 'lens report')} not the same as the day's")
    if proof.contradictions:
        parts.append("the record types do not add up")
    equal = sum(day.state == "equal" for day in proof.days)
    differences = ", ".join(
        f"{signed_exactly(one.difference)} {one.currency}" for one in proof.sums if one.metric == BILLED_COST
    )
    over_all = f"; {BILLED_COST} differs by {differences} over the days that both have" if differences else ""
    return f"not equal: {'; '.join(parts)}; {equal} of {several(len(proof.days), 'day')} equal{over_all}"


def signed_exactly(amount: Decimal) -> str:
    """A difference with its sign and all its decimals: '+0.0000000012', '-3', '0'."""
    return f"{'+' if amount > 0 else ''}{plain(amount)}"
