"""The results as tables, for a page and for a terminal."""

from collections.abc import Callable, Mapping, Sequence

from bench.forecast.scoring import KNOWN, TOTAL, Judged, Spent, figures
from bench.pages import table
from bench.series_generator.services import MARKETPLACE, SUPPORT, TAX

Results = Mapping[str, Sequence[Judged]]
"""Per forecaster, all that it was judged on."""


FEES = frozenset({TAX, SUPPORT, *MARKETPLACE})
"""Services that are nothing but a monthly fee: a rate that goes on with it is many times wrong, so they stand apart."""


def _services(one: Judged) -> bool:
    return one.group != TOTAL and one.group not in FEES


def _fees(one: Judged) -> bool:
    return one.group in FEES


def _total(one: Judged) -> bool:
    return one.group == TOTAL


WHOM: tuple[tuple[str, Callable[[Judged], bool]], ...] = (
    ("the total", _total),
    ("services of usage", _services),
    ("tax, support, marketplace", _fees),
)


def errors(results: Results) -> str:
    """Mean absolute percentage errors: of the running month by its days known, and of the next three months."""
    header = ["Forecaster", *(f"day {known}" for known in KNOWN), *(f"{ahead} ahead" for ahead in (1, 2, 3))]
    parts = []
    for whom, of in WHOM:
        rows = []
        for name, judged in results.items():
            own = [one for one in judged if of(one)]
            running = [_error([one for one in own if (one.ahead, one.known) == (0, known)]) for known in KNOWN]
            rows.append(
                [
                    f"{name}, {whom}",
                    *running,
                    *(_error([one for one in own if one.ahead == ahead]) for ahead in (1, 2, 3)),
                ]
            )
        parts.append(table(header, rows))
    return "\n\n".join(parts)


def coverage(results: Results) -> str:
    """How often a month lay in the intervals, and how wide they were; who tells none is left out."""
    header = ["Forecaster", *(f"day {known}" for known in KNOWN), "all days, 95 %", "width"]
    header += ["months ahead, 80 %", "95 %", "width"]
    rows = []
    for whom, of in WHOM:
        for name, judged in results.items():
            own = [one for one in judged if of(one)]
            running, later = [one for one in own if one.ahead == 0], [one for one in own if one.ahead]
            if not running or not later or not all(one.told.in80 for one in own):
                continue
            days = [figures([one for one in running if one.known == known]).covered80 for known in KNOWN]
            now, then = figures(running), figures(later)
            cells = [*days, now.covered95, now.width80, then.covered80, then.covered95, then.width80]
            rows.append([f"{name}, {whom}", *("" if cell is None else f"{cell:.1f}" for cell in cells)])
    return table(header, rows)


def times(spent: Mapping[str, Sequence[Spent]]) -> str:
    """The CPU that a forecast took: the mean over all, and that of the fastest and the slowest seed."""
    header = ("Forecaster", "Forecasts", "ms of CPU each", "fastest seed", "slowest seed")
    rows = []
    for name, parts in spent.items():
        whole = Spent(sum(one.seconds for one in parts), sum(one.forecasts for one in parts))
        each = [1000 * one.seconds / one.forecasts for one in (whole, *sorted(parts, key=_mean))]
        rows.append([name, f"{whole.forecasts:,}", *(f"{one:.1f}" for one in (each[0], each[1], each[-1]))])
    return table(header, rows)


def _mean(spent: Spent) -> float:
    return spent.seconds / spent.forecasts


def _error(judged: Sequence[Judged]) -> str:
    return f"{figures(judged).error:.1f}" if judged else ""
