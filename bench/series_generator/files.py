"""Writes a history as `farthing anomalies --series` and `farthing forecast --series` read it."""

import csv
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from bench.series_generator.labels import Row


def write_series(rows: Iterable[Row], path: Path, *, categories: bool) -> None:
    """One line per day, series and category; without categories, one per day and series and no such column.

    Args:
        rows: in the order of the file.
        path: written anew.
        categories: whether the file tells ChargeCategory.
    """
    columns = ["ChargePeriodStart", "ServiceName", "SubAccountId", "BilledCost"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if categories:
            writer.writerow([*columns, "ChargeCategory"])
            writer.writerows([row.day.isoformat(), *row.key, row.amount, row.category] for row in rows)
            return
        writer.writerow(columns)
        sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for row in rows:
            sums[row.day.isoformat(), row.key.service, row.key.account] += row.amount
        writer.writerows([*where, amount] for where, amount in sums.items())
