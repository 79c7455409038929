r"""A source's column as SQL: cleaned and read as text, amount, time or map. Pure; DuckDB's dialect.

Exports say 'nothing' in many ways: an empty text, NULL, null, \N. Amounts are read exactly or not at all: DuckDB's own
cast would round beyond 18 decimals and take '1_000'. The cheap test comes first, because nearly every amount passes it.
"""

import re
from collections.abc import Sequence

from farthing.sqltext import literal

NOTHING = ("", "NULL", "null", "\\N")
"""Texts that stand for no value."""

AMOUNT = "DECIMAL(38,18)"
MAP = "MAP(VARCHAR, VARCHAR)"

NO_FIGURE = "None"
"""Says nothing too where an amount, a time or a map is expected: as a name, it may be meant."""

CLEAN = "CLEAN"
"""The type of a text that is NULL already where it says nothing: DuckDB's CSV reader sees to it, and :func:`clean`."""

SHORT = 19
"""Characters: a plain amount of as many has at most 18 decimals, and at most 20 digits before the point."""

DOUBLE_DIGITS = 17
"""Digits of a double's shortest decimal. Programs write doubles as text too: one of so few digits with more than 18
decimals is rounded as a double is, a tie away from zero; a number with more digits is meant exactly and refused."""

_NUMBER = r"[+-]?[0-9]*([.][0-9]*)?([eE][+-]?[0-9]{1,3})?"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = "[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
_UTC_TIME = f"{_DAY}({_CLOCK}( ?(Z|UTC))?)?"
_OFFSET_TIME = f"{_DAY}{_CLOCK}( ?[+]|-)[0-9]{{2}}(:?[0-9]{{2}})?"
_SMALL_DOUBLE = "-?[0-9]([.][0-9]{1,16})?[eE]-0*[1-9][0-9]?"
"""As programs write doubles: at most 17 digits, so that more than 18 decimals may be rounded."""
_INTEGERS = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT)")
_FEW_DECIMALS = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def text(column: str, kind: str) -> str:
    """The column as text, NULL where it says nothing."""
    if kind == CLEAN:
        return column
    if kind == "VARCHAR":
        return clean(column)
    if kind.startswith(("STRUCT", "MAP")) or kind.endswith("]"):
        return f"CAST(to_json({column}) AS VARCHAR)"
    if is_approximate(kind):
        # An account's number that some program took for a figure: 123456789012.0
        whole = f"CAST(TRY_CAST({column} AS BIGINT) AS VARCHAR)"
        return f"CASE WHEN {column} = trunc({column}) AND abs({column}) < 1e15 THEN {whole} ELSE {column}::VARCHAR END"
    return f"CAST({column} AS VARCHAR)"


def clean(column: str) -> str:
    """A VARCHAR column, NULL where it says nothing: of the type ``CLEAN``."""
    return f"CASE WHEN {column} IN ({', '.join(map(literal, NOTHING))}) THEN NULL ELSE {column} END"


def _typed(column: str, kind: str) -> str:
    return column if kind == CLEAN else text(column, kind)


def amount(column: str, kind: str) -> str:
    """The column as an exact amount; NULL where it says nothing, or nothing that can be kept."""
    if is_approximate(kind):
        # It stands for its shortest decimal; one with more than 18 decimals is rounded to them.
        shortest = f"TRY_CAST(CAST({column} AS VARCHAR) AS {AMOUNT})"
        return shortest if kind == "FLOAT" else _decimal_of_double(column, shortest)
    decimals = _FEW_DECIMALS.fullmatch(kind)
    if _INTEGERS.fullmatch(kind) or (decimals and int(decimals[2]) <= 18):
        return f"TRY_CAST({column} AS {AMOUNT})"
    said = _typed(column, kind)
    bare = f"trim({said})"
    # Nearly every amount passes the first test. Trimming and patterns are slow; the cast copes with blanks around a
    # number.
    return f"""CASE
        WHEN {_is_short(said)} THEN TRY_CAST({said} AS {AMOUNT})
        WHEN regexp_full_match({said}, '{_SMALL_DOUBLE}') THEN TRY_CAST({_without_exponent(said)} AS {AMOUNT})
        ELSE CASE WHEN regexp_full_match({bare}, '{_NUMBER}')
            AND ({_decimals(bare)} <= 18 OR {_digits(bare)} <= {DOUBLE_DIGITS})
            THEN CASE WHEN TRY_CAST({bare} AS DOUBLE) = 0 THEN CAST(0 AS {AMOUNT}) ELSE TRY_CAST({bare} AS {AMOUNT}) END
            ELSE NULL END END"""


def _decimal_of_double(column: str, otherwise: str) -> str:
    """SQL of a double's shortest decimal, without writing it as text, which takes nine times as long.

    Where a whole number n of at most 15 digits, divided by a power of ten that is exact as a double, gives the very
    double, that quotient is its shortest decimal: of all decimals of at most 15 digits only one lies in a double's
    reach, and the shortest one has no more digits than this one.
    """
    cases = ""
    for power, below in ((11, "9000"), (6, "9e8")):
        whole = f"round({column} * 1e{power})"
        unit = f"CAST(0.{'0' * (power - 1)}1 AS DECIMAL({power},{power}))"
        exact = f"CAST(CAST(CAST({whole} AS BIGINT) AS DECIMAL(18,0)) * {unit} AS {AMOUNT})"
        cases += f" WHEN abs({column}) < {below} AND {whole} / 1e{power} = {column} THEN {exact}"
    return f"CASE{cases} ELSE {otherwise} END"


def _has_exponent(said: str) -> str:
    return f"(contains({said}, 'e') OR contains({said}, 'E'))"


def _is_short(said: str) -> str:
    """SQL of whether a text has at most 18 decimals, if it is a plain number at all: by lengths alone."""
    decimals = f"strlen({said}) - strpos({said}, '.')"
    return (
        f"(NOT contains({said}, '_') AND NOT {_has_exponent(said)} "
        f"AND (strlen({said}) <= {SHORT} OR (contains({said}, '.') AND {decimals} <= 18)))"
    )


def _without_exponent(said: str) -> str:
    """SQL of a number like -4.5e-07 in plain digits, which DuckDB casts thirty times as fast."""
    mantissa, power = (f"split_part(lower({said}), 'e-', {place})" for place in (1, 2))
    sign = f"CASE WHEN starts_with({said}, '-') THEN '-0.' ELSE '0.' END"
    digits = f"replace(replace({mantissa}, '-', ''), '.', '')"
    return f"({sign} || repeat('0', TRY_CAST({power} AS INTEGER) - 1) || {digits})"


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
    known = f"{amount_} IS NOT NULL AND TRY_CAST({bare} AS DOUBLE) <> 0"
    return f"CASE WHEN NOT {_is_short(column)} AND {known} AND {_decimals(bare)} > 18 THEN 1 ELSE 0 END"


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
    bare = f"trim({said})"
    # DuckDB's cast takes the name of a zone and leaves it out of account: what is not of the usual length is looked at.
    return f"""CASE
        WHEN strlen({said}) = 19 AND substr({said}, 17, 1) = ':' THEN TRY_CAST({said} AS TIMESTAMP)
        WHEN strlen({said}) = 20 AND substr({said}, 17, 1) = ':' AND ends_with({said}, 'Z')
            THEN TRY_CAST({said} AS TIMESTAMP)
        ELSE CASE
            WHEN regexp_full_match({bare}, '{_UTC_TIME}') THEN TRY_CAST({bare} AS TIMESTAMP)
            WHEN regexp_full_match({bare}, '{_OFFSET_TIME}')
                THEN timezone('UTC', TRY_CAST(replace({bare}, ' +', '+') AS TIMESTAMP WITH TIME ZONE))
            ELSE NULL END END"""


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
        WHEN {said} IS NULL OR {said} = '{NO_FIGURE}' THEN MAP {{}}
        WHEN starts_with({said}, '{{') THEN TRY_CAST(TRY_CAST({said} AS JSON) AS {MAP})
        WHEN trim({said}) = '[]' THEN MAP {{}}
        WHEN starts_with(trim({said}), '[') THEN TRY(map_from_entries({pairs}))
        WHEN starts_with({said}, '"') THEN {bare}
        ELSE TRY_CAST(TRY_CAST({said} AS JSON) AS {MAP}) END"""


def is_plain_map(said: str) -> str:
    """SQL of whether a ``CLEAN`` text is JSON that :func:`mapping` reads for certain; without making the map of it."""
    keys = f"json_keys({said})"
    # A case within a case: json_keys fails at what is no JSON, and the order within AND is not DuckDB's promise.
    unique = f"CASE WHEN json_valid({said}) THEN list_unique({keys}) = len({keys}) ELSE false END"
    return f"(CASE WHEN starts_with({said}, '{{') THEN {unique} ELSE false END)"


def renamed(map_: str, own: Sequence[str], prefix: str, without: str, *, shared: bool) -> str:
    """A map with what stands before its keys taken away; as it is where two keys would become one.

    Args:
        map_: SQL of the map.
        own: prefixes that go.
        prefix: one that goes too, where ``shared``.
        without: where ``shared``, keys with this prefix are left out; if '' all without ``prefix``.
        shared: whether the map holds others' keys too.
    """
    entries = f"map_entries({map_})"
    if shared:
        kept = f"NOT starts_with(e.key, {literal(without)})" if without else f"starts_with(e.key, {literal(prefix)})"
        entries = f"list_filter({entries}, lambda e: {kept})"
    prefixes = [*own, prefix] if shared else list(own)
    cases = " ".join(f"WHEN starts_with(e.key, {literal(one)}) THEN substr(e.key, {len(one) + 1})" for one in prefixes)
    if cases:
        entries_ = f"list_transform({entries}, lambda e: {{'key': CASE {cases} ELSE e.key END, 'value': e.value}})"
    else:
        entries_ = entries
    made = f"TRY(map_from_entries({entries_}))"
    return f"CASE WHEN cardinality({map_}) = 0 THEN {map_} ELSE coalesce({made}, map_from_entries({entries})) END"


def map_of_columns(pairs: Sequence[tuple[str, str]]) -> str:
    """One map of several columns: (key, SQL of its text) each; keys without a value are left out."""
    entries = ", ".join(f"{{'k': {literal(key)}, 'v': {sql}}}" for key, sql in pairs)
    return f"map_from_entries(list_filter([{entries}], lambda entry: entry.v IS NOT NULL))" if entries else "MAP {}"
