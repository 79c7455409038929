"""`python -m bench.forecast`: the forecaster against its baselines, on months that are known."""

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench.forecast import pictures, tables
from bench.forecast.forecasters import OTHERS_NAMES, OWN, PLAIN, Forecaster, History, others
from bench.forecast.real import report_real
from bench.forecast.scoring import Judged, daily, incoherence, judge, questions
from bench.outside import PYTHON, Outside, seeds_of
from bench.pages import picture, put
from bench.series_generator import Parameters, make_dataset, write_series

DEVELOPMENT = "1-9"
"""Seeds to look at while something is changed."""

HELD_OUT = "101-105"
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
    "forecast-error.svg": ("The running month's error by the days known", pictures.errors),
    "forecast-coverage.svg": ("How often the running month lay in the intervals, by the days known", pictures.coverage),
}
FORMS = {False: "Without ChargeCategory", True: "With ChargeCategory"}


def run(
    seeds: Sequence[int], forecasters: Sequence[Forecaster], *, categories: bool, smoke: bool
) -> dict[str, list[Judged]]:
    """Every forecaster on every seed; what each took is printed."""
    parameters = SMOKE if smoke else WHOLE
    history, months = (SMOKE_HISTORY, SMOKE_MONTHS) if smoke else (HISTORY, MONTHS)
    results: dict[str, list[Judged]] = defaultdict(list)
    for seed in seeds:
        dataset = make_dataset(seed, parameters)
        groups = daily(dataset.rows, dataset.first_day, dataset.days)
        asked = questions(dataset.first_day, dataset.days, history=history, months=months)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "series.csv"
            write_series(dataset.rows, file, categories=categories)
            for forecaster in forecasters:
                started = time.perf_counter()
                told = forecaster.run(History(groups, dataset.first_day, file), asked)
                for one in asked:
                    results[forecaster.name] += judge(groups, dataset.first_day, one, told[one])
                took = time.perf_counter() - started
                apart = max(incoherence(told[one]) for one in asked)
                print(
                    f"seed {seed}, {forecaster.name}: {took:.1f} s; parts and total differ by {apart:.4f}", flush=True
                )
    return results


def main(given: Sequence[str] | None = None) -> None:
    """Runs and prints; `--docs` writes the page.

    Args:
        given: the arguments; those of the command line if None.
    """
    parser = argparse.ArgumentParser(prog="python -m bench.forecast", description=__doc__)
    parser.add_argument(
        "--seeds", default=DEVELOPMENT, help=f"for instance 3 or 1-9 (the default); {HELD_OUT}: held out"
    )
    parser.add_argument("--smoke", action="store_true", help="few series, plain baselines only: shows that it works")
    parser.add_argument("--python", type=Path, default=PYTHON, help=f"the baselines' interpreter; default {PYTHON}")
    parser.add_argument("--cache", type=Path, help="a folder that keeps what the baselines answered")
    parser.add_argument(
        "--others",
        default=",".join(OTHERS_NAMES),
        help="which of other people's forecasters, the default is all of them; '' for none: they take hours",
    )
    parser.add_argument("--no-own", action="store_true", help="the baselines alone")
    parser.add_argument("--docs", action="store_true", help=f"writes the tables into {PAGE}, and its pictures")
    arguments = parser.parse_args(given)
    outside = Outside(arguments.python, arguments.cache)
    own = [] if arguments.no_own else [OWN]
    slow = [] if arguments.smoke or outside.missing else others(outside, arguments.others.split(","))
    if not slow:
        why = "--smoke" if arguments.smoke else f"no {arguments.python}" if outside.missing else "--others"
        print(f"skipped: statsforecast and Prophet ({why})")
    seeds = [1] if arguments.smoke else seeds_of(arguments.seeds)
    for categories, title in FORMS.items():
        forecasters = own if categories else [*own, *PLAIN, *slow]
        if not forecasters:
            continue
        results = run(seeds, forecasters, categories=categories, smoke=arguments.smoke)
        text = "\n\n".join(part(results) for part in (tables.errors, tables.coverage))
        print(f"\n{title}, seeds {', '.join(map(str, seeds))}\n\n{text}\n", flush=True)
        if arguments.docs:
            shown = f"Seeds {', '.join(map(str, seeds))}.\n\n{text}"
            if not categories and not outside.missing:
                for name, (alt, draw) in PICTURES.items():
                    shown += "\n\n" + picture(PAGE, name, alt, draw(results, outside))
            put(PAGE, title, shown)
    real = report_real([*own, *PLAIN, *slow])
    print(real)
    if arguments.docs:
        put(PAGE, "A real account", real)


if __name__ == "__main__":
    main()
