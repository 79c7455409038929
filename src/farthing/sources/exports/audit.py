"""What a delivery comes to, counted and added up before anything is written, and what of it cannot be read."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from farthing.errors import ExportError
from farthing.focus import SLICE
from farthing.sources.exports.cells import NOTHING
from farthing.sources.exports.csvfiles import Reject, records, repaired
from farthing.sources.exports.headers import first_line, header_of
from farthing.sources.exports.reading import BAD, COSTS, ROUNDED, Part, Reading, reading, rejects_of
from farthing.sqltext import quoted

if TYPE_CHECKING:
    import duckdb

BATCH = 2_000
"""Rejected rows that are held at once."""

MAX_LOST = 10
"""Rows of a CSV file whose line is looked for again from the last one found."""

MAX_SLICES = 2_000
"""Slices of one delivery; more are a column that was taken for another."""


class SliceKey(msgspec.Struct, frozen=True, order=True):
    """What a delivery replaces: one provider's bill of one billing account for the period that begins on a day."""

    provider: str
    billing_account: str
    period: date

    def __str__(self) -> str:
        return f"{self.period:%Y-%m} of {self.provider} {self.billing_account}"


class SliceSums(msgspec.Struct, frozen=True):
    """A slice's rows in one currency: how many, what they cost, the days of the first and the last charge.

    ``ends`` is the day after the billing period, None where the source does not say it.
    """

    key: SliceKey
    currency: str
    rows: int
    sums: Mapping[str, Decimal]
    first_day: date
    last_day: date
    ends: date | None = None


class Audit(msgspec.Struct, frozen=True):
    """What was read.

    Attributes:
        reading: what it was read from: repaired copies of CSV files that DuckDB refuses.
        slices: the good rows, by slice and currency, sorted.
        rows_read: good and bad ones.
        rows_bad: rows with a cell that cannot be read.
        broken: CSV records that are none, found while repairing.
        rounded: costs that were doubles with more than 18 decimals.
        originals: a repaired file -> the file that it was made from.
    """

    reading: Reading
    slices: tuple[SliceSums, ...]
    rows_read: int
    rows_bad: int
    broken: tuple[Reject, ...] = ()
    rounded: int = 0
    originals: Mapping[str, Path] = {}

    @property
    def rows_rejected(self) -> int:
        """Rows that are not kept."""
        return self.rows_bad + len(self.broken)

    @property
    def rows_kept(self) -> int:
        """Rows that are."""
        return self.rows_read - self.rows_rejected

    @property
    def keys(self) -> tuple[SliceKey, ...]:
        """The slices, each once."""
        return tuple(dict.fromkeys(one.key for one in self.slices))


def sums_of(rows: str, costs: tuple[str, ...], *, with_ends: bool, extra: str = "") -> str:
    """SQL: rows, sums, first and last charge and end of each slice and currency of a relation with canonical columns.

    Args:
        rows: SQL of the relation.
        costs: what to add up.
        with_ends: whether it has a BillingPeriodEnd.
        extra: more columns, with a comma before each.
    """
    keys = f"{SLICE[0]}, {SLICE[1]}, CAST({SLICE[2]} AS DATE), BillingCurrency"
    sums = ", ".join(f"coalesce(sum({quoted(cost)}), 0)" for cost in costs)
    days = "CAST(min(ChargePeriodStart) AS DATE), CAST(max(ChargePeriodStart) AS DATE)"
    # 23:59:59 of a day is the day after it.
    ends = "CAST(max(BillingPeriodEnd) + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND AS DATE)" if with_ends else "NULL"
    return f"SELECT {keys}, count(*), {days}, {ends}, {sums}{extra} FROM ({rows}) GROUP BY ALL"  # noqa: S608


def slices_in(found: list[tuple], costs: tuple[str, ...]) -> tuple[SliceSums, ...]:  # type: ignore[type-arg]
    """The rows that :func:`sums_of` asks for, as values."""
    slices = [
        SliceSums(
            SliceKey(provider, account, period),
            currency,
            count,
            dict(zip(costs, sums[: len(costs)], strict=True)),
            first,
            last,
            ends,
        )
        for provider, account, period, currency, count, first, last, ends, *sums in found
    ]
    return tuple(sorted(slices, key=lambda one: (one.key, one.currency)))


def costs_of(reading_: Reading) -> tuple[str, ...]:
    """The costs that the delivery has."""
    return tuple(cost for cost in COSTS if cost in reading_.present)


def has_ends(reading_: Reading) -> bool:
    """Whether the delivery says when its billing periods end."""
    return "BillingPeriodEnd" in reading_.present


def audit(connection: "duckdb.DuckDBPyConnection", reading_: Reading, workplace: Path) -> Audit:
    """Counts and adds up a delivery.

    Args:
        connection: DuckDB.
        reading_: the delivery.
        workplace: a folder for repaired copies of CSV files that DuckDB's reader refuses.

    Raises:
        ExportError: it cannot be read.
    """
    import duckdb

    try:
        return _audit(connection, reading_)
    except duckdb.OutOfMemoryException as error:
        raise ExportError(f"{reading_.files[0]}: {first_line(error)}") from error
    except duckdb.Error as error:
        if reading_.parts[0].header.kind != "csv":
            raise ExportError(f"{_culprit(connection, reading_)} cannot be read: {first_line(error)}") from error
    return repaired_audit(connection, reading_, workplace)


def _audit(connection: "duckdb.DuckDBPyConnection", reading_: Reading) -> Audit:
    costs = costs_of(reading_)
    rows = reading_.rows()
    good = f"SELECT * REPLACE (CASE WHEN {BAD} THEN NULL ELSE ProviderName END AS ProviderName, "
    good += f"CASE WHEN {BAD} THEN NULL ELSE BillingAccountId END AS BillingAccountId, "
    good += f"CASE WHEN {BAD} THEN NULL ELSE BillingPeriodStart END AS BillingPeriodStart, "
    good += f"CASE WHEN {BAD} THEN NULL ELSE BillingCurrency END AS BillingCurrency) FROM ({rows})"
    extra = f", {BAD}, coalesce(sum({ROUNDED}), 0)"
    with_ends = has_ends(reading_)
    found = connection.execute(sums_of(good, costs, with_ends=with_ends, extra=extra)).fetchall()
    bad = [row for row in found if row[-2]]
    fine = [row for row in found if not row[-2]]
    if len(fine) > MAX_SLICES:
        raise ExportError(
            f"{reading_.files[0]}: {len(fine):,} bills (provider, billing account, billing period) in one delivery; "
            "is BillingPeriodStart the start of a billing period?"
        )
    return Audit(
        reading=reading_,
        slices=slices_in(fine, costs),
        rows_read=sum(row[4] for row in found),
        rows_bad=sum(row[4] for row in bad),
        rounded=int(sum(row[-1] for row in fine)),
    )


def repaired_audit(connection: "duckdb.DuckDBPyConnection", reading_: Reading, workplace: Path) -> Audit:
    """The same of copies in plain CSV, without the records that are none: slow, and never refused by DuckDB's reader.

    Raises:
        ExportError: a file cannot be read.
    """
    import duckdb

    broken: list[Reject] = []
    originals: dict[str, Path] = {}
    copies: list[Path] = []
    for part in reading_.parts:
        for file in part.files:
            copy = workplace / f"repaired-{len(copies)}.csv"
            broken += repaired(file, part.header, copy)
            originals[str(copy)] = file
            copies.append(copy)
    again = reading(connection, copies)
    try:
        found = _audit(connection, again)
    except duckdb.Error as error:
        raise ExportError(f"{reading_.files[0]} cannot be read: {first_line(error)}") from error
    return msgspec.structs.replace(
        found, broken=tuple(broken), rows_read=found.rows_read + len(broken), originals=originals
    )


def _culprit(connection: "duckdb.DuckDBPyConnection", reading_: Reading) -> Path:
    """The first file that cannot be read to its end."""
    import duckdb

    for part in reading_.parts:
        for file in part.files:
            alone = msgspec.structs.replace(reading_, parts=(msgspec.structs.replace(part, files=(file,)),))
            try:
                _audit(connection, alone)
            except duckdb.Error:
                return file
    return reading_.files[0]


def rejected(connection: "duckdb.DuckDBPyConnection", found: Audit) -> Iterator[Reject]:
    """Each row that is not kept, with its file, line and reason; the CSV records that are none come first.

    In batches, whatever their number: a report of which every row is wrong is the one that people look at.

    Raises:
        ExportError: a file can no longer be read.
    """
    yield from found.broken
    if not found.rows_bad:
        return
    for part, sql in found.reading.bad_rows():
        if part.header.kind == "parquet":
            for file, number, reason, *values in _fetched(connection, sql):
                yield Reject(file, int(number) + 1, reason, _shown(part, values))
        else:
            for file in part.files:
                alone = msgspec.structs.replace(part, files=(file,))
                yield from _with_lines(connection, alone, found.originals.get(str(file), file))


def _fetched(connection: "duckdb.DuckDBPyConnection", sql: str) -> Iterator[tuple[Any, ...]]:
    """Rows in the order of the file, a batch at a time."""
    import duckdb

    connection.execute("SET preserve_insertion_order = true")
    try:
        relation = connection.execute(sql)
        while rows := relation.fetchmany(BATCH):
            yield from rows
    except duckdb.Error as error:
        raise ExportError(f"the rows that cannot be read could not be collected: {first_line(error)}") from error
    finally:
        connection.execute("SET preserve_insertion_order = false")


def _with_lines(connection: "duckdb.DuckDBPyConnection", part: Part, path: Path) -> Iterator[Reject]:
    """A CSV file's bad rows with their lines: DuckDB does not tell them, so the file is read beside, in step.

    A row that is not found there (the two would have to read the file differently) is told with line 0.
    """
    header = part.header if path == part.files[0] else header_of(connection, path)
    beside = records(path, header)
    last, lost = 0, 0
    for _, _, reason, *values in _fetched(connection, rejects_of(part)):
        wanted = tuple("" if value is None else value for value in values)
        record = next((one for one in beside if not one.problem and _said(one.cells) == wanted), None)
        if record is not None:
            last = record.line
            yield Reject(str(path), record.line, reason, record.text)
            continue
        yield Reject(str(path), 0, reason, _shown(part, values))
        lost += 1
        if lost <= MAX_LOST:
            beside = (one for one in records(path, header) if one.line > last)


def _said(values: Sequence[str]) -> tuple[str, ...]:
    """A record's cells as DuckDB's reader gives them: '' for all that says nothing."""
    return tuple("" if value in NOTHING else value for value in values)


def _shown(part: Part, values: Sequence[object]) -> str:
    pairs = zip(part.header.columns, values, strict=True)
    return ", ".join(f"{name}={value}" for name, value in pairs if value is not None)
