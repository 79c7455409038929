"""The results as tables, for a page and for a terminal."""

import statistics
from collections.abc import Mapping, Sequence

from bench.detection.scoring import Score, together
from bench.pages import table
from bench.series_generator import Kind, Parameters
from bench.series_generator.parameters import describe

Results = Mapping[str, Sequence[Score]]
"""Per detector, one score per seed."""


def overall(results: Results) -> str:
    """Precision, recall and F1 over all seeds, F1 of the worst seed, false incidents."""
    rows = []
    for name, scores in results.items():
        whole = together(scores)
        rows.append(
            [
                name,
                f"{whole.precision:.3f}",
                f"{whole.recall:.3f}",
                f"{whole.f1:.3f}",
                f"{min(score.f1 for score in scores):.3f}",
                f"{whole.false_a_month:.3f}",
            ]
        )
    return table(("Detector", "Precision", "Recall", "F1", "F1, worst seed", "False a series and 30 days"), rows)


def by_kind(results: Results) -> str:
    """Of each kind: the share found, and the days it took, median and mean."""
    header = ["Detector", *(kind.value for kind in Kind)]
    rows = []
    for name, scores in results.items():
        whole = together(scores)
        cells = [_kind(whole.events[kind.value], whole.delays[kind.value]) for kind in Kind]
        rows.append([name, *cells])
    return table(header, rows)


def _kind(events: int, delays: Sequence[int]) -> str:
    if not delays:
        return f"0 of {events}"
    return f"{len(delays)} of {events}; {statistics.median(delays):g}, {statistics.fmean(delays):.1f}"


def parameters() -> str:
    """What the generator was told."""
    return table(("Parameter", "Value", "Unit", "Meaning"), describe(Parameters()))
