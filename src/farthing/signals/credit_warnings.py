"""Early warning of the end of credits: signals at marks of days left, each once. Pure."""

from decimal import Decimal

import msgspec

from farthing.model import BILLED_COST, EXACT, ZERO, Scope, Signal, exact_difference, percent_of
from farthing.signals.credits import Runway
from farthing.wording import money, several

KIND = "credits"


class Reached(msgspec.Struct, frozen=True):
    """A mark of days left that is reached; ``told`` is False where a smaller one says it too: it is only recorded."""

    mark: int
    told: bool
    signal: Signal


def warnings(runway: Runway) -> tuple[Reached, ...]:
    """The marks of days left that a credit has reached, the largest first; the end itself is the mark 0.

    Only the smallest is told, so that a credit that is found near its end makes one message. They are of the entry's
    ``as_of``: a new balance is told anew.
    """
    if runway.days_left is None or runway.newest is None or runway.currency is None:
        return ()
    marks = sorted({0, *map(int, runway.credit.warn)}, reverse=True)
    reached = [mark for mark in marks if runway.days_left <= mark]
    return tuple(Reached(mark, mark == reached[-1], _signal(runway, mark)) for mark in reached)


def _signal(runway: Runway, mark: int) -> Signal:
    credit, currency, newest = runway.credit, runway.currency or "", runway.newest or runway.credit.as_of
    needed = EXACT.multiply(runway.burn or ZERO, Decimal(mark))
    overage = exact_difference(runway.left, needed)
    return Signal(
        kind=KIND,
        rule=f"{credit.name}: {several(mark, 'day')} left" if mark else f"{credit.name}: ended",
        scope=Scope(),
        day=newest,
        since=credit.as_of,
        currency=currency,
        metric=BILLED_COST,
        actual=runway.left,
        threshold=needed,
        overage=overage,
        overage_percent=percent_of(overage, needed),
        reason=reason(runway),
    )


def reason(runway: Runway) -> str:
    """How long it lasts, in a sentence with the numbers."""
    credit, currency = runway.credit, runway.currency or ""
    scope = f" ({credit.where})" if credit.where else ""
    head = (
        f"credit {credit.name}{scope}: {money(runway.left, currency)} of {money(credit.balance, currency)} left "
        f"at the end of {runway.newest}"
    )
    parts = [head if runway.newest else f"credit {credit.name}{scope}: {money(credit.balance, currency)} entered"]
    if runway.burn is None:
        parts.append("no settled day is known to measure the burn on")
    else:
        parts.append(f"{money(runway.burn, currency)} used a day")
    parts.append(_end(runway, currency))
    if runway.days_missing:
        parts.append(f"{several(runway.days_missing, 'day')} since {credit.as_of} not known, so less may be left")
    return "; ".join(parts)


def _end(runway: Runway, currency: str) -> str:
    if runway.newest is None:
        return "no day is known"
    if runway.left <= 0:
        return "it is used up"
    if runway.ends is None:
        return "at this rate it does not end"
    if runway.ends == runway.runs_out:
        return f"it runs out on {runway.ends}, in {several(runway.days_left or 0, 'day')}"
    lost = f"with {money(runway.lost, currency)} unused" if runway.lost else "used up by then"
    if runway.ends <= runway.newest:
        return f"it expired on {runway.ends} {lost}"
    return f"it expires on {runway.ends}, in {several(runway.days_left or 0, 'day')}, {lost}"
