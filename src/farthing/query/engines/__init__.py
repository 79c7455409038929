"""The engines that answer queries: one file each, one line in ``ENGINES``."""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Protocol

from farthing.errors import UsageError
from farthing.query.model import Query, Result

ENGINES: Mapping[str, str] = {
    "duckdb": "farthing.query.engines.duckdb:opened",
    "athena": "farthing.query.engines.athena:opened",
    "spark": "farthing.query.engines.spark:opened",
}
"""Name -> the function that opens it, see :class:`Opener`; an engine is imported when it is used."""

GROUP = "farthing.engines"
"""The entry points under which others' engines are found."""


class Engine(Protocol):
    """Something that holds charges and adds them up. Every engine passes tests/contract/test_engines.py."""

    def run(self, query: Query) -> Result:
        """The answer, exact, its rows in the order of :func:`farthing.query.model.result`.

        Raises:
            UsageError: the query names a column or a metric that is not there.
            CurrencyError: what it adds up is in two currencies; the message names both.
        """

    def values(self, query: Query, column: str) -> tuple[str, ...]:
        """The texts that a column has in the query's period, whatever its filters, sorted."""

    def close(self) -> None:
        """Lets go of whatever it holds."""


def opener(name: str) -> Any:
    """The function that opens an engine: farthing's own, or one that another package brings.

    It takes a :class:`farthing.asking.Question`.

    Raises:
        UsageError: there is no such engine.
    """
    if name in ENGINES:
        module, _, function = ENGINES[name].partition(":")
        return getattr(import_module(module), function)
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name in found:
        return found[name].load()
    known = sorted({*ENGINES, *found})
    near = get_close_matches(name, known, n=1)
    hint = f" (did you mean {near[0]}?)" if near else f": there are {', '.join(known)}"
    raise UsageError(f"there is no engine {name!r}{hint}")
