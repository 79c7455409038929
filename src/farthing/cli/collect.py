"""`farthing collect`: the daily run."""

import click

from farthing.cli._context import console, current_app, progress
from farthing.collect import RunResult, collect
from farthing.jsontext import builtins, pretty
from farthing.model import ZERO, is_filling
from farthing.planning import Plan, plan_daily, plan_lenses
from farthing.wording import day_name, money, several

BREACHED = 3


@click.command("collect", short_help="The daily run: ask, keep, compare, alert.")
@click.option(
    "--days", type=click.IntRange(3, 92), help="How many days back to ask (FARTHING_WINDOW_DAYS; default 14)."
)
@click.option("--dry-run", is_flag=True, help="Show what would be asked and what it costs; ask nothing.")
@click.option("--fail-on-breach", is_flag=True, help="Exit 3 if a day is over its threshold.")
@click.option("--json", "as_json", is_flag=True, help="The run record as JSON.")
def command(days: int | None, dry_run: bool, fail_on_breach: bool, as_json: bool) -> int:
    """Ask Cost Explorer one question, keep every day that is new or restated, compare, alert.

    A second run on the same day writes no report and no alert, and sends nothing. Without a Slack webhook
    (FARTHING_SLACK_WEBHOOK_URL) the message is shown here instead of sent.
    """
    if days is not None:
        click.get_current_context().find_root().obj["environment"]["FARTHING_WINDOW_DAYS"] = str(days)
    app = current_app(previews_to_stderr=as_json)
    place = app.workplace()
    if dry_run:
        plan = plan_daily(place)
        plans = [plan, *plan_lenses(place, plan).values()]
        _show_plan(plans, as_json, simulated=place.source.source.kind == "simulated")
        return 0
    with progress("collecting") as (on_page, on_day):
        result = collect(place, invocation=app.invocation(), on_page=on_page, on_day=on_day)
    show_result(result, as_json)
    result.require_success()
    return BREACHED if fail_on_breach and result.over else 0


def _show_plan(plans: list[Plan], as_json: bool, *, simulated: bool) -> None:
    plan = plans[0]
    requests = sum(one.requests for one in plans)
    total = sum((one.price for one in plans), start=ZERO)
    cautions = [one.caution for one in plans if one.caution]
    if as_json:
        document = {
            "window": plan.period,
            "billed_requests": requests,
            "price_usd": total,
            "basis": plan.basis,
            "caution": "; ".join(cautions),
        }
        click.echo(pretty(document))
        return
    price = "nothing (simulated)" if simulated else f"about {money(total, 'USD')}"
    lenses = f", also by {', '.join(one.lens for one in plans[1:])}" if len(plans) > 1 else ""
    click.echo(
        f"would ask for {plan.period} ({several(len(plan.period), 'day')}){lenses}, "
        f"{several(requests, 'billed request')}: {price}"
    )
    click.echo(f"({plan.basis})")
    for caution in cautions:
        click.echo(caution)


def show_result(result: RunResult, as_json: bool) -> None:
    """What a run did, for a person or (the run record, with its state and the newest day) for a machine."""
    record = result.record
    if as_json:
        click.echo(pretty({**builtins(record), "over_threshold": result.over, "ok": not result.failures}))
        return
    to = console()
    if record.window is None:
        return  # it ended before there was anything to ask
    noun = "free request" if record.source.kind == "simulated" else "billed request"
    asked = f"{several(record.billed_requests, noun)}, {several(record.groups, 'row')}"
    to.print(f"asked    {record.window}: {asked}", markup=False)
    to.print(
        f"kept     {several(len(record.days_written), 'new day')}, {len(record.days_restated)} restated, "
        f"{record.days_unchanged} unchanged",
        markup=False,
    )
    for lens in record.lenses:
        told = f"{several(len(lens.days_written), 'new day')}, {len(lens.days_restated)} restated"
        state = "" if lens.whole else ", not whole"
        to.print(f"lens     {lens.name}: {told}, {lens.days_unchanged} unchanged{state}", markup=False)
    if record.days_missing:
        to.print(
            f"missing  {several(len(record.days_missing), 'day')} that the source did not answer",
            markup=False,
        )
    if result.newest is not None:
        state = "provisional: still filling up" if is_filling(result.newest.date, record.started_at) else "complete"
        total = money(result.newest.total(), result.newest.currency)
        to.print(f"newest   {day_name(result.newest.date)}: {total} ({state})", markup=False)
    counts = f"{record.alerts_created} new, {record.alerts_sent} sent, {record.alerts_suppressed} only recorded"
    to.print(f"alerts   {counts}{f', {record.alerts_failed} failed' if record.alerts_failed else ''}", markup=False)
