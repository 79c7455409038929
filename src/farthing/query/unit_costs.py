"""Unit costs: what an order, a customer, a build costs, given how many there were on each day. Pure.

Only days that have both count, on both sides: a day without a number would make a unit look dearer than it was, one
that the ledger does not have cheaper.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Context, Decimal

import msgspec

from farthing.errors import AmountError, UsageError
from farthing.model import EXACT, ZERO, exact_sum, parse_amount
from farthing.query.model import Key, Result, is_day, parse_by

DAY = "ChargePeriodStart"
DIGITS = 12
"""Significant digits of a cost per unit: a quotient has no last decimal."""

_QUOTIENT = Context(prec=DIGITS)


class Quantities(msgspec.Struct, frozen=True):
    """How many units there were, by day and, where the file has such a column, by value of a report's column."""

    unit: str
    column: str | None
    by_day: Mapping[tuple[date, str], Decimal]

    @property
    def days(self) -> frozenset[date]:
        """The days that have a number."""
        return frozenset(day for day, _ in self.by_day)


class UnitRow(msgspec.Struct, frozen=True):
    """One group: its cost on the days that have a number, how many units these are, and one unit's cost.

    ``per_unit`` has 12 significant digits; None where there were no units.
    """

    keys: tuple[Key, ...]
    cost: Decimal
    quantity: Decimal
    per_unit: Decimal | None


class UnitCosts(msgspec.Struct, frozen=True):
    """The answer.

    ``days_without`` are days of the period with a cost and without a number, ``days_unknown`` those with a number that
    the ledger does not have: both are left out.
    """

    result: Result
    metric: str
    unit: str
    columns: tuple[str, ...]
    rows: tuple[UnitRow, ...]
    total: UnitRow
    days_without: tuple[date, ...]
    days_unknown: tuple[date, ...] = ()


def parse_quantities(lines: Iterable[str], name: str) -> Quantities:
    """A CSV file: ChargePeriodStart, a column with numbers (its name is the unit's), and optionally a report's column.

    Raises:
        UsageError: it is not such a file; the message has the line.
    """
    reader = csv.reader(lines)
    header = [cell.strip() for cell in next(reader, [])]
    day, number, column = _places(header, name)
    found: dict[tuple[date, str], Decimal] = {}
    for line in reader:
        if not any(cell.strip() for cell in line):
            continue
        where = f"{name}, line {reader.line_num}"
        if len(line) != len(header):
            raise UsageError(f"{where}: it has {len(line)} fields, the header has {len(header)}")
        try:
            moment = date.fromisoformat(line[day].strip()[:10])
            amount = parse_amount(line[number].strip())
        except (ValueError, AmountError) as error:
            raise UsageError(f"{where}: {error}") from error
        if amount < 0:
            raise UsageError(f"{where}: {line[number].strip()} {header[number]} are fewer than none")
        key = (moment, line[column].strip() if column is not None else "")
        found[key] = EXACT.add(found.get(key, ZERO), amount)
    if not found:
        raise UsageError(f"{name} has no row below its header")
    return Quantities(header[number], None if column is None else parse_by([header[column]])[0], found)


def _places(header: Sequence[str], name: str) -> tuple[int, int, int | None]:
    folded = [cell.lower() for cell in header]
    if DAY.lower() not in folded or len(header) not in (2, 3):
        raise UsageError(
            f"{name}: its header must be {DAY}, the unit's name, and optionally a column of the report such as "
            f"SubAccountId, not {','.join(header) or 'nothing'}"
        )
    day = folded.index(DAY.lower())
    others = [place for place in range(len(header)) if place != day]
    known = [place for place in others if _is_column(header[place])]
    if len(others) == 1:
        return day, others[0], None
    if len(known) != 1:
        raise UsageError(
            f"{name}: of {header[others[0]]} and {header[others[1]]} one must be a column of the report, the other the "
            "unit's name"
        )
    return day, next(place for place in others if place != known[0]), known[0]


def _is_column(name: str) -> bool:
    try:
        parse_by([name])
    except UsageError:
        return False
    return True


def unit_costs(result: Result, group_by: Sequence[str], metric: str, quantities: Quantities) -> UnitCosts:
    """Costs per unit.

    Args:
        result: grouped by ``group_by`` and, whether asked for or not, by day.
        group_by: what the rows are to be told apart by.
        metric: which cost.
        quantities: how many units.

    Raises:
        UsageError: the numbers are by a column that the rows are not told apart by; or by week or month rows are.
    """
    for name in group_by:
        if is_day(name) and name != DAY:
            raise UsageError("unit costs are by day or over the whole period: leave week and month out of --by")
    if quantities.column is not None and quantities.column not in group_by:
        raise UsageError(f"the numbers of {quantities.unit} are by {quantities.column}: group by it too")
    at = [result.columns.index(name) for name in group_by]
    day_at = result.columns.index(DAY)
    amount_at = result.metrics.index(metric) if metric in result.metrics else None
    days = quantities.days
    costs: dict[tuple[Key, ...], Decimal] = {}
    without: set[date] = set()
    for row in result.rows:
        day = row.keys[day_at]
        if day not in days:
            without.add(day)  # type: ignore[arg-type]
            continue
        keys = tuple(row.keys[place] for place in at)
        amount = row.amounts[amount_at] if amount_at is not None else ZERO
        costs[keys] = EXACT.add(costs.get(keys, ZERO), amount)
    known = {*result.days_present, *(row.keys[day_at] for row in result.rows)}
    inside = {key: amount for key, amount in quantities.by_day.items() if key[0] in known}
    unknown = tuple(sorted(day for day in days if day in result.period and day not in known))
    rows = [_row(keys, cost, _quantity(keys, group_by, quantities.column, inside)) for keys, cost in costs.items()]
    rows.sort(key=lambda row: (row.cost.copy_negate(), [str(key) for key in row.keys]))
    total = _row((), exact_sum(costs.values()), exact_sum(inside.values()))
    left_out = tuple(sorted(without)), unknown
    return UnitCosts(result, metric, quantities.unit, tuple(group_by), tuple(rows), total, *left_out)


def _quantity(
    keys: tuple[Key, ...], group_by: Sequence[str], column: str | None, inside: Mapping[tuple[date, str], Decimal]
) -> Decimal:
    named = dict(zip(group_by, keys, strict=True))
    day = named.get(DAY)
    value = named.get(column) if column is not None else ""
    return exact_sum(
        amount
        for (moment, text), amount in inside.items()
        if (day is None or moment == day) and (column is None or text == value)
    )


def _row(keys: tuple[Key, ...], cost: Decimal, quantity: Decimal) -> UnitRow:
    return UnitRow(keys, cost, quantity, _QUOTIENT.divide(cost, quantity) if quantity else None)
