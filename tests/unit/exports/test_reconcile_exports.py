"""`farthing reconcile --exports`, as it is typed."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from farthing.cli import run
from farthing.ledger.folder import FolderStore
from farthing.ledger.reports import Reports
from farthing.model import Charge, Source, daily_report

from .conftest import as_csv, row

SOURCE = Source("cost-explorer", ("ServiceName", "SubAccountId"))


@pytest.fixture
def ledger_home(tmp_path, monkeypatch):
    monkeypatch.setenv("FARTHING_TODAY", "2026-11-24")
    seen = datetime(2026, 10, 9, tzinfo=UTC)
    reports = Reports(FolderStore(tmp_path / "ledger"))
    for number, amount in ((5, "1.25"), (6, "9")):
        charge = Charge(("Amazon Simple Storage Service", "111122223333"), None, (Decimal(amount),))
        day = date(2026, 10, number)
        fresh = daily_report(
            day,
            currency="USD",
            estimated=False,
            collected_at=seen,
            metrics=("BilledCost",),
            charges=[charge],
            source=SOURCE,
        )
        reports.write(fresh, seen)
    return tmp_path


def test_the_days_that_both_have(ledger_home, capsys):
    path = ledger_home / "october.csv"
    last = row(ChargePeriodStart="2026-10-31T00:00:00Z", BilledCost="0")
    path.write_text(as_csv(row(), row(ChargePeriodStart="2026-10-06T00:00:00Z", BilledCost="10"), last))
    assert run(["import", str(path)]) == 0
    capsys.readouterr()
    assert run(["reconcile", "--exports", "--period", "2026-10", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(one["day"], one["report"], one["export"], one["difference"]) for one in found["days"]] == [
        ("2026-10-05", "1.25", "1.25", "0"),
        ("2026-10-06", "9", "10", "1"),
    ]
    assert (found["equal"], found["differences"]["BilledCost"]) == (False, "1")
    assert run(["reconcile", "--exports", "--period", "2026-10"]) == 1
    assert "2 days in both, 1 with a difference" in capsys.readouterr().out
    assert run(["reconcile", "--exports", "--period", "2026-10-05"]) == 0


def test_nothing_in_common_is_said(ledger_home, capsys):
    assert run(["reconcile", "--exports", "--period", "2026-10"]) == 2
    assert "import one" in capsys.readouterr().err
