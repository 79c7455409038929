"""Files of one delivery as SQL: the columns of :mod:`farthing.focus`, the source's other columns, and what is wrong.

Each file is described by its header; files with the same header are read together, the others beside them. A row is
*bad* where a cell that the format reads says something that cannot be read exactly, or where a mandatory column has no
value. Nothing is dropped here: the caller decides what to do with bad rows.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from farthing.errors import ExportError
from farthing.focus import FOCUS_COLUMNS, SQL_TYPES
from farthing.sources.exports import cells
from farthing.sources.exports.formats import Format, filled, recognised
from farthing.sources.exports.headers import Header, header_of, snake
from farthing.sqltext import escaped, literal, quoted

if TYPE_CHECKING:
    import duckdb

LONGEST_LINE = 2 * 1024 * 1024
"""Bytes of a CSV record that is still read; DuckDB's buffers are a multiple of it."""

LARGEST_DOUBLE = "1e20"
"""Doubles from here on do not fit into DECIMAL(38,18)."""

YEARS = ("1990-01-01", "2200-01-01")
"""A bill's times lie between them; anything else is a slip, and would make a partition of its own."""

COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
"""What an import adds up and proves."""

OWN = "x_farthing_"
"""What names of farthing's own begin with, within a statement; no source column may."""

FILE = f"{OWN}file"
ROW = f"{OWN}row"
BAD = f"{OWN}bad"
ROUNDED = f"{OWN}rounded"


BESIDE = "x_source_"
"""Before the name of a source column that a canonical column has already."""


class Part(msgspec.Struct, frozen=True):
    """Files with the same header."""

    files: tuple[Path, ...]
    header: Header
    format: Format


class Reading(msgspec.Struct, frozen=True):
    """A delivery, ready to be read.

    Attributes:
        parts: its files by header; all of one format.
        columns: what is kept: ``present``, then the source's other columns.
        present: the canonical columns that some file has, in their order.
    """

    parts: tuple[Part, ...]
    columns: tuple[str, ...]
    present: tuple[str, ...]

    @property
    def format(self) -> Format:
        """The one format of all files."""
        return self.parts[0].format

    @property
    def files(self) -> tuple[Path, ...]:
        """All files."""
        return tuple(file for part in self.parts for file in part.files)

    def own_columns(self) -> tuple[str, ...]:
        """Those of ``columns`` that one of these files has: a reading of some files of a delivery may lack some."""
        there = {name for part in self.parts for name in FOCUS_COLUMNS if _has(part, name)}
        others = {name.lower() for part in self.parts for name in _others(part).values()}
        return tuple(name for name in self.columns if name in there or name.lower() in others)

    def rows(self) -> str:
        """SQL: every row with ``columns``, whether it is bad, and how many of its costs were rounded."""
        selects = [_mapped(part, self.columns) for part in self.parts]
        return "\nUNION ALL BY NAME\n".join(selects)

    def bad_rows(self) -> list[tuple[Part, str]]:
        """For each part, SQL of its bad rows: file, row number (Parquet, else NULL), reason, then the raw columns."""
        return [(part, rejects_of(part)) for part in self.parts]


def type_of(column: str) -> str:
    """The SQL type in which a column is kept."""
    known = FOCUS_COLUMNS.get(column)
    return SQL_TYPES[known.kind] if known else "VARCHAR"


def reading(connection: "duckdb.DuckDBPyConnection", files: Sequence[Path]) -> Reading:
    """Looks into the files and recognises their format.

    Raises:
        ExportError: one cannot be read, is of no known format, or they are of two.
    """
    by_header: dict[str, list[Path]] = {}
    headers: dict[str, Header] = {}
    for file in files:
        header = header_of(connection, file)
        key = repr(header)
        headers[key] = header
        by_header.setdefault(key, []).append(file)
    parts = []
    for key, header in headers.items():
        names = [snake(name) for name in header.columns]
        parts.append(Part(tuple(by_header[key]), header, recognised(names, str(by_header[key][0]))))
    _require_own_names(parts)
    by_kind = {part.header.kind: part.files[0] for part in parts}
    if len(by_kind) > 1:
        raise ExportError(
            f"{by_kind['csv']} is CSV and {by_kind['parquet']} is Parquet: they may be the same bill twice; "
            "import the files of one kind"
        )
    formats = {part.format.title for part in parts}
    if len(formats) > 1:
        raise ExportError(
            f"{parts[0].files[0]} is a {parts[0].format.title} export, "
            f"{next(part for part in parts if part.format.title != parts[0].format.title).files[0]} is not: "
            "import the folder of one kind at a time"
        )
    others: dict[str, str] = {}
    for part in parts:
        for name in _others(part).values():
            others.setdefault(name.lower(), name)
    present = tuple(name for name in FOCUS_COLUMNS if any(_has(part, name) for part in parts))
    return Reading(tuple(parts), (*present, *others.values()), present)


def _require_own_names(parts: Sequence[Part]) -> None:
    for part in parts:
        for name in part.header.columns:
            if name.lower().startswith(OWN):
                raise ExportError(
                    f"{part.files[0]} has a column {name!r}: names that begin with {OWN} are farthing's own; rename it"
                )


def raw(part: Part, *, numbered: bool = False) -> str:
    """SQL of a part as its files are: every column under its own name, and the file's name."""
    names = f"[{', '.join(literal(escaped(file)) for file in part.files)}]"
    if part.header.kind == "parquet":
        number = f", file_row_number AS {ROW}" if numbered else ""
        options = ", file_row_number=true" if numbered else ""
        columns = "* EXCLUDE (file_row_number)" if numbered else "*"
        options = f"hive_partitioning=false, binary_as_string=true, filename='{FILE}'{options}"
        return f"SELECT {columns}{number} FROM read_parquet({names}, {options})"  # noqa: S608
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in part.header.columns)
    compression = "gzip" if part.header.compressed else "none"
    delimiter = literal(part.header.delimiter)
    nothing = ", ".join(map(literal, cells.NOTHING))
    options = (
        f"auto_detect=false, header=true, nullstr=[{nothing}], delim={delimiter}, quote='\"', escape='\"', "
        f"strict_mode=true, compression='{compression}', columns={{{columns}}}, filename='{FILE}', "
        f"max_line_size={LONGEST_LINE}"
    )
    number = f", CAST(NULL AS BIGINT) AS {ROW}" if numbered else ""
    return f"SELECT *{number} FROM read_csv({names}, {options})"  # noqa: S608


def _types(part: Part) -> dict[str, tuple[str, str]]:
    """Folded name -> (name as written, type)."""
    is_csv = part.header.kind == "csv"
    return {snake(name): (name, cells.CLEAN if is_csv else kind) for name, kind in part.header.columns.items()}


def _found(part: Part, name: str) -> tuple[str, str] | None:
    """A source column's SQL and type, by its folded name; of a map whose keys are columns, the key's value."""
    types = _types(part)
    if name in types:
        written, kind = types[name]
        return quoted(written), kind
    spelled = part.format.keys.get(name)
    if spelled is not None and spelled.shared in types and not _key_columns(part, name):
        written, kind = types[spelled.shared]
        return quoted(written), kind
    for spread in part.format.spread:
        key = name.removeprefix(f"{spread}_")
        if key != name and spread in types:
            written, kind = types[spread]
            return f"{cells.mapping(quoted(written), kind)}[{literal(key)}]", "VARCHAR"
    return None


def _key_columns(part: Part, name: str) -> list[tuple[str, str]]:
    """(key, SQL) of the columns that are one key each of a map that is not there itself."""
    spelled = part.format.keys.get(name)
    if name in _types(part) or spelled is None:
        return []
    pairs: dict[str, str] = {}
    for folded, (written, kind) in _types(part).items():
        prefix = next((one for one in spelled.columns if folded.startswith(one) and folded != one), None)
        if prefix is None:
            continue
        whole = folded.removeprefix(prefix)
        key = whole
        for own in spelled.own:
            key = key.removeprefix(own)
        pairs[whole if key in pairs else key] = cells.text(quoted(written), kind)
    return list(pairs.items())


def _cell(part: Part, kind: str, name: str) -> str:
    pairs = _key_columns(part, name) if kind == "map" else []
    if pairs:
        return cells.map_of_columns(pairs)
    found = _found(part, name)
    if found is None:
        nothing = {"amount": cells.AMOUNT, "time": "TIMESTAMP", "text": "VARCHAR"}
        return "MAP {}" if kind == "map" else f"CAST(NULL AS {nothing[kind]})"
    column, type_ = found
    if kind != "text" and type_ == "VARCHAR":
        column, type_ = quoted(f"{OWN}clean:{name}"), cells.CLEAN
    if kind == "amount":
        return cells.amount(column, type_)
    if kind == "time":
        return cells.time(column, type_)
    if kind == "text":
        return cells.text(column, type_)
    spelled = part.format.keys.get(name)
    read = cells.mapping(column, type_)
    if spelled is None:
        return read
    shared = name not in _types(part)
    if not shared and not spelled.own:
        return read
    return cells.renamed(read, spelled.own, spelled.prefix, spelled.without, shared=shared)


def source_of(part: Part, canonical: str) -> tuple[str, str] | None:
    """The source column, and its type, that a canonical time is nothing but; None where there is no such column."""
    matched = re.fullmatch(r"\{time:([^}]+)\}", part.format.columns.get(canonical, ""))
    return _types(part).get(matched[1]) if matched else None


def _has(part: Part, canonical: str) -> bool:
    """Whether the part has anything that the canonical column is made of."""
    expression = part.format.columns.get(canonical)
    if expression is None:
        return False
    own = Format(name="", title="", needs=(), tells=(), columns={canonical: expression}).cells()
    return any(_is_there(part, name) for _, name in own) or not own


def _others(part: Part) -> dict[str, str]:
    """Source columns that the format does not read whole, as they are written -> the name that they are kept under.

    One that has the name of a canonical column, and is not what that is made of, gets a name beside it.
    """
    read = {name for _, name in part.format.cells() if name not in part.format.spread}
    prefixes = {prefix for spelled in part.format.keys.values() for prefix in spelled.columns}
    shared = {spelled.shared for name, spelled in part.format.keys.items() if name not in _types(part)}
    canonical = {name.lower() for name in FOCUS_COLUMNS}
    others = {}
    for folded, (written, _) in _types(part).items():
        if folded in read or folded in shared or any(folded.startswith(prefix) for prefix in prefixes):
            continue
        others[written] = f"{BESIDE}{written}" if written.lower() in canonical else written
    return others


def _cells(part: Part) -> dict[tuple[str, str], str]:
    """Alias of each cell that the part really has, and of those it lacks the SQL of nothing."""
    return {
        (kind, name): quoted(f"{OWN}{kind}:{name}") if _is_there(part, name) else _cell(part, kind, name)
        for kind, name in part.format.cells()
    }


def _is_there(part: Part, name: str) -> bool:
    return _found(part, name) is not None or bool(_key_columns(part, name))


def _parsed(part: Part, extra: Sequence[str], *, numbered: bool = False) -> str:
    """SQL: the cells under their aliases, and the raw columns ``extra`` as they are."""
    columns = [
        f"{_cell(part, kind, name)} AS {quoted(f'{OWN}{kind}:{name}')}"
        for kind, name in part.format.cells()
        if _is_there(part, name)
    ]
    columns += [f"{said} AS {quoted(f'{OWN}said:{name}')}" for name, said in _texts(part).items()]
    columns += [f"{quoted(name)} AS {quoted(f'{OWN}raw:{name}')}" for name in extra]
    cleaned = [
        f"{cells.clean(found[0])} AS {quoted(f'{OWN}clean:{name}')}"
        for name in _texts(part)
        if (found := _found(part, name)) is not None and found[1] == "VARCHAR"
    ]
    source = raw(part, numbered=numbered)
    inner = f"SELECT {', '.join(['*', *cleaned])} FROM ({source})" if cleaned else source  # noqa: S608
    return f"SELECT {', '.join(columns)} FROM ({inner})"  # noqa: S608


def _texts(part: Part) -> dict[str, str]:
    """Source columns that should hold an amount, a time or a map and are text: SQL of each, cleaned."""
    found = {}
    for kind, name in part.format.cells():
        there = _found(part, name)
        if kind != "text" and there is not None and there[1] in ("VARCHAR", cells.CLEAN):
            found[name] = there[0] if there[1] == cells.CLEAN else quoted(f"{OWN}clean:{name}")
    return found


def _wrongs(part: Part) -> list[tuple[str, str, str, str]]:
    """(condition, kind, source column, canonical column) of all that can be wrong in a row."""
    wrongs = []
    for kind, name in part.format.cells():
        condition = _unreadable(part, kind, name)
        if condition:
            wrongs.append((condition, kind, name, ""))
    for canonical, column in FOCUS_COLUMNS.items():
        if column.mandatory:
            wrongs.append((f"({quoted(canonical)} IS NULL)", "missing", "", canonical))
            if column.kind == "time":
                low, high = YEARS
                outside = f"{quoted(canonical)} < TIMESTAMP '{low}' OR {quoted(canonical)} >= TIMESTAMP '{high}'"
                wrongs.append((f"({outside})", "year", "", canonical))
    if _has(part, "BillingPeriodEnd"):
        wrongs.append(("coalesce(BillingPeriodEnd < BillingPeriodStart, false)", "period", "", "BillingPeriodEnd"))
    return wrongs


def _unreadable(part: Part, kind: str, name: str) -> str:
    """SQL of whether a cell says something that cannot be read; '' where its type leaves no doubt."""
    found = _found(part, name)
    if kind == "text" or found is None:
        return ""
    _, type_ = found
    alias = quoted(f"{OWN}{kind}:{name}")
    if type_ in ("VARCHAR", cells.CLEAN):
        said = quoted(f"{OWN}said:{name}")
        if kind == "map":
            # Spelled out and not by its alias: so a scan that does not keep the map does not make it.
            read = f"{cells.mapping(said, cells.CLEAN)} IS NULL"
            return f"(CASE WHEN {said} IS NULL OR {cells.is_plain_map(said)} THEN false ELSE {read} END)"
        return f"({said} IS NOT NULL AND {alias} IS NULL AND {said} <> '{cells.NO_FIGURE}')"
    if kind == "amount" and cells.is_approximate(type_):
        raw_ = quoted(f"{OWN}raw:{_types(part)[name][0]}")
        return f"(isnan({raw_}) OR abs({raw_}) >= {LARGEST_DOUBLE})"
    if cells.is_certain(kind, type_):
        return ""
    return f"({quoted(f'{OWN}raw:{_source(part, name)}')} IS NOT NULL AND {alias} IS NULL)"


def _source(part: Part, name: str) -> str:
    """The source column, as it is written, that a cell is read from."""
    types = _types(part)
    if name not in types:
        name = (
            part.format.keys[name].shared
            if name in part.format.keys
            else next(spread for spread in part.format.spread if name.startswith(f"{spread}_"))
        )
    return types[name][0]


def _canonical(part: Part) -> list[str]:
    aliases = _cells(part)
    columns = []
    for name, column in FOCUS_COLUMNS.items():
        expression = part.format.columns.get(name)
        type_ = SQL_TYPES[column.kind]
        sql = "NULL" if expression is None else filled(expression, aliases, lambda one: _is_there(part, one))
        if expression is None and column.kind == "map":
            sql = "MAP {}"
        columns.append(f"CAST({sql} AS {type_}) AS {quoted(name)}")
    return columns


def _rounded(part: Part) -> str:
    """SQL: how many of the row's costs have more decimals than are kept."""
    terms = []
    for kind, name in part.format.cells():
        if kind == "amount" and name.endswith("cost") and name in _types(part):
            written, type_ = _types(part)[name]
            is_text = type_ in ("VARCHAR", cells.CLEAN)
            said, type_ = (f"said:{name}", cells.CLEAN) if is_text else (f"raw:{written}", type_)
            term = cells.needs_rounding(quoted(f"{OWN}{said}"), type_, quoted(f"{OWN}{kind}:{name}"))
            terms += [term] if term != "0" else []
    return " + ".join(terms) or "0"


def _mapped(part: Part, columns: Sequence[str]) -> str:
    spelled = {name.lower(): name for name in columns}
    others = {written: spelled[kept.lower()] for written, kept in _others(part).items() if kept.lower() in spelled}
    doubtful = [_source(part, name) for kind, name in part.format.cells() if kind != "text" and _found(part, name)]
    types = dict(_types(part).values())
    kept = [
        f"{cells.text(quoted(f'{OWN}raw:{written}'), types[written])} AS {quoted(name)}"
        for written, name in others.items()
    ]
    bad = " OR ".join(condition for condition, *_ in _wrongs(part))
    extra = list(dict.fromkeys([*others, *doubtful]))
    inner = f"SELECT {', '.join([*_canonical(part), *kept])}, * FROM ({_parsed(part, extra)})"  # noqa: S608
    there = {name for name in columns if name in FOCUS_COLUMNS} | set(others.values())
    return (
        f"SELECT {', '.join(quoted(name) for name in columns if name in there)}, "  # noqa: S608
        f"coalesce({bad}, true) AS {BAD}, {_rounded(part)} AS {ROUNDED} FROM ({inner})"
    )


def rejects_of(part: Part) -> str:
    """SQL of a part's bad rows: file, row number (Parquet, from 0; else NULL), reason, then the raw columns as text."""
    extra = [*part.header.columns, FILE, ROW]
    bad = " OR ".join(condition for condition, *_ in _wrongs(part))
    inner = f"SELECT {', '.join(_canonical(part))}, * FROM ({_parsed(part, extra, numbered=True)})"  # noqa: S608
    reasons = " ".join(
        f"WHEN {condition} THEN {_reason(part, kind, name, canonical)}"
        for condition, kind, name, canonical in _wrongs(part)
    )
    raws = ", ".join(f"CAST({quoted(f'{OWN}raw:{name}')} AS VARCHAR)" for name in part.header.columns)
    return (
        f"SELECT {quoted(f'{OWN}raw:{FILE}')}, {quoted(f'{OWN}raw:{ROW}')}, "  # noqa: S608
        f"CASE {reasons} ELSE 'cannot be read' END, {raws} FROM ({inner}) WHERE coalesce({bad}, true)"
    )


def _reason(part: Part, kind: str, name: str, canonical: str) -> str:
    """SQL of the sentence that says what is wrong."""
    if kind == "missing":
        return literal(f"{canonical} has no value")
    if kind == "year":
        return f"{literal(f'{canonical} ')} || CAST({quoted(canonical)} AS VARCHAR) || ' is no time of a bill'"
    if kind == "period":
        ends = "strftime(BillingPeriodEnd, '%Y-%m-%d')"
        return f"'the billing period ends before it begins (BillingPeriodEnd ' || {ends} || ')'"
    written = _source(part, name)
    value = f"left(CAST({quoted(f'{OWN}raw:{written}')} AS VARCHAR), 80)"
    what = {"amount": "is no amount", "time": "is no time", "map": "is no JSON object of texts"}[kind]
    said = f"{literal(f'{written}: ')} || {value} || {literal(f' {what}')}"
    if kind == "amount":
        whole = f"trim(CAST({quoted(f'{OWN}raw:{written}')} AS VARCHAR))"
        many = f"regexp_full_match({whole}, '[+-]?[0-9]*[.][0-9]{{19,}}')"
        decimals = f"{literal(f'{written}: ')} || {value} || ' has more than 18 decimals and cannot be kept exactly'"
        return f"(CASE WHEN {many} THEN {decimals} ELSE {said} END)"
    return f"({said})"
