"""`farthing explain`, as it is typed, over a billing export."""

import json
from decimal import Decimal

import pytest

from farthing.cli import run

from .conftest import as_csv, row


def charge(day: str, cost: str, quantity: str, **changes: str) -> dict[str, str | None]:
    return row(
        BillingPeriodStart=f"{day[:7]}-01",
        ChargePeriodStart=day,
        BilledCost=cost,
        PricingQuantity=quantity,
        PricingUnit="Hrs",
        **{"SkuId": "small", **changes},
    )


@pytest.fixture
def months(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FARTHING_TODAY", "2026-11-24")
    path = tmp_path / "months.csv"
    path.write_text(
        as_csv(
            charge("2026-09-01", "10", "100"),
            charge("2026-09-30", "4", "1", ServiceName="Amazon Athena"),
            charge("2026-10-01", "18", "150"),
            charge("2026-10-31", "7", "1", ServiceName="AWS Glue"),
        )
    )
    assert run(["import", str(path)]) == 0
    capsys.readouterr()


def test_price_volume_new_and_gone(months, capsys):
    assert run(["explain", "2026-10", "--against", "previous", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["ServiceName"]: one["effects"] for one in found["drivers"]} == {
        "AWS Glue": {"new": "7"},
        "Amazon Athena": {"gone": "-4"},
        "Amazon Simple Storage Service": {"price": "3", "volume": "5"},
    }
    assert (found["before"], found["after"], found["change"], found["currency"]) == ("14", "25", "11", "USD")
    assert sum(Decimal(one["change"]) for one in found["drivers"]) == 11
    assert sum(Decimal(amount) for amount in found["effects"].values()) == 11


def test_the_calendar_is_a_bar_of_its_own(months, capsys):
    assert run(["explain", "2026-10", "--against", "2026-09", "--equalise", "days", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    storage = next(one for one in found["drivers"] if "Storage" in one["ServiceName"])
    assert Decimal(storage["effects"]["calendar"]) == pytest.approx(Decimal(1) / 3, abs=Decimal("1e-17"))
    assert sum(Decimal(amount) for amount in storage["effects"].values()) == Decimal(storage["change"]) == 8


def test_the_table_adds_up(months, capsys):
    assert run(["explain", "2026-10", "--against", "2026-09"]) == 0
    shown = capsys.readouterr().out
    for text in ("14.00", "+8.00", "+7.00", "-4.00", "25.00", "price +3.00, volume +5.00"):
        assert text in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["2026-10", "--against", "2026-01"], "no day of 2026-01-01 to 2026-02-01"),
        (["2026-10", "--against", "2026-09", "--by", "day"], "a bar cannot be a day"),
        (["lst-month", "--against", "2026-09"], "did you mean last-month"),
        (["2026-10"], "Missing option '--against'"),
    ],
)
def test_wrong_use(months, capsys, arguments, message):
    assert run(["explain", *arguments]) == 2
    assert message in capsys.readouterr().err
