import json
import random
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from bench import pages
from bench.detection import detectors, plain, real, tables
from bench.detection.scoring import Alarm, Incident, Score, incidents, score, together
from bench.series_generator import Dataset, Event, Kind, Occurrence, Parameters, Row, SeriesKey, make_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

KEY = SeriesKey("Amazon EC2", "111111111111")
START = date(2024, 1, 1)
SMALL = make_dataset(4, Parameters(series=40, days=120))


def day(number):
    return START + timedelta(days=number)


def history(*events, occurrences=()):
    """60 days of one series, 20 of them warm-up."""
    rows = tuple(Row(day(number), KEY, "Usage", Decimal(100)) for number in range(60))
    return Dataset(0, START, 60, 20, (KEY,), rows, events, occurrences)


SPIKE = Event(Kind.SPIKE, KEY, day(30), day(31), 50.0, lasting=False)
SHIFT = Event(Kind.SHIFT, KEY, day(30), day(43), 50.0, lasting=True)


def told(*numbers, up=True):
    return Incident(KEY, tuple(day(number) for number in numbers), up)


@pytest.mark.parametrize(
    ("event", "raised", "found", "false"),
    [
        (SPIKE, [told(30)], [0], 0),
        (SPIKE, [told(33)], [3], 0),  # within the tolerance
        (SPIKE, [told(34)], [], 0),  # too late to be found, too near to be false
        (SPIKE, [told(39)], [], 1),
        (SPIKE, [told(29)], [], 1),
        (SPIKE, [told(29, 30)], [0], 0),
        (SPIKE, [told(30, up=False)], [], 0),
        (SPIKE, [told(31), told(30), told(32)], [0], 0),
        (SPIKE, [told(19)], [], 0),  # in the warm-up
        (SPIKE, [told(20)], [], 1),
        (SHIFT, [told(45)], [15], 0),
        (SHIFT, [told(46)], [], 0),
        (SHIFT, [told(30), told(59), told(50, up=False)], [0], 0),
        (SPIKE, [], [], 0),
    ],
)
def test_what_is_found_and_what_is_false(event, raised, found, false):
    result = score(history(event), raised, categories=True)
    assert (result.delays[event.kind.value], result.false) == (found, false)
    assert result.series_days == 40


@pytest.mark.parametrize(
    ("what", "category", "seen", "categories", "false"),
    [
        ("fee", "Purchase", False, False, 0),
        ("fee", "Purchase", False, True, 1),
        ("fee", "Purchase", True, False, 1),
        ("support", "Usage", False, True, 0),  # its category tells nothing
        ("purchase", "Purchase", False, True, 0),
    ],
)
def test_a_charge_that_could_not_be_known_is_not_false(what, category, seen, categories, false):
    charge = Occurrence(what, KEY, day(40), 500.0, seen, category)
    raised = [told(40)]
    assert score(history(occurrences=(charge,)), raised, categories=categories).false == false


def test_the_figures():
    result = Score({"spike": 4}, {"spike": [0, 0, 1]}, 1, 300)
    assert (result.found, result.precision, result.recall, result.f1) == (3, 0.75, 0.75, 0.75)
    assert result.false_a_month == pytest.approx(0.1)
    nothing = Score({"spike": 4}, {"spike": []}, 0, 300)
    assert (nothing.precision, nothing.recall, nothing.f1) == (1, 0, 0)


def perfect(dataset):
    return [Incident(event.key, (event.first_day,), event.size > 0) for event in dataset.events]


def test_who_tells_every_event_on_its_first_day_is_perfect():
    for categories in (True, False):
        result = score(SMALL, perfect(SMALL), categories=categories)
        assert (result.precision, result.recall, result.f1, result.false_a_month) == (1, 1, 1, 0)
        assert all(not any(delays) for delays in result.delays.values())


def some_incidents():
    place = st.tuples(st.sampled_from(SMALL.keys), st.integers(0, SMALL.days - 1), st.booleans())
    return st.lists(place.map(lambda one: Incident(one[0], (SMALL.first_day + timedelta(days=one[1]),), one[2])))


@settings(max_examples=40, deadline=None)
@given(some_incidents(), some_incidents(), st.randoms(use_true_random=False), st.booleans())
def test_more_told_is_never_less_found_nor_less_false(some, more, shuffler, categories):
    one, both = (score(SMALL, raised, categories=categories) for raised in (some, [*some, *more]))
    assert both.found >= one.found
    assert both.false >= one.false
    assert both.found - one.found + both.false - one.false <= len(more)
    shuffled = [*some, *more]
    shuffler.shuffle(shuffled)
    assert score(SMALL, shuffled, categories=categories) == both
    knowing = score(SMALL, some, categories=True)
    assert knowing.false >= score(SMALL, some, categories=False).false


@settings(max_examples=40, deadline=None)
@given(some_incidents(), some_incidents())
def test_histories_add_up(some, more):
    first, second = (score(SMALL, raised, categories=True) for raised in (some, more))
    whole = together([first, second])
    assert (whole.found, whole.false) == (first.found + second.found, first.false + second.false)
    assert min(first.recall, second.recall) <= whole.recall <= max(first.recall, second.recall)
    assert whole.series_days == 2 * first.series_days


@given(st.sets(st.tuples(st.integers(0, 60), st.booleans())))
def test_alarms_become_incidents(alarmed):
    found = incidents(Alarm(KEY, day(number), up) for number, up in alarmed)
    assert sorted((when, one.up) for one in found for when in one.days) == sorted((day(n), up) for n, up in alarmed)
    for up in (True, False):
        runs = [one.days for one in found if one.up == up]
        assert all((after[0] - before[-1]).days > 3 for before, after in pairwise(runs))
        assert all((b - a).days <= 3 for days in runs for a, b in pairwise(days))


WEEKS = [100.0, 101.0, 99.0, 100.0, 102.0, 60.0, 50.0] * 6


@pytest.mark.parametrize("judge", [plain.weekday_median, plain.mean_and_deviation])
def test_the_baselines_see_a_spike_and_only_it(judge):
    values = [*WEEKS, *WEEKS]
    values[50] = 400.0
    found = list(plain.alarms({KEY: values}, START, judge))
    assert found == [Alarm(KEY, day(50), True)]


@pytest.mark.parametrize("judge", [plain.weekday_median, plain.mean_and_deviation])
def test_the_baselines_do_not_know_what_comes(judge):
    chance = random.Random(1)
    values = [value * chance.uniform(0.9, 1.1) for value in WEEKS]
    expectations = [judge(values[: number + 1], number) for number in range(len(values))]
    assert expectations == [judge(values, number) for number in range(len(values))]
    assert expectations[20] is None
    assert expectations[-1] is not None


def test_the_floors():
    assert not plain.is_alarm(109.0, 100.0, 0.0)
    assert not plain.is_alarm(15.0, 6.0, 0.0)
    assert plain.is_alarm(17.0, 6.0, 0.0)
    assert not plain.is_alarm(190.0, 100.0, 95.0)
    assert plain.is_alarm(0.0, 100.0, 95.0)


def test_the_masked_form_is_silent_on_the_first_days():
    alarms = [Alarm(KEY, date(2024, 2, number), True) for number in range(1, 6)]
    assert [one.day.day for one in plain.without_fee_days(iter(alarms))] == [4, 5]


def test_days_without_a_row_are_zero():
    rows = [Row(day(1), KEY, "Usage", Decimal(2)), Row(day(1), KEY, "Tax", Decimal(3))]
    assert plain.dense(rows, START, 3) == {KEY: [0.0, 5.0, 0.0]}


def test_what_farthing_prints_is_read():
    line = {"date": "2024-01-31", "ServiceName": KEY.service, "SubAccountId": KEY.account, "excess": "-5.20"}
    without = {"date": "2024-01-31", "ServiceName": "Tax", "excess": "5"}
    assert list(detectors.told([json.dumps(line), json.dumps(without)])) == [
        Incident(KEY, (day(30),), False),
        Incident(SeriesKey("Tax"), (day(30),), True),
    ]


def test_the_tables():
    results = {"one": [Score({kind.value: 2 for kind in Kind}, {kind.value: [0, 1] for kind in Kind}, 4, 3000)]}
    assert "| one | 0.750 | 1.000 | 0.857 | 0.857 | 0.040 |" in tables.overall(results)
    assert "2 of 2; 0.5, 0.5" in tables.by_kind(results)
    assert tables.parameters().count("\n") == len(Parameters.__struct_fields__) + 1


def test_a_recorded_answer_is_read(tmp_path):
    group = {"Keys": ["Tax"], "Metrics": {"UnblendedCost": {"Amount": "3.3", "Unit": "USD"}}}
    days = [
        {"TimePeriod": {"Start": f"2024-02-0{number}"}, "Groups": [group] if number != 2 else []}
        for number in (1, 2, 3)
    ]
    path = tmp_path / "answer.json"
    path.write_text(json.dumps({"ResultsByTime": days}))
    dataset = real.read_answer(path, Decimal(1000))
    assert (dataset.first_day, dataset.days, dataset.keys) == (date(2024, 2, 1), 3, (SeriesKey("Tax"),))
    assert [row.amount for row in dataset.rows] == [3300, 3300]


def test_without_the_recorded_answer_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("FARTHING_SHARED_DATA", str(tmp_path))
    assert real.report_real([]).startswith("skipped: ")


def test_a_table_is_put_in_its_place(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- /a -->\nafter\n")
    for _ in range(2):
        pages.put(page, "a", pages.table(("x", "y"), [("1", "2")]))
    assert page.read_text() == ("before\n<!-- a -->\n\n| x | y |\n| --- | ---: |\n| 1 | 2 |\n\n<!-- /a -->\nafter\n")
    with pytest.raises(ValueError, match="markers of b"):
        pages.put(page, "b", "")


def test_a_picture_stands_beside_its_page(tmp_path):
    assert pages.picture(tmp_path / "page.md", "one.svg", "What it shows", "<svg/>") == "![What it shows](one.svg)"
    assert (tmp_path / "one.svg").read_text() == "<svg/>"
