"""From a query to its rows, the same for every engine: what accounts are called, which rows are the largest."""

from collections.abc import Callable, Sequence

import msgspec

from farthing.model import Period, exact_sum
from farthing.query.accounts import ID, NAME, Names, by_id, named, needs_names
from farthing.query.model import Filter, Query, Row, Whole, rows_in
from farthing.query.sources import Choice

Ask = Callable[[Query, Sequence[str], Choice], list[tuple]]  # type: ignore[type-arg]
"""Answers a query that names no account, as :func:`farthing.query.compile.compile_rows` puts it."""


def answered(
    query: Query, metrics: tuple[str, ...], choice: Choice, ask: Ask, names: Callable[[], Names]
) -> tuple[list[Row], Whole | None]:
    """The rows of a query, and of how many they are the largest where it has a ``top``.

    Args:
        query: what is asked.
        metrics: what to add up, in this order.
        choice: from which days and slices.
        ask: an engine.
        names: what each account is called.
    """
    called = names() if needs_names(query) else {}
    inner = by_id(query, called)
    rows, whole = rows_in(inner, metrics, ask(inner, metrics, choice))
    rows = named(query, rows, called)
    if query.top is not None and inner.top is None:
        return largest(query.top, rows)
    return rows, whole


def names_of(period: Period, choice: Choice, ask: Ask) -> Names:
    """What each account of a period is called: by its newest charge that names it."""
    if not choice.days:
        return {}
    pairs = ask(Query(period, (ID, NAME)), (), choice)
    found: dict[str, list[str | None]] = {}
    for id_, name in pairs:
        if id_ is not None:
            found.setdefault(id_, []).append(name)
    several = sorted(id_ for id_, told in found.items() if sum(name is not None for name in told) > 1)
    names = {id_: next((name for name in told if name is not None), None) for id_, told in found.items()}
    if several:
        only = (Filter(ID, tuple(several), whole=True),)
        days = ask(Query(period, ("ChargePeriodStart", ID, NAME), only), (), choice)
        newest = {id_: (day, name) for day, id_, name in sorted(row for row in days if row[2] is not None)}
        names |= {id_: name for id_, (_, name) in newest.items()}
    return names


def largest(top: int, rows: Sequence[Row]) -> tuple[list[Row], Whole | None]:
    """The largest rows by their first amount, as SQL would give them."""
    if not rows or not rows[0].amounts:
        return list(rows[:top]), Whole(len(rows), ())
    totals = tuple(exact_sum(row.amounts[place] for row in rows) for place in range(len(rows[0].amounts)))
    ordered = sorted(rows, key=lambda row: (row.amounts[0].copy_negate(), tuple(map(_placed, row.keys))))
    return ordered[:top], Whole(len(rows), totals)


def _placed(key: object) -> tuple[bool, str]:
    return key is None, str(key)


def where_of(period: Period) -> str:
    """What a person reads of a period in which two currencies meet."""
    return f"the period {period} (add --where currency:XXX)"


def without_top(query: Query) -> Query:
    """The query for an engine whose rows are added to another's before the largest are known."""
    return msgspec.structs.replace(query, top=None)
