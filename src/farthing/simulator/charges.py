"""Everything that the organisation is ever charged for: usage, commitments and fees, each with its leaf.

Built once per bill; amounts here are an ordinary day's (or month's) level, without rhythm, growth and noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from farthing.simulator.organisation import (
    COST_CATEGORY,
    REGION_PREFIX,
    RESERVABLE,
    SAVINGS_PLAN_COVERS,
    USD,
    Account,
    Leaf,
    Meter,
    Organisation,
    Pair,
    Service,
    digest,
    largest_pairs,
)

_NORMALIZED: Mapping[str, int] = MappingProxyType({"large": 4, "xlarge": 8, "2xlarge": 16})
_AWS = "Amazon Web Services, Inc."
_SAVINGS_PLANS = "Savings Plans for AWS Compute usage"
_PLAN = Meter("ComputeSP:1yrPartialUpfront", "Hrs", 1)
_PRODUCT = Meter("MP:meridian-logs-units", "Units", 1)
_ZONES = Meter("HostedZone", "HostedZone", 500_000)


class Role(Enum):
    """How a commitment or a fee is accounted for."""

    DISCOUNTED = "usage that a reservation covers: paid with the month's fee"
    RESERVATION = "a reservation's fee, on the first of the month"
    COVERED = "usage that the savings plan covers, at its on-demand price"
    NEGATION = "takes the covered usage's on-demand price away again"
    RECURRING = "the savings plan's commitment, every day"
    UPFRONT = "the savings plan's upfront part, once"
    SUPPORT = "a percentage of the month before, on the 6th or 7th"
    TAX = "on the first of the month, per account"
    MARKETPLACE = "a third party's product, on the 2nd or 3rd"
    ZONES = "hosted zones, on the first of the month"
    PROMOTION = "a credit that runs for some months"
    GOODWILL = "a credit on the third of the month"
    REFUND = "now and then, and only known days later"


ACCRUING = frozenset({Role.DISCOUNTED, Role.COVERED, Role.NEGATION, Role.RECURRING})
"""What is charged by the hour, and so fills up during the day like usage."""


@dataclass(frozen=True, slots=True)
class Usage:
    """An on-demand leaf: `base` in 10**-4 units a day, `price` in 10**-6 USD per unit.

    Their product is in 10**-10 USD, so every amount is exactly quantity times price. `noise` is the standard
    deviation, scaled for the bell of the bill's mixer.
    """

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
class Commitment:
    """A leaf of a reservation or savings plan. `daily`: its effective cost in 10**-10 USD, the same every day."""

    leaf: int
    mark: int
    role: Role
    daily: int
    price: int


@dataclass(frozen=True, slots=True)
class Fee:
    """Something charged now and then: `amount` in 10**-10 USD at the anchor's level."""

    leaf: int
    mark: int
    role: Role
    amount: int


@dataclass(frozen=True, slots=True)
class Charges:
    """All of it. `leaf` numbers are places in `leaves`."""

    leaves: Sequence[Leaf]
    usage: Sequence[Usage]
    commitments: Sequence[Commitment]
    fees: Sequence[Fee]


def charges(organisation: Organisation, pairs: Sequence[Pair]) -> Charges:
    """What the organisation is charged for; `pairs` are its own and those that incidents add."""
    maker = _Maker(organisation)
    return Charges(usage=maker.usage(pairs), commitments=maker.commitments(), fees=maker.fees(), leaves=maker.leaves)


class _Maker:
    def __init__(self, organisation: Organisation) -> None:
        self.leaves: list[Leaf] = []
        self._organisation = organisation

    def _mark(self, *parts: object) -> int:
        return digest(*parts, self._organisation.size.value, self._organisation.seed)

    def _both(self, pair: Pair) -> tuple[Account, Service]:
        return self._organisation.accounts[pair.account], self._organisation.services[pair.service]

    def _leaf(
        self, account: Account, service: str, record_type: str, meter: Meter, region: str, *, tagged: bool
    ) -> int:
        tags = (("environment", account.environment), ("team", account.team)) if tagged else ()
        prefix = REGION_PREFIX.get(region, "") if meter.usage_type else ""
        self.leaves.append(
            Leaf(
                service=service,
                account=account.id,
                region=region,
                record_type=record_type,
                usage_type=prefix + meter.usage_type,
                unit=meter.unit,
                tags=tags,
                categories=((COST_CATEGORY, account.business_unit),),
                others=_other_dimensions(record_type, meter.usage_type),
            )
        )
        return len(self.leaves) - 1

    def usage(self, pairs: Sequence[Pair]) -> list[Usage]:
        usages = []
        for number, pair in enumerate(pairs):
            account, service = self._both(pair)
            for meter, region, base in self._shares(pair, account, service):
                mark = self._mark("leaf", pair.service, pair.account, meter.usage_type, region)
                tagged = mark % 10 != 0  # a tenth of everything carries no tags, as in life
                usages.append(
                    Usage(
                        leaf=self._leaf(account, service.name, "Usage", meter, region, tagged=tagged),
                        mark=mark,
                        pair=number,
                        service=pair.service,
                        account=pair.account,
                        base=max(40, base // meter.price),
                        price=meter.price,
                        # The mixer's bell has sd 37837: this makes it the service's thousandths of 2**20.
                        noise=service.noise * 1_048_576 * 1_024 // 37_837_000,
                        normalized=_normalized(meter.usage_type),
                    )
                )
        return usages

    def _shares(self, pair: Pair, account: Account, service: Service) -> Iterator[tuple[Meter, str, int]]:
        """How a pair's spending divides over meters and regions: (meter, region, 10**-10 USD a day)."""
        detailed = self._organisation.scale.detailed
        regions: tuple[tuple[str, int], ...] = ((account.region, 100),)
        if service.everywhere:
            regions = (("global", 100),)
        elif detailed and pair.base > USD and self._mark("spread", pair.service) % 3:
            regions = ((account.region, 80), (account.second_region, 20))
        meters = service.meters if detailed or pair.service == 0 else service.meters[:1]
        weights = (60, 25, 15)[: len(meters)]
        for meter, weight in zip(meters, weights, strict=True):
            for region, part in regions:
                yield meter, region, pair.base * weight * part // (sum(weights) * 100)

    def commitments(self) -> list[Commitment]:
        """Reservations in about half of the accounts; one savings plan for the whole organisation."""
        items: list[Commitment] = []
        covered = 0
        for pair in self._organisation.pairs:
            account, service = self._both(pair)
            mark, meter = self._mark("commitment", pair.service, pair.account), service.meters[0]
            if service.name in RESERVABLE and mark % 2:
                heavy = Meter("HeavyUsage:" + meter.usage_type.partition(":")[2], "Hrs", meter.price)
                for role, record_type, metered in (
                    (Role.DISCOUNTED, "DiscountedUsage", meter),
                    (Role.RESERVATION, "RIFee", heavy),
                ):
                    tagged = role is Role.DISCOUNTED
                    leaf = self._leaf(account, service.name, record_type, metered, account.region, tagged=tagged)
                    items.append(Commitment(leaf, mark, role, pair.base // 5, meter.price))
            if service.name in SAVINGS_PLAN_COVERS:
                covered += pair.base // 6
                for role, record_type in (
                    (Role.COVERED, "SavingsPlanCoveredUsage"),
                    (Role.NEGATION, "SavingsPlanNegation"),
                ):
                    leaf = self._leaf(account, service.name, record_type, meter, account.region, tagged=True)
                    items.append(Commitment(leaf, mark, role, pair.base // 6, meter.price))
        payer, mark = self._organisation.accounts[0], self._mark("plan")
        for role, record_type in (
            (Role.RECURRING, "SavingsPlanRecurringFee"),
            (Role.UPFRONT, "SavingsPlanUpfrontFee"),
        ):
            leaf = self._leaf(payer, _SAVINGS_PLANS, record_type, _PLAN, "global", tagged=False)
            items.append(Commitment(leaf, mark, role, covered, _PLAN.price))
        return items

    def fees(self) -> list[Fee]:
        organisation = self._organisation
        monthly = organisation.scale.daily * USD * 30
        payer = organisation.accounts[0]
        support = Meter("Dollar", "Dollar", 1)
        fees = [
            self._fee(Role.SUPPORT, payer, "AWS Support (Business)", "Fee", support, monthly * 5 // 100),
            self._fee(Role.MARKETPLACE, payer, "Meridian Log Insights", "Fee", _PRODUCT, monthly * 2 // 100),
        ]
        spent = [0] * len(organisation.accounts)
        for pair in organisation.pairs:
            spent[pair.account] += pair.base
        for account, base in zip(organisation.accounts, spent, strict=True):
            fees.append(self._fee(Role.TAX, account, "Tax", "Tax", Meter("", "N/A", 1), base * 30 * 3 // 100))
        largest = [organisation.pairs[place] for place in largest_pairs(organisation, 5)]
        daily = organisation.scale.daily * USD
        for role, record_type, pair, amount in (
            (Role.REFUND, "Refund", largest[0], daily),
            (Role.REFUND, "Refund", largest[1], daily),
            (Role.REFUND, "Refund", largest[2], daily),
            (Role.PROMOTION, "Credit", largest[3], largest[3].base * 80 // 1_000),
            (Role.GOODWILL, "Credit", largest[4], largest[4].base * 200 // 1_000),
        ):
            account, service = self._both(pair)
            fees.append(self._fee(role, account, service.name, record_type, service.meters[0], amount))
        for pair in organisation.pairs:
            account, service = self._both(pair)
            if service.name == "Amazon Route 53":
                zones = 2 + self._mark("zones", pair.account) % 20
                fees.append(self._fee(Role.ZONES, account, service.name, "Usage", _ZONES, zones * USD // 2))
        return fees

    def _fee(self, role: Role, account: Account, service: str, record_type: str, meter: Meter, amount: int) -> Fee:
        region = "global" if role in (Role.SUPPORT, Role.MARKETPLACE, Role.ZONES) else ""
        leaf = self._leaf(account, service, record_type, meter, region, tagged=False)
        return Fee(leaf, self._mark("fee", role.name, account.id, service), role, amount)


def _normalized(usage_type: str) -> int:
    """AWS's normalization factor of the instance size; 0 for what is not an instance."""
    return _NORMALIZED.get(usage_type.rpartition(".")[2], 0) if ":" in usage_type else 0


def _other_dimensions(record_type: str, usage_type: str) -> tuple[tuple[str, str], ...]:
    """The dimensions that follow from the record type and the usage type."""
    kind, _, instance = usage_type.partition(":")
    purchase = "On Demand Instances"
    if kind == "SpotUsage":
        purchase = "Spot Instances"
    elif record_type in ("DiscountedUsage", "RIFee"):
        purchase = "Standard Reserved Instances"
    elif record_type.startswith("SavingsPlan"):
        purchase = "Savings Plans"
    marketplace = kind == "MP"
    others = [
        ("BILLING_ENTITY", "AWS Marketplace" if marketplace else "AWS"),
        ("INVOICING_ENTITY", _AWS),
        ("LEGAL_ENTITY_NAME", "Meridian Software" if marketplace else _AWS),
        ("PURCHASE_TYPE", purchase),
    ]
    if "." in instance:
        family = instance.removeprefix("db.").removeprefix("cache.").partition(".")[0]
        others += [("INSTANCE_TYPE", instance), ("INSTANCE_TYPE_FAMILY", family)]
    if kind in ("BoxUsage", "SpotUsage"):
        others += [("OPERATING_SYSTEM", "Linux"), ("PLATFORM", "Linux/UNIX"), ("TENANCY", "Shared")]
    return tuple(others)
