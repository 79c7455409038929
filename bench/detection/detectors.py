"""Every detector that is scored, behind one shape: a history in, incidents out."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from bench.detection import plain
from bench.detection.scoring import Alarm, Incident, incidents
from bench.outside import Outside
from bench.series_generator import Dataset, Row, SeriesKey

OTHERS = Path(__file__).with_name("others.py")


class History(NamedTuple):
    """What a detector is given: the labelled history (of which it may use the rows only) and the same as a file."""

    dataset: Dataset
    file: Path
    categories: bool


class Detector(NamedTuple):
    """A detector by its name in the tables; `own`: it is farthing's."""

    name: str
    run: Callable[[History], list[Incident]]
    own: bool = False


def farthing(history: History) -> list[Incident]:
    """Farthing's own, as anyone would run it: `farthing anomalies --series FILE --replay --json`."""
    command = [sys.executable, "-m", "farthing", "anomalies", "--series", str(history.file), "--replay", "--json"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return list(told(answer.stdout.splitlines()))


def told(lines: Iterable[str]) -> Iterator[Incident]:
    """The incidents that farthing printed: each is raised once, on the day `date`."""
    for line in lines:
        incident = json.loads(line)
        key = SeriesKey(incident["ServiceName"], incident.get("SubAccountId") or "")
        yield Incident(key, (date.fromisoformat(incident["date"]),), float(incident["excess"]) > 0)


def of_judge(name: str, judge: plain.Judge, *, masked: bool = False) -> Detector:
    """A baseline in plain Python. Where the file tells ChargeCategory it looks at usage alone."""

    def run(history: History) -> list[Incident]:
        dataset = history.dataset
        rows: Sequence[Row] = dataset.rows
        if history.categories:
            rows = [row for row in rows if row.category == "Usage"]
        series = plain.dense(rows, dataset.first_day, dataset.days)
        alarms = plain.alarms(series, dataset.first_day, judge)
        return incidents(plain.without_fee_days(alarms) if masked else alarms)

    return Detector(f"{name}, days 1-3 masked" if masked else name, run)


def of_others(name: str, method: str, outside: Outside, *, masked: bool = False) -> Detector:
    """A baseline of somebody else's, in its own environment."""

    def run(history: History) -> list[Incident]:
        floors = [str(plain.FLOOR_MONEY), str(plain.FLOOR_SHARE)]
        given = history.file.read_text(encoding="utf-8")
        answer = outside.run(OTHERS, [method, str(history.dataset.warm_up), *floors], given)
        alarms = (_alarm(line) for line in answer.splitlines())
        return incidents(plain.without_fee_days(alarms) if masked else alarms)

    return Detector(f"{name}, days 1-3 masked" if masked else name, run)


def _alarm(line: str) -> Alarm:
    alarm = json.loads(line)
    key = SeriesKey(alarm["ServiceName"], alarm["SubAccountId"])
    return Alarm(key, date.fromisoformat(alarm["date"]), alarm["up"])


OWN = Detector("farthing", farthing, own=True)
PLAIN = tuple(
    of_judge(name, judge, masked=masked)
    for name, judge in (
        ("mean + 3 sd", plain.mean_and_deviation),
        ("day-of-week median + MAD", plain.weekday_median),
    )
    for masked in (False, True)
)
METHODS = {"MSTL": "MSTL, 99 %", "AutoETS": "AutoETS, 99 %", "Prophet": "Prophet, 99 %", "adtk": "adtk SeasonalAD"}


def others(outside: Outside, methods: Iterable[str] = METHODS) -> list[Detector]:
    """Those of other people that are named, each as it is and masked."""
    return [
        of_others(METHODS[method], method, outside, masked=masked) for method in methods for masked in (False, True)
    ]
