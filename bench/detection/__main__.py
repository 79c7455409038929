"""`python -m bench.detection`: the detector against its baselines, on histories of which every event is known."""

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.detection import pictures, tables
from bench.detection.detectors import METHODS, OWN, PLAIN, Detector, History, others
from bench.detection.real import report_real
from bench.detection.scoring import Score, score
from bench.outside import Outside, add_options, of_options, seeds_of
from bench.pages import picture, put
from bench.series_generator import Parameters, make_dataset, write_series

DEVELOPMENT = "1-9"
"""Seeds to look at while something is changed."""

HELD_OUT = "101-105"
"""Seeds that nobody may have looked at when the figures of docs/detection.md are made."""

SMOKE = Parameters(series=25, days=100)
SMALL = Parameters(series=40)
"""For other people's detectors, which take a minute of a core for every ten series."""

PAGE = Path("docs/detection.md")
PICTURES = {False: "detection.svg", True: "detection-category.svg"}
PICTURE_OF_OTHERS = "detection-others.svg"
EXAMPLES = "detection-examples.svg"
FORMS = {False: "Without ChargeCategory", True: "With ChargeCategory"}
OTHERS = "Other people's detectors"


def run(
    seeds: Sequence[int], detectors: Sequence[Detector], parameters: Parameters, *, categories: bool
) -> dict[str, list[Score]]:
    """Every detector on every seed; what each took is printed."""
    results: dict[str, list[Score]] = defaultdict(list)
    for seed in seeds:
        dataset = make_dataset(seed, parameters)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "series.csv"
            write_series(dataset.rows, file, categories=categories)
            for detector in detectors:
                started = time.perf_counter()
                raised = detector.run(History(dataset, file, categories))
                results[detector.name].append(score(dataset, raised, categories=categories))
                took = time.perf_counter() - started
                print(f"seed {seed}, {detector.name}: F1 {results[detector.name][-1].f1:.3f}, {took:.1f} s", flush=True)
    return results


def main(given: Sequence[str] | None = None) -> None:
    """Runs and prints; `--docs` writes the page. Without ``given`` the command line is read."""
    parser = _parser()
    arguments = parser.parse_args(given)
    outside = of_options(parser, arguments)
    own = [] if arguments.no_own else [OWN]
    without = "--smoke" if arguments.smoke else f"no {arguments.python}" if outside.missing else ""
    slow = [] if without else others(outside, arguments.others.split(",") if arguments.others else ())
    if without:
        print(f"skipped: statsforecast, Prophet and adtk ({without})")
    docs = arguments.docs
    seeds = [1] if arguments.smoke else seeds_of(arguments.seeds)
    parameters = SMOKE if arguments.smoke else Parameters()
    for categories, title in FORMS.items():
        results = run(seeds, [*own, *PLAIN], parameters, categories=categories)
        _show(title, seeds, results, outside, picture_to=PICTURES[categories], docs=docs)
    if slow:
        some = seeds_of(arguments.other_seeds) if arguments.other_seeds else seeds
        results = run(some, [*own, *PLAIN, *slow], SMALL, categories=False)
        _show(OTHERS, some, results, outside, picture_to=PICTURE_OF_OTHERS, docs=docs)
    if docs and own and not outside.missing:
        drawn = _examples(seeds[0], parameters, outside)
        put(PAGE, "Examples", picture(PAGE, EXAMPLES, "Six series with their events and what farthing told", drawn))
    real = report_real([*own, *PLAIN, *slow])
    print(real)
    if docs:
        put(PAGE, "Parameters", tables.parameters())
        put(PAGE, "A real account", real)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description=__doc__)
    parser.add_argument(
        "--seeds", default=DEVELOPMENT, help=f"for instance 3 or 1-9 (the default); {HELD_OUT}: held out"
    )
    parser.add_argument("--other-seeds", help="those on which other people's detectors run; default all of --seeds")
    parser.add_argument(
        "--others", default=",".join(METHODS), help="other people's detectors; default %(default)s; '' for none"
    )
    parser.add_argument("--smoke", action="store_true", help="few series, plain baselines only: shows that it works")
    add_options(parser)
    parser.add_argument("--no-own", action="store_true", help="the baselines alone")
    parser.add_argument("--docs", action="store_true", help=f"writes the tables into {PAGE}, and its pictures")
    return parser


def _show(
    title: str,
    seeds: Sequence[int],
    results: Mapping[str, list[Score]],
    outside: Outside,
    *,
    picture_to: str,
    docs: bool,
) -> None:
    """Prints the tables; `docs`: into the page, too, with the picture."""
    text = f"Seeds {', '.join(map(str, seeds))}.\n\n{tables.overall(results)}\n\n{tables.by_kind(results)}"
    print(f"\n{title}\n\n{text}\n", flush=True)
    if docs:
        if not outside.missing:
            alt = "Precision, recall and F1 of each detector; the dashed line is the goal for F1"
            text += "\n\n" + picture(PAGE, picture_to, alt, pictures.scores(results, outside))
        put(PAGE, title, text)


def _examples(seed: int, parameters: Parameters, outside: Outside) -> str:
    dataset = make_dataset(seed, parameters)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "series.csv"
        write_series(dataset.rows, file, categories=False)
        return pictures.examples(dataset, OWN.run(History(dataset, file, categories=False)), outside)


if __name__ == "__main__":
    main()
