"""Exports written by hand, and a ledger to import them into."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from farthing.importing import Imported, Importer
from farthing.ledger.exports import Exports, FolderFiles, Slice
from farthing.ledger.folder import FolderStore
from farthing.model import exact_sum
from farthing.sources.exports.deliveries import deliveries

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)

ROW = {
    "BilledCost": "1.25",
    "EffectiveCost": "1.2",
    "ListCost": "1.5",
    "ContractedCost": "1.3",
    "BillingAccountId": "123456789012",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-10-01T00:00:00Z",
    "BillingPeriodEnd": "2026-11-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargePeriodStart": "2026-10-05T04:00:00Z",
    "ChargePeriodEnd": "2026-10-05T05:00:00Z",
    "ProviderName": "AWS",
    "RegionId": "eu-central-1",
    "ServiceName": "Amazon Simple Storage Service",
    "SubAccountId": "111122223333",
    "SubAccountName": "prod",
    "Tags": '{"team": "core"}',
}


def row(**changes: str | None) -> dict[str, str | None]:
    """The usual row with some cells changed; None leaves a column away."""
    return {**ROW, **changes}


def as_csv(*rows: dict[str, str | None], delimiter: str = ",", end: str = "\n") -> str:
    """CSV of rows; the columns are those of the first."""
    columns = [name for name, value in rows[0].items() if value is not None]
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerow(columns)
    for one in rows:
        writer.writerow([one[name] for name in columns])
    return out.getvalue()


class Ledger:
    """A ledger in a folder, with what the tests ask of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.exports = Exports(FolderStore(root), FolderFiles(root))
        self.importer = Importer(self.exports, root / "rejects", lambda: NOW, threads=2)

    def take(self, *paths: Path, **options: Any) -> Imported:
        """Imports the one delivery that these paths hold."""
        (delivery,) = deliveries(paths).deliveries
        return self.importer.run(delivery, **options)

    def slices(self) -> tuple[Slice, ...]:
        return self.exports.slices()

    def rows(self, columns: str = "*") -> list[tuple[Any, ...]]:
        """What the ledger holds, read from its files and by nothing of farthing's."""
        files = [str(path) for one in self.slices() for path in self.exports.paths(one)]
        if not files:
            return []
        with duckdb.connect() as connection:
            return connection.execute(
                f"SELECT {columns} FROM read_parquet(?, union_by_name=true, hive_partitioning=false) ORDER BY ALL",
                [files],
            ).fetchall()

    def billed(self) -> Decimal:
        return exact_sum(amount for (amount,) in self.rows("BilledCost"))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")
