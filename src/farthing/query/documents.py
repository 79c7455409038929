"""A report as values, JSON, CSV, Markdown and words: what the command line prints and the dashboard shows. Pure."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from farthing.model import BILLED_COST, percent_of, plain
from farthing.query.allocation import Allocated
from farthing.query.compare import Comparison
from farthing.query.model import METRICS, QUANTITIES, Key, Result, Row, label_of
from farthing.query.sources import EXPORTS, REPORTS, ranges
from farthing.query.unit_costs import UnitCosts, UnitRow
from farthing.wording import several

NAMELESS = {"Tags": "(untagged)", "x_CostCategories": "(uncategorised)"}
"""What a person reads where a charge has no value in a column."""

SOURCES = {REPORTS: "daily reports", EXPORTS: "billing exports"}
"""What a person calls the sources of figures."""

DAYS_NAMED = 5
"""How many days a message names before it says how many more there are."""


def document_of(result: Result, allocated: Sequence[Allocated] = ()) -> dict[str, Any]:
    """The result as the public contract says, exact amounts as plain decimal strings."""
    rows = [
        {
            **{column: json_key(key) for column, key in zip(result.columns, row.keys, strict=True)},
            **amounts_of(result.metrics, row.amounts),
        }
        for row in result.rows
    ]
    document: dict[str, Any] = {
        "period": {"start": str(result.period.start), "end": str(result.period.end)},
        "currency": result.currency,
        "rows": rows,
        "totals": totals_of(result),
    }
    if allocated:
        document["allocations"] = [
            {
                "name": one.rule.name,
                "method": one.rule.method,
                "to": one.rule.to,
                "amounts": amounts_of(result.metrics, one.amounts),
                "percent": {name: None if part is None else plain(part) for name, part in one.parts.items()},
            }
            for one in allocated
        ]
    return document


def as_json_text(result: Result, allocated: Sequence[Allocated] = ()) -> str:
    """:func:`document_of` as indented JSON."""
    return indented(document_of(result, allocated))


def indented(document: Mapping[str, Any]) -> str:
    """JSON in the order of the document's keys."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def units_as_json(units: UnitCosts) -> str:
    """Costs per unit: each row with the cost of the days that have a number, the number, and their quotient."""
    result = units.result

    def told(row: UnitRow) -> dict[str, Any]:
        per_unit = None if row.per_unit is None else plain(row.per_unit)
        return {units.metric: plain(row.cost), "quantity": plain(row.quantity), "per_unit": per_unit}

    return indented(
        {
            "period": {"start": str(result.period.start), "end": str(result.period.end)},
            "currency": result.currency,
            "unit": units.unit,
            "rows": [
                {**{name: json_key(key) for name, key in zip(units.columns, row.keys, strict=True)}, **told(row)}
                for row in units.rows
            ],
            "totals": told(units.total),
            "days_without": [str(day) for day in units.days_without],
            "days_unknown": [str(day) for day in units.days_unknown],
        }
    )


def units_as_csv(units: UnitCosts) -> str:
    """As :func:`as_csv`."""
    lines = [
        csv_line([*units.columns, "BillingCurrency", units.metric, units.unit, f"{units.metric} per {units.unit}"])
    ]
    for row in units.rows:
        names = [no_formula("" if key is None else str(key)) for key in row.keys]
        per_unit = "" if row.per_unit is None else plain(row.per_unit)
        lines.append(csv_line([*names, units.result.currency or "", plain(row.cost), plain(row.quantity), per_unit]))
    return "".join(lines)


def as_csv(result: Result) -> str:
    """The rows with a header, exact; a name that a spreadsheet would run as a formula gets an apostrophe."""
    with_currency = "BillingCurrency" not in result.columns
    currency = ["BillingCurrency"] if with_currency else []
    lines = [csv_line([*result.columns, *currency, *result.metrics])]
    for row in result.rows:
        names = [no_formula("" if key is None else str(key)) for key in row.keys]
        money = [result.currency or ""] if with_currency else []
        lines.append(csv_line([*names, *money, *map(plain, row.amounts)]))
    return "".join(lines)


def as_markdown(result: Result) -> str:
    """The rows as a Markdown table with a total, exact, and a line that says what they are."""
    headers = [*(label_of(column) for column in result.columns), *amount_headers(result)]
    lines = [
        markdown_row(headers),
        markdown_row([*("---" for _ in result.columns), *("---:" for _ in result.metrics)], escape=False),
    ]
    lines += [markdown_row([*names_of(result, row), *map(plain, row.amounts)]) for row in result.rows]
    if result.columns:
        names = ["**Total**", *("" for _ in result.columns[1:])]
        lines.append(markdown_row([*names, *(f"**{told}**" for told in told_totals(result, plain))], escape=False))
    return "\n".join([*lines, "", "  \n".join(caption_of(result)), ""])


def compared_as_json(comparison: Comparison) -> str:
    """As :func:`as_json_text`; each row, and the whole, also has ``before`` and ``change`` by metric."""
    after, before, metrics = comparison.after, comparison.before, comparison.metrics
    rows = [
        {
            **{column: json_key(key) for column, key in zip(after.columns, row.keys, strict=True)},
            **amounts_of(metrics, row.after),
            "before": amounts_of(metrics, row.before),
            "change": amounts_of(metrics, row.change),
        }
        for row in comparison.rows
    ]
    document = {
        "period": {"start": str(after.period.start), "end": str(after.period.end)},
        "currency": comparison.currency,
        "rows": rows,
        "totals": totals_of(after),
        "compare": {
            "period": {"start": str(before.period.start), "end": str(before.period.end)},
            "totals": totals_of(before),
            "change": {
                metric: amount
                for metric, amount in amounts_of(metrics, comparison.change).items()
                if has_sum(metric, after, before)
            },
        },
    }
    return indented(document)


def compared_as_csv(comparison: Comparison) -> str:
    """As :func:`as_csv`, with three columns for each metric."""
    metrics = comparison.metrics
    heads = [name for metric in metrics for name in (metric, f"{metric} before", f"{metric} change")]
    lines = [csv_line([*comparison.after.columns, "BillingCurrency", *heads])]
    for row in comparison.rows:
        names = [no_formula("" if key is None else str(key)) for key in row.keys]
        amounts = [plain(amount) for three in zip(row.after, row.before, row.change, strict=True) for amount in three]
        lines.append(csv_line([*names, comparison.currency or "", *amounts]))
    return "".join(lines)


def for_people(result: Result, *, asked: bool) -> Result:
    """Only one metric unless more were asked for; no column of account names where none is known."""
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


def caption_of(result: Result) -> list[str]:
    """What the figures are, in words: period, metric, how complete."""
    days = f"{result.period.start} until {result.period.end} ({several(len(result.period), 'day')})"
    meanings = [METRICS[metric].meaning if metric in METRICS else metric for metric in result.metrics]
    lines = ["; ".join([days, *meanings])]
    if result.period:
        lines.append(f"{len(result.days_present)} of {several(len(result.period), 'day')} have data")
        if result.days_provisional:
            lines[-1] += f"; provisional, still filling up: {day_list(result.days_provisional)}"
    return lines


def warnings_of(result: Result, today: date) -> list[str]:
    """What is missing in the figures, each with what mends it."""
    warnings = []
    missing = sorted({day for day in result.period if day < today} - set(result.days_present))
    if missing:
        end = missing[-1] + timedelta(days=1)
        warnings.append(
            f"{several(len(missing), 'day')} of the period {'is' if len(missing) == 1 else 'are'} not in the "
            f"ledger ({day_list(missing)}): fetch with `farthing backfill --start {missing[0]} --end {end}`"
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


def day_list(days: Sequence[date]) -> str:
    """The days, or the first ones and how many more; a run of days as 'first to last'."""
    if len(days) > 2 and (days[-1] - days[0]).days == len(days) - 1:
        return f"{days[0]} to {days[-1]}"
    more = f" and {len(days) - DAYS_NAMED:,} more" if len(days) > DAYS_NAMED else ""
    return ", ".join(map(str, days[:DAYS_NAMED])) + more


def amounts_of(metrics: Iterable[str], amounts: Iterable[Decimal]) -> dict[str, str]:
    """Amounts as plain decimal strings, by metric."""
    return {metric: plain(amount) for metric, amount in zip(metrics, amounts, strict=True)}


def has_sum(metric: str, *results: Result) -> bool:
    """Whether the rows of these results can be added up: quantities only where all are in one unit."""
    unit = QUANTITIES.get(metric)
    if unit is None:
        return True
    if any(unit not in result.columns or result.rest is not None for result in results):
        return False
    return len({row.keys[result.columns.index(unit)] for result in results for row in result.rows}) <= 1


def totals_of(result: Result) -> dict[str, str]:
    """The totals, without those of quantities in several units."""
    told = amounts_of(result.metrics, result.totals)
    return {metric: amount for metric, amount in told.items() if has_sum(metric, result)}


def told_totals(result: Result, shown: Callable[[Decimal], str]) -> list[str]:
    """A total for each metric, or a dash where there is none."""
    return [
        shown(total) if has_sum(metric, result) else "-"
        for metric, total in zip(result.metrics, result.totals, strict=True)
    ]


def amount_headers(result: Result) -> list[str]:
    """What stands above each amount: the metric, and the currency of money."""
    return [amount_header(metric, result.currency) for metric in result.metrics]


def amount_header(metric: str, currency: str | None) -> str:
    """What stands above one amount."""
    label = METRICS[metric].label if metric in METRICS else metric
    return f"{label} ({currency})" if currency and metric not in QUANTITIES else label


def share_of(part: Decimal, whole: Decimal) -> str:
    """A part in percent of the whole, as a person reads it."""
    share = percent_of(part, whole)
    return "-" if share is None else f"{share if share else abs(share)} %"


def json_key(key: Key) -> str | None:
    """A key as JSON has it."""
    return None if key is None else str(key)


def names_of(result: Result, row: Row) -> list[str]:
    """A row's keys as a person reads them."""
    return [
        f"{key:%Y-%m}"
        if key and column == "BillingPeriodStart"
        else str(key or NAMELESS.get(column.partition("/")[0], "(no name)"))
        for column, key in zip(result.columns, row.keys, strict=True)
    ]


def csv_line(cells: Iterable[str]) -> str:
    """One line of CSV, ended."""
    out = io.StringIO(newline="")
    # Only with this end of line does every version of the module quote a lone carriage return.
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n") + "\n"


def no_formula(text: str) -> str:
    """A text that no spreadsheet runs as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def markdown_row(cells: Iterable[str], *, escape: bool = True) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(_markdown(cell) if escape else cell for cell in cells) + " |"


def _markdown(text: str) -> str:
    for char in "\\|`*_[]<>":
        text = text.replace(char, f"\\{char}")
    return " ".join(text.split())
