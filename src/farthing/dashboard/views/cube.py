"""The cost cube: what a browser groups, filters and drills by itself, exactly. Pure.

Amounts must come to the last decimal that `farthing report` prints, whatever is added up, and a browser counts in
doubles, which hold integers up to 2^53. So an amount is cut into *limbs*, its whole units and then groups of six
decimals: 1234.5678901 is 1234, 567890, 100000. Each limb carries the amount's sign and is added up by itself; carries
are worked out once, at the end. A limb below the units has at most six digits, so nine billion rows fit; the units are
checked here.
Reasons and measures: docs/adr/0020-cost-cube.md.

Rows are cut into *leaves*, one for each combination of keys but the day; a leaf's cells are its consecutive days, from
``first`` on. A day on which it cost nothing in between is a zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Context, Decimal
from typing import Any

import msgspec

from farthing.errors import AmountError
from farthing.model import MAX_DECIMALS, ZERO, Period, exact_difference
from farthing.query.model import METRICS, Filter, Query, Result, label_of

SCHEMA = "farthing.cube/1"
DAY = "ChargePeriodStart"

LIMB_DIGITS = 6
"""Decimals in each limb below the units."""

MOST = 2**53 - 1
"""The largest integer that a double tells from its neighbours."""

SPARSE = 0.5
"""A metric that differs from an earlier one in less than this share of the cells is written as its differences."""


class Dimension(msgspec.Struct, frozen=True):
    """A column to group and filter by: ``values`` are its texts (None: no name), ``names`` what some are called.

    With ``rest`` the last of the values is no text of the bill: it is that many further ones, added up.
    """

    column: str
    label: str
    values: tuple[str | None, ...]
    names: Mapping[str, str] = {}
    rest: int = 0


class _Rest:
    """The key of what is added up beyond the largest."""

    def __str__(self) -> str:
        return "other"


REST = _Rest()


class Amounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """One metric's cells, as limbs from the units down; limbs that are zero throughout are left out.

    With ``like`` the cells are that metric's, but for those ``at`` (each counted from the one before), which are here.
    """

    metric: str
    label: str
    meaning: str
    limbs: tuple[tuple[int, ...], ...]
    like: str | None = None
    at: tuple[int, ...] = ()


class Cube(msgspec.Struct, frozen=True, kw_only=True):
    """Costs of a period in one currency, by day and ``dimensions``.

    Attributes:
        schema: name and version of this form.
        start: the first day.
        end: the day after the last.
        today: the UTC day on which it was made.
        currency: of every amount; None where there is no data.
        dimensions: the columns; leaves name their values by place.
        leaves: for each dimension, the place of each leaf's value.
        first: for each leaf, the day of its first cell, in days after ``start``.
        cells: for each leaf, how many cells it has; they stand one leaf after the other.
        amounts: the metrics.
        missing: days of the period that the ledger does not hold, in days after ``start``.
        provisional: days that still fill up, the same.
        sources: which source of figures tells of how many days.
        version: names the state of the ledger that it was made from.
    """

    schema: str = SCHEMA
    start: date
    end: date
    today: date
    currency: str | None
    dimensions: tuple[Dimension, ...]
    leaves: tuple[tuple[int, ...], ...]
    first: tuple[int, ...]
    cells: tuple[int, ...]
    amounts: tuple[Amounts, ...]
    missing: tuple[int, ...]
    provisional: tuple[int, ...]
    sources: Mapping[str, int]
    version: str = ""


def question(
    period: Period,
    columns: Sequence[str],
    filters: Iterable[Filter] = (),
    metrics: Sequence[str] | None = None,
) -> Query:
    """What the cube of these columns is made from."""
    return Query(period, (DAY, *columns), tuple(filters), None if metrics is None else tuple(metrics))


def cube_of(
    result: Result,
    today: date,
    names: Mapping[str, str | None] | None = None,
    version: str = "",
    cells: Iterable[tuple[Any, ...]] | None = None,
    rest: int = 0,
) -> Cube:
    """The answer to :func:`question` as a cube.

    Args:
        result: the answer, its first column the day.
        today: the UTC day.
        names: what accounts are called.
        version: of the ledger.
        cells: the answer's rows, each its keys and then its amounts, where ``result`` has none of its own.
        rest: how many values of its one column are added up in the rows of :func:`rest_of`, 0 if there are none.

    Raises:
        AmountError: the amounts are too large for a browser to add up exactly.
    """
    width = len(result.columns)
    if cells is None:
        cells = ((*row.keys, *row.amounts) for row in result.rows)
    series: dict[tuple[object, ...], dict[int, tuple[Any, ...]]] = {}
    start = result.period.start.toordinal()
    for cell in cells:
        series.setdefault(cell[1:width], {})[cell[0].toordinal() - start] = cell
    places: list[dict[object, int]] = [{} for _ in range(width - 1)]
    leaves: list[list[int]] = [[] for _ in range(width - 1)]
    first: list[int] = []
    counts: list[int] = []
    columns: list[list[Decimal]] = [[] for _ in result.metrics]
    nothing = (ZERO,) * (width + len(columns))
    for keys in sorted(series, key=lambda keys: [(key is REST, key is None, str(key)) for key in keys]):
        days = series[keys]
        begin, last = min(days), max(days)
        for place, key in enumerate(keys):
            leaves[place].append(places[place].setdefault(key, len(places[place])))
        first.append(begin)
        counts.append(last - begin + 1)
        run = [days.get(day, nothing) for day in range(begin, last + 1)]
        for place, column in enumerate(columns, width):
            column += [cell[place] for cell in run]
    present = set(result.days_present)
    return Cube(
        start=result.period.start,
        end=result.period.end,
        today=today,
        currency=result.currency,
        dimensions=tuple(
            _dimension(column, tuple(_text(key) for key in place), names or {}, rest)
            for column, place in zip(result.columns[1:], places, strict=True)
        ),
        leaves=tuple(map(tuple, leaves)),
        first=tuple(first),
        cells=tuple(counts),
        amounts=_amounts(result.metrics, columns),
        missing=tuple(place for place, day in enumerate(result.period) if day not in present and day < today),
        provisional=tuple((day - result.period.start).days for day in result.days_provisional),
        sources={source: len(days) for source, days in result.days_from.items()},
        version=version,
    )


def rest_of(days: Iterable[tuple[Any, ...]], cells: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What is left of each day, as cells of :data:`REST`: exact, so that all cells add up to the days.

    Args:
        days: each day and its amounts.
        cells: a day, a key and the amounts of some of it.
    """
    left = {day: list(amounts) for day, *amounts in days}
    for day, _, *amounts in cells:
        for place, amount in enumerate(amounts):
            left[day][place] = exact_difference(left[day][place], amount)
    return [(day, REST, *amounts) for day, amounts in left.items() if any(amounts)]


def only(cube: Cube, metrics: Sequence[str]) -> Cube:
    """The cube with these of its metrics alone; one that is written like another needs that one beside it."""
    return msgspec.structs.replace(cube, amounts=tuple(one for one in cube.amounts if one.metric in metrics))


_WIDE = Context(prec=76)
"""Room for any amount: scaling rounds nothing."""

_SCALE = 10**MAX_DECIMALS


def limbs_of(amount: Decimal) -> tuple[int, ...]:
    """An amount's limbs, all with its sign."""
    scaled = int(amount.scaleb(MAX_DECIMALS, _WIDE))
    units, rest = divmod(abs(scaled), _SCALE)
    found = [units]
    for power in range(MAX_DECIMALS - LIMB_DIGITS, -1, -LIMB_DIGITS):
        limb, rest = divmod(rest, 10**power)
        found.append(limb)
    return tuple(-limb for limb in found) if scaled < 0 else tuple(found)


def _amounts(metrics: Sequence[str], columns: Sequence[Sequence[Decimal]]) -> tuple[Amounts, ...]:
    found: list[Amounts] = []
    whole: list[int] = []  # places of the metrics that are written out
    for place, (metric, column) in enumerate(zip(metrics, columns, strict=True)):
        known = METRICS.get(metric)
        label, meaning = (known.label, known.meaning) if known else (metric, metric)
        best: tuple[int, list[int]] | None = None
        for other in whole:
            pairs = enumerate(zip(column, columns[other], strict=True))
            differing = [cell for cell, (one, another) in pairs if one != another]
            if best is None or len(differing) < len(best[1]):
                best = (other, differing)
        if best is not None and len(best[1]) < SPARSE * len(column):
            other, differing = best
            steps = tuple(cell - before for cell, before in zip(differing, [0, *differing], strict=False))
            limbs = _transposed(metric, [column[cell] for cell in differing])
            found.append(Amounts(metric, label, meaning, limbs, like=metrics[other], at=steps))
        else:
            whole.append(place)
            found.append(Amounts(metric, label, meaning, _transposed(metric, column)))
    return tuple(found)


def _transposed(metric: str, column: Sequence[Decimal]) -> tuple[tuple[int, ...], ...]:
    """A list for each limb, without the last ones that are zero throughout.

    Raises:
        AmountError: the units come to more than a double counts.
    """
    limbs: list[list[int]] = [[], [], [], []]
    units, high, middle, low = limbs
    for amount in column:
        # An engine's sums have all 18 decimals: cutting their text takes a third of the time of dividing them.
        text = str(amount)
        if text[-19:-18] == "." and text[0] != "-":
            units.append(int(text[:-19]))
            high.append(int(text[-18:-12]))
            middle.append(int(text[-12:-6]))
            low.append(int(text[-6:]))
        else:
            for limb, part in zip(limbs, limbs_of(amount), strict=True):
                limb.append(part)
    if sum(map(abs, units)) > MOST:
        raise AmountError(
            f"the amounts of {metric} come to more than {MOST:,}: a browser cannot add them up exactly; "
            "ask for a shorter period, or use `farthing report`"
        )
    while limbs and not any(limbs[-1]):
        limbs.pop()
    return tuple(map(tuple, limbs))


def _dimension(column: str, values: tuple[str | None, ...], names: Mapping[str, str | None], rest: int) -> Dimension:
    called = {}
    if column == "SubAccountId":
        called = {value: name for value in values if value and (name := names.get(value)) and name != value}
    return Dimension(column, label_of(column), values, called, rest)


def _text(key: object) -> str | None:
    return None if key is None else str(key)
