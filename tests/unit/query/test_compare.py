"""Two periods side by side."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from farthing.errors import CurrencyError, UsageError
from farthing.model import Period
from farthing.query.compare import compared, previous
from farthing.query.model import Day, Query, Row, result

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
SEPTEMBER = Period(date(2026, 9, 1), date(2026, 10, 1))
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def answer(period, rows, *, currency="USD", by=("ServiceName",)):
    query = Query(period, by)
    made = [Row((name,), (Decimal(amount),)) for name, amount in rows.items()]
    days = [Day(period.start, currency, ("BilledCost",))]
    return result(query, ("BilledCost",), made, currency=currency, days=days, now=NOW)


@pytest.mark.parametrize(
    ("period", "before"),
    [
        (OCTOBER, SEPTEMBER),
        (Period(date(2026, 1, 1), date(2026, 4, 1)), Period(date(2025, 10, 1), date(2026, 1, 1))),
        (Period(date(2026, 3, 1), date(2026, 4, 1)), Period(date(2026, 2, 1), date(2026, 3, 1))),
        (Period(date(2026, 10, 3), date(2026, 10, 10)), Period(date(2026, 9, 26), date(2026, 10, 3))),
        (Period(date(2026, 11, 1), date(2026, 11, 24)), Period(date(2026, 10, 9), date(2026, 11, 1))),
    ],
)
def test_the_previous_period(period, before):
    assert previous(period) == before


def test_rows_of_either_period_and_their_change():
    found = compared(
        answer(OCTOBER, {"EC2": "12", "S3": "3"}), answer(SEPTEMBER, {"EC2": "10", "RDS": "4", "SQS": "5"})
    )
    assert [(row.keys[0], row.after[0], row.before[0], row.change[0]) for row in found.rows] == [
        ("EC2", 12, 10, 2),
        ("S3", 3, 0, 3),
        ("SQS", 0, 5, -5),
        ("RDS", 0, 4, -4),
    ]
    assert found.change == (Decimal(-4),)
    assert sum(row.change[0] for row in found.rows) == found.change[0]


def test_two_currencies_are_not_compared():
    with pytest.raises(CurrencyError, match="EUR"):
        compared(answer(OCTOBER, {"EC2": "1"}), answer(SEPTEMBER, {"EC2": "1"}, currency="EUR"))


def test_days_are_not_compared():
    with pytest.raises(UsageError, match="ChargePeriodStart in common"):
        compared(answer(OCTOBER, {}, by=("ChargePeriodStart",)), answer(SEPTEMBER, {}))
