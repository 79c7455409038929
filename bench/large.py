"""`python -m bench.large`: imports and queries of exports of up to 50 million rows, into docs/exports-speed.md.

Each size is made once, imported in turns by a bare sorted COPY and by farthing (`bench.imports`), then asked the ten
questions of `bench.queries`. pandas reads the same file and sorts it by the same columns, once, if it is small.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench import queries
from bench.daily_run import Measured, measure
from bench.imports import compare, make_export
from bench.outside import PYTHON, Outside
from bench.pages import picture, put, table

PAGE = Path("docs/exports-speed.md")
PLOTS = Path(__file__).with_name("plots.py")
SIZES = ((1_000_000, "parquet"), (1_000_000, "csv"), (10_000_000, "parquet"), (50_000_000, "parquet"))
GOALS = {"parquet": 1.25, "csv": 1.5}
"""The goal: an import takes at most so many times as long as the COPY."""

FORMS = {"parquet": "Parquet", "csv": "CSV"}
GOAL_MB = 2048
LARGE = 10_000_000
"""Rows from which on an import is measured once."""

PANDAS_ROWS = 1_000_000
"""pandas holds a whole file in memory: 10 million rows of it are more than most laptops have."""

PANDAS = """
import sys
import pandas as pd
source, target = sys.argv[1:]
frame = pd.read_csv(source) if source.endswith(".csv") else pd.read_parquet(source)
frame["day"] = pd.to_datetime(frame["ChargePeriodStart"]).dt.date
frame = frame.sort_values(["BillingPeriodStart", "day", "SubAccountId", "ServiceName"])
frame.drop(columns="day").to_parquet(target, compression="zstd")
"""


class Imported(NamedTuple):
    """One export: the COPY, farthing and, where it was asked, pandas."""

    rows: int
    form: str
    copy: Measured
    farthing: Measured
    pandas: Measured | None


def imported(rows: int, form: str, rounds: int, folder: Path) -> Imported:
    """Measures the import of one export."""
    copy, own = compare(rows, form, rounds, folder)
    pandas = None
    if PYTHON.exists() and rows <= PANDAS_ROWS:
        export, target = make_export(rows, form, folder), folder / "pandas.parquet"
        pandas = measure([str(PYTHON), "-c", PANDAS, str(export), str(target)], dict(os.environ))
        export.unlink()
        target.unlink()
    return Imported(rows, form, copy, own, pandas)


def asked(rows: int, rounds: int, folder: Path) -> list[queries.Timed]:
    """The ten questions over a ledger that has the export."""
    export, home = make_export(rows, "parquet", folder), folder / "ledger"
    environment = {**os.environ, "FARTHING_HOME": str(home)}
    subprocess.run(
        [sys.executable, "-m", "farthing", "import", str(export)], env=environment, check=True, capture_output=True
    )
    export.unlink()
    try:
        return queries.measured(rows, home, rounds)
    finally:
        shutil.rmtree(home)


def imports_table(found: Sequence[Imported]) -> str:
    """Markdown."""
    rows = []
    for one in found:
        named = [("COPY", one.copy), ("farthing", one.farthing)] + ([("pandas", one.pandas)] if one.pandas else [])
        for name, figures in named:
            ratio = figures.wall / one.copy.wall
            rows.append(
                [
                    f"{one.rows:,}, {FORMS[one.form]}, {name}",
                    *(f"{figures.wall:,.1f}", f"{figures.cpu:,.1f}", f"{figures.memory:,.0f}"),
                    *(f"{one.rows / figures.wall:,.0f}", f"{ratio:.2f}", f"{figures.cpu / one.copy.cpu:.2f}"),
                ]
            )
    return table(["Export", "Wall s", "CPU s", "Peak MB", "Rows/s", "Wall ratio", "CPU ratio"], rows)


def verdict(found: Sequence[Imported]) -> str:
    """Whether the goals are reached, in words that come from the figures."""
    lines = []
    for one in found:
        wall, cpu, goal = one.farthing.wall / one.copy.wall, one.farthing.cpu / one.copy.cpu, GOALS[one.form]
        lines.append(
            f"- {one.rows:,} rows of {FORMS[one.form]}: {wall:.2f} x the time and {cpu:.2f} x the CPU (goal "
            f"{goal}: {'reached' if wall <= goal else 'missed'}), {one.farthing.memory:,.0f} MB at most "
            f"(goal {GOAL_MB:,}: {'reached' if one.farthing.memory <= GOAL_MB else 'missed'})."
        )
    return "\n".join(lines)


def growth(found: Sequence[Imported], outside: Outside) -> str:
    """An SVG: seconds and memory by the rows of the Parquet exports."""
    parquet = [one for one in found if one.form == "parquet"]
    panels = {
        "Wall, s": {
            "COPY": [one.copy.wall for one in parquet],
            "farthing": [one.farthing.wall for one in parquet],
        },
        "Peak memory, MB": {
            "COPY": [one.copy.memory for one in parquet],
            "farthing": [one.farthing.memory for one in parquet],
        },
    }
    given = {"panels": panels, "x": [one.rows / 1e6 for one in parquet], "x_label": "million rows", "y_label": ""}
    return outside.run(PLOTS, ["lines"], json.dumps(given))


class Figures(NamedTuple):
    """What was measured so far, in the order of the page."""

    imports: list[Imported]
    questions: dict[int, list[queries.Timed]]


def kept(file: Path | None) -> Figures:
    """What an earlier, interrupted or partial run measured."""
    found = Figures([], {})
    for line in file.read_text().splitlines() if file and file.exists() else ():
        told = json.loads(line)
        if "questions" in told:
            found.questions[told["rows"]] = [queries.Timed(*one) for one in told["questions"]]
        else:
            measured = [one and Measured(*one) for one in told["imported"]]
            found.imports.append(Imported(told["rows"], told["form"], *measured))
    return found


def keep(file: Path | None, told: dict[str, Any]) -> None:
    """Adds a line to that file."""
    if file:
        with file.open("a") as lines:
            lines.write(json.dumps(told) + "\n")


def run(figures: Figures, sizes: Sequence[tuple[int, str]], rounds: int, file: Path | None) -> None:
    """Measures what is not there yet; the largest exports once."""
    for rows, form in sizes:
        times = rounds if rows < LARGE else 1
        with tempfile.TemporaryDirectory(prefix="farthing-bench-", dir=os.environ.get("FARTHING_BENCH_DIR")) as made:
            if (rows, form) not in {(one.rows, one.form) for one in figures.imports}:
                one = imported(rows, form, times, Path(made))
                figures.imports.append(one)
                keep(file, {"rows": rows, "form": form, "imported": [one.copy, one.farthing, one.pandas]})
                print(imports_table([one]), flush=True)
            if form == "parquet" and rows not in figures.questions:
                figures.questions[rows] = asked(rows, max(3, times), Path(made))
                keep(file, {"rows": rows, "questions": figures.questions[rows]})
                print(questions_table(rows, figures.questions[rows]), flush=True)


def questions_table(rows: int, timed: Sequence[queries.Timed]) -> str:
    """Markdown, with its heading."""
    return f"### {rows:,} rows\n\n{table(queries.HEAD, map(queries.cells, timed))}"


def main() -> None:
    """Runs and prints; `--docs` writes the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.large", description=__doc__)
    parser.add_argument("--sizes", help="for instance 1000000:parquet,1000000:csv; default: all of the page")
    parser.add_argument("--rounds", type=int, default=3, help="of sizes below 10 million rows; larger ones: once")
    parser.add_argument("--keep", type=Path, help="a file of what was measured: what it has is not measured again")
    parser.add_argument("--docs", action="store_true", help=f"writes the tables into {PAGE}, and the picture")
    arguments = parser.parse_args()
    sizes: Sequence[tuple[int, str]] = SIZES
    if arguments.sizes:
        parts = [text.partition(":") for text in arguments.sizes.split(",")]
        sizes = tuple((int(size), form or "parquet") for size, _, form in parts)
    figures = kept(arguments.keep)
    run(figures, sizes, arguments.rounds, arguments.keep)
    print(verdict(figures.imports))
    if arguments.docs:
        put(PAGE, "Imports", f"{imports_table(figures.imports)}\n\n{verdict(figures.imports)}")
        put(PAGE, "Questions", "\n\n".join(questions_table(*one) for one in figures.questions.items()))
        outside = Outside(PYTHON)
        if not outside.missing:
            drawn = growth(figures.imports, outside)
            put(PAGE, "Growth", picture(PAGE, "exports-growth.svg", "Time and memory by rows", drawn))


if __name__ == "__main__":
    main()
