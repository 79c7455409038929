"""A FOCUS export as the bill: real rows, and rows made for each rule and refusal."""

import csv
import gzip
import json
import os
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.unit.simulator.asking import asked, sums, whole

from farthing.simulator.cost_explorer import CostExplorerSimulator
from farthing.simulator.errors import ServiceError
from farthing.simulator.focus import FocusError, read

SAMPLE = "focus-1.0-sample-1000.csv"
METRICS = ["UnblendedCost", "NetUnblendedCost", "AmortizedCost", "NetAmortizedCost", "BlendedCost", "UsageQuantity"]
ROW = {
    "BilledCost": "1.5",
    "EffectiveCost": "1.25",
    "BillingCurrency": "USD",
    "ChargeCategory": "Usage",
    "ChargePeriodStart": "2026-03-01T10:00:00Z",
    "ServiceName": "Amazon Simple Storage Service",
    "SubAccountId": "111111111111",
    "SubAccountName": "prod",
    "RegionId": "eu-west-1",
    "ConsumedQuantity": "3",
    "ConsumedUnit": "GB",
    "SkuId": "SKU1",
    "Tags": '{"team": "data"}',
}


@pytest.fixture(scope="module")
def sample() -> Path:
    given = os.environ.get("FARTHING_SHARED_DATA")
    path = (Path(given) if given else Path(__file__).parents[4] / "shared" / "data") / SAMPLE
    if not path.is_file():
        pytest.skip(f"{SAMPLE} is not here: set FARTHING_SHARED_DATA to its folder")
    return path


def written(path: Path, *rows: dict[str, str]) -> Path:
    """A CSV of ROW with each row's changes; a column that is '-' in every row is left out."""
    names = list(dict.fromkeys([*ROW, *(name for row in rows for name in row)]))
    names = [name for name in names if not all(row.get(name) == "-" for row in rows) or not rows]
    opened: Any = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**dict.fromkeys(names, ""), **ROW, **row} for row in rows)
    return path


def simulated(path: Path, today: date | None = None, **options: Any) -> CostExplorerSimulator:
    return CostExplorerSimulator(read(path, today), **options)


def groups(simulator: CostExplorerSimulator, name: str, **more: Any) -> dict[str, Decimal]:
    (day,) = whole(simulator, asked("2026-03-01", "2026-03-02", name, **more))
    return {each["Keys"][0]: Decimal(each["Metrics"]["UnblendedCost"]["Amount"]) for each in day["Groups"]}


# -- real data -------------------------------------------------------------------------------------------------


def plain_sums(path: Path, column: str) -> dict[str, Decimal]:
    """Per UTC day, by nothing but a reader of CSV and Decimal's plus."""
    days: dict[str, Decimal] = defaultdict(Decimal)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            days[row["ChargePeriodStart"][:10]] += Decimal(row[column])
    return dict(days)


@pytest.mark.parametrize(
    ("metric", "column"),
    [
        ("UnblendedCost", "BilledCost"),
        ("NetUnblendedCost", "BilledCost"),
        ("AmortizedCost", "EffectiveCost"),
        ("NetAmortizedCost", "EffectiveCost"),
    ],
)
@pytest.mark.parametrize("by", [[], ["SERVICE", "LINKED_ACCOUNT"], ["RECORD_TYPE", "tag:application"]])
def test_the_real_sample_adds_up_to_the_last_decimal_however_it_is_asked(sample, metric, column, by):
    simulator = simulated(sample, page_size=50)
    answered = sums(whole(simulator, asked("2024-09-01", "2024-10-01", *by, metrics=[metric])), metric)
    expected = plain_sums(sample, column)
    assert len(expected) == len(answered) == 30
    assert answered == expected
    assert sum(plain_sums(sample, "BilledCost").values()) > 0


def test_the_real_sample_has_its_values_tags_and_names(sample):
    simulator = simulated(sample)
    assert simulator.source.today == date(2024, 10, 1)
    period = {"Start": "2024-09-01", "End": "2024-10-01"}
    with sample.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    services = simulator.get_dimension_values({"TimePeriod": period, "Dimension": "SERVICE"})
    assert [each["Value"] for each in services["DimensionValues"]] == sorted({row["ServiceName"] for row in rows})
    keys = {key for row in rows if row["Tags"] != "NULL" for key, value in json.loads(row["Tags"]).items() if value}
    assert simulator.get_tags({"TimePeriod": period})["Tags"] == sorted(keys)
    kinds = simulator.get_dimension_values({"TimePeriod": period, "Dimension": "RECORD_TYPE"})
    assert {each["Value"] for each in kinds["DimensionValues"]} == {
        "Usage", "SavingsPlanCoveredUsage", "Credit", "Refund",
    }  # fmt: skip


def test_the_real_sample_is_the_same_as_parquet(sample, tmp_path):
    """Doubles, maps and timestamps, as AWS writes them."""
    path = tmp_path / "sample.parquet"
    duckdb.sql(
        f"""COPY (SELECT * REPLACE (CAST(BilledCost AS DOUBLE) AS BilledCost, CAST(EffectiveCost AS DOUBLE) AS EffectiveCost,
        CAST(ChargePeriodStart AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS ChargePeriodStart,
        CAST(json(Tags) AS MAP(VARCHAR, VARCHAR)) AS Tags)
        FROM read_csv('{sample}', all_varchar = true, nullstr = 'NULL')) TO '{path}'"""
    )
    request = asked(
        "2024-09-01", "2024-10-01", "SERVICE", "tag:application", metrics=["UnblendedCost", "AmortizedCost"]
    )
    assert whole(simulated(path), request) == whole(simulated(sample), request)


# -- rules -----------------------------------------------------------------------------------------------------


def test_costs_map_to_the_metrics_that_focus_can_know(tmp_path):
    path = written(tmp_path / "a.csv", {}, {"BilledCost": "-0.25", "EffectiveCost": "0"})
    (day,) = whole(simulated(path), asked("2026-03-01", "2026-03-02", metrics=METRICS))
    assert day["Total"] == {
        "UnblendedCost": {"Amount": "1.25", "Unit": "USD"},
        "NetUnblendedCost": {"Amount": "1.25", "Unit": "USD"},
        "AmortizedCost": {"Amount": "1.25", "Unit": "USD"},
        "NetAmortizedCost": {"Amount": "1.25", "Unit": "USD"},
        "UsageQuantity": {"Amount": "6", "Unit": "GB"},
    }


def test_what_has_no_column_is_left_out(tmp_path):
    without = {"EffectiveCost": "-", "ConsumedQuantity": "-", "SubAccountId": "-", "RegionId": "-", "Tags": "-"}
    simulator = simulated(written(tmp_path / "a.csv", without))
    (day,) = whole(simulator, asked("2026-03-01", "2026-03-02", metrics=METRICS))
    assert set(day["Total"]) == {"UnblendedCost", "NetUnblendedCost"}
    assert set(groups(simulator, "LINKED_ACCOUNT")) == {"000000000000"}
    assert set(groups(simulator, "REGION")) == {"NoRegion"}


@pytest.mark.parametrize(
    ("change", "record_type"),
    [
        ({"ChargeCategory": "Usage"}, "Usage"),
        ({"ChargeCategory": "Usage", "CommitmentDiscountType": "Savings Plan"}, "SavingsPlanCoveredUsage"),
        ({"ChargeCategory": "Usage", "CommitmentDiscountType": "Reserved Instance"}, "DiscountedUsage"),
        ({"ChargeCategory": "Purchase"}, "Fee"),
        ({"ChargeCategory": "Purchase", "CommitmentDiscountType": "Reserved Instance"}, "RIFee"),
        ({"ChargeCategory": "Purchase", "CommitmentDiscountType": "Savings Plan"}, "SavingsPlanRecurringFee"),
        (
            {"ChargeCategory": "Purchase", "CommitmentDiscountType": "Savings Plan", "ChargeFrequency": "One-Time"},
            "SavingsPlanUpfrontFee",
        ),
        ({"ChargeCategory": "Tax"}, "Tax"),
        ({"ChargeCategory": "Credit", "CommitmentDiscountType": "Savings Plan"}, "Credit"),
        ({"ChargeCategory": "Adjustment"}, "Refund"),
    ],
)
def test_charge_categories_become_record_types(tmp_path, change, record_type):
    assert set(groups(simulated(written(tmp_path / "a.csv", change)), "RECORD_TYPE")) == {record_type}


@pytest.mark.parametrize(
    "start",
    ["2026-03-01", "2026-03-01 00:00:00", "2026-03-01T23:59:59Z", "2026-03-02T01:30:00+02:00", "2026-02-28T23:30:00-01:00",
     "2026-03-01 10:00:00.000 UTC"],
)  # fmt: skip
def test_rows_stand_on_their_utc_day(tmp_path, start):
    simulator = simulated(written(tmp_path / "a.csv", {"ChargePeriodStart": start}))
    assert simulator.source.today == date(2026, 3, 2)
    assert groups(simulator, "SERVICE") == {"Amazon Simple Storage Service": Decimal("1.5")}


def test_dimensions_tags_and_categories_come_from_their_columns(tmp_path):
    change = {
        "x_UsageType": "TimedStorage-ByteHrs",
        "x_Operation": "StandardStorage",
        "x_CostCategories": '{"unit": "Retail"}',
        "CommitmentDiscountId": "arn:aws:savingsplans::111111111111:savingsplan/1",
        "CommitmentDiscountType": "Savings Plan",
        "Tags": '{"team": "data", "empty": "", "none": null, "number": 5}',
    }
    simulator = simulated(written(tmp_path / "a.csv", change))
    for name, value in {
        "USAGE_TYPE": "TimedStorage-ByteHrs",
        "OPERATION": "StandardStorage",
        "SAVINGS_PLAN_ARN": "arn:aws:savingsplans::111111111111:savingsplan/1",
        "tag:team": "team$data",
        "tag:number": "number$5",
        "category:unit": "unit$Retail",
    }.items():
        assert set(groups(simulator, name)) == {value}
    assert simulator.get_tags({"TimePeriod": {"Start": "2026-03-01", "End": "2026-03-02"}})["Tags"] == [
        "number",
        "team",
    ]


def test_a_charge_of_no_account_is_the_payers(tmp_path):
    change = {"SubAccountId": "NULL", "BillingAccountId": "999999999999"}
    assert set(groups(simulated(written(tmp_path / "a.csv", change)), "LINKED_ACCOUNT")) == {"999999999999"}


def test_days_without_charges_are_empty_and_days_before_the_first_are_not_answered(tmp_path):
    path = written(tmp_path / "a.csv", {}, {"ChargePeriodStart": "2026-03-04T00:00:00Z"})
    results = whole(simulated(path), asked("2026-02-27", "2026-03-06"))
    assert {result["TimePeriod"]["Start"]: result["Total"]["UnblendedCost"]["Amount"] for result in results} == {
        "2026-03-01": "1.5", "2026-03-02": "0", "2026-03-03": "0", "2026-03-04": "1.5", "2026-03-05": "0",
    }  # fmt: skip
    assert all(result["Estimated"] for result in results)


def test_an_earlier_today_does_not_know_later_days(tmp_path):
    path = written(tmp_path / "a.csv", {}, {"ChargePeriodStart": "2026-03-04T00:00:00Z"})
    simulator = simulated(path, date(2026, 3, 3))
    assert sum(sums(whole(simulator, asked("2026-03-01", "2026-04-01")), "UnblendedCost").values()) == Decimal("1.5")
    with pytest.raises(ServiceError, match="start date past"):
        simulator.get_cost_and_usage(asked("2026-03-04", "2026-03-05"))


def test_amounts_are_exact_up_to_thirty_decimals(tmp_path):
    tiny = "0.000000000000000000000000000001"
    path = written(
        tmp_path / "a.csv", {"BilledCost": tiny}, {"BilledCost": "1e-7"}, {"BilledCost": "12345678901234567890"}
    )
    (day,) = whole(simulated(path), asked("2026-03-01", "2026-03-02"))
    assert day["Total"]["UnblendedCost"]["Amount"] == "12345678901234567890.000000100000000000000000000001"


def test_a_compressed_file_and_a_folder_are_the_same_as_one_file(tmp_path):
    second = {"ChargePeriodStart": "2026-03-02T00:00:00Z", "ServiceName": "AWS Lambda"}
    whole_file = written(tmp_path / "all.csv", {}, second)
    folder = tmp_path / "export" / "BILLING_PERIOD=2026-03"
    folder.mkdir(parents=True)
    written(folder / "b.csv.gz", {})
    written(folder / "a.csv.gz", second)
    (folder / "Manifest.json").write_text("{}")
    request = asked("2026-03-01", "2026-03-03", "SERVICE", metrics=METRICS)
    assert whole(simulated(tmp_path / "export"), request) == whole(simulated(whole_file), request)


def test_parquet_doubles_are_their_shortest_decimal(tmp_path):
    path = tmp_path / "a.parquet"
    duckdb.sql(
        f"""COPY (SELECT 0.1::DOUBLE + 0.2::DOUBLE AS BilledCost, 1e-7::DOUBLE AS EffectiveCost, 'USD' AS BillingCurrency,
        'Usage' AS ChargeCategory, TIMESTAMPTZ '2026-03-02 00:30:00+01:00' AS ChargePeriodStart, 'S3' AS ServiceName,
        12.5::DECIMAL(38, 18) AS ConsumedQuantity, MAP {{'team': 'da"ta'}} AS Tags, MAP {{'unit': 'R'}} AS x_CostCategories)
        TO '{path}'"""
    )
    simulator = simulated(path)
    (day,) = whole(simulator, asked("2026-03-01", "2026-03-02", metrics=METRICS))
    assert {name: each["Amount"] for name, each in day["Total"].items()} == {
        "UnblendedCost": "0.30000000000000004",
        "NetUnblendedCost": "0.30000000000000004",
        "AmortizedCost": "0.0000001",
        "NetAmortizedCost": "0.0000001",
        "UsageQuantity": "12.5",
    }
    assert set(groups(simulator, "tag:team")) == {'team$da"ta'}
    assert set(groups(simulator, "category:unit")) == {"unit$R"}


# -- refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "a.csv: no rows"),
        ([{"BilledCost": "-"}], "a.csv: no column BilledCost"),
        ([{"ChargePeriodStart": "-", "ChargeCategory": "-"}], "no column ChargeCategory, ChargePeriodStart"),
        ([{}, {"BilledCost": "1,5"}], "a.csv, line 3: BilledCost '1,5' is not a decimal number"),
        ([{"BilledCost": "NaN"}], "line 2: BilledCost 'NaN' is not a decimal number"),
        ([{"BilledCost": "1e9999"}], "BilledCost '1e9999' is not below 10**31"),
        ([{"BilledCost": "0." + "0" * 30 + "1"}], "is not of at most 30 decimals"),
        ([{"BilledCost": ""}], "line 2: BilledCost is empty"),
        ([{"EffectiveCost": "NULL"}], "line 2: EffectiveCost is empty"),
        ([{"ConsumedQuantity": "many"}], "line 2: ConsumedQuantity 'many' is not a decimal number"),
        ([{}, {"BillingCurrency": "EUR"}], "line 3: in EUR, the rows before in USD; one bill has one currency"),
        ([{"BillingCurrency": ""}], "line 2: BillingCurrency is empty"),
        ([{"ChargePeriodStart": "yesterday"}], "line 2: ChargePeriodStart 'yesterday' is not a point in time"),
        (
            [{}, {"ChargePeriodStart": "9999-12-31T00:00:00Z"}],
            "line 3: ChargePeriodStart '9999-12-31T00:00:00Z' is not in the years 1970 to 8999",
        ),
        (
            [{"ChargePeriodStart": "0001-01-01T00:00:00+14:00"}],
            "line 2: ChargePeriodStart '0001-01-01T00:00:00+14:00' is not in the years",
        ),
        ([{"ChargePeriodStart": "9999-12-31T23:00:00-05:00"}], "is not in the years"),
        (
            [{"ChargeCategory": "Gift"}],
            "line 2: ChargeCategory 'Gift' is none of Usage, Purchase, Tax, Credit, Adjustment",
        ),
        ([{"Tags": "team=data"}], "line 2: Tags 'team=data' is not a JSON object"),
        ([{"Tags": "[1]"}], "line 2: Tags '[1]' is not a JSON object"),
    ],
)
def test_a_bad_file_is_one_clear_line_that_names_it(tmp_path, rows, message):
    path = written(tmp_path / "a.csv", *rows)
    with pytest.raises(FocusError) as caught:
        read(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_bad_row_of_parquet_is_named_by_its_number(tmp_path):
    path = tmp_path / "a.parquet"
    rows = ", ".join(
        f"({cost}, 'USD', 'Usage', TIMESTAMP '2026-03-01', 'S3')" for cost in ("1.0::DOUBLE", "2.0", "'NaN'::DOUBLE")
    )
    names = "BilledCost, BillingCurrency, ChargeCategory, ChargePeriodStart, ServiceName"
    duckdb.sql(f"COPY (SELECT * FROM (VALUES {rows}) AS t({names})) TO '{path}'")
    with pytest.raises(FocusError, match=r"a\.parquet, row 3: BilledCost 'nan' is not a decimal number"):
        read(path)


@pytest.mark.parametrize("year", [1970, 8999])
def test_the_first_and_last_year_are_answered(tmp_path, year):
    path = written(tmp_path / "a.csv", {"ChargePeriodStart": f"{year}-12-31T00:00:00Z"})
    results = whole(simulated(path), asked(f"{year}-12-31", f"{year + 1}-01-01"))
    assert sums(results, "UnblendedCost") == {f"{year}-12-31": Decimal("1.5")}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"PAR1 not really", "cannot be read"),
        ("a.csv", b"\xff\xfe\x00", "not UTF-8 text"),
        ("a.csv.gz", b"not compressed", "cannot be read"),
        ("a.csv", b"", "no column BilledCost"),
        ("a.xlsx", b"", "neither .csv, .csv.gz nor .parquet"),
        ("notes/read.txt", b"", "holds no .csv, .csv.gz or .parquet file"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(FocusError, match=message) as caught:
        read(path if path.parent == tmp_path else path.parent)
    assert "\n" not in str(caught.value)


def test_lines_that_are_no_csv_are_refused(tmp_path):
    path = written(tmp_path / "a.csv", {})
    whole_text = path.read_text()
    path.write_text(whole_text + "1,2,3\n")
    with pytest.raises(FocusError, match="line 3: 3 fields, the header has 13"):
        read(path)
    path.write_text(whole_text + '"open')
    with pytest.raises(FocusError, match="line 3: not CSV"):
        read(path)
    compressed = tmp_path / "cut.csv.gz"
    compressed.write_bytes(gzip.compress(whole_text.encode())[:-12])
    with pytest.raises(FocusError, match="cannot be read"):
        read(compressed)


def test_places_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(FocusError, match="no such file or folder"):
        read(tmp_path / "nowhere")
    path = written(tmp_path / "a.csv", {})
    with pytest.raises(FocusError, match="begins on 2026-03-01: --today 2026-03-01 must be after it"):
        read(path, date(2026, 3, 1))
    written(tmp_path / "b.csv", {"EffectiveCost": "-"})
    with pytest.raises(FocusError, match=r"b\.csv: has not the same cost and quantity columns"):
        read(tmp_path)
    (tmp_path / "c.parquet").write_bytes(b"")
    with pytest.raises(FocusError, match="both CSV and Parquet"):
        read(tmp_path)
