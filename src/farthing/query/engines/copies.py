"""Parquet copies of daily reports: what was read and proved once is not parsed again.

A large organisation's year is 1.5 GB of JSON, which takes half a minute to parse; its copy opens at once, and a query
reads only the columns and days that it needs. Copies are derived: they may be deleted at any time, and are made anew
from the reports. There is one file for each month, beside a small index that says of each of its days which state of
the report (by its ETag) was copied. A file never changes: a month that does is written under another name.
"""

import hashlib
import os
import secrets
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import msgspec

from farthing.ledger.report_files import ReportFiles
from farthing.query.calling_off import asker
from farthing.query.engines.reports import load_reports
from farthing.query.model import Day
from farthing.sqltext import escaped, literal, quoted

if TYPE_CHECKING:
    import duckdb

SCHEMA = "farthing.copies/2"

COPIED_FROM = 1 << 20
"""Bytes of reports of one month that are not copied yet: fewer are parsed faster than they are copied."""

CHUNK = 1 << 20
"""Bytes that are read at a time for a checksum."""

UNUSED_SECONDS = 3600.0
"""How long a file stays that was replaced: another process may still read it."""


class _Copied(msgspec.Struct, frozen=True):
    etag: str
    currency: str
    metrics: tuple[str, ...]


class _Month(msgspec.Struct, frozen=True):
    """What a month's file holds. ``size`` in bytes, ``crc`` the CRC-32 of them: a damaged one is not used.

    Parquet itself has no checksum that DuckDB looks at: a bit that fell over would be another amount.
    """

    schema: str
    file: str
    size: int
    crc: int
    days: dict[date, _Copied]


def load(connection: "duckdb.DuckDBPyConnection", reports: ReportFiles, key: str) -> dict[date, Day]:
    """Makes the relation ``reports``, from copies where they are, and says what each day holds.

    Its columns are those of :func:`farthing.query.engines.reports.load_reports`.

    Args:
        connection: DuckDB's.
        reports: those to read.
        key: what tells rows apart beside ServiceName.

    Raises:
        CorruptError: a file is not a daily report; the message names it and how to mend that.
        LedgerError: a file cannot be read.
    """
    months: dict[str, list[date]] = defaultdict(list)
    for day in reports.etags:
        months[f"{day:%Y-%m}"].append(day)
    days: dict[date, Day] = {}
    parts: list[str] = []
    parsed: dict[date, Path] = {}
    for place, (name, wanted) in enumerate(months.items()):
        if reports.progress is not None:
            reports.progress(place, len(months))
        asker().check()
        month = _read(reports.copies, name)
        stale = _stale(month, wanted, reports.etags)
        if stale:
            files = reports.fetch(stale)
            if reports.copies is not None and _bytes(files.values()) >= COPIED_FROM:
                made = _copy(connection, reports.copies, name, month, files, reports.etags, key)
                if made:
                    month, stale = made, ()
                    _let_go(reports, files)
            if stale:
                parsed |= files
        if month is not None and reports.copies is not None:
            there = [day for day in wanted if day in month.days and day not in stale]
            days |= {day: Day(day, month.days[day].currency, month.days[day].metrics) for day in there}
            if there:
                parts.append(_of_copy(reports.copies / month.file, stale))
    if parsed:
        days |= load_reports(connection, parsed, key, "parsed")
        parts.append("SELECT * FROM parsed")
        _let_go(reports, parsed)
    if parts and not _view(connection, parts):
        # A copy is damaged: the reports are not.
        connection.execute("DROP TABLE IF EXISTS parsed")
        return load(connection, msgspec.structs.replace(reports, copies=None), key)
    return dict(sorted(days.items()))


def _let_go(reports: ReportFiles, files: Mapping[date, Path]) -> None:
    if reports.temporary:
        for path in files.values():
            path.unlink(missing_ok=True)


def _view(connection: "duckdb.DuckDBPyConnection", parts: Iterable[str]) -> bool:
    """Makes the relation, if each of its parts can be read."""
    import duckdb

    try:
        connection.execute(f"CREATE VIEW reports AS {' UNION ALL BY NAME '.join(parts)}")
    except duckdb.Error:
        return False
    return True


def _stale(month: _Month | None, wanted: Iterable[date], etags: Mapping[date, str]) -> tuple[date, ...]:
    copied = month.days if month else {}
    return tuple(day for day in wanted if day not in copied or copied[day].etag != etags[day])


def _of_copy(path: Path, without: Collection[date]) -> str:
    condition = f" WHERE ChargePeriodStart NOT IN ({', '.join(f'DATE {literal(str(day))}' for day in without)})"
    return f"SELECT * FROM read_parquet({literal(escaped(str(path)))}){condition if without else ''}"  # noqa: S608


def _bytes(paths: Iterable[Path]) -> int:
    with suppress(OSError):  # whoever reads it says what is wrong
        return sum(path.stat().st_size for path in paths)
    return 0


def _read(folder: Path | None, name: str) -> _Month | None:
    """A month's index; None where there is none that can be used."""
    if folder is None:
        return None
    with suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        month = msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=_Month)
        path = folder / month.file
        whole = path.parent == folder and path.stat().st_size == month.size
        if month.schema == SCHEMA and whole and _crc(path) == month.crc:
            return month
    return None


def _crc(path: Path) -> int:
    found = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found = crc32(chunk, found)
    return found


def _copy(
    connection: "duckdb.DuckDBPyConnection",
    folder: Path,
    name: str,
    old: _Month | None,
    files: Mapping[date, Path],
    etags: Mapping[date, str],
    key: str,
) -> _Month | None:
    """Parses these days, proves them, and writes them with the month's other ones; None where nothing can be written.

    Raises:
        CorruptError: a file is not a daily report.
    """
    import duckdb

    days = load_reports(connection, files, key, "incoming")
    copied = {} if old is None else {day: one for day, one in old.days.items() if day not in days}
    copied |= {day: _Copied(etags[day], one.currency, one.metrics) for day, one in days.items()}
    rows = "SELECT * FROM incoming"
    if old is not None:
        rows += f" UNION ALL BY NAME {_of_copy(folder / old.file, tuple(days))}"
    states = "\n".join(f"{day} {one.etag}" for day, one in sorted(copied.items()))
    file = f"{name}-{hashlib.sha256(states.encode()).hexdigest()[:16]}.parquet"
    writing = folder / f"{file}.{os.getpid()}.{secrets.token_hex(4)}.writing"
    order = ", ".join(quoted(column) for column in ("ChargePeriodStart", "ServiceName", key))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection.execute(f"COPY ({rows} ORDER BY {order}) TO {literal(str(writing))} (FORMAT parquet)")
        month = _Month(SCHEMA, file, writing.stat().st_size, _crc(writing), dict(sorted(copied.items())))
        writing.replace(folder / file)
        writing.write_bytes(msgspec.json.encode(month))
        writing.replace(folder / f"{name}.json")
    except (OSError, duckdb.Error):
        # A full disk, no permission, an older copy that is damaged: the reports are there all the same.
        with suppress(OSError):
            writing.unlink(missing_ok=True)
        return None
    finally:
        connection.execute("DROP TABLE incoming")
    with suppress(OSError):
        _tidy(folder, name, file, None if old is None else old.file)
    return month


def _tidy(folder: Path, name: str, current: str, replaced: str | None) -> None:
    """Deletes the month's files that nobody has read for long; the one that was just replaced begins to age now."""
    if replaced is not None and replaced != current:
        os.utime(folder / replaced)
    now = time.time()
    for path in folder.glob(f"{name}-*"):
        if path.name != current and now - path.stat().st_mtime > UNUSED_SECONDS:
            path.unlink()
