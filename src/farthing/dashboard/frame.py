"""What every page has around it: links, the state of the data, where the figures come from."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec


class Link(msgspec.Struct, frozen=True):
    """An entry of the navigation."""

    name: str
    label: str
    href: str


LABELS: Mapping[str, str] = {
    "overview": "Overview",
    "explorer": "Explorer",
    "why": "Why",
    "incidents": "Incidents",
    "budgets": "Budgets",
    "data": "Data",
}
"""The pages, in the order of the navigation."""


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """The frame of a page.

    Attributes:
        links: the navigation.
        version: of farthing.
        ledger: where the figures are kept.
        has_days: whether the ledger has any.
        freshness: how new they are, in words.
        made: when the page was made, in words.
        source: what the script is told: where the cube is, which columns and metrics there are.
        single: whether all pages are in one document.
        asset: the address of a built file.
    """

    links: tuple[Link, ...]
    version: str
    ledger: str
    freshness: str
    has_days: bool
    made: str
    source: Mapping[str, Any]
    single: bool
    asset: Callable[[str], str]

    def href(self, name: str) -> str:
        """The address of a page."""
        return next((link.href for link in self.links if link.name == name), self.links[0].href)

    def link(self, name: str, **state: str) -> str:
        """The address of a page in a state; ``is_`` stands for 'is.' in its names."""
        query = urlencode([(key.replace("is_", "is."), value) for key, value in state.items()])
        return f"{self.href(name)}{'?' if self.single else '#'}{query}"
