"""What budgets, credits and restatements read of a ledger, and what a run gets of them."""

import subprocess
import sys
from array import array
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from tests.fakes import DEV, EC2, NOW, PROD, S3, TODAY, MemoryStore, ago, report

from farthing.budget_forecasts import forecasts_of, part_of
from farthing.budgeting import (
    NO_LENS,
    credit_standing,
    curve_of,
    growth_of,
    restated,
    rules_of,
    standings,
)
from farthing.errors import AccessError, ConflictError, LedgerError, SettingsError
from farthing.judging.budgets import find_budgets, find_credits, find_restatements
from farthing.judging.day import Day
from farthing.ledger.derived import MOST_DAYS, Derived
from farthing.ledger.reports import PREFIX, Reports, key_of, lens_prefix
from farthing.ledger.selected import PREFIX as SELECTED
from farthing.ledger.selected import DaySum, Selected
from farthing.model import Charge, Estimate, Period, Source, daily_report
from farthing.query.selection import Selection, parse_selection
from farthing.settings import Settings
from farthing.signals.budgets import Budget
from farthing.signals.credits import Credit
from farthing.signals.panel import panel_of

NOVEMBER = date(2026, 11, 1)


class CountingStore(MemoryStore):
    """Counts the reports that are read."""

    def __init__(self):
        super().__init__()
        self.read_days = []

    def read(self, key):
        if key.startswith(PREFIX):
            self.read_days.append(key.removeprefix(PREFIX).removesuffix(".json"))
        return super().read(key)


def filled(days=60, amounts=None, store=None):
    store = store or CountingStore()
    for age in range(1, days + 1):
        Reports(store).write(report(ago(age), amounts or {(EC2, PROD): "8", (S3, DEV): "2"}))
    store.read_days.clear()
    return store


def rules(*tables):
    return rules_of(Settings(budgets=tables)).budgets


def lens(store, day, rows):
    Reports(store, lens_prefix("record-type")).write(
        daily_report(
            day,
            currency="USD",
            estimated=True,
            collected_at=NOW,
            metrics=("BilledCost",),
            source=Source("cost-explorer", ("ServiceName", "x_RecordType")),
            charges=[Charge(key, None, (Decimal(amount),)) for key, amount in rows.items()],
        )
    )


def test_each_budget_stands_with_exact_sums_of_its_scope():
    store = filled(amounts={(EC2, PROD): "8.000000000000000001", (S3, DEV): "2"})
    budgets = rules(
        {"name": "all", "amount": 1000},
        {"name": "ec2", "amount": 100, "where": "service:EC2", "metric": "effective"},
        {"name": "not dev", "amount": 600, "where": f"-account:{DEV}", "period": "quarterly"},
        {"name": "day", "amount": 9, "period": "daily"},
    )
    found = {status.budget.name: status for status in standings(store, budgets, NOW).statuses}
    assert found["all"].spent == Decimal("220.000000000000000022")
    assert found["ec2"].spent == Decimal("176.000000000000000022")
    assert found["ec2"].state == "over"
    assert found["not dev"].spent == Decimal("424.000000000000000053")
    assert (found["day"].period, found["day"].state) == (Period.of_day(ago(1)), "over")
    assert found["all"].days_filling == 2


def test_a_second_run_reads_only_the_days_that_changed():
    store = filled()
    budgets = rules({"name": "year", "amount": 1}, {"name": "ec2", "amount": 1, "where": "service:EC2"})
    first = standings(store, budgets, NOW)
    assert len(store.read_days) == len(set(store.read_days)) == 22
    store.read_days.clear()
    assert standings(store, budgets, NOW) == first
    assert store.read_days == []
    Reports(store).write(report(ago(3), {(EC2, PROD): "108"}))
    store.read_days.clear()
    again = standings(store, budgets, NOW)
    assert store.read_days == [ago(3).isoformat()]
    assert [one.spent - before.spent for one, before in zip(again.statuses, first.statuses, strict=True)] == [98, 100]


def test_what_is_kept_may_be_deleted_damaged_or_of_another_version():
    store = filled()
    budgets = rules({"name": "month", "amount": 1})
    first = standings(store, budgets, NOW)
    (key,) = store.keys(SELECTED)
    for damage in (b"", b"{}", b"\xff", store.objects[key].replace(b"selected/1", b"selected/9"), b'{"days": 3}'):
        store.objects[key] = damage
        assert standings(store, budgets, NOW) == first
    del store.objects[key]
    assert standings(store, budgets, NOW) == first


def test_what_is_kept_does_not_grow_for_ever():
    store = MemoryStore()
    listed = {ago(age): "etag" for age in range(1000)}
    kept = Derived(store, "state/trial.json", "trial/1", DaySum)
    values = {day: DaySum("USD", Decimal("1E-7"), 1) for day in listed}
    kept.save(values, listed)
    again = Derived(store, "state/trial.json", "trial/1", DaySum)
    assert again.load(listed) == {day: values[day] for day in sorted(values)[-MOST_DAYS:]}
    again.save(values, listed)
    assert store.writes == ["state/trial.json"]


@pytest.mark.parametrize("refusal", [LedgerError("no"), AccessError("no"), ConflictError("another run was faster")])
def test_a_state_that_cannot_be_written_or_read_is_worked_out_all_the_same(refusal):
    class Closed(CountingStore):
        def create(self, key, data):
            if key.startswith("state/"):
                raise refusal
            return super().create(key, data)

        def read(self, key):
            if key.startswith("state/") and not isinstance(refusal, ConflictError):
                raise refusal
            return super().read(key)

    store = filled(store=Closed())
    assert standings(store, rules({"name": "month", "amount": 1}), NOW).statuses[0].spent == 220
    assert list(store.keys("state/")) == []


def test_a_report_that_cannot_be_read_is_a_gap_and_said(caplog):
    store = filled()
    good = store.objects[key_of(ago(4))]
    for bad in (b"{", good.replace(b'"BilledCost":"8"', b'"BilledCost":"9"'), good.replace(b"daily-report/1", b"x/9")):
        store.objects[key_of(ago(4))] = bad
        (status,) = standings(store, rules({"name": "month", "amount": 1}), NOW).statuses
        assert status.days_missing == (ago(4),)
        assert status.spent == 210
        assert f"{ago(4)}.json is not a readable daily report" in caplog.text
        caplog.clear()


def test_a_metric_that_the_source_does_not_tell_is_no_data():
    store = CountingStore()
    Reports(store).write(
        daily_report(
            ago(1),
            currency="USD",
            estimated=True,
            collected_at=NOW,
            metrics=("BilledCost",),
            source=Source("cost-explorer", ("ServiceName", "SubAccountId")),
            charges=[Charge((EC2, PROD), None, (Decimal(5),))],
        )
    )
    billed, effective = standings(
        store, rules({"name": "a", "amount": 9}, {"name": "b", "amount": 9, "metric": "effective"}), NOW
    ).statuses
    assert (billed.spent, effective.state) == (5, "no data")


def test_an_empty_ledger_and_no_budgets():
    (status,) = standings(CountingStore(), rules({"name": "a", "amount": 9}), NOW).statuses
    assert (status.state, status.period.start) == ("no data", NOVEMBER)
    assert standings(CountingStore(), (), NOW).statuses == ()


def test_one_budget_in_the_wrong_currency_does_not_hide_the_others():
    found = standings(filled(), rules({"name": "a", "amount": 9, "currency": "EUR"}, {"name": "b", "amount": 9}), NOW)
    assert [status.budget.name for status in found.statuses] == ["b"]
    assert "'a' is in EUR" in found.problems[0]


def test_as_of_looks_back():
    (status,) = standings(filled(), rules({"name": "a", "amount": 999}), NOW, as_of=NOVEMBER).statuses
    assert status.period == Period(date(2026, 10, 1), NOVEMBER)
    assert (status.days_left, status.spent) == (0, 310)


def test_a_name_and_an_id_are_told_apart_day_by_day():
    sums = Selected(filled()).sums({Selection(parse_selection("account:nobody")): [ago(1), ago(200)]})
    ((only,),) = [list(of_it.items()) for of_it in sums.values()]
    assert (only[0], only[1].amount, only[1].charges) == (ago(1), 0, 0)


# Credits


CREDIT = Credit(name="activate", balance=Decimal(1000), as_of=NOVEMBER)


def test_credits_need_the_lens():
    found = credit_standing(filled(), [CREDIT], NOW)
    assert (found.credits, found.hint) == (None, NO_LENS)
    assert credit_standing(filled(), [], NOW).hint == ""


def test_credits_are_read_from_the_lens_and_kept():
    store = MemoryStore()
    for age in range(1, 40):
        lens(store, ago(age), {(EC2, "Usage"): "50", (EC2, "Credit"): "-10"})
    found = credit_standing(store, [CREDIT], NOW)
    (runway,) = found.credits.runways
    assert (runway.left, runway.burn, runway.days_left) == (780, 10, 78)
    assert "state/credits.json" in store.objects
    assert credit_standing(store, [CREDIT], NOW) == found
    lens(store, ago(5), {(EC2, "Usage"): "50", (EC2, "Credit"): "-30"})
    assert credit_standing(store, [CREDIT], NOW).credits.runways[0].left == 760
    store.objects[key_of(ago(6), lens_prefix("record-type"))] = b"{"
    broken = credit_standing(store, [CREDIT], NOW)
    assert broken.credits.runways[0].days_missing == 1
    assert "is not a readable daily report" in broken.problems[0]
    assert credit_standing(store, [Credit(name="e", balance=Decimal(1), as_of=NOVEMBER, currency="EUR")], NOW).problems


# Restatements and maturation


def watched(store, days=40, last=None):
    """Days as daily runs at 08:00 saw them: half, nine tenths, all."""
    last = last or ago(1)
    for n in range(days):
        day = last - timedelta(days=n)
        for age, amount in ((1, "50"), (2, "90"), (3, "100")):
            at = datetime(day.year, day.month, day.day, 8, tzinfo=UTC) + timedelta(days=age)
            if at <= NOW:
                Reports(store).write(report(day, {(EC2, PROD): amount}, collected_at=at))
    return store


def test_growth_is_learned_from_the_ledger():
    store = watched(CountingStore())
    assert growth_of(store, NOW) == pytest.approx({ago(1): 2.0, ago(2): 1 / 0.9})
    told = curve_of(store, NOW)
    assert told.filling_hours == 56
    assert told.points[0].share == 0.5
    store.read_days.clear()
    growth_of(store, NOW)
    assert store.read_days == []
    assert growth_of(CountingStore(), NOW) == {}


def test_a_restated_day_is_found_and_only_it_is_read():
    store = watched(CountingStore())
    Reports(store).write(report(ago(10), {(EC2, PROD): "100", (S3, PROD): "30"}, collected_at=NOW))
    restated(store, NOW, seen_since=NOW)
    store.read_days.clear()
    (one,) = restated(store, NOW, seen_since=NOW - timedelta(days=1))
    assert store.read_days == [ago(10).isoformat()]
    assert (one.day, one.before, one.after, one.causes[0].service_name) == (ago(10), 100, 130, S3)
    assert restated(store, NOW + timedelta(days=9), seen_since=NOW + timedelta(seconds=1)) == []


# A run


def run(store, now=NOW, **tables):
    """What a run is told, what it only records, and what could not be judged."""
    day = Day(Settings(**tables), store, now, now.date() - timedelta(days=1), ())
    found = [signal for find in (find_budgets, find_credits, find_restatements) for signal in find(day)]
    told, recorded = ([one for one in found if bool(one.quiet) == quiet] for quiet in (False, True))
    return told, recorded, [*day.problems, *day.hints]


def test_a_run_gets_what_is_told_and_what_is_only_recorded():
    store = watched(CountingStore())
    Reports(store).write(report(ago(10), {(EC2, PROD): "130"}, collected_at=NOW))
    for age in range(1, 40):
        lens(store, ago(age), {(EC2, "Usage"): "50", (EC2, "Credit"): "-30"})
    tables = {
        "budgets": ({"name": "month", "amount": 2500}, {"name": "euro", "amount": 1, "currency": "EUR"}),
        "credits": ({"name": "activate", "balance": 1000, "as_of": NOVEMBER},),
    }
    told, recorded, problems = run(store, **tables)
    assert [(one.kind, one.rule) for one in told] == [
        ("budget", "month: 80 % actual"),
        ("budget", "month: 100 % forecast"),
        ("credits", "activate: 14 days left"),
        ("restatement", f"restated, seen {TODAY}"),
    ]
    assert [one.rule for one in recorded] == [
        "month: 50 % actual",
        "activate: 60 days left",
        "activate: 30 days left",
    ]
    assert ["'euro' is in EUR" in problem for problem in problems] == [True]
    assert run(store, **tables) == (told, recorded, problems)


def test_a_run_judges_the_month_that_ended_too():
    store = filled(days=26)  # from 28 October
    now = datetime(2026, 11, 3, 8, tzinfo=UTC)
    told, _, _ = run(store, now, budgets=({"name": "month", "amount": 30},))
    assert [(one.rule, one.since, one.day) for one in told] == [
        ("month: 100 % actual", date(2026, 10, 1), date(2026, 10, 31)),
        ("month: 50 % actual", NOVEMBER, date(2026, 11, 2)),
    ]
    assert "27 days that the ledger lacks (from 2026-10-01) not in it" in told[0].reason


def test_a_run_refuses_a_wrong_budget():
    with pytest.raises(SettingsError, match="needs amount"):
        run(MemoryStore(), budgets=({"name": "a"},))


def test_without_the_lens_a_run_says_what_is_missing():
    _, _, said = run(filled(), credits=({"name": "a", "balance": 1, "as_of": NOVEMBER},))
    assert said == [NO_LENS]


# Forecasts


def test_a_forecast_is_of_the_budgets_leaves_and_grows_young_days():
    store = watched(CountingStore())
    asked = []

    def estimate(panel, as_of, period, *, growth, without):
        assert not without
        asked.append((panel, as_of, period, growth))
        return Estimate(*map(Decimal, (3000, 2600, 3400, 2500, 3500)))

    budgets = rules(
        {"name": "ec2", "amount": 2500, "where": "service:EC2"}, {"name": "s3", "amount": 9, "where": "service:S3"}
    )
    found = standings(store, budgets, NOW, forecasts=forecasts_of(store, NOW, estimate))
    assert [status.forecast and status.forecast.mean for status in found.statuses] == [3000, None]
    ((panel, as_of, period, growth),) = asked
    assert as_of == TODAY
    assert period == Period(NOVEMBER, date(2026, 12, 1))
    assert growth == pytest.approx({ago(1): 2.0, ago(2): 1 / 0.9})
    assert panel.leaves == ((EC2, PROD),)
    assert panel.values(0)[-1] == 50
    assert found.statuses[0].state == "will be over"


def test_accounts_are_found_by_name_and_a_run_brings_its_own_series():
    store = CountingStore()
    charges = [Charge((EC2, PROD), "prod", (Decimal(8),)), Charge((EC2, DEV), "sandbox", (Decimal(2),))]
    one = daily_report(
        ago(1),
        currency="USD",
        estimated=True,
        collected_at=NOW,
        metrics=("BilledCost",),
        source=Source("cost-explorer", ("ServiceName", "SubAccountId")),
        charges=charges,
    )
    Reports(store).write(one)
    whole = panel_of([((EC2, PROD), ago(1), 8.0), ((EC2, DEV), ago(1), 2.0)])
    asked = []

    def estimate(panel, as_of, period, *, growth, without):
        asked.append(panel.leaves)

    of = forecasts_of(store, NOW, estimate, panels={"BilledCost": whole}.__getitem__)
    (status,) = standings(
        store, rules({"name": "a", "amount": 9, "where": "-account:sand*"}), NOW, forecasts=of
    ).statuses
    assert asked == [((EC2, PROD),)]
    assert (status.spent, status.forecast) == (8, None)
    assert list(store.keys("state/series/")) == []


def test_an_empty_ledger_has_no_forecast():
    of = forecasts_of(MemoryStore(), NOW, lambda *_, **__: pytest.fail("nothing to estimate"))
    forecast = of(Budget(name="a", amount=Decimal(1)))
    assert forecast is not None
    assert forecast(Period(NOVEMBER, TODAY)) is None


def test_the_part_of_a_panel():
    rows = [((EC2, PROD), ago(1), 1.0), ((EC2, DEV), ago(1), 2.0), ((S3, DEV), ago(1), 4.0)]
    whole = panel_of(rows, estimated=[ago(1)])
    part = part_of(whole, Budget(name="a", amount=None, filters=parse_selection("-account:sandbox")), {DEV: "sandbox"})
    assert part.leaves == ((EC2, PROD),)
    assert part.values(0) == array("d", [1.0])
    assert (part.dates, part.currencies, part.estimated) == ((ago(1),), ("USD",), (True,))
    assert part_of(whole, Budget(name="a", amount=None), {}) is whole


def test_the_lambda_can_load_all_of_it():
    heavy = ("duckdb", "sqlglot", "numpy", "rich", "click", "filelock", "platformdirs")
    code = (
        f"import sys, farthing.budgeting, farthing.budget_forecasts; print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
