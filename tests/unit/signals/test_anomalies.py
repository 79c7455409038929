"""The detector: cases with the right answer, and what it must not say."""

from datetime import date, timedelta

import pytest
from tests.unit.signals.spend import EC2, START, days, every_month, judged, plus, replayed, times, told, usage

from farthing.signals.anomalies.limits import DEFAULTS, Limits

CALM = usage(200)
DAY = date(2026, 4, 15)
"""A Wednesday in mid-month, more than a hundred days after START."""


def later(count):
    return DAY + timedelta(days=count)


# What is told


def test_a_spike_is_told_on_its_day_and_once():
    found = replayed({EC2: times(CALM, DAY, later(1), 2.0)})

    assert [(one.then.raised_day, one.then.kind, one.then.rises) for one in found] == [(DAY, "spike", True)]
    assert found[0].now.state == "ended"
    assert [figures.day for figures in found[0].now.days] == [DAY, later(1)]
    figures = found[0].then.days[0]
    assert figures.actual == pytest.approx(200, rel=0.1)
    assert figures.expected == pytest.approx(100, rel=0.05)
    assert figures.lower < figures.expected < figures.upper < figures.actual


def test_a_rise_within_the_noise_or_below_the_floors_is_not_told():
    assert told(times(CALM, DAY, DAY, 1.15)) == []
    assert told(times(usage(200, level=0.4), DAY, DAY, 3.0)) == []
    assert told(times(usage(200, level=0.4), DAY, DAY, 3.0), limits=Limits(min_amount=0.1)) == [(DAY, "spike")]
    assert told(times(CALM, DAY, DAY, 1.5), limits=Limits(min_percent=60)) == []


def test_a_level_that_stays_is_told_once_and_becomes_what_is_expected():
    found = replayed({EC2: times(CALM, DAY, date.max, 1.6)})

    assert [one.then.raised_day for one in found] == [DAY]
    assert (found[0].now.kind, found[0].now.state, len(found[0].now.days)) == ("shift", "settled", 7)


def test_a_spike_on_the_new_level_is_told_and_the_way_back_is_not():
    spend = times(times(CALM, DAY, later(30), 1.6), later(24), later(24), 2.0)

    assert told(spend) == [(DAY, "spike"), (later(24), "spike")]


def test_a_leak_of_a_little_more_each_day_is_found_once():
    spend = {day: amount * (1 + 0.025 * max(0, min(25, (day - DAY).days))) for day, amount in CALM.items()}

    found = replayed({EC2: spend})

    assert [one.then.kind for one in found] == ["ramp"]
    assert 2 <= (found[0].then.raised_day - DAY).days <= 12
    assert DAY <= found[0].then.first_day <= found[0].then.raised_day
    assert found[0].then.days[0].actual > found[0].then.days[0].upper


def test_slow_growth_is_no_leak():
    assert told({day: amount * 1.003 ** (day - START).days for day, amount in CALM.items()}) == []


def test_a_fall_is_told():
    found = replayed({EC2: times(CALM, DAY, later(2), 0.2)})

    assert [(one.then.raised_day, one.then.kind, one.then.rises) for one in found] == [(DAY, "drop", False)]


def test_a_fall_of_a_restless_leaf_is_told_though_it_may_as_well_double():
    spend = usage(200, weekend=1.0, noise=0.15)

    assert told(times(spend, DAY, later(4), 0.3)) == [(DAY, "drop")]
    assert told(times(spend, DAY, DAY, 1.6)) == []


def test_two_days_in_a_row_tell_what_one_of_them_does_not():
    spend = usage(200, weekend=1.0, noise=0.06)
    spend |= {DAY: 125.0, later(1): 128.0}

    found = replayed({EC2: spend})

    assert told(spend | {later(1): 100.0}) == []
    assert [(one.then.first_day, one.then.raised_day, one.then.kind) for one in found] == [(DAY, later(1), "spike")]
    assert found[0].then.days[0].upper < 128.0


def test_a_leaf_that_only_sees_mondays_knows_mondays():
    spend = {day: 50.0 if day.weekday() == 0 else 0.0 for day in CALM}

    assert told(spend) == []
    assert told(plus(spend, {DAY: 200.0})) == [(DAY, "spike")]


def test_below_ten_days_it_is_learning():
    young = usage(9)
    assert judged({EC2: young}).learning == 1
    assert told(times(young, START + timedelta(8), date.max, 10)) == []
    assert judged({EC2: usage(12)}).learning == 0
    last = START + timedelta(13)
    assert told(times(usage(14, noise=0.01), last, last, 5)) == [(last, "spike")]


# Fees, tax, support, credits, refunds


def test_month_start_fees_are_expected_once_they_were_seen():
    assert told(every_month(CALM, {1: 300.0, 2: 80.0})) == []


def test_a_fee_that_moves_by_a_day_is_the_same_fee():
    amounts = {day: 150.0 for day in CALM if day.day == (6 if day.month % 2 else 7)}

    assert told(plus(CALM, amounts)) == []


def test_a_fee_on_the_last_day_of_the_month_knows_short_months():
    amounts = {day: 150.0 for day in CALM if (day + timedelta(days=1)).day == 1}

    # January's is the first that anybody sees.
    assert told(plus(CALM, amounts)) == [(date(2026, 1, 31), "spike")]


def test_a_fee_is_a_memory_and_no_mask():
    fees = every_month(CALM, {1: 100.0})
    day = date(2026, 5, 1)

    assert told(plus(fees, {day: 300.0})) == [(day, "spike")]
    found = replayed({EC2: plus(fees, {day: 300.0})})
    assert found[0].then.days[0].expected == pytest.approx(200, rel=0.1)


def test_a_fee_that_comes_twice_in_a_month_is_told():
    fees = every_month(CALM, {1: 100.0})
    day = date(2026, 5, 2)

    assert told(plus(fees, {day: 200.0})) == [(day, "spike")]


def test_a_fee_of_the_same_size_on_another_day_is_told():
    assert told(plus(every_month(CALM, {1: 100.0}), {DAY: 100.0})) == [(DAY, "spike")]


@pytest.mark.parametrize(
    "leaf",
    [
        ("Tax", "111"),
        ("AWS Support (Business)", "111"),
        ("Amazon EC2", "111", "Tax"),
        ("Amazon EC2", "111", "Purchase"),
    ],
)
def test_tax_and_support_come_once_a_month_and_are_not_told(leaf):
    monthly = {day: 500.0 * (1 + 0.02 * day.month) if day.day == 3 else 0.0 for day in CALM}

    assert told(monthly, leaf) == []


def test_much_more_tax_than_ever_is_told():
    monthly = {day: 500.0 if day.day == 3 else 0.0 for day in CALM}
    day = date(2026, 6, 3)

    assert told(plus(monthly, {day: 2000.0}), ("Tax", "")) == [(day, "spike")]


@pytest.mark.parametrize("category", ["Purchase", "Tax", "Credit", "Adjustment"])
def test_a_first_charge_that_says_that_it_is_no_usage_is_not_told(category):
    assert told(plus(dict.fromkeys(CALM, 0.0), {DAY: 900.0}), ("Amazon EC2", "111", category)) == []


def test_a_much_larger_purchase_than_ever_is_told():
    monthly = {day: 100.0 if day.day == 1 else 0.0 for day in CALM}

    assert told(plus(monthly, {DAY: 5000.0}), ("Amazon EC2", "111", "Purchase")) == [(DAY, "spike")]


def test_charges_that_are_no_usage_do_not_hide_a_spike_of_it():
    spend = {
        ("Amazon EC2", "111", "Usage"): times(CALM, date(2026, 5, 1), date(2026, 5, 1), 2.5),
        ("Amazon EC2", "111", "Purchase"): {day: 900.0 for day in CALM if day.day == 1},
        ("Amazon EC2", "111", "Credit"): {day: -150.0 for day in CALM if day.day == 1},
    }

    found = replayed(spend)

    assert [(one.then.raised_day, one.then.kind, one.then.leaf) for one in found] == [
        (date(2026, 5, 1), "spike", ("Amazon EC2", "111", ""))
    ]


def test_credits_and_refunds_are_no_drop():
    category = {(*EC2, "Usage"): CALM, (*EC2, "Credit"): dict.fromkeys(CALM, -30.0)}
    assert replayed(category) == ()
    assert told(plus(CALM, {DAY: -500.0})) == []
    flat = usage(200, weekend=1.0)
    assert told(plus(flat, {day: -60.0 for day in flat if day.day == 5 and day.month > 1})) == [
        (date(2026, 2, 5), "drop")  # the first that anybody sees
    ]


# New, gone, zero


def test_a_new_service_is_told_once_and_its_first_days_are_quiet():
    grows = {day: 5.0 + 10 * min(12, (day - DAY).days) for day in CALM if day >= DAY}

    assert [
        (one.then.raised_day, one.then.kind, one.then.leaf) for one in replayed({EC2: CALM, ("S3", "1"): grows})
    ] == [(DAY, "new", ("S3", "1", ""))]


def test_a_new_service_below_the_floor_is_told_when_it_passes_it():
    cents = {day: 0.05 if (day - DAY).days < 4 else 20.0 for day in CALM if day >= DAY}

    found = replayed({EC2: CALM, ("S3", "1"): cents})

    assert [(one.then.raised_day, one.then.kind, one.then.first_day) for one in found] == [(later(4), "new", DAY)]


def test_a_retired_service_is_told_once():
    with_zeros = {day: amount if day < DAY else 0.0 for day, amount in CALM.items()}
    assert told(with_zeros) == [(DAY, "gone")]
    without_rows = {day: amount for day, amount in CALM.items() if day < DAY}
    found = replayed({EC2: without_rows, ("S3", "1"): usage(200, seed=2)})
    assert [(one.then.raised_day, one.then.first_day, one.then.kind) for one in found] == [(later(2), DAY, "gone")]


def test_a_service_that_was_gone_for_long_is_new_again_and_for_short_is_back():
    long = {day: 0.0 if DAY - timedelta(70) <= day < DAY else amount for day, amount in CALM.items()}
    assert told(long) == [(DAY - timedelta(70), "gone"), (DAY, "new")]
    short = {day: 0.0 if DAY - timedelta(20) <= day < DAY else amount for day, amount in CALM.items()}
    assert told(short) == [(DAY - timedelta(20), "gone")]


def test_a_rise_that_is_taken_back_is_not_told_within_a_month_and_told_later():
    soon = times(CALM, DAY, later(20), 1.6)
    late = times(CALM, DAY, later(45), 1.6)

    assert told(soon) == [(DAY, "spike")]
    assert told(late) == [(DAY, "spike"), (later(46), "drop")]


def test_spend_on_few_days_of_unlike_size_has_no_level_to_fall_from():
    amounts = (15.0, 0.0, 0.0, 0.0, 3.0, 8.0, 8.0, 0.0, 0.0, 0.0, 7.0, 0.0, 0.0, 4.0, 9.0, 0.0, 6.0)
    spend = {day: amounts[number % len(amounts)] for number, day in enumerate(CALM)}

    assert told(spend) == []


def test_zeros_say_nothing():
    assert told(dict.fromkeys(CALM, 0.0)) == []
    assert judged({EC2: dict.fromkeys(CALM, 0.0)}).departures == ()
    assert judged({}).day is None


# Days that are not what they seem


@pytest.mark.parametrize("low", [0.2, 0.0])
def test_days_that_still_fill_may_be_low(low):
    newest = max(CALM)
    filling = [newest - timedelta(1), newest]
    spend = times(CALM, filling[0], newest, low)

    assert judged({EC2: spend}, provisional=filling).departures == ()
    assert [one.kind for one in judged({EC2: spend}).departures] == ["gone" if low == 0 else "drop"]


def test_days_that_still_fill_may_be_too_high_already():
    newest = max(CALM)

    found = judged({EC2: times(CALM, newest, newest, 2.5)}, provisional=[newest]).departures

    assert [(one.raised_day, one.kind) for one in found] == [(newest, "spike")]


def test_a_filling_day_does_not_end_an_incident():
    newest = max(CALM)
    spend = times(times(CALM, newest - timedelta(2), newest - timedelta(1), 2.0), newest, newest, 0.5)

    found = judged({EC2: spend}, back=2, provisional=[newest]).departures

    assert [(one.raised_day, one.state) for one in found] == [(newest - timedelta(2), "open")]


def test_a_holiday_as_low_as_a_weekend_is_quiet():
    assert told(times(CALM, DAY, later(1), 0.7)) == []
    christmas = times(usage(200, start=date(2025, 8, 1)), date(2025, 12, 25), date(2025, 12, 26), 0.4)
    assert told(christmas) == []


def test_a_low_working_day_of_a_leaf_that_rests_at_weekends_is_told_when_it_goes_on():
    office = usage(200, weekend=0.6)

    assert told(times(office, DAY, DAY, 0.4)) == []
    found = replayed({EC2: times(office, DAY, later(1), 0.4)})
    assert [(one.then.first_day, one.then.raised_day, one.then.kind) for one in found] == [(DAY, later(1), "drop")]
    assert told(times(usage(200, weekend=1.0), DAY, DAY, 0.4)) == [(DAY, "drop")]


def test_working_days_that_stay_as_low_as_a_weekend_are_told():
    found = replayed({EC2: times(CALM, DAY - timedelta(2), later(30), 0.66)})

    assert [(one.then.first_day, one.then.raised_day) for one in found] == [(DAY - timedelta(2), DAY)]


def test_a_gap_is_no_zero():
    assert told({day: amount for day, amount in CALM.items() if not DAY <= day <= later(5)}) == []
    one_leaf = {day: amount for day, amount in CALM.items() if not DAY <= day <= later(1)}
    assert replayed({EC2: one_leaf, ("S3", "1"): usage(200, seed=2)}) == ()


def test_a_spike_after_a_gap_is_told_on_its_day():
    spend = {day: amount for day, amount in CALM.items() if not DAY <= day <= later(5)}

    assert told(times(spend, later(6), later(6), 2)) == [(later(6), "spike")]


def test_another_currency_is_another_history():
    currency = {day: "USD" if day < DAY else "EUR" for day in CALM}
    spend = {day: amount * (1 if day < DAY else 100) for day, amount in CALM.items()}

    assert told(spend, currency=currency) == []
    assert judged({EC2: spend}, currency=currency).currency == "EUR"
    assert judged({EC2: spend}, later(5), currency=currency).learning == 1
    assert told(times(spend, later(30), later(30), 3), currency=currency) == [(later(30), "spike")]


# Judging one day


def test_judging_a_day_says_what_the_replay_says_of_it():
    leaves = {
        ("a", "1"): times(CALM, DAY, DAY, 2.0),
        ("b", "1"): times(usage(200, seed=2), DAY, later(3), 0.2),
        ("c", "1"): usage(200, seed=3),
        ("d", "1"): every_month(usage(200, seed=4), {1: 200.0}),
    }

    by_day = {day: judged(leaves, day) for day in days(30, DAY - timedelta(20))}

    assert [(one.leaf[0], one.kind) for one in by_day[DAY].departures] == [("a", "spike"), ("b", "drop")]
    assert [one.leaf[0] for one in by_day[later(2)].departures] == ["b"]
    assert by_day[later(4)].departures == ()
    assert by_day[DAY - timedelta(1)].departures == ()
    assert by_day[DAY].looked < by_day[DAY].leaves == 4


def test_leaves_that_offset_each_other_do_not_hide():
    leaves = {("a", "1"): times(CALM, DAY, DAY, 2.0), ("a", "2"): times(usage(200, seed=2), DAY, DAY, 0.1)}

    assert [(one.leaf, one.rises) for one in judged(leaves, DAY).departures] == [
        (("a", "1"), True),
        (("a", "2"), False),
    ]


def test_every_limit_is_described():
    described = [line.split(":")[0].strip() for line in (Limits.__doc__ or "").splitlines() if ":" in line]

    assert [name for name in Limits.__struct_fields__ if name not in described] == []
    assert Limits() == DEFAULTS
