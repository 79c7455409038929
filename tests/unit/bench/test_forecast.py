import csv
import json
import re
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest
from bench.forecast import __main__ as forecast
from bench.forecast import plain, real, tables
from bench.forecast.forecasters import OTHERS_NAMES, PLAIN, others, read_answer, read_forecast
from bench.forecast.scoring import (
    KNOWN,
    TOTAL,
    Asked,
    Forecast,
    Spent,
    daily,
    figures,
    incoherence,
    judge,
    months_from,
    questions,
)
from bench.series_generator import Parameters, Row, SeriesKey
from hypothesis import given
from hypothesis import strategies as st

START = date(2024, 1, 1)
ASKED = Asked(date(2024, 3, 11), 10)
MONTHS = [date(2024, month, 1) for month in (3, 4, 5, 6)]
DAYS = (date(2024, 7, 1) - START).days


def flat(amount):
    return [amount] * DAYS


def test_rows_become_groups_and_a_total():
    rows = [Row(START, SeriesKey(name, account), "Usage", Decimal(2)) for name in "ab" for account in "12"]
    assert daily(rows, START, 2) == {TOTAL: [8.0, 0.0], "a": [4.0, 0.0], "b": [4.0, 0.0]}


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_questions_have_history_and_an_answer(first):
    asked = questions(first, 400, history=180, months=3)
    assert len(asked) == 15
    for one in asked:
        assert (one.as_of - one.as_of.replace(day=1)).days == one.known
        assert one.as_of.replace(day=1) >= first + timedelta(days=180)
        assert months_from(one.as_of)[-1] + timedelta(days=31) <= first + timedelta(days=401)
    with pytest.raises(ValueError, match="too short"):
        questions(first, 330, history=180, months=3)


@pytest.mark.parametrize("rate", plain.PLAIN.values(), ids=plain.PLAIN)
def test_the_baselines_are_right_where_nothing_changes(rate):
    groups = {TOTAL: flat(30.0), "a": flat(10.0), "b": flat(20.0)}
    told = list(plain.forecasts(groups, START, ASKED, rate))
    judged = judge(groups, START, ASKED, told)
    assert len(judged) == 12
    assert all(one.error == pytest.approx(0) for one in judged)
    assert incoherence(told) == pytest.approx(0)


@pytest.mark.parametrize("rate", plain.PLAIN.values(), ids=plain.PLAIN)
def test_the_baselines_do_not_know_what_comes(rate):
    before = [float(number % 13) for number in range(70)]
    futures = ([*before, *[value] * (DAYS - 70)] for value in (0.0, 999.0))
    one, other = (list(plain.forecasts({"a": future}, START, ASKED, rate)) for future in futures)
    assert one == other


def test_the_seasonal_one_repeats_the_week():
    week = [float(number % 7) for number in range(DAYS)]
    told = plain.forecasts({"a": week}, START, ASKED, plain.seasonal_naive)
    judged = judge({"a": [value + 10 for value in week]}, START, ASKED, told)
    assert [round(one.actual - one.told.mean) for one in judged] == [310, 300, 310, 300]


def forecasts(mean, low, high):
    return [Forecast(month, "a", mean, (low, high), (low - 100, high + 100)) for month in MONTHS]


def test_error_coverage_and_width():
    groups = {"a": flat(10.0)}  # 310, 300, 310, 300 a month
    figure = figures(judge(groups, START, ASKED, forecasts(310.0, 305.0, 315.0)))
    assert figure.number == 4
    assert figure.error == pytest.approx((0 + 10 / 3 + 0 + 10 / 3) / 4)
    assert (figure.covered80, figure.covered95) == (50, 100)
    assert figure.width80 == pytest.approx((1000 / 310 + 1000 / 300) / 2)
    bare = figures(judge(groups, START, ASKED, [one._replace(in80=None, in95=None) for one in forecasts(310.0, 0, 0)]))
    assert (bare.covered80, bare.covered95, bare.width80) == (None, None, None)


def test_what_cannot_be_scored_is_left_out_and_what_is_missing_is_named():
    small, later = flat(1.0), [*[0.0] * 80, *flat(50.0)[80:]]
    assert not judge({"small": small, "later": later}, START, ASKED, [])
    with pytest.raises(ValueError, match="nothing is told about a in 2024-06"):
        judge({"a": flat(10.0)}, START, ASKED, forecasts(310.0, 305.0, 315.0)[:3])


def test_a_month_that_is_not_over_is_left_out():
    groups = {"a": flat(10.0)[: (date(2024, 4, 20) - START).days]}
    assert [one.ahead for one in judge(groups, START, ASKED, forecasts(310.0, 305.0, 315.0))] == [0]


def test_without_the_recorded_answer_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("FARTHING_SHARED_DATA", str(tmp_path))
    assert real.report_real([]).startswith("skipped: ")


def test_a_printed_forecast_is_read():
    line = {"month": "2024-03", "mean": "310", "lo80": "300", "hi80": "320.5", "lo95": "290", "hi95": "330"}
    assert read_forecast(line) == Forecast(MONTHS[0], TOTAL, 310.0, (300.0, 320.5), (290.0, 330.0))
    assert read_forecast({**line, "ServiceName": "a"}).group == "a"


def test_an_answer_of_others_is_read():
    line = {"as_of": "2024-03-11", "month": "2024-03", "mean": 310, "lo80": 1, "hi80": 2, "lo95": 0, "hi95": 3}
    lines = [json.dumps(one) for one in (line, {**line, "ServiceName": "a"}, {"as_of": "2024-03-11", "seconds": 1.5})]
    told, seconds = read_answer(lines)
    assert [one.group for one in told] == [TOTAL, "a"]
    assert seconds == 1.5


class LastMonth:
    """Stands for other people's libraries: answers from the file, and from nothing after the date."""

    missing = False

    def run(self, script, arguments, given):
        """A picture: of whom and of what."""
        assert (script.name, arguments) == ("plots.py", ["lines"])
        return " ".join(next(iter(json.loads(given)["panels"].values())))

    def run_each(self, script, asked, given):
        assert script.name == "others.py"
        return ["\n".join(self.answer(date.fromisoformat(as_of), given)) for _, as_of in asked]

    def answer(self, as_of, given):
        sums = defaultdict(float)
        for row in csv.DictReader(given.splitlines()):
            if row["ChargePeriodStart"] < as_of.isoformat():
                for group in (row["ServiceName"], TOTAL):
                    sums[group] += float(row["BilledCost"]) / 5
        for month in months_from(as_of):
            for group, mean in sums.items():
                name = {"ServiceName": group} if group else {}
                bounds = {"lo80": 0, "hi80": mean, "lo95": 0, "hi95": 2 * mean}
                yield json.dumps(
                    {"as_of": as_of.isoformat(), "month": f"{month:%Y-%m}", "mean": mean, **name, **bounds}
                )
        yield json.dumps({"as_of": as_of.isoformat(), "seconds": 0.5})


def test_everybody_is_scored_on_the_same_months_of_the_same_groups():
    forecasters = [*PLAIN, *others(LastMonth())]
    results, spent = forecast.run([1, 2], forecasters, categories=False, smoke=True)
    assert list(results) == list(spent) == [*plain.PLAIN, *OTHERS_NAMES]
    targets = [[one._replace(told=None) for one in judged] for judged in results.values()]
    assert len(targets[0]) > 2 * len(KNOWN) * 4
    assert all(one == targets[0] for one in targets)
    assert {one.known for one in targets[0]} == set(KNOWN)
    for name in OTHERS_NAMES:
        assert [one.seconds for one in spent[name]] == [0.5 * len(KNOWN)] * 2
        assert [one.forecasts for one in spent[name]] == [one.forecasts for one in spent["run-rate"]]


TITLES = ("Without ChargeCategory", "With ChargeCategory", "Other people's forecasters", "A real account")


@pytest.fixture
def page(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("".join(f"<!-- {title} -->\nas it was\n<!-- /{title} -->\n" for title in TITLES))
    monkeypatch.setattr(forecast, "PAGE", page)
    monkeypatch.setattr(forecast, "WHOLE", Parameters(series=8, days=400))
    monkeypatch.setattr(forecast, "of_options", lambda *_: LastMonth())
    monkeypatch.setenv("FARTHING_SHARED_DATA", str(tmp_path))
    return page


def sections(page):
    return re.findall(r"<!-- [^/].*? -->\n(.*?)<!-- /", page.read_text(), re.DOTALL)


def test_other_people_have_their_own_seeds_and_section(page):
    forecast.main(["--no-own", "--docs", "--seeds", "1,2", "--other-seeds", "2", "--others", "MSTL"])
    without, with_category, theirs, real_account = sections(page)
    assert "Seeds 1, 2.\n" in without
    assert "MSTL" not in without
    assert "Seeds 2.\n" in theirs
    for name in (*plain.PLAIN, "MSTL"):
        assert theirs.count(f"| {name}, the total |") == 1 + (name == "MSTL")  # the second is of its intervals
    assert "(forecast-others-error.svg)" in theirs
    assert (page.parent / "forecast-others-error.svg").read_text() == " ".join([*plain.PLAIN, "MSTL"])
    assert (page.parent / "forecast-others-coverage.svg").read_text() == "MSTL"
    assert with_category == "as it was\n"
    assert "skipped" in real_account


@pytest.mark.parametrize("given", [["--seeds", "", "--other-seeds", "2"], ["--seeds", "2", "--others", ""]])
def test_a_section_without_seeds_or_forecasters_stays_as_it_is(page, given, capsys):
    forecast.main(["--no-own", "--docs", *given])
    without, _, theirs, _ = sections(page)
    assert (without == "as it was\n", theirs == "as it was\n") == (given[1] == "", given[3] == "")
    assert ("skipped: statsforecast and Prophet (--others)" in capsys.readouterr().out) == (given[3] == "")


def test_the_time_of_a_forecast():
    text = tables.times({"one": [Spent(3.0, 1000), Spent(9.0, 1000)]})
    assert text.endswith("| one | 2,000 | 6.0 | 3.0 | 9.0 |")


def test_parts_that_do_not_add_up_are_noticed():
    told = [Forecast(MONTHS[0], "a", 10.0), Forecast(MONTHS[0], "b", 5.0), Forecast(MONTHS[0], TOTAL, 14.0)]
    assert incoherence(told) == 1


def test_the_tables():
    groups = {"a": flat(10.0), TOTAL: flat(10.0), "Tax": flat(5.0)}
    results = {"one": []}
    for known in KNOWN:
        asked = Asked(date(2024, 3, 1) + timedelta(days=known), known)
        told = [one._replace(group=group) for group in groups for one in forecasts(310.0, 305.0, 315.0)]
        results["one"] += judge(groups, START, asked, told)
    text = tables.errors(results)
    assert "| one, the total | 0.0 | 0.0 | 0.0 | 0.0 | 0.0 | 3.3 | 0.0 | 3.3 |" in text
    assert "| one, tax, support, marketplace | 100.0 |" in text
    covered = tables.coverage(results)
    assert (
        "| one, services of usage | 100.0 | 100.0 | 100.0 | 100.0 | 100.0 | 100.0 | 3.2 | 33.3 | 100.0 | 3.3 |"
        in covered
    )
    without = {"one": [one._replace(told=one.told._replace(in80=None, in95=None)) for one in results["one"]]}
    assert tables.errors(without) == text
    assert "one" not in tables.coverage(without)
