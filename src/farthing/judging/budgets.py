"""The signals `budgets`, `credits` and `restatement`, as ``farthing.budgeting`` gathers them from the ledger."""

from datetime import timedelta

import msgspec

from farthing.budget_forecasts import forecasts_of
from farthing.budgeting import credit_standing, restated, rules_of, standings
from farthing.judging.day import Day
from farthing.model import Signal
from farthing.signals.budget_marks import KIND as BUDGET
from farthing.signals.budget_marks import crossings
from farthing.signals.credit_warnings import KIND as CREDITS
from farthing.signals.credit_warnings import warnings
from farthing.signals.forecast import estimate
from farthing.signals.restatement import KIND as RESTATEMENT
from farthing.signals.restatement import signal_of

ANOTHER_MARK = "another mark of the same period says it too"
"""Why a mark is only recorded that was passed together with a higher one."""

__all__ = ["BUDGET", "CREDITS", "RESTATEMENT", "find_budgets", "find_credits", "find_restatements"]


def find_budgets(day: Day) -> list[Signal]:
    """The marks that budgets have passed, on what was spent and on what is expected."""
    rules = rules_of(day.settings)
    forecasts = forecasts_of(day.store, day.now, estimate)
    standing = standings(day.store, rules.budgets, day.now, back=True, forecasts=forecasts)
    day.problems += standing.problems
    return [
        _told(crossing.signal, told=crossing.told) for status in standing.statuses for crossing in crossings(status)
    ]


def find_credits(day: Day) -> list[Signal]:
    """The marks of days left that credits have reached."""
    standing = credit_standing(day.store, rules_of(day.settings).credits, day.now)
    day.problems += standing.problems
    day.hints += filter(None, [standing.hint])
    runways = standing.credits.runways if standing.credits else ()
    return [_told(reached.signal, told=reached.told) for runway in runways for reached in warnings(runway)]


def find_restatements(day: Day) -> list[Signal]:
    """The settled days that changed beyond the floors, as far as that was seen within the days that may be news."""
    seen_since = day.now - timedelta(days=day.settings.alert_max_age_days)
    return [signal_of(one) for one in restated(day.store, day.now, seen_since=seen_since)]


def _told(signal: Signal, *, told: bool) -> Signal:
    return signal if told else msgspec.structs.replace(signal, quiet=ANOTHER_MARK)
