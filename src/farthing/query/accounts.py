"""Accounts have one name, the newest: told apart by id in SQL, named afterwards. Pure.

So no engine joins names to charges, and a filter on a name becomes one on ids, which prunes.
"""

from collections.abc import Mapping, Sequence

import msgspec

from farthing.model import EXACT
from farthing.query.model import Filter, Key, Query, Row, matches

ID, NAME = "SubAccountId", "SubAccountName"

Names = Mapping[str, str | None]
"""Id -> newest name, None where none is known."""


def needs_names(query: Query) -> bool:
    """Whether the answer depends on what accounts are called."""
    return NAME in query.columns


def by_id(query: Query, names: Names) -> Query:
    """The query without names: filters on accounts hold ids, groups of names are groups of ids.

    The rows of its answer are brought back by :func:`named`. It has no ``top`` where ids must be added up first.
    """
    filters = tuple(_on_ids(term, names) for term in query.filters)
    if NAME not in query.group_by:
        return msgspec.structs.replace(query, filters=filters)
    kept = tuple(ID if name == NAME else name for name in query.group_by)
    only_name = ID not in query.group_by
    return msgspec.structs.replace(
        query,
        group_by=tuple(dict.fromkeys(kept)),
        filters=filters,
        top=None if only_name else query.top,
    )


def named(query: Query, rows: Sequence[Row], names: Names) -> list[Row]:
    """The rows of :func:`by_id`'s answer as the query wants them."""
    if NAME not in query.group_by:
        return list(rows)
    asked = tuple(dict.fromkeys(ID if name == NAME else name for name in query.group_by))
    found = []
    for row in rows:
        keys = dict(zip(asked, row.keys, strict=True))
        id_ = keys[ID]
        keys[NAME] = names.get(id_) if isinstance(id_, str) else None
        found.append(Row(tuple(keys[name] for name in query.group_by), row.amounts))
    return found if ID in query.group_by else added_up(found)


def added_up(rows: Sequence[Row]) -> list[Row]:
    """Rows with the same keys as one, exact; the amounts stand in one order."""
    sums: dict[tuple[Key, ...], tuple] = {}  # type: ignore[type-arg]
    for row in rows:
        before = sums.get(row.keys)
        sums[row.keys] = row.amounts if before is None else tuple(map(EXACT.add, before, row.amounts))
    return [Row(keys, amounts) for keys, amounts in sums.items()]


def _on_ids(term: Filter, names: Names) -> Filter:
    if term.column not in (ID, NAME):
        return term
    plain = msgspec.structs.replace(term, exclude=False)
    ids = [id_ for id_, name in names.items() if (term.column == ID and matches(plain, id_)) or matches(plain, name)]
    return Filter(ID, tuple(sorted(ids)), term.exclude, whole=True)
