"""The figures of the forecaster's pictures; the baselines' interpreter draws them."""

import json
from pathlib import Path

from bench.forecast.scoring import KNOWN, figures
from bench.forecast.tables import WHOM, Results
from bench.outside import Outside

PLOTS = Path(__file__).parents[1] / "plots.py"
AXIS = {"x": list(KNOWN), "x_label": "days of the month known"}


def errors(results: Results, outside: Outside) -> str:
    """An SVG of the running month's error by day, of the total and of services of usage."""
    panels = {
        whom: {
            name: [
                figures([one for one in judged if (one.ahead, one.known) == (0, known) and of(one)]).error
                for known in KNOWN
            ]
            for name, judged in results.items()
        }
        for whom, of in WHOM[:2]
    }
    return outside.run(PLOTS, ["lines"], json.dumps({"panels": panels, "y_label": "mean absolute error, %", **AXIS}))


def coverage(results: Results, outside: Outside) -> str:
    """An SVG of how often the running month's end lay in the intervals, by day, all groups together."""
    told = {name: judged for name, judged in results.items() if all(one.told.in80 for one in judged)}
    by_day = {
        name: [figures([one for one in judged if (one.ahead, one.known) == (0, known)]) for known in KNOWN]
        for name, judged in told.items()
    }
    panels = {
        "80 % interval": {name: [one.covered80 for one in days] for name, days in by_day.items()},
        "95 % interval": {name: [one.covered95 for one in days] for name, days in by_day.items()},
    }
    guides = {"80 % interval": [78, 84], "95 % interval": [95]}
    given = {"panels": panels, "guides": guides, "y_label": "months in the interval, %", **AXIS}
    return outside.run(PLOTS, ["lines"], json.dumps(given))
