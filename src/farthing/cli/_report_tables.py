"""Reports as tables for people."""

from collections.abc import Sequence
from decimal import Decimal

import click
from msgspec.structs import replace

from farthing.cli._tables import cents, console, table
from farthing.model import BILLED_COST, percent_of, plain
from farthing.query.allocation import Allocated
from farthing.query.compare import Comparison
from farthing.query.documents import (
    amount_header,
    amount_headers,
    caption_of,
    for_people,
    has_sum,
    markdown_row,
    names_of,
    share_of,
    told_totals,
)
from farthing.query.model import METRICS, Result, Row, label_of
from farthing.query.unit_costs import UnitCosts, UnitRow


def print_table(result: Result, *, asked: bool) -> None:
    """One metric unless more were asked for; the total, and what the figures are."""
    result = for_people(result, asked=asked)
    rows = list(result.rows)
    names = [names_of(result, row) for row in rows]
    if result.rest is not None:
        rows.append(result.rest)
        names.append([f"other ({result.rest_count:,} more)", *("" for _ in result.columns[1:])])
    total = result.totals[0] if result.totals else Decimal(0)
    shared = not result.metrics or has_sum(result.metrics[0], result)
    summed = [has_sum(metric, result) for metric in result.metrics]

    def figures(row: Row) -> list[str]:
        told = [
            cents(amount) if adds_up or row is not result.rest else "-"
            for amount, adds_up in zip(row.amounts, summed, strict=True)
        ]
        return [*told, share_of(row.amounts[0] if row.amounts else total, total)] if shared else told

    cells = [[*name, *figures(row)] for name, row in zip(names, rows, strict=True)]
    out = console()
    if cells:
        labels = ["Total", *("" for _ in result.columns[1:])] if result.columns else []
        made = table(
            [*(label_of(column) for column in result.columns), *amount_headers(result), *(["Share"] if shared else [])],
            len(result.columns),
            cells,
            [*labels, *told_totals(result, cents), *([share_of(total, total)] if shared else [])] if labels else (),
        )
        out.print(made)
    else:
        out.print("no charges")
    for line in caption_of(result):
        out.print(line, style="dim")


def print_compared(comparison: Comparison, form: str, *, asked: bool) -> None:
    """A table, or Markdown, of one metric (all that were asked for): now, before, the change and its percentage."""
    after, before = comparison.after, comparison.before
    metrics = range(len(comparison.metrics)) if asked else range(min(1, len(comparison.metrics)))
    if not asked and BILLED_COST in comparison.metrics:
        metrics = range(comparison.metrics.index(BILLED_COST), comparison.metrics.index(BILLED_COST) + 1)
    heads = [label_of(column) for column in after.columns]
    for place in metrics:
        heads += [amount_header(comparison.metrics[place], comparison.currency), "Before", "Change", "%"]
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
        [*names_of(after, Row(row.keys, row.after)), *figures(row.after, row.before, row.change)]
        for row in comparison.rows
    ]
    totals = [[result.total(metric) for metric in comparison.metrics] for result in (after, before)]
    footer = figures(totals[0], totals[1], comparison.change)
    for number, place in enumerate(metrics):
        if not has_sum(comparison.metrics[place], after, before):
            footer[4 * number : 4 * number + 4] = ["-"] * 4
    footer = ["Total", *("" for _ in after.columns[1:]), *footer]
    caption = [f"{after.period} against {before.period} (before)", *caption_of(after)[1:]]
    if form == "md":
        dashes = [*("---" for _ in after.columns), *("---:" for _ in heads[len(after.columns) :])]
        lines = [markdown_row(heads), markdown_row(dashes, escape=False), *map(markdown_row, [*rows, footer])]
        click.echo("\n".join([*lines, "", "  \n".join(caption)]))
        return
    out = console()
    out.print(table(heads, len(after.columns), rows, footer if after.columns else ()) if rows else "no charges")
    for line in caption:
        out.print(line, style="dim")


def print_units(units: UnitCosts, form: str) -> None:
    """A table, or Markdown, of costs per unit."""
    result = units.result
    unit = f" ({result.currency})" if result.currency else ""
    label = METRICS[units.metric].label if units.metric in METRICS else units.metric
    heads = [*(label_of(name) for name in units.columns), f"{label}{unit}", units.unit, f"Per {units.unit}{unit}"]

    def figures(row: UnitRow) -> list[str]:
        shown = plain if form == "md" else cents
        per_unit = "-" if row.per_unit is None else plain(row.per_unit) if form == "md" else f"{row.per_unit:,.6g}"
        return [shown(row.cost), f"{row.quantity:,f}", per_unit]

    rows = [
        [*names_of(replace(result, columns=units.columns), Row(row.keys, (row.cost,))), *figures(row)]
        for row in units.rows
    ]
    footer = ["Total", *("" for _ in units.columns[1:]), *figures(units.total)] if units.columns else []
    if form == "md":
        dashes = [*("---" for _ in units.columns), "---:", "---:", "---:"]
        shown_rows = rows if units.columns else [figures(units.total)]
        lines = [markdown_row(heads), markdown_row(dashes, escape=False), *map(markdown_row, shown_rows)]
        click.echo("\n".join([*lines, *([markdown_row(footer)] if footer else [])]))
        return
    out = console()
    out.print(table(heads, len(units.columns), rows, footer) if rows else "no charges on the days that have a number")
    out.print(f"{result.period}; cost and {units.unit} of the days that have both", style="dim")


def print_allocated(result: Result, allocated: Sequence[Allocated]) -> None:
    """What each rule divided, in a line."""
    out = console()
    for one in allocated:
        metric = result.metrics.index(BILLED_COST) if BILLED_COST in result.metrics else 0
        amount = one.amounts[metric] if one.amounts else Decimal(0)
        parts = [f"{name} {part} %" if part is not None else name for name, part in one.parts.items()]
        more = f" and {len(parts) - 5} more" if len(parts) > 5 else ""
        among = f" ({', '.join(parts[:5])}{more})" if parts else ""
        out.print(
            f"allocated by {one.rule.name} ({one.rule.method}): {cents(amount)} {result.currency or ''} among "
            f"{len(one.parts)}{among}",
            style="dim",
        )
