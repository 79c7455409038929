"""A budget's marks: which are crossed, and what is said of them. Pure.

A mark is a share of the budget in percent. It is crossed where *more* than that was spent, or, for a mark on the
forecast, where the forecast's mean and the lower bound of its 80 % interval are both above it: nine times in ten it
will come to that, so a forecast that goes up and down with the days tells nothing. A mark is told once in a period;
where several are crossed, only the highest is told and the lower ones are recorded.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from farthing.model import EXACT, ZERO, Estimate, Scope, Signal, exact_difference, percent_of, plain
from farthing.signals.budgets import Budget, Status, period_name, surely_above
from farthing.wording import money, number, several

KIND = "budget"

HUNDRED = Decimal(100)


class Crossing(msgspec.Struct, frozen=True):
    """A mark that is crossed. ``told`` is False where a higher one says it too: such a signal is only recorded."""

    mark: Decimal
    on: Literal["actual", "forecast"]
    told: bool
    signal: Signal


def crossings(status: Status) -> tuple[Crossing, ...]:
    """The marks that are crossed, the actual ones first, each ascending; none where there is no amount or no data."""
    budget, amount = status.budget, status.amount
    if amount is None or status.newest is None or status.currency is None:
        return ()
    spent = [mark for mark in budget.actual if status.spent > _in_money(mark, amount)]
    estimate = status.forecast
    surely = [
        mark for mark in budget.forecast if estimate is not None and surely_above(estimate, _in_money(mark, amount))
    ]
    highest = max(spent, default=ZERO)
    found = [Crossing(mark, "actual", mark == highest, _actual(status, mark)) for mark in spent]
    found += [
        # What is already spent needs no forecast.
        Crossing(mark, "forecast", mark == max(surely) and mark > highest, _forecast(status, mark, estimate))
        for mark in surely
        if estimate is not None
    ]
    return tuple(found)


def _in_money(mark: Decimal, amount: Decimal) -> Decimal:
    return EXACT.multiply(amount, EXACT.divide(mark, HUNDRED))


def _actual(status: Status, mark: Decimal) -> Signal:
    budget, currency = status.budget, status.currency or ""
    threshold = _in_money(mark, status.amount or ZERO)
    spent = (
        f"{_head(status)}: {money(status.spent, currency)} spent by {status.newest} is {status.used} % of "
        f"{money(status.amount or ZERO, currency)}, over the mark of {_percent(mark)} ({money(threshold, currency)})"
    )
    parts = [spent]
    if status.days_left and status.pace is not None:
        parts.append(f"even spending would have used {money(status.pace, currency)}, {_left(status)}")
    if status.forecast is not None:
        parts.append(f"expected by the end {_interval(status.forecast, currency)}")
    return _signal(status, f"{budget.name}: {_percent(mark)} actual", status.spent, threshold, parts)


def _forecast(status: Status, mark: Decimal, estimate: Estimate) -> Signal:
    budget, currency = status.budget, status.currency or ""
    threshold = _in_money(mark, status.amount or ZERO)
    expected = (
        f"{_head(status)}: expected by the end {_interval(estimate, currency)}, over the mark of "
        f"{_percent(mark)} ({money(threshold, currency)})"
    )
    parts = [
        expected,
        f"{money(status.spent, currency)} ({status.used} %) spent by {status.newest}, {_left(status)}",
    ]
    return _signal(status, f"{budget.name}: {_percent(mark)} forecast", estimate.mean, threshold, parts)


def _head(status: Status) -> str:
    scope = f" ({status.budget.where})" if status.budget.where else ""
    return f"budget {status.budget.name}{scope}, {period_name(status.budget, status.period)}"


def _percent(mark: Decimal) -> str:
    return f"{plain(mark)} %"


def _left(status: Status) -> str:
    return f"{several(status.days_left, 'day')} left"


def _interval(estimate: Estimate, currency: str) -> str:
    bounds = f"80 % between {number(estimate.lo80)} and {number(estimate.hi80)}"
    return f"{money(estimate.mean, currency)} ({bounds})"


def _signal(status: Status, rule: str, actual: Decimal, threshold: Decimal, parts: list[str]) -> Signal:
    if status.days_missing:
        parts.append(f"{gap(status)} not in it")
    overage = exact_difference(actual, threshold)
    newest = status.newest or status.period.start
    return Signal(
        kind=KIND,
        rule=rule,
        scope=scope_of(status.budget),
        day=newest,
        since=status.period.start,
        currency=status.currency or "",
        metric=status.budget.metric,
        actual=actual,
        threshold=threshold,
        overage=overage,
        overage_percent=percent_of(overage, threshold),
        month_end=status.forecast.mean if status.forecast else None,
        reason="; ".join(parts),
    )


def gap(status: Status) -> str:
    """The days that are missing, in words: '2 days that the ledger lacks (from 2026-11-03)'."""
    return f"{several(len(status.days_missing), 'day')} that the ledger lacks (from {status.days_missing[0]})"


def scope_of(budget: Budget) -> Scope:
    """The one service, account or pair that a budget is about; all, where ``where`` says anything else."""
    names = {"ServiceName": "", "SubAccountId": ""}
    for term in budget.filters:
        (value, *others) = term.values
        simple = not others and not term.exclude and "*" not in value and not names.get(term.column, "-")
        if not simple or (term.column == "SubAccountId" and not value.isdigit()):
            return Scope()
        names[term.column] = value
    return Scope(names["ServiceName"] or None, names["SubAccountId"] or None)
