"""Daily reports against exports, by day."""

from datetime import UTC, date, datetime
from decimal import Decimal

from farthing.model import Period
from farthing.query.differences import differences, total
from farthing.query.model import Day, Query, Row, result

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
NOW = datetime(2026, 10, 7, 9, tzinfo=UTC)


def day(number: int) -> date:
    return date(2026, 10, number)


def answer(amounts: dict[int, str], present: range):
    days = [Day(day(number), "USD", ("BilledCost",)) for number in present]
    rows = [Row((day(number),), (Decimal(amount),)) for number, amount in amounts.items()]
    query = Query(OCTOBER, ("ChargePeriodStart",))
    return result(query, ("BilledCost",), rows, currency="USD", days=days, now=NOW)


def test_each_day_of_both_with_its_reason():
    reports = answer({1: "10", 2: "10", 3: "10", 4: "10", 6: "10"}, range(1, 8))
    exports = answer({1: "10", 2: "10.004", 3: "12.5", 4: "11", 6: "1"}, range(1, 7))
    found = differences(reports, exports, ("BilledCost", "ListCost"), incomplete=[day(4)], now=NOW)
    told = {one.day.day: (one.difference, one.why.split(":")[0]) for one in found}
    assert told == {
        1: (Decimal(0), ""),
        2: (Decimal("0.004"), "less than 0.01"),
        3: (Decimal("2.5"), "one of them is older than a restatement"),
        4: (Decimal(1), "the export was delivered while the day still filled up"),
        5: (Decimal(0), ""),  # a day without a charge in either
        6: (Decimal(-9), "the day still fills up"),
    }
    assert total(found, "BilledCost") == Decimal("-5.496")
