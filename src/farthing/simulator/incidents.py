"""The labelled incidents: what is made to happen, where and when. Pure; no amounts of days here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from farthing.simulator.organisation import (
    RESERVABLE,
    SAVINGS_PLAN_COVERS,
    USD,
    Organisation,
    Pair,
    digest,
    largest_pairs,
)

FULL = 1_000
HISTORY_DAYS = 548
_LASTING_SAMPLE_DAYS = 14
_KINDS = ("spike", "shift", "drop", "ramp", "new", "gone", "spike", "ramp")


@dataclass(frozen=True, slots=True)
class Incident:
    """A labelled truth: what was made to happen to one service in one account.

    `kind` is spike, shift, ramp, drop, new or gone. `last_day` (inclusive) is None for what lasts.
    `excess_per_day` is the mean of USD a day more (negative: less) than without the incident, in UnblendedCost
    and before noise, over its days or, for what lasts, its first 14 days.
    """

    id: str
    kind: str
    service: str
    account: str
    account_name: str
    region: str
    first_day: date
    last_day: date | None
    excess_per_day: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """Where an incident lies: a pair, ordinal days (`last` None: it lasts), thousandths at its height."""

    id: str
    kind: str
    pair: int
    first: int
    last: int | None
    strength: int

    def factor(self, ordinal: int) -> int:
        """What usage is multiplied by on this day, in thousandths; 1000 where the incident does nothing."""
        if self.kind == "new":
            return FULL if ordinal >= self.first else 0
        if ordinal < self.first or (self.last is not None and ordinal > self.last):
            return FULL
        if self.kind == "ramp" and self.last is not None:
            climbed, days = ordinal - self.first + 1, self.last - self.first + 1
            return FULL + (self.strength - FULL) * climbed // days
        return self.strength

    @property
    def without(self) -> int:
        """What usage would be multiplied by had the incident not been: a new service would not be there."""
        return 0 if self.kind == "new" else FULL

    @property
    def sample(self) -> range:
        """The ordinal days over which the excess is averaged."""
        last = self.first + _LASTING_SAMPLE_DAYS - 1 if self.last is None else self.last
        return range(self.first, last + 1)


def plan_incidents(organisation: Organisation, anchor: date) -> tuple[list[Plan], list[Pair]]:
    """The plans, and the organisation's pairs with those added that exist only to be retired.

    Spread evenly over the history, each on a pair of its own; and the showcase, a spike on the day before the
    anchor that nobody can miss.
    """
    pairs, ordinal = list(organisation.pairs), anchor.toordinal()
    by_size = largest_pairs(organisation, len(pairs))
    plans = [_showcase(organisation, by_size, ordinal)]
    count = organisation.scale.incidents
    # From the upper third of the pairs, so that an incident is worth finding; the very largest stay calm.
    calm = frozenset(by_size[:5])
    pool = [place for place in by_size[2 : max(len(by_size) // 3, count + 3)] if place != plans[0].pair]
    step = (HISTORY_DAYS - 80) // count
    for number in range(count):
        bits = digest("incident", organisation.size.value, organisation.seed, number)
        kind = _KINDS[number % len(_KINDS)]
        first = ordinal - HISTORY_DAYS + 45 + number * step + bits % max(1, step // 2)
        if kind == "gone":
            size = pairs[pool[(bits >> 16) % len(pool)]].base
            pairs.append(_retired(organisation, pairs, number, bits >> 8, size))
            place = len(pairs) - 1
        else:
            fit = [place for place in pool if kind != "new" or _can_be_new(organisation, place, calm)]
            place = fit[(bits >> 16) % len(fit)]
            pool.remove(place)
        last, strength = _course(kind, first, bits >> 32)
        plans.append(Plan(f"{kind}-{number + 1:02d}", kind, place, first, last, strength))
    return plans, pairs


def _showcase(organisation: Organisation, by_size: Sequence[int], anchor: int) -> Plan:
    pair = next(place for place in by_size if organisation.pairs[place].service == 0)
    # As much again as an ordinary day: plain to see even on a Sunday that is not full yet.
    daily = organisation.scale.daily * USD
    strength = FULL + daily * FULL // organisation.pairs[pair].base
    return Plan("showcase", "spike", pair, anchor - 1, anchor - 1, strength)


def _retired(organisation: Organisation, pairs: Sequence[Pair], number: int, bits: int, base: int) -> Pair:
    """What goes is a retired service in an account of its own, so that the other pairs stay whole."""
    service = organisation.retired + number // len(_KINDS) % 2
    taken = {pair.account for pair in pairs if pair.service == service}
    free = [account for account in range(len(organisation.accounts)) if account not in taken]
    return Pair(service, free[bits % len(free)], base)


def _can_be_new(organisation: Organisation, place: int, calm: frozenset[int]) -> bool:
    """Whether nothing but usage is charged to the pair: a fee or credit before its first day would betray it.

    `calm` are the largest pairs, which have credits and refunds.
    """
    name = organisation.services[organisation.pairs[place].service].name
    plain = name not in RESERVABLE | SAVINGS_PLAN_COVERS | {"Amazon Route 53"}
    return plain and place not in calm


def _course(kind: str, first: int, bits: int) -> tuple[int | None, int]:
    """(last ordinal day, strength in thousandths) of an incident of this kind."""
    if kind == "spike":
        return first + bits % 2, 3_500 + (bits >> 8) % 4_000
    if kind == "drop":
        return first + 4 + bits % 6, 80 + (bits >> 8) % 150
    if kind == "ramp":
        return first + 17 + bits % 16, 2_800 + (bits >> 8) % 1_500
    if kind == "shift":
        return None, 1_800 + (bits >> 8) % 900
    return None, 0 if kind == "gone" else FULL


def days_before(anchor: date, days: int) -> int:
    """The ordinal of the day that many days before the anchor."""
    return (anchor - timedelta(days=days)).toordinal()
