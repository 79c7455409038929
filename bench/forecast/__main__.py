"""`python -m bench.forecast`: the forecaster against its baselines, on months that are known."""

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.forecast import pictures, tables
from bench.forecast.forecasters import OTHERS_NAMES, OWN, PLAIN, Forecaster, History, others
from bench.forecast.real import report_real
from bench.forecast.scoring import HORIZONS, Judged, Spent, daily, incoherence, judge, questions
from bench.outside import Outside, add_options, of_options, seeds_of
from bench.pages import picture, put
from bench.series_generator import Parameters, make_dataset, write_series

DEVELOPMENT = "1-9"
"""Seeds to look at while something is changed."""

HELD_OUT = "111-115"
"""Seeds that nobody may have looked at when the figures of docs/forecasting.md are made."""

WHOLE = Parameters(days=400, events=(0.10, 0.25, 0.35, 0.30))
"""Longer than the detector's, so that there is history before and three months after."""

HISTORY = 180
MONTHS = 3
"""Months that are forecast, each at five days."""

SMOKE = Parameters(series=25, days=310)
SMOKE_HISTORY, SMOKE_MONTHS = 150, 1
PAGE = Path("docs/forecasting.md")
PICTURES = {
    "error.svg": ("The running month's error by the days known", pictures.errors),
    "coverage.svg": ("How often the running month lay in the intervals, by the days known", pictures.coverage),
}
WITHOUT, WITH, OTHERS = "Without ChargeCategory", "With ChargeCategory", "Other people's forecasters"
PICTURES_OF = {WITHOUT: "forecast-", OTHERS: "forecast-others-"}
"""How the names of a section's pictures begin; the others have none."""

AT_ONCE = 2
"""Processes that other people's forecasters run in."""


def run(
    seeds: Sequence[int], forecasters: Sequence[Forecaster], *, categories: bool, smoke: bool
) -> tuple[dict[str, list[Judged]], dict[str, list[Spent]]]:
    """Every forecaster on every seed: how it was judged, and per seed what it took, which is printed, too."""
    parameters = SMOKE if smoke else WHOLE
    history, months = (SMOKE_HISTORY, SMOKE_MONTHS) if smoke else (HISTORY, MONTHS)
    results: dict[str, list[Judged]] = defaultdict(list)
    spent: dict[str, list[Spent]] = defaultdict(list)
    for seed in seeds:
        dataset = make_dataset(seed, parameters)
        groups = daily(dataset.rows, dataset.first_day, dataset.days)
        asked = questions(dataset.first_day, dataset.days, history=history, months=months)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "series.csv"
            write_series(dataset.rows, file, categories=categories)
            for forecaster in forecasters:
                started = time.perf_counter()
                told, seconds = forecaster.run(History(groups, dataset.first_day, file), asked)
                for one in asked:
                    results[forecaster.name] += judge(groups, dataset.first_day, one, told[one])
                spent[forecaster.name].append(Spent(seconds, sum(map(len, told.values())) // HORIZONS))
                took = time.perf_counter() - started
                apart = max(incoherence(told[one]) for one in asked)
                print(
                    f"seed {seed}, {forecaster.name}: {took:.1f} s; parts and total differ by {apart:.4f}", flush=True
                )
    return results, spent


class Section(NamedTuple):
    """Of the page: who forecasts which seeds there."""

    title: str
    seeds: Sequence[int]
    forecasters: Sequence[Forecaster]


def main(given: Sequence[str] | None = None) -> None:
    """Runs and prints; `--docs` writes the page.

    Args:
        given: the arguments; those of the command line if None.
    """
    parser = _parser()
    arguments = parser.parse_args(given)
    outside = of_options(parser, arguments, arguments.workers)
    own = [] if arguments.no_own else [OWN]
    slow = [] if arguments.smoke or outside.missing else others(outside, arguments.others.split(","))
    if not slow:
        why = "--smoke" if arguments.smoke else f"no {arguments.python}" if outside.missing else "--others"
        print(f"skipped: statsforecast and Prophet ({why})")
    seeds = [1] if arguments.smoke else _seeds(arguments.seeds)
    theirs = seeds if arguments.other_seeds is None else _seeds(arguments.other_seeds)
    sections = [
        Section(WITHOUT, seeds, [*own, *PLAIN]),
        Section(WITH, seeds, own),
        Section(OTHERS, theirs, [*own, *PLAIN, *slow] if slow else []),
    ]
    for section in sections:
        if section.seeds and section.forecasters:
            _show(section, outside, smoke=arguments.smoke, docs=arguments.docs)
    real = report_real([*own, *PLAIN, *slow])
    print(real)
    if arguments.docs:
        put(PAGE, "A real account", real)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.forecast", description=__doc__)
    parser.add_argument(
        "--seeds",
        default=DEVELOPMENT,
        help=f"for instance 3 or 1-9 (the default); {HELD_OUT}: held out; '' for none: other people's section alone",
    )
    parser.add_argument("--other-seeds", help="those on which other people's forecasters run; default all of --seeds")
    parser.add_argument(
        "--others",
        default=",".join(OTHERS_NAMES),
        help="other people's forecasters; default %(default)s; '' for none: they take minutes for a seed",
    )
    parser.add_argument(
        "--workers", type=int, default=AT_ONCE, help="processes that other people's run in; default %(default)s"
    )
    parser.add_argument("--smoke", action="store_true", help="few series, plain baselines only: shows that it works")
    add_options(parser)
    parser.add_argument("--no-own", action="store_true", help="the baselines alone")
    parser.add_argument("--docs", action="store_true", help=f"writes the tables into {PAGE}, and its pictures")
    return parser


def _seeds(text: str) -> list[int]:
    return seeds_of(text) if text else []


def _show(section: Section, outside: Outside, *, smoke: bool, docs: bool) -> None:
    """Runs a section and prints its tables; `docs`: into the page, too, with its pictures."""
    results, spent = run(section.seeds, section.forecasters, categories=section.title == WITH, smoke=smoke)
    text = f"Seeds {', '.join(map(str, section.seeds))}.\n\n"
    text += f"{tables.errors(results)}\n\n{tables.coverage(results)}"
    if section.title == OTHERS:
        text += f"\n\n{tables.times(spent)}"
    print(f"\n{section.title}\n\n{text}\n", flush=True)
    if docs:
        if section.title in PICTURES_OF and not outside.missing:
            for name, (alt, draw) in PICTURES.items():
                text += "\n\n" + picture(PAGE, PICTURES_OF[section.title] + name, alt, draw(results, outside))
        put(PAGE, section.title, text)


if __name__ == "__main__":
    main()
