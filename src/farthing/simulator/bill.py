"""What the simulated organisation is charged on each day, as it is known on a given day.

Every amount is a pure function of (size, seed, anchor, day, leaf, age of the day): any day can be asked
alone. There is no random state and no floating point: noise comes from a 64-bit mixer, so all platforms and
Pythons agree to the last decimal. Amounts are integers of 10**-10 USD (`USD` is one dollar), so sums are exact.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal

from farthing.simulator.charges import ACCRUING, Charges, Commitment, Fee, Role, charges
from farthing.simulator.incidents import FULL, HISTORY_DAYS, Incident, Plan, days_before, plan_incidents
from farthing.simulator.organisation import MASK, RHYTHMS, Leaf, Organisation, Size, digest, organisation
from farthing.simulator.source import METRICS, TRUE_UP_DAY, Amounts, next_month, still_estimated

_EDP = 70  # thousandths: an enterprise discount on what AWS itself sells
_SAVINGS = 72  # percent of the on-demand price that the savings plan costs
_UPFRONT_SHARE = 20  # thousandths of the savings plan's cost that are paid upfront, for a year
_UPFRONT_DAYS = 365
_LATE_AGES = range(3, 13)  # the ages in days at which a late correction or refund appears
_FILLING = ((300, 100), (900, 71), (990, 11))  # per age in days: least thousandths, and their spread
_GROWTH = 250  # thousandths by which fees grow over the history


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


class Bill:
    """The bill of one organisation as Cost Explorer would know it on `today` (UTC).

    History and incidents are placed relative to `anchor` (default: today). Ask for the same organisation on
    another day by changing `today` and keeping `anchor`: old days then agree, apart from what fills up and is
    restated. The bill starts `HISTORY_DAYS` before the anchor and has no end; `today` itself is partial, later
    days are empty.

    Raises ValueError if `today` is not after the first day.
    """

    metrics: tuple[str, ...] = METRICS
    decimals: int = 10
    currency: str = "USD"

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
        self._plans, self._pairs = plan_incidents(self.organisation, self.anchor)
        self._charges: Charges = charges(self.organisation, self._pairs)
        self._upfront_day = next_month(self.anchor - timedelta(days=330))
        self._promotion = range(days_before(self.anchor, 430), days_before(self.anchor, 260))

    @property
    def leaves(self) -> Sequence[Leaf]:
        """Every leaf that ever spends; lines refer to them by their place here."""
        return self._charges.leaves

    @property
    def account_names(self) -> Mapping[str, str]:
        """Account id to name."""
        return {account.id: account.name for account in self.organisation.accounts}

    def recorded(self, day: date) -> bool:  # noqa: ARG002 - part of the port: a bill can speak of any day
        """Whether the source can speak of this day at all: the bill always can (it may be empty)."""
        return True

    def estimated(self, day: date) -> bool:
        """AWS's flag: true for the current month, and for the previous one until the 5th."""
        return still_estimated(day, self.today)

    def amounts(self, day: date) -> Iterator[tuple[int, Amounts]]:
        """The day's lines as (place in `leaves`, amounts): at most one per leaf, none outside the bill."""
        if self.first_day <= day <= self.today:
            yield from self._usage(day)
            yield from self._commitments(day)
            yield from self._fees(day)

    def lines(self, day: date) -> list[Line]:
        """The day's lines with their leaves and Decimal amounts."""
        return [Line(day, self.leaves[leaf], *map(usd, amounts)) for leaf, amounts in self.amounts(day)]

    def incidents(self) -> tuple[Incident, ...]:
        """The labelled truth, oldest first: what has begun before `today`."""
        known = [plan for plan in self._plans if plan.first < self.today.toordinal()]
        return tuple(self._labelled(plan) for plan in sorted(known, key=lambda plan: (plan.first, plan.id)))

    def _usage(self, day: date) -> Iterator[tuple[int, Amounts]]:
        """The hot loop: all that is the same for the whole day is looked up before it."""
        ordinal = day.toordinal()
        by_service = [self._service_factor(place, day) for place in range(len(self.organisation.services))]
        by_account = [self._account_factor(place, day) for place in range(len(self.organisation.accounts))]
        boosts = self._boosts(ordinal)
        late_account, late_factor = self._late_correction(day)
        filling = self._filling(day)
        salt = digest("usage", self.seed, ordinal)
        for usage in self._charges.usage:
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
            if usage.pair in boosts:
                quantity = quantity * boosts[usage.pair] // FULL
            if usage.account == late_account:
                quantity = quantity * late_factor // FULL
            if filling:
                quantity = quantity * _filled(usage.mark, ordinal, filling) // FULL
            if quantity:
                gross = quantity * usage.price
                discounted = gross - gross * _EDP // FULL
                units = quantity * 1_000_000
                normalized = units * usage.normalized
                yield usage.leaf, (gross, discounted, gross, discounted, gross, units, normalized)

    def _commitments(self, day: date) -> Iterator[tuple[int, Amounts]]:
        ordinal, filling = day.toordinal(), self._filling(day)
        for item in self._charges.commitments:
            daily = item.daily
            if filling and item.role in ACCRUING:
                daily = daily * _filled(item.mark, ordinal, filling) // FULL
            amounts = self._commitment(item, daily, day)
            if amounts is not None:
                yield item.leaf, amounts

    def _commitment(self, item: Commitment, daily: int, day: date) -> Amounts | None:
        """Billed when it is paid, effective when it is used: over a month both add up to the same."""
        blended = daily * 2 // 5  # blended rates carry a part of a reservation's fee over to its usage
        on_demand = daily * 100 // _SAVINGS
        match item.role:
            case Role.DISCOUNTED:
                units = daily * 10_000 // item.price * 10**6
                return 0, 0, daily, net(daily), blended, units, units * 8
            case Role.RESERVATION if day.day == 1:
                days = (next_month(day) - day).days
                return daily * days, net(daily) * days, 0, 0, (daily - blended) * days, days * 24 * 10**10, 0
            case Role.COVERED:
                units = on_demand * 10_000 // item.price * 10**6
                return on_demand, net(on_demand), daily, net(daily), on_demand, units, units * 8
            case Role.NEGATION:
                return -on_demand, -net(on_demand), 0, 0, -on_demand, 0, 0
            case Role.RECURRING:
                fee = daily - (daily * _UPFRONT_SHARE // FULL if self._paid_upfront(day) else 0)
                return fee, net(fee), 0, 0, fee, 24 * 10**10, 0
            case Role.UPFRONT if day == self._upfront_day:
                fee = daily * _UPFRONT_SHARE // FULL * _UPFRONT_DAYS
                return fee, net(fee), 0, 0, fee, 10**10, 0
        return None

    def _fees(self, day: date) -> Iterator[tuple[int, Amounts]]:
        month = digest("month", self.seed, day.year, day.month)
        for fee in self._charges.fees:
            amount = self._fee(fee, day, month)
            if amount and fee.role in (Role.SUPPORT, Role.ZONES):  # sold by AWS: the discount applies
                yield fee.leaf, (amount, net(amount), amount, net(amount), amount, 10**10, 0)
            elif amount:
                yield fee.leaf, (amount, amount, amount, amount, amount, 0, 0)

    def _fee(self, fee: Fee, day: date, month: int) -> int:
        """The fee's amount on this day; 0 on all days but its own."""
        level = FULL - (self.anchor - day).days * _GROWTH // HISTORY_DAYS
        amount = fee.amount * level // FULL * (950 + mix(fee.mark ^ month) % 100) // FULL
        trued_up = self.today >= next_month(day).replace(day=TRUE_UP_DAY)
        match fee.role:
            case Role.SUPPORT if day.day == 6 + (month >> 8) % 2:
                return amount if trued_up else amount * 97 // 100
            case Role.TAX if day.day == 1:
                return amount if trued_up else amount * 98 // 100
            case Role.MARKETPLACE if day.day == 2 + (month >> 16) % 2:
                return amount
            case Role.ZONES if day.day == 1:
                return fee.amount
            case Role.PROMOTION if day.toordinal() in self._promotion:
                return -fee.amount
            case Role.GOODWILL if day.day == 3:
                return -amount
            case Role.REFUND:
                return -self._refund(fee, day)
        return 0

    def _refund(self, fee: Fee, day: date) -> int:
        """About one day in 71, 3 to 9 percent of an ordinary day; known only some days later."""
        bits = mix(fee.mark ^ digest("refund", self.seed, day.toordinal()))
        due = _LATE_AGES.start + (bits >> 32) % len(_LATE_AGES)
        if bits % 71 or (self.today - day).days < due:
            return 0
        return fee.amount * (30 + (bits >> 16) % 60) // FULL

    def _service_factor(self, place: int, day: date) -> int:
        """Rhythm, growth, slow drift and the day's own mood of a service, in millionths."""
        mark = digest("service", self.seed, place)
        rhythm = RHYTHMS[self.organisation.services[place].rhythm][day.weekday()]
        growth = 10**6 - (mark % 260 - 60) * (self.anchor - day).days * 1_000 // HISTORY_DAYS
        block, within = divmod(day.toordinal(), 32)
        before, after = (mix(mark ^ number * 0x9E3779B9) % 80_001 - 40_000 for number in (block, block + 1))
        drift = 10**6 + (before * (32 - within) + after * within) // 32
        mood = 10**6 + mix(mark ^ digest("mood", self.seed, day.toordinal())) % 24_001 - 12_000
        return rhythm * growth * drift // 10**9 * mood // 10**6

    def _account_factor(self, place: int, day: date) -> int:
        """Growth of an account, and its idle weekends where people only develop, in millionths."""
        mark = digest("account", self.seed, place)
        growth = 10**6 - (mark % 300 - 40) * (self.anchor - day).days * 1_000 // HISTORY_DAYS
        idle = self.organisation.accounts[place].environment != "prod" and day.weekday() >= 5
        return growth * (700 if idle else 1_000) // 1_000

    def _boosts(self, ordinal: int) -> dict[int, int]:
        """Pair to thousandths, for the pairs that an incident touches on this day."""
        boosts = {plan.pair: plan.factor(ordinal) for plan in self._plans}
        return {pair: factor for pair, factor in boosts.items() if factor != FULL}

    def _filling(self, day: date) -> tuple[int, int] | None:
        """How full a young day is: (least, spread) in thousandths; None once it is complete."""
        age = (self.today - day).days
        return _FILLING[age] if age < len(_FILLING) else None

    def _late_correction(self, day: date) -> tuple[int, int]:
        """(account, thousandths) of usage that is not right yet, else (-1, ...): about three days a month."""
        bits = digest("late", self.seed, day.toordinal())
        due = _LATE_AGES.start + (bits >> 16) % len(_LATE_AGES)
        if bits % 10 or (self.today - day).days >= due:
            return -1, FULL
        wrong = 930 + (bits >> 40) % 40 if (bits >> 32) % 3 else 1_030 + (bits >> 40) % 30
        return (bits >> 24) % len(self.organisation.accounts), wrong

    def _paid_upfront(self, day: date) -> bool:
        return 0 <= (day - self._upfront_day).days < _UPFRONT_DAYS

    def _labelled(self, plan: Plan) -> Incident:
        pair = self._pairs[plan.pair]
        account = self.organisation.accounts[pair.account]
        service = self.organisation.services[pair.service]
        level = sum(usage.base * usage.price for usage in self._charges.usage if usage.pair == plan.pair)
        total = 0
        for ordinal in plan.sample:
            day = date.fromordinal(ordinal)
            pace = self._service_factor(pair.service, day) * self._account_factor(pair.account, day)
            total += level * pace // 10**12 * (plan.factor(ordinal) - plan.without) // FULL
        return Incident(
            id=plan.id,
            kind=plan.kind,
            service=service.name,
            account=account.id,
            account_name=account.name,
            region="global" if service.everywhere else account.region,
            first_day=date.fromordinal(plan.first),
            last_day=None if plan.last is None else date.fromordinal(plan.last),
            excess_per_day=usd(total // len(plan.sample)).quantize(Decimal("0.01")),
        )


def mix(number: int) -> int:
    """Spread 64 bits over 64 bits (the finaliser of SplitMix64, Steele, Lea and Flood 2014)."""
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & MASK
    return number ^ (number >> 31)


def net(amount: int) -> int:
    """After the enterprise discount; symmetric around zero, so that a negation cancels exactly."""
    return amount - amount * _EDP // FULL if amount >= 0 else -net(-amount)


def usd(amount: int) -> Decimal:
    """An integer of 10**-10 as an exact Decimal."""
    return Decimal(amount).scaleb(-10)


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


def _filled(mark: int, ordinal: int, filling: tuple[int, int]) -> int:
    least, spread = filling
    return least + mix(mark ^ ordinal * 0x9E3779B97F4A7C15 & MASK) % spread
