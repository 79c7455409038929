"""Importing billing exports: audit, write, prove, switch. Never alerts.

    deliveries -> audit (count, add up, what cannot be read) -> one sorted COPY by slice -> what was written must equal
    the audit, to the last decimal -> the catalog's switch

A delivery is switched by itself, as soon as it is proved: an import that is killed has imported what it had finished,
and started again it goes on with the rest. Memory is bounded whatever the size: DuckDB sorts on disk beyond its limit.
"""

import csv
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from farthing.errors import ExportError
from farthing.focus import SORTED_BY
from farthing.ledger.exports import Exports, ParquetFile, Slice, key_of
from farthing.model import exact_difference, exact_sum, plain
from farthing.sources.exports.audit import (
    Audit,
    SliceKey,
    SliceSums,
    audit,
    costs_of,
    has_ends,
    rejected,
    repaired_audit,
    slices_in,
    sums_of,
)
from farthing.sources.exports.clustering import apart
from farthing.sources.exports.csvfiles import Reject
from farthing.sources.exports.deliveries import Delivery, unchanged
from farthing.sources.exports.headers import first_line
from farthing.sources.exports.reading import BAD, Reading, reading, type_of
from farthing.sqltext import escaped, literal, quoted

if TYPE_CHECKING:
    import duckdb

MEMORY = "1GB"
"""What DuckDB may hold; sorting beyond it goes to disk. The process stays below 2 GiB."""

ROW_GROUP = 122_880
OPTIONS = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}"
"""Rows: what a query skips as a whole. DuckDB's own default."""

SPARE_SPACE = 4
"""Times the source's size that must be free on the disk: the sort's runs, and the result beside what it replaces."""

KEPT_FOR = timedelta(days=1)
"""How long a file that no slice names is left, for those who are still reading it."""

PARTITION = "x_farthing_slice"

OnStep = Callable[[str, int], None]
"""Called with what is done now and the rows that it is done with (0 where that is not known yet)."""


class Imported(msgspec.Struct, frozen=True):
    """What became of one delivery.

    Attributes:
        delivery: its name.
        format: what it was recognised as.
        rows_read: records in its files.
        rows_kept: those that can be read exactly.
        rows_rejected: the others.
        sums: of the kept rows, by currency and cost.
        committed: whether they count now.
        slices: what was written, sorted.
        replaced: what counted before.
        rejects: the file with the rejected rows, '' if there are none.
        examples: the first of them.
        rounded: costs that were doubles with more than 18 decimals.
    """

    delivery: str
    format: str
    rows_read: int
    rows_kept: int
    rows_rejected: int
    sums: dict[str, dict[str, Decimal]]
    committed: bool
    slices: tuple[Slice, ...] = ()
    replaced: tuple[Slice, ...] = ()
    rejects: str = ""
    examples: tuple[Reject, ...] = ()
    rounded: int = 0


class Importer:
    """Imports deliveries into one ledger.

    Args:
        exports: where to.
        rejects_folder: where files of rejected rows go.
        clock: the present, UTC.
        threads: of DuckDB; None: as many as there are cores.
    """

    def __init__(
        self, exports: Exports, rejects_folder: Path, clock: Callable[[], datetime], threads: int | None = None
    ) -> None:
        self._exports = exports
        self._rejects_folder = rejects_folder
        self._clock = clock
        self._threads = threads
        self._connection: duckdb.DuckDBPyConnection | None = None

    def progress(self) -> float:
        """How much of the statement that runs now is done, 0 to 1 as far as DuckDB can tell; for another thread."""
        connection = self._connection
        try:
            return min(1.0, max(0.0, connection.query_progress() / 100)) if connection is not None else 0.0
        except Exception:
            return 0.0

    def is_unchanged(self, delivery: Delivery) -> bool:
        """Whether just these files count already, with every bill that they hold."""
        slices = self._exports.slices()
        same = [one for one in slices if unchanged(delivery.sources, [one.sources])]
        # A bill that another delivery has replaced since is to be read again.
        return bool(same) and len(same) >= same[0].bills

    def run(
        self, delivery: Delivery, *, allow_rejects: bool = False, on_step: OnStep = lambda _what, _rows: None
    ) -> Imported:
        """Imports one delivery.

        Raises:
            ExportError: it cannot be read, or what was written does not add up to it; the ledger is as it was.
            LedgerError: the ledger cannot be written; it is as it was.
        """
        now = self._clock()
        self._exports.sweep(now - KEPT_FOR)
        with self._exports.files.workplace() as folder:
            _require_space(folder, delivery)
            with self._watched(_connected(folder, self._threads)) as connection:
                on_step("reading", 0)
                found = audit(connection, reading(connection, delivery.files), folder)
                try:
                    written = self._written(connection, found, folder, on_step, allow_rejects=allow_rejects)
                except _BrokenRecordError:
                    # The audit reads only what it adds up; a record is broken in another column.
                    on_step("repairing", found.rows_read)
                    found = repaired_audit(connection, found.reading, folder)
                    written = self._written(connection, found, folder, on_step, allow_rejects=allow_rejects)
                if not found.rows_read:
                    raise ExportError(f"{delivery.name}: its files have a header and no rows")
                imported = _counted(delivery, found)
                if found.rows_rejected:
                    on_step("collecting what cannot be read", found.rows_rejected)
                    path, examples = self._keep_rejects(rejected(connection, found), now)
                    imported = msgspec.structs.replace(imported, rejects=str(path), examples=examples)
                if written is None:
                    return imported
                on_step("proving", found.rows_kept)
                sizes = _prove(connection, found, written, delivery.name)
                generation = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
                slices = tuple(
                    self._slice(key, found, delivery, written[key], sizes, generation, now) for key in found.keys
                )
            replaced = self._exports.switch(slices)
        return msgspec.structs.replace(imported, committed=True, slices=slices, replaced=replaced)

    @contextmanager
    def _watched(self, connection: "duckdb.DuckDBPyConnection") -> "Iterator[duckdb.DuckDBPyConnection]":
        """The connection, closed at the end; :meth:`progress` can look at it until then."""
        with connection:
            self._connection = connection
            try:
                yield connection
            finally:
                self._connection = None

    def _written(
        self,
        connection: "duckdb.DuckDBPyConnection",
        found: Audit,
        folder: Path,
        on_step: OnStep,
        *,
        allow_rejects: bool,
    ) -> dict[SliceKey, list[Path]] | None:
        """The files of the good rows; None where nothing is to be kept."""
        if not found.rows_kept or (found.rows_rejected and not allow_rejects):
            return None
        on_step("writing", found.rows_kept)
        return _write(connection, found, folder)

    def _slice(
        self,
        key: SliceKey,
        found: Audit,
        delivery: Delivery,
        paths: Sequence[Path],
        rows: dict[Path, int],
        generation: str,
        now: datetime,
    ) -> Slice:
        parts = [one for one in found.slices if one.key == key]
        files = []
        for number, path in enumerate(paths):
            name = key_of(key.provider, key.billing_account, key.period, generation, number)
            size = path.stat().st_size
            self._exports.files.keep(path, name)
            files.append(ParquetFile(name, size, rows[path]))
        return Slice(
            provider=key.provider,
            billing_account=key.billing_account,
            period=key.period,
            format=found.reading.format.name,
            rows=sum(part.rows for part in parts),
            # Of a delivery with several slices nobody can tell whose row it was that could not be read.
            rows_rejected=found.rows_rejected,
            sums={part.currency: part.sums for part in parts},
            first_day=min(part.first_day for part in parts),
            last_day=max(part.last_day for part in parts),
            ends=max((part.ends for part in parts if part.ends), default=None),
            columns=found.reading.columns,
            origin=delivery.name,
            sources=delivery.sources,
            imported_at=now,
            files=tuple(files),
            bills=len(found.keys),
        )

    def _keep_rejects(self, rejects: Iterable[Reject], now: datetime) -> tuple[Path, tuple[Reject, ...]]:
        stream = iter(rejects)
        path = self._rejects_folder / f"rejects-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}.csv"
        try:
            examples = tuple(islice(stream, 3))
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(("file", "line", "reason", "row"))
                for one in chain(examples, stream):
                    writer.writerow((one.file, one.line, one.reason, one.text))
        except OSError as error:
            raise ExportError(f"{path} cannot be written: {error.strerror or error}") from error
        return path, examples


def _is_csv(found: Audit) -> bool:
    return found.reading.parts[0].header.kind == "csv"


class _BrokenRecordError(ExportError):
    """DuckDB's reader refuses a record of a CSV file."""


def _connected(folder: Path, threads: int | None) -> "duckdb.DuckDBPyConnection":
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": MEMORY,
            "temp_directory": str(folder / "sorting"),
            "preserve_insertion_order": "false",
            **({"threads": str(threads)} if threads else {}),
        },
    )
    connection.execute("SET python_enable_replacements = false")
    # Without the bar DuckDB does not count; nothing of it is printed.
    connection.execute("SET enable_progress_bar = true")
    connection.execute("SET enable_progress_bar_print = false")
    connection.execute("SET TimeZone = 'UTC'")
    # By default half a million rows wait in each thread before they are written: half a gigabyte of a wide export.
    connection.execute(f"SET partitioned_write_flush_threshold = {ROW_GROUP}")
    return connection


def _counted(delivery: Delivery, found: Audit) -> Imported:
    sums: dict[str, dict[str, Decimal]] = {}
    for currency in sorted({one.currency for one in found.slices}):
        parts = [one for one in found.slices if one.currency == currency]
        sums[currency] = {cost: exact_sum(part.sums[cost] for part in parts) for cost in costs_of(found.reading)}
    return Imported(
        delivery=delivery.name,
        format=found.reading.format.name,
        rows_read=found.rows_read,
        rows_kept=found.rows_kept,
        rows_rejected=found.rows_rejected,
        sums=sums,
        committed=False,
        rounded=found.rounded,
    )


def _slice_mark(key: SliceKey) -> str:
    """SQL of whether a row is of a slice."""
    return (
        f"ProviderName = {literal(key.provider)} AND BillingAccountId = {literal(key.billing_account)} "
        f"AND CAST(BillingPeriodStart AS DATE) = DATE '{key.period}'"
    )


def _write(connection: "duckdb.DuckDBPyConnection", found: Audit, folder: Path) -> dict[SliceKey, list[Path]]:
    """Writes the good rows, sorted, one or more files for each slice."""
    import duckdb

    target = folder / "written"
    target.mkdir(exist_ok=True)
    try:
        readings = {found.keys[0]: found.reading} if len(found.keys) == 1 else apart(connection, found)
        if readings is None:
            return _write_together(connection, found, target)
        return {
            key: [_write_alone(connection, found, key, reading_, target / f"{place}.parquet")]
            for place, (key, reading_) in enumerate(readings.items())
        }
    except duckdb.Error as error:
        shutil.rmtree(target, ignore_errors=True)
        problem = f"{found.reading.files[0]} cannot be imported: {first_line(error)}"
        is_csv = found.reading.parts[0].header.kind == "csv" and not found.originals
        if is_csv and isinstance(error, duckdb.InvalidInputException):  # what DuckDB's CSV reader raises
            raise _BrokenRecordError(problem) from error
        raise ExportError(problem) from error


def _write_alone(
    connection: "duckdb.DuckDBPyConnection", found: Audit, key: SliceKey, reading_: Reading, file: Path
) -> Path:
    """One slice, from the files that hold it."""
    there = set(reading_.own_columns())
    columns = [
        quoted(name) if name in there else f"CAST(NULL AS {type_of(name)}) AS {quoted(name)}"
        for name in found.reading.columns
    ]
    conditions = [f"NOT {BAD}"] if found.rows_bad else []
    if len(found.keys) > 1:
        # The column itself is compared, so that row groups of other periods are not read.
        day = f"DATE '{key.period}'"
        conditions += [f"BillingPeriodStart >= {day}", f"BillingPeriodStart < {day} + 1", _slice_mark(key)]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = f"SELECT {', '.join(columns)} FROM ({reading_.rows()}) {where} ORDER BY {_order(found)}"  # noqa: S608
    connection.execute(f"COPY ({rows}) TO {literal(str(file))} ({OPTIONS})")
    return file


def _write_together(connection: "duckdb.DuckDBPyConnection", found: Audit, target: Path) -> dict[SliceKey, list[Path]]:
    """All slices in one go; slice by slice, so that one partition at a time is open."""
    columns = ", ".join(map(quoted, found.reading.columns))
    good = f"WHERE NOT {BAD}" if found.rows_bad else ""
    cases = " ".join(f"WHEN {_slice_mark(key)} THEN {place}" for place, key in enumerate(found.keys))
    rows = f"SELECT {columns}, CASE {cases} END AS {PARTITION} FROM ({found.reading.rows()}) {good}"  # noqa: S608
    connection.execute(
        f"COPY ({rows} ORDER BY {PARTITION}, {_order(found)}) TO {literal(str(target))} "
        f"({OPTIONS}, PARTITION_BY ({PARTITION}), OVERWRITE_OR_IGNORE)"
    )
    return {key: sorted((target / f"{PARTITION}={place}").glob("*.parquet")) for place, key in enumerate(found.keys)}


def _order(found: Audit) -> str:
    return ", ".join(["CAST(ChargePeriodStart AS DATE)", *_sorted_by(found.reading)])


def _sorted_by(reading_: Reading) -> list[str]:
    return [name for name in SORTED_BY[1:] if name in reading_.present]


def _prove(
    connection: "duckdb.DuckDBPyConnection", found: Audit, written: dict[SliceKey, list[Path]], name: str
) -> dict[Path, int]:
    """Reads back what was written: rows and sums must be the audit's; returns the rows of each file.

    Raises:
        ExportError: they are not; the message says by how much.
    """
    import duckdb

    paths = [path for files in written.values() for path in files]
    names = f"[{', '.join(literal(escaped(path)) for path in paths)}]"
    relation = f"SELECT * FROM read_parquet({names}, hive_partitioning=false)"  # noqa: S608
    costs = costs_of(found.reading)
    try:
        there = slices_in(
            connection.execute(sums_of(relation, costs, with_ends=has_ends(found.reading))).fetchall(), costs
        )
        counts = connection.execute(f"SELECT file_name, num_rows FROM parquet_file_metadata({names})").fetchall()  # noqa: S608
    except duckdb.Error as error:
        raise ExportError(f"{name}: what was written cannot be read back: {first_line(error)}") from error
    if there != found.slices:
        raise ExportError(f"{name}: {_difference(found.slices, there)}; nothing was imported, please report it")
    return {Path(file): int(rows) for file, rows in counts}


def _difference(read: Sequence[SliceSums], written: Sequence[SliceSums]) -> str:
    """By how much what was written is not what was read, in a sentence."""
    before = {(one.key, one.currency): one for one in read}
    after = {(one.key, one.currency): one for one in written}
    for place in sorted({*before, *after}):
        one, other = before.get(place), after.get(place)
        if one is None or other is None:
            return f"{place[0]} in {place[1]} was {'written but not read' if one is None else 'read but not written'}"
        if one.rows != other.rows:
            return f"{one.key}: {one.rows:,} rows were read, {other.rows:,} written"
        for cost, amount in one.sums.items():
            if other.sums[cost] != amount:
                off = plain(exact_difference(other.sums[cost], amount))
                return f"{one.key}: {cost} of what was written is off by {off} {one.currency}"
    return "the days of what was written are not those of what was read"


def _require_space(folder: Path, delivery: Delivery) -> None:
    size = sum(source.size for source in delivery.sources)
    free = shutil.disk_usage(folder).free
    # A Parquet file grows when it is sorted in memory's shape; CSV shrinks.
    if free < SPARE_SPACE * size:
        raise ExportError(
            f"{delivery.name} is {size / 1e9:,.1f} GB and needs about {SPARE_SPACE * size / 1e9:,.1f} GB of free disk "
            f"below {folder.parent}, where {free / 1e9:,.1f} GB are free"
        )
