"""CSV record by record, slowly and with line numbers: for files that DuckDB's reader refuses, and to find a row's line.

A record may hold line breaks within quotes. A quote that is not closed within :data:`LONGEST_RECORD` lines is taken for
a slip of its first line, so that one stray quote does not swallow the rest of the file.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import msgspec

from farthing.errors import ExportError
from farthing.sources.exports.headers import Header, opened

LONGEST_RECORD = 200
"""Lines of one record."""


class Reject(msgspec.Struct, frozen=True):
    """A row that cannot be read; ``line`` is the physical line in CSV, the row's number from 1 in Parquet."""

    file: str
    line: int
    reason: str
    text: str


class Record(msgspec.Struct, frozen=True):
    """A record and the line on which it begins; ``problem`` says why it has no ``cells``."""

    line: int
    cells: tuple[str, ...]
    text: str
    problem: str = ""


def records(path: Path, header: Header) -> Iterator[Record]:
    """The file's records after its header; blank lines are none.

    Raises:
        ExportError: the file cannot be read.
    """
    width = len(header.columns)
    with opened(path, compressed=header.compressed) as file:
        pending: list[tuple[int, bytes]] = []
        lines = enumerate(file, start=1)
        next(lines, None)
        ahead: list[tuple[int, bytes]] = []
        while True:
            item = ahead.pop(0) if ahead else next(lines, None)
            if item is None:
                if pending:
                    first, rest = pending[0], pending[1:]
                    yield Record(first[0], (), _shown(first[1]), "a quote is not closed")
                    ahead, pending = [*rest, *ahead], []
                    continue
                return
            pending.append(item)
            if sum(line.count(b'"') for _, line in pending) % 2:
                if len(pending) >= LONGEST_RECORD:
                    first, rest = pending[0], pending[1:]
                    yield Record(first[0], (), _shown(first[1]), "a quote is not closed")
                    ahead, pending = [*rest, *ahead], []
                continue
            number, data = pending[0][0], b"".join(line for _, line in pending)
            pending = []
            if data.strip():
                yield _record(number, data, header.delimiter, width)


def _record(number: int, data: bytes, delimiter: str, width: int) -> Record:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Record(number, (), _shown(data), "it is not UTF-8 text")
    text = text.removesuffix("\n").removesuffix("\r")
    try:
        rows = list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return Record(number, (), _shown(data), f"it is not CSV ({error})")
    cells = rows[0] if len(rows) == 1 else []
    if len(rows) != 1 or len(cells) != width:
        return Record(number, (), _shown(data), f"it has {len(cells)} fields, the header has {width}")
    return Record(number, tuple(cells), text)


def repaired(path: Path, header: Header, to: Path) -> list[Reject]:
    """Writes the records that can be read to another file, in plain CSV; returns the others.

    Raises:
        ExportError: the file cannot be read.
    """
    rejects = []
    try:
        with to.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=header.delimiter, quoting=csv.QUOTE_ALL)
            writer.writerow(header.columns)
            for record in records(path, header):
                if record.problem:
                    rejects.append(Reject(str(path), record.line, record.problem, record.text))
                else:
                    writer.writerow(record.cells)
    except UnicodeEncodeError as error:
        raise ExportError(f"{path} holds text that is not Unicode: {error.reason}") from error
    return rejects


def _shown(data: bytes) -> str:
    return data.decode(errors="replace").rstrip("\r\n")
