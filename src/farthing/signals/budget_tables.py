"""The ``[[budgets]]`` tables of farthing.toml. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from farthing.query.selection import REPORT_COLUMNS
from farthing.signals.budgets import (
    DAILY,
    DAILY_ACTUAL,
    DEFAULT_ACTUAL,
    DEFAULT_FORECAST,
    METRICS,
    MONTHLY,
    PERIODS,
    QUARTERLY,
    YEARLY,
    Budget,
    period_of,
)
from farthing.signals.tables import TableReader, same_names, tables_in

KEYS = (
    *("name", "amount", "amounts", "currency", "period", "start_month", "where", "metric"),
    *("actual", "forecast"),
)
_MONTH = re.compile(r"(?!0000)[0-9]{4}-(0[1-9]|1[0-2])")


def parse_budgets(tables: Sequence[Any], where: str, problems: list[str]) -> tuple[Budget, ...]:
    """The budgets; what is wrong with them is added to ``problems``.

    Args:
        tables: as they stand in the file.
        where: the file's name.
        problems: takes a sentence for each thing that is wrong.
    """
    budgets = []
    for called, table in tables_in(tables, "budget", where, problems):
        budget = _budget(table, called, problems)
        if budget is not None:
            budgets.append(budget)
    same_names([budget.name for budget in budgets], "budgets", where, problems)
    return tuple(budgets)


def _budget(table: Mapping[str, Any], called: str, problems: list[str]) -> Budget | None:
    reader = TableReader(table, called, KEYS, problems)
    period = reader.choice("period", PERIODS, MONTHLY)
    start_month = reader.whole("start_month", 1, 12)
    if start_month is not None and period not in (QUARTERLY, YEARLY):
        reader.problem(f"start_month of {called} is for a yearly or quarterly budget, this one is {period}")
    amount, amounts = reader.amount("amount"), reader.amounts("amounts")
    if "amount" not in table and not amounts:
        reader.problem(f"{called} needs amount, what may be spent in each period")
    scope, filters = reader.filters("where", REPORT_COLUMNS)
    budget = Budget(
        name=reader.text("name", required=True) or "",
        amount=amount,
        amounts=amounts,
        period=period,
        start_month=start_month or 1,
        where=scope,
        filters=filters,
        metric=METRICS[reader.choice("metric", METRICS, "billed")],
        currency=reader.currency("currency"),
        actual=reader.numbers("actual", DAILY_ACTUAL if period == DAILY else DEFAULT_ACTUAL),
        forecast=() if period == DAILY else reader.numbers("forecast", DEFAULT_FORECAST),
    )
    if period == DAILY and "forecast" in table:
        reader.problem(f"{called} is daily: a day that is over needs no forecast, leave it away")
    for month in amounts:
        if not _MONTH.fullmatch(month):
            reader.problem(f"amounts of {called}: {month!r} is no month, write it like 2026-11")
        elif period != DAILY and period_of(budget, first := date.fromisoformat(f"{month}-01")).start != first:
            reader.problem(f"amounts of {called}: no {period} period begins in {month}")
    return budget if reader.is_fine else None
