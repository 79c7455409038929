"""Bills that do not run from the first of a month to its end, and charges outside of their bill's days."""

import json

import pytest

from farthing.cli import run

from .conftest import Ledger, as_csv, row


@pytest.fixture
def take(tmp_path, monkeypatch):
    monkeypatch.setenv("FARTHING_HOME", str(tmp_path / "ledger"))
    monkeypatch.setenv("FARTHING_TODAY", "2027-04-01")
    ledger = Ledger(tmp_path / "ledger")

    def taken(*rows):
        path = tmp_path / f"{len(ledger.slices())}.csv"
        path.write_text(as_csv(*rows))
        return ledger.take(path)

    return taken


@pytest.fixture
def billed(capsys):
    def asked(period: str, *more: str) -> dict[str, str]:
        code = run(["report", "--period", period, "--by", "day", "--json", *more])
        told = capsys.readouterr()
        assert code == 0, told.err
        return {one["ChargePeriodStart"]: one["BilledCost"] for one in json.loads(told.out)["rows"]}

    return asked


def on(day: str, cost: str, start: str, end: str, **more: str) -> dict[str, str | None]:
    return row(ChargePeriodStart=day, BilledCost=cost, BillingPeriodStart=start, BillingPeriodEnd=end, **more)


def test_a_bill_from_the_12th_to_the_12th(take, billed):
    period = ("2026-09-12", "2026-10-12T00:00:00Z")
    azure = {"ProviderName": "Microsoft"}
    done = take(
        on("2026-09-12", "1", *period, **azure),
        on("2026-10-05", "2", *period, **azure),
        on("2026-10-11T23:00:00Z", "4", *period, **azure),
    )
    assert str(done.slices[0].ends) == "2026-10-12"
    assert billed("2026-09") == {"2026-09-12": "1"}
    assert billed("2026-10") == {"2026-10-05": "2", "2026-10-11": "4"}


def test_a_bill_of_a_quarter_that_names_its_last_second(take, billed):
    period = ("2026-07-01", "2026-09-30T23:59:59Z")
    done = take(on("2026-07-05", "1", *period), on("2026-08-05", "2", *period), on("2026-09-30", "4", *period))
    assert str(done.slices[0].days) == "2026-07-01 to 2026-10-01"
    assert billed("2026-08") == {"2026-08-05": "2"}
    assert billed("2026-Q3") == {"2026-07-05": "1", "2026-08-05": "2", "2026-09-30": "4"}


def test_a_bill_that_does_not_say_when_it_ends_ends_with_its_month(take):
    done = take(row(BillingPeriodEnd=None))
    assert done.slices[0].ends is None
    assert str(done.slices[0].days) == "2026-10-01 to 2026-11-01"


def test_charges_before_and_after_their_bill_are_told_on_their_days(take, billed):
    october = ("2026-10-01", "2026-11-01")
    take(
        on("2026-09-28", "1", *october),
        on("2026-10-31", "2", *october),
        on("2026-11-02", "4", *october),
        on("2027-03-01", "8", *october),
    )
    assert billed("2026-09") == {"2026-09-28": "1"}
    assert billed("2026-11") == {"2026-11-02": "4"}
    assert billed("2027-03") == {"2027-03-01": "8"}
    assert billed("2026-10-01..2026-11-03") == {"2026-10-31": "2", "2026-11-02": "4"}


def test_a_stray_charge_in_another_currency_is_not_added_up(take, capsys):
    take(on("2026-09-05", "5", "2026-09-01", "2026-10-01", BillingCurrency="EUR"))
    take(on("2026-09-28", "1", "2026-10-01", "2026-11-01"))
    assert run(["report", "--period", "2026-09"]) == 1
    assert "EUR and USD cannot be added up" in capsys.readouterr().err


def test_a_stray_charge_does_not_make_its_day_known(take, capsys):
    take(on("2026-09-28", "1", "2026-10-01", "2026-11-01"), on("2026-10-31", "1", "2026-10-01", "2026-11-01"))
    assert run(["report", "--period", "2026-09", "--by", "day"]) == 0
    assert "30 days of the period are not in the ledger" in capsys.readouterr().err
