"""The formats of billing exports: one declarative table each, canonical column -> where it comes from. Pure.

An expression is SQL over cells. A cell names a column of the source, in lower case, and how it is read: ``{text:x}``,
``{amount:x}``, ``{time:x}``, ``{map:x}``. A column that a file does not have reads as NULL, a map as an empty one;
``{has:x}`` is whether it has it. The SQL keeps to what DuckDB, Trino and Spark have in common.

:data:`FORMATS` is the explicit registry: a new format is one file and one line here.
"""

import re
from collections.abc import Callable, Mapping, Sequence, Set
from difflib import get_close_matches

import msgspec

from farthing.errors import ExportError
from farthing.focus import FOCUS_COLUMNS

_CELL = re.compile(r"\{(text|amount|time|map):([^}]+)\}")
_HAS = re.compile(r"\{has:([^}]+)\}")


class Keys(msgspec.Struct, frozen=True):
    """How a format spells the keys of a map.

    Attributes:
        columns: prefixes of source columns that are one key each, where the map itself is not there.
        own: prefixes that are taken off the keys.
        shared: a source map that holds these keys among others; '' if there is none.
        prefix: of ``shared``, what is taken off the keys that begin with it.
        without: of ``shared``, not the keys with this prefix; where it is '' none but those with ``prefix``.
    """

    columns: tuple[str, ...]
    own: tuple[str, ...] = ()
    shared: str = ""
    prefix: str = ""
    without: str = ""


class Format(msgspec.Struct, frozen=True):
    """A format of billing exports.

    Attributes:
        name: as the catalog and ``--json`` spell it.
        title: as people call it.
        needs: source columns, in lower case, without which a file is not of this format, or cannot be kept; of several
            with bars between them one is enough.
        tells: source columns of which at least one must be there for the format to be recognised.
        columns: canonical column -> its expression over cells.
        keys: how the keys of source maps are spelled, by the map.
        spread: source maps whose keys stand for columns of their own: ``product`` for ``product_region_code``.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    tells: tuple[str, ...]
    columns: Mapping[str, str]
    keys: Mapping[str, Keys] = {}
    spread: tuple[str, ...] = ()

    def cells(self) -> list[tuple[str, str]]:
        """Every (kind, source column) that the expressions read, each once."""
        found = (cell for expression in self.columns.values() for cell in _CELL.findall(expression))
        return list(dict.fromkeys(found))


def filled(expression: str, cells: Mapping[tuple[str, str], str], has: Callable[[str], bool]) -> str:
    """The expression with each cell replaced by its SQL."""
    asked = _HAS.sub(lambda match: "TRUE" if has(match[1]) else "FALSE", expression)
    return _CELL.sub(lambda match: cells[match[1], match[2]], asked)


def recognised(columns: Sequence[str], where: str) -> Format:
    """The format of a file with these columns (in lower case).

    Raises:
        ExportError: it is none; the message names what the nearest one misses.
    """
    from farthing.sources.exports.formats.cur import CUR
    from farthing.sources.exports.formats.focus import FOCUS

    there = set(columns)
    candidates = [known for known in (FOCUS, CUR) if there & set(known.tells)]
    if not candidates:
        seen = ", ".join(list(columns)[:5]) or "none"
        raise ExportError(
            f"{where}: neither a FOCUS nor a CUR export (its columns: {seen}{', …' if len(columns) > 5 else ''})"
        )
    for known in candidates:
        if not _lacking(known, there):
            return known
    known = min(candidates, key=lambda one: len(_lacking(one, there)) / len(one.needs))
    spelled = {name.lower(): name for name in FOCUS_COLUMNS}
    lacking = []
    for name in _lacking(known, there):
        near = get_close_matches(name, there, n=1, cutoff=0.8)
        lacking.append(spelled.get(name, name) + (f" (there is {near[0]!r})" if near else ""))
    raise ExportError(
        f"{where}: a {known.title} export without the column{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}"
    )


def _lacking(known: Format, there: Set[str]) -> list[str]:
    """What a file with these columns lacks to be of this format; of several that would do, the first."""
    return [names.split("|")[0] for names in known.needs if not there & set(names.split("|"))]
