import csv
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from bench.series_generator import Kind, Parameters, make_dataset, write_series
from bench.series_generator.calendar import easter, holidays, months
from bench.series_generator.parameters import describe
from hypothesis import given, settings
from hypothesis import strategies as st

SMALL = Parameters(series=40, days=120)
SEEDS = st.integers(0, 10_000)


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def daily(dataset, category=None):
    days = defaultdict(lambda: [Decimal(0)] * dataset.days)
    for row in dataset.rows:
        if category in (None, row.category):
            days[row.key][(row.day - dataset.first_day).days] += row.amount
    return days


def test_a_seed_makes_one_history():
    assert make_dataset(7, SMALL) == make_dataset(7, SMALL)
    assert make_dataset(7, SMALL) != make_dataset(8, SMALL)


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_events_are_inside_apart_and_large_enough(seed):
    dataset = make_dataset(seed, SMALL)
    last_day = dataset.first_day + timedelta(days=dataset.days - 1)
    by_series = defaultdict(list)
    for event in dataset.events:
        assert event.key in dataset.keys
        assert dataset.first_day + timedelta(days=dataset.warm_up) <= event.first_day <= event.last_day <= last_day
        assert abs(event.size) >= SMALL.smallest_money * 0.999
        assert (event.size < 0) == (event.kind in (Kind.DROP, Kind.GONE))
        by_series[event.key].append(event)
    for events in by_series.values():
        for before, after in pairwise(events):
            assert (after.first_day - before.last_day).days > SMALL.apart


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_each_day_series_and_category_is_one_row_in_order(seed):
    dataset = make_dataset(seed, SMALL)
    keys = [(row.day, row.key, row.category) for row in dataset.rows]
    assert keys == sorted(set(keys))
    assert {row.key for row in dataset.rows} <= set(dataset.keys)
    assert len(dataset.keys) == len(set(dataset.keys)) == SMALL.series


@pytest.mark.parametrize("seed", range(1, 6))
def test_an_event_is_in_the_amounts(seed):
    """Its days are beside those of the weekday two weeks before as its size says, in the middle of all events."""
    dataset = make_dataset(seed, Parameters(series=60, noise_scale=0.2, tiny_share=0, sporadic_share=0))
    usage = daily(dataset, "Usage")
    checked = 0
    for event in dataset.events:
        place = ((event.last_day if event.kind is Kind.RAMP else event.first_day) - dataset.first_day).days
        if event.kind is Kind.NEW or place < 42:
            continue
        now, before = usage[event.key][place], usage[event.key][place - 28 if event.kind is Kind.RAMP else place - 14]
        assert (now > before) == (event.size > 0), event
        checked += 1
    assert checked > 30


def test_new_and_gone_services_have_no_usage_before_and_after():
    dataset = make_dataset(3)
    usage = daily(dataset)
    kinds = {Kind.NEW: 0, Kind.GONE: 0}
    for event in dataset.events:
        place = (event.first_day - dataset.first_day).days
        if event.kind is Kind.NEW:
            assert not any(usage[event.key][:place])
            assert usage[event.key][place] > 0
        elif event.kind is Kind.GONE:
            assert not any(usage[event.key][place:])
            assert usage[event.key][place - 1] > 0
        else:
            continue
        kinds[event.kind] += 1
    assert kinds == {Kind.NEW: 12, Kind.GONE: 10}


def test_what_is_charged_besides_is_labelled():
    dataset = make_dataset(2)
    amounts = {(row.day, row.key, row.category): row.amount for row in dataset.rows}
    first = {}
    for one in dataset.occurrences:
        category = {"month-end": "Usage", "support": "Usage", "tax": "Tax", "refund": "Adjustment", "credit": "Credit"}
        assert one.category == category.get(one.what, "Purchase")
        if one.category != "Usage":
            assert (amounts[one.day, one.key, one.category] < 0) == (one.what in ("credit", "refund"))
        assert one.seen == ((one.key, one.what) in first)
        first.setdefault((one.key, one.what), one.day)
        if one.what in ("fee", "credit"):
            assert one.day.day <= 3
    labelled = {(one.day, one.key, one.category) for one in dataset.occurrences}
    assert {place for place in amounts if place[2] != "Usage"} <= labelled


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_two_files_hold_the_same_money(tmp_path, seed):
    dataset = make_dataset(seed, SMALL)
    sums = []
    for categories in (True, False):
        path = tmp_path / f"{categories}.csv"
        write_series(dataset.rows, path, categories=categories)
        rows = read(path)
        columns = ["ChargePeriodStart", "ServiceName", "SubAccountId", "BilledCost"]
        assert list(rows[0]) == [*columns, *(["ChargeCategory"] if categories else [])]
        days = defaultdict(Decimal)
        for row in rows:
            days[row["ChargePeriodStart"], row["ServiceName"], row["SubAccountId"]] += Decimal(row["BilledCost"])
        sums.append(days)
        assert categories or len(days) == len(rows)
    assert sums[0] == sums[1]


def test_a_series_follows_from_its_own_chance():
    """A parameter of fees does not change what is used."""
    with_fees, without = (make_dataset(5, Parameters(series=40, days=120, fee_change=change)) for change in (0.0, 0.3))
    assert daily(with_fees) != daily(without)
    assert with_fees.events == without.events


def test_too_few_accounts_are_named():
    with pytest.raises(ValueError, match="need more than 2 accounts"):
        make_dataset(1, Parameters(series=200, accounts=2))


def test_every_parameter_is_described():
    rows = describe(Parameters())
    assert [row.name for row in rows] == list(Parameters.__struct_fields__)
    assert all(row.unit and row.meaning and row.value for row in rows)


@pytest.mark.parametrize(
    ("year", "sunday"), [(2023, date(2023, 4, 9)), (2024, date(2024, 3, 31)), (2038, date(2038, 4, 25))]
)
def test_easter(year, sunday):
    assert easter(year) == sunday
    assert {sunday - timedelta(days=2), sunday + timedelta(days=1)} <= holidays(year)


def test_holidays_that_move():
    assert {date(2024, 11, 28), date(2024, 11, 29), date(2024, 9, 2)} <= holidays(2024)


def test_months_that_begin():
    assert months(date(2023, 12, 2), date(2024, 2, 1)) == [date(2024, 1, 1), date(2024, 2, 1)]
    assert months(date(2024, 1, 1), date(2024, 1, 1)) == [date(2024, 1, 1)]
