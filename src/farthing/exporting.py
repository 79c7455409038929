"""Writes imported charges as FOCUS: Parquet or CSV, whole or not at all, proved to the last decimal.

Rows come from imported billing exports alone: what Cost Explorer tells lacks columns that FOCUS makes mandatory.
"""

import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from farthing.errors import ExportError, UsageError
from farthing.focus import FOCUS_1_0, FOCUS_COLUMNS, SQL_TYPES
from farthing.model import Period, exact_difference, plain
from farthing.query.compile import condition
from farthing.query.engines.reports import connected, first_line
from farthing.query.model import Query
from farthing.query.sources import ExportSlice
from farthing.sqltext import escaped, literal, quoted

if TYPE_CHECKING:
    import duckdb

Form = Literal["parquet", "csv", "csv.gz"]
Version = Literal["1.2", "1.0"]
COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
TIME = "%Y-%m-%dT%H:%M:%SZ"
ROW_GROUP = 122_880

NEVER_NULL = (
    *("BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory"),
    *(
        "ChargeFrequency",
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "ContractedCost",
        "EffectiveCost",
        "InvoiceIssuerName",
    ),
    *("ListCost", "ProviderName", "PublisherName", "ServiceCategory", "ServiceName"),
)
"""Columns that FOCUS 1.0 to 1.2 want in every row, as far as farthing keeps them.
https://focus.finops.org/focus-specification/v1-2/"""


class Exported(msgspec.Struct, frozen=True):
    """What was written: rows, sums by currency and cost, and mandatory FOCUS columns that have empty cells."""

    path: str
    form: Form
    version: Version
    rows: int
    sums: Mapping[str, Mapping[str, Decimal]]
    lacking: tuple[str, ...]


def form_of(path: Path) -> Form:
    """The form that a file's name asks for.

    Raises:
        UsageError: it asks for none.
    """
    name = path.name.lower()
    for suffix, form in ((".parquet", "parquet"), (".csv", "csv"), (".csv.gz", "csv.gz")):
        if name.endswith(suffix):
            return form  # type: ignore[return-value]
    raise UsageError(f"{path}: the name must end in .parquet, .csv or .csv.gz, which says what is written")


def columns_of(slices: Sequence[ExportSlice], version: Version) -> tuple[str, ...]:
    """FOCUS's columns of that version, sorted as FOCUS lists them, then those with x_ that some slice has."""
    focus = FOCUS_1_0 if version == "1.0" else tuple(name for name in FOCUS_COLUMNS if not name.startswith("x_"))
    there = {name for one in slices for name in one.columns}
    own = [name for name in FOCUS_COLUMNS if name.startswith("x_") and name in there]
    others = sorted(name for name in there if name.startswith("x_") and name not in FOCUS_COLUMNS)
    return (*sorted(focus), *own, *others)


def export(
    slices: Sequence[ExportSlice], query: Query, target: Path, *, version: Version = "1.2", force: bool = False
) -> Exported:
    """Writes the charges of a query's period that pass its filters (on ids, not on names of accounts).

    Args:
        slices: local files of imported exports.
        query: the period and the filters; it has no groups.
        target: the file; a folder that is not there is made.
        version: of FOCUS.
        force: replaces a file that is there.

    Raises:
        UsageError: the file is there, or its name says no form; nothing matches.
        ExportError: it cannot be written, or does not add up to what was read; nothing is left behind.
    """
    import duckdb

    form = form_of(target)
    if target.exists() and not force:
        raise UsageError(f"{target} is there already: --force replaces it")
    if not slices:
        raise UsageError(f"no imported charge of {query.period} passes: nothing is written")
    columns = columns_of(slices, version)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with connected() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            rows = _rows(slices, query, columns)
            before, count = _sums(connection, rows, query)
            if not count:
                raise UsageError(f"no imported charge of {query.period} passes: nothing is written")
            lacking = _lacking(connection, rows, query, columns)
            _copy(connection, rows, query, columns, part, form)
            after, written = _sums(connection, _reread(part, form, columns), None)
        if (before, count) != (after, written):
            raise ExportError(f"{target}: {_difference(before, after, count, written)}; nothing was kept")
        part.replace(target)
    except duckdb.Error as error:
        raise ExportError(f"{target} cannot be written: {first_line(error)}") from error
    except OSError as error:
        raise ExportError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return Exported(str(target), form, version, count, before, lacking)


def days_with_reports_alone(slices: Sequence[ExportSlice], days: Sequence[date], period: Period) -> int:
    """How many of a ledger's days in a period no export covers: they are not written."""
    covered = {day for one in slices for day in one.days}
    return sum(day in period and day not in covered for day in days)


def _rows(slices: Sequence[ExportSlice], query: Query, columns: Sequence[str]) -> str:
    """SQL of the charges with these columns, and with the keys of maps that the query filters by."""
    there = {name for one in slices for name in one.columns} | {"ChargePeriodStart", "BillingPeriodStart"}
    needed = dict.fromkeys([*columns, *(name for name in query.columns if "/" not in name), "ChargePeriodStart"])
    selected = [quoted(name) if name in there else f"CAST(NULL AS {_type(name)}) AS {quoted(name)}" for name in needed]
    for name in query.columns:
        kind, slash, key = name.partition("/")
        if slash:
            value = f"{quoted(kind)}[{literal(key)}]" if kind in there else "CAST(NULL AS VARCHAR)"
            selected.append(f"{value} AS {quoted(name)}")
    files = ", ".join(literal(escaped(file)) for one in slices for file in one.files)
    source = f"read_parquet([{files}], hive_partitioning=false, union_by_name=true)"
    return f"SELECT {', '.join(selected)} FROM {source}"  # noqa: S608


def _type(name: str) -> str:
    known = FOCUS_COLUMNS.get(name)
    return SQL_TYPES[known.kind] if known else "VARCHAR"


def _where(query: Query | None) -> tuple[str, list[object]]:
    if query is None:
        return "", []
    sql, parameters = condition(query)
    return f"WHERE {sql}", list(parameters)


def _sums(
    connection: "duckdb.DuckDBPyConnection", rows: str, query: Query | None
) -> tuple[dict[str, dict[str, Decimal]], int]:
    where, parameters = _where(query)
    costs = ", ".join(f"coalesce(sum({quoted(cost)}), 0)" for cost in COSTS)
    sql = f"SELECT BillingCurrency, count(*), {costs} FROM ({rows}) {where} GROUP BY ALL"  # noqa: S608
    found = connection.execute(sql, parameters).fetchall()
    sums = {currency: dict(zip(COSTS, amounts, strict=True)) for currency, _, *amounts in sorted(found)}
    return sums, sum(row[1] for row in found)


def _lacking(
    connection: "duckdb.DuckDBPyConnection", rows: str, query: Query, columns: Sequence[str]
) -> tuple[str, ...]:
    """FOCUS's never-null columns that have an empty cell."""
    wanted = [name for name in NEVER_NULL if name in columns]
    where, parameters = _where(query)
    counts = ", ".join(f"count(*) - count({quoted(name)})" for name in wanted)
    found = connection.execute(f"SELECT {counts} FROM ({rows}) {where}", parameters).fetchall()[0]  # noqa: S608
    return tuple(name for name, count in zip(wanted, found, strict=True) if count)


def _copy(
    connection: "duckdb.DuckDBPyConnection", rows: str, query: Query, columns: Sequence[str], to: Path, form: Form
) -> None:
    where, parameters = _where(query)
    cells = [quoted(name) if form == "parquet" else f"{_as_text(name)} AS {quoted(name)}" for name in columns]
    # No order: that of the imported files, by bill, day, account and service, is a good one and free.
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}"
    if form != "parquet":
        options = f"FORMAT csv, HEADER, COMPRESSION {'gzip' if form == 'csv.gz' else 'none'}"
    connection.execute(
        f"COPY (SELECT {', '.join(cells)} FROM ({rows}) {where}) TO {literal(str(to))} ({options})",  # noqa: S608
        parameters,
    )
    descriptor = os.open(to, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _as_text(name: str) -> str:
    """SQL of a cell in CSV: FOCUS's date-time, plain decimals, JSON; nothing for NULL."""
    known = FOCUS_COLUMNS.get(name)
    kind = known.kind if known else "text"
    column = quoted(name)
    if kind == "time":
        return f"strftime({column}, '{TIME}')"
    if kind == "amount":
        return f"rtrim(rtrim(CAST({column} AS VARCHAR), '0'), '.')"
    return (
        f"CASE WHEN cardinality({column}) > 0 THEN CAST(to_json({column}) AS VARCHAR) END" if kind == "map" else column
    )


def _reread(path: Path, form: Form, columns: Sequence[str]) -> str:
    if form == "parquet":
        return f"SELECT * FROM read_parquet({literal(escaped(path))})"  # noqa: S608
    types = ", ".join(f"{literal(name)}: '{'DECIMAL(38,18)' if name in COSTS else 'VARCHAR'}'" for name in columns)
    compression = "gzip" if form == "csv.gz" else "none"
    return (
        f"SELECT * FROM read_csv({literal(escaped(path))}, auto_detect=false, header=true, columns={{{types}}}, "  # noqa: S608
        f"compression='{compression}', max_line_size=4194304, quote='\"', escape='\"')"
    )


def _difference(
    before: Mapping[str, Mapping[str, Decimal]],
    after: Mapping[str, Mapping[str, Decimal]],
    count: int,
    written: int,
) -> str:
    if count != written:
        return f"{count:,} rows were read, {written:,} written"
    for currency, sums in before.items():
        for cost, amount in sums.items():
            there = after.get(currency, {}).get(cost, Decimal(0))
            if there != amount:
                return f"{cost} of what was written is off by {plain(exact_difference(there, amount))} {currency}"
    return "its currencies are not those of what was read"
