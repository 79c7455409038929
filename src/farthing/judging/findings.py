"""The registry of signals, and what they found on the gathered day."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import msgspec

from farthing.errors import FarthingError, RunError
from farthing.judging import anomalies, budgets, forecast
from farthing.judging.day import Day
from farthing.model import Estimate, Signal

Find = Callable[[Day], Sequence[Signal]]

REGISTRY: Mapping[str, Find] = {
    "anomalies": anomalies.find,
    "forecast": forecast.find,
    "budgets": budgets.find_budgets,
    "credits": budgets.find_credits,
    "restatement": budgets.find_restatements,
}
"""What computes each signal of ``farthing.signals.SIGNALS``, in this order; a new one is a file beside this one and a
line here. Thresholds are not among them: they look at every day of the run's window, not at the gathered day."""

PANEL = frozenset({"anomalies", "forecast"})
"""Those that read the gathered day's panel; they come first, so that it can be let go."""

KINDS: Mapping[str, frozenset[str]] = {
    "anomalies": frozenset({anomalies.KIND}),
    "forecast": frozenset(),
    "budgets": frozenset({budgets.BUDGET}),
    "credits": frozenset({budgets.CREDITS}),
    "restatement": frozenset({budgets.RESTATEMENT}),
}
"""The kinds of alerts that come of each signal."""


class Findings(msgspec.Struct, frozen=True):
    """What the signals found, and what went wrong.

    Attributes:
        signals: in the order of the registry.
        counts: how many of them by the signal's name; one that failed is not among them.
        since: the oldest day that was looked at for what is still news.
        forecast: what all costs of ``month`` are expected to come to, None where nothing is known.
        month: its first day.
        currency: of the forecast.
        metric: of the forecast.
        estimated: whether AWS marked the signals' days Estimated.
        failures: one for each signal that failed; it says which.
    """

    signals: tuple[Signal, ...] = ()
    counts: Mapping[str, int] = {}
    since: date = date.max
    forecast: Estimate | None = None
    month: date = date.min
    currency: str = ""
    metric: str = ""
    estimated: Mapping[date, bool] = {}
    failures: tuple[FarthingError, ...] = ()

    def forecast_of(self, day: date, currency: str) -> Estimate | None:
        """The forecast, if it is about the month of that day and in that currency."""
        return self.forecast if (day.replace(day=1), currency) == (self.month, self.currency) else None

    def is_estimated(self, day: date) -> bool:
        """Whether AWS marked a day Estimated; one that nobody knows counts so."""
        return self.estimated.get(day, True)

    @staticmethod
    def name_of(kind: str) -> str:
        """The signal that alerts of this kind come of."""
        return next((name for name, kinds in KINDS.items() if kind in kinds), "")

    def computed(self, kind: str) -> bool:
        """Whether the signal that alerts of this kind come of was computed."""
        return self.name_of(kind) in self.counts


def compute(day: Day, names: Sequence[str], log: logging.Logger, run_id: str) -> Findings:
    """Asks each of these signals. One that fails, for whatever reason, does not stop another; it is said.

    Args:
        day: the gathered day.
        names: the signals wanted.
        log: where a failure's traceback goes, for who looks for it.
        run_id: the run.
    """
    signals: list[Signal] = []
    counts: dict[str, int] = {}
    failures: list[FarthingError] = []
    about = ("", "")
    for name, find in REGISTRY.items():
        if name not in names:
            continue
        if name not in PANEL:
            day.release()
        try:
            found = find(day)
        except Exception as error:
            log.debug(f"the signal {name} failed", exc_info=True, extra={"run_id": run_id})
            kind = "" if isinstance(error, FarthingError) else f"{type(error).__name__}: "
            failure = RunError(f"the signal {name!r} failed ({kind}{error}); what the others found is told")
            failure.__cause__ = error
            failures.append(failure)
            continue
        counts[name] = len(found)
        signals += found
        if day.month_end is not None and name in PANEL:
            about = (day.currency, day.metric)
    failures += [RunError(problem) for problem in day.problems]
    for hint in day.hints:
        log.warning(hint)
    return Findings(
        signals=tuple(signals),
        counts=counts,
        since=day.oldest_news,
        forecast=day.month_end,
        month=day.month,
        currency=about[0],
        metric=about[1],
        estimated={signal.day: day.estimated(signal.day) for signal in signals},
        failures=tuple(failures),
    )
