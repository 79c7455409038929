"""Importing a billing export, against a bare sorted copy by DuckDB of the same columns with the same types.

Both are processes of their own over the same file, taken in turns. The reference casts what farthing casts (amounts to
DECIMAL(38,18), the tags of CSV to a map), sorts by the same columns and writes the same compression, with the same
memory limit; it checks nothing. farthing counts and adds up first, and reads back what it wrote. The export is made as
AWS writes FOCUS: amounts as doubles in Parquet, tags as a map; 200 accounts, 100 services, 20,000 resources, 12 months
from 10 million rows on.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.daily_run import Measured, measure, median

AMOUNTS = (
    *("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"),
    *("ConsumedQuantity", "PricingQuantity", "ListUnitPrice", "ContractedUnitPrice"),
)

GENERATE = """
import sys, duckdb
rows, months, target, form = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
tags = "MAP {'team': 'team-' || (h % 12), 'env': CASE WHEN h % 3 = 0 THEN 'prod' ELSE 'dev' END"
tags += ", 'app': 'app-' || (h2 % 300)}"
if form == "csv":
    tags = f"CAST(to_json({tags}) AS VARCHAR)"
with duckdb.connect() as connection:
    connection.execute("SET enable_progress_bar = false; SET preserve_insertion_order = true")
    connection.execute(f'''COPY (
        WITH r AS (SELECT i, hash(i) AS h, hash(i + 7919) AS h2, hash(i * 31 + 5) AS h3,
            TIMESTAMP '2026-01-01' + to_months(CAST(i * {months} // {rows} AS INTEGER)) AS period
            FROM range({rows}) t(i))
        SELECT 'Payer' AS BillingAccountName, '123456789012' AS BillingAccountId, 'USD' AS BillingCurrency,
            period AS BillingPeriodStart, period + INTERVAL 1 MONTH AS BillingPeriodEnd,
            CASE WHEN h % 50 = 0 THEN 'Tax' WHEN h % 50 = 1 THEN 'Credit' ELSE 'Usage' END AS ChargeCategory,
            'per GB of something, tier ' || (h3 % 500) AS ChargeDescription, 'Usage-Based' AS ChargeFrequency,
            period + to_hours(CAST(h2 % 672 AS INTEGER)) AS ChargePeriodStart,
            period + to_hours(CAST(h2 % 672 AS INTEGER) + 1) AS ChargePeriodEnd,
            round((h3 % 1000003) / 7919.0, 11) AS BilledCost, round((h3 % 1000003) / 7919.0, 11) AS EffectiveCost,
            round((h3 % 1000003) / 6919.0, 11) AS ListCost, round((h3 % 1000003) / 7019.0, 11) AS ContractedCost,
            round((h % 100003) / 97.0, 9) AS ConsumedQuantity, 'GB' AS ConsumedUnit,
            round((h % 100003) / 97.0, 9) AS PricingQuantity, 'GB' AS PricingUnit,
            0.0000004::DOUBLE AS ListUnitPrice, 0.00000035::DOUBLE AS ContractedUnitPrice,
            'Amazon Web Services, Inc.' AS InvoiceIssuerName, 'Standard' AS PricingCategory, 'AWS' AS ProviderName,
            'Amazon Web Services, Inc.' AS PublisherName, 'us-east-' || (h % 4) AS RegionId,
            'US East ' || (h % 4) AS RegionName,
            'arn:aws:ec2:us-east-1::instance/i-' || md5(CAST(h3 % 20000 AS VARCHAR)) AS ResourceId,
            'instance' AS ResourceType, 'Compute' AS ServiceCategory, 'Amazon Service ' || (h2 % 100) AS ServiceName,
            'SKU' || (h % 1000) AS SkuId, 'SKU' || (h % 1000) || '.' || (h2 % 10) AS SkuPriceId,
            CAST(100000000000 + h % 200 AS VARCHAR) AS SubAccountId, 'account-' || (h % 200) AS SubAccountName,
            {tags} AS Tags, 'BoxUsage:m5.' || (h % 8) AS x_UsageType, 'RunInstances' AS x_Operation,
            'AmazonEC2' AS x_ServiceCode
        FROM r) TO '{target}' (FORMAT {form}{', HEADER' if form == 'csv' else ''})''')
"""

REFERENCE = """
import sys, duckdb
source, target, temporary, amounts = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4].split(",")
casts = ", ".join(f"CAST({name} AS DECIMAL(38,18)) AS {name}" for name in amounts)
relation = f"read_parquet('{source}')"
if source.endswith(".csv"):
    casts += ", CAST(CAST(Tags AS JSON) AS MAP(VARCHAR, VARCHAR)) AS Tags"
    types = ", ".join(f"'{name}': 'DECIMAL(38,18)'" for name in amounts)
    relation = f"read_csv('{source}', types={{{types}}})"
with duckdb.connect() as connection:
    connection.execute("SET enable_progress_bar = false; SET preserve_insertion_order = false")
    connection.execute("SET memory_limit = '1GB'")
    connection.execute(f"SET temp_directory = '{temporary}'")
    connection.execute(f'''COPY (SELECT * REPLACE ({casts}) FROM {relation}
        ORDER BY BillingPeriodStart, CAST(ChargePeriodStart AS DATE), SubAccountId, ServiceName)
        TO '{target}' (FORMAT parquet, COMPRESSION zstd)''')
"""


def make_export(rows: int, form: str, folder: Path) -> Path:
    """An export as one file."""
    path = folder / f"{rows}.{form}"
    subprocess.run([sys.executable, "-c", GENERATE, str(rows), str(months_of(rows)), str(path), form], check=True)
    return path


def months_of(rows: int) -> int:
    """Over how many months an export of so many rows goes."""
    return 12 if rows >= 10_000_000 else 1


def compare(rows: int, form: str, rounds: int, folder: Path) -> tuple[Measured, Measured]:
    """The reference and farthing over one export."""
    export = make_export(rows, form, folder)
    bare: list[Measured] = []
    farthing: list[Measured] = []
    for _ in range(rounds):
        target, temporary = folder / "reference.parquet", folder / "temporary"
        command = [sys.executable, "-c", REFERENCE, str(export), str(target), str(temporary), ",".join(AMOUNTS)]
        bare.append(measure(command, dict(os.environ)))
        target.unlink()
        shutil.rmtree(temporary, ignore_errors=True)
        home = folder / "ledger"
        environment = {**os.environ, "FARTHING_HOME": str(home)}
        farthing.append(measure([sys.executable, "-m", "farthing", "import", str(export)], environment))
        shutil.rmtree(home)
    export.unlink()
    return median(bare), median(farthing)


def main(sizes: tuple[tuple[int, str], ...], rounds: int) -> None:
    """Prints the table."""
    print(f"importing an export against a bare sorted COPY of DuckDB's, medians of {rounds}")
    print(f"{'rows':>12} {'':8} {'':10} {'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'rows/s':>10}")
    for rows, form in sizes:
        with tempfile.TemporaryDirectory(prefix="farthing-bench-", dir=os.environ.get("FARTHING_BENCH_DIR")) as made:
            bare, farthing = compare(rows, form, rounds, Path(made))
        for name, one in (("COPY", bare), ("farthing", farthing)):
            figures = f"{one.wall:8.2f} {one.cpu:8.2f} {one.memory:8.0f} {rows / one.wall:10,.0f}"
            print(f"{rows:12,} {form:8} {name:10} {figures}")
        ratios = (farthing.wall / bare.wall, farthing.cpu / bare.cpu, farthing.memory / bare.memory)
        print(f"{'':12} {'':8} {'ratio':10} {' '.join(f'{ratio:8.2f}' for ratio in ratios)}")


if __name__ == "__main__":
    main(tuple((int(size), form) for size, _, form in (argument.partition(":") for argument in sys.argv[1:])), rounds=3)
