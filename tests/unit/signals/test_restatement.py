"""Settled days that change: what counts, against what, told how often, and why."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import report

from farthing.ledger.reports import merge
from farthing.signals.maturation import Known
from farthing.signals.restatement import restatements, signal_of, states_of, steps

DAY = date(2026, 11, 1)
END = datetime(2026, 11, 2, tzinfo=UTC)


def known(*states, currency="USD"):
    """(hours after the day's end, amount)."""
    return [Known(END + timedelta(hours=hours), currency, Decimal(str(amount))) for hours, amount in states]


def told(*states, **floors):
    found = known(*states)
    return [(found[step.before].amount, found[step.after].amount) for step in steps(DAY, found, **floors)]


def test_filling_is_no_restatement():
    assert told((8, 50), (32, 90), (56, 100)) == []
    # The run after the filling sees the last of it.
    assert told((8, 50), (72, 100)) == []
    assert told((8, 50), (73, 100)) == [(50, 100)]


def test_a_settled_day_that_changes_is_held_against_what_it_settled_with():
    assert told((8, 50), (56, 100), (200, 120)) == [(100, 120)]
    assert told((8, 50), (56, 100), (200, 80)) == [(100, 80)]


def test_a_day_that_was_first_seen_late_settles_with_what_it_was_then():
    assert told((500, 100)) == []
    assert told((500, 100), (524, 110)) == [(100, 110)]


@pytest.mark.parametrize(
    ("after", "floors", "counts"),
    [
        ("100.99", {}, False),  # less than the floor in money
        ("101", {}, True),
        ("99", {}, True),
        ("1009.99", {"before": "1000"}, False),  # less than the floor in percent
        ("1010", {"before": "1000"}, True),
        ("104", {"floor": Decimal(5)}, False),
        ("104", {"floor_percent": Decimal(5)}, False),
        ("105", {"floor": Decimal(5), "floor_percent": Decimal(5)}, True),
        ("1", {"before": "0"}, True),
        ("0", {"before": "0", "floor": Decimal(0), "floor_percent": Decimal(0)}, False),
        ("-101", {"before": "-100"}, True),
        ("-100.5", {"before": "-100"}, False),
    ],
)
def test_floors(after, floors, counts):
    before = floors.pop("before", "100")
    assert bool(told((8, before), (200, after), **floors)) is counts


def test_small_changes_add_up_and_what_was_told_is_what_the_next_is_held_against():
    assert told((8, 100), (100, "100.5"), (124, "101.2"), (148, "101.9"), (172, "102.3")) == [
        (Decimal(100), Decimal("101.2")),
        (Decimal("101.2"), Decimal("102.3")),
    ]


def test_of_one_day_of_seeing_only_the_last_state_counts():
    assert told((8, 100), (200, 150), (203, 100)) == []
    assert told((8, 100), (200, 110), (203, 130)) == [(100, 130)]


def test_a_change_of_currency_starts_anew():
    states = [*known((8, 100)), *known((200, 90), (230, 95), currency="EUR")]
    assert [(step.before, step.after) for step in steps(DAY, states)] == [(1, 2)]


def test_a_learned_filling_is_longer():
    states = known((8, 50), (100, 100))
    assert len(steps(DAY, states)) == 1
    assert steps(DAY, states, filling_hours=76) == []


@given(st.lists(st.integers(0, 400), min_size=1, max_size=12))
def test_what_was_told_stays_told_when_more_is_seen(amounts):
    """Each step's name is the day of its seeing: later states neither rename nor take back an earlier one."""
    states = known(*((8 + 24 * n, amount) for n, amount in enumerate(amounts)))
    for count in range(1, len(states)):
        assert steps(DAY, states)[: len(steps(DAY, states[:count]))] == steps(DAY, states[:count])
    for step in steps(DAY, states):
        assert abs(states[step.after].amount - states[step.before].amount) >= 1


def seen(hours, amounts, **changes):
    return report(DAY, amounts, collected_at=END + timedelta(hours=hours), **changes)


def grown(*states):
    """A report of the ledger that went through these."""
    stored = states[0]
    for state in states[1:]:
        stored = merge(stored, state) or stored
    return stored


def test_the_causes_are_the_rows_that_changed_most():
    before = {("EC2", "1"): "100", ("S3", "1"): "20", ("Tax", "1"): "5", ("Same", "1"): "7"}
    after = {("EC2", "1"): "160", ("S3", "1"): "18", ("Support", "2"): "30", ("Same", "1"): "7"}
    (one,) = restatements(grown(seen(8, before), seen(200, after)))
    assert (one.before, one.after, one.currency) == (132, 215, "USD")
    assert [(cause.service_name, cause.change) for cause in one.causes] == [("EC2", 60), ("Support", 30), ("Tax", -5)]
    signal = signal_of(one)
    assert (signal.kind, signal.rule) == ("restatement", "restated, seen 2026-11-10")
    assert (signal.day, signal.since) == (DAY, DAY)
    assert (signal.actual, signal.threshold, signal.overage, signal.expected) == (215, 132, 83, 132)
    assert signal.overage_percent == Decimal("62.9")
    assert signal.reason == (
        "2026-11-01 was restated: 132.00 USD when it had settled, 215.00 USD now, +83.00 (+62.9 %), seen on 2026-11-10"
    )
    assert signal.cause == "Largest changes: EC2 in 1 +60.00 USD, Support in 2 +30.00 USD, Tax in 1 -5.00 USD."


def test_causes_reach_over_states_in_between():
    (one,) = restatements(
        grown(
            seen(8, {("EC2", "1"): "50"}),
            seen(32, {("EC2", "1"): "100", ("S3", "1"): "10"}),
            seen(200, {("EC2", "1"): "100.4", ("S3", "1"): "10"}),
            seen(224, {("EC2", "1"): "100.4", ("S3", "1"): "12"}),
            seen(248, {("EC2", "1"): "100.5", ("S3", "1"): "12"}),
        )
    )
    assert [(cause.service_name, cause.before, cause.after) for cause in one.causes] == [
        ("S3", 10, 12),
        ("EC2", 100, Decimal("100.4")),
    ]


def test_a_new_estimated_flag_alone_is_nothing():
    stored = grown(seen(8, {("EC2", "1"): "50"}), seen(800, {("EC2", "1"): "50"}, estimated=False))
    assert len(stored.revisions) == 1
    assert restatements(stored) == []


def test_a_state_without_the_metric_is_passed_over():
    one = ("BilledCost",)
    first = report(DAY, {("EC2", "1"): "50"}, collected_at=END + timedelta(hours=8))
    stored = grown(first, seen(200, {("EC2", "1"): "70"}))
    assert restatements(stored, metric="x_UnblendedCost") == []
    assert states_of(stored, "x_UnblendedCost") == ()
    assert [state.amount for state in states_of(stored, *one)] == [50, 70]


@given(
    st.lists(
        st.dictionaries(st.sampled_from([("EC2", "1"), ("S3", "1"), ("S3", "2")]), st.integers(0, 90), min_size=1),
        min_size=2,
        max_size=6,
    )
)
def test_causes_of_a_restatement_are_what_the_states_really_differ_in(states):
    stored = grown(*(seen(8 + 80 * n, {key: str(one) for key, one in state.items()}) for n, state in enumerate(states)))
    for one in restatements(stored, floor=Decimal(0), floor_percent=Decimal(0)):
        assert sum(cause.change for cause in one.causes) == one.after - one.before
