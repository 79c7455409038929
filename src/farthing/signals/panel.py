"""What signals read: plain numbers, by day and leaf.

:class:`Panel` is a shape, not a store: the ledger's ``farthing.ledger.series.Table`` has it, and :class:`MemoryPanel`
has it for files and tests. The numbers are doubles and serve judgements only.
"""

from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Protocol

import msgspec

from farthing.errors import CurrencyError

Leaf = tuple[str, ...]
"""(ServiceName, SubAccountId), or (ServiceName, SubAccountId, ChargeCategory) where the data tells the category."""

USAGE = "Usage"
PURCHASE = "Purchase"
TAX = "Tax"
CREDIT = "Credit"
ADJUSTMENT = "Adjustment"
CATEGORIES = (USAGE, PURCHASE, TAX, CREDIT, ADJUSTMENT)
"""FOCUS's values of ChargeCategory."""

UNKNOWN = ""
"""The category of what the data tells no category of."""


class Panel(Protocol):
    """Numbers of leaves over time; the sequences but ``leaves`` run alike, an entry for each day, oldest first.

    A day that is not in ``dates`` is a gap: nothing is known of it. A leaf without a charge on a day that is there has
    a zero. Numbers of two currencies must not be added up, nor compared.
    """

    @property
    def dates(self) -> Sequence[date]:
        """The UTC days, ascending, each once."""

    @property
    def currencies(self) -> Sequence[str]:
        """What each day's numbers are in."""

    @property
    def estimated(self) -> Sequence[bool]:
        """Whether AWS marked the day Estimated."""

    @property
    def leaves(self) -> Sequence[Leaf]:
        """Who the numbers belong to, sorted, each once."""

    def values(self, place: int) -> "array[float]":
        """The numbers of ``leaves[place]``, one for each day."""


class MemoryPanel(msgspec.Struct, frozen=True):
    """A panel that holds its numbers as they are; ``numbers`` has an array for each leaf."""

    dates: tuple[date, ...]
    currencies: tuple[str, ...]
    estimated: tuple[bool, ...]
    leaves: tuple[Leaf, ...]
    numbers: "tuple[array[float], ...]"

    def values(self, place: int) -> "array[float]":
        """The numbers of ``leaves[place]``, one for each day; a copy."""
        return self.numbers[place][:]


def panel_of(
    amounts: Iterable[tuple[Leaf, date, float]],
    *,
    currency: str | Mapping[date, str] = "USD",
    estimated: Collection[date] = (),
    dates: Iterable[date] = (),
) -> MemoryPanel:
    """A panel of single amounts, added up by leaf and day.

    Args:
        amounts: (leaf, UTC day, amount in the day's currency), in any order.
        currency: that of all days, or of each.
        estimated: the days that AWS marked Estimated.
        dates: days that are known, whether or not they have an amount.

    Raises:
        CurrencyError: a day's currency is not told.
    """
    rows = list(amounts)
    days = tuple(sorted({day for _, day, _ in rows}.union(dates)))
    leaves = tuple(sorted({leaf for leaf, _, _ in rows}))
    column = {day: index for index, day in enumerate(days)}
    row = {leaf: array("d", bytes(8 * len(days))) for leaf in leaves}
    for leaf, day, amount in rows:
        row[leaf][column[day]] += amount
    if not isinstance(currency, str):
        for day in days:
            if day not in currency:
                raise CurrencyError(f"the amounts of {day} have no currency")
    return MemoryPanel(
        dates=days,
        currencies=tuple(currency if isinstance(currency, str) else currency[day] for day in days),
        estimated=tuple(day in estimated for day in days),
        leaves=leaves,
        numbers=tuple(row[leaf] for leaf in leaves),
    )


def category_of(leaf: Leaf) -> str:
    """The leaf's ChargeCategory, :data:`UNKNOWN` where the data does not tell it."""
    return leaf[2] if len(leaf) > 2 else UNKNOWN


def split_by_category(panel: Panel) -> dict[tuple[str, str], dict[str, int]]:
    """The places of each (ServiceName, SubAccountId) in ``panel.leaves``, by category."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for place, leaf in enumerate(panel.leaves):
        found.setdefault((leaf[0], leaf[1]), {})[category_of(leaf)] = place
    return found
