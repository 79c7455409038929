import hashlib
import json
import statistics
import subprocess
import sys
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.simulator.asking import TODAY, days_before

from farthing.simulator.bill import Bill, truth
from farthing.simulator.organisation import Size
from farthing.simulator.source import METRICS

SMALL = Bill(Size.SMALL, 1, today=TODAY)
MEDIUM = Bill(Size.MEDIUM, 1, today=TODAY)
NET, AMORTIZED = METRICS.index("NetUnblendedCost"), METRICS.index("NetAmortizedCost")


def total(bill: Bill, day: date, metric: str = "UnblendedCost") -> Decimal:
    place = METRICS.index(metric)
    return Decimal(sum(amounts[place] for _, amounts in bill.amounts(day))).scaleb(-10)


def usage_of(bill: Bill, day: date, pair: tuple[str, str]) -> Decimal:
    lines = (line for line in bill.lines(day) if line.leaf.record_type == "Usage")
    return sum((line.unblended for line in lines if (line.leaf.service, line.leaf.account) == pair), Decimal(0))


def test_the_same_seed_gives_the_same_day_whatever_was_asked_before():
    day = TODAY - timedelta(days=40)
    again = Bill("small", 1, today=TODAY)
    for other in days_before(10):
        list(again.amounts(other))
    assert list(again.amounts(day)) == list(SMALL.amounts(day))
    assert list(Bill("small", 2, today=TODAY).amounts(day)) != list(SMALL.amounts(day))


def test_a_golden_day_is_the_same_on_every_python_and_platform():
    """If this changes on purpose, everybody's simulated history changes: say so in the changelog."""
    text = repr([(SMALL.leaves[leaf], amounts) for leaf, amounts in SMALL.amounts(date(2026, 10, 1))])
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "ef142616cd48646178100c7d9b4d9bb4880615e245f90c2a04e73ee994979c84"
    )


@pytest.mark.parametrize(
    ("size", "accounts", "pairs", "least", "most"),
    [("small", 5, 60, 300, 600), ("medium", 12, 350, 3_000, 5_000), ("large", 200, 20_000, 200_000, 400_000)],
)
def test_sizes_are_as_promised(size, accounts, pairs, least, most):
    bill = Bill(size, 1, today=TODAY)
    lines = bill.lines(date(2026, 11, 11))
    usage = {(line.leaf.service, line.leaf.account) for line in lines if line.leaf.record_type == "Usage"}
    assert len(bill.account_names) == accounts == len(set(bill.account_names.values()))
    assert all(len(account) == 12 and account.isdigit() for account in bill.account_names)
    assert pairs <= len(usage) <= pairs + 5
    assert least < sum(line.unblended for line in lines) < most


def test_no_leaf_has_two_lines_on_a_day_and_no_two_leaves_are_alike():
    leaves = [line.leaf for line in MEDIUM.lines(date(2026, 11, 1))]
    assert len(leaves) == len(set(leaves))
    assert len(MEDIUM.leaves) == len(set(MEDIUM.leaves))


def test_an_amount_is_exactly_its_quantity_times_a_price():
    for line in MEDIUM.lines(date(2026, 11, 11)):
        if line.leaf.record_type == "Usage":
            price = line.unblended / line.quantity
            assert price == round(price, 6)


def test_the_history_is_eighteen_months_and_nothing_lies_outside():
    assert (SMALL.today - SMALL.first_day).days == 548
    assert list(SMALL.amounts(SMALL.first_day))
    assert list(SMALL.amounts(SMALL.today))
    assert not list(SMALL.amounts(SMALL.first_day - timedelta(days=1)))
    assert not list(SMALL.amounts(SMALL.today + timedelta(days=1)))
    with pytest.raises(ValueError, match="after the bill's first day"):
        Bill("small", 1, today=date(2020, 1, 1), anchor=TODAY)


def test_a_day_fills_up_and_then_stays():
    day = date(2026, 11, 11)
    final = total(Bill("medium", 1, today=TODAY + timedelta(days=60), anchor=TODAY), day)
    share = [total(Bill("medium", 1, today=day + timedelta(days=age), anchor=TODAY), day) / final for age in range(14)]
    assert Decimal("0.25") < share[0] < Decimal("0.45")
    assert Decimal("0.90") < share[1] < Decimal("0.97")
    assert Decimal("0.985") < share[2] <= 1
    assert share[13] == 1


@given(seed=st.integers(0, 2**40), age=st.integers(13, 60))
@settings(max_examples=15, deadline=None)
def test_a_settled_day_of_an_old_month_never_changes(seed, age):
    day = date(2026, 8, 14)
    early = Bill("small", seed, today=date(2026, 9, 5) + timedelta(days=age), anchor=TODAY)
    late = Bill("small", seed, today=date(2026, 12, 24), anchor=TODAY)
    assert list(early.amounts(day)) == list(late.amounts(day))


def test_some_days_are_restated_after_they_were_full():
    restated = 0
    for day in days_before(60, date(2026, 10, 1)):
        at_three = total(Bill("small", 1, today=day + timedelta(days=3), anchor=TODAY), day)
        at_thirteen = total(Bill("small", 1, today=day + timedelta(days=13), anchor=TODAY), day)
        restated += at_three != at_thirteen
    assert 3 <= restated <= 20


def test_support_and_tax_are_trued_up_by_the_fifth_of_the_next_month():
    def tax(today: date) -> Decimal:
        bill = Bill("small", 1, today=today, anchor=TODAY)
        return sum((line.unblended for line in bill.lines(date(2026, 10, 1)) if line.leaf.service == "Tax"), Decimal(0))

    assert tax(date(2026, 11, 4)) < tax(date(2026, 11, 5)) == tax(date(2026, 11, 20))


def test_estimated_is_the_current_month_and_until_the_fifth_the_one_before():
    assert SMALL.estimated(date(2026, 11, 1))
    assert SMALL.estimated(date(2026, 11, 28))
    assert not SMALL.estimated(date(2026, 10, 31))
    on_the_fourth = Bill("small", 1, today=date(2026, 12, 4), anchor=TODAY)
    assert on_the_fourth.estimated(date(2026, 11, 1))
    assert not on_the_fourth.estimated(date(2026, 10, 31))
    assert not Bill("small", 1, today=date(2026, 12, 5), anchor=TODAY).estimated(date(2026, 11, 30))


def test_weekends_are_quieter_for_offices_and_fees_fall_on_their_days():
    office = "Amazon Elastic Compute Cloud - Compute"
    week = [
        sum(line.unblended for line in MEDIUM.lines(date(2026, 10, 12) + timedelta(days=number))
            if line.leaf.service == office and line.leaf.record_type == "Usage")
        for number in range(7)
    ]  # fmt: skip
    assert max(week[5:]) < min(week[:5])
    fees: dict[str, set[int]] = {}
    for number in range(31):
        for line in MEDIUM.lines(date(2026, 10, 1) + timedelta(days=number)):
            if line.leaf.service in ("Tax", "AWS Support (Business)", "Meridian Log Insights"):
                fees.setdefault(line.leaf.service, set()).add(number + 1)
            if line.leaf.record_type == "RIFee":
                fees.setdefault("RIFee", set()).add(number + 1)
    assert fees["Tax"] == {1} == fees["RIFee"]
    assert fees["AWS Support (Business)"] <= {6, 7}
    assert fees["Meridian Log Insights"] <= {2, 3}


def test_every_record_type_occurs_and_credits_and_refunds_are_negative():
    seen: dict[str, set[bool]] = {}
    for day in days_before(548):
        for leaf, amounts in SMALL.amounts(day):
            seen.setdefault(SMALL.leaves[leaf].record_type, set()).add(amounts[0] < 0)
    assert set(seen) == {
        "Usage", "Credit", "Refund", "Tax", "Fee", "RIFee", "DiscountedUsage", "SavingsPlanCoveredUsage",
        "SavingsPlanNegation", "SavingsPlanRecurringFee", "SavingsPlanUpfrontFee",
    }  # fmt: skip
    assert seen["Credit"] == seen["Refund"] == seen["SavingsPlanNegation"] == {True}
    assert seen["Usage"] == seen["Tax"] == {False}


def test_billed_and_effective_differ_by_day_and_agree_by_month():
    month = [date(2026, 9, 1) + timedelta(days=number) for number in range(30)]
    billed = [total(MEDIUM, day, "NetUnblendedCost") for day in month]
    effective = [total(MEDIUM, day, "NetAmortizedCost") for day in month]
    assert billed[0] > effective[0] * Decimal("1.1")
    assert all(billed[number] < effective[number] for number in range(10, 30))
    assert abs(sum(billed, Decimal(0)) - sum(effective)) < sum(effective) * Decimal("0.005")
    # Before the upfront fee there is nothing but reservations and the plain plan: they agree to the last decimal.
    month = [date(2025, 9, 1) + timedelta(days=number) for number in range(30)]
    assert sum(total(MEDIUM, day, "UnblendedCost") for day in month) == sum(
        total(MEDIUM, day, "AmortizedCost") for day in month
    )
    assert sum(total(MEDIUM, day, "BlendedCost") for day in month) == sum(
        total(MEDIUM, day, "UnblendedCost") for day in month
    )

    # The discount rounds per line, so the net amounts agree but for the last decimals.
    billed = [total(MEDIUM, day, "NetUnblendedCost") for day in month]
    effective = [total(MEDIUM, day, "NetAmortizedCost") for day in month]
    assert abs(sum(billed, Decimal(0)) - sum(effective)) < Decimal("0.000001")


def refunded(bill: Bill, day: date) -> bool:
    return any(bill.leaves[leaf].record_type == "Refund" for leaf, _ in bill.amounts(day))


def test_a_refund_is_known_only_days_later():
    days = [day for day in days_before(300, TODAY - timedelta(days=14)) if refunded(SMALL, day)]
    assert 4 <= len(days) <= 25
    ages = []
    for day in days:
        known = [refunded(Bill("small", 1, today=day + timedelta(days=age), anchor=TODAY), day) for age in range(14)]
        assert known == sorted(known)  # once it is known, it stays
        ages.append(known.index(True))
    assert min(ages) >= 3
    assert len(set(ages)) > 2


def test_net_is_below_gross():
    day = date(2026, 11, 11)
    assert total(MEDIUM, day, "NetUnblendedCost") < total(MEDIUM, day) * Decimal("0.95")


@given(
    size=st.sampled_from(["small", "medium"]),
    seed=st.integers(0, 10**6),
    today=st.dates(date(2024, 1, 1), date(2030, 1, 1)),
)
@settings(max_examples=25, deadline=None)
def test_the_showcase_cannot_be_missed_on_any_day(size, seed, today):
    bill = Bill(size, seed, today=today)
    day = today - timedelta(days=1)
    usual = statistics.median(total(bill, day - timedelta(weeks=week), "NetUnblendedCost") for week in range(1, 9))
    assert total(bill, day, "NetUnblendedCost") >= usual * Decimal("1.4")
    showcase = bill.incidents()[-1]
    assert (showcase.kind, showcase.first_day, showcase.last_day) == ("spike", day, day)


def test_the_showcase_stays_where_it_was_when_the_days_go_on():
    later = Bill("small", 1, today=TODAY + timedelta(days=20), anchor=TODAY)
    assert later.incidents() == SMALL.incidents()
    first, then = (total(bill, TODAY - timedelta(days=1)) for bill in (SMALL, later))
    assert first < then < first * Decimal("1.15")


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("size", ["small", "medium"])
def test_every_incident_is_in_the_data(size, seed):
    bill = Bill(size, seed, today=TODAY)
    incidents = bill.incidents()
    assert {incident.kind for incident in incidents} == {"spike", "shift", "drop", "ramp", "new", "gone"}
    assert len({(incident.service, incident.account) for incident in incidents}) == len(incidents)
    for incident in incidents:
        pair = (incident.service, incident.account)
        last = incident.last_day or incident.first_day + timedelta(days=13)
        span = [incident.first_day + timedelta(days=n) for n in range((last - incident.first_day).days + 1)]
        # The same weekdays five weeks before: a ramp, the longest kind, has not begun then.
        during = statistics.mean(usage_of(bill, day, pair) for day in span)
        before = statistics.mean(usage_of(bill, day - timedelta(weeks=5), pair) for day in span)
        if incident.kind == "new":
            assert before == 0 < during
        if incident.kind == "gone":
            assert during == 0 < before
        assert (during > before) == (incident.excess_per_day > 0)
        assert abs((during - before) / incident.excess_per_day - 1) < Decimal("0.45"), incident


def test_the_truth_is_json_with_decimal_strings():
    document = json.loads(truth(SMALL))
    assert document["schema"] == "farthing.simulator-truth/1"
    assert len(document["incidents"]) == len(SMALL.incidents())
    showcase = document["incidents"][-1]
    assert showcase["id"] == "showcase"
    assert showcase["first_day"] == showcase["last_day"] == "2026-11-22"
    assert Decimal(showcase["excess_per_day"]) == SMALL.incidents()[-1].excess_per_day
    assert document["incidents"][1]["last_day"] is None  # a shift lasts


def test_importing_the_simulator_costs_nothing():
    code = (
        "import sys; import farthing.simulator.bill, farthing.simulator.cost_explorer, farthing.simulator.replay;"
        "print([name for name in ('boto3', 'botocore', 'http.server', 'msgspec', 'click') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
