"""The engines that answer queries: one file each, one line in ``ENGINES``."""

from collections.abc import Mapping
from typing import Protocol

from farthing.query.model import Query, Result

ENGINES: Mapping[str, str] = {"duckdb": "farthing.query.engines.duckdb:DuckDBEngine"}
"""Name -> where its class is; an engine is imported when it is used."""


class Engine(Protocol):
    """Something that holds charges and adds them up. Every engine passes tests/unit/query/test_engines.py."""

    def run(self, query: Query) -> Result:
        """The answer, exact, its rows in the order of :func:`farthing.query.model.result`.

        Raises:
            UsageError: the query names a column or a metric that is not there.
            CurrencyError: what it adds up is in two currencies; the message names both.
        """

    def values(self, query: Query, column: str) -> tuple[str, ...]:
        """The texts that a column has in the query's period, whatever its filters, sorted."""
