"""The one whole month of a real account's 86 days that has a month before it, if the recording is at hand."""

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from bench.detection.real import read_answer, recorded
from bench.forecast.forecasters import Forecaster, History
from bench.forecast.scoring import KNOWN, TOTAL, Asked, daily, judge
from bench.pages import table
from bench.series_generator import write_series
from bench.series_generator.calendar import next_month

SCALE = Decimal(1000)
"""The account spends little; forecasts are of shares, so a factor changes nothing but the floors."""


def report_real(forecasters: Sequence[Forecaster]) -> str:
    """A table of the total's errors in percent, or one line that says why there is none."""
    path = recorded()
    if not path.exists():
        return f"skipped: {path.name} is not at hand"
    dataset = read_answer(path, SCALE)
    groups = daily(dataset.rows, dataset.first_day, dataset.days)
    month = next_month(dataset.first_day)
    questions = [Asked(month + timedelta(days=known), known) for known in KNOWN]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "series.csv"
        write_series(dataset.rows, file, categories=False)
        for forecaster in forecasters:
            told = forecaster.run(History(groups, dataset.first_day, file), questions).forecasts
            errors = [
                one.error
                for asked in questions
                for one in judge(groups, dataset.first_day, asked, told[asked])
                if one.group == TOTAL and one.ahead == 0
            ]
            rows.append([forecaster.name, *(f"{100 * error:.1f}" for error in errors)])
    return table(("Forecaster", *(f"day {known}" for known in KNOWN)), rows)
