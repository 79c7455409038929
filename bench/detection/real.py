"""A real account's 86 days, if they are at hand. Nobody knows what happened in it: what is told is counted."""

import json
import os
import tempfile
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from bench.detection.detectors import Detector, History
from bench.detection.scoring import score
from bench.pages import table
from bench.series_generator import Dataset, Row, SeriesKey, write_series

WARM_UP = 28
SCALES = (Decimal(1), Decimal(1000))
"""The account spends little, below every floor; multiplied it shows what the floors keep quiet."""


def recorded() -> Path:
    """Where the recorded Cost Explorer answer would be."""
    shared = os.environ.get("FARTHING_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data"
    return Path(shared) / "cost-explorer-daily-by-service-86d.json"


def read_answer(path: Path, scale: Decimal) -> Dataset:
    """A recorded GetCostAndUsage answer by service as a history without labels.

    Args:
        path: the answer, DAILY, by SERVICE, UnblendedCost.
        scale: what every amount is multiplied by.
    """
    days = json.loads(path.read_text(encoding="utf-8"))["ResultsByTime"]
    rows = [
        Row(
            date.fromisoformat(day["TimePeriod"]["Start"]),
            SeriesKey(group["Keys"][0]),
            "Usage",
            Decimal(group["Metrics"]["UnblendedCost"]["Amount"]) * scale,
        )
        for day in days
        for group in day["Groups"]
    ]
    first, last = rows[0].day, rows[-1].day
    keys = tuple(sorted({row.key for row in rows}))
    return Dataset(0, first, (last - first).days + 1, WARM_UP, keys, tuple(rows), (), ())


def report_real(detectors: Sequence[Detector]) -> str:
    """A table of how many incidents each detector tells, or one line that says why there is none."""
    path = recorded()
    if not path.exists():
        return f"skipped: {path.name} is not at hand"
    told: dict[str, list[str]] = {detector.name: [] for detector in detectors}
    for scale in SCALES:
        dataset = read_answer(path, scale)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "series.csv"
            write_series(dataset.rows, file, categories=False)
            for detector in detectors:
                one = score(dataset, detector.run(History(dataset, file, categories=False)), categories=False)
                told[detector.name] += [str(one.false), f"{one.false_a_month:.3f}"]
    header = ["Detector", *(cell for scale in SCALES for cell in (f"Told, amounts x {scale}", "a series and 30 days"))]
    return table(header, [[name, *cells] for name, cells in told.items()])
