"""`farthing budgets` as a person and a program see it."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from tests.fakes import DEV, EC2, PROD, S3, TODAY, ago, report
from tests.unit.test_budgeting import lens, watched

from farthing import cli
from farthing.ledger.folder import FolderStore
from farthing.ledger.reports import Reports
from farthing.model import Estimate

TOML = """
[[budgets]]
name = "everything we run"
amount = 300
[[budgets]]
name = "s3"
amount = 100
where = "service:S3"
"""
CREDITS = """
[[credits]]
name = "activate"
balance = 500
as_of = 2026-11-01
expires = 2026-12-31
"""


@pytest.fixture
def ledger(tmp_path):
    store = FolderStore(tmp_path / "ledger")
    for age in range(1, 31):
        Reports(store).write(report(ago(age), {(EC2, PROD): "8", (S3, DEV): "2"}))
    return store


@pytest.fixture
def farthing(capsys, monkeypatch):
    monkeypatch.setenv("FARTHING_TODAY", TODAY.isoformat())
    monkeypatch.setattr("farthing.signals.forecast.estimate", lambda *_, **__: None)

    def run(*arguments, toml=TOML):
        Path("farthing.toml").write_text(toml)
        capsys.readouterr()
        code = cli.run(["budgets", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def cells(out):
    return [line.split() for line in out.splitlines() if line.strip()]


def test_the_table(farthing, ledger):
    code, out, err = farthing()
    assert (code, err) == (0, "")
    rows = cells(out)
    assert rows[1] == ["Budget", "State", "Spent", "(USD)", "Of", "Used", "%", "Pace", "80", "%", "left"]
    assert rows[3] == ["everything", "we", "run", "within", "220.00", "300.00", "73.3", "220", "-", "8"]
    assert rows[4] == ["2026-11"]
    assert rows[5] == ["s3", "within", "44.00", "100.00", "44.0", "73.33", "-", "8"]
    assert out.rstrip().endswith("known up to 2026-11-22; the last 2 days still fill up")


def test_a_table_fits_eighty_columns(farthing, ledger, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = farthing(toml=TOML + CREDITS)
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out


def test_the_forecast_is_shown_with_its_interval(farthing, ledger, monkeypatch):
    told = Estimate(*map(Decimal, ("1310.4", "1290", "1330", "1280", "1340")))
    monkeypatch.setattr("farthing.signals.forecast.estimate", lambda *_, **__: told)
    code, out, _ = farthing("--fail-on-breach")
    assert code == 3
    assert "everything we run   will be over" in out
    assert "1,310" in out
    assert "1,290 to 1,330" in out
    _, out, _ = farthing("--json")
    assert json.loads(out)["budgets"][0]["forecast"]["lo80"] == "1290"


def test_how_long_days_fill_up_is_said_where_the_ledger_knows_it(farthing, tmp_path):
    watched(FolderStore(tmp_path / "ledger"))
    _, out, _ = farthing()
    assert "the last 2 days still fill up; nine of ten days here are filled 56 h after their end" in " ".join(
        out.split()
    )


def test_json(farthing, ledger):
    for age in range(1, 31):
        lens(ledger, ago(age), {(EC2, "Usage"): "20", (EC2, "Credit"): "-10"})
    code, out, err = farthing("--json", toml=TOML + CREDITS)
    assert (code, err) == (0, "")
    told = json.loads(out)
    first = told["budgets"][0]
    assert first["period"] == {"kind": "monthly", "name": "2026-11", "start": "2026-11-01", "end": "2026-12-01"}
    expected = {"spent": "220", "amount": "300", "used_percent": "73.3", "pace": "220", "days_left": 8}
    assert {key: first[key] for key in expected} == expected
    assert [(mark["percent"], mark["on"], mark["told"]) for mark in first["marks"]] == [("50", "actual", True)]
    assert Decimal(first["marks"][0]["threshold"]) == 150
    (runway,) = told["credits"]["runways"]
    assert (runway["credit"], runway["left"], runway["burn"], runway["days_left"]) == ("activate", "280", "10", 28)
    assert runway["reason"].endswith("it runs out on 2026-12-20, in 28 days")
    assert (told["maturation"]["points"], told["maturation"]["filling_hours"]) == ([], None)  # fetched at once
    assert told["problems"] == []


def test_credits_stand_below(farthing, ledger):
    for age in range(1, 31):
        lens(ledger, ago(age), {(EC2, "Usage"): "20", (EC2, "Credit"): "-10", (EC2, "Refund"): "-1"})
    code, out, _ = farthing(
        toml=CREDITS + '[[credits]]\nname = "s3"\nbalance = 9\nas_of = 2026-11-20\nwhere = "service:S3"'
    )
    assert code == 0
    rows = cells(out)
    assert ["activate", "280.00", "500.00", "10.00", "2026-12-20", "2026-12-31", "0.00", "28"] in rows
    assert ["s3", "9.00", "9.00", "0.00", "-", "-", "0.00", "-"] in rows
    summed = " ".join(out.split())
    assert (
        "the last 28 days: 560.00 USD before credits, 280.00 USD of credits, 28.00 USD of refunds, 252.00 USD" in summed
    )


def test_credits_that_no_entry_accounts_for_are_said(farthing, ledger):
    for age in range(1, 31):
        lens(ledger, ago(age), {(EC2, "Usage"): "20", (EC2, "Credit"): "-10"})
    _, out, _ = farthing(toml=CREDITS.replace("500", "100"))
    assert "credits paid 120.00 USD that no [[credits]] entry accounts for" in out


def test_credits_without_the_lens(farthing, ledger):
    code, out, err = farthing(toml=CREDITS)
    assert (code, out) == (0, "")
    assert "set FARTHING_LENSES=record-type for the next runs" in err


def test_fail_on_breach(farthing, ledger):
    assert farthing("--fail-on-breach")[0] == 0
    code, out, _ = farthing("--fail-on-breach", toml=TOML.replace("300", "219.99"))
    assert code == 3
    assert "over" in out
    assert farthing(toml=TOML.replace("300", "219.99"))[0] == 0


def test_nothing_is_set(farthing, ledger):
    code, out, err = farthing(toml="")
    assert (code, out) == (0, "")
    assert "no budget is set" in err
    assert json.loads(farthing("--json", toml="")[1])["budgets"] == []


def test_an_empty_ledger(farthing):
    code, out, err = farthing()
    assert code == 0
    assert "no data" in out
    assert "farthing: budget 's3': the ledger has no BilledCost of 2026-11" in err


def test_a_gap_a_month_without_amount_and_a_scope_of_nothing_are_said(farthing, ledger):
    Path("ledger/cost_data/daily", f"{ago(4)}.json").unlink()
    code, _, err = farthing(
        toml='[[budgets]]\nname = "a"\namounts = { "2026-12" = 5 }\n'
        '[[budgets]]\nname = "b"\namount = 5\nwhere = "service:Amazon*3"\n'
    )
    assert code == 0
    assert err.splitlines() == [
        "farthing: budget 'a': no amount is set for 2026-11",
        f"farthing: budget 'a': what is spent is without 1 day that the ledger lacks (from {ago(4)})",
        "farthing: budget 'b': nothing in 2026-11 matches 'service:Amazon*3'",
        f"farthing: budget 'b': what is spent is without 1 day that the ledger lacks (from {ago(4)})",
    ]


def test_two_currencies_fail_and_name_both(farthing, ledger):
    code, out, err = farthing(toml=TOML + '[[budgets]]\nname = "e"\namount = 1\ncurrency = "EUR"')
    assert code == 1
    assert "everything we run" in out
    assert err.startswith("farthing: the budget 'e' is in EUR, the bill of 2026-11-01 to 2026-12-01 in USD")


def test_every_wrong_table_is_told_at_once(farthing, ledger):
    code, out, err = farthing(toml='[[budgets]]\nname = "a"\n[[credits]]\nname = "b"\n')
    assert (code, out) == (2, "")
    file = Path("farthing.toml").resolve()
    assert err.startswith(f"farthing: 3 settings are wrong: budget 1 in {file} needs amount")
    assert "as_of of credits 1" in err


def test_as_of(farthing, ledger):
    _, out, _ = farthing("--as-of", "2026-11-11", "--json")
    assert json.loads(out)["budgets"][0]["spent"] == "100"
    assert farthing("--as-of", "yesterday")[0] == 2
