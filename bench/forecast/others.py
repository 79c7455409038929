"""Other people's forecasters on the same file. Run by the baselines' own interpreter, never imported.

    python bench/forecast/others.py METHOD DATE[,DATE...] < FILE.csv

reads series without ChargeCategory and prints for each date, as which it knows only the days before, one JSON object
per month and group as `farthing forecast --json` does, with `as_of` besides. Every group and the total is fitted by
itself; a month's intervals are quantiles of its sums over paths that the fitted model draws.
"""

import csv
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

WEEK = 7
PATHS = 300
"""How many futures are drawn."""

MONTHS = 4
"""The running one and the next three."""

TOTAL = ""
Paths = dict[str, Any]
"""Per group an array of PATHS x days."""


def read(lines: Iterable[str]) -> tuple[date, dict[str, list[float]]]:
    """The first day and every group, one amount a day, the total among them."""
    rows = list(csv.DictReader(lines))
    days = [date.fromisoformat(row["ChargePeriodStart"]) for row in rows]
    first, length = min(days), (max(days) - min(days)).days + 1
    groups: dict[str, list[float]] = {TOTAL: [0.0] * length}
    for day, row in zip(days, rows, strict=True):
        for name in (row["ServiceName"], TOTAL):
            groups.setdefault(name, [0.0] * length)[(day - first).days] += float(row["BilledCost"])
    return first, groups


def of_statsforecast(name: str) -> Callable[[dict[str, list[float]], date, int], Paths]:
    """MSTL or AutoETS with a season of a week.

    MSTL draws no futures itself: those of its trend's model are drawn, and its season is added to each.
    """
    import numpy  # type: ignore[import-not-found,unused-ignore]
    from statsforecast.models import MSTL, AutoETS  # type: ignore[import-not-found,unused-ignore]

    def draw_one(values: Any, ahead: int) -> Any:
        if name == "AutoETS":
            return AutoETS(season_length=WEEK).simulate(h=ahead, n_paths=PATHS, y=values, seed=1)
        model = MSTL(season_length=WEEK).fit(values)
        trend = model.trend_forecaster
        season = model.predict(ahead)["mean"] - trend.predict(ahead)["mean"]
        adjusted = model.model_[["trend", "remainder"]].sum(axis=1).to_numpy()
        return trend.simulate(h=ahead, n_paths=PATHS, y=adjusted, seed=1) + season

    def draw(before: dict[str, list[float]], _: date, ahead: int) -> Paths:
        return {group: draw_one(numpy.array(values), ahead) for group, values in before.items()}

    return draw


def of_prophet(_: str) -> Callable[[dict[str, list[float]], date, int], Paths]:
    """Prophet with a weekly season."""
    logging.disable(logging.ERROR)  # how each fit goes, and that plotly is not there
    import numpy  # type: ignore[import-not-found,unused-ignore]
    import pandas  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from prophet import Prophet  # type: ignore[import-not-found,unused-ignore]

    def draw(before: dict[str, list[float]], first: date, ahead: int) -> Paths:
        paths = {}
        for group, values in before.items():
            numpy.random.seed(1)
            days = pandas.date_range(first, periods=len(values) + ahead, freq="D")
            model = Prophet(
                weekly_seasonality=True, daily_seasonality=False, yearly_seasonality=False, uncertainty_samples=PATHS
            )
            model.fit(pandas.DataFrame({"ds": days[:-ahead], "y": values}))
            paths[group] = model.predictive_samples(pandas.DataFrame({"ds": days[-ahead:]}))["yhat"].T
        return paths

    return draw


def next_month(day: date) -> date:
    """The first day of the month after the day's."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def tell(first: date, as_of: date, before: dict[str, list[float]], paths: Paths) -> None:
    """Prints every month of every group."""
    import numpy  # type: ignore[import-not-found,unused-ignore]

    known = (as_of - first).days
    for group, drawn in paths.items():
        month = as_of.replace(day=1)
        for _ in range(MONTHS):
            start, end = (month - first).days, (next_month(month) - first).days
            spent = sum(before[group][start:])
            sums = spent + drawn[:, max(start - known, 0) : end - known].sum(axis=1)
            bounds = numpy.quantile(sums, (0.1, 0.9, 0.025, 0.975)).tolist()
            line: dict[str, Any] = {"as_of": as_of.isoformat(), "month": f"{month:%Y-%m}", "mean": float(sums.mean())}
            if group != TOTAL:
                line["ServiceName"] = group
            print(json.dumps({**line, **dict(zip(("lo80", "hi80", "lo95", "hi95"), bounds, strict=True))}))
            month = next_month(month)


def main(method: str, dates: list[date]) -> None:
    """Forecasts as of each date."""
    draw = (of_prophet if method == "Prophet" else of_statsforecast)(method)
    first, groups = read(sys.stdin)
    for as_of in dates:
        known = (as_of - first).days
        end = as_of
        for _ in range(MONTHS):
            end = next_month(end)
        before = {group: values[:known] for group, values in groups.items() if any(values[:known])}
        tell(first, as_of, before, draw(before, first, (end - as_of).days))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1], [date.fromisoformat(one) for one in sys.argv[2].split(",")])
