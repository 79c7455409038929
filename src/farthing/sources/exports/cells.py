r"""A source's column as SQL: cleaned and read as text, amount, time or map. Pure; DuckDB's dialect.

Exports say 'nothing' in many ways: an empty text, NULL, null, \N. Amounts are read exactly or not at all: DuckDB's own
cast would round beyond 18 decimals and take '1_000'. The cheap test comes first, because nearly every amount passes it.
"""

import re
from pathlib import Path

NOTHING = ("", "NULL", "null", "\\N")
"""Texts that stand for no value."""

AMOUNT = "DECIMAL(38,18)"
MAP = "MAP(VARCHAR, VARCHAR)"

NO_VALUE = (*NOTHING, "None")
"""The same where an amount, a time or a map is expected: as a name, None may be meant."""

CLEAN = "CLEAN"
"""The kind of a column that :func:`clean` made: so that the long expressions over it name it alone."""

SHORT = 19
"""Characters: a plain amount of as many has at most 18 decimals, and at most 20 digits before the point."""

DOUBLE_DIGITS = 17
"""Digits of a double's shortest decimal. Programs write doubles as text too: one of so few digits with more than 18
decimals is rounded as a double is; a number with more digits is meant exactly and refused."""

_NUMBER = r"[+-]?[0-9]*([.][0-9]*)?([eE][+-]?[0-9]{1,3})?"
_INTEGERS = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT)")
_FEW_DECIMALS = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def quoted(name: str) -> str:
    """A name as an SQL identifier, whatever characters it holds."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def escaped_name(path: Path) -> str:
    """A file's name that DuckDB takes for a name and not for a pattern."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in str(path))


def text(column: str, kind: str) -> str:
    """The column as text, NULL where it says nothing."""
    if kind == "VARCHAR":
        nothing = ", ".join(map(text_literal, NOTHING))
        return f"CASE WHEN {column} IN ({nothing}) THEN NULL ELSE {column} END"
    if kind.startswith(("STRUCT", "MAP")) or kind.endswith("]"):
        return f"CAST(to_json({column}) AS VARCHAR)"
    return f"CAST({column} AS VARCHAR)"


def clean(column: str) -> str:
    """The text of a VARCHAR column that should hold an amount, a time or a map; the result is of the kind ``CLEAN``."""
    return f"CASE WHEN {column} IN ({', '.join(map(text_literal, NO_VALUE))}) THEN NULL ELSE {column} END"


def _typed(column: str, kind: str) -> str:
    return column if kind == CLEAN else text(column, kind)


def amount(column: str, kind: str) -> str:
    """The column as an exact amount; NULL where it says nothing, or nothing that can be kept."""
    if kind in ("DOUBLE", "FLOAT"):
        # A double stands for its shortest decimal; one with more than 18 decimals is rounded to them.
        return f"TRY_CAST(CAST({column} AS VARCHAR) AS {AMOUNT})"
    decimals = _FEW_DECIMALS.fullmatch(kind)
    if _INTEGERS.fullmatch(kind) or (decimals and int(decimals[2]) <= 18):
        return f"TRY_CAST({column} AS {AMOUNT})"
    said = _typed(column, kind)
    bare = f"trim({said})"
    # Trimming is slow, and the cast copes with blanks around a number.
    return f"""CASE
        WHEN {said} IS NULL THEN NULL
        WHEN strlen({said}) <= {SHORT} AND NOT contains({said}, '_') AND NOT contains({said}, 'e')
            AND NOT contains({said}, 'E') THEN TRY_CAST({said} AS {AMOUNT})
        WHEN regexp_full_match({bare}, '{_NUMBER}') AND ({_decimals(bare)} <= 18 OR {_digits(bare)} <= {DOUBLE_DIGITS})
            THEN CASE WHEN TRY_CAST({bare} AS DOUBLE) = 0 THEN CAST(0 AS {AMOUNT}) ELSE TRY_CAST({bare} AS {AMOUNT}) END
        ELSE NULL END"""


def needs_rounding(column: str, kind: str, amount_: str) -> str:
    """SQL of whether an amount that could be read has more than 18 decimals, so that it was rounded.

    A double has at most 17 digits, so only one that is nearer to zero than 0.01 can need more decimals.

    Args:
        column: the raw column.
        kind: its type.
        amount_: what it was read as.
    """
    if is_approximate(kind):
        return f"CASE WHEN abs({column}) < 0.01 AND CAST({amount_} AS DOUBLE) <> {column} THEN 1 ELSE 0 END"
    if kind != CLEAN:
        return "0"
    bare = f"trim({column})"
    long = f"(strlen({column}) > {SHORT} OR contains({column}, 'e') OR contains({column}, 'E'))"
    known = f"{amount_} IS NOT NULL AND TRY_CAST({bare} AS DOUBLE) <> 0"
    return f"CASE WHEN {long} AND {known} AND {_decimals(bare)} > 18 THEN 1 ELSE 0 END"


def _decimals(number: str) -> str:
    """SQL of how many decimals a number in text really has: without the zeros at its end, with its exponent."""
    fraction = f"length(rtrim(regexp_extract({number}, '[.]([0-9]*)', 1), '0'))"
    power = f"coalesce(TRY_CAST(regexp_extract({number}, '[eE](.*)$', 1) AS INTEGER), 0)"
    return f"({fraction} - {power})"


def _digits(number: str) -> str:
    """SQL of how many digits a number in text has, without the zeros before its first."""
    mantissa = f"split_part(lower({number}), 'e', 1)"
    return f"length(ltrim(regexp_replace({mantissa}, '[^0-9]', '', 'g'), '0'))"


def is_approximate(kind: str) -> bool:
    """Whether amounts of this type are approximations, whose shortest decimal may be rounded."""
    return kind in ("DOUBLE", "FLOAT")


def is_certain(kind: str, type_: str) -> bool:
    """Whether every value of a column of this type, but NULL, can be read as an amount, a time or a map."""
    if kind == "amount":
        decimals = _FEW_DECIMALS.fullmatch(type_)
        return decimals is not None and int(decimals[2]) <= 18 and int(decimals[1]) - int(decimals[2]) <= 20
    if kind == "time":
        return type_.startswith("TIMESTAMP") or type_ == "DATE"
    return type_.startswith("MAP")


def time(column: str, kind: str) -> str:
    """The column as a UTC time without zone; a time without a zone is UTC already."""
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"timezone('UTC', {column})"
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return f"CAST({column} AS TIMESTAMP)"
    if kind not in ("VARCHAR", CLEAN):
        return "CAST(NULL AS TIMESTAMP)"
    said = _typed(column, kind)
    behind = f"substr({said}, 11)"
    return f"""CASE
        WHEN strlen({said}) = 19 AND substr({said}, 17, 1) = ':' THEN TRY_CAST({said} AS TIMESTAMP)
        WHEN strlen({said}) < 10 THEN NULL
        WHEN contains({behind}, '+') OR contains({behind}, '-')
            THEN timezone('UTC', TRY_CAST({said} AS TIMESTAMP WITH TIME ZONE))
        ELSE TRY_CAST({said} AS TIMESTAMP) END"""


def mapping(column: str, kind: str) -> str:
    """The column as a map of texts: a map, JSON, key and value structs; NULL where it is none of them."""
    if kind.startswith("MAP"):
        return f"coalesce(CAST({column} AS {MAP}), MAP {{}})"
    if kind.startswith("STRUCT") and kind.endswith("[]"):
        pairs = f'CAST({column} AS STRUCT("key" VARCHAR, "value" VARCHAR)[])'
        return f"CASE WHEN {column} IS NULL THEN MAP {{}} ELSE TRY(map_from_entries({pairs})) END"
    if kind.startswith("STRUCT"):
        return f"CASE WHEN {column} IS NULL THEN MAP {{}} ELSE TRY_CAST(to_json({column}) AS {MAP}) END"
    said = _typed(column, kind)
    pairs = f'CAST(TRY_CAST({said} AS JSON) AS STRUCT("key" VARCHAR, "value" VARCHAR)[])'
    # Some vendors leave the braces away.
    bare = f"TRY_CAST(TRY_CAST(('{{' || {said} || '}}') AS JSON) AS {MAP})"
    return f"""CASE
        WHEN {said} IS NULL THEN MAP {{}}
        WHEN starts_with({said}, '{{') THEN TRY_CAST(TRY_CAST({said} AS JSON) AS {MAP})
        WHEN trim({said}) = '[]' THEN MAP {{}}
        WHEN starts_with(trim({said}), '[') THEN TRY(map_from_entries({pairs}))
        WHEN starts_with({said}, '"') THEN {bare}
        ELSE TRY_CAST(TRY_CAST({said} AS JSON) AS {MAP}) END"""


def map_of_columns(pairs: "list[tuple[str, str]]") -> str:
    """One map of several columns: (key, SQL of its text) each; keys without a value are left out."""
    entries = ", ".join(f"{{'k': {text_literal(key)}, 'v': {sql}}}" for key, sql in pairs)
    return f"map_from_entries(list_filter([{entries}], lambda entry: entry.v IS NOT NULL))" if entries else "MAP {}"
