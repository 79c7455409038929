from datetime import timedelta
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import DEV, EC2, PROD, S3, ago, report

from farthing.model import Scope, exact_sum, plain
from farthing.signals.thresholds import (
    DayAmounts,
    ThresholdRule,
    amounts_of,
    breakdown,
    history_needed,
    judge,
    largest_rise,
    total_rule,
)

DAY = ago(1)
REPORT = report(DAY, {(EC2, PROD): "80", (EC2, DEV): "10", (S3, PROD): "30"})
NAMED = msgspec.structs.replace(
    REPORT,
    charges=tuple(
        msgspec.structs.replace(c, sub_account_name="Prod" if c.sub_account_id == PROD else None)
        for c in REPORT.charges
    ),
)


def weeks(*totals, key=(EC2, PROD), currency="USD"):
    return {DAY - timedelta(weeks=n): DayAmounts(currency, {key: Decimal(total)}) for n, total in enumerate(totals, 1)}


def test_a_total_is_over_only_above_the_threshold():
    assert judge(REPORT, [total_rule(Decimal(120))], {}) == []
    (breach,) = judge(REPORT, [total_rule(Decimal("119.99"))], {})
    assert (breach.actual, breach.threshold, breach.overage) == (120, Decimal("119.99"), Decimal("0.01"))
    assert breach.scope == Scope()
    assert "120.00 USD on 2026-11-22 is 0.01 USD (0.0 %) over the threshold 119.99 USD" in breach.reason


def test_a_threshold_of_zero_has_no_percentage():
    (breach,) = judge(REPORT, [total_rule(Decimal(0))], {})
    assert breach.overage_percent is None


def test_service_account_and_pair():
    rules = [
        ThresholdRule("service", service=EC2.upper(), amount=Decimal(89)),
        ThresholdRule("account", account="prod", amount=Decimal(109)),
        ThresholdRule("pair", service=EC2, account=DEV, amount=Decimal(9)),
        ThresholdRule("quiet pair", service=S3, account=DEV, amount=Decimal(1)),
        ThresholdRule("unknown", service="nothing", amount=Decimal(0)),
    ]
    found = {breach.rule.name: (breach.scope, breach.actual) for breach in judge(NAMED, rules, {})}
    assert found == {
        "service": (Scope(EC2), 90),
        "account": (Scope(None, PROD, "Prod"), 110),
        "pair": (Scope(EC2, DEV), 10),
    }


def test_percent_over_the_median_of_the_same_weekday():
    rule = ThresholdRule("p", percent=Decimal(20))
    assert judge(REPORT, [rule], weeks(90, 100, 1000)) == []  # 100 and 20 % are 120: not over
    (breach,) = judge(REPORT, [rule], weeks(90, 99, 1000))
    assert breach.threshold == Decimal("118.8")
    assert "the usual 99.00 USD (median of 3 Sundays before) plus 20 %" in breach.reason


def test_percent_needs_history_a_positive_usual_and_an_increase_worth_a_word():
    rule = ThresholdRule("p", percent=Decimal(20))
    assert judge(REPORT, [rule], weeks(1, 1)) == []
    assert judge(REPORT, [rule], weeks(0, 0, -5)) == []
    assert judge(REPORT, [rule], weeks(1, 1, 1, currency="EUR")) == []
    assert len(judge(REPORT, [rule], weeks(1, 1, 1))) == 1
    assert judge(REPORT, [msgspec.structs.replace(rule, min_increase=Decimal(200))], weeks(1, 1, 1)) == []


def test_only_the_same_weekday_is_looked_at():
    rule = ThresholdRule("p", percent=Decimal(1), weeks=3)
    needed = history_needed([rule], DAY)
    assert needed == [DAY - timedelta(days=days) for days in (7, 14, 21, 28)]
    other_days = {DAY - timedelta(days=days): DayAmounts("USD", {}) for days in range(1, 60) if days % 7}
    assert judge(REPORT, [rule], other_days) == []


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abcdefghijklmnop"), st.sampled_from("xyz")), st.decimals(-50, 50, places=4)
    ),
    st.booleans(),
)
@settings(deadline=None)
def test_a_breakdown_adds_up(amounts, by_account):
    day = report(DAY, {key: plain(amount) for key, amount in amounts.items()})
    history = {DAY - timedelta(weeks=1): amounts_of(day)}
    rows = breakdown(day, Scope(), history, by_account=by_account)
    assert exact_sum(row.amount for row in rows) == day.total()
    assert len(rows) <= 11
    assert all(row.change == 0 for row in rows)


def test_a_breakdown_shows_what_moved_first_also_what_is_gone():
    history = weeks(70) | {
        DAY - timedelta(weeks=1): DayAmounts("USD", {(EC2, PROD): Decimal(70), ("Gone", PROD): Decimal(25)})
    }
    rows = breakdown(NAMED, Scope(), history, by_account=False)
    assert [(row.name, row.amount, row.change) for row in rows] == [(S3, 30, 30), ("Gone", 0, -25), (EC2, 90, 20)]
    accounts = breakdown(NAMED, Scope(), {}, by_account=True)
    assert [(row.name, row.amount, row.usual) for row in accounts] == [(f"Prod ({PROD})", 110, None), (DEV, 10, None)]


def test_the_largest_rise_is_one_service_in_one_account():
    history = weeks(70)
    assert largest_rise(NAMED, Scope(), history) == f"Largest rise: {S3} in Prod, 30.00 USD above its usual Sunday."
    assert (
        largest_rise(NAMED, Scope(EC2), weeks(75)) == f"Largest rise: {EC2} in {DEV}, 10.00 USD above its usual Sunday."
    )
    assert largest_rise(NAMED, Scope(EC2, PROD), weeks(80)) == ""
    assert largest_rise(NAMED, Scope(), {}) == ""


def test_a_rule_on_a_name_watches_every_account_of_that_name():
    same = msgspec.structs.replace(
        REPORT, charges=tuple(msgspec.structs.replace(c, sub_account_name="same") for c in REPORT.charges)
    )
    found = judge(same, [ThresholdRule("name", account="Same", amount=Decimal(5))], {})
    assert {(breach.scope.sub_account_id, breach.actual) for breach in found} == {(PROD, 110), (DEV, 10)}
