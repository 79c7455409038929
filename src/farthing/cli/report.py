"""``farthing report``: what was spent, for people (a table) and for machines (JSON, CSV, Markdown)."""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farthing.model import BILLED_COST, Period
from farthing.periods import UNDERSTOOD, resolve
from farthing.query.allocation import Allocated
from farthing.query.compare import PREVIOUS, Comparison, compared, previous
from farthing.query.documents import (
    as_csv,
    as_json_text,
    as_markdown,
    compared_as_csv,
    compared_as_json,
    units_as_csv,
    units_as_json,
    warnings_of,
)
from farthing.query.model import Filter, Query, Result, label_of, parse_by, parse_metrics, parse_where
from farthing.query.sources import EXPORTS, REPORTS, SourceName
from farthing.query.unit_costs import Quantities, parse_quantities, unit_costs
from farthing.wording import several

if TYPE_CHECKING:
    from farthing.app import App
    from farthing.query.engines import Engine

DEFAULT_PERIOD = "30d"


@click.command("report", short_help="What was spent.")
@click.option("--period", metavar="WHEN", help=f"{UNDERSTOOD}, or all. Default: {DEFAULT_PERIOD}.")
@click.option("--start", metavar="DAY", help="The first day, YYYY-MM-DD.")
@click.option("--end", metavar="DAY", help="The day after the last, YYYY-MM-DD. Default: today.")
@click.option(
    "--by",
    multiple=True,
    metavar="COLUMN",
    help="Group by: service, account, account-name, day, week, month, currency, provider, or FOCUS names; with an "
    "imported export also resource, usage-type, sku, category (of the charge), region, tag:KEY, category:NAME, ...; "
    "the last three and record-type also by a lens that the ledger keeps. Repeat it, or put commas between. Default: "
    "service.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="TERMS",
    help="Only what matches: key:value with * for anything, -key:value to exclude; terms of one key are "
    "alternatives. Keys: what --by takes but for days, such as service:EC2, account:prod (id or name), tag:team=core, "
    "-category:Tax.",
)
@click.option(
    "--metric",
    multiple=True,
    metavar="NAME",
    help="billed, effective, unblended, amortized, blended, or FOCUS names. Default: billed in the table, else all.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "md", "html"]),
    default=None,
    help="Default: table. The others hold exact amounts; html is the dashboard's Explorer as one file.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--compare",
    "against",
    metavar="WHEN",
    help="Beside the period another one, spelled as for --period, or 'previous': as many months or days before it.",
)
@click.option(
    "--source",
    "only",
    type=click.Choice([REPORTS, EXPORTS]),
    help="Take figures from daily reports, or imported exports, alone. Default: exports where they cover a day.",
)
@click.option(
    "--top", type=click.IntRange(min=1), metavar="N", help="In the table: the N largest, the rest as 'other'."
)
@click.option(
    "--allocate",
    multiple=True,
    metavar="NAME",
    help="Divide shared costs by this rule of farthing.toml; 'all' for every rule. Repeat it.",
)
@click.option(
    "--per",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Cost per unit: a CSV file with ChargePeriodStart and a number for each day, named by its header.",
)
def command(
    period: str | None,
    start: str | None,
    end: str | None,
    by: tuple[str, ...],
    where: tuple[str, ...],
    metric: tuple[str, ...],
    form: str | None,
    as_json: bool,
    against: str | None,
    only: SourceName | None,
    top: int | None,
    allocate: tuple[str, ...],
    per: Path | None,
) -> None:
    """What was spent, from the days and the billing exports in the ledger. Asks AWS nothing.

    \b
    farthing report --period last-month --by account
    farthing report --by day --where 'service:*Storage* -account:sandbox'
    farthing report --period last-month --compare previous --by account
    farthing report --period 2026-Q4 --by month,service --format csv
    """  # noqa: D301 - \b is click's, for lines that stay as they are
    from farthing.asking import open_engine
    from farthing.cli._context import current_app
    from farthing.reporting import answered, days_of, question_of, rules

    form = _format(form, as_json=as_json, top=top)
    group_by = parse_by(by) or ("ServiceName",)
    filters = parse_where(" ".join(where))
    metrics = parse_metrics(metric)
    app = current_app()
    by_rule = rules(app, allocate)
    quantities = _quantities(per, against, top, allocate)
    columns = [*group_by, *(term.column for term in filters)]
    columns += [term.column for rule in by_rule for term in rule.where]
    days = days_of(app, period, start, end, columns, only)
    other = _against(against, days, app.today, top)
    if form == "html":
        _put_page(app, days, other, group_by, filters, metrics, only=only, allocate=allocate, per=per)
        return
    reach = days if other is None else Period(min(days.start, other.start), max(days.end, other.end))
    question = question_of(app, reach, columns, only, tell=lambda line: click.echo(line, err=True))
    shown = _with_account_names(group_by) if form == "table" and not quantities else group_by
    with open_engine(question) as engine:
        if quantities is not None:
            _put_units(engine, Query(days, shown, filters, metrics), quantities, form, app.today)
            return
        # The table shows the largest by the one metric that it has; an engine need not bring all the others then.
        asked = metrics if metrics is not None or form != "table" or top is None else (BILLED_COST,)
        query = Query(days, shown, filters, asked, top if form == "table" else None)
        result, allocated = answered(engine, query, by_rule)
        hints = _no_match(engine, result, filters)
        comparison = None
        if other is not None:
            comparison = compared(result, answered(engine, Query(other, shown, filters, asked), by_rule)[0])
    _warn([*hints, *warnings_of(result, app.today)])
    if comparison is not None:
        _warn(warnings_of(comparison.before, app.today))
        _put_compared(comparison, form, asked=metrics is not None)
    else:
        _put(result, allocated, form, asked=metrics is not None)


def _put_page(
    app: "App",
    days: Period,
    other: Period | None,
    group_by: Sequence[str],
    filters: Sequence[Filter],
    metrics: Sequence[str] | None,
    **others: object,
) -> None:
    """The Explorer over this report, as one HTML file on stdout."""
    from farthing.dashboard.pages import Pages
    from farthing.dashboard.reading import Reading
    from farthing.dashboard.site import report_page
    from farthing.errors import UsageError

    for option, given in others.items():
        if given:
            name = {"only": "--source"}.get(option, f"--{option}")
            raise UsageError(f"--format html and {name} are not for one report")
    reading = Reading(app)
    try:
        click.echo(report_page(Pages(reading), days, other, group_by, filters, metrics))
    finally:
        reading.close()


def _warn(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        click.echo(f"warning: {sentence}", err=True)


def _put(result: Result, allocated: Sequence[Allocated], form: str, *, asked: bool) -> None:
    if form == "table":
        from farthing.cli._report_tables import print_allocated, print_table

        print_table(result, asked=asked)
        print_allocated(result, allocated)
    elif form == "json":
        click.echo(as_json_text(result, allocated))
    elif form == "csv":
        click.echo(as_csv(result), nl=False)
    else:
        click.echo(as_markdown(result), nl=False)


def _quantities(path: Path | None, against: str | None, top: int | None, allocate: Sequence[str]) -> Quantities | None:
    """The numbers of ``--per``."""
    from farthing.errors import UsageError

    if path is None:
        return None
    for option, given in (("--compare", against), ("--top", top), ("--allocate", allocate)):
        if given:
            raise UsageError(f"--per and {option} are not for one report")
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return parse_quantities(lines, str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is no UTF-8 text"
        raise UsageError(f"{path} cannot be read: {reason}") from error


def _put_units(engine: "Engine", query: Query, quantities: Quantities, form: str, today: date) -> None:
    """Costs per unit, asked day by day."""
    from farthing.errors import UsageError

    if query.metrics is not None and len(query.metrics) > 1:
        raise UsageError("--per divides one cost: name one --metric")
    (metric,) = query.metrics or (BILLED_COST,)
    by_day = tuple(dict.fromkeys([*query.group_by, "ChargePeriodStart"]))
    result = engine.run(Query(query.period, by_day, query.filters, (metric,)))
    units = unit_costs(result, query.group_by, metric, quantities)
    _warn(warnings_of(result, today))
    if units.days_without:
        days = (
            f"{several(len(units.days_without), 'day')} with a cost {'has' if len(units.days_without) == 1 else 'have'}"
        )
        _warn([f"{days} no number of {units.unit} and {'is' if len(units.days_without) == 1 else 'are'} left out"])
    if units.days_unknown:
        are = "are" if len(units.days_unknown) > 1 else "is"
        days = several(len(units.days_unknown), "day")
        _warn([f"{days} with a number of {units.unit} {are} not in the ledger and {are} left out"])
    if form == "json":
        click.echo(units_as_json(units))
    elif form == "csv":
        click.echo(units_as_csv(units), nl=False)
    else:
        from farthing.cli._report_tables import print_units

        print_units(units, form)


def _against(against: str | None, days: Period, today: date, top: int | None) -> Period | None:
    """The period that ``--compare`` names."""
    from farthing.errors import UsageError

    if against is None:
        return None
    if top is not None:
        raise UsageError(
            "--top and --compare are not for one report: the largest of one period need not be the other's"
        )
    return previous(days) if against.strip().lower() == PREVIOUS else resolve(against, today=today, default="")


def _put_compared(comparison: Comparison, form: str, *, asked: bool) -> None:
    if form == "json":
        click.echo(compared_as_json(comparison))
    elif form == "csv":
        click.echo(compared_as_csv(comparison), nl=False)
    else:
        from farthing.cli._report_tables import print_compared

        print_compared(comparison, form, asked=asked)


def _format(form: str | None, *, as_json: bool, top: int | None) -> str:
    from farthing.errors import UsageError

    if as_json and form not in (None, "json"):
        raise UsageError(f"--json and --format {form} name two formats: use one of them")
    form = "json" if as_json else form or "table"
    if top is not None and form != "table":
        raise UsageError(f"--top shortens the table for people; leave it away with --format {form}")
    return form


def _with_account_names(group_by: tuple[str, ...]) -> tuple[str, ...]:
    """An account has one name, so naming it beside its id splits no row."""
    if "SubAccountId" not in group_by or "SubAccountName" in group_by:
        return group_by
    place = group_by.index("SubAccountId") + 1
    return (*group_by[:place], "SubAccountName", *group_by[place:])


def _no_match(engine: "Engine", result: Result, filters: Sequence[Filter]) -> list[str]:
    """Which filter values match nothing at all, each with the nearest name that is there."""
    from difflib import get_close_matches

    if result.rows or not result.days_present:
        return []
    hints = []
    for term in filters:
        columns = ("SubAccountId", "SubAccountName") if term.column == "SubAccountId" else (term.column,)
        known = [name for column in columns for name in engine.values(Query(result.period), column)]
        folded = {name.lower(): name for name in known}
        for value in () if term.exclude else term.values:
            if "*" in value or value.lower() in folded:
                continue
            holding = [name for name in folded if value.lower() in name]
            near = holding or get_close_matches(value.lower(), folded, n=1, cutoff=0.5)
            nearest = f"; the nearest is {folded[near[0]]!r}" if near else ""
            hints.append(f"nothing has the {label_of(term.column).lower()} {value!r}{nearest}; * matches a part")
    return hints
