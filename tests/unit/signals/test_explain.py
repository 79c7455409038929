"""Waterfalls: each effect by hand, and the law that everything adds up."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.errors import UsageError
from farthing.model import Period, exact_sum
from farthing.signals.explain import EFFECTS, Leaf, Measure, Side, explain, in_cents, largest, sentence

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))


def side(period, *leaves, days=None):
    """A side from (driver, detail, unit, cost, quantity)."""
    measures = {
        Leaf((driver,), (detail,), unit): Measure(Decimal(cost), None if quantity is None else Decimal(quantity))
        for driver, detail, unit, cost, quantity in leaves
    }
    weekdays = tuple(day.weekday() for day in (days if days is not None else period))
    return Side(period, weekdays, measures)


def effects(before, after, **options):
    return {
        name: dict(driver.effects)
        for (name,), driver in ((d.names, d) for d in explain(before, after, **options).drivers)
    }


class TestEffects:
    def test_new_and_gone(self):
        found = effects(side(OCTOBER, ("EC2", "a", None, 5, None)), side(NOVEMBER, ("S3", "b", None, 7, None)))
        assert found == {"EC2": {"gone": Decimal(-5)}, "S3": {"new": Decimal(7)}}

    def test_price_alone(self):
        found = effects(side(OCTOBER, ("EC2", "a", "Hrs", 10, 100)), side(NOVEMBER, ("EC2", "a", "Hrs", 12, 100)))
        assert found == {"EC2": {"price": Decimal(2)}}

    def test_volume_alone(self):
        found = effects(side(OCTOBER, ("EC2", "a", "Hrs", 10, 100)), side(NOVEMBER, ("EC2", "a", "Hrs", 15, 150)))
        assert found == {"EC2": {"volume": Decimal(5)}}

    def test_mix_alone_the_same_hours_on_dearer_machines(self):
        before = side(OCTOBER, ("EC2", "small", "Hrs", 10, 100), ("EC2", "large", "Hrs", 40, 100))
        after = side(NOVEMBER, ("EC2", "small", "Hrs", 5, 50), ("EC2", "large", "Hrs", 60, 150))
        assert effects(before, after) == {"EC2": {"mix": Decimal(15)}}

    def test_hours_and_gigabytes_are_never_one_volume(self):
        before = side(OCTOBER, ("EC2", "a", "Hrs", 10, 100), ("EC2", "b", "GB", 10, 1))
        after = side(NOVEMBER, ("EC2", "a", "Hrs", 20, 200), ("EC2", "b", "GB", 20, 2))
        assert effects(before, after) == {"EC2": {"volume": Decimal(20)}}

    def test_without_quantities_it_is_a_plain_change(self):
        found = effects(side(OCTOBER, ("EC2", "a", None, 10, None)), side(NOVEMBER, ("EC2", "a", None, 4, None)))
        assert found == {"EC2": {"change": Decimal(-6)}}

    def test_a_credit_with_a_negative_quantity_is_a_plain_change(self):
        found = effects(side(OCTOBER, ("EC2", "a", "Hrs", -10, -1)), side(NOVEMBER, ("EC2", "a", "Hrs", -30, -1)))
        assert found == {"EC2": {"change": Decimal(-20)}}

    def test_a_leaf_of_nothing_for_nothing_is_not_new(self):
        found = effects(side(OCTOBER), side(NOVEMBER, ("EC2", "a", "Hrs", 0, 0)))
        assert found == {"EC2": {}}


class TestEqualised:
    def test_a_longer_month_alone_is_all_calendar(self):
        found = effects(
            side(NOVEMBER, ("EC2", "a", None, 30, None)), side(OCTOBER, ("EC2", "a", None, 31, None)), equalise="days"
        )
        assert found == {"EC2": {"calendar": Decimal(1)}}

    def test_only_days_with_data_count(self):
        before = side(OCTOBER, ("EC2", "a", None, 30, None), days=list(OCTOBER)[:15])
        after = side(NOVEMBER, ("EC2", "a", None, 60, None))
        assert effects(before, after, equalise="days") == {"EC2": {"calendar": Decimal(30)}}

    def test_weekdays_scale_each_weekday_by_itself(self):
        # A Monday costs 7, the other days nothing: November has 5 of them, October 4.
        before = Side(
            OCTOBER, tuple(day.weekday() for day in OCTOBER), {Leaf(("EC2",), (), None, 0): Measure(Decimal(28))}
        )
        after = Side(
            NOVEMBER, tuple(day.weekday() for day in NOVEMBER), {Leaf(("EC2",), (), None, 0): Measure(Decimal(35))}
        )
        assert effects(before, after, equalise="weekdays") == {"EC2": {"calendar": Decimal(7)}}

    def test_without_a_day_to_compare_with_it_says_so(self):
        empty = side(OCTOBER, days=[])
        with pytest.raises(UsageError, match="no day with data"):
            explain(empty, side(NOVEMBER), equalise="days")
        monday = Period(date(2026, 10, 5), date(2026, 10, 6))
        with pytest.raises(UsageError, match="no Tuesday with data"):
            explain(side(monday), side(NOVEMBER), equalise="weekdays")


class TestForPeople:
    def test_the_sentence_has_the_numbers(self):
        after = side(NOVEMBER, ("EC2", "a", "Hrs", 12, 100), ("EC2", "b", "Hrs", 3, 1))
        (driver,) = explain(side(OCTOBER, ("EC2", "a", "Hrs", 10, 100)), after).drivers
        assert sentence(driver, "USD") == "+5.00 USD: new +3.00, price +2.00"

    def test_the_rest_is_one_bar_with_the_same_sum(self):
        after = side(NOVEMBER, *((f"S{place}", "a", None, place, None) for place in range(1, 8)))
        whole = explain(side(OCTOBER), after)
        short = largest(whole, 2)
        assert [driver.names[0] for driver in short.drivers] == ["S7", "S6", "other (5 more)"]
        assert short.drivers[-1].change == 15
        assert largest(whole, 6) == whole  # one alone keeps its name

    def test_three_thirds_of_a_cent_make_a_cent(self):
        third = Decimal("0.003333333333333333")
        after = side(NOVEMBER, *((name, "a", None, third, None) for name in "abc"))
        start, changes, end = in_cents(explain(side(OCTOBER), after))
        assert (start, end) == (Decimal("0.00"), Decimal("0.01"))
        assert sorted(changes) == [Decimal("0.00"), Decimal("0.00"), Decimal("0.01")]


AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=18, allow_nan=False, allow_infinity=False)
QUANTITIES = st.none() | st.decimals(min_value=-100, max_value=10**9, places=9, allow_nan=False, allow_infinity=False)
LEAVES = st.builds(
    Leaf,
    st.tuples(st.sampled_from(["EC2", "S3", None])),
    st.tuples(st.sampled_from(["a", "b", None])),
    st.sampled_from(["Hrs", "GB", None]),
    st.integers(0, 6),
)
SIDES = st.dictionaries(LEAVES, st.builds(Measure, AMOUNTS, QUANTITIES), max_size=12)


class TestLaws:
    @given(before=SIDES, after=SIDES, equalise=st.sampled_from([None, "days", "weekdays"]))
    def test_every_waterfall_adds_up(self, before, after, equalise):
        first = Side(OCTOBER, tuple(day.weekday() for day in OCTOBER), before)
        second = Side(NOVEMBER, tuple(day.weekday() for day in NOVEMBER), after)
        found = explain(first, second, equalise=equalise)
        assert found.change == found.after - found.before == exact_sum(driver.change for driver in found.drivers)
        assert exact_sum(found.effects.values()) == found.change
        for driver in found.drivers:
            assert exact_sum(driver.effects.values()) == driver.change == driver.after - driver.before
            assert set(driver.effects) <= set(EFFECTS)
        for shown in (found, largest(found, 1)):
            start, changes, end = in_cents(shown)
            assert start + sum(changes) == end
            limit = 2 * Decimal("0.01")
            assert all(
                abs(cents - driver.change) <= limit for cents, driver in zip(changes, shown.drivers, strict=True)
            )

    @given(before=SIDES, after=SIDES)
    def test_backwards_is_the_negative(self, before, after):
        first = Side(OCTOBER, (), before)
        second = Side(NOVEMBER, (), after)
        forth, back = explain(first, second), explain(second, first)
        assert forth.change == -back.change
        assert {driver.names: driver.change for driver in forth.drivers} == {
            driver.names: -driver.change for driver in back.drivers
        }
