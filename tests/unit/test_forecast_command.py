"""`farthing forecast` as a person and a program see it.

FARTHING_UPDATE_GOLDEN=1 rewrites the files in tests/golden/forecast/; read the difference before you keep it.
"""

import csv
import json
import os
import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from tests.fakes import report
from tests.unit.signals.spend import days, every_month, times, usage

from farthing import cli
from farthing.ledger.folder import FolderStore
from farthing.ledger.reports import Reports

GOLDEN = Path(__file__).parents[1] / "golden" / "forecast"
TODAY = date(2026, 7, 20)
PLAIN = re.compile(r"-?\d+(\.\d*[1-9])?")
BOUNDS = ("lo95", "lo80", "mean", "hi80", "hi95")


@pytest.fixture
def farthing(capsys, monkeypatch):
    monkeypatch.setenv("FARTHING_TODAY", TODAY.isoformat())

    def run(*arguments):
        capsys.readouterr()
        code = cli.run(["forecast", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def write(path, leaves):
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("ChargePeriodStart", "ServiceName", "SubAccountId", "ChargeCategory", "BilledCost"))
        for (service, account, category), spend in leaves.items():
            rows.writerows((day, service, account, category, f"{amount:.4f}") for day, amount in spend.items())
    return path


def mixed():
    """A leaf for each case that has to come out right."""
    calm = [usage(200, 100.0 * (1 + seed), seed=seed) for seed in range(6)]
    return {
        ("Calm", "1", ""): calm[0],
        ("Shift", "1", ""): times(calm[1], date(2026, 5, 11), date.max, 1.5),
        ("Gone", "1", ""): {day: a for day, a in calm[2].items() if day < date(2026, 5, 1)},
        ("New", "1", ""): {day: a for day, a in calm[3].items() if day >= date(2026, 5, 29)},
        ("Fees", "1", ""): every_month(calm[4], {1: 400.0, 2: 150.0}),
        ("Tax", "1", ""): {day: 120.0 for day in calm[0] if day.day == 3},
        ("AWS Support (Business)", "1", ""): {day: 300.0 for day in calm[0] if day.day == (6 if day.month % 2 else 7)},
        ("Categories", "1", "Usage"): calm[5],
        ("Categories", "1", "Credit"): {day: -200.0 for day in calm[0] if day.day == 1},
        ("Zero", "1", ""): dict.fromkeys(calm[0], 0.0),
    }


def test_the_golden_lines(farthing, tmp_path):
    code, out, _ = farthing("--series", write(tmp_path / "mixed.csv", mixed()), "--as-of", "2026-06-05", "--json")
    assert code == 0
    golden = GOLDEN / "mixed.jsonl"
    if os.environ.get("FARTHING_UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(out, encoding="utf-8")
    told, wanted = ([json.loads(line) for line in text.splitlines()] for text in (out, golden.read_text("utf-8")))
    for one, other in zip(told, wanted, strict=True):
        # Pythons add doubles up in different ways since 3.12.
        assert amounts(one) == pytest.approx(amounts(other), abs=0.001)
        assert {**one, **dict.fromkeys(BOUNDS)} == {**other, **dict.fromkeys(BOUNDS)}


def amounts(line):
    return [float(line[name]) for name in BOUNDS]


def test_lines_for_machines(farthing, tmp_path):
    _, out, _ = farthing("--series", write(tmp_path / "mixed.csv", mixed()), "--as-of", "2026-06-05", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["month"] for line in lines} == {"2026-06", "2026-07", "2026-08", "2026-09"}
    for line in lines:
        assert set(line) - {"ServiceName", "learning"} == {"month", *BOUNDS}
        assert all(PLAIN.fullmatch(line[name]) for name in BOUNDS)
        assert sorted(Decimal(line[name]) for name in BOUNDS) == [Decimal(line[name]) for name in BOUNDS]
    june = [line for line in lines if line["month"] == "2026-06"]
    total = [line for line in june if "ServiceName" not in line]
    assert len(total) == 1
    assert Decimal(total[0]["mean"]) == sum(Decimal(line["mean"]) for line in june if "ServiceName" in line)
    assert [line["ServiceName"] for line in june if line.get("learning")] == ["New"]


def test_rows_of_later_days_are_ignored(farthing, tmp_path):
    whole = mixed()
    known = {leaf: {day: a for day, a in one.items() if day < date(2026, 6, 5)} for leaf, one in whole.items()}
    told = [
        farthing("--series", write(tmp_path / name, one), "--as-of", "2026-06-05", "--json")
        for name, one in (("whole.csv", whole), ("known.csv", known))
    ]
    assert told[0] == told[1]


def test_without_a_day_the_file_is_forecast_as_of_its_end(farthing, tmp_path):
    _, out, _ = farthing("--series", write(tmp_path / "a.csv", {("Calm", "1", ""): usage(40)}), "--json")
    assert json.loads(out.splitlines()[0])["month"] == "2026-02"


def test_a_table_for_people(farthing, tmp_path):
    code, out, _ = farthing("--series", write(tmp_path / "mixed.csv", mixed()), "--as-of", "2026-06-05")
    assert code == 0
    assert "80% from" in out
    assert re.search(r"New .*learning", out)
    assert re.search(r"2026-07: [\d,.]+ USD \(80%: [\d,.]+ to [\d,.]+\)", out)


def test_short_histories_are_learning(farthing, tmp_path):
    file = write(tmp_path / "short.csv", {("Calm", "1", ""): usage(9)})
    assert farthing("--series", file, "--json") == (
        0,
        "",
        "learning: fewer than ten days are known before 2026-01-10, too few for a forecast\n",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--as-of", "2026-06-05"), "--as-of is for a file"),
        (("--series", "nowhere.csv"), "nowhere.csv: it cannot be read"),
        (("--series", "a.csv", "--as-of", "June"), "'June' is not a day"),
        (("--series", "a.csv", "--as-of", "9999-12-31"), "the year is not between 1970 and 8999"),
        (("--series", "a.csv", "--scorecard"), "leave --series out"),
        (("--series", "empty.csv"), "it has no rows"),
    ],
)
def test_wrong_use(farthing, tmp_path, arguments, said):
    write(tmp_path / "a.csv", {("Calm", "1", ""): usage(20)})
    write(tmp_path / "empty.csv", {})
    code, out, err = farthing(*arguments)
    assert (code, out) == (2, "")
    assert said in err


@pytest.fixture
def ledger(tmp_path):
    reports = Reports(FolderStore(tmp_path / "ledger"))
    for day in days(200):
        reports.write(report(day, {("Amazon EC2", "1"): "100", ("Amazon S3", "2"): "20.5"}))


def test_the_ledger_as_of_today(ledger, farthing):
    code, out, err = farthing()
    assert (code, err) == (0, "")
    assert "2026-07" in out
    assert re.search(r"Total +2,048.50 +3,735.\d\d ", out)
    assert re.search(r"Amazon EC2 .* \+3\.3", out)


def test_the_ledger_for_machines(ledger, farthing):
    _, out, _ = farthing("--json", "--by", "account", "--metric", "effective")
    told = json.loads(out)
    assert (told["as_of"], told["metric"], told["BillingCurrency"]) == ("2026-07-20", "EffectiveCost", "USD")
    first = told["rows"][:3]
    assert [line.get("SubAccountId") for line in first] == [None, "1", "2"]
    assert first[0]["to_date"] == "2048.5"


def test_looking_twice_keeps_one_forecast_and_the_scorecard_waits_for_months(ledger, farthing, tmp_path):
    farthing()
    farthing("--json")
    kept = list((tmp_path / "ledger" / "cost_data" / "events" / "2026-07-20").glob("forecast-*.json"))
    assert len(kept) == 1
    code, out, err = farthing("--scorecard")
    assert (code, out) == (0, "")
    assert "no month that was forecast is over yet" in err


def test_the_scorecard(ledger, farthing, tmp_path, monkeypatch):
    farthing()
    reports = Reports(FolderStore(tmp_path / "ledger"))
    for day in days(20, date(2026, 7, 20)):
        reports.write(report(day, {("Amazon EC2", "1"): "100", ("Amazon S3", "2"): "20.5"}))
    monkeypatch.setenv("FARTHING_TODAY", "2026-08-09")
    _, out, _ = farthing("--scorecard")
    assert re.search(r"total +15 to 19 +1 +0\.\d", out)
    _, out, _ = farthing("--scorecard", "--json")
    rows = json.loads(out)["rows"]
    assert [(row["of"], row["forecasts"]) for row in rows] == [("total", 1), ("services", 2)]
    assert set(rows[0]["baselines"]) == {"run-rate", "last-7 average", "seasonal naive"}


def test_an_empty_ledger(farthing):
    code, out, err = farthing("--json")
    assert (code, json.loads(out)["rows"]) == (0, [])
    assert "learning" in err
