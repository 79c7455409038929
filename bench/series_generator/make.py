"""Makes a history from a seed. Each series has a source of chance of its own, so one series does not change another."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from bench.series_generator import events, fees, usage
from bench.series_generator.fees import Charge
from bench.series_generator.labels import Dataset, Event, Occurrence, Row, SeriesKey
from bench.series_generator.parameters import Parameters
from bench.series_generator.services import MARKETPLACE, SERVICES, SPORADIC, SUPPORT, TAX, TINY, ZERO, Service

CENT_PARTS = Decimal("0.000001")
"""Amounts have six decimals."""


class _Made(NamedTuple):
    """One series."""

    key: SeriesKey
    spent: Sequence[float]
    charges: Sequence[Charge] = ()
    planned: Sequence[tuple[events.Planned, float]] = ()
    says_zero: bool = False


def make_dataset(seed: int, parameters: Parameters | None = None) -> Dataset:
    """A history with its labels.

    Args:
        seed: the same seed and parameters give the same history.
        parameters: the defaults if None.
    """
    parameters = parameters or Parameters()
    random = Random(str(seed))
    first_day = date(parameters.first_year, 1, 1) + timedelta(days=random.randrange(730))
    calendar = [first_day + timedelta(days=number) for number in range(parameters.days)]
    accounts = [f"{random.randrange(10**11, 10**12)}" for _ in range(parameters.accounts)]
    made = list(_usage(seed, random, accounts, calendar, parameters))
    made += _fees_only(seed, random, accounts, made, calendar, parameters)
    made.sort(key=lambda one: one.key)
    rows = sorted(
        (row for one in made for row in _rows(one, calendar)), key=lambda row: (row.day, row.key, row.category)
    )
    return Dataset(
        seed=seed,
        first_day=first_day,
        days=parameters.days,
        warm_up=parameters.warm_up,
        keys=tuple(one.key for one in made),
        rows=tuple(rows),
        events=tuple(_events(made, calendar)),
        occurrences=tuple(occurrence for one in made for occurrence in _occurrences(one)),
    )


def _share(series: int, share: float) -> int:
    return round(series * share)


def _usage(
    seed: int, random: Random, accounts: Sequence[str], calendar: Sequence[date], parameters: Parameters
) -> Iterator[_Made]:
    days = len(calendar)
    counts = {
        name: _share(parameters.series, getattr(parameters, f"{name}_share"))
        for name in ("fee_only", "tiny", "sporadic", "zero", "new", "gone")
    }
    usual = parameters.series - counts["fee_only"] - counts["tiny"] - counts["sporadic"] - counts["zero"]
    for name, names in (("tiny", TINY), ("sporadic", SPORADIC), ("zero", ZERO)):
        for key in _keys(random, names, accounts, counts[name]):
            own = _own(seed, key)
            if name == "zero":
                yield _Made(key, [0.0] * days, says_zero=True)
            else:
                yield _Made(key, usage.tiny(own, days) if name == "tiny" else usage.sporadic(own, days))
    services = {service.name: service for service in SERVICES}
    for number, key in enumerate(_keys(random, list(services), accounts, usual)):
        fate = "new" if number < counts["new"] else "gone" if number < counts["new"] + counts["gone"] else ""
        yield _series(key, services[key.service], _own(seed, key), fate, calendar, parameters)


def _keys(random: Random, services: Sequence[str], accounts: Sequence[str], number: int) -> list[SeriesKey]:
    pairs = [SeriesKey(service, account) for service in services for account in accounts]
    if number > len(pairs):
        raise ValueError(f"{number} series of {len(services)} services need more than {len(accounts)} accounts")
    return random.sample(pairs, number)


def _own(seed: int, key: SeriesKey) -> Random:
    return Random(f"{seed}/{key.service}/{key.account}")


def _series(
    key: SeriesKey, service: Service, random: Random, fate: str, calendar: Sequence[date], parameters: Parameters
) -> _Made:
    """One series of usage; its fate is 'new', 'gone' or none."""
    level = service.level * math.exp(random.gauss(0, parameters.level_spread))
    if fate:
        level = max(level, 2 * parameters.smallest_money)
    sigma = random.uniform(*service.noise) * parameters.noise_scale
    spent, levels = usage.ordinary(random, calendar, level, sigma, random.choice(service.rhythms), parameters)
    charges = fees.besides(random, level, calendar, parameters)
    if not fate:
        planned = events.plan(random, levels, sigma, parameters)
        spent, sizes = events.apply(planned, spent, levels)
        return _Made(key, spent, charges, list(zip(planned, sizes, strict=True)))
    spent, event = (events.begin if fate == "new" else events.end)(random, spent, parameters)
    change = calendar[event.first]
    lives = [charge for charge in charges if (charge.day >= change) == (fate == "new")]
    return _Made(key, spent, lives, [(event, event.share * levels[event.first])])


def _fees_only(
    seed: int,
    random: Random,
    accounts: Sequence[str],
    made: Sequence[_Made],
    calendar: Sequence[date],
    parameters: Parameters,
) -> Iterator[_Made]:
    """Series that are nothing but fees: tax and support of whole accounts, products of the marketplace."""
    spent: dict[str, dict[date, float]] = defaultdict(lambda: defaultdict(float))
    for one in made:
        for row in _rows(one, calendar):
            spent[row.key.account][row.day] += float(row.amount)
    nothing = [0.0] * len(calendar)
    number = _share(parameters.series, parameters.fee_only_share)
    taxes, supports = round(number * 0.4), round(number * 0.3)
    for what, names, count in (
        ("tax", (TAX,), taxes),
        ("support", (SUPPORT,), supports),
        ("fee", MARKETPLACE, number - taxes - supports),
    ):
        for key in _keys(random, names, accounts, count):
            own = _own(seed, key)
            if what == "fee":
                amount = usage.log_uniform(own, (50, 5000))
                yield _Made(key, nothing, fees.monthly(own, what, "Purchase", amount, calendar, parameters))
            else:
                yield _Made(key, nothing, fees.of_the_account(own, what, spent[key.account], calendar, parameters))


def _rows(one: _Made, calendar: Sequence[date]) -> Iterator[Row]:
    amounts: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for day, spent in zip(calendar, one.spent, strict=True):
        if spent or one.says_zero:
            amounts[day, "Usage"] += _money(spent)
    for charge in one.charges:
        amounts[charge.day, charge.category] += _money(charge.amount)
    for (day, category), amount in amounts.items():
        yield Row(day, one.key, category, amount)


def _money(amount: float) -> Decimal:
    return Decimal(amount).quantize(CENT_PARTS)


def _events(made: Sequence[_Made], calendar: Sequence[date]) -> Iterator[Event]:
    for one in made:
        for event, size in one.planned:
            first, last = calendar[event.first], calendar[event.last]
            yield Event(event.kind, one.key, first, last, round(size, 6), event.lasting)


def _occurrences(one: _Made) -> Iterator[Occurrence]:
    seen: set[str] = set()
    for charge in sorted(one.charges, key=lambda charge: charge.day):
        amount = round(charge.amount, 6)
        yield Occurrence(charge.what, one.key, charge.day, amount, charge.what in seen, charge.category)
        seen.add(charge.what)
