"""A :class:`~farthing.query.model.Query` as SQL, built as a tree by sqlglot so that each engine gets its dialect. Pure.

The SQL reads one relation, ``charges``, that every engine provides: a column of each name that the query groups or
filters by (days as DATE, all else as text), and each metric as DECIMAL(38,18), NULL where its source does not know it.
What a user typed travels only as a parameter.

A sum of DECIMAL(38,18) is exact, or an error where it leaves 20 digits before the point; it is never rounded.
"""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from farthing.errors import UsageError
from farthing.query.model import COLUMNS, Filter, Query, column_of

if TYPE_CHECKING:
    from sqlglot import exp

Parameters = list[date | str]

CHARGES = "charges"


class Compiled(msgspec.Struct, frozen=True):
    """A statement and its parameters, in the order of its placeholders."""

    expression: "exp.Select"
    parameters: tuple[date | str, ...]

    def sql(self, dialect: str = "duckdb") -> str:
        """The statement in a dialect of sqlglot's."""
        return self.expression.sql(dialect)

    def over(self, name: str, relation: str, dialect: str) -> str:
        """The whole statement in a dialect, over a relation in DuckDB's, its parameters written as literals.

        For engines that take no typed parameters. A text becomes a literal by sqlglot's rules of the dialect.
        """
        import sqlglot
        from sqlglot import exp

        values = [
            exp.cast(exp.Literal.string(str(value)), "date") if isinstance(value, date) else exp.Literal.string(value)
            for value in self.parameters
        ]
        filled = exp.replace_placeholders(self.expression.copy(), *values)
        assert isinstance(filled, exp.Select)  # noqa: S101 - it was one
        return filled.with_(name, as_=sqlglot.parse_one(relation, dialect="duckdb")).sql(dialect)


def compile_rows(query: Query, metrics: Sequence[str]) -> Compiled:
    """The query over ``charges``.

    Args:
        query: what to add up.
        metrics: columns of ``charges``; none (with ``group_by``) asks only which groups there are.

    Returns:
        A statement whose rows hold the group's keys, then one sum for each metric, in no order. With ``query.top``,
        also the number of all groups and the sum of each metric over all.

    Raises:
        UsageError: the query names a column that does not exist.
    """
    from sqlglot import exp

    keys = [_column(name) for name in query.group_by]
    sums: list[exp.Expression] = [
        exp.Coalesce(this=exp.Sum(this=quoted_column(metric)), expressions=[exp.Literal.number(0)])
        for metric in metrics
    ]
    condition, parameters = _condition(query)
    select = exp.select(*keys, *sums).from_(CHARGES).where(condition)
    if keys:
        # By name: in Trino and Spark a number there would do too, but not in every dialect.
        select = select.group_by(*[key.copy() for key in keys])
    # Without keys SQL answers one row even where nothing matches; HAVING takes that row away.
    select = select.having(exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(0)))
    if query.top is not None and metrics:
        select = _largest(select, len(keys), len(metrics), query.top)
    return Compiled(select, tuple(parameters))


def condition(query: Query) -> tuple[str, Parameters]:
    """The period and the filters alone, for rows that are not added up: SQL in DuckDB's dialect, and its parameters."""
    tree, parameters = _condition(query)
    return tree.sql("duckdb"), parameters


def _largest(select: "exp.Select", keys: int, metrics: int, top: int) -> "exp.Select":
    """The largest groups by the first metric, each with the number and the sums of all: one pass over the data."""
    from sqlglot import exp

    names = [f"k{place}" for place in range(keys)]
    sums = [f"m{place}" for place in range(metrics)]
    for expression, name in zip(list(select.expressions), [*names, *sums], strict=True):
        expression.replace(exp.alias_(expression.copy(), name, quoted=True))
    over = [exp.Window(this=exp.Count(this=exp.Star()))]
    over += [exp.Window(this=exp.Sum(this=quoted_column(name))) for name in sums]
    order = [exp.Ordered(this=quoted_column(sums[0]), desc=True, nulls_first=False)]
    order += [exp.Ordered(this=quoted_column(name), desc=False, nulls_first=False) for name in names]
    return (
        exp.select(*[quoted_column(name) for name in [*names, *sums]], *over)
        .from_(select.subquery("grouped"))
        .order_by(*order)
        .limit(top)
    )


def quoted_column(name: str) -> "exp.Column":
    """The same as a node of the tree."""
    from sqlglot import exp

    return exp.column(exp.to_identifier(name, quoted=True))


def _condition(query: Query) -> "tuple[exp.Condition, Parameters]":
    from sqlglot import exp

    day = quoted_column("ChargePeriodStart")
    terms: list[exp.Expression] = [
        exp.GTE(this=day, expression=exp.Placeholder()),
        exp.LT(this=day.copy(), expression=exp.Placeholder()),
    ]
    parameters: Parameters = [query.period.start, query.period.end]
    for term in query.filters:
        tests, values = _tests(term)
        terms.append(exp.Not(this=exp.paren(tests)) if term.exclude else exp.paren(tests))
        parameters += values
    return exp.and_(*terms), parameters


def _tests(term: Filter) -> "tuple[exp.Condition, Parameters]":
    """One filter: any of its values in any of its columns; a charge without a name matches no value."""
    from sqlglot import exp

    tests: list[exp.Expression] = []
    values: Parameters = []
    if term.whole:
        texts = [exp.Placeholder() for _ in term.values]
        tests = [exp.In(this=_column(term.column), expressions=texts)] if texts else []
        values = list(term.values)
    else:
        for column in term.columns:
            for value in term.values:
                named, told = exp.Lower(this=_column(column)), exp.Lower(this=exp.Placeholder())
                if "*" in value:
                    like = exp.Like(this=named, expression=told)
                    tests.append(exp.Escape(this=like, expression=exp.Literal.string("\\")))
                    values.append(_pattern(value))
                else:  # a comparison, which an engine can make once for each text of a dictionary
                    tests.append(exp.EQ(this=named, expression=told))
                    values.append(value)
    test = exp.or_(*tests) if tests else exp.false()
    # Not known counts as no match; only where it is turned round does that make a difference.
    return exp.Coalesce(this=exp.paren(test), expressions=[exp.false()]) if term.exclude and tests else test, values


def _column(name: str) -> "exp.Column":
    if column_of(name) is None:
        raise UsageError(f"there is no column {name!r}: there are {', '.join(COLUMNS)}")
    return quoted_column(name)


def _pattern(value: str) -> str:
    for special in ("\\", "%", "_"):
        value = value.replace(special, f"\\{special}")
    return value.replace("*", "%")
