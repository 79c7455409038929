"""``farthing report``: what was spent, for people (a table) and for machines (JSON, CSV, Markdown)."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from farthing.ledger.reports import PREFIX, lens_prefix
from farthing.model import BILLED_COST, Period, percent_of, plain
from farthing.periods import UNDERSTOOD, resolve
from farthing.query.compare import PREVIOUS, Comparison, compared, previous
from farthing.query.model import (
    METRICS,
    Filter,
    Key,
    Query,
    Result,
    Row,
    label_of,
    parse_by,
    parse_metrics,
    parse_where,
)
from farthing.query.sources import EXPORTS, REPORTS, SourceName, ranges
from farthing.sources.lenses import Lens, lens_of
from farthing.wording import several

if TYPE_CHECKING:
    from farthing.app import App
    from farthing.query.engines import Engine
    from farthing.query.sources import ExportSlice

DEFAULT_PERIOD = "30d"
FIRST_DAY = date(2006, 1, 1)
"""Before any AWS bill: where ``--period all`` starts to look."""

NAMELESS = {"Tags": "(untagged)", "x_CostCategories": "(uncategorised)"}
"""What a person reads where a charge has no value in a column."""

SOURCES = {REPORTS: "daily reports", EXPORTS: "billing exports"}
"""What a person calls the sources of figures."""

DAYS_NAMED = 5
"""How many days a message names before it says how many more there are."""


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
    type=click.Choice(["table", "json", "csv", "md"]),
    default=None,
    help="Default: table. The others hold exact amounts.",
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
) -> None:
    """What was spent, from the days and the billing exports in the ledger. Asks AWS nothing.

    \b
    farthing report --period last-month --by account
    farthing report --by day --where 'service:*Storage* -account:sandbox'
    farthing report --period last-month --compare previous --by account
    farthing report --period 2026-Q4 --by month,service --format csv
    """  # noqa: D301 - \b is click's, for lines that stay as they are
    from msgspec.structs import replace

    from farthing.asking import Question, open_engine
    from farthing.cli._context import current_app
    from farthing.exported import export_slices

    form = _format(form, as_json=as_json, top=top)
    group_by = parse_by(by) or ("ServiceName",)
    filters = parse_where(" ".join(where))
    metrics = parse_metrics(metric)
    app = current_app()
    columns = [*group_by, *(term.column for term in filters)]
    days = _days(app, period, start, end, columns, only)
    other = _against(against, days, app.today, top)
    reach = days if other is None else Period(min(days.start, other.start), max(days.end, other.end))
    slices = () if only == REPORTS else export_slices(app, reach, local=False)
    # A lens is asked where no export can tell its column: exports know more, and it beside other columns.
    lens = None if slices and _told_by(slices, columns) else _lens(app, columns)
    shown = _with_account_names(group_by) if form == "table" else group_by
    question = Question(app, reach, only=only, tell=lambda line: click.echo(line, err=True))
    if lens:
        question = replace(question, key=lens.column, prefix=lens_prefix(lens.name), with_exports=False)
    with open_engine(question) as engine:
        # The table shows the largest by the one metric that it has; an engine need not bring all the others then.
        asked = metrics if metrics is not None or form != "table" or top is None else (BILLED_COST,)
        result = engine.run(Query(days, shown, filters, asked, top if form == "table" else None))
        hints = _no_match(engine, result, filters)
        comparison = None
        if other is not None:
            comparison = compared(result, engine.run(Query(other, shown, filters, asked)))
    for warning in (*hints, *_warnings(result, app.today)):
        click.echo(f"warning: {warning}", err=True)
    if comparison is not None:
        for warning in _warnings(comparison.before, app.today):
            click.echo(f"warning: {warning}", err=True)
        _put_compared(comparison, form, asked=metrics is not None)
    elif form == "table":
        _print_table(result, asked=metrics is not None)
    elif form == "json":
        click.echo(as_json_text(result))
    elif form == "csv":
        click.echo(as_csv(result), nl=False)
    else:
        click.echo(as_markdown(result), nl=False)


def as_json_text(result: Result) -> str:
    """The result as the public contract says, exact amounts as plain decimal strings, indented."""
    import msgspec

    rows = [
        {
            **{column: _json_key(key) for column, key in zip(result.columns, row.keys, strict=True)},
            **_amounts(result.metrics, row.amounts),
        }
        for row in result.rows
    ]
    document = {
        "period": {"start": str(result.period.start), "end": str(result.period.end)},
        "currency": result.currency,
        "rows": rows,
        "totals": _amounts(result.metrics, result.totals),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def as_csv(result: Result) -> str:
    """The rows with a header, exact; a name that a spreadsheet would run as a formula gets an apostrophe."""
    with_currency = "BillingCurrency" not in result.columns
    currency = ["BillingCurrency"] if with_currency else []
    lines = [_csv_line([*result.columns, *currency, *result.metrics])]
    for row in result.rows:
        names = [_no_formula("" if key is None else str(key)) for key in row.keys]
        money = [result.currency or ""] if with_currency else []
        lines.append(_csv_line([*names, *money, *map(plain, row.amounts)]))
    return "".join(lines)


def as_markdown(result: Result) -> str:
    """The rows as a Markdown table with a total, exact, and a line that says what they are."""
    headers = [*(label_of(column) for column in result.columns), *_amount_headers(result)]
    lines = [
        _markdown_row(headers),
        _markdown_row([*("---" for _ in result.columns), *("---:" for _ in result.metrics)], escape=False),
    ]
    lines += [_markdown_row([*_names(result, row), *map(plain, row.amounts)]) for row in result.rows]
    if result.columns:
        names = ["**Total**", *("" for _ in result.columns[1:])]
        lines.append(_markdown_row([*names, *(f"**{plain(total)}**" for total in result.totals)], escape=False))
    return "\n".join([*lines, "", "  \n".join(_caption(result)), ""])


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
        _print_compared(comparison, form, asked=asked)


def compared_as_json(comparison: Comparison) -> str:
    """As :func:`as_json_text`; each row, and the whole, also has ``before`` and ``change`` by metric."""
    import msgspec

    after, before, metrics = comparison.after, comparison.before, comparison.metrics
    rows = [
        {
            **{column: _json_key(key) for column, key in zip(after.columns, row.keys, strict=True)},
            **_amounts(metrics, row.after),
            "before": _amounts(metrics, row.before),
            "change": _amounts(metrics, row.change),
        }
        for row in comparison.rows
    ]
    document = {
        "period": {"start": str(after.period.start), "end": str(after.period.end)},
        "currency": comparison.currency,
        "rows": rows,
        "totals": _amounts(after.metrics, after.totals),
        "compare": {
            "period": {"start": str(before.period.start), "end": str(before.period.end)},
            "totals": _amounts(before.metrics, before.totals),
            "change": _amounts(metrics, comparison.change),
        },
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def compared_as_csv(comparison: Comparison) -> str:
    """As :func:`as_csv`, with three columns for each metric."""
    metrics = comparison.metrics
    heads = [name for metric in metrics for name in (metric, f"{metric} before", f"{metric} change")]
    lines = [_csv_line([*comparison.after.columns, "BillingCurrency", *heads])]
    for row in comparison.rows:
        names = [_no_formula("" if key is None else str(key)) for key in row.keys]
        amounts = [plain(amount) for three in zip(row.after, row.before, row.change, strict=True) for amount in three]
        lines.append(_csv_line([*names, comparison.currency or "", *amounts]))
    return "".join(lines)


def _print_compared(comparison: Comparison, form: str, *, asked: bool) -> None:
    """A table, or Markdown, of one metric (all that were asked for): now, before, the change and its percentage."""
    from farthing.cli._tables import cents, console, table

    after, before = comparison.after, comparison.before
    metrics = range(len(comparison.metrics)) if asked else range(min(1, len(comparison.metrics)))
    if not asked and BILLED_COST in comparison.metrics:
        metrics = range(comparison.metrics.index(BILLED_COST), comparison.metrics.index(BILLED_COST) + 1)
    unit = f" ({comparison.currency})" if comparison.currency else ""
    heads = [label_of(column) for column in after.columns]
    for place in metrics:
        metric = comparison.metrics[place]
        label = METRICS[metric].label if metric in METRICS else metric
        heads += [f"{label}{unit}", "Before", "Change", "%"]
    shown = plain if form == "md" else cents

    def figures(now: Sequence[Decimal], then: Sequence[Decimal], change: Sequence[Decimal]) -> list[str]:
        cells: list[str] = []
        for place in metrics:
            percent = percent_of(change[place], then[place])
            cells += [
                shown(now[place]),
                shown(then[place]),
                shown(change[place]),
                "-" if percent is None else f"{percent:+}",
            ]
        return cells

    rows = [
        [*_names(after, Row(row.keys, row.after)), *figures(row.after, row.before, row.change)]
        for row in comparison.rows
    ]
    totals = [[result.total(metric) for metric in comparison.metrics] for result in (after, before)]
    footer = ["Total", *("" for _ in after.columns[1:]), *figures(totals[0], totals[1], comparison.change)]
    caption = [f"{after.period} against {before.period} (before)", *_caption(after)[1:]]
    if form == "md":
        dashes = [*("---" for _ in after.columns), *("---:" for _ in heads[len(after.columns) :])]
        lines = [_markdown_row(heads), _markdown_row(dashes, escape=False), *map(_markdown_row, [*rows, footer])]
        click.echo("\n".join([*lines, "", "  \n".join(caption)]))
        return
    out = console()
    out.print(table(heads, len(after.columns), rows, footer if after.columns else ()) if rows else "no charges")
    for line in caption:
        out.print(line, style="dim")


def _format(form: str | None, *, as_json: bool, top: int | None) -> str:
    from farthing.errors import UsageError

    if as_json and form not in (None, "json"):
        raise UsageError(f"--json and --format {form} name two formats: use one of them")
    form = "json" if as_json else form or "table"
    if top is not None and form != "table":
        raise UsageError(f"--top shortens the table for people; leave it away with --format {form}")
    return form


def _lens(app: "App", columns: Iterable[str]) -> Lens | None:
    """The lens that has all these columns, None if the daily reports have them.

    Raises:
        UsageError: no reports have all of them, or the ledger does not keep the lens.
    """
    from farthing.errors import UsageError

    named = dict.fromkeys(columns)
    lenses = list(filter(None, map(lens_of, named)))
    if not lenses:
        return None
    accounts = [column for column in named if column in ("SubAccountId", "SubAccountName")]
    if len(lenses) > 1 or accounts:
        others = [*(lens.spelled for lens in lenses), *(label_of(column).lower() for column in accounts)]
        raise UsageError(
            f"no report tells {' and '.join(others)} together: Cost Explorer groups by two keys, and one of them is "
            "the service; ask for one of them at a time"
        )
    (lens,) = lenses
    if not any(app.store.keys(lens_prefix(lens.name))):
        raise UsageError(
            f"the ledger does not keep the lens {lens.spelled}: set FARTHING_LENSES={lens.spelled} for the next runs, "
            "and `farthing backfill` brings its history ($0.01 a page)"
        )
    return lens


def _told_by(slices: "Sequence[ExportSlice]", columns: Iterable[str]) -> bool:
    """Whether some export tells each of these columns."""
    return all(any(one.has(column) for one in slices) for column in columns)


def _days(
    app: "App", period: str | None, start: str | None, end: str | None, columns: Iterable[str], only: SourceName | None
) -> Period:
    """The period that is asked for; all of it is what the ledger has, of reports and of exports."""
    if period is None or period.strip().lower() != "all" or start or end:
        return resolve(period, start, end, today=app.today, default=DEFAULT_PERIOD)
    from farthing.exported import exported_days
    from farthing.query.engines.duckdb import days_in

    everything = Period(FIRST_DAY, app.today)
    exported = None if only == REPORTS else exported_days(app)
    lenses = [] if exported else [lens for lens in map(lens_of, dict.fromkeys(columns)) if lens]
    found: list[date] = []
    if only != EXPORTS:
        prefix = lens_prefix(lenses[0].name) if len(lenses) == 1 else PREFIX
        found = [day for day in days_in(app.reports_folder(everything, prefix)) if day in everything]
    firsts = [*found[:1], *([exported.start] if exported else [])]
    lasts = [*(day + timedelta(days=1) for day in found[-1:]), *([exported.end] if exported else [])]
    return Period(min(firsts), max(lasts)) if firsts else Period(app.today, app.today)


def _with_account_names(group_by: tuple[str, ...]) -> tuple[str, ...]:
    """An account has one name, so naming it beside its id splits no row."""
    if "SubAccountId" not in group_by or "SubAccountName" in group_by:
        return group_by
    place = group_by.index("SubAccountId") + 1
    return (*group_by[:place], "SubAccountName", *group_by[place:])


def _print_table(result: Result, *, asked: bool) -> None:
    from farthing.cli._tables import cents, console, table

    result = _for_people(result, asked=asked)
    rows = list(result.rows)
    names = [_names(result, row) for row in rows]
    if result.rest is not None:
        rows.append(result.rest)
        names.append([f"other ({result.rest_count:,} more)", *("" for _ in result.columns[1:])])
    total = result.totals[0] if result.totals else Decimal(0)
    cells = [
        [*name, *map(cents, row.amounts), _share(row.amounts[0] if row.amounts else total, total)]
        for name, row in zip(names, rows, strict=True)
    ]
    out = console()
    if cells:
        labels = ["Total", *("" for _ in result.columns[1:])] if result.columns else []
        made = table(
            [*(label_of(column) for column in result.columns), *_amount_headers(result), "Share"],
            len(result.columns),
            cells,
            [*labels, *map(cents, result.totals), _share(total, total)] if labels else (),
        )
        out.print(made)
    else:
        out.print("no charges")
    for line in _caption(result):
        out.print(line, style="dim")


def _for_people(result: Result, *, asked: bool) -> Result:
    """Only one metric unless more were asked for; no column of account names where none is known."""
    from msgspec.structs import replace

    keep = [index for index, name in enumerate(result.columns) if name != "SubAccountName" or len(result.columns) == 1]
    if any(row.keys[index] for row in result.rows for index in range(len(result.columns)) if index not in keep):
        keep = list(range(len(result.columns)))
    metrics = list(range(len(result.metrics)))
    if not asked:
        metrics = [result.metrics.index(BILLED_COST) if BILLED_COST in result.metrics else 0] if metrics else []
    return replace(
        result,
        columns=tuple(result.columns[index] for index in keep),
        metrics=tuple(result.metrics[index] for index in metrics),
        totals=tuple(result.totals[index] for index in metrics),
        rows=tuple(
            Row(tuple(row.keys[index] for index in keep), tuple(row.amounts[index] for index in metrics))
            for row in result.rows
        ),
        rest=result.rest and Row((), tuple(result.rest.amounts[index] for index in metrics)),
    )


def _caption(result: Result) -> list[str]:
    """What the figures are, in words: period, metric, how complete."""
    days = f"{result.period.start} until {result.period.end} ({several(len(result.period), 'day')})"
    meanings = [METRICS[metric].meaning if metric in METRICS else metric for metric in result.metrics]
    lines = ["; ".join([days, *meanings])]
    if result.period:
        lines.append(f"{len(result.days_present)} of {several(len(result.period), 'day')} have data")
        if result.days_provisional:
            lines[-1] += f"; provisional, still filling up: {_day_list(result.days_provisional)}"
    return lines


def _warnings(result: Result, today: date) -> list[str]:
    """What is missing in the figures, each with what mends it."""
    warnings = []
    missing = sorted({day for day in result.period if day < today} - set(result.days_present))
    if missing:
        end = missing[-1] + timedelta(days=1)
        warnings.append(
            f"{several(len(missing), 'day')} of the period {'is' if len(missing) == 1 else 'are'} not in the "
            f"ledger ({_day_list(missing)}): fetch with `farthing backfill --start {missing[0]} --end {end}`"
        )
    if len(result.days_from) > 1:
        told = "; ".join(
            f"{SOURCES[source]}: {', '.join(str(run) for run in ranges(days))}"
            for source, days in result.days_from.items()
        )
        warnings.append(f"the figures come from two sources, which differ a little ({told}); --source takes one alone")
    for metric, count in result.days_lacking.items():
        warnings.append(
            f"{several(count, 'day')} {'has' if count == 1 else 'have'} no {metric}: its sums leave them out"
        )
    return warnings


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


def _day_list(days: Sequence[date]) -> str:
    """The days, or the first ones and how many more; a run of days as 'first to last'."""
    if len(days) > 2 and (days[-1] - days[0]).days == len(days) - 1:
        return f"{days[0]} to {days[-1]}"
    more = f" and {len(days) - DAYS_NAMED:,} more" if len(days) > DAYS_NAMED else ""
    return ", ".join(map(str, days[:DAYS_NAMED])) + more


def _amounts(metrics: Iterable[str], amounts: Iterable[Decimal]) -> dict[str, str]:
    return {metric: plain(amount) for metric, amount in zip(metrics, amounts, strict=True)}


def _amount_headers(result: Result) -> list[str]:
    unit = f" ({result.currency})" if result.currency else ""
    return [f"{METRICS[metric].label if metric in METRICS else metric}{unit}" for metric in result.metrics]


def _share(part: Decimal, whole: Decimal) -> str:
    share = percent_of(part, whole)
    return "-" if share is None else f"{share if share else abs(share)} %"


def _json_key(key: Key) -> str | None:
    return None if key is None else str(key)


def _names(result: Result, row: Row) -> list[str]:
    """A row's keys as a person reads them."""
    return [
        f"{key:%Y-%m}"
        if key and column == "BillingPeriodStart"
        else str(key or NAMELESS.get(column.partition("/")[0], "(no name)"))
        for column, key in zip(result.columns, row.keys, strict=True)
    ]


def _csv_line(cells: Iterable[str]) -> str:
    import csv
    import io

    out = io.StringIO(newline="")
    # Only with this end of line does every version of the module quote a lone carriage return.
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n") + "\n"


def _no_formula(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def _markdown_row(cells: Iterable[str], *, escape: bool = True) -> str:
    return "| " + " | ".join(_markdown(cell) if escape else cell for cell in cells) + " |"


def _markdown(text: str) -> str:
    for char in "\\|`*_[]<>":
        text = text.replace(char, f"\\{char}")
    return " ".join(text.split())
