"""Incidents: departures of leaves that belong together, with one root cause, in money and in a sentence.

Rises and falls are never put together, so leaves that offset each other do not hide each other. Departures of one side
that begin at the same time and share a service or an account are one incident; its root cause is the smallest set of
leaves that explains most of the excess.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Protocol

import msgspec

from farthing.model import EXACT, ZERO, exact_difference, exact_sum, percent_of
from farthing.signals.anomalies.detect import OPEN, DayFigures, Departure
from farthing.signals.anomalies.limits import DROP, GONE, NEW, RAMP, SHIFT, SPIKE
from farthing.signals.panel import Leaf, category_of
from farthing.wording import money, several

ROOT_SHARE = Decimal("0.8")
"""Share of an incident's excess that its root cause explains."""

SAME_TIME = timedelta(days=1)
"""How far apart departures of one incident may begin."""

SAME_INCIDENT = timedelta(days=3)
"""How far from the days of a known incident one on the same leaf and side is still the same: restatement moves days."""

MONTH_DAYS = Decimal(30)
"""Days of the month that an excess is projected to."""

DECIMALS = 6
"""Decimals of what is expected: an estimate, finer than anybody needs."""

Actuals = Mapping[tuple[Leaf, date], Decimal]
"""Exact amounts, where they are known; a judgement's own are doubles."""


class Part(msgspec.Struct, frozen=True):
    """A leaf's share of an incident, on the incident's newest day."""

    service_name: str
    sub_account_id: str
    charge_category: str
    kind: str
    first_day: date
    actual: Decimal
    expected: Decimal
    excess: Decimal


class Daily(msgspec.Struct, frozen=True):
    """A day of an incident: money, of all leaves that were out on it, and how many these are."""

    day: date
    leaves: int
    actual: Decimal
    expected: Decimal
    excess: Decimal


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """What went otherwise than expected. All amounts but those of all its days are those of ``day``, in ``currency``.

    Whoever has it can work out every amount in it: ``actual`` and ``expected`` are the root cause's added up with the
    others', ``excess_so_far`` is the sum of ``by_day``.

    Attributes:
        id: stays the same while the incident grows; see :func:`follow` for restated days.
        kind: that of the leaf with the largest excess.
        rises: above or below what was expected.
        is_open: whether it still went on at the end of what was judged.
        first_day: the first day that was out.
        raised_day: the day on which it could first be told.
        day: the newest day of it.
        days: how many days it lasted so far, from ``first_day`` to ``day``.
        actual: what was spent.
        expected: what was expected.
        lower: the least that would have been no news; the leaves' own added up.
        upper: the most.
        excess: ``actual - expected``.
        excess_percent: of ``expected``, to a tenth; None where nothing was expected.
        excess_so_far: the excess of all days since ``raised_day``.
        excess_month: the excess of 30 such days.
        root_cause: the smallest set of leaves that explains four fifths of the excess, the largest first.
        others: how many more leaves there are.
        others_actual: what they spent.
        others_expected: what was expected of them.
        by_day: its days since ``raised_day`` on which a leaf was out, oldest first.
        reason: all of it in a sentence.
    """

    id: str
    kind: str
    rises: bool
    is_open: bool
    currency: str
    first_day: date
    raised_day: date
    day: date
    days: int
    actual: Decimal
    expected: Decimal
    lower: Decimal
    upper: Decimal
    excess: Decimal
    excess_percent: Decimal | None
    excess_so_far: Decimal
    excess_month: Decimal
    root_cause: tuple[Part, ...]
    others: int
    others_actual: Decimal = ZERO
    others_expected: Decimal = ZERO
    by_day: tuple[Daily, ...] = ()
    reason: str

    @property
    def leaves(self) -> frozenset[tuple[str, str]]:
        """The services and accounts of its root cause."""
        return frozenset((part.service_name, part.sub_account_id) for part in self.root_cause)


def incidents_of(
    departures: Iterable[Departure], currency: str, actuals: Actuals | None = None, *, apart: bool = False
) -> list[Incident]:
    """Departures as incidents, those of the largest excess first.

    Args:
        departures: each leaf for itself.
        currency: of all of them.
        actuals: exact amounts; without one, the double's shortest decimal stands for it.
        apart: each departure is an incident of its own.
    """
    departures = list(departures)
    groups = [[one] for one in departures] if apart else _groups(departures)
    found = [_incident(group, currency, actuals or {}) for group in groups]
    return sorted(found, key=lambda incident: (-abs(incident.excess), incident.id))


class Known(Protocol):
    """An incident as it was told before, by its leaves and days."""

    @property
    def id(self) -> str:
        """The incident's id."""

    @property
    def rises(self) -> bool:
        """Above or below what was expected."""

    @property
    def first_day(self) -> date:
        """The first day that was out."""

    @property
    def day(self) -> date:
        """The newest day of it."""

    @property
    def leaves(self) -> frozenset[tuple[str, str]]:
        """The services and accounts of its root cause."""


def follow(found: Iterable[Incident], known: Collection[Known]) -> list[Incident]:
    """Incidents under the ids that they were known by.

    A restated day may move the first day of an incident or change which of its leaves is the largest, and with them the
    id that it would be given. It is a known one where side and a leaf are the same and their days meet. One that began
    as a known one did, but whose root cause is no part of what was told, is news under an id of its own: what was told
    is over, and another leaf beside it goes on.

    Args:
        found: as judged now.
        known: as they were told before, oldest first.
    """
    left = list(known)
    named = []
    for incident in sorted(found, key=lambda one: (one.first_day, one.id)):
        meeting = [one for one in left if not one.leaves.isdisjoint(incident.leaves)]
        before = next((one for one in meeting if one.id == incident.id), None) or next(
            (one for one in meeting if _same(one, incident)), None
        )
        if before is not None:
            left.remove(before)
            incident = msgspec.structs.replace(incident, id=before.id)
        elif any(one.id == incident.id for one in known):
            incident = msgspec.structs.replace(incident, id=_id_of_cause(incident))
        named.append(incident)
    return named


def _same(one: Known, other: Incident) -> bool:
    return (
        one.rises == other.rises
        and one.first_day <= other.day + SAME_INCIDENT
        and other.first_day <= one.day + SAME_INCIDENT
    )


def _groups(departures: Sequence[Departure]) -> list[list[Departure]]:
    """Greedily, from the largest: with it all that share its service or its account, whichever is more money."""
    left = sorted(departures, key=lambda one: (-abs(one.excess), one.first_day, one.leaf))
    groups = []
    while left:
        seed = left[0]
        together = [
            [one for one in left if _belongs(one, seed) and one.leaf[key] == seed.leaf[key]]
            for key in (0, 1)
            if seed.leaf[key]
        ]
        group = max(together, key=lambda some: sum(abs(one.excess) for one in some), default=[seed])
        taken = {id(one) for one in group}
        left = [one for one in left if id(one) not in taken]
        groups.append(group)
    return groups


def _belongs(one: Departure, seed: Departure) -> bool:
    return one.rises == seed.rises and abs(one.first_day - seed.first_day) <= SAME_TIME


def _incident(group: Sequence[Departure], currency: str, actuals: Actuals) -> Incident:
    day = max(one.days[-1].day for one in group)
    first_day = min(one.first_day for one in group)
    going_on = [one for one in group if one.days[-1].day == day]
    parts = sorted((_part(one, actuals) for one in going_on), key=lambda part: (-abs(part.excess), _key(part)))
    actual = exact_sum(part.actual for part in parts)
    expected = exact_sum(part.expected for part in parts)
    excess = exact_difference(actual, expected)
    root = _root(parts, excess)
    others = parts[len(root) :]
    by_day = _by_day(group, actuals)
    kind = parts[0].kind
    incident = Incident(
        id=_id(group),
        kind=kind,
        rises=group[0].rises,
        is_open=any(one.state == OPEN for one in group),
        currency=currency,
        first_day=first_day,
        raised_day=min(one.raised_day for one in group),
        day=day,
        days=(day - first_day).days + 1,
        actual=actual,
        expected=expected,
        lower=exact_sum(_estimate(one.days[-1].lower) for one in going_on),
        upper=exact_sum(_estimate(one.days[-1].upper) for one in going_on),
        excess=excess,
        excess_percent=percent_of(excess, expected),
        excess_so_far=exact_sum(daily.excess for daily in by_day),
        excess_month=EXACT.multiply(excess, MONTH_DAYS),
        root_cause=root,
        others=len(others),
        others_actual=exact_sum(part.actual for part in others),
        others_expected=exact_sum(part.expected for part in others),
        by_day=by_day,
        reason="",
    )
    return msgspec.structs.replace(incident, reason=_reason(incident))


def _id(group: Sequence[Departure]) -> str:
    """A hash of the side and of the leaf and day that it began with: what comes later does not change it."""
    began = min(group, key=lambda one: (one.raised_day, -abs(one.days[0].actual - one.days[0].expected), one.leaf))
    parts = ["anomaly", "up" if began.rises else "down", began.first_day.isoformat(), *began.leaf]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def _id_of_cause(incident: Incident) -> str:
    """The same, of the largest leaf that goes on."""
    part = incident.root_cause[0]
    side = "up" if incident.rises else "down"
    parts = ["anomaly", "after", incident.id, side, part.first_day.isoformat(), *_key(part)]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def _part(one: Departure, actuals: Actuals) -> Part:
    figures = one.days[-1]
    actual, expected = _actual(one.leaf, figures, actuals), _estimate(figures.expected)
    return Part(
        service_name=one.leaf[0],
        sub_account_id=one.leaf[1],
        charge_category=category_of(one.leaf),
        kind=one.kind,
        first_day=one.first_day,
        actual=actual,
        expected=expected,
        excess=exact_difference(actual, expected),
    )


def _key(part: Part) -> tuple[str, str, str]:
    return part.service_name, part.sub_account_id, part.charge_category


def _root(parts: Sequence[Part], excess: Decimal) -> tuple[Part, ...]:
    """As few as explain the share: all are on one side of zero, so these are the largest."""
    wanted = EXACT.multiply(abs(excess), ROOT_SHARE)
    root: list[Part] = []
    explained = Decimal(0)
    for part in parts:
        root.append(part)
        explained = EXACT.add(explained, abs(part.excess))
        if explained >= wanted:
            break
    return tuple(root)


def _actual(leaf: Leaf, figures: DayFigures, actuals: Actuals) -> Decimal:
    exact = actuals.get((leaf, figures.day))
    return Decimal(repr(figures.actual)) if exact is None else exact


def _by_day(group: Sequence[Departure], actuals: Actuals) -> tuple[Daily, ...]:
    amounts: dict[date, list[tuple[Decimal, Decimal]]] = {}
    for one in group:
        for figures in one.days:
            pair = _actual(one.leaf, figures, actuals), _estimate(figures.expected)
            amounts.setdefault(figures.day, []).append(pair)
    found = []
    for day, pairs in sorted(amounts.items()):
        actual, expected = exact_sum(spent for spent, _ in pairs), exact_sum(usual for _, usual in pairs)
        found.append(Daily(day, len(pairs), actual, expected, exact_difference(actual, expected)))
    return tuple(found)


def _estimate(value: float) -> Decimal:
    return Decimal(repr(round(value, DECIMALS)))


def scope_text(root: Sequence[Part], names: Mapping[str, str | None] = MappingProxyType({})) -> str:
    """The leaves of a root cause, for people: 'Amazon EC2 in 111122223333'; ``names`` are what accounts are called."""
    services = list(dict.fromkeys(part.service_name for part in root))
    accounts = [names.get(id_) or id_ for id_ in dict.fromkeys(part.sub_account_id for part in root)]
    what = services[0] if len(services) == 1 else f"{several(len(services), 'service')} ({_listed(services)})"
    categories = {part.charge_category for part in root} - {""}
    if len(categories) == 1:
        what += f" ({categories.pop()})"
    if accounts == [""]:
        return what
    where = accounts[0] if len(accounts) == 1 else f"{several(len(accounts), 'account')} ({_listed(accounts)})"
    return f"{what} in {where}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name or "no account" for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


_SINCE = {
    SPIKE: "high since",
    SHIFT: "at a new level since",
    RAMP: "rising since",
    DROP: "low since",
    NEW: "first spend on",
    GONE: "no spend since",
}


def _reason(incident: Incident) -> str:
    currency = incident.currency
    percent = "" if incident.excess_percent is None else f" ({abs(incident.excess_percent):,.1f} %)"
    side = "over" if incident.excess > 0 else "under"
    direction = "more" if incident.excess > 0 else "less"
    others = f", with {several(incident.others, 'smaller one')} beside it" if incident.others else ""
    return (
        f"{scope_text(incident.root_cause)}{others}: {money(incident.actual, currency)} on {incident.day} is "
        f"{money(abs(incident.excess), currency)}{percent} {side} the expected {money(incident.expected, currency)} "
        f"({money(incident.lower, currency)} to {money(incident.upper, currency)} is usual); "
        f"{_SINCE[incident.kind]} {incident.first_day} ({several(incident.days, 'day')}); "
        f"at this rate {money(abs(incident.excess_month), currency)} {direction} a month"
    )
