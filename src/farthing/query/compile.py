"""A :class:`~farthing.query.model.Query` as SQL. Pure; what a user typed travels only as a parameter.

The SQL (DuckDB's dialect) reads two views that every engine provides:

- ``charges``: ChargePeriodStart DATE, BillingCurrency, ServiceName, SubAccountId, SubAccountName (the
  newest known one of the account) VARCHAR, and each metric DECIMAL(38,18), NULL on a day without it; over a
  lens its own column (RegionId, "Tags/team", ...) stands in the place of the account's two;
- ``days``: ChargePeriodStart DATE, BillingCurrency VARCHAR, Metrics VARCHAR[]: one row for each day.

A sum of DECIMAL(38,18) is exact, or an error where it leaves 20 digits before the point; it is never rounded.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from farthing.errors import UsageError
from farthing.query.model import COLUMNS, Filter, Query, column_of

Parameters = list[date | str]

_EXPRESSIONS = {"BillingPeriodStart": "CAST(date_trunc('month', ChargePeriodStart) AS DATE)"}


def compile_rows(query: Query, metrics: Sequence[str]) -> tuple[str, Parameters]:
    """The query over ``charges``.

    Args:
        query: what to add up.
        metrics: columns of ``charges``; none (with ``group_by``) asks only which groups there are.

    Returns:
        SQL and its parameters; a row holds the group's keys, then one sum for each metric, in no order.

    Raises:
        UsageError: the query names a column that does not exist.
    """
    keys = [_expression(name) for name in query.group_by]
    sums = [f"coalesce(sum({quoted(metric)}), 0)" for metric in metrics]
    condition, parameters = _condition(query, query.filters)
    group = f" GROUP BY {', '.join(str(place + 1) for place in range(len(keys)))}" if keys else ""
    # Without keys SQL answers one row even where nothing matches; HAVING takes that row away.
    sql = f"SELECT {', '.join([*keys, *sums])} FROM charges WHERE {condition}{group} HAVING count(*) > 0"  # noqa: S608
    return sql, parameters


def compile_days(query: Query) -> tuple[str, Parameters]:
    """The days of the query's period.

    Returns:
        SQL and its parameters; a row holds the day, its currency, its metrics, and whether the query's
        currency filters let it pass.
    """
    condition, parameters = _condition(query, ())
    terms, values = _all_of(term for term in query.filters if term.column == "BillingCurrency")
    sql = f"SELECT ChargePeriodStart, BillingCurrency, Metrics, {terms} FROM days WHERE {condition}"  # noqa: S608
    return sql, [*values, *parameters]


def quoted(name: str) -> str:
    """A name as an SQL identifier, whatever characters it holds."""
    return '"' + name.replace('"', '""') + '"'


def _condition(query: Query, filters: Iterable[Filter]) -> tuple[str, Parameters]:
    terms, values = _all_of(filters)
    sql = f"ChargePeriodStart >= ? AND ChargePeriodStart < ? AND {terms}"
    return sql, [query.period.start, query.period.end, *values]


def _all_of(filters: Iterable[Filter]) -> tuple[str, Parameters]:
    terms: list[str] = []
    values: Parameters = []
    for term in filters:
        columns = ("SubAccountId", "SubAccountName") if term.column == "SubAccountId" else (term.column,)
        tests = [
            f"coalesce(lower({_expression(column)}) LIKE lower(?) ESCAPE '\\', false)"
            for column in columns
            for _ in term.values
        ]
        values.extend(_pattern(value) for _ in columns for value in term.values)
        terms.append(f"{'NOT ' if term.exclude else ''}({' OR '.join(tests) or 'false'})")
    return " AND ".join(terms) or "true", values


def _expression(column: str) -> str:
    if column_of(column) is None:
        raise UsageError(f"there is no column {column!r}: there are {', '.join(COLUMNS)}")
    return _EXPRESSIONS.get(column) or (column if column in COLUMNS else quoted(column))


def _pattern(value: str) -> str:
    for special in ("\\", "%", "_"):
        value = value.replace(special, f"\\{special}")
    return value.replace("*", "%")
