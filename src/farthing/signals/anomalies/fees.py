"""The memory of fees: on which day of the month an amount out of the ordinary came, and how large it was.

Fees come once a month, on a day of the month that moves a little (the first to the third, the sixth or seventh, the
last), with about the size of the last time. A memory, not a mask: what is larger than remembered, or comes twice, is
not explained by it. Credits and refunds are remembered in the same way, below zero.
"""

from collections.abc import Iterable

import msgspec

from farthing.signals.anomalies.calendar import Days
from farthing.signals.panel import ADJUSTMENT, CREDIT, PURCHASE, TAX, Leaf, category_of

FEE_CATEGORIES = frozenset({PURCHASE, TAX, CREDIT, ADJUSTMENT})
"""Charge categories that are not usage."""

FEE_SERVICES = ("tax", "refund", "credit", "aws support", "premium support", "ocbpremiumsupport")
"""How the names of services begin that are no usage either, in lower case: all that Cost Explorer tells."""

MONTH_START = 3
"""Days: fees of the first to the third are taken for one another."""

MOVES = 1
"""Days by which a fee's day of the month may differ from the last time."""

MONTHS_BACK = (1, 2, 3, 6, 12)
"""Months after which a fee may come again: monthly (one or two may be missed), quarterly, half-yearly, yearly."""

RECENT_MONTHS = 3
"""A fee that came no longer ago may have grown with the usage since."""


class Bump(msgspec.Struct, frozen=True, gc=False):
    """An amount out of the ordinary: money over what was expected without it; ``level`` is the leaf's then, a day.

    ``told``: a departure was told of it, so it is a fee only if the same amount comes again.
    """

    at: int
    amount: float
    level: float
    told: bool = False


class Fee(msgspec.Struct, frozen=True, gc=False):
    """What the memory expects beside the usual: the likeliest amount, and the most that it explains."""

    amount: float
    most: float


NO_FEE = Fee(0.0, 0.0)


def is_fee(leaf: Leaf) -> bool:
    """Whether a leaf is tax, fees, credits or refunds by its category or, where that is unknown, its name."""
    return category_of(leaf) in FEE_CATEGORIES or leaf[0].strip().casefold().startswith(FEE_SERVICES)


class FeeMemory:
    """The bumps of one leaf, by the place of their day."""

    __slots__ = ("_bumps", "_days", "_tolerance")

    def __init__(self, days: Days, tolerance: float) -> None:
        self._bumps: dict[int, Bump] = {}
        self._days = days
        self._tolerance = tolerance

    def add(self, at: int, amount: float, level: float, *, told: bool = False) -> None:
        """An amount over what was expected; ``level`` is the leaf's, ``told`` whether a departure was told of it."""
        self._bumps[at] = Bump(at, amount, level, told)

    def learned(self, at: int, amount: float, level: float) -> None:
        """The same, learned from the past: whether a departure was told of it stays as it was."""
        self.add(at, amount, level, told=at in self._bumps and self._bumps[at].told)

    def forget(self, at: int) -> None:
        """The day was none out of the ordinary."""
        self._bumps.pop(at, None)

    def expected(self, at: int, excess: float, level: float) -> Fee:
        """What it says of an excess; see :func:`expected_fee`."""
        return expected_fee(self._bumps.values(), at, self._days, excess, level, self._tolerance)


def expected_fee(bumps: Iterable[Bump], at: int, days: Days, excess: float, level: float, tolerance: float) -> Fee:
    """What the memory says of an excess.

    Args:
        bumps: what was out of the ordinary before.
        at: the day's place in ``days``.
        days: the calendar.
        excess: money over the usual; below zero for a credit.
        level: the leaf's level now, money a day.
        tolerance: share by which a fee may be larger than the last time.

    Returns:
        Amounts on the side of zero that ``excess`` is on.
    """
    month, sign = days.month[at], 1.0 if excess > 0 else -1.0
    spent: list[float] = []
    by_month: dict[int, list[tuple[float, float]]] = {}
    for bump in bumps:
        amount = bump.amount * sign
        back = month - days.month[bump.at]
        if amount <= 0 or bump.at >= at or not _same_phase(days, bump.at, at):
            continue
        if back == 0:
            spent.append(amount)
        elif back in MONTHS_BACK:
            grows = back <= RECENT_MONTHS and not bump.told and 0 < bump.level < level
            by_month.setdefault(back, []).append((amount, amount * level / bump.level if grows else amount))
    best = NO_FEE
    for remembered in by_month.values():
        left = _without(remembered, spent)
        most = (1 + tolerance) * sum(grown for _, grown in left)
        if most > best.most:
            best = Fee(min(left, key=lambda one: abs(one[0] - excess * sign))[0], most)
    return Fee(best.amount * sign, best.most * sign)


def _same_phase(days: Days, one: int, other: int) -> bool:
    first, second = days.of_month[one], days.of_month[other]
    if abs(first - second) <= MOVES or (first <= MONTH_START and second <= MONTH_START):
        return True
    return days.from_end[one] == days.from_end[other] <= MONTH_START


def _without(remembered: list[tuple[float, float]], spent: list[float]) -> list[tuple[float, float]]:
    """What is left of a month's fees after those that have come this month already."""
    left = list(remembered)
    for amount in spent:
        if left:
            left.remove(min(left, key=lambda one: abs(one[0] - amount)))
    return left
