"""The series that are forecast one by one: the largest leaves, and what is left of each group in one."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from operator import add
from typing import Literal

import msgspec

from farthing.signals.anomalies.fees import is_fee
from farthing.signals.panel import TAX, Leaf, Panel, category_of

By = Literal["service", "account", "leaf"]
"""What a group is: a service, an account, or a service in an account."""

Group = tuple[str, ...]
"""(ServiceName,), (SubAccountId,), or both in this order."""

MOST_UNITS = 240
"""Leaves that are forecast by themselves; the smaller ones of a group are one series."""

SHARES_OF_BILL = ("tax", "aws support", "premium support", "ocbpremiumsupport")
"""How the names of services begin that are a percentage of the bill, in lower case."""

RECENT = 62
"""Days that tell how large a leaf is."""


class Unit(msgspec.Struct, frozen=True):
    """One series: money for each known day.

    ``fee`` tells that it is tax, fees, credits or refunds and no usage; ``of_the_bill`` that it is a share of the whole
    bill and grows with it. ``seen`` is the money of each unsettled day, as far as it is there.
    """

    group: Group
    fee: bool
    values: list[float]
    of_the_bill: bool = False
    seen: tuple[float, ...] = ()


class Known(msgspec.Struct, frozen=True):
    """What is known before a day: the days, ascending and in one currency, and the series.

    ``unsettled`` are days that are known in part only.
    """

    days: list[date]
    currency: str
    units: tuple[Unit, ...]
    unsettled: tuple[date, ...] = ()


def known_of(
    panel: Panel, as_of: date, by: By, growth: Mapping[date, float], without: Collection[date] = ()
) -> Known | None:
    """The series of a panel before ``as_of``, in the newest currency; None where nothing is known.

    Args:
        panel: leaves over time.
        as_of: the first day that is not known.
        by: what a group is.
        growth: by which factor the figure of a provisional day is still expected to grow.
        without: days that are known in part only: they teach nothing.
    """
    before = [place for place, day in enumerate(panel.dates) if day < as_of and day not in without]
    if not before:
        return None
    currency = panel.currencies[before[-1]]
    places = [place for place in before if panel.currencies[place] == currency]
    days = [panel.dates[place] for place in places]
    factors = [(at, factor) for at, day in enumerate(days) if (factor := growth.get(day, 1.0)) != 1.0]
    partly = [at for at, day in enumerate(panel.dates) if day < as_of and day in without]
    partly = [at for at in partly if panel.currencies[at] == currency]
    whole = places[-1] - places[0] + 1 == len(places)
    span = slice(places[0], places[-1] + 1)

    def numbers(leaf: int) -> list[float]:
        """The known days, and after them the unsettled ones."""
        values = panel.values(leaf)
        own = list(values[span]) if whole else [values[place] for place in places]
        for at, factor in factors:
            own[at] *= factor
        return own + [values[place] for place in partly]

    def unit(group: Group, fee: bool, own: list[float], share: bool) -> Unit:
        return Unit(group, fee, own[: len(days)], share, tuple(own[len(days) :]))

    alone = _largest(panel, places)
    units: list[Unit] = []
    rest: dict[tuple[Group, bool, bool], list[float]] = {}
    for place, leaf in enumerate(panel.leaves):
        group, fee, share = group_of(leaf, by), is_fee(leaf), is_share_of_bill(leaf)
        own = numbers(place)
        if place in alone:
            if any(own):
                units.append(unit(group, fee, own, share))
            continue
        together = rest.get((group, fee, share))
        rest[group, fee, share] = own if together is None else list(map(add, together, own))
    units += [unit(group, fee, own, share) for (group, fee, share), own in sorted(rest.items()) if any(own)]
    return Known(days, currency, tuple(units), tuple(panel.dates[at] for at in partly))


def is_share_of_bill(leaf: Leaf) -> bool:
    """Whether a leaf is tax or support: a percentage of what the rest costs."""
    return category_of(leaf) == TAX or leaf[0].strip().casefold().startswith(SHARES_OF_BILL)


def group_of(leaf: Leaf, by: By) -> Group:
    """The group that a leaf belongs to."""
    if by == "service":
        return (leaf[0],)
    return (leaf[1],) if by == "account" else (leaf[0], leaf[1])


def _largest(panel: Panel, places: Sequence[int]) -> set[int]:
    """The leaves that are forecast by themselves."""
    if len(panel.leaves) <= MOST_UNITS:
        return set(range(len(panel.leaves)))
    late = slice(max(places[0], places[-1] + 1 - RECENT), places[-1] + 1)
    sizes = [(-sum(map(abs, panel.values(leaf)[late])), leaf) for leaf in range(len(panel.leaves))]
    return {leaf for _, leaf in sorted(sizes)[:MOST_UNITS]}
