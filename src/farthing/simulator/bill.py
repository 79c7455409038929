"""What the simulated organisation is charged on each day, as it is known on a given day.

Every amount is a pure function of (size, seed, anchor, day, leaf, age of the day): any day can be asked alone. There is
no random state and no floating point: noise comes from a 64-bit mixer, so all platforms and Pythons agree to the
last decimal. Amounts are integers of 10**-10 USD (`USD` is one dollar), so sums are exact.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType

from farthing.simulator.organisation import (
    COST_CATEGORY,
    MASK,
    REGION_PREFIX,
    RHYTHMS,
    USD,
    Account,
    Leaf,
    Meter,
    Organisation,
    Pair,
    Service,
    Size,
    digest,
    organisation,
)

METRICS = (
    "UnblendedCost",
    "NetUnblendedCost",
    "AmortizedCost",
    "NetAmortizedCost",
    "BlendedCost",
    "UsageQuantity",
    "NormalizedUsageAmount",
)
"""The order of the amounts of a line."""

Amounts = tuple[int, int, int, int, int, int, int]
"""One integer of 10**-10 per metric, in the order of METRICS."""

HISTORY_DAYS = 548
ONE_DAY = timedelta(days=1)
_EDP = 70  # parts per thousand: an enterprise discount on what AWS itself sells
_FULL = 1_000
_LATE_AGES = range(3, 13)  # days after which a late correction or refund appears
_TRUE_UP_DAY = 5  # of the following month: until then support and tax are provisional and the month Estimated
_NORMALIZED = MappingProxyType({"large": 4, "xlarge": 8, "2xlarge": 16})  # AWS's normalization factors
_AWS = "Amazon Web Services, Inc."


@dataclass(frozen=True, slots=True)
class Incident:
    """A labelled truth: what was made to happen to one service in one account.

    `kind` is spike, shift, ramp, drop, new or gone. `last_day` (inclusive) is None for what lasts. `excess_per_day`
    is the mean of USD a day more (or less: negative) than without the incident, in UnblendedCost, over its days or,
    for what lasts, its first 14 days.
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
class Line:
    """One leaf's charge of one day, for people: amounts in USD, quantity in the leaf's unit."""

    day: date
    leaf: Leaf
    unblended: Decimal
    net_unblended: Decimal
    amortized: Decimal
    net_amortized: Decimal
    blended: Decimal
    quantity: Decimal
    normalized: Decimal


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where an incident lies, before its excess is known. `strength` is parts per thousand at its height."""

    id: str
    kind: str
    pair: int
    first: int
    last: int | None
    strength: int

    def factor(self, day: int) -> int:
        """Parts per thousand on this ordinal day; 1000 outside the incident."""
        if day < self.first or (self.last is not None and day > self.last):
            return 0 if self.kind == "new" and day < self.first else _FULL
        if self.kind == "gone":
            return 0
        if self.kind == "ramp" and self.last is not None:
            return _FULL + (self.strength - _FULL) * (day - self.first + 1) // (self.last - self.first + 1)
        return _FULL if self.kind == "new" else self.strength


@dataclass(frozen=True, slots=True)
class _Usage:
    """An on-demand leaf: `base` is an ordinary day's quantity in 10**-4 units, `price` in 10**-6 USD per unit."""

    leaf: int
    mark: int
    pair: int
    service: int
    account: int
    base: int
    price: int
    noise: int
    normalized: int


@dataclass(frozen=True, slots=True)
class _Commitment:
    """A reservation's or savings plan's leaf with a constant `daily` effective cost; `role` tells the accounting."""

    leaf: int
    mark: int
    role: str
    daily: int
    price: int


@dataclass(frozen=True, slots=True)
class _Fee:
    """Something charged now and then: `amount` in 10**-10 USD on the days that `role` decides."""

    leaf: int
    mark: int
    role: str
    amount: int


def mix(number: int) -> int:
    """Spread 64 bits over 64 bits (the finaliser of SplitMix64, Steele, Lea and Flood 2014)."""
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & MASK
    return number ^ (number >> 31)


def net(amount: int) -> int:
    """After the enterprise discount; symmetric around zero so that a negation cancels exactly."""
    return amount - amount * _EDP // _FULL if amount >= 0 else -net(-amount)


def usd(amount: int) -> Decimal:
    """An integer of 10**-10 as an exact Decimal."""
    return Decimal(amount).scaleb(-10)


def _days_in_month(day: date) -> int:
    return (_next_month(day) - day.replace(day=1)).days


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


class Bill:
    """The bill of one organisation as Cost Explorer would know it on `today` (UTC).

    History and incidents are placed relative to `anchor` (default: today). Ask for the same organisation on another
    day by changing `today` and keeping `anchor`: old days then agree, apart from what fills up and is restated. The
    bill starts `HISTORY_DAYS` before the anchor and has no end; `today` itself is partial, later days are empty.

    Raises ValueError if `today` is not after the first day.
    """

    metrics: tuple[str, ...] = METRICS

    def __init__(
        self, size: Size | str = Size.MEDIUM, seed: int = 1, *, today: date, anchor: date | None = None
    ) -> None:
        """See the class; `size` is small, medium or large, `seed` any integer."""
        self.size = Size(size)
        self.seed = seed
        self.today = today
        self.anchor = today if anchor is None else anchor
        self.first_day = self.anchor - timedelta(days=HISTORY_DAYS)
        if today <= self.first_day:
            raise ValueError(f"today ({today}) must be after the bill's first day ({self.first_day})")
        self.organisation: Organisation = organisation(self.size, seed)
        self._accounts = self.organisation.accounts
        self._services = self.organisation.services
        self._leaves: list[Leaf] = []
        self._pairs: list[Pair] = list(self.organisation.pairs)
        self._plans = self._plan_incidents()
        self._usage = self._usage_leaves()
        self._commitments = self._commitment_leaves()
        self._fees = self._fee_leaves()
        self._plan_of = {plan.pair: plan for plan in self._plans}

    # -- what a source must offer ------------------------------------------------------------------------------

    @property
    def leaves(self) -> Sequence[Leaf]:
        """Every leaf that ever spends; lines refer to them by their place here."""
        return self._leaves

    @property
    def account_names(self) -> Mapping[str, str]:
        """Account id to name."""
        return {account.id: account.name for account in self._accounts}

    def recorded(self, day: date) -> bool:
        """Whether the source can speak of this day at all: the bill always can (it may be empty)."""
        return True

    def estimated(self, day: date) -> bool:
        """AWS's flag: true for the current month, and for the previous one until the 5th."""
        if day >= self.today.replace(day=1):
            return True
        return self.today.day < _TRUE_UP_DAY and _next_month(day) == self.today.replace(day=1)

    def amounts(self, day: date) -> Iterator[tuple[int, Amounts]]:
        """The day's lines as (place in `leaves`, amounts). At most one line per leaf; nothing outside the bill."""
        if not self.first_day <= day <= self.today:
            return
        yield from self._usage_amounts(day)
        yield from self._commitment_amounts(day)
        yield from self._fee_amounts(day)

    # -- for people --------------------------------------------------------------------------------------------

    def lines(self, day: date) -> list[Line]:
        """The day's lines with their leaves and Decimal amounts."""
        return [Line(day, self._leaves[leaf], *map(usd, amounts)) for leaf, amounts in self.amounts(day)]

    def incidents(self) -> tuple[Incident, ...]:
        """The labelled truth, oldest first: what has begun before `today`."""
        known = [plan for plan in self._plans if plan.first < self.today.toordinal()]
        return tuple(self._labelled(plan) for plan in sorted(known, key=lambda plan: (plan.first, plan.id)))

    # -- days --------------------------------------------------------------------------------------------------

    def _usage_amounts(self, day: date) -> Iterator[tuple[int, Amounts]]:
        ordinal = day.toordinal()
        by_service = [self._service_factor(place, day) for place in range(len(self._services))]
        by_account = [self._account_factor(place, day) for place in range(len(self._accounts))]
        boosts = self._boosts(ordinal)
        late_account, late_factor = self._late_correction(day)
        filling = self._filling(day)
        salt = digest("usage", self.seed, ordinal)
        for usage in self._usage:
            factor = boosts.get(usage.pair, _FULL) if boosts else _FULL
            bits = (usage.mark ^ salt) * 0xBF58476D1CE4E5B9 & MASK
            bits = (bits ^ (bits >> 29)) * 0x94D049BB133111EB & MASK
            # The sum of four uniform 16-bit numbers is bell-shaped: sd 37837 around 131070.
            bell = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48) - 131_070
            quantity = (
                usage.base
                * by_service[usage.service]
                * by_account[usage.account]
                * (1_048_576 + (bell * usage.noise >> 10))
                // 1_048_576_000_000_000_000
            )
            if factor != _FULL:
                quantity = quantity * factor // _FULL
            if usage.account == late_account:
                quantity = quantity * late_factor // _FULL
            if filling:
                quantity = quantity * self._filled(usage.mark, ordinal, filling) // _FULL
            if quantity:
                gross = quantity * usage.price
                discounted = gross - gross * _EDP // _FULL
                units = quantity * 1_000_000
                yield (
                    usage.leaf,
                    (gross, discounted, gross, discounted, gross, units, units * usage.normalized),
                )

    def _commitment_amounts(self, day: date) -> Iterator[tuple[int, Amounts]]:
        ordinal, filling, days = day.toordinal(), self._filling(day), _days_in_month(day)
        upfront = self._upfront_share(ordinal)
        for item in self._commitments:
            daily = item.daily
            # Everything but the monthly and one-off fees accrues by the hour, so it fills up like usage.
            if filling and item.role in ("discounted", "covered", "negation", "recurring"):
                daily = daily * self._filled(item.mark, ordinal, filling) // _FULL
            if item.role == "discounted":
                # Blended rates spread a reservation's benefit: a part of the fee is blended into the usage.
                blended, units = daily * 2 // 5, daily * 10_000 // item.price * 10**6
                yield item.leaf, (0, 0, daily, net(daily), blended, units, units * 8)
            elif item.role == "reservation" and day.day == 1:
                fee = daily * days
                yield item.leaf, (fee, net(fee), 0, 0, fee - daily * 2 // 5 * days, days * 24 * USD, 0)
            elif item.role == "covered":
                on_demand = daily * 100 // 72
                units = on_demand * 10_000 // item.price * 10**6
                yield item.leaf, (on_demand, net(on_demand), daily, net(daily), on_demand, units, units * 8)
            elif item.role == "negation":
                on_demand = daily * 100 // 72
                yield item.leaf, (-on_demand, -net(on_demand), 0, 0, -on_demand, 0, 0)
            elif item.role == "recurring":
                fee = daily - daily * upfront // _FULL
                yield item.leaf, (fee, net(fee), 0, 0, fee, 24 * USD, 0)
            elif item.role == "upfront" and day == self._upfront_day:
                fee = daily * _UPFRONT_SHARE // _FULL * _UPFRONT_DAYS
                yield item.leaf, (fee, net(fee), 0, 0, fee, USD, 0)

    def _fee_amounts(self, day: date) -> Iterator[tuple[int, Amounts]]:
        ordinal = day.toordinal()
        month = digest("month", self.seed, day.year, day.month)
        trued_up = self.today >= _next_month(day).replace(day=_TRUE_UP_DAY)
        age = (self.today - day).days
        level = _FULL - (self.anchor - day).days * 250 // HISTORY_DAYS
        for fee in self._fees:
            bits = mix(fee.mark ^ month)
            amount = fee.amount * level // _FULL * (950 + bits % 100) // _FULL
            if fee.role == "support" and day.day == 6 + (month >> 8) % 2:
                amount = amount if trued_up else amount * 97 // 100
            elif fee.role == "tax" and day.day == 1:
                amount = amount if trued_up else amount * 98 // 100
            elif fee.role == "marketplace" and day.day == 2 + (month >> 16) % 2:
                pass
            elif fee.role == "zones" and day.day == 1:
                amount = fee.amount
            elif fee.role == "promotion" and self._promotion[0] <= ordinal <= self._promotion[1]:
                amount = -fee.amount
            elif fee.role == "goodwill" and day.day == 3:
                amount = -amount
            elif fee.role == "refund":
                chance = mix(fee.mark ^ digest("refund", self.seed, ordinal))
                if chance % 71 or age < _LATE_AGES.start + (chance >> 32) % len(_LATE_AGES):
                    continue
                amount = -(fee.amount * (30 + (chance >> 16) % 60) // 1_000)
            else:
                continue
            if fee.role in ("support", "zones"):  # sold by AWS, so the enterprise discount applies
                yield fee.leaf, (amount, net(amount), amount, net(amount), amount, USD, 0)
            else:
                yield fee.leaf, (amount, amount, amount, amount, amount, 0, 0)

    # -- factors, all in millionths or thousandths -------------------------------------------------------------

    def _service_factor(self, place: int, day: date) -> int:
        """Rhythm, growth, slow drift and the day's own mood of a service, in millionths."""
        service, mark = self._services[place], digest("service", self.seed, place)
        growth = 1_000_000 - (mark % 260 - 60) * (self.anchor - day).days * 1_000 // HISTORY_DAYS
        block, within = divmod(day.toordinal(), 32)
        before, after = (mix(mark ^ number * 0x9E3779B9) % 80_001 - 40_000 for number in (block, block + 1))
        drift = 1_000_000 + (before * (32 - within) + after * within) // 32
        mood = 1_000_000 + mix(mark ^ digest("mood", self.seed, day.toordinal())) % 24_001 - 12_000
        return RHYTHMS[service.rhythm][day.weekday()] * growth * drift // 10**9 * mood // 10**6

    def _account_factor(self, place: int, day: date) -> int:
        """Growth of an account, and its idle weekends where nobody develops, in millionths."""
        mark = digest("account", self.seed, place)
        growth = 1_000_000 - (mark % 300 - 40) * (self.anchor - day).days * 1_000 // HISTORY_DAYS
        idle = self._accounts[place].environment != "prod" and day.weekday() >= 5
        return growth * (700 if idle else 1_000) // 1_000

    def _boosts(self, ordinal: int) -> dict[int, int]:
        boosts = {plan.pair: plan.factor(ordinal) for plan in self._plans}
        return {pair: factor for pair, factor in boosts.items() if factor != _FULL}

    def _filling(self, day: date) -> tuple[int, int] | None:
        """How full the day is: (least, spread) in thousandths; None once complete."""
        return ((300, 100), (900, 71), (990, 11))[age] if (age := (self.today - day).days) < 3 else None

    @staticmethod
    def _filled(mark: int, ordinal: int, filling: tuple[int, int]) -> int:
        least, spread = filling
        return least + mix(mark ^ ordinal * 0x9E3779B97F4A7C15 & MASK) % spread

    def _late_correction(self, day: date) -> tuple[int, int]:
        """(account, thousandths) of usage that is not right yet, or (-1, ...): about three days a month."""
        bits = digest("late", self.seed, day.toordinal())
        due = _LATE_AGES.start + (bits >> 16) % len(_LATE_AGES)
        if bits % 10 or (self.today - day).days >= due:
            return -1, _FULL
        wrong = 930 + (bits >> 40) % 40 if (bits >> 32) % 3 else 1_030 + (bits >> 40) % 30
        return (bits >> 24) % len(self._accounts), wrong

    def _upfront_share(self, ordinal: int) -> int:
        """Thousandths of the savings plans' effective cost that were paid upfront and cover this day."""
        begin = self._upfront_day.toordinal()
        return _UPFRONT_SHARE if begin <= ordinal < begin + _UPFRONT_DAYS else 0

    @property
    def _upfront_day(self) -> date:
        return _next_month(self.anchor - timedelta(days=330))

    @property
    def _promotion(self) -> tuple[int, int]:
        """First and last ordinal day of a promotional credit."""
        return self.anchor.toordinal() - 430, self.anchor.toordinal() - 260

    # -- leaves, built once ------------------------------------------------------------------------------------

    def _leaf(self, account: Account, service: str, record_type: str, meter: Meter, region: str, owned: bool) -> int:
        tags = (("environment", account.environment), ("team", account.team)) if owned else ()
        self._leaves.append(
            Leaf(
                service=service,
                account=account.id,
                region=region,
                record_type=record_type,
                usage_type=REGION_PREFIX.get(region, "") + meter.usage_type if meter.usage_type else "",
                unit=meter.unit,
                tags=tags,
                categories=((COST_CATEGORY, account.business_unit),),
                others=_other_dimensions(record_type, meter.usage_type),
            )
        )
        return len(self._leaves) - 1

    def _usage_leaves(self) -> list[_Usage]:
        usages = []
        for number, pair in enumerate(self._pairs):
            account, service = self._accounts[pair.account], self._services[pair.service]
            for meter, region, base in self._shares(pair, account, service):
                mark = digest("leaf", self.size.value, self.seed, pair.service, pair.account, meter.usage_type, region)
                owned = mark % 10 != 0  # a tenth of everything is not tagged, as in life
                usages.append(
                    _Usage(
                        leaf=self._leaf(account, service.name, "Usage", meter, region, owned),
                        mark=mark,
                        pair=number,
                        service=pair.service,
                        account=pair.account,
                        base=max(40, base // meter.price),
                        price=meter.price,
                        # A bell of sd 37837 becomes the service's noise of so many thousandths of 2**20.
                        noise=service.noise * 1_048_576 * 1_024 // 37_837_000,
                        normalized=_normalized(meter.usage_type),
                    )
                )
        return usages

    def _shares(self, pair: Pair, account: Account, service: Service) -> Iterator[tuple[Meter, str, int]]:
        """How a pair's spending divides over meters and regions: (meter, region, 10**-10 USD a day)."""
        if service.everywhere:
            regions: tuple[tuple[str, int], ...] = (("global", 100),)
        elif self.organisation.scale.detailed and pair.base > USD and digest("spread", self.seed, pair.service) % 3:
            regions = ((account.region, 80), (account.second_region, 20))
        else:
            regions = ((account.region, 100),)
        meters = service.meters if self.organisation.scale.detailed else service.meters[: 2 - bool(pair.service)]
        weights = (60, 25, 15)[: len(meters)]
        for meter, weight in zip(meters, weights, strict=True):
            for region, part in regions:
                yield meter, region, pair.base * weight * part // (sum(weights) * 100)

    def _commitment_leaves(self) -> list[_Commitment]:
        """Reservations of the two largest reservable services in some accounts; one organisation-wide savings plan."""
        items: list[_Commitment] = []
        covered = 0
        payer = self._accounts[0]
        for pair in self.organisation.pairs:
            account, service = self._accounts[pair.account], self._services[pair.service]
            mark = digest("commitment", self.size.value, self.seed, pair.service, pair.account)
            meter = service.meters[0]
            if service.name in _RESERVABLE and mark % 2:
                daily = pair.base // 5
                discounted = self._leaf(account, service.name, "DiscountedUsage", meter, account.region, True)
                fee = self._leaf(account, service.name, "RIFee", _heavy(meter), account.region, False)
                items.append(_Commitment(discounted, mark, "discounted", daily, meter.price))
                items.append(_Commitment(fee, mark, "reservation", daily, meter.price))
            if service.name in _SAVINGS_PLAN_COVERS:
                daily = pair.base // 6
                covered += daily
                for record_type, role in (("SavingsPlanCoveredUsage", "covered"), ("SavingsPlanNegation", "negation")):
                    leaf = self._leaf(account, service.name, record_type, meter, account.region, True)
                    items.append(_Commitment(leaf, mark, role, daily, meter.price))
        plan = Meter("ComputeSP:1yrPartialUpfront", "Hrs", 1)
        mark = digest("plan", self.size.value, self.seed)
        for record_type, role in (("SavingsPlanRecurringFee", "recurring"), ("SavingsPlanUpfrontFee", "upfront")):
            leaf = self._leaf(payer, _SAVINGS_PLANS, record_type, plan, "global", False)
            items.append(_Commitment(leaf, mark, role, covered, 1))
        return items

    def _fee_leaves(self) -> list[_Fee]:
        daily = self.organisation.scale.daily * USD
        payer, fees = self._accounts[0], []
        spent = [0] * len(self._accounts)
        for pair in self.organisation.pairs:
            spent[pair.account] += pair.base

        def add(role: str, account: Account, service: str, record_type: str, meter: Meter, amount: int) -> None:
            region = "global" if role in ("support", "marketplace", "zones") else ""
            leaf = self._leaf(account, service, record_type, meter, region, False)
            fees.append(_Fee(leaf, digest("fee", role, self.size.value, self.seed, account.id, service), role, amount))

        add("support", payer, "AWS Support (Business)", "Fee", Meter("Dollar", "Dollar", 1), daily * 30 * 5 // 100)
        product = Meter("MP:meridian-logs-units", "Units", 1)
        add("marketplace", payer, "Meridian Log Insights", "Fee", product, daily * 30 * 2 // 100)
        for place, account in enumerate(self._accounts):
            add("tax", account, "Tax", "Tax", Meter("", "N/A", 1), spent[place] * 30 * 3 // 100)
        largest = [self.organisation.pairs[place] for place in self._largest(5)]
        for pair in largest[:3]:
            service, account = self._services[pair.service], self._accounts[pair.account]
            add("refund", account, service.name, "Refund", service.meters[0], daily)
        for role, pair, part in (("promotion", largest[3], 80), ("goodwill", largest[4], 200)):
            service, account = self._services[pair.service], self._accounts[pair.account]
            add(role, account, service.name, "Credit", service.meters[0], pair.base * part // 1_000)
        for pair in self.organisation.pairs:
            if self._services[pair.service].name == "Amazon Route 53":
                account = self._accounts[pair.account]
                zones = Meter("HostedZone", "HostedZone", 500_000)
                count = 2 + digest("zones", self.seed, pair.account) % 20
                add("zones", account, "Amazon Route 53", "Usage", zones, count * USD // 2)
        return fees

    # -- incidents ---------------------------------------------------------------------------------------------

    def _plan_incidents(self) -> list[_Plan]:
        """Spread over the history, each on a pair of its own, and the showcase on the day before the anchor."""
        anchor, count = self.anchor.toordinal(), self.organisation.scale.incidents
        by_size = self._largest(len(self._pairs))
        showcase = next(place for place in by_size if self._pairs[place].service == 0)
        # As much again as an ordinary day: plain to see even on a Sunday that is not full yet.
        strength = _FULL + self.organisation.scale.daily * USD * _FULL // self._pairs[showcase].base
        plans = [_Plan("showcase", "spike", showcase, anchor - 1, anchor - 1, strength)]
        # From the upper third of the pairs, so that an incident is worth finding; the very largest stay calm.
        pool = [place for place in by_size[2 : max(len(by_size) // 3, count + 3)] if place != showcase]
        step = (HISTORY_DAYS - 80) // count
        for number in range(count):
            bits = digest("incident", self.size.value, self.seed, number)
            kind = _KINDS[number % len(_KINDS)]
            first = anchor - HISTORY_DAYS + 45 + number * step + bits % max(1, step // 2)
            if kind == "gone":  # what goes is a retired service, so that the others stay whole
                pair = Pair(self.organisation.retired + number // len(_KINDS) % 2, (bits >> 8) % len(self._accounts), 0)
                taken = {(other.service, other.account) for other in self._pairs}
                while (pair.service, pair.account) in taken:
                    pair = Pair(pair.service, (pair.account + 1) % len(self._accounts), 0)
                base = self._pairs[pool[(bits >> 16) % len(pool)]].base
                self._pairs.append(Pair(pair.service, pair.account, base))
                place = len(self._pairs) - 1
            else:
                fit = [place for place in pool if kind != "new" or self._can_be_new(place)]
                place = fit[(bits >> 16) % len(fit)]
                pool.remove(place)
            last, strength = _course(kind, first, bits >> 32)
            plans.append(_Plan(f"{kind}-{number + 1:02d}", kind, place, first, last, strength))
        return plans

    def _can_be_new(self, place: int) -> bool:
        """Whether nothing but usage is ever charged to the pair: no commitment, no monthly fee, no credit."""
        name = self._services[self._pairs[place].service].name
        plain = name not in _RESERVABLE | _SAVINGS_PLAN_COVERS | {"Amazon Route 53"}
        return plain and place not in self._largest(5)

    def _largest(self, count: int) -> list[int]:
        pairs = self.organisation.pairs
        return sorted(range(len(pairs)), key=lambda place: (-pairs[place].base, place))[:count]

    def _labelled(self, plan: _Plan) -> Incident:
        pair = self._pairs[plan.pair]
        leaves = [usage for usage in self._usage if usage.pair == plan.pair]
        last = plan.first + 13 if plan.last is None else plan.last
        total = 0
        for ordinal in range(plan.first, last + 1):
            day, factor = date.fromordinal(ordinal), plan.factor(ordinal)
            without = 0 if plan.kind == "new" else _FULL
            change = factor - without
            pace = self._service_factor(pair.service, day) * self._account_factor(pair.account, day)
            total += sum(usage.base * usage.price for usage in leaves) * pace // 10**12 * change // _FULL
        mean = usd(total // (last - plan.first + 1))
        account = self._accounts[pair.account]
        return Incident(
            id=plan.id,
            kind=plan.kind,
            service=self._services[pair.service].name,
            account=account.id,
            account_name=account.name,
            region="global" if self._services[pair.service].everywhere else account.region,
            first_day=date.fromordinal(plan.first),
            last_day=None if plan.last is None else date.fromordinal(plan.last),
            excess_per_day=mean.quantize(Decimal("0.01")),
        )


_UPFRONT_SHARE = 20
_UPFRONT_DAYS = 365
_RESERVABLE = frozenset({"Amazon Elastic Compute Cloud - Compute", "Amazon Relational Database Service"})
_SAVINGS_PLAN_COVERS = frozenset(
    {"Amazon Elastic Compute Cloud - Compute", "AWS Lambda", "Amazon Elastic Container Service"}
)
_SAVINGS_PLANS = "Savings Plans for AWS Compute usage"
_KINDS = ("spike", "shift", "drop", "ramp", "new", "gone", "spike", "ramp")


def _course(kind: str, first: int, bits: int) -> tuple[int | None, int]:
    """(last day, strength in thousandths) of an incident of this kind."""
    if kind == "spike":
        return first + bits % 2, 3_500 + (bits >> 8) % 4_000
    if kind == "drop":
        return first + 4 + bits % 6, 80 + (bits >> 8) % 150
    if kind == "ramp":
        return first + 17 + bits % 16, 2_800 + (bits >> 8) % 1_500
    if kind == "shift":
        return None, 1_800 + (bits >> 8) % 900
    return None, _FULL


def _heavy(meter: Meter) -> Meter:
    return Meter("HeavyUsage:" + meter.usage_type.partition(":")[2], "Hrs", meter.price)


def _normalized(usage_type: str) -> int:
    return _NORMALIZED.get(usage_type.rpartition(".")[2], 0) if ":" in usage_type else 0


def _other_dimensions(record_type: str, usage_type: str) -> tuple[tuple[str, str], ...]:
    """The dimensions that follow from the record type and the usage type."""
    kind, _, instance = usage_type.partition(":")
    purchase = {
        "DiscountedUsage": "Standard Reserved Instances",
        "RIFee": "Standard Reserved Instances",
    }.get(record_type, "Savings Plans" if record_type.startswith("SavingsPlan") else "On Demand Instances")
    marketplace = kind == "MP"
    others = [
        ("BILLING_ENTITY", "AWS Marketplace" if marketplace else "AWS"),
        ("INVOICING_ENTITY", _AWS),
        ("LEGAL_ENTITY_NAME", "Meridian Software" if marketplace else _AWS),
        ("PURCHASE_TYPE", "Spot Instances" if kind == "SpotUsage" else purchase),
    ]
    if "." in instance:
        others += [
            ("INSTANCE_TYPE", instance),
            ("INSTANCE_TYPE_FAMILY", instance.removeprefix("db.").removeprefix("cache.").partition(".")[0]),
        ]
    if kind in ("BoxUsage", "SpotUsage"):
        others += [("OPERATING_SYSTEM", "Linux"), ("PLATFORM", "Linux/UNIX"), ("TENANCY", "Shared")]
    return tuple(others)


def truth(bill: Bill) -> str:
    """The incidents as JSON text (schema farthing.simulator-truth/1), amounts as decimal strings."""
    document = {
        "schema": "farthing.simulator-truth/1",
        "size": bill.size.value,
        "seed": bill.seed,
        "today": bill.today.isoformat(),
        "anchor": bill.anchor.isoformat(),
        "currency": "USD",
        "incidents": [asdict(incident) for incident in bill.incidents()],
    }
    return json.dumps(document, indent=2, default=str) + "\n"
