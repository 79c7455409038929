"""Every forecaster that is scored, behind one shape: a history and the questions in, forecasts out."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
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


class Told(NamedTuple):
    """What a forecaster told about each question, and the seconds of CPU that all of them took."""

    forecasts: Mapping[Asked, Sequence[Forecast]]
    seconds: float


class Forecaster(NamedTuple):
    """A forecaster by its name in the tables."""

    name: str
    run: Callable[[History, Sequence[Asked]], Told]


def farthing(history: History, questions: Sequence[Asked]) -> Told:
    """Farthing's own, as anyone would run it: `farthing forecast --series FILE --as-of DATE --json`.

    Its seconds are those of whole processes, with the interpreter's start and the reading of the file.
    """

    def run(asked: Asked) -> list[Forecast]:
        command = [sys.executable, "-m", "farthing", "forecast", "--series", str(history.file), "--json"]
        command += ["--as-of", asked.as_of.isoformat()]
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return [read_forecast(json.loads(line)) for line in answer.stdout.splitlines()]

    started = _of_children()
    with ThreadPoolExecutor(os.cpu_count()) as at_once:
        forecasts = dict(zip(questions, at_once.map(run, questions), strict=True))
    return Told(forecasts, _of_children() - started)


def _of_children() -> float:
    """Seconds of CPU of the processes that were waited for."""
    times = os.times()
    return times.children_user + times.children_system


def read_forecast(line: Mapping[str, Any]) -> Forecast:
    """One printed object; amounts are numbers or decimal strings."""
    low80, high80, low95, high95 = (float(line[name]) for name in ("lo80", "hi80", "lo95", "hi95"))
    month = date.fromisoformat(f"{line['month']}-01")
    return Forecast(month, line.get("ServiceName", TOTAL), float(line["mean"]), (low80, high80), (low95, high95))


def of_rate(name: str, rate: plain.Rate) -> Forecaster:
    """A baseline in plain Python."""

    def run(history: History, questions: Sequence[Asked]) -> Told:
        started = time.process_time()
        forecasts = {asked: list(plain.forecasts(history.groups, history.first, asked, rate)) for asked in questions}
        return Told(forecasts, time.process_time() - started)

    return Forecaster(name, run)


def of_others(method: str, outside: Outside) -> Forecaster:
    """A baseline of somebody else's, in its own environment; each question is one to it, so that each can be kept."""

    def run(history: History, questions: Sequence[Asked]) -> Told:
        dates = [[method, asked.as_of.isoformat()] for asked in questions]
        answers = outside.run_each(OTHERS, dates, history.file.read_text(encoding="utf-8"))
        read = [read_answer(answer.splitlines()) for answer in answers]
        forecasts = {asked: told for asked, (told, _) in zip(questions, read, strict=True)}
        return Told(forecasts, sum(seconds for _, seconds in read))

    return Forecaster(method, run)


def read_answer(lines: Iterable[str]) -> tuple[list[Forecast], float]:
    """What `others.py` printed about one question: the forecasts, and the seconds that it took."""
    forecasts, seconds = [], 0.0
    for line in map(json.loads, lines):
        if "seconds" in line:
            seconds += line["seconds"]
        else:
            forecasts.append(read_forecast(line))
    return forecasts, seconds


OWN = Forecaster("farthing", farthing)
PLAIN = tuple(of_rate(name, rate) for name, rate in plain.PLAIN.items())


OTHERS_NAMES = ("MSTL", "AutoETS", "Prophet")


def others(outside: Outside, names: Sequence[str] = OTHERS_NAMES) -> list[Forecaster]:
    """Those of other people, or some of them."""
    return [of_others(method, outside) for method in OTHERS_NAMES if method in names]
