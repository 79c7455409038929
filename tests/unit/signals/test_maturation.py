"""The curve of how days fill up, learned from made-up revisions."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.signals.maturation import DayHistory, Known, curve, filling_hours_of, growth, learned_from

START = date(2026, 9, 1)
SHARES = {8: "0.5", 32: "0.9", 56: "1"}
"""Hours after the day's end -> the share that is known then."""


def end_of(day):
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def seen(day, amount=100, shares=SHARES, until=None, currency="USD", minutes=0):
    """A day as daily runs saw it."""
    states = []
    for hours, share in shares.items():
        moment = end_of(day) + timedelta(hours=hours, minutes=minutes)
        if until is None or moment <= until:
            states.append(Known(moment, currency, Decimal(share) * amount))
    return DayHistory(day, tuple(states))


def ledger(count, **arguments):
    as_of = end_of(START + timedelta(days=count - 1)) + timedelta(hours=8)
    return [seen(START + timedelta(days=n), until=as_of, **arguments) for n in range(count)], as_of


def test_the_curve_that_was_put_in_comes_out():
    days, as_of = ledger(40)
    found = curve(days, as_of)
    assert [(point.age_hours, point.share) for point in found.points[:3]] == [(8, 0.5), (32, 0.9), (56, 1)]
    assert found.filling_hours == 56
    assert found.days == found.points[0].days == 33  # seven days are too young to teach


def test_young_days_grow_by_what_others_grew_at_their_age():
    days, as_of = ledger(40)
    # 48 hours are over for the third day, but this ledger's days fill up for 56.
    assert growth(days, as_of) == pytest.approx({START + timedelta(39): 2.0, START + timedelta(38): 1 / 0.9})
    longer = growth(days, as_of, filling_hours=72)
    assert longer[START + timedelta(37)] == 1.0


def test_a_run_some_minutes_earlier_compares_with_the_same_look():
    days, as_of = ledger(40, minutes=20)
    assert growth(days, as_of)[START + timedelta(38)] == pytest.approx(1 / 0.9)


def test_odd_days_do_not_move_the_median():
    days, as_of = ledger(40)
    for n in range(5, 15):
        days[n] = seen(days[n].day, shares={8: "0.01", 32: "0.02", 56: "1"})
    assert growth(days, as_of)[START + timedelta(39)] == 2.0


def test_too_few_days_teach_nothing():
    days, as_of = ledger(16)  # nine of them complete
    assert growth(days, as_of) == {}
    assert curve(days, as_of).points == ()
    assert filling_hours_of(learned_from(days, as_of)) is None
    days, as_of = ledger(17)
    assert growth(days, as_of)[START + timedelta(16)] == 2.0
    assert growth(days, as_of, least_days=11) == {}


def test_days_that_were_fetched_late_teach_nothing_of_their_youth():
    days, as_of = ledger(40, shares={200: "1"})
    fresh = [*days, seen(as_of.date() - timedelta(days=1), until=as_of)]
    assert growth(fresh, as_of) == {}


def test_growth_is_clamped():
    days, as_of = ledger(40, shares={8: "0.001", 32: "2", 56: "1"})
    found = growth(days, as_of)
    assert found[START + timedelta(39)] == pytest.approx(10)
    assert found[START + timedelta(38)] == pytest.approx(0.8)


def test_a_change_of_currency_and_days_of_nothing_are_left_out():
    days, as_of = ledger(40)
    euros = [
        DayHistory(one.day, (Known(one.states[0].seen_at, "EUR", Decimal(1)), *one.states[1:])) for one in days[:20]
    ]
    nothing = [seen(one.day, amount=0) for one in days[20:25]]
    assert START + timedelta(39) not in growth([*euros, *nothing, *days[25:]], as_of)  # eight are left
    assert growth([*euros[:10], *days[10:]], as_of)[START + timedelta(39)] == 2.0


def test_late_changes_are_no_filling():
    days, as_of = ledger(60)
    days[3] = DayHistory(days[3].day, (*days[3].states, Known(as_of, "USD", Decimal(140))))
    assert filling_hours_of(learned_from(days, as_of)) == 56


def test_a_day_that_goes_on_is_not_extrapolated():
    days, as_of = ledger(40)
    today = DayHistory(as_of.date(), (Known(as_of, "USD", Decimal(3)),))
    assert as_of.date() not in growth([*days, today], as_of)


@given(
    st.lists(st.tuples(st.integers(1, 100), st.integers(1, 100)), min_size=12, max_size=40),
    st.integers(1, 1000),
)
def test_another_unit_of_money_changes_no_growth_and_growth_is_bounded(states, unit):
    def made(factor):
        days = []
        for n, (early, late) in enumerate(states):
            end = end_of(START + timedelta(days=n))
            first = Known(end + timedelta(hours=8), "USD", Decimal(early * factor))
            second = Known(end + timedelta(hours=32), "USD", Decimal(late * factor))
            days.append(DayHistory(START + timedelta(days=n), (first, second)))
        return days

    as_of = end_of(START + timedelta(days=len(states) - 1)) + timedelta(hours=8)
    found = growth(made(1), as_of, least_days=1)
    assert growth(made(unit), as_of, least_days=1) == pytest.approx(found)
    assert all(0.8 <= factor <= 10 for factor in found.values())
    assert growth(list(reversed(made(1))), as_of, least_days=1) == found
