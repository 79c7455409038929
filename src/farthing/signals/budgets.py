"""Budgets: what a scope may cost in a period, what it cost so far, and what it will have cost at the end. Pure."""

from collections.abc import Callable, Collection, Mapping
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import Literal

import msgspec

from farthing.errors import CurrencyError
from farthing.model import (
    BILLED_COST,
    EFFECTIVE_COST,
    Estimate,
    Period,
    exact_sum,
    percent_of,
    same_currency,
)
from farthing.query.model import Filter
from farthing.query.selection import Selection

DAILY, MONTHLY, QUARTERLY, YEARLY = "daily", "monthly", "quarterly", "yearly"
MONTHS: Mapping[str, int] = {MONTHLY: 1, QUARTERLY: 3, YEARLY: 12}
"""Calendar months of each period but the day."""
PERIODS = (DAILY, MONTHLY, QUARTERLY, YEARLY)

METRICS: Mapping[str, str] = {"billed": BILLED_COST, "effective": EFFECTIVE_COST}

DEFAULT_ACTUAL = (Decimal(50), Decimal(80), Decimal(100))
"""Percent of the budget: marks on what was spent."""

DAILY_ACTUAL = (Decimal(100),)
"""The same of a daily budget: on most days half of it is spent, and a message a day is soon muted."""

DEFAULT_FORECAST = (Decimal(100),)
"""Percent of the budget: marks on what will have been spent by the end of the period."""

LOOK_BACK_DAYS = 7
"""Days: a period that ended is judged that much longer, because its last days still fill up and are restated."""

DECIMALS = Decimal("0.000001")
"""To which the pace is rounded: it is a comparison, no fact."""

State = Literal["over", "will be over", "may be over", "ahead of pace", "within", "no amount", "no data"]

Forecast = Callable[[Period], Estimate | None]
"""What a period will have cost in a budget's scope, the days that are known included; None where nobody can tell."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[budgets]]`` table.

    Attributes:
        name: tells its alerts apart.
        amount: for each period, in ``currency``; None where only ``amounts`` are given.
        amounts: other amounts for single periods, by the month (YYYY-MM) in which the period begins; for a daily
            budget the days of that month.
        period: daily, monthly, quarterly or yearly.
        start_month: 1 to 12: the month in which the year, or a quarter, begins.
        where: the scope as it was written, '' for everything.
        filters: the same, read.
        metric: by its FOCUS name.
        currency: what the amounts are in; None: whatever the bill is in.
        actual: marks on what was spent, percent, ascending.
        forecast: marks on the forecast, percent, ascending.
    """

    name: str
    amount: Decimal | None
    amounts: Mapping[str, Decimal] = {}
    period: str = MONTHLY
    start_month: int = 1
    where: str = ""
    filters: tuple[Filter, ...] = ()
    metric: str = BILLED_COST
    currency: str | None = None
    actual: tuple[Decimal, ...] = DEFAULT_ACTUAL
    forecast: tuple[Decimal, ...] = DEFAULT_FORECAST

    @property
    def selection(self) -> Selection:
        """Which charges it is about."""
        return Selection(self.filters, self.metric)


class DaySpend(msgspec.Struct, frozen=True):
    """What a budget's scope cost on a day, exactly; ``charges`` counts the rows in it.

    ``amount`` is None where the day's source does not tell the metric.
    """

    currency: str
    amount: Decimal | None
    charges: int = 1


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How a budget stands in one period.

    Attributes:
        budget: the budget.
        period: the days.
        currency: of all amounts; None where neither the budget nor a day tells it.
        amount: the budget, None where it has none for this period.
        spent: so far.
        used: ``spent`` in percent of ``amount``, to a tenth.
        pace: what even spending would have used by the newest day.
        newest: the newest day that was judged; None where the ledger has none of the period.
        days_missing: earlier days, and days up to it, that the ledger does not have.
        days_filling: how many of the days still fill up.
        days_left: days of the period after ``newest``.
        charges: how many rows there are: none may be a typing error in ``where``.
        forecast: for the whole period.
        state: in a word or two.
    """

    budget: Budget
    period: Period
    currency: str | None
    amount: Decimal | None
    spent: Decimal
    used: Decimal | None
    pace: Decimal | None
    newest: date | None
    days_missing: tuple[date, ...]
    days_filling: int
    days_left: int
    charges: int
    forecast: Estimate | None
    state: State

    @property
    def is_breached(self) -> bool:
        """Whether more than the budget is spent, or surely enough will be."""
        return self.state in ("over", "will be over")


def period_of(budget: Budget, day: date) -> Period:
    """The budget's period that a day is in."""
    if budget.period == DAILY:
        return Period.of_day(day)
    length = MONTHS[budget.period]
    month = day.year * 12 + day.month - 1
    first = month - (month - (budget.start_month - 1)) % length
    return Period(_first_of(first), _first_of(first + length))


def _first_of(month: int) -> date:
    """The first day of a month that is counted from the year 0."""
    return date(month // 12, month % 12 + 1, 1)


def periods_judged(budget: Budget, newest: date, back: int = LOOK_BACK_DAYS) -> list[Period]:
    """The periods that a run judges, oldest first: the one of the newest day, and those that ended just before."""
    days = (newest - timedelta(days=before) for before in range(back, -1, -1))
    return list(dict.fromkeys(period_of(budget, day) for day in days))


def amount_in(budget: Budget, period: Period) -> Decimal | None:
    """The budget for a period."""
    return budget.amounts.get(month_of(period.start), budget.amount)


def month_of(day: date) -> str:
    """A day's month as ``amounts`` spells it."""
    return day.isoformat()[:7]


def period_name(budget: Budget, period: Period) -> str:
    """A period as people say it: '2026-11-20', '2026-11', '2026-10 to 2026-12', '2026'."""
    if budget.period == DAILY:
        return period.start.isoformat()
    first, last = month_of(period.start), month_of(period.end - timedelta(days=1))
    if first == last:
        return first
    return first[:4] if budget.period == YEARLY and period.start.month == 1 else f"{first} to {last}"


def evaluate(
    budget: Budget,
    period: Period,
    days: Mapping[date, DaySpend],
    *,
    newest: date | None,
    filling: Collection[date] = (),
    forecast: Forecast | None = None,
) -> Status:
    """How a budget stands.

    Args:
        budget: the budget.
        period: one of its periods.
        days: exact amounts of its scope; days out of the period, or after ``newest``, are not looked at.
        newest: the newest day of the ledger, None where it has none.
        filling: days that still fill up.
        forecast: asked only while the period goes on and something of it is known.

    Raises:
        CurrencyError: the days are in two currencies, or in another one than the budget; the message names both.
    """
    last = None if newest is None else min(newest, period.end - timedelta(days=1))
    passed = Period(period.start, max(period.start, last + timedelta(days=1))) if last else Period.of_day(period.start)
    expected = list(passed) if last else []
    known = {day: days[day] for day in expected if day in days and days[day].amount is not None}
    currency = _currency(budget, period, known)
    amount = amount_in(budget, period)
    spent = exact_sum(spend.amount for spend in known.values() if spend.amount is not None)
    estimate = forecast(period) if forecast and known and last and last + timedelta(days=1) < period.end else None
    pace = None if amount is None else _pace(amount, len(expected), len(period))
    return Status(
        budget=budget,
        period=period,
        currency=currency,
        amount=amount,
        spent=spent,
        used=None if amount is None else percent_of(spent, amount),
        pace=pace,
        newest=max(known, default=None),
        days_missing=tuple(day for day in expected if day not in known),
        days_filling=sum(day in filling for day in known),
        days_left=len(period) - len(expected),
        charges=sum(spend.charges for spend in known.values()),
        forecast=estimate,
        state=_state(spent, amount, pace, estimate, known=bool(known)),
    )


def _currency(budget: Budget, period: Period, known: Mapping[date, DaySpend]) -> str | None:
    told = same_currency((spend.currency for spend in known.values()), f"the budget {budget.name!r}, {period}")
    if told and budget.currency and told != budget.currency:
        raise CurrencyError(
            f"the budget {budget.name!r} is in {budget.currency}, the bill of {period} in {told}: "
            f"give the budget in {told}"
        )
    return told or budget.currency


def _pace(amount: Decimal, passed: int, length: int) -> Decimal:
    rounding = Context(prec=76)
    return rounding.quantize(rounding.divide(rounding.multiply(amount, Decimal(passed)), Decimal(length)), DECIMALS)


def _state(
    spent: Decimal, amount: Decimal | None, pace: Decimal | None, estimate: Estimate | None, *, known: bool
) -> State:
    if not known:
        return "no data"
    if amount is None or pace is None:
        return "no amount"
    if spent > amount:
        return "over"
    if estimate is not None and surely_above(estimate, amount):
        return "will be over"
    if estimate is not None and estimate.mean > amount:
        return "may be over"
    if estimate is None and spent > pace:
        return "ahead of pace"
    return "within"


def surely_above(estimate: Estimate, mark: Decimal) -> bool:
    """Whether a forecast is above a mark by more than its own doubt: nine times in ten."""
    return estimate.mean > mark and estimate.lo80 > mark
