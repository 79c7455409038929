"""What a file really is, whatever its name says: Parquet or CSV, compressed or not, its columns, its delimiter."""

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

import msgspec

from farthing.errors import ExportError
from farthing.sqltext import escaped, literal

if TYPE_CHECKING:
    import duckdb

SUFFIXES = (".parquet", ".csv", ".csv.gz", ".gz")
"""Of files that are looked at within a folder."""

DELIMITERS = (",", ";", "\t", "|")
HEADER_BYTES = 1 << 20
"""The longest header line that is read, in bytes."""

_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"PK\x03\x04": "a zip archive", b"BZh": "bzip2"}


class Header(msgspec.Struct, frozen=True):
    """A file's outside.

    Attributes:
        kind: what it holds.
        columns: name as written -> DuckDB's type (VARCHAR in CSV), in order.
        delimiter: of CSV.
        compressed: CSV in gzip.
        has_bom: CSV begins with UTF-8's byte order mark.
    """

    kind: Literal["csv", "parquet"]
    columns: Mapping[str, str]
    delimiter: str = ","
    compressed: bool = False
    has_bom: bool = False


def header_of(connection: "duckdb.DuckDBPyConnection", path: Path) -> Header:
    """Looks into the file.

    Raises:
        ExportError: it is neither CSV nor Parquet, or is empty or damaged.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror or error}") from error
    if not start:
        raise ExportError(f"{path} is empty")
    for mark, what in _BOMS.items():
        if start.startswith(mark):
            raise ExportError(f"{path} is {what}: farthing reads Parquet, and CSV in UTF-8, plain or in gzip")
    if start == b"PAR1":
        return _parquet(connection, path)
    return _csv(path, compressed=start[:2] == b"\x1f\x8b")


def snake(name: str) -> str:
    """A column's name in lower case; the legacy report's ``lineItem/UsageAmount`` as its Parquet spells it.

    What stands behind ``resourceTags/`` and ``costCategory/`` is somebody's own key and stays as it is.
    """
    category, slash, rest = name.strip().partition("/")
    if not slash:
        return category.lower()
    if category in ("resourceTags", "costCategory"):
        return f"{_underscored(category)}_{rest}"
    return f"{_underscored(category)}_{_underscored(rest)}"


def _underscored(text: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", text.replace("-", "_")).lower()


@contextmanager
def opened(path: Path, *, compressed: bool) -> Iterator[BinaryIO]:
    """The file's bytes, decompressed.

    Raises:
        ExportError: it cannot be read, or is damaged.
    """
    try:
        with cast("BinaryIO", gzip.open(path, "rb")) if compressed else path.open("rb") as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ExportError(
            f"{path} is not whole: its gzip stream is damaged or cut off; fetch the file again"
        ) from error
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror or error}") from error


def _parquet(connection: "duckdb.DuckDBPyConnection", path: Path) -> Header:
    import duckdb

    relation = f"read_parquet({literal(escaped(path))}, hive_partitioning=false)"
    try:
        found = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()  # noqa: S608
    except duckdb.Error as error:
        raise ExportError(f"{path} is not a readable Parquet file: {first_line(error)}") from error
    return Header("parquet", {str(row[0]): str(row[1]) for row in found})


def _csv(path: Path, *, compressed: bool) -> Header:
    with opened(path, compressed=compressed) as file:
        line = file.readline(HEADER_BYTES)
    has_bom = line.startswith(b"\xef\xbb\xbf")
    if b"\x00" in line:
        raise ExportError(f"{path} is not CSV: its first line holds NUL bytes")
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ExportError(f"{path} is not UTF-8 text (byte {error.start} of its first line)") from error
    if not text.strip():
        raise ExportError(f"{path} has no header line")
    delimiter = max(DELIMITERS, key=text.count)
    try:
        names = [name.strip() for name in next(csv.reader([text], delimiter=delimiter))]
    except csv.Error as error:
        raise ExportError(f"{path} is not CSV: its first line cannot be read ({error})") from error
    folded = [name.lower() for name in names]
    twice = sorted({name for name, low in zip(names, folded, strict=True) if name and folded.count(low) > 1})
    if twice:
        raise ExportError(f"{path}: its header names {', '.join(map(repr, twice))} twice")
    # A trailing delimiter makes a column without a name.
    columns = {name or f"column {place + 1}": "VARCHAR" for place, name in enumerate(names)}
    return Header("csv", columns, delimiter, compressed, has_bom)


def first_line(error: Exception) -> str:
    """What DuckDB says, on one line, without its kind and its advice."""
    text = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return re.sub(r"^[A-Z][\w ]* Error: ", "", text).strip().removesuffix(".")
