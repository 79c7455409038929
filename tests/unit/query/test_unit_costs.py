"""Unit costs: the days that have a number, on both sides."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from farthing.errors import UsageError
from farthing.model import Period
from farthing.query.model import Day, Query, Row, result
from farthing.query.unit_costs import parse_quantities, unit_costs

OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 4))
NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAY = "ChargePeriodStart"


def told(columns, *rows):
    query = Query(OCTOBER, (*columns, DAY) if DAY not in columns else tuple(columns), (), ("BilledCost",))
    made = [
        Row((*keys, date(2026, 10, day)) if DAY not in columns else (date(2026, 10, day), *keys), (Decimal(cost),))
        for keys, day, cost in rows
    ]
    return result(
        query, ("BilledCost",), made, currency="USD", days=[Day(OCTOBER.start, "USD", ("BilledCost",))], now=NOW
    )


def parsed(text: str):
    return parse_quantities(text.splitlines(), "orders.csv")


ORDERS = parsed("ChargePeriodStart,orders\n2026-10-01,4\n2026-10-02,6\n2026-09-30,1000\n2026-10-02,0\n")


def test_cost_per_unit_of_the_days_that_have_a_number():
    found = unit_costs(
        told(("ServiceName",), (["S3"], 1, 10), (["S3"], 2, 20), (["S3"], 3, 70), (["EC2"], 1, 5)),
        ("ServiceName",),
        "BilledCost",
        ORDERS,
    )
    assert [(row.keys, row.cost, row.quantity, row.per_unit) for row in found.rows] == [
        (("S3",), 30, 10, Decimal(3)),
        (("EC2",), 5, 10, Decimal("0.5")),
    ]
    assert (found.total.cost, found.total.quantity, found.total.per_unit) == (35, 10, Decimal("3.5"))
    assert (found.unit, found.days_without) == ("orders", (date(2026, 10, 3),))


def test_numbers_of_days_that_the_ledger_does_not_have_are_left_out():
    orders = parsed("ChargePeriodStart,orders\n2026-10-01,4\n2026-10-03,96\n2026-11-01,7\n")
    found = unit_costs(told(("ServiceName",), (["S3"], 1, 10)), ("ServiceName",), "BilledCost", orders)
    assert (found.total.quantity, found.total.per_unit) == (4, Decimal("2.5"))
    assert found.days_unknown == (date(2026, 10, 3),)


def test_by_day_and_a_day_of_none():
    orders = parsed("ChargePeriodStart,orders\n2026-10-01,3\n2026-10-02,0\n")
    found = unit_costs(told((DAY,), ([], 1, 10), ([], 2, 20)), (DAY,), "BilledCost", orders)
    assert [(row.keys[0].day, row.per_unit) for row in found.rows] == [(2, None), (1, Decimal("3.33333333333"))]


def test_numbers_by_a_column_of_the_report():
    users = parsed("users,ChargePeriodStart,account\n5,2026-10-01,1\n2,2026-10-01,2\n1,2026-10-01,3\n")
    found = unit_costs(
        told(("SubAccountId",), (["1"], 1, 10), (["2"], 1, 10), (["9"], 1, 1)), ("SubAccountId",), "BilledCost", users
    )
    assert {row.keys[0]: row.per_unit for row in found.rows} == {"1": 2, "2": 5, "9": None}
    assert found.total.quantity == 8
    with pytest.raises(UsageError, match="the numbers of users are by SubAccountId: group by it too"):
        unit_costs(told(("ServiceName",), (["S3"], 1, 1)), ("ServiceName",), "BilledCost", users)


def test_no_charges():
    found = unit_costs(told(("ServiceName",)), ("ServiceName",), "BilledCost", ORDERS)
    assert (found.rows, found.total.per_unit) == ((), 0)


def test_months_have_no_unit_cost():
    with pytest.raises(UsageError, match="leave week and month out"):
        unit_costs(told((DAY,)), ("BillingPeriodStart",), "BilledCost", ORDERS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "its header must be ChargePeriodStart, the unit's name"),
        ("day,orders\n", "its header must be ChargePeriodStart"),
        ("ChargePeriodStart,orders\n", "has no row below its header"),
        ("ChargePeriodStart,orders\n2026-10-01\n", "line 2: it has 1 fields, the header has 2"),
        ("ChargePeriodStart,orders\n01.10.2026,1\n", "line 2: "),
        ("ChargePeriodStart,orders\n2026-10-01,many\n", "line 2: "),
        ("ChargePeriodStart,orders\n2026-10-01,-1\n", "are fewer than none"),
        ("ChargePeriodStart,orders,users\n", "of orders and users one must be a column of the report"),
        ("ChargePeriodStart,service,account\n", "one must be a column of the report, the other the unit's name"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_line(text, says):
    with pytest.raises(UsageError) as caught:
        parsed(text)
    assert says in str(caught.value)
    assert str(caught.value).startswith("orders.csv")
