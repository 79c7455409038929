"""`farthing anomalies` as a person and a program see it.

FARTHING_UPDATE_GOLDEN=1 rewrites the files in tests/golden/anomalies/; read the difference before you keep it.
"""

import csv
import json
import os
import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.fakes import report
from tests.unit.signals.spend import days, every_month, plus, times, usage

from farthing import cli
from farthing.ledger.folder import FolderStore
from farthing.ledger.reports import Reports

GOLDEN = Path(__file__).parents[2] / "golden" / "anomalies"
SHARED = Path(os.environ.get("FARTHING_SHARED_DATA") or Path(__file__).parents[4] / "shared" / "data")
RECORDED = SHARED / "cost-explorer-daily-by-service-86d.json"
DAY = date(2026, 4, 15)
TODAY = date(2026, 7, 20)
PLAIN = re.compile(r"-?\d+(\.\d*[1-9])?")
KEYS = [
    *("ServiceName", "SubAccountId", "actual", "date", "excess", "expected"),
    *("first_day", "incident", "kind", "lower", "upper"),
]


@pytest.fixture
def farthing(capsys, monkeypatch):
    monkeypatch.setenv("FARTHING_TODAY", TODAY.isoformat())

    def run(*arguments):
        capsys.readouterr()
        code = cli.run(["anomalies", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def write(path, leaves, columns=("ChargePeriodStart", "ServiceName", "SubAccountId", "ChargeCategory", "BilledCost")):
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        for (service, account, category), spend in leaves.items():
            for day, amount in spend.items():
                row = {"ChargePeriodStart": day, "ServiceName": service, "SubAccountId": account}
                row |= {"ChargeCategory": category, "BilledCost": f"{amount:.4f}"}
                rows.writerow([row[name] for name in columns])
    return path


def mixed():
    """A leaf for each case that has to come out right."""
    calm = [usage(150, 100.0 * (1 + seed), seed=seed) for seed in range(20)]
    return {
        ("Calm", "1", ""): calm[0],
        ("Spike", "1", ""): times(calm[1], DAY, DAY, 2.0),
        ("Shift", "1", ""): times(calm[2], DAY, date.max, 1.5),
        ("Ramp", "1", ""): {d: a * (1 + 0.025 * max(0, min(30, (d - DAY).days))) for d, a in calm[3].items()},
        ("Drop", "1", ""): times(calm[4], DAY, DAY + timedelta(3), 0.2),
        ("Gone", "1", ""): {d: a for d, a in calm[5].items() if d < DAY},
        ("New", "1", ""): {d: a for d, a in calm[6].items() if d >= DAY},
        ("Month-start fees", "1", ""): every_month(calm[7], {1: 400.0, 2: 150.0}),
        ("AWS Support (Business)", "1", ""): {d: 300.0 for d in calm[0] if d.day == (6 if d.month % 2 else 7)},
        ("Tax", "1", ""): {d: 120.0 for d in calm[0] if d.day == 3},
        ("Categories", "1", "Usage"): times(calm[8], date(2026, 5, 1), date(2026, 5, 1), 2.0),
        ("Categories", "1", "Tax"): {d: 900.0 for d in calm[0] if d.day == 1},
        ("Categories", "1", "Credit"): {d: -200.0 for d in calm[0] if d.day == 1},
        ("Refund in between", "1", ""): plus(calm[9], {DAY: -5000.0}),
        ("Holiday", "1", ""): times(calm[10], DAY, DAY, 0.7),
        ("Zero", "1", ""): dict.fromkeys(calm[0], 0.0),
        ("Gap", "1", ""): {d: a for d, a in calm[11].items() if not DAY <= d <= DAY + timedelta(1)},
        ("Two accounts", "1", ""): times(calm[12], DAY, DAY, 2.0),
        ("Two accounts", "2", ""): times(calm[12], DAY, DAY, 0.1),
    }


def test_the_golden_replay(farthing):
    given, expected = GOLDEN / "mixed.csv", GOLDEN / "mixed.jsonl"
    if os.environ.get("FARTHING_UPDATE_GOLDEN") == "1":
        write(given, mixed())

    code, out, err = farthing("--series", given, "--replay", "--json")

    if os.environ.get("FARTHING_UPDATE_GOLDEN") == "1":
        expected.write_text(out)
    assert (code, err) == (0, "")
    assert out == expected.read_text()
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(one["ServiceName"], one["kind"]) for one in sorted(lines, key=lambda one: one["ServiceName"])] == [
        ("Categories", "spike"),
        ("Drop", "drop"),
        ("Gone", "gone"),
        ("New", "new"),
        ("Ramp", "ramp"),
        ("Shift", "spike"),
        ("Spike", "spike"),
        ("Two accounts", "spike"),
        ("Two accounts", "drop"),
    ]
    for one in lines:
        assert list(one) == KEYS
        actual, expected_amount, lower, upper, excess = (
            Decimal(one[name]) for name in ("actual", "expected", "lower", "upper", "excess")
        )
        assert excess == actual - expected_amount
        assert lower <= expected_amount <= upper
        assert all(PLAIN.fullmatch(one[name]) for name in ("actual", "expected", "lower", "upper", "excess"))
    assert len({one["incident"] for one in lines}) == len(lines)


def test_the_actual_amount_is_the_files_own(farthing, tmp_path):
    spend = usage(60)
    path = write(tmp_path / "a.csv", {("S3", "", ""): spend}, ("ChargePeriodStart", "ServiceName", "BilledCost"))
    day = max(spend) + timedelta(days=1)
    with path.open("a") as file:
        file.write(f"{day},S3,250.000000000000000001\n{day},S3,1000000.1\n")

    code, out, _ = farthing("--series", path, "--replay", "--json")

    assert code == 0
    line = json.loads(out)
    assert (line["date"], line["actual"], line["SubAccountId"]) == (str(day), "1000250.100000000000000001", "")
    assert Decimal(line["excess"]) == Decimal(line["actual"]) - Decimal(line["expected"])


def test_days_that_follow_change_no_line(farthing, tmp_path):
    leaves = mixed()
    whole = farthing("--series", write(tmp_path / "whole.csv", leaves), "--replay", "--json")[1].splitlines()
    end = DAY + timedelta(5)
    start = {leaf: {day: amount for day, amount in spend.items() if day < end} for leaf, spend in leaves.items()}

    part = farthing("--series", write(tmp_path / "part.csv", start), "--replay", "--json")[1].splitlines()

    assert part
    assert part == [line for line in whole if json.loads(line)["date"] < str(end)]


def test_without_replay_what_is_open_on_the_last_day(farthing, tmp_path):
    spend = usage(100)
    last = max(spend)
    leaves = {
        ("EC2", "1", ""): times(spend, last - timedelta(1), last, 2.0),
        ("S3", "1", ""): times(spend, last - timedelta(20), last - timedelta(20), 2.0),
    }
    path = write(tmp_path / "a.csv", leaves)

    found = json.loads(farthing("--series", path, "--json")[1])
    every = json.loads(farthing("--series", path, "--json", "--all")[1])

    assert [(one["root_cause"][0]["ServiceName"], one["state"], one["days"]) for one in found] == [("EC2", "open", 2)]
    assert [(one["root_cause"][0]["ServiceName"], one["state"]) for one in every] == [
        ("S3", "resolved"),
        ("EC2", "open"),
    ]
    assert found[0]["BillingCurrency"] == "USD"


def test_a_table_for_people(farthing, tmp_path):
    path = write(tmp_path / "a.csv", {("EC2", "1", ""): times(usage(120), DAY, DAY + timedelta(20), 2.0)})

    code, out, _ = farthing("--series", path, "--replay")

    assert code == 0
    assert "EC2 in 1" in out.split("\n")[4]
    assert "is usual); high since 2026-04-" in out
    quiet = farthing("--series", write(tmp_path / "b.csv", {("EC2", "1", ""): usage(100)}))
    assert quiet == (0, "", "no incident is open\n")


def test_a_narrow_terminal_shows_the_root_cause_and_every_figure(farthing, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    name = "Amazon Elastic Compute Cloud - Compute"
    file = write(tmp_path / "a.csv", {(name, "111122223333", ""): plus(usage(120), {DAY: 12345.0})})
    code, out, _ = farthing("--series", file, "--all")
    assert code == 0
    table = out[: out.index(f"{name} in 1111")].splitlines()
    assert max(map(len, table)) <= 80
    assert all(word in out for word in ("Amazon Elastic", "111122223333", "spike", str(DAY), "USD", "%"))
    assert re.search(r"\+\d+,\d{3}\.\d\d", out)


def test_what_is_learning_is_said(farthing, tmp_path):
    path = write(tmp_path / "a.csv", {("EC2", "1", ""): usage(9)})

    assert farthing("--series", path, "--json") == (
        0,
        "[]\n",
        "learning: 1 series with less than ten days of history\n",
    )


def test_a_file_without_rows_is_fine(farthing, tmp_path):
    path = write(tmp_path / "a.csv", {})

    assert farthing("--series", path, "--replay", "--json") == (0, "", "")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            b"ChargePeriodStart,ServiceName,BilledCost\n2026-01-01,S3,x\n",
            "a.csv, line 2: BilledCost: 'x' is not an amount",
        ),
        (b"a,b\n", "a.csv, line 1: the header has no ChargePeriodStart"),
        (b"ChargePeriodStart,ServiceName,BilledCost\n2026-01-01,\xff\xfe,1\n", "a.csv, line 1: it is not UTF-8 text"),
    ],
)
def test_a_bad_file_is_one_line(farthing, tmp_path, content, says):
    path = tmp_path / "a.csv"
    path.write_bytes(content)

    code, out, err = farthing("--series", path, "--replay", "--json")

    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


def test_a_file_that_is_not_there_is_one_line(farthing, tmp_path):
    for path, says in ((tmp_path / "no.csv", "No such file"), (tmp_path, "directory")):
        code, _, err = farthing("--series", path)

        assert code == 2
        assert f"{path}: it cannot be read: " in err
        assert says in err


def test_replay_needs_a_file(farthing):
    code, _, err = farthing("--replay")

    assert code == 2
    assert "--series" in err


# The ledger


def fill(home, leaves, metrics=("BilledCost", "EffectiveCost")):
    reports = Reports(FolderStore(home))
    for day in days(120, TODAY - timedelta(120)):
        amounts = {leaf: f"{spend[day]:.6f}" for leaf, spend in leaves.items()}
        fresh = report(day, amounts)
        reports.write(fresh)


def test_the_ledgers_open_incidents(farthing, tmp_path):
    start = TODAY - timedelta(120)
    calm = usage(120, start=start)
    settled = TODAY - timedelta(3)
    leaves = {
        ("EC2", "1"): times(calm, settled - timedelta(2), TODAY, 3.0),
        ("EBS", "1"): times(calm, settled - timedelta(2), TODAY, 1.5),
        ("S3", "1"): times(calm, TODAY - timedelta(2), TODAY, 0.1),
        ("Lambda", "2"): times(calm, TODAY - timedelta(15), TODAY - timedelta(15), 2.0),
    }
    fill(tmp_path / "ledger", leaves)

    code, out, err = farthing("--json")

    (incident,) = json.loads(out)
    assert code == 0
    assert err == "1 incident over since; --all shows them\n"
    assert (incident["kind"], incident["first_day"], incident["days"]) == ("spike", str(settled - timedelta(2)), 5)
    assert [part["ServiceName"] for part in incident["root_cause"]] == ["EC2"]
    assert incident["others"] == 1
    newest = TODAY - timedelta(1)
    assert Decimal(incident["actual"]) == sum(
        Decimal(f"{leaves[leaf][newest]:.6f}") for leaf in (("EC2", "1"), ("EBS", "1"))
    )
    assert Decimal(incident["excess"]) == Decimal(incident["actual"]) - Decimal(incident["expected"])
    assert "Lambda in 2" in farthing("--all")[1]
    assert json.loads(farthing("--json", "--all", "--days", "5")[1]) == [incident]


def test_every_amount_can_be_worked_out_from_what_json_prints(farthing, tmp_path):
    start = TODAY - timedelta(120)
    since, until = TODAY - timedelta(8), TODAY - timedelta(3)
    calm = {f"service {number}": usage(120, 50.0 * (1 + number), start=start, seed=number) for number in range(6)}
    leaves = {
        (name, "1"): times(spend, since, until, 1.5 + 0.4 * number) for number, (name, spend) in enumerate(calm.items())
    }
    leaves["service 0", "2"] = times(calm["service 0"], since, until, 0.1)
    leaves["service 9", "3"] = {day: amount if day >= since else 0.0 for day, amount in calm["service 1"].items()}
    fill(tmp_path / "ledger", leaves)

    incidents = json.loads(farthing("--json", "--all")[1])

    assert {(one["kind"], one["rises"]) for one in incidents} == {("spike", True), ("drop", False), ("new", True)}
    assert max(one["others"] for one in incidents) > 0
    for one in incidents:
        parts, by_day = one["root_cause"], one["by_day"]
        money = {
            name: Decimal(value) for name, value in one.items() if isinstance(value, str) and PLAIN.fullmatch(value)
        }
        total = {
            name: sum((Decimal(part[name]) for part in parts), Decimal()) for name in ("actual", "expected", "excess")
        }
        assert money["actual"] == total["actual"] + money["others_actual"]
        assert money["expected"] == total["expected"] + money["others_expected"]
        assert money["excess"] == money["actual"] - money["expected"]
        assert abs(total["excess"]) >= Decimal("0.8") * abs(money["excess"])
        assert money["excess_month"] == 30 * money["excess"]
        assert money["excess_so_far"] == sum(Decimal(daily["excess"]) for daily in by_day)
        if money["expected"]:
            percent = 100 * money["excess"] / money["expected"]
            assert abs(money["excess_percent"] - percent) <= Decimal("0.05")
        else:
            assert one["excess_percent"] is None
        newest = by_day[-1]
        assert newest["day"] == one["day"]
        for amounts in (*parts, *by_day):
            assert Decimal(amounts["excess"]) == Decimal(amounts["actual"]) - Decimal(amounts["expected"])
        # What was spent is what the reports say, to the last decimal.
        spent = sum(
            Decimal(f"{leaves[part['ServiceName'], part['SubAccountId']][date.fromisoformat(one['day'])]:.6f}")
            for part in parts
        )
        assert total["actual"] == spent


def test_an_empty_ledger_says_so(farthing):
    assert farthing("--json") == (0, "[]\n", "the ledger has no day yet: farthing collect, or farthing backfill\n")


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded Cost Explorer answer is not beside the checkout")
def test_a_real_small_account_has_few_alarms(farthing, tmp_path):
    rows = ["ChargePeriodStart,ServiceName,BilledCost"]
    for result in json.loads(RECORDED.read_text())["ResultsByTime"]:
        for group in result["Groups"]:
            (metric,) = group["Metrics"].values()
            rows.append(f'{result["TimePeriod"]["Start"]},"{group["Keys"][0]}",{metric["Amount"]}')
    path = tmp_path / "recorded.csv"
    path.write_text("\n".join(rows))

    code, out, _ = farthing("--series", path, "--replay", "--json")

    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    # 33 services, 86 days: the cluster that was tried out, three times as much tax as the month before.
    assert 3 <= len(lines) <= 10
    assert {(one["date"], one["ServiceName"]) for one in lines} >= {("2024-04-01", "Tax")}
    assert all(abs(Decimal(one["excess"])) >= 1 for one in lines)
