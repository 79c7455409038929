"""Other people's forecasters on the same file. Run by the baselines' own interpreter, never imported.

    python bench/forecast/others.py METHOD DATE[,DATE...] < FILE.csv

reads series without ChargeCategory and prints for each date, as which it knows only the days before, one JSON object
per month and group as `farthing forecast --json` does, with `as_of` besides, and then one with `as_of` and `seconds`:
of CPU, for all groups, without the imports. Every group and the total is fitted by itself. A month is what was spent
and the method's own forecast of the days to come; its intervals are quantiles of its sums over paths that the fitted
model draws.
"""

import csv
import json
import logging
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any, NamedTuple

WEEK = 7
PATHS = 300
"""How many futures are drawn."""

MONTHS = 4
"""The running one and the next three."""

TOTAL = ""
PHI = 3
"""Where the damping stands among the parameters of a fitted ETS."""


class Drawn(NamedTuple):
    """Of one group: what is forecast of each day to come, and PATHS x days."""

    point: Any
    paths: Any


Draw = Callable[[list[float], date, int], Drawn]
"""Gets a group's days, the first of them, and how many are to come."""


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


def of_statsforecast(name: str) -> Draw:
    """MSTL or AutoETS with a season of a week.

    MSTL draws no futures itself: those of its trend's model are drawn, and its season is added to each.
    """
    import numpy  # type: ignore[import-not-found,unused-ignore]
    from statsforecast.models import MSTL, AutoETS  # type: ignore[import-not-found,unused-ignore]

    def draw(values: list[float], _: date, ahead: int) -> Drawn:
        model = {"MSTL": MSTL, "AutoETS": AutoETS}[name](season_length=WEEK).fit(numpy.array(values))
        point = model.predict(ahead)["mean"]
        ets = model.trend_forecaster if name == "MSTL" else model
        season = point - ets.predict(ahead)["mean"]
        parameters = ets.model_["par"]
        if math.isnan(parameters[PHI]):
            # statsforecast's `simulate` takes a trend without damping for one that is damped to nothing (2.1.1):
            # its paths would have no trend where its forecast has one.
            parameters[PHI] = 1.0
        return Drawn(point, ets.simulate(h=ahead, n_paths=PATHS, seed=1) + season)

    return draw


def of_prophet(_: str) -> Draw:
    """Prophet with a weekly season."""
    logging.disable(logging.ERROR)  # how each fit goes, and that plotly is not there
    import numpy  # type: ignore[import-not-found,unused-ignore]
    import pandas  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from prophet import Prophet  # type: ignore[import-not-found,unused-ignore]

    def draw(values: list[float], first: date, ahead: int) -> Drawn:
        numpy.random.seed(1)
        days = pandas.date_range(first, periods=len(values) + ahead, freq="D")
        model = Prophet(
            weekly_seasonality=True, daily_seasonality=False, yearly_seasonality=False, uncertainty_samples=PATHS
        )
        model.fit(pandas.DataFrame({"ds": days[:-ahead], "y": values}))
        coming = pandas.DataFrame({"ds": days[-ahead:]})
        return Drawn(model.predict(coming)["yhat"].to_numpy(), model.predictive_samples(coming)["yhat"].T)

    return draw


def next_month(day: date) -> date:
    """The first day of the month after the day's."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def tell(first: date, as_of: date, before: dict[str, list[float]], drawn: dict[str, Drawn]) -> None:
    """Prints every month of every group."""
    import numpy  # type: ignore[import-not-found,unused-ignore]

    known = (as_of - first).days
    for group, (point, paths) in drawn.items():
        month = as_of.replace(day=1)
        for _ in range(MONTHS):
            start, end = (month - first).days, (next_month(month) - first).days
            coming = slice(max(start - known, 0), end - known)
            spent = sum(before[group][start:])
            sums = spent + paths[:, coming].sum(axis=1)
            bounds = numpy.quantile(sums, (0.1, 0.9, 0.025, 0.975)).tolist()
            mean = spent + float(point[coming].sum())
            line: dict[str, Any] = {"as_of": as_of.isoformat(), "month": f"{month:%Y-%m}", "mean": mean}
            if group != TOTAL:
                line["ServiceName"] = group
            print(json.dumps({**line, **dict(zip(("lo80", "hi80", "lo95", "hi95"), bounds, strict=True))}))
            month = next_month(month)


def cpu() -> float:
    """Seconds of CPU until now, with those of processes that have ended: Prophet fits in one of its own."""
    return sum(os.times()[:4])


def main(method: str, dates: list[date]) -> None:
    """Forecasts as of each date."""
    draw = (of_prophet if method == "Prophet" else of_statsforecast)(method)
    first, groups = read(sys.stdin)
    for as_of in dates:
        started = cpu()
        known = (as_of - first).days
        end = as_of
        for _ in range(MONTHS):
            end = next_month(end)
        before = {group: values[:known] for group, values in groups.items() if any(values[:known])}
        drawn = {group: draw(values, first, (end - as_of).days) for group, values in before.items()}
        tell(first, as_of, before, drawn)
        print(json.dumps({"as_of": as_of.isoformat(), "seconds": round(cpu() - started, 3)}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1], [date.fromisoformat(one) for one in sys.argv[2].split(",")])
