"""Billing exports of other people's programs, and exports and ledgers in a bucket of a local AWS."""

import csv
import json
import subprocess
import sys
from collections import defaultdict
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path

import pytest

from farthing.model import EXACT
from tests.integration.conftest import CREDENTIALS, REGION
from tests.integration.servers import MACHINE, tool
from tests.unit.exports.conftest import as_csv, row

pytestmark = [pytest.mark.integration, pytest.mark.loopback]

EIGHTEEN = Decimal(1).scaleb(-18)
# A tie goes away from zero, as DuckDB casts: a double's shortest decimal often ends in a 5 at the 19th place.
ROUNDING = Context(prec=76, rounding=ROUND_HALF_UP)


def farthing(*arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("farthing")), *arguments]
    ended = subprocess.run(
        command, env={**MACHINE, **environment}, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == code, ended.stderr
    return ended


def test_what_nise_writes_is_imported_to_the_cent(tmp_path):
    """koku-nise writes the legacy report as another vendor reads it: floats as text, None for nothing, 195 columns."""
    export = tmp_path / "export"
    export.mkdir()
    dates = ["-s", "2026-09-10", "-e", "2026-09-12"]
    subprocess.run(
        [tool("nise"), "report", "aws", *dates, "-w"], cwd=export, capture_output=True, timeout=120, check=True
    )
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    rows = 0
    for path in export.glob("*.csv"):
        with path.open(newline="") as file:
            for one in csv.DictReader(file):
                rows += 1
                # What farthing keeps of a double with more decimals; the sum is exact after that.
                amount = Decimal(one["lineItem/UnblendedCost"]).quantize(EIGHTEEN, context=ROUNDING)
                key = (one["product/ProductName"] or one["lineItem/ProductCode"], one["lineItem/UsageAccountId"])
                expected[key] = EXACT.add(expected[key], amount)
    home = {"FARTHING_HOME": str(tmp_path / "ledger")}
    imported = json.loads(farthing("import", str(export), "--json", **home).stdout)
    assert (imported["rows_read"], imported["rows_kept"], imported["rows_rejected"]) == (rows, rows, 0)
    report = json.loads(farthing("report", "--period", "2026-09", "--by", "service,account", "--json", **home).stdout)
    found = {(one["ServiceName"], one["SubAccountId"]): Decimal(one["BilledCost"]) for one in report["rows"]}
    assert found == expected


def test_an_export_in_a_bucket_into_a_ledger_in_a_bucket(aws, s3, tmp_path):
    client = s3
    client.create_bucket(Bucket="billing")
    client.create_bucket(Bucket="ledger-of-exports")
    data = "daily/focus/data/BILLING_PERIOD=2026-10/focus-00001.csv"
    other = "daily/focus/data/BILLING_PERIOD=2026-11/focus-00001.csv"
    client.put_object(Bucket="billing", Key=data, Body=as_csv(row(), row()).encode())
    for period, key in (("2026-10", data), ("2026-11", other)):
        manifest = {"dataFiles": [f"s3://billing/{key}"]}
        name = f"daily/focus/metadata/BILLING_PERIOD={period}/focus-Manifest.json"
        client.put_object(Bucket="billing", Key=name, Body=json.dumps(manifest).encode())
    environment = {
        "HOME": str(tmp_path),
        "BUCKET_NAME": "ledger-of-exports",
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_REGION": REGION,
        **{name.upper(): value for name, value in CREDENTIALS.items()},
    }
    first = farthing("import", "s3://billing/daily", "--json", **environment)
    assert json.loads(first.stdout)["rows_kept"] == 2
    assert "BILLING_PERIOD=2026-11/focus-Manifest.json: the delivery is not whole" in first.stderr
    assert json.loads(farthing("import", "s3://billing/daily", "--json", **environment).stdout)["unchanged"] == [
        "focus 2026-10"
    ]
    report = json.loads(farthing("report", "--period", "2026-10", "--by", "tag:team", "--json", **environment).stdout)
    assert report["rows"][0]["Tags/team"] == "core"
    assert report["totals"]["BilledCost"] == "2.5"
    listed = client.list_objects_v2(Bucket="ledger-of-exports", Prefix="cost_data/exports/")["Contents"]
    assert sorted(Path(entry["Key"]).suffix for entry in listed) == [".json", ".parquet"]
