"""Forecasts of the ledger: kept once a day, and held against what came of them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from tests.fakes import MemoryStore, report

from farthing.budget_forecasts import forecasts_of
from farthing.budgeting import growth_of
from farthing.forecasting import (
    KEPT_GROUPS,
    Kept,
    KeptRow,
    forecast,
    keep,
    kept,
    last_month,
    scorecard,
    scores,
)
from farthing.judging.day import Day
from farthing.judging.forecast import find
from farthing.ledger.reports import Reports
from farthing.model import BILLED_COST, EFFECTIVE_COST, Estimate
from farthing.settings import Settings
from farthing.signals.budgets import Budget
from farthing.signals.forecast import estimate
from farthing.signals.forecast.naive import NAIVE
from farthing.signals.forecast.outlook import TOTAL, Forecast, Outlook, months_from

EC2, S3 = ("Amazon EC2", "1"), ("Amazon S3", "2")
START = date(2026, 1, 1)


def at(day):
    return datetime(day.year, day.month, day.day, 8, tzinfo=UTC)


def filled(store, start, end, amounts=None):
    reports = Reports(store)
    for number in range((end - start).days):
        reports.write(report(start + timedelta(days=number), amounts or {EC2: "100", S3: "20.5"}))


@pytest.fixture
def store():
    made = MemoryStore()
    filled(made, START, date(2026, 4, 11))
    return made


NOW = at(date(2026, 4, 11))


def rows(told, group=TOTAL):
    return [row for row in told.rows if row.group == group]


def test_a_steady_ledger_goes_on_and_filling_days_are_forecast(store):
    told = forecast(store, BILLED_COST, NOW)
    total = rows(told)
    assert [row.period for row in total] == months_from(date(2026, 4, 11))
    # The 9th and the 10th still fill up.
    assert total[0].fact == Decimal("120.5") * 8
    assert float(total[0].estimate.mean) == pytest.approx(120.5 * 30, rel=0.001)
    assert total[0].estimate.mean == sum(
        (row.estimate.mean for row in told.rows if row.group and row.period == total[0].period), Decimal(0)
    )


def test_provisional_days_with_a_known_growth_are_facts(store):
    growth = {date(2026, 4, 9): 1.0, date(2026, 4, 10): 1.1}
    told = forecast(store, BILLED_COST, NOW, growth=growth)
    assert rows(told)[0].fact == Decimal("120.5") * 9 + Decimal("132.55")


def test_how_young_days_grow_is_learned_from_the_ledger():
    store = MemoryStore()
    reports = Reports(store)
    last = date(2026, 3, 31)
    for number in range((last - START).days + 1):
        day = START + timedelta(days=number)
        # A day has half of its amount on the morning after, and all of it two days later.
        for age, amount in ((1, "50"), (3, "100")):
            seen = at(day + timedelta(days=age))
            if seen <= at(date(2026, 4, 1)):
                reports.write(report(day, {EC2: amount}, collected_at=seen), seen)
    now = at(date(2026, 4, 1))
    growth = growth_of(store, now)
    assert growth[last] == 2.0
    told = forecast(store, BILLED_COST, now, growth=growth)
    assert float(rows(told)[0].estimate.mean) == pytest.approx(3000, rel=0.02)
    assert growth_of(MemoryStore(), now) == {}


def test_a_budget_and_the_daily_run_tell_the_month_as_the_forecast_does():
    store = MemoryStore()
    filled(store, START, date(2026, 4, 10))
    # Yesterday, which still fills up, has a spike already.
    Reports(store).write(report(date(2026, 4, 10), {EC2: "400", S3: "20.5"}))
    total = rows(forecast(store, BILLED_COST, NOW))[0]
    assert float(total.estimate.mean) == pytest.approx(120.5 * 30 + 300, rel=0.001)
    of = forecasts_of(store, NOW, estimate)(Budget(name="all", amount=Decimal(1)))
    assert of is not None
    assert float(of(total.period).mean) == pytest.approx(float(total.estimate.mean), rel=0.001)
    day = Day(Settings(), store, NOW, date(2026, 4, 10), (), BILLED_COST)
    find(day)
    assert day.month_end == total.estimate


def test_an_empty_ledger_has_no_forecast():
    assert forecast(MemoryStore(), BILLED_COST, NOW) is None


def test_a_forecast_is_kept_once_a_day_and_metric(store):
    told = forecast(store, BILLED_COST, NOW)
    assert keep(store, BILLED_COST, told, NOW)
    assert not keep(store, BILLED_COST, told, NOW + timedelta(hours=5))
    assert keep(store, EFFECTIVE_COST, told, NOW)
    written = [key for key in store.objects if key.startswith("cost_data/events/2026-04-11/forecast-")]
    assert len(written) == 2


def test_what_is_kept_is_the_total_of_every_month_and_the_largest_services_of_this_one():
    as_of = date(2026, 4, 11)
    months = months_from(as_of)
    parts = [
        Forecast(month, group, Decimal(0), Estimate(*[Decimal(number)] * 5))
        for month in months
        for number, group in enumerate([TOTAL, *((f"s{n:03}",) for n in range(1, KEPT_GROUPS + 11))])
    ]
    baselines = {(row.period, row.group): dict.fromkeys(NAIVE, Decimal(1)) for row in parts}
    found = kept(Outlook(as_of, "USD", tuple(parts)), BILLED_COST, baselines)
    assert [row.month for row in found.rows if row.service_name is None] == [month.start for month in months]
    named = [row.service_name for row in found.rows if row.service_name is not None]
    assert len(named) == KEPT_GROUPS
    assert named[0] == f"s{KEPT_GROUPS + 10:03}"


def row(mean, month=date(2026, 4, 1), name=None, wide=10, **naive):
    told = {"run-rate": Decimal(150), "last-7 average": Decimal(120), "seasonal naive": Decimal(100), **naive}
    mean = Decimal(mean)
    return KeptRow(
        month=month,
        service_name=name,
        mean=mean,
        lo80=mean - wide,
        hi80=mean + wide,
        lo95=mean - 2 * wide,
        hi95=mean + 2 * wide,
        naive=told,
    )


def event(as_of, *told, currency="USD"):
    return Kept(as_of=as_of, metric=BILLED_COST, currency=currency, rows=told)


def test_the_scorecard_s_figures():
    events = [
        event(date(2026, 4, 2), row(90), row(40, name="Amazon EC2")),
        event(date(2026, 4, 3), row(115)),
        event(date(2026, 4, 26), row(101)),
        event(date(2026, 3, 20), row(50)),
    ]
    actual = {date(2026, 4, 1): ("USD", {None: Decimal(100), "Amazon EC2": Decimal(50)})}
    found = {(one.whom, one.days_known): one for one in scores(events, actual)}
    assert list(found) == [
        ("total", "0 to 4"),
        ("total", "20 or more"),
        ("total", "1 month ahead"),
        ("services", "0 to 4"),
    ]
    first = found["total", "0 to 4"]
    assert (first.forecasts, first.error, first.in80, first.in95) == (2, Decimal("12.5"), 50, 100)
    assert first.baselines == {"run-rate": 50, "last-7 average": 20, "seasonal naive": 0}
    assert found["total", "1 month ahead"].in95 == 0
    assert found["services", "0 to 4"].error == 20


def test_what_cannot_be_compared_is_left_out():
    actual = {date(2026, 4, 1): ("EUR", {None: Decimal(100)}), date(2026, 3, 1): ("USD", {None: Decimal(-5)})}
    events = [event(date(2026, 4, 2), row(90)), event(date(2026, 3, 2), row(90, month=date(2026, 3, 1)))]
    assert scores(events, actual) == []


def test_a_kept_forecast_is_scored_once_its_month_is_over_and_settled(store):
    keep(store, BILLED_COST, forecast(store, BILLED_COST, NOW), NOW)
    filled(store, date(2026, 4, 11), date(2026, 5, 4))
    assert scorecard(store, BILLED_COST, at(date(2026, 5, 2))) == []
    found = scorecard(store, BILLED_COST, at(date(2026, 5, 4)))
    assert [(one.whom, one.days_known) for one in found] == [("total", "10 to 14"), ("services", "10 to 14")]
    assert all(one.error < 1 and one.in80 == 100 for one in found)
    assert found[1].forecasts == 2
    assert scorecard(store, EFFECTIVE_COST, at(date(2026, 5, 4))) == []


def test_a_month_with_a_gap_is_not_scored(store):
    keep(store, BILLED_COST, forecast(store, BILLED_COST, NOW), NOW)
    filled(store, date(2026, 4, 12), date(2026, 5, 4))
    assert scorecard(store, BILLED_COST, at(date(2026, 5, 4))) == []


def test_last_month_of_each_group(store):
    told = forecast(store, BILLED_COST, NOW, by="account")
    assert last_month(store, BILLED_COST, told, "account") == {
        TOTAL: Decimal("3735.5"),
        ("1",): Decimal(3100),
        ("2",): Decimal("635.5"),
    }
    early = forecast(store, BILLED_COST, at(date(2026, 1, 20)))
    assert last_month(store, BILLED_COST, early, "service") == {}
