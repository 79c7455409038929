"""Daily report files in DuckDB: read without a schema file, each amount exact, each day proved against its totals.

Only the files that are asked for are read. Amounts are read as the JSON text that stands in the file and cast to
DECIMAL(38,18), so none passes through a double; each day's rows must add up to its totals.
"""

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from farthing.errors import AmountError, CorruptError, LedgerError
from farthing.ledger.reports import LENS_SCHEMA, SCHEMA
from farthing.model import ZERO, parse_amount, plain
from farthing.query.model import Day, in_order
from farthing.sqltext import quoted

if TYPE_CHECKING:
    import duckdb

ACCOUNT = "SubAccountId"

# An amount as JSON text: a string of at most 20 digits, a point and 18 digits. A bare number is refused.
_AMOUNT = r"""CASE WHEN {0} IS NULL THEN NULL
    WHEN regexp_full_match(CAST({0} AS VARCHAR), '"-?[0-9]{{1,20}}([.][0-9]{{1,18}})?"')
    THEN CAST(trim(CAST({0} AS VARCHAR), '"') AS DECIMAL(38,18))
    ELSE error('the amount ' || CAST({0} AS VARCHAR) || ' is no decimal string of at most 20 and 18 digits') END"""
_READ = (
    "read_json(?, format='unstructured', filename=true, hive_partitioning=false, "
    "maximum_object_size=?, columns={{{0}}})"
)
_HEAD = "schema: 'VARCHAR', date: 'VARCHAR', currency: 'VARCHAR', totals: 'MAP(VARCHAR, JSON)'"
_HEADS = f'SELECT filename, schema, "date", currency, totals FROM {_READ.format(_HEAD)}'  # noqa: S608


def connected() -> "duckdb.DuckDBPyConnection":
    """A DuckDB of its own, in memory: no network, no extension, no variable of the caller's."""
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            # Made only when memory runs out; by default that would be in the working directory.
            "temp_directory": str(Path(tempfile.gettempdir()) / f"farthing-duckdb-{os.getpid()}"),
        },
    )
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET enable_progress_bar = false")
    return connection


def load_reports(
    connection: "duckdb.DuckDBPyConnection", files: Mapping[date, Path], key: str, table: str
) -> dict[date, Day]:
    """Reads the files into a table, or says which one is wrong.

    It has ChargePeriodStart DATE, BillingCurrency, ServiceName, SubAccountId, SubAccountName and each metric; over a
    lens its own column stands in the place of the account's two.

    Raises:
        CorruptError: a file is not a daily report; the message names it and how to mend that.
        LedgerError: a file cannot be read.
    """
    import duckdb

    try:
        return _read(connection, files, key, table)
    except duckdb.Error as error:
        found = _culprit(files, key)
        if found is None:
            folder = next(iter(files.values())).parent
            raise LedgerError(f"the reports in {folder} cannot be read: {first_line(error)}") from error
        day, failure = found
        reason = first_line(failure, files[day])
        if isinstance(failure, duckdb.IOException):
            raise LedgerError(f"{files[day]} cannot be read: {reason}") from error
        raise _corrupt(day, files[day], reason) from error


def _read(connection: "duckdb.DuckDBPyConnection", files: Mapping[date, Path], key: str, table: str) -> dict[date, Day]:
    totals, days = _load_heads(connection, files, SCHEMA if key == ACCOUNT else LENS_SCHEMA)
    metrics = in_order({metric for day in days.values() for metric in day.metrics})
    _load_charges(connection, files, metrics, key, table)
    _check_totals(connection, files, metrics, totals, key, table)
    return days


def _culprit(files: Mapping[date, Path], key: str) -> tuple[date, Exception] | None:
    """Which of the files DuckDB cannot take, found by halves; None if each is fine without the others."""
    import duckdb

    days = list(files)
    while days:
        half = days[: (len(days) + 1) // 2]
        with closing(connected()) as connection:
            try:
                _read(connection, {day: files[day] for day in half}, key, "reports")
            except duckdb.Error as failure:
                if len(half) == 1:
                    return half[0], failure
                days = half
            else:
                days = days[len(half) :]
    return None


def _load_heads(
    connection: "duckdb.DuckDBPyConnection", files: Mapping[date, Path], known: str
) -> tuple[dict[date, dict[str, Decimal]], dict[date, Day]]:
    heads: dict[str, list[tuple]] = {}  # type: ignore[type-arg]
    for name, *head in connection.execute(_HEADS, _inputs(files)).fetchall():
        heads.setdefault(Path(name).name, []).append(tuple(head))
    totals: dict[date, dict[str, Decimal]] = {}
    days: dict[date, Day] = {}
    for day, path in files.items():
        found = heads.get(path.name, [])
        if len(found) != 1:
            raise _corrupt(day, path, f"it holds {len(found)} JSON documents")
        schema, stated, currency, amounts = found[0]
        if schema != known:
            raise _corrupt(day, path, f"its schema is {schema!r}, this version reads {known!r}")
        if stated != str(day):
            raise _corrupt(day, path, f"its date is {stated!r}")
        if not currency or amounts is None:
            raise _corrupt(day, path, f"it has no {'totals' if currency else 'currency'}")
        totals[day] = {metric: _total(day, path, metric, text) for metric, text in amounts.items()}
        days[day] = Day(day, currency, in_order(amounts))
    return totals, days


def _load_charges(
    connection: "duckdb.DuckDBPyConnection", files: Mapping[date, Path], metrics: Sequence[str], key: str, table: str
) -> None:
    names = ("ServiceName", key, "SubAccountName") if key == ACCOUNT else ("ServiceName", key)
    fields = [f"{quoted(name)} VARCHAR" for name in names]
    keys = ", ".join(f"charge.{quoted(name)} AS {quoted(name)}" for name in names)
    fields += [f"{quoted(metric)} JSON" for metric in metrics]
    struct = f"STRUCT({', '.join(fields)})[]".replace("'", "''")
    amounts = "".join(f", {_AMOUNT.format(f'charge.{quoted(metric)}')} AS {quoted(metric)}" for metric in metrics)
    read = _READ.format(f"date: 'DATE', currency: 'VARCHAR', charges: '{struct}'")
    connection.execute(
        f"""CREATE TABLE {table} AS
            SELECT
                "date" AS ChargePeriodStart,
                currency AS BillingCurrency,
                {keys}{amounts}
            FROM (SELECT "date", currency, unnest(charges) AS charge FROM {read})""",  # noqa: S608
        _inputs(files),
    )


def _check_totals(
    connection: "duckdb.DuckDBPyConnection",
    files: Mapping[date, Path],
    metrics: Sequence[str],
    totals: Mapping[date, Mapping[str, Decimal]],
    key: str,
    table: str,
) -> None:
    """Each day's rows must be whole and add up to its totals: a number that a double has rounded does not."""
    sums = "".join(f", count({quoted(metric)}), sum({quoted(metric)})" for metric in metrics)
    sql = f"""SELECT ChargePeriodStart, count(*),
        count(*) FILTER (ServiceName IS NULL OR {quoted(key)} IS NULL){sums}
        FROM {table} GROUP BY 1"""  # noqa: S608
    found = {day: counts for day, *counts in connection.execute(sql).fetchall()}
    for day, path in files.items():
        rows, nameless, *numbers = found.get(day, [0, 0, *([0, None] * len(metrics))])
        if nameless:
            raise _corrupt(day, path, f"a row has no ServiceName or {key}")
        for metric, count, total in zip(metrics, numbers[::2], numbers[1::2], strict=True):
            if metric in totals[day] and count < rows:
                raise _corrupt(day, path, f"{rows - count} of its {rows} rows have no {metric}")
            if (total or ZERO) != totals[day].get(metric, ZERO):
                stated = plain(totals[day].get(metric, ZERO))
                raise _corrupt(
                    day, path, f"its rows add up to {plain(total or ZERO)} {metric}, its total says {stated}"
                )


def _inputs(files: Mapping[date, Path]) -> list[list[str] | int]:
    """What ``_READ`` asks for: the files, their folder's glob characters escaped, and room for the largest."""
    names = ["".join(f"[{char}]" if char in "*?[" else char for char in str(path)) for path in files.values()]
    try:
        largest = max(path.stat().st_size for path in files.values())
    except OSError as error:
        raise LedgerError(f"{error.filename} cannot be read: {error.strerror or error}") from error
    return [names, max(2 * largest, 1 << 20)]


def _total(day: date, path: Path, metric: str, text: str | None) -> Decimal:
    if text is None or not re.fullmatch(r'"[^"]+"', text):
        raise _corrupt(day, path, f"its total {metric} is no string but {text or 'null'}")
    try:
        return parse_amount(text[1:-1])
    except AmountError as error:
        raise _corrupt(day, path, f"its total {metric}: {error}") from error


def _corrupt(day: date, path: Path, reason: str) -> CorruptError:
    return CorruptError(
        f"{path} is not a readable daily report ({reason}): move it away and run "
        f"`farthing backfill --start {day} --end {day + timedelta(days=1)}`"
    )


def first_line(error: Exception, path: Path | None = None) -> str:
    """What DuckDB says, on one line, without the file's name (the caller says it) and without its advice."""
    text = next(iter(str(error).splitlines()), type(error).__name__)
    text = re.sub(r"^[A-Z][\w ]* Error: ", "", text.replace(f' in file "{path}"', "") if path else text)
    return text.strip().removesuffix(".")
