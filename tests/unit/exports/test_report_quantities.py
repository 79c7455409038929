"""`farthing report --metric quantity`: amounts that are no money, and have no sum over several units."""

import json
from collections.abc import Callable

import pytest

from farthing.cli import run

from .conftest import Ledger, as_csv, row


@pytest.fixture
def asked(tmp_path, monkeypatch, capsys) -> Callable[..., str]:
    monkeypatch.setenv("FARTHING_HOME", str(tmp_path / "ledger"))
    monkeypatch.setenv("FARTHING_TODAY", "2026-11-24")
    path = tmp_path / "a.csv"
    path.write_text(
        as_csv(
            row(PricingQuantity="3", PricingUnit="Hours"),
            row(PricingQuantity="40", PricingUnit="GB"),
            row(PricingQuantity="5", PricingUnit="Hours"),
        )
    )
    Ledger(tmp_path / "ledger").take(path)

    def answered(*arguments: str) -> str:
        code = run(["report", "--period", "2026-10", "--by", "unit", "--metric", "quantity", *arguments])
        told = capsys.readouterr()
        assert code == 0, told.err
        out: str = told.out
        return out

    return answered


def test_hours_and_gigabytes_have_no_total_and_no_currency(asked):
    out = asked()
    assert "48.00" not in out
    assert "USD" not in out
    assert "Share" not in out
    assert [line.split() for line in out.splitlines() if line.startswith(" Total")] == [["Total", "-"]]
    assert asked("--format", "md").splitlines()[-4] == "| **Total** | **-** |"
    assert asked("--top", "1").splitlines()[4].split() == ["other", "(1", "more)", "-"]


def test_json_leaves_the_sum_of_several_units_out(asked):
    assert json.loads(asked("--metric", "billed", "--json"))["totals"] == {"BilledCost": "3.75"}
    compared = json.loads(asked("--compare", "2026-10-05", "--json"))
    assert (compared["totals"], compared["compare"]["totals"], compared["compare"]["change"]) == ({}, {}, {})


def test_one_unit_has_a_total(asked):
    out = asked("--where", "unit:Hours")
    assert [line.split() for line in out.splitlines() if line.startswith(" Total")] == [["Total", "8.00", "100.0", "%"]]
    assert json.loads(asked("--where", "unit:Hours", "--json"))["totals"] == {"PricingQuantity": "8"}


def test_two_periods_of_several_units(asked):
    out = asked("--compare", "2026-10-05")
    total = next(line for line in out.splitlines() if line.startswith(" Total"))
    assert total.split() == ["Total", "-", "-", "-", "-"]
