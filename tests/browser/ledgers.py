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


MADE = {"medium": medium, "credits": credits_larger_than_the_bill, "gaps": gaps, "one day": one_day}
