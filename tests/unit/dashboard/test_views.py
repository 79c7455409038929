"""The views: from results and records to page data."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from farthing.dashboard.rendering import typeset
from farthing.dashboard.views.budgets import budgets_page
from farthing.dashboard.views.data import data_page
from farthing.dashboard.views.overview import MOVED_DAYS, overview, questions
from farthing.dashboard.views.why import beginning
from farthing.model import Estimate, Period, RunRecord, Source
from farthing.query.model import Day, Row, result
from farthing.signals.budgets import Budget, DaySpend, evaluate

NEWEST = date(2026, 11, 10)
NOW = datetime(2026, 11, 11, 6, tzinfo=UTC)


def answered(query, rows, days=None):
    there = [Day(day, "USD", ("BilledCost",)) for day in (days if days is not None else query.period)]
    told = [Row(keys, (Decimal(amount),)) for keys, amount in rows]
    return result(query, ("BilledCost",), told, currency="USD" if there else None, days=there, now=NOW)


def told(daily=lambda day: "10", after=(), before=(), first=None, names=None):
    asked = questions(NEWEST)
    period = asked["days"].period
    days = [day for day in period if first is None or day >= first]
    answers = {
        "days": answered(asked["days"], [((day,), daily(day)) for day in days], days),
        "after": answered(asked["after"], after, [day for day in asked["after"].period if day in days]),
        "before": answered(asked["before"], before, [day for day in asked["before"].period if day in days]),
    }
    return overview(NEWEST, answers, names or {}, NOW)


def test_a_month_is_compared_at_the_same_day():
    page = told(lambda day: "12" if day.month == 11 else "10")
    assert page.month.amount == 120
    assert page.month.before_period == Period(date(2026, 10, 1), date(2026, 10, 11))
    assert (page.month.before, page.month.change, page.month.percent) == (100, 20, Decimal("20.0"))
    assert page.month.provisional == 2
    assert page.last_month.amount == 310
    assert page.last_month.before == 300


def test_a_month_that_the_ledger_has_only_in_part_is_not_compared():
    page = told(first=date(2026, 10, 5))
    assert page.month.amount == 100
    assert page.month.before is None
    assert page.month.change is None
    assert page.last_month.before is None
    assert page.last_path == ()


def test_yesterday_is_held_against_the_same_weekday():
    page = told(lambda day: "30" if day == NEWEST else "8" if day.weekday() == NEWEST.weekday() else "100")
    assert (page.yesterday.amount, page.yesterday.before, page.yesterday.change) == (30, 8, 22)
    assert page.yesterday.percent == Decimal("275.0")
    assert page.yesterday.provisional == 1


def test_movers_say_where_and_what_is_new():
    before = [(("EC2", "1"), "100"), (("EC2", "2"), "10"), (("Glue", "1"), "7"), (("S3", "1"), "5")]
    after = [(("EC2", "1"), "101"), (("EC2", "2"), "60"), (("Athena", "1"), "9"), (("S3", "1"), "5")]
    page = told(after=after, before=before, names={"2": "prod"})
    assert [(one.service_name, one.change, one.reason) for one in page.up] == [
        ("EC2", 51, "+50.00 in prod"),
        ("Athena", 9, "new; +9.00 in 1"),
    ]
    assert [(one.service_name, one.change, one.reason) for one in page.down] == [("Glue", -7, "gone; -7.00 in 1")]
    assert len(page.moved[0]) == len(page.moved[1]) == MOVED_DAYS


def test_costs_are_added_up_day_by_day():
    page = told()
    assert page.this_path == tuple(Decimal(10 * count) for count in range(1, 11))
    assert len(page.last_path) == 31


def test_a_ledger_of_one_day_tells_what_it_can():
    page = told(first=NEWEST)
    assert page.yesterday.amount == 10
    assert page.yesterday.before is None
    assert page.moved is None
    assert page.up == page.down == ()


@pytest.mark.parametrize("day", ["2026-01-01", "2028-02-29", "2026-03-31", "2026-12-31"])
def test_the_questions_hold_two_whole_months_before(day):
    newest = date.fromisoformat(day)
    period = questions(newest)["days"].period
    assert period.end == newest + timedelta(days=1)
    first = newest.replace(day=1)
    for _ in range(2):
        first = (first - timedelta(days=1)).replace(day=1)
    assert period.start <= first


def seen(day, *totals, estimated=True):
    return day, "EUR", estimated, NOW, [Decimal(total) for total in totals]


def record(**more):
    started = more.pop("started_at", NOW)
    return RunRecord(
        id="r", command="collect", started_at=started, stage="finished", source=Source("cost-explorer", ()), **more
    )


def test_days_are_told_with_their_state_and_drift():
    page = data_page(
        [
            seen(date(2026, 11, 3), "10", estimated=False),
            seen(date(2026, 11, 4), "10", "12.5"),
            seen(date(2026, 11, 9), "1"),
        ],
        [],
        NOW,
    )
    states = {one.day.day: one.state for one in page.days}
    assert states == {
        3: "settled",
        4: "open",
        5: "missing",
        6: "missing",
        7: "missing",
        8: "missing",
        9: "provisional",
        10: "missing",
    }
    assert page.counts == {"settled": 1, "open": 1, "missing": 5, "provisional": 1}
    (restated,) = page.restated
    assert (restated.first_total, restated.total, restated.drift, restated.drift_percent) == (
        10,
        Decimal("12.5"),
        Decimal("2.5"),
        Decimal("25.0"),
    )
    assert [gap.command for gap in page.missing] == [
        "farthing backfill --start 2026-11-05 --end 2026-11-09",
        "farthing backfill --start 2026-11-10 --end 2026-11-11",
    ]
    assert page.currency == "EUR"


def test_what_the_runs_cost_is_that_of_thirty_days():
    runs = [record(billed_requests=3), record(billed_requests=4, started_at=NOW - timedelta(days=31))]
    page = data_page([], runs, NOW)
    assert page.billed_requests == 3
    assert page.cost == Decimal("0.03")
    assert page.last_run.billed_requests == 3
    assert page.days == ()


def budget(spent, amount="100", newest=date(2026, 11, 10), forecast=None):
    wanted = Budget(name="all", amount=Decimal(amount))
    days = {day: DaySpend("USD", Decimal(spent)) for day in Period(date(2026, 11, 1), newest + timedelta(days=1))}
    status = evaluate(wanted, Period(date(2026, 11, 1), date(2026, 12, 1)), days, newest=newest, forecast=forecast)
    return budgets_page([status], [dict.fromkeys(days, Decimal(spent))], None, ("a problem",))


def test_a_budget_is_told_with_what_is_left_and_may_be_spent_a_day():
    page = budget("2")
    (one,) = page.budgets
    assert (one.spent, one.left, one.a_day, one.days_left) == (20, 80, Decimal("4.00"), 20)
    assert one.path[-1] == one.spent
    assert one.level == "good"
    assert page.problems == ("a problem",)


def test_a_budget_that_is_over_has_nothing_left_a_day():
    (one,) = budget("11").budgets
    assert (one.left, one.a_day, one.state, one.level) == (-10, None, "over", "bad")


def test_a_forecast_above_the_budget_warns():
    above = Estimate(Decimal(120), Decimal(90), Decimal(150), Decimal(80), Decimal(160))
    (one,) = budget("2", forecast=lambda period: above).budgets
    assert (one.state, one.level, one.forecast) == ("may be over", "warn", above)


def of_month(newest, now, first=None, forecast=None):
    asked = questions(newest)
    days = [day for day in asked["days"].period if first is None or day >= first]
    answers = {
        "days": answered(asked["days"], [((day,), "10") for day in days], days),
        "after": answered(asked["after"], (), asked["after"].period),
        "before": answered(asked["before"], (), asked["before"].period),
    }
    return overview(newest, answers, {}, now, forecast)


GUESS = Estimate(Decimal(300), Decimal(290), Decimal(310), Decimal(280), Decimal(320))


@pytest.mark.parametrize(
    ("newest", "now", "state", "behind", "before"),
    [
        (date(2026, 11, 10), datetime(2026, 11, 11, 6, tzinfo=UTC), "running", 1, 100),
        # On the first the last month is whole, however little of it is settled.
        (date(2026, 9, 30), datetime(2026, 10, 1, 6, tzinfo=UTC), "over", 1, 310),
        (date(2026, 9, 29), datetime(2026, 10, 1, 6, tzinfo=UTC), "cut short", 2, 290),
        (date(2024, 9, 16), datetime(2026, 11, 28, 6, tzinfo=UTC), "cut short", 803, 160),
    ],
)
def test_a_month_that_is_over_is_told_as_such(newest, now, state, behind, before):
    page = of_month(newest, now, forecast=GUESS)
    assert (page.month_state, page.newest, page.behind) == (state, newest, behind)
    assert page.month.before == before
    assert page.forecast == (GUESS if state == "running" else None)


def test_imported_days_are_told_and_only_what_runs_collect_is_missed():
    exported = Period(date(2024, 8, 1), date(2024, 9, 1))
    page = data_page([], [], NOW, exported=exported)
    assert page.counts == {"imported": 31}
    assert page.missing == ()
    day = (date(2024, 9, 3), "USD", False, NOW, [Decimal(5)])
    page = data_page([day], [], datetime(2024, 9, 5, 6, tzinfo=UTC), exported=[*exported, date(2024, 9, 3)])
    assert [(one.day.day, one.state) for one in page.days[-4:]] == [(1, "missing"), (2, "missing"), (3, "provisional"), (4, "missing")]  # fmt: skip
    assert page.counts["imported"] == 31


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (Period(date(2025, 1, 1), date(2026, 11, 28)), (Period(date(2026, 10, 1), date(2026, 11, 1)), Period(date(2026, 9, 1), date(2026, 10, 1)))),
        (Period(date(2024, 7, 1), date(2024, 9, 17)), (Period(date(2024, 8, 18), date(2024, 9, 17)), Period(date(2024, 7, 19), date(2024, 8, 18)))),
        (Period(date(2026, 11, 24), date(2026, 11, 28)), (Period(date(2026, 11, 26), date(2026, 11, 28)), Period(date(2026, 11, 24), date(2026, 11, 26)))),
        (Period(date(2026, 11, 27), date(2026, 11, 28)), None),
        (Period(date(2026, 11, 28), date(2026, 11, 28)), None),
    ],
)  # fmt: skip
def test_why_begins_with_two_periods_that_the_ledger_has(days, told):
    assert beginning(date(2026, 11, 28), days) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("-7.95 in prod-api", "\N{MINUS SIGN}7.95 in prod-api"),
        ("5 (-3.0 %), -2", "5 (\N{MINUS SIGN}3.0 %), \N{MINUS SIGN}2"),
        ("2026-11-27 to i-0abc, EC2-2, a--1", "2026-11-27 to i-0abc, EC2-2, a--1"),
    ],
)
def test_only_a_figures_hyphen_becomes_a_minus(text, told):
    assert typeset(text) == told
