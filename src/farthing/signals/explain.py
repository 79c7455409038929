"""Why a cost changed between two periods: a waterfall whose steps add up to the change, to the last decimal. Pure.

With quantities (an export has them, Cost Explorer's daily reports do not) a driver's change is taken apart as the field
does, per leaf *i* with cost ``c``, quantity ``q`` and unit price ``p = c / q``, before (b) and after (a):

- new, gone: leaves that only one of the periods has;
- price: ``sum(ca - q_a * p_b)``, what the same quantity costs more than it did;
- volume: ``(Q_a - Q_b) * C_b / Q_b`` over the leaves of one unit, what more of the same blend costs;
- mix: ``sum(q_a * p_b) - Q_a * C_b / Q_b``, what another blend of the same quantity costs.

Leaves without a quantity on both sides, or with one that is not positive, are a plain *change*. ``calendar`` is what
another number of days (or of each weekday) alone would have made, where periods are equalised. Volume and mix are
rounded to 18 decimals; price takes what is left, so that nothing is lost.
"""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from fractions import Fraction
from typing import Literal

import msgspec

from farthing.errors import UsageError
from farthing.model import MAX_DECIMALS, ZERO, Period, exact_difference, exact_sum
from farthing.wording import signed

Effect = Literal["calendar", "new", "gone", "price", "volume", "mix", "change"]
EFFECTS: tuple[Effect, ...] = ("calendar", "new", "gone", "price", "volume", "mix", "change")

MEANINGS: Mapping[Effect, str] = {
    "calendar": "another number of days",
    "new": "what was not there before",
    "gone": "what is no longer there",
    "price": "the same quantity at another price",
    "volume": "more or less of the same",
    "mix": "another blend of what is used",
    "change": "no quantities to tell price from volume",
}

Equalise = Literal["days", "weekdays"]

Names = tuple[str | None, ...]


class Leaf(msgspec.Struct, frozen=True):
    """The finest thing whose cost is compared: ``driver`` is the bar it belongs to, ``detail`` tells it apart there.

    ``unit`` is of its quantity, None where it has none. ``weekday`` (0 = Monday) only where weekdays are equalised.
    """

    driver: Names
    detail: Names = ()
    unit: str | None = None
    weekday: int | None = None


class Measure(msgspec.Struct, frozen=True):
    """What a leaf cost, and how much of it there was; ``quantity`` None where nobody knows."""

    cost: Decimal
    quantity: Decimal | None = None


class Side(msgspec.Struct, frozen=True):
    """One period: ``days`` are those that have data, all leaves in one currency."""

    period: Period
    weekdays: tuple[int, ...]
    leaves: Mapping[Leaf, Measure]

    @property
    def days(self) -> int:
        """How many days have data."""
        return len(self.weekdays)


class Driver(msgspec.Struct, frozen=True):
    """One bar: ``after - before`` is ``change`` is the sum of ``effects`` (those that are zero are left out)."""

    names: Names
    before: Decimal
    after: Decimal
    change: Decimal
    effects: Mapping[Effect, Decimal]


class Waterfall(msgspec.Struct, frozen=True):
    """From ``before`` to ``after``: the drivers' changes, the largest first, add up to ``change`` exactly.

    ``effects`` are the drivers' added up. ``equalised`` tells how ``calendar`` was computed, None if it was not.
    """

    before: Decimal
    after: Decimal
    change: Decimal
    effects: Mapping[Effect, Decimal]
    drivers: tuple[Driver, ...]
    equalised: Equalise | None = None


def explain(before: Side, after: Side, *, equalise: Equalise | None = None) -> Waterfall:
    """What led from one side to the other.

    Args:
        before: the period that is compared with.
        after: the period that is explained.
        equalise: ``days`` scales every leaf of ``before`` to the days of ``after``, ``weekdays`` to the number of each
            weekday; what that makes is the effect ``calendar``. Both count only days with data.

    Raises:
        UsageError: the periods cannot be equalised, because ``before`` has no such day.
    """
    scales = _scales(before, after, equalise)
    names = sorted({leaf.driver for side in (before, after) for leaf in side.leaves}, key=_order)
    old, new = _by_driver(before.leaves), _by_driver(after.leaves)
    drivers = [_driver(name, old.get(name, {}), new.get(name, {}), scales) for name in names]
    drivers.sort(key=lambda driver: (-abs(driver.change), _order(driver.names)))
    total_before = exact_sum(measure.cost for measure in before.leaves.values())
    total_after = exact_sum(measure.cost for measure in after.leaves.values())
    return Waterfall(
        before=total_before,
        after=total_after,
        change=exact_difference(total_after, total_before),
        effects=_added(driver.effects for driver in drivers),
        drivers=tuple(drivers),
        equalised=equalise,
    )


def largest(waterfall: Waterfall, most: int) -> Waterfall:
    """The same with all but the ``most`` largest drivers added up in one, whose names are None."""
    rest = waterfall.drivers[most:]
    if len(rest) < 2:
        return waterfall
    width = len(rest[0].names)
    other = Driver(
        names=(f"other ({len(rest):,} more)", *([None] * (width - 1))),
        before=exact_sum(driver.before for driver in rest),
        after=exact_sum(driver.after for driver in rest),
        change=exact_sum(driver.change for driver in rest),
        effects=_added(driver.effects for driver in rest),
    )
    return msgspec.structs.replace(waterfall, drivers=(*waterfall.drivers[:most], other))


def in_cents(waterfall: Waterfall) -> tuple[Decimal, tuple[Decimal, ...], Decimal]:
    """The bars as people see them: before, each driver's change, after, in cents that add up.

    Before and after are rounded half to even; the changes are rounded so that they sum to the difference (the largest
    remainders are rounded away from where plain rounding would have put them, by at most a cent each).
    """
    cent = Decimal("0.01")
    start, end = waterfall.before.quantize(cent, context=_WIDE), waterfall.after.quantize(cent, context=_WIDE)
    floors = [_floor(driver.change, cent) for driver in waterfall.drivers]
    missing = int((end - start - exact_sum(floors)) / cent)
    remainders = [
        exact_difference(driver.change, floor) for driver, floor in zip(waterfall.drivers, floors, strict=True)
    ]
    by_remainder = sorted(range(len(floors)), key=lambda place: (-remainders[place], place))
    count = len(floors)
    for step in range(abs(missing) if count else 0):
        place = by_remainder[step % count] if missing > 0 else by_remainder[count - 1 - step % count]
        floors[place] += cent if missing > 0 else -cent
    return start, tuple(floors), end


def sentence(driver: Driver, currency: str) -> str:
    """The driver's change and what it is made of, with the numbers: '+12.00 USD: new +10.00, price +2.00'."""
    parts = [f"{effect} {signed(driver.effects[effect])}" for effect in EFFECTS if driver.effects.get(effect)]
    return f"{signed(driver.change)} {currency}" + (f": {', '.join(parts)}" if parts else "")


def _scales(before: Side, after: Side, equalise: Equalise | None) -> Mapping[int | None, Fraction]:
    """By which each leaf of ``before`` is multiplied, per weekday (None: whatever the weekday)."""
    if equalise is None:
        return {}
    if equalise == "days":
        if not before.days:
            raise UsageError(f"{before.period} has no day with data: there is nothing to equalise with")
        return {None: Fraction(after.days, before.days)}
    scales: dict[int | None, Fraction] = {}
    for weekday in range(7):
        there, wanted = before.weekdays.count(weekday), after.weekdays.count(weekday)
        if wanted and not there:
            raise UsageError(
                f"{before.period} has no {_WEEKDAYS[weekday]} with data to compare {wanted} of {after.period} with: "
                "take a longer period, or --equalise days"
            )
        scales[weekday] = Fraction(wanted, there) if there else Fraction(0)
    return scales


_WIDE = Context(prec=76)
"""Room for any amount; scaling and quantising to fewer decimals are meant here."""

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_Leaves = Mapping[Leaf, Measure]
_Pair = tuple[Fraction, Fraction]


def _by_driver(leaves: _Leaves) -> dict[Names, dict[Leaf, Measure]]:
    found: dict[Names, dict[Leaf, Measure]] = {}
    for leaf, measure in leaves.items():
        found.setdefault(leaf.driver, {})[leaf] = measure
    return found


def _driver(names: Names, before: _Leaves, after: _Leaves, scales: Mapping[int | None, Fraction]) -> Driver:
    start = exact_sum(measure.cost for measure in before.values())
    end = exact_sum(measure.cost for measure in after.values())
    change = exact_difference(end, start)
    old, new = _things(before, scales), _things(after, {})
    effects: dict[Effect, Fraction] = {
        "calendar": sum((cost for cost, _ in old.values()), Fraction(0)) - Fraction(start)
    }
    units: dict[str | None, list[_Thing]] = {}
    for thing in sorted({*old, *new}, key=_thing_order):
        if thing not in old:
            _add(effects, "new", new[thing][0])
        elif thing not in new:
            _add(effects, "gone", -old[thing][0])
        elif _comparable(old[thing], new[thing]):
            units.setdefault(thing[1], []).append(thing)
        else:
            _add(effects, "change", new[thing][0] - old[thing][0])
    for things in units.values():
        _take_apart(effects, [(old[thing], new[thing]) for thing in things])  # type: ignore[misc]
    return Driver(names, start, end, change, _exact(effects, change))


_Thing = tuple[Names, str | None]
_Amounts = tuple[Fraction, Fraction | None]


def _things(leaves: _Leaves, scales: Mapping[int | None, Fraction]) -> dict[_Thing, _Amounts]:
    """Cost and quantity per detail and unit, scaled, weekdays added up; what costs nothing for nothing is left out."""
    found: dict[_Thing, _Amounts] = {}
    for leaf, measure in leaves.items():
        scale = scales.get(leaf.weekday, scales.get(None, Fraction(1)))
        cost = Fraction(measure.cost) * scale
        quantity = None if measure.quantity is None else Fraction(measure.quantity) * scale
        thing = (leaf.detail, leaf.unit)
        if thing in found:
            earlier, amount = found[thing]
            cost += earlier
            quantity = None if quantity is None or amount is None else quantity + amount
        found[thing] = (cost, quantity)
    return {thing: amounts for thing, amounts in found.items() if amounts[0] or amounts[1]}


def _comparable(before: _Amounts, after: _Amounts) -> bool:
    return before[1] is not None and after[1] is not None and before[1] > 0 and after[1] > 0


def _take_apart(effects: dict[Effect, Fraction], pairs: Iterable[tuple[_Pair, _Pair]]) -> None:
    """Price, volume and mix of leaves of one unit that both periods have."""
    pairs = list(pairs)
    cost_before = sum((before[0] for before, _ in pairs), Fraction(0))
    cost_after = sum((after[0] for _, after in pairs), Fraction(0))
    quantity_before = sum((before[1] for before, _ in pairs), Fraction(0))
    quantity_after = sum((after[1] for _, after in pairs), Fraction(0))
    blend = cost_before / quantity_before
    at_old_prices = sum((after[1] * before[0] / before[1] for before, after in pairs), Fraction(0))
    _add(effects, "price", cost_after - at_old_prices)
    _add(effects, "volume", (quantity_after - quantity_before) * blend)
    _add(effects, "mix", at_old_prices - quantity_after * blend)


def _add(effects: dict[Effect, Fraction], effect: Effect, amount: Fraction) -> None:
    effects[effect] = effects.get(effect, Fraction(0)) + amount


def _exact(effects: Mapping[Effect, Fraction], change: Decimal) -> dict[Effect, Decimal]:
    """Decimals that add up to the change: one that has no rounding of its own takes what the others' rounding left."""
    rounded = {effect: _decimal(effects[effect]) for effect in EFFECTS if effects.get(effect)}
    left = exact_difference(change, exact_sum(rounded.values()))
    if left:
        taker: Effect = next(
            (effect for effect in ("price", "change", "gone", "calendar") if effect in rounded), "change"
        )
        rounded[taker] = exact_sum([rounded.get(taker, ZERO), left])
    return {effect: amount for effect, amount in rounded.items() if amount}


def _decimal(amount: Fraction) -> Decimal:
    """Rounded half to even to 18 decimals."""
    return Decimal(round(amount * 10**MAX_DECIMALS)).scaleb(-MAX_DECIMALS, _WIDE)


def _added(parts: Iterable[Mapping[Effect, Decimal]]) -> dict[Effect, Decimal]:
    parts = list(parts)
    sums = {effect: exact_sum(part.get(effect, ZERO) for part in parts) for effect in EFFECTS}
    return {effect: amount for effect, amount in sums.items() if amount}


def _floor(amount: Decimal, step: Decimal) -> Decimal:
    return amount.quantize(step, rounding="ROUND_FLOOR", context=_WIDE)


def _order(names: Names) -> tuple[tuple[bool, str], ...]:
    return tuple((name is None, name or "") for name in names)


def _thing_order(thing: _Thing) -> tuple[object, ...]:
    return _order(thing[0]), thing[1] is None, thing[1] or ""
