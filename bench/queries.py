"""Ten questions that people ask of a year of billing exports, against SQL by hand over the same Parquet files.

Both run in one process, in turns: farthing from the catalog to its rows (a connection, the SQL, the values), the
reference from a new connection to its rows. Rows and amounts must be equal, or the benchmark ends. pandas reads the
columns of the question alone and adds up doubles; a process of its own, measured without its start.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import NamedTuple

import duckdb

from bench.imports import make_export, months_of
from bench.outside import PYTHON
from farthing.app import App, open_app
from farthing.exported import export_slices, exports_of
from farthing.model import Period
from farthing.query.engines.duckdb import DuckDBEngine
from farthing.query.model import Query, parse_where

Answer = tuple[int, Decimal]
"""How many rows, and what their BilledCost comes to."""

GOAL_RATIO, GOAL_SECONDS = 1.2, 0.03
"""The goal: this many times the reference's time, and this much."""

PANDAS_ROWS = 1_000_000
"""pandas takes a minute for a question of ten million rows; of more than this it is not asked."""

NOW = datetime(2027, 2, 1, tzinfo=UTC)

PANDAS = """
import json, sys, time
import pandas as pd
import pyarrow.dataset as ds
files, questions = json.loads(sys.argv[1]), json.loads(sys.argv[2])
data = ds.dataset(files, format="parquet")
for columns, start, end, equal, group in questions:
    times = []
    for _ in range(int(sys.argv[3])):
        began = time.perf_counter()
        moment = ds.field("ChargePeriodStart")
        keep = (moment >= pd.Timestamp(start)) & (moment < pd.Timestamp(end))
        for name, value in equal.items():
            keep = keep & (ds.field(name) == value)
        frame = data.to_table(columns=columns, filter=keep).to_pandas()
        frame["BilledCost"] = frame["BilledCost"].astype(float)
        if "ChargePeriodStart" in group:
            frame["ChargePeriodStart"] = frame["ChargePeriodStart"].dt.date
        frame.groupby(group, dropna=False)["BilledCost"].sum() if group else frame["BilledCost"].sum()
        times.append(time.perf_counter() - began)
    print(sorted(times)[len(times) // 2])
"""


class Question(NamedTuple):
    """One of them: what farthing is asked, and the same by hand (``{files}`` stands for the files)."""

    title: str
    query: Query
    sql: str
    equal: Mapping[str, str] = {}
    """What pandas filters by, beside the period."""


def questions(year: int, months: int) -> list[Question]:
    """Over all months, and over the last one."""
    whole = Period(date(year, 1, 1), date(year + months // 12, months % 12 + 1, 1))
    last = Period(date(year, months, 1), whole.end)
    cost = ("BilledCost",)
    all_costs = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
    day = "CAST(ChargePeriodStart AS DATE)"

    def by(keys: str, period: Period, more: str = "true", sums: Sequence[str] = cost) -> str:
        summed = ", ".join(f"sum({metric})" for metric in sums)
        return (
            f"SELECT {keys}{keys and ', '}{summed} FROM {{files}} WHERE {more} AND ChargePeriodStart >= "
            f"TIMESTAMP '{period.start}' AND ChargePeriodStart < TIMESTAMP '{period.end}' GROUP BY ALL"
        )

    def question(
        title: str, period: Period, columns: Sequence[str], keys: str, more: str = "true", where: str = ""
    ) -> Question:
        column, _, value = more.partition(" = ")
        query = Query(period, tuple(columns), parse_where(where), cost)
        return Question(title, query, by(keys, period, more), {column: value.strip("'")} if value else {})

    dearest = by("ResourceId", last).replace("sum(BilledCost)", "sum(BilledCost) AS s")
    return [
        question("total of the year", whole, (), ""),
        question("last month by service", last, ("ServiceName",), "ServiceName"),
        question("year by day and service", whole, ("ChargePeriodStart", "ServiceName"), f"{day}, ServiceName"),
        question("year by account", whole, ("SubAccountId",), "SubAccountId"),
        question(
            "year by month and region",
            whole,
            ("BillingPeriodStart", "RegionId"),
            "CAST(BillingPeriodStart AS DATE), RegionId",
        ),
        question("year by tag team", whole, ("Tags/team",), "Tags['team']"),
        Question(
            "year by charge category, four costs",
            Query(whole, ("ChargeCategory",), (), all_costs),
            by("ChargeCategory", whole, sums=all_costs),
        ),
        question(
            "a month's days of one account",
            last,
            ("ChargePeriodStart",),
            day,
            "SubAccountId = '100000000042'",
            "account:100000000042",
        ),
        question(
            "year of one service by usage type",
            whole,
            ("x_UsageType",),
            "x_UsageType",
            "ServiceName = 'Amazon Service 7'",
            "service:'Amazon Service 7'",
        ),
        Question(
            "20 dearest resources of a month",
            Query(last, ("ResourceId",), (), cost, 20),
            f"SELECT *, count(*) OVER (), sum(s) OVER () FROM ({dearest}) ORDER BY s DESC, ResourceId LIMIT 20",
        ),
    ]


class Timed(NamedTuple):
    """Seconds, medians; pandas is None where it was not asked: it cannot take a map's key without reading every map."""

    title: str
    hand: float
    farthing: float
    pandas: float | None

    @property
    def reaches_goal(self) -> bool:
        """Whether farthing takes at most 1.2 times the reference's time and 30 ms."""
        return self.farthing <= GOAL_RATIO * self.hand + GOAL_SECONDS


def measured(rows: int, home: Path, rounds: int) -> list[Timed]:
    """Each question over a ledger that has the export, ``rounds`` times, in turns.

    Raises:
        SystemExit: the answers are not the same.
    """
    app = open_app({"FARTHING_HOME": str(home), "FARTHING_TODAY": str(NOW.date())}, preview=print)
    asked = questions(2026, months_of(rows))
    files = [str(path) for one in exports_of(app).slices() for path in exports_of(app).paths(one)]
    source = f"read_parquet([{', '.join(repr(file) for file in files)}], hive_partitioning=false)"
    beside = _with_pandas(files, asked, rounds) if rows <= PANDAS_ROWS else {}
    found = []
    for question in asked:
        sql, place = question.sql.format(files=source), len(question.query.group_by)
        hand, own = [], []
        for _ in range(rounds):
            hand.append(_timed(partial(_by_hand, sql, place)))
            own.append(_timed(partial(_by_farthing, app, question.query)))
        if hand[0][1] != own[0][1]:
            raise SystemExit(f"{question.title}: farthing says {own[0][1]}, the reference {hand[0][1]}")
        times = [statistics.median(seconds for seconds, _ in one) for one in (hand, own)]
        found.append(Timed(question.title, times[0], times[1], beside.get(question.title)))
    return found


def _by_hand(sql: str, place: int) -> Answer:
    with duckdb.connect() as connection:
        rows = connection.execute(sql).fetchall()
    return len(rows), sum((row[place] for row in rows), Decimal(0))


def _by_farthing(app: App, query: Query) -> Answer:
    with DuckDBEngine(None, query.period, now=NOW, slices=export_slices(app, query.period)) as engine:
        rows = engine.run(query).rows
    return len(rows), sum((row.amounts[0] for row in rows), Decimal(0))


def _timed(call: Callable[[], Answer]) -> tuple[float, Answer]:
    began = time.perf_counter()
    answer = call()
    return time.perf_counter() - began, answer


def _with_pandas(files: Sequence[str], asked: Sequence[Question], rounds: int) -> dict[str, float]:
    if not PYTHON.exists():
        return {}
    plain = [one for one in asked if not any("/" in name for name in one.query.group_by)]
    told = [
        (
            sorted({*one.query.columns, "ChargePeriodStart", *(one.query.metrics or ())} - {"SubAccountName"}),
            str(one.query.period.start),
            str(one.query.period.end),
            one.equal,
            one.query.group_by,
        )
        for one in plain
    ]
    command = [str(PYTHON), "-c", PANDAS, json.dumps(files), json.dumps(told), str(rounds)]
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return {one.title: float(line) for one, line in zip(plain, printed.split(), strict=True)}


def cells(one: Timed) -> list[str]:
    """A line of the table: milliseconds, and whether the goal is reached."""
    pandas = "" if one.pandas is None else f"{1000 * one.pandas:,.0f}"
    ratio = f"{one.farthing / one.hand:.2f}"
    return [
        one.title, f"{1000 * one.hand:,.0f}", f"{1000 * one.farthing:,.0f}", ratio, pandas,
        "yes" if one.reaches_goal else "no",
    ]  # fmt: skip


HEAD = ("question", "SQL by hand, ms", "farthing, ms", "ratio", "pandas, ms", f"at most {GOAL_RATIO} x + 30 ms")


def main(sizes: Sequence[int], rounds: int) -> None:
    """Prints the table for each size."""
    for rows in sizes:
        with tempfile.TemporaryDirectory(prefix="farthing-bench-", dir=os.environ.get("FARTHING_BENCH_DIR")) as made:
            folder = Path(made)
            export = make_export(rows, "parquet", folder)
            environment = {**os.environ, "FARTHING_HOME": str(folder / "ledger")}
            command = [sys.executable, "-m", "farthing", "import", str(export)]
            subprocess.run(command, env=environment, check=True, capture_output=True)
            export.unlink()
            print(f"ten questions of {rows:,} rows, medians of {rounds}")
            for line in (HEAD, *map(cells, measured(rows, folder / "ledger", rounds))):
                print(f"{line[0]:38}" + "".join(f"{cell:>18}" for cell in line[1:5]) + f"{line[5]:>26}")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1_000_000], rounds=5)
