"""The figures of the detector's pictures; the baselines' interpreter draws them."""

import json
from collections.abc import Sequence
from pathlib import Path

from bench.detection.plain import dense
from bench.detection.scoring import Incident, together
from bench.detection.tables import Results
from bench.outside import Outside
from bench.series_generator import Dataset, Kind

PLOTS = Path(__file__).parents[1] / "plots.py"
GOAL = 0.93
"""The F1 to reach."""


def scores(results: Results, outside: Outside) -> str:
    """An SVG of every detector's precision, recall and F1."""
    rows = {}
    for name, of in results.items():
        whole = together(of)
        rows[name] = {"precision": whole.precision, "recall": whole.recall, "F1": whole.f1}
    return outside.run(PLOTS, ["dots"], json.dumps({"rows": rows, "goal": GOAL}))


def examples(dataset: Dataset, raised: Sequence[Incident], outside: Outside) -> str:
    """An SVG of one series with each kind of event, the one of middle size."""
    series = dense(dataset.rows, dataset.first_day, dataset.days)
    panels = []
    for kind in Kind:
        events = sorted((one for one in dataset.events if one.kind is kind), key=lambda one: abs(one.size))
        if not events:
            continue
        key = events[len(events) // 2].key
        shaded = [
            [(day - dataset.first_day).days for day in (one.first_day, one.last_day)]
            for one in dataset.events
            if one.key == key
        ]
        told = [(one.days[0] - dataset.first_day).days for one in raised if one.key == key]
        panels.append(
            {
                "title": f"{kind.value}: {key.service}",
                "values": [round(value, 2) for value in series[key]],
                "shaded": shaded,
                "told": [day for day in told if day >= dataset.warm_up],
            }
        )
    return outside.run(PLOTS, ["examples"], json.dumps({"panels": panels}))
