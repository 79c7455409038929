"""Ledgers that a page is likely to show wrongly, or slowly; those of odd names are in test_odd_data."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from farthing.ledger.folder import FolderStore
from farthing.ledger.reports import Reports
from farthing.model import Charge, Source, daily_report

TODAY = date(2026, 11, 28)
NOW = datetime(2026, 11, 28, 6, tzinfo=UTC)
METRICS = ("BilledCost", "EffectiveCost")
EC2 = "Amazon Elastic Compute Cloud - Compute"


def written(farthing, bill, currency="USD"):
    """A ledger of these days; both metrics alike."""
    reports = Reports(FolderStore(farthing.home))
    source = Source("cost-explorer", ("ServiceName", "SubAccountId"))
    for day, rows in bill.items():
        charges = [Charge(keys, None, (Decimal(amount), Decimal(amount))) for keys, amount in rows.items()]
        report = daily_report(
            day, currency=currency, estimated=True, collected_at=NOW, metrics=METRICS, charges=charges, source=source
        )
        reports.write(report, NOW)


def back(*skipped, days=69):
    """Days before today, but for those that many days ago."""
    return [TODAY - timedelta(days=count) for count in range(1, days + 1) if count not in skipped]


def medium(farthing):
    """The organisation of the benchmarks."""
    farthing.run("demo", "--size", "medium", "--no-serve")


def credits_larger_than_the_bill(farthing):
    rows = {(EC2, "111122223333"): "100.10", ("Credits", "444455556666"): "-350.30", ("Nothing", "777788889999"): "0"}
    written(farthing, dict.fromkeys(back(), rows))


def gaps(farthing):
    """Days missing in the middle, in euros, with ten digits before the point."""
    rows = {(EC2, "111122223333"): "9876543210.123456789", ("=SUM(A1)", "444455556666"): "0.004"}
    written(farthing, dict.fromkeys(back(20, 21, 22), rows), "EUR")


def one_day(farthing):
    """The first run was today."""
    written(farthing, {back()[0]: {(EC2, "111122223333"): "12.34", ("Tax", "444455556666"): "1"}})


def long_ago(farthing):
    """An organisation that was left: its newest day is two years old, older than every period of the pages."""
    days = [TODAY - timedelta(days=700 + count) for count in range(10)]
    written(farthing, {day: {(EC2, "111122223333"): str(count)} for count, day in enumerate(days, 1)})


HEAD = (
    "BilledCost,EffectiveCost,ListCost,ContractedCost,BillingAccountId,BillingCurrency,BillingPeriodStart,"
    "BillingPeriodEnd,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ProviderName,RegionId,ResourceId,ServiceName,"
    "SkuId,SubAccountId,SubAccountName,PricingQuantity,PricingUnit,Tags"
)


def exported(farthing, months):
    """Billing exports alone, as `farthing import` takes them.

    Args:
        farthing: over the ledger.
        months: for each month's first day its number of days, the price of an hour and the hours of a day.
    """
    for first, (days, price, hours) in months.items():
        after = (first + timedelta(days=32)).replace(day=1)
        lines = [HEAD]
        for count in range(days):
            day = first + timedelta(days=count)
            for resource, region, team, share in (
                ("i-0a", "eu-central-1", "core", 2),
                ("i-0b", "us-east-1", "web", 1),
                ("i-0c", "us-east-1", "", 1),
            ):
                cost = Decimal(price) * hours * share
                tags = f'"{{""team"": ""{team}""}}"' if team else "{}"
                lines.append(
                    f"{cost},{cost},{cost},{cost},123456789012,USD,{first}T00:00:00Z,{after}T00:00:00Z,Usage,"
                    f"{day}T00:00:00Z,{day + timedelta(days=1)}T00:00:00Z,AWS,{region},{resource},{EC2},SKU1,"
                    f"111122223333,prod,{hours * share},Hrs,{tags}"
                )
        file = farthing.home.parent / f"{first}.csv"
        file.write_text("\n".join(lines) + "\n")
        farthing.run("import", file)


def exports(farthing):
    """Three months, in which price and hours changed; nothing was ever asked of Cost Explorer."""
    exported(
        farthing,
        {date(2026, 9, 1): (30, "0.10", 24), date(2026, 10, 1): (31, "0.12", 20), date(2026, 11, 1): (27, "0.12", 20)},
    )


def left(farthing):
    """Three months of two years ago, the newest one not to its end, by an import alone."""
    exported(
        farthing,
        {date(2024, 7, 1): (31, "0.10", 24), date(2024, 8, 1): (31, "0.11", 24), date(2024, 9, 1): (16, "0.12", 24)},
    )


ODD = {"exports": exports, "left": left}
"""What only some pages are looked at over."""

MADE = {"medium": medium, "credits": credits_larger_than_the_bill, "gaps": gaps, "one day": one_day}
