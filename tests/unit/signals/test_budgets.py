"""Budgets: every period, what is spent, what it says, which marks."""

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.errors import CurrencyError
from farthing.model import Estimate, Period, Scope, exact_sum
from farthing.query.selection import parse_selection
from farthing.signals.budget_marks import crossings, scope_of
from farthing.signals.budgets import (
    DAILY,
    MONTHLY,
    PERIODS,
    QUARTERLY,
    YEARLY,
    Budget,
    DaySpend,
    evaluate,
    period_name,
    period_of,
    periods_judged,
)

DAYS = st.dates(date(1999, 1, 1), date(2101, 12, 31))
AMOUNTS = st.decimals(min_value=-1000, max_value=1000, places=9, allow_nan=False, allow_infinity=False)
NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))


def budget(amount="300", **changes):
    return Budget(name="team", amount=None if amount is None else Decimal(amount), **changes)


def spend(period, amount="10", currency="USD", until=None):
    return {day: DaySpend(currency, Decimal(amount)) for day in period if until is None or day <= until}


def estimate(mean, lo80=None):
    low = Decimal(mean if lo80 is None else lo80)
    return Estimate(Decimal(mean), low, Decimal(mean) * 2 - low, low - 1, Decimal(mean) * 2 - low + 1)


def november(days, forecast=None, one=None):
    told = None if forecast is None else lambda period: forecast
    return evaluate(one or budget(), NOVEMBER, days, newest=max(days, default=None), forecast=told)


# Periods


@pytest.mark.parametrize(
    ("period", "start_month", "day", "start", "end", "name"),
    [
        (DAILY, 1, "2026-11-20", "2026-11-20", "2026-11-21", "2026-11-20"),
        (DAILY, 1, "2026-12-31", "2026-12-31", "2027-01-01", "2026-12-31"),
        (MONTHLY, 1, "2026-11-01", "2026-11-01", "2026-12-01", "2026-11"),
        (MONTHLY, 1, "2026-12-31", "2026-12-01", "2027-01-01", "2026-12"),
        (MONTHLY, 1, "2028-02-29", "2028-02-01", "2028-03-01", "2028-02"),
        (QUARTERLY, 1, "2026-11-20", "2026-10-01", "2027-01-01", "2026-10 to 2026-12"),
        (QUARTERLY, 1, "2026-03-31", "2026-01-01", "2026-04-01", "2026-01 to 2026-03"),
        (QUARTERLY, 2, "2026-01-31", "2025-11-01", "2026-02-01", "2025-11 to 2026-01"),
        (QUARTERLY, 11, "2026-02-01", "2026-02-01", "2026-05-01", "2026-02 to 2026-04"),
        (YEARLY, 1, "2026-11-20", "2026-01-01", "2027-01-01", "2026"),
        (YEARLY, 4, "2026-03-31", "2025-04-01", "2026-04-01", "2025-04 to 2026-03"),
        (YEARLY, 4, "2026-04-01", "2026-04-01", "2027-04-01", "2026-04 to 2027-03"),
        (YEARLY, 12, "2026-11-30", "2025-12-01", "2026-12-01", "2025-12 to 2026-11"),
    ],
)
def test_the_period_of_a_day(period, start_month, day, start, end, name):
    one = budget(period=period, start_month=start_month)
    found = period_of(one, date.fromisoformat(day))
    assert found == Period(date.fromisoformat(start), date.fromisoformat(end))
    assert period_name(one, found) == name


@given(st.sampled_from(PERIODS), st.integers(1, 12), DAYS)
def test_periods_cover_every_day_once(period, start_month, day):
    one = budget(period=period, start_month=start_month)
    found = period_of(one, day)
    assert day in found
    assert {period_of(one, found.start), period_of(one, found.end - timedelta(days=1))} == {found}
    assert period_of(one, found.end).start == found.end
    if period != DAILY:
        assert found.start.day == found.end.day == 1
    if period == YEARLY:
        assert found.start.month == start_month
        assert len(found) in (365, 366)
    if period == QUARTERLY:
        assert (found.start.month - start_month) % 3 == 0
        assert 90 - 1 <= len(found) <= 92
    if period == MONTHLY:
        assert len(found) == monthrange(day.year, day.month)[1]


def test_a_leap_year_has_a_day_more():
    assert len(period_of(budget(period=YEARLY, start_month=3), date(2028, 1, 1))) == 366
    assert len(period_of(budget(period=YEARLY), date(2026, 1, 1))) == 365


def test_a_period_that_ended_is_judged_a_week_longer():
    assert [one.start for one in periods_judged(budget(), date(2026, 12, 7))] == [date(2026, 11, 1), date(2026, 12, 1)]
    assert [one.start for one in periods_judged(budget(), date(2026, 12, 8))] == [date(2026, 12, 1)]
    assert len(periods_judged(budget(period=DAILY), date(2026, 12, 8))) == 8


# What is spent


def test_the_arithmetic_of_a_month():
    status = november(spend(NOVEMBER, "8.000000000000000001", until=date(2026, 11, 20)))
    assert status.spent == Decimal("160.00000000000000002")
    assert status.used == Decimal("53.3")
    assert status.pace == 200
    assert status.days_left == 10
    assert status.newest == date(2026, 11, 20)
    assert status.state == "within"
    assert status.forecast is None
    assert not status.is_breached


@given(st.lists(AMOUNTS, min_size=1, max_size=30))
def test_what_is_spent_is_exact_whatever_the_signs(amounts):
    days = {NOVEMBER.start + timedelta(days=n): DaySpend("USD", amount) for n, amount in enumerate(amounts)}
    status = november(days)
    assert status.spent == exact_sum(amounts)
    assert [crossing.mark for crossing in crossings(status)] == [
        mark for mark in status.budget.actual if status.spent * 100 > mark * 300
    ]


@pytest.mark.parametrize(
    ("newest", "pace", "left"), [("2026-11-01", "10", 29), ("2026-11-30", "300", 0), ("2026-12-04", "300", 0)]
)
def test_the_first_and_the_last_day(newest, pace, left):
    days = spend(Period(date(2026, 10, 20), date(2026, 12, 10)), until=date.fromisoformat(newest))
    status = evaluate(budget(), NOVEMBER, days, newest=date.fromisoformat(newest))
    assert (status.pace, status.days_left) == (Decimal(pace), left)
    assert status.spent == status.pace


def test_a_ledger_that_has_nothing_says_so():
    for newest in (None, date(2026, 10, 31)):
        status = evaluate(budget(), NOVEMBER, {}, newest=newest)
        assert (status.state, status.spent, status.days_left, status.used) == ("no data", 0, 30, 0)
        assert crossings(status) == ()


def test_a_gap_is_said():
    days = spend(NOVEMBER, "20", until=date(2026, 11, 20))
    del days[date(2026, 11, 3)], days[date(2026, 11, 4)]
    days[date(2026, 11, 5)] = DaySpend("USD", None)  # the source did not tell the metric
    status = november(days)
    assert status.days_missing == tuple(date(2026, 11, day) for day in (3, 4, 5))
    assert status.spent == 340
    assert crossings(status)[-1].signal.reason.endswith("3 days that the ledger lacks (from 2026-11-03) not in it")


def test_days_out_of_the_period_and_after_the_newest_are_not_looked_at():
    days = spend(Period(date(2026, 10, 1), date(2027, 1, 1)))
    assert evaluate(budget(), NOVEMBER, days, newest=date(2026, 11, 2)).spent == 20


def test_other_amounts_for_single_periods():
    one = budget(amounts={"2026-11": Decimal(900)})
    assert november(spend(NOVEMBER), one=one).amount == 900
    december = period_of(one, date(2026, 12, 1))
    assert evaluate(one, december, spend(december), newest=date(2026, 12, 1)).amount == 300
    only = budget(None, amounts={"2026-12": Decimal(900)})
    status = november(spend(NOVEMBER), one=only)
    assert (status.state, status.amount, status.used, status.pace) == ("no amount", None, None, None)
    assert crossings(status) == ()
    daily = budget(period=DAILY, amounts={"2026-11": Decimal(7)})
    assert evaluate(daily, Period.of_day(NOVEMBER.start), spend(NOVEMBER), newest=NOVEMBER.start).state == "over"


def test_two_currencies_are_an_error_that_names_both():
    with pytest.raises(CurrencyError, match=r"budget 'team' is in EUR, the bill of 2026-11-01 to 2026-12-01 in USD"):
        november(spend(NOVEMBER), one=budget(currency="EUR"))
    days = {**spend(NOVEMBER), date(2026, 11, 5): DaySpend("EUR", Decimal(1))}
    with pytest.raises(CurrencyError, match="amounts in EUR and USD cannot be added up"):
        november(days)
    assert november(spend(NOVEMBER), one=budget(currency="USD")).currency == "USD"
    other = {**spend(NOVEMBER), date(2026, 10, 31): DaySpend("EUR", Decimal(1))}
    assert november(other).currency == "USD"  # the change came before the period


# States


@pytest.mark.parametrize(
    ("amount", "forecast", "state"),
    [
        ("20", None, "over"),
        ("20", estimate(100, 90), "over"),
        ("14", estimate(310, 301), "will be over"),
        ("14", estimate(310, 300), "may be over"),
        ("14", estimate(300, 290), "within"),
        ("14", None, "ahead of pace"),
        ("10", None, "within"),
        ("-1", None, "within"),
    ],
)
def test_states(amount, forecast, state):
    status = november(spend(NOVEMBER, amount, until=date(2026, 11, 20)), forecast)
    assert status.state == state
    assert status.is_breached == (state in ("over", "will be over"))


def test_the_forecast_is_asked_only_while_the_period_goes_on():
    asked = []

    def forecast(period):
        asked.append(period)
        return estimate(300)

    for until in (date(2026, 11, 29), date(2026, 11, 30)):
        evaluate(budget(), NOVEMBER, spend(NOVEMBER, until=until), newest=until, forecast=forecast)
    evaluate(budget(), NOVEMBER, {}, newest=date(2026, 11, 5), forecast=forecast)
    assert asked == [NOVEMBER]


# Marks


def marks(status):
    return [(str(one.mark), one.on, one.told) for one in crossings(status)]


def test_a_mark_is_crossed_by_more_than_it():
    at = {NOVEMBER.start: DaySpend("USD", Decimal(150))}
    above = {NOVEMBER.start: DaySpend("USD", Decimal("150.000000000000000001"))}
    assert marks(november(at)) == []
    assert marks(november(above)) == [("50", "actual", True)]


def test_of_several_marks_the_highest_is_told_and_the_lower_ones_are_recorded():
    status = november({NOVEMBER.start: DaySpend("USD", Decimal(301))})
    assert marks(status) == [("50", "actual", False), ("80", "actual", False), ("100", "actual", True)]


def test_a_forecast_must_be_above_its_mark_with_its_lower_bound_too():
    days = spend(NOVEMBER, "8", until=date(2026, 11, 20))
    assert marks(november(days, estimate(310, 299))) == [("50", "actual", True)]
    assert marks(november(days, estimate(310, 300))) == [("50", "actual", True)]
    assert marks(november(days, estimate(310, 301))) == [("50", "actual", True), ("100", "forecast", True)]


def test_what_is_spent_needs_no_forecast():
    days = spend(NOVEMBER, "20", until=date(2026, 11, 20))
    one = budget(forecast=(Decimal(90), Decimal(100), Decimal(120)))
    found = [mark for mark in marks(november(days, estimate(500, 400), one)) if mark[1] == "forecast"]
    assert found == [("90", "forecast", False), ("100", "forecast", False), ("120", "forecast", True)]
    found = [mark for mark in marks(november(days, estimate(500, 330), one)) if mark[1] == "forecast"]
    assert found == [("90", "forecast", False), ("100", "forecast", False)]


def test_a_signal_tells_all_of_it():
    days = spend(NOVEMBER, "12.5", until=date(2026, 11, 20))
    one = budget(where="service:EC2", filters=parse_selection("service:EC2"))
    signal = crossings(november(days, estimate("370.123", 350), one))[1].signal
    assert (signal.kind, signal.rule) == ("budget", "team: 80 % actual")
    assert (signal.day, signal.since) == (date(2026, 11, 20), date(2026, 11, 1))
    assert (signal.actual, signal.threshold, signal.overage) == (250, 240, 10)
    assert signal.overage_percent == Decimal("4.2")
    assert signal.month_end == Decimal("370.123")
    assert signal.reason == (
        "budget team (service:EC2), 2026-11: 250.00 USD spent by 2026-11-20 is 83.3 % of 300.00 USD, over the mark of "
        "80 % (240.00 USD); even spending would have used 200.00 USD, 10 days left; expected by the end 370.12 USD "
        "(80 % between 350.00 and 390.25)"
    )
    ahead = crossings(november(days, estimate("370.123", 350), one))[-1].signal
    assert ahead.rule == "team: 100 % forecast"
    assert (ahead.actual, ahead.threshold, ahead.month_end) == (Decimal("370.123"), 300, Decimal("370.123"))
    assert ahead.reason == (
        "budget team (service:EC2), 2026-11: expected by the end 370.12 USD (80 % between 350.00 and 390.25), over the "
        "mark of 100 % (300.00 USD); 250.00 USD (83.3 %) spent by 2026-11-20, 10 days left"
    )


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30))
def test_through_a_month_each_mark_has_one_name_and_is_never_taken_back(amounts):
    """Without credits: day by day, the id (rule and since) of a mark is the same, and higher marks come later."""
    seen: dict[str, date] = {}
    crossed: set[str] = set()
    days = {}
    for n, amount in enumerate(amounts):
        day = NOVEMBER.start + timedelta(days=n)
        days[day] = DaySpend("USD", Decimal(amount))
        found = crossings(november(days))
        now = {one.signal.rule for one in found}
        assert crossed <= now
        assert sum(one.told for one in found) == bool(found)
        for one in found:
            assert seen.setdefault(one.signal.rule, one.signal.since) == one.signal.since
        crossed = now


@pytest.mark.parametrize(
    ("where", "scope"),
    [
        ("", Scope()),
        ('"service:Amazon S3"', Scope("Amazon S3")),
        ('"service:Amazon S3" account:111122223333', Scope("Amazon S3", "111122223333")),
        ("account:111122223333", Scope(None, "111122223333")),
        ("account:prod", Scope()),
        ("-account:111122223333", Scope()),
        ("service:EC2", Scope()),
        ("service:Amazon*", Scope()),
        ("account:111122223333 account:444455556666", Scope()),
        ("account-name:prod", Scope()),
    ],
)
def test_the_scope_of_a_signal_is_exact_or_everything(where, scope):
    assert scope_of(budget(where=where, filters=parse_selection(where))) == scope
