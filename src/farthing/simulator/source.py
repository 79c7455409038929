"""What the simulated service answers from: the port that the bill and the replay implement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Protocol

from farthing.simulator.organisation import Leaf

METRICS = (
    "UnblendedCost",
    "NetUnblendedCost",
    "AmortizedCost",
    "NetAmortizedCost",
    "BlendedCost",
    "UsageQuantity",
    "NormalizedUsageAmount",
)
"""The order of the amounts of a line: five costs, then the usage."""

COSTS = 5

TRUE_UP_DAY = 5
"""Until this day of the next month, support and tax are provisional and the month is Estimated."""

Amounts = tuple[int, int, int, int, int, int, int]
"""One integer of 10**-decimals (see the source) per metric, in the order of METRICS."""


class Source(Protocol):
    """What the service answers from: the bill, or a recorded answer."""

    @property
    def today(self) -> date:
        """The current UTC day."""
        ...

    @property
    def first_day(self) -> date:
        """The first day that the source knows anything of."""
        ...

    @property
    def metrics(self) -> Sequence[str]:
        """Which of METRICS exist; others are left out of the answer."""
        ...

    @property
    def decimals(self) -> int:
        """Amounts are integers of 10**-decimals."""
        ...

    @property
    def currency(self) -> str:
        """The Unit of every cost."""
        ...

    @property
    def leaves(self) -> Sequence[Leaf]:
        """What lines refer to, by place."""
        ...

    @property
    def account_names(self) -> Mapping[str, str]:
        """Account id to name, where known."""
        ...

    def recorded(self, day: date) -> bool:
        """Whether the day is in the answer at all."""
        ...

    def estimated(self, day: date) -> bool:
        """Cost Explorer's flag for the day."""
        ...

    def amounts(self, day: date) -> Iterable[tuple[int, Amounts]]:
        """The day's lines: place in `leaves`, and integers of 10**-decimals in the order of METRICS.

        An amount may be a RecordedAmount, which is answered in its recorded spelling where it is not added up.
        """
        ...


class RecordedAmount(int):
    """An amount that remembers how it was spelled. Adding it to another gives a plain int."""

    text: str

    def __new__(cls, value: int, text: str) -> RecordedAmount:
        """`value` in the source's units, `text` as recorded."""
        amount = super().__new__(cls, value)
        amount.text = text
        return amount


def next_month(day: date) -> date:
    """The first of the month after the day's own."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def still_estimated(day: date, today: date) -> bool:
    """AWS's flag: true for the current month, and for the previous one until the 5th."""
    this_month = today.replace(day=1)
    return day >= this_month or (today.day < TRUE_UP_DAY and next_month(day) == this_month)
