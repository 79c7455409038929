"""Every forecaster that is scored, behind one shape: a history and the questions in, forecasts out."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from bench.forecast import plain
from bench.forecast.scoring import TOTAL, Asked, Forecast
from bench.outside import Outside

OTHERS = Path(__file__).with_name("others.py")


class History(NamedTuple):
    """What a forecaster is given: daily amounts per group from the first day on, and the same as a file.

    Both go on after the questions' days; nobody may look there.
    """

    groups: Mapping[str, Sequence[float]]
    first: date
    file: Path


class Forecaster(NamedTuple):
    """A forecaster by its name in the tables."""

    name: str
    run: Callable[[History, Sequence[Asked]], Mapping[Asked, Sequence[Forecast]]]


def farthing(history: History, questions: Sequence[Asked]) -> dict[Asked, list[Forecast]]:
    """Farthing's own, as anyone would run it: `farthing forecast --series FILE --as-of DATE --json`."""

    def run(asked: Asked) -> list[Forecast]:
        command = [sys.executable, "-m", "farthing", "forecast", "--series", str(history.file), "--json"]
        command += ["--as-of", asked.as_of.isoformat()]
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return [read_forecast(json.loads(line)) for line in answer.stdout.splitlines()]

    with ThreadPoolExecutor(os.cpu_count()) as at_once:
        return dict(zip(questions, at_once.map(run, questions), strict=True))


def read_forecast(line: Mapping[str, Any]) -> Forecast:
    """One printed object; amounts are numbers or decimal strings."""
    low80, high80, low95, high95 = (float(line[name]) for name in ("lo80", "hi80", "lo95", "hi95"))
    month = date.fromisoformat(f"{line['month']}-01")
    return Forecast(month, line.get("ServiceName", TOTAL), float(line["mean"]), (low80, high80), (low95, high95))


def of_rate(name: str, rate: plain.Rate) -> Forecaster:
    """A baseline in plain Python."""

    def run(history: History, questions: Sequence[Asked]) -> dict[Asked, list[Forecast]]:
        return {asked: list(plain.forecasts(history.groups, history.first, asked, rate)) for asked in questions}

    return Forecaster(name, run)


def of_others(method: str, outside: Outside) -> Forecaster:
    """A baseline of somebody else's, in its own environment."""

    def run(history: History, questions: Sequence[Asked]) -> dict[Asked, list[Forecast]]:
        dates = ",".join(asked.as_of.isoformat() for asked in questions)
        answer = outside.run(OTHERS, [method, dates], history.file.read_text(encoding="utf-8"))
        told: dict[str, list[Forecast]] = defaultdict(list)
        for text in answer.splitlines():
            line = json.loads(text)
            told[line["as_of"]].append(read_forecast(line))
        return {asked: told[asked.as_of.isoformat()] for asked in questions}

    return Forecaster(method, run)


OWN = Forecaster("farthing", farthing)
PLAIN = tuple(of_rate(name, rate) for name, rate in plain.PLAIN.items())


OTHERS_NAMES = ("MSTL", "AutoETS", "Prophet")


def others(outside: Outside, names: Sequence[str] = OTHERS_NAMES) -> list[Forecaster]:
    """Those of other people, or some of them."""
    return [of_others(method, outside) for method in OTHERS_NAMES if method in names]
