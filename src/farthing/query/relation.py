"""Imported exports as the relation ``charges`` that :mod:`farthing.query.compile` reads: SQL text. Pure.

It is written in what DuckDB, Trino and Spark have in common, in DuckDB's spelling; sqlglot brings it to another
dialect. What differs (where rows come from, how a map's key is taken) an engine passes in.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date

import msgspec

from farthing.model import Period
from farthing.query.sources import AWS, ExportSlice, ranges
from farthing.sqltext import quoted

AMOUNT = "DECIMAL(38,18)"

_DERIVED = {
    "ChargePeriodStart": "CAST(ChargePeriodStart AS DATE)",
    "BillingPeriodStart": "CAST(BillingPeriodStart AS DATE)",
    "x_Week": "CAST(date_trunc('week', ChargePeriodStart) AS DATE)",
}


class Alike(msgspec.Struct, frozen=True):
    """Slices that can be read together: they have the same ones of the wanted columns, and are AWS's or are not."""

    slices: tuple[ExportSlice, ...]
    there: frozenset[str]
    is_aws: bool


def alike_slices(slices: Iterable[ExportSlice], wanted: Iterable[str]) -> list[Alike]:
    """The slices, put together where one SELECT can read them."""
    names = set(wanted)
    groups: dict[tuple[frozenset[str], bool], list[ExportSlice]] = {}
    for one in slices:
        there = frozenset(name for name in names if one.has(name))
        groups.setdefault((there, one.provider == AWS), []).append(one)
    return [Alike(tuple(alike), there, is_aws) for (there, is_aws), alike in groups.items()]


def charges_of(
    alike: Alike,
    period: Period,
    needs: Sequence[str],
    metrics: Sequence[str],
    report_days: Sequence[date],
    source: str,
    key_of: Callable[[str, str], str],
    condition: str = "",
) -> str:
    """SQL of the charges of alike slices.

    Args:
        alike: the slices.
        period: the days that are asked for.
        needs: columns, by the names that the query gives them.
        metrics: amounts; NULL where these slices lack one.
        report_days: days that daily reports answer: AWS's charges of them are left out.
        source: SQL of where the rows come from.
        key_of: SQL of a map column's key, from the column's SQL and the key.
        condition: what else must hold of a row of ``source``.
    """
    columns = [f"{_column(name, name in alike.there, key_of)} AS {quoted(name)}" for name in needs]
    columns += [amount_of(metric, metric in alike.there) for metric in metrics]
    # On the column itself, so that row groups are skipped by their statistics.
    conditions = [between(period, "TIMESTAMP")]
    if alike.is_aws:
        conditions += [f"NOT {between(run, 'TIMESTAMP')}" for run in ranges(report_days)]
    conditions += [condition] if condition else []
    return f"SELECT {', '.join(columns)} FROM {source} WHERE {' AND '.join(conditions)}"  # noqa: S608


def amount_of(metric: str, there: bool) -> str:
    """SQL of an amount under its own name."""
    return f"{quoted(metric) if there else f'CAST(NULL AS {AMOUNT})'} AS {quoted(metric)}"


def between(run: Period, kind: str) -> str:
    """SQL of whether a charge begins within the days; ``kind`` is the column's type."""
    start, end = (f"{kind} '{day}{'' if kind == 'DATE' else ' 00:00:00'}'" for day in (run.start, run.end))
    return f"(ChargePeriodStart >= {start} AND ChargePeriodStart < {end})"


def _column(name: str, there: bool, key_of: Callable[[str, str], str]) -> str:
    kind, slash, key = name.partition("/")
    if name in _DERIVED:
        return _DERIVED[name]
    if not there:
        return "CAST(NULL AS VARCHAR)"
    return key_of(quoted(kind), key) if slash else quoted(name)
