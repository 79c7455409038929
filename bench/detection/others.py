"""Other people's detectors, judging the same file. Run by the baselines' own interpreter, never imported.

    python bench/detection/others.py METHOD WARM_UP FLOOR_MONEY FLOOR_SHARE < FILE.csv

reads series without ChargeCategory and prints one JSON object per alarm: `ServiceName`, `SubAccountId`, `date`,
`up`. Every method is fitted anew each week on all days before and judges the seven days that follow, each on its own.
"""

import csv
import json
import logging
import statistics
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from typing import Any

WEEK = 7
LEVEL = 99
"""Percent: what lies outside of this interval is an alarm."""

Key = tuple[str, str]
Band = tuple[float, float, float]
"""Expected, lower, upper."""


def read(lines: Iterable[str]) -> tuple[date, dict[Key, list[float]]]:
    """The first day and every series, one amount a day, 0 where the file has none."""
    rows = list(csv.DictReader(lines))
    days = [date.fromisoformat(row["ChargePeriodStart"]) for row in rows]
    first, length = min(days), (max(days) - min(days)).days + 1
    series: dict[Key, list[float]] = {}
    for day, row in zip(days, rows, strict=True):
        values = series.setdefault((row["ServiceName"], row["SubAccountId"]), [0.0] * length)
        values[(day - first).days] += float(row["BilledCost"])
    return first, series


def of_statsforecast(name: str) -> Callable[[dict[Key, list[float]], date], dict[Key, list[Band]]]:
    """MSTL or AutoETS with a season of a week, and their interval."""
    import pandas  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from statsforecast import StatsForecast  # type: ignore[import-not-found,unused-ignore]
    from statsforecast.models import MSTL, AutoETS  # type: ignore[import-not-found,unused-ignore]

    model = {"MSTL": MSTL, "AutoETS": AutoETS}[name](season_length=WEEK)
    engine = StatsForecast(models=[model], freq=1, n_jobs=1)

    def fit(before: dict[Key, list[float]], _: date) -> dict[Key, list[Band]]:
        keys = list(before)
        lines = [(number, day, y) for number, key in enumerate(keys) for day, y in enumerate(before[key])]
        frame = engine.forecast(
            df=pandas.DataFrame(lines, columns=["unique_id", "ds", "y"]), h=WEEK, level=[LEVEL]
        ).sort_values(["unique_id", "ds"])
        columns = [frame[column].tolist() for column in (name, f"{name}-lo-{LEVEL}", f"{name}-hi-{LEVEL}")]
        bands = list(zip(*columns, strict=True))
        return {key: bands[WEEK * number : WEEK * (number + 1)] for number, key in enumerate(keys)}

    return fit


def of_prophet(_: str) -> Callable[[dict[Key, list[float]], date], dict[Key, list[Band]]]:
    """Prophet with a weekly season."""
    logging.disable(logging.ERROR)  # how each fit goes, and that plotly is not there
    import pandas  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from prophet import Prophet  # type: ignore[import-not-found,unused-ignore]

    def fit(before: dict[Key, list[float]], first: date) -> dict[Key, list[Band]]:
        bands = {}
        for key, values in before.items():
            days = pandas.date_range(first, periods=len(values) + WEEK, freq="D")
            model = Prophet(
                interval_width=LEVEL / 100,
                weekly_seasonality=True,
                daily_seasonality=False,
                yearly_seasonality=False,
            )
            model.fit(pandas.DataFrame({"ds": days[:-WEEK], "y": values}))
            told = model.predict(pandas.DataFrame({"ds": days[-WEEK:]}))
            columns = [told[column].tolist() for column in ("yhat", "yhat_lower", "yhat_upper")]
            bands[key] = list(zip(*columns, strict=True))
        return bands

    return fit


def banded(name: str, first: date, series: dict[Key, list[float]], warm_up: int) -> Iterator[tuple[Key, int, Band]]:
    """The band of every day after the warm-up."""
    fit = (of_prophet if name == "Prophet" else of_statsforecast)(name)
    length = len(next(iter(series.values())))
    for start in range(warm_up, length, WEEK):
        # A service exists from its first spend on; before, there is nothing to fit.
        before = {key: values[:start] for key, values in series.items() if any(values[:start])}
        for key, bands in fit(before, first).items():
            for day, band in zip(range(start, min(start + WEEK, length)), bands, strict=False):
                yield key, day, band
        for key in series.keys() - before.keys():
            for day in range(start, min(start + WEEK, length)):
                yield key, day, (0.0, 0.0, 0.0)


def adtk(first: date, series: dict[Key, list[float]], warm_up: int) -> Iterator[tuple[Key, int, Band]]:
    """ADTK's SeasonalAD: it says yes or no; its band is none or all, around the weekday's median."""
    import pandas  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from adtk.detector import SeasonalAD  # type: ignore[import-not-found,unused-ignore]

    length = len(next(iter(series.values())))
    for key, values in series.items():
        whole = pandas.Series(values, index=pandas.date_range(first, periods=length, freq="D"))
        for start in range(warm_up, length, WEEK):
            detector = SeasonalAD(freq=WEEK, c=3.0, side="both")
            detector.fit(whole.iloc[:start])
            judged = whole.iloc[start : start + WEEK]
            odd = detector.detect(judged).fillna(value=False).tolist()
            pattern = [statistics.median(values[(start + number) % WEEK : start : WEEK]) for number in range(len(odd))]
            for number, (is_odd, expected) in enumerate(zip(odd, pattern, strict=True)):
                bound = 0.0 if is_odd else float("inf")
                yield key, start + number, (expected, expected - bound, expected + bound)


def main(method: str, warm_up: int, floor_money: float, floor_share: float) -> None:
    """Prints the alarms."""
    first, series = read(sys.stdin)
    judged = adtk(first, series, warm_up) if method == "adtk" else banded(method, first, series, warm_up)
    for (service, account), day, (expected, lower, upper) in judged:
        actual = series[service, account][day]
        far = abs(actual - expected) > max(floor_money, floor_share * abs(expected))
        if far and not lower <= actual <= upper:
            when = (first + timedelta(days=day)).isoformat()
            alarm: dict[str, Any] = {"ServiceName": service, "SubAccountId": account, "date": when}
            print(json.dumps({**alarm, "up": actual > expected}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
