"""[[budgets]] and [[credits]] as people write them."""

from datetime import date
from decimal import Decimal

import pytest

from farthing.budgeting import rules_of
from farthing.errors import SettingsError
from farthing.settings import load
from farthing.signals.budgets import DEFAULT_ACTUAL, DEFAULT_FORECAST


def rules(toml):
    return rules_of(load({}, toml, "my.toml"))


def wrong(toml):
    with pytest.raises(SettingsError) as caught:
        rules(toml)
    return list(caught.value.problems)


def test_the_least_and_the_most():
    least, most = rules(
        """
        [[budgets]]
        name = "all"
        amount = 12_000.50
        [[budgets]]
        name = "data"
        amount = "900"
        amounts = { "2026-10" = 1000, "2027-01" = 1100.5 }
        currency = "EUR"
        period = "quarterly"
        start_month = 10
        where = "service:EC2 -account:sandbox"
        metric = "effective"
        actual = [100, 50, 50, 99.5]
        forecast = []
        """
    ).budgets
    assert (least.amount, least.period, least.metric) == (Decimal("12000.50"), "monthly", "BilledCost")
    assert (least.actual, least.forecast, least.currency) == (DEFAULT_ACTUAL, DEFAULT_FORECAST, None)
    assert most.amounts == {"2026-10": 1000, "2027-01": Decimal("1100.5")}
    assert (most.metric, most.currency, most.start_month) == ("EffectiveCost", "EUR", 10)
    assert most.actual == (50, Decimal("99.5"), 100)
    assert most.forecast == ()
    assert [term.column for term in most.filters] == ["ServiceName", "SubAccountId"]


def test_a_daily_budget_has_no_forecast():
    (one,) = rules('[[budgets]]\nname = "a"\namount = 1\nperiod = "daily"').budgets
    assert one.forecast == ()


def test_a_daily_budget_tells_only_when_it_is_spent_unless_other_marks_are_named():
    start = '[[budgets]]\nname = "a"\namount = 1\nperiod = "daily"\n'
    assert rules(start).budgets[0].actual == (100,)
    assert rules(f"{start}actual = [80, 100]").budgets[0].actual == (80, 100)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("amount = 1", "budget 1 in my.toml needs name, a text in quotes"),
        ('name = "a"', "budget 1 in my.toml needs amount"),
        ('name = "a"\namount = 0', "amount of budget 1 in my.toml must be above zero, not 0"),
        ('name = "a"\namount = -5', "must be above zero"),
        ('name = "a"\namount = true', "amount of budget 1 in my.toml: True is not an amount"),
        ('name = "a"\namount = nan', "is not an amount"),
        ("name = 3\namount = 1", "name of budget 1 in my.toml must be a text in quotes, not 3"),
        ('name = "a"\namount = 1\nperiod = "weekly"', "period of budget 1 in my.toml must be one of daily, monthly"),
        ('name = "a"\namount = 1\nperiod = "montly"', "did you mean monthly?"),
        ('name = "a"\namount = 1\nstart_month = 4', "start_month of budget 1 in my.toml is for a yearly or quarterly"),
        ('name = "a"\namount = 1\nperiod = "yearly"\nstart_month = 13', "a whole number from 1 to 12, not 13"),
        ('name = "a"\namount = 1\nmetric = "list"', "metric of budget 1 in my.toml must be one of billed, effective"),
        ('name = "a"\namount = 1\nwhere = "region:eu-west-1"', "region is not told here"),
        ('name = "a"\namount = 1\nwhere = "servise:EC2"', "the nearest is service"),
        ('name = "a"\namount = 1\nwhere = 7', "where of budget 1 in my.toml must be a text in quotes"),
        ('name = "a"\namount = 1\ncurrency = "dollars"', "must be three letters such as USD"),
        ('name = "a"\namount = 1\nactual = 80', "actual of budget 1 in my.toml must be a list of numbers"),
        ('name = "a"\namount = 1\nactual = [80, 0]', "actual of budget 1 in my.toml must be above zero"),
        ('name = "a"\namount = 1\namounts = 3', "amounts of budget 1 in my.toml must be a table"),
        ('name = "a"\namount = 1\namounts = { "2026-13" = 1 }', "'2026-13' is no month"),
        ('name = "a"\namount = 1\namounts = { "0000-01" = 1 }', "'0000-01' is no month"),
        (
            'name = "a"\namount = 1\nmetric = ["billed"]',
            "metric of budget 1 in my.toml must be one of billed, effective",
        ),
        ('name = "a"\namount = 1\namounts = { "2026-11" = 0 }', "amounts 2026-11 of budget 1 in my.toml must be above"),
        ('name = "a"\namount = 1\nperiod = "quarterly"\namounts = { "2026-11" = 1 }', "no quarterly period begins in"),
        ('name = "a"\namount = 1\nperiod = "daily"\nforecast = [100]', "a day that is over needs no forecast"),
        ('name = "a"\namount = 1\nammount = 2', "unknown key 'ammount' (did you mean amount?)"),
        ('name = "a"\namount = 1\nzzz = 2', "unknown key 'zzz': there are name, amount"),
    ],
)
def test_a_wrong_budget_is_one_sentence(lines, problem):
    (said,) = wrong(f"[[budgets]]\n{lines}\n")
    assert problem in said


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('name = "a"\nas_of = 2026-11-01', "credits 1 in my.toml needs balance"),
        ('name = "a"\nbalance = 5', "as_of of credits 1 in my.toml must be a day like 2026-11-23"),
        ('name = "a"\nbalance = 5\nas_of = "soon"', "must be a day like 2026-11-23, not 'soon'"),
        ('name = "a"\nbalance = 5\nas_of = 2026-11-01T00:00:00', "must be a day like"),
        ('name = "a"\nbalance = 0\nas_of = 2026-11-01', "balance of credits 1 in my.toml must be above zero"),
        (
            'name = "a"\nbalance = 5\nas_of = 2026-11-01\nexpires = 2026-10-31',
            "expires on 2026-10-31, before its as_of",
        ),
        (
            'name = "a"\nbalance = 5\nas_of = 2026-11-01\nwhere = "account:1"',
            "account is not told here; ask by service",
        ),
        (
            'name = "a"\nbalance = 5\nas_of = 2026-11-01\nwarn = [7.5]',
            "warn of credits 1 in my.toml must be whole days",
        ),
    ],
)
def test_a_wrong_credit_is_one_sentence(lines, problem):
    (said,) = wrong(f"[[credits]]\n{lines}\n")
    assert problem in said


def test_all_problems_of_both_come_at_once():
    said = wrong(
        '[[budgets]]\nname = "a"\n[[budgets]]\nname = "b"\namount = 1\n[[budgets]]\nname = "B"\namount = 1\n'
        '[[credits]]\nname = "c"\nas_of = 2026-11-01\n'
    )
    assert len(said) == 4
    assert any("two budgets in my.toml are named 'b'" in one for one in said)
    assert wrong("budgets = 3") == ["budget 1 in my.toml must be a table: write [[budgets]] above it"]
    assert wrong("credits = [1]") == ["credits 1 in my.toml must be a table: write [[credits]] above it"]


def test_a_credit():
    (one,) = rules(
        '[[credits]]\nname = "activate"\nbalance = 100.5\nas_of = 2026-11-01\nexpires = "2027-01-31"\n'
        'where = "service:S3"\nwarn = [10, 20]\n'
    ).credits
    assert (one.balance, one.as_of, one.expires) == (Decimal("100.5"), date(2026, 11, 1), date(2027, 1, 31))
    assert one.warn == (10, 20)
