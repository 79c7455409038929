"""The Budgets page: burn-up against amount and pace, the forecast, and how long credits last. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Context, Decimal

import msgspec

from farthing.model import ZERO, Estimate, Period, exact_sum
from farthing.signals.budgets import Status, period_name
from farthing.signals.credits import Credits

ALARMING = ("over", "will be over")
DOUBTFUL = ("may be over", "ahead of pace")

_ROUGH = Context(prec=34)
_CENT = Decimal("0.01")


class BudgetTold(msgspec.Struct, frozen=True, kw_only=True):
    """One budget in its current period.

    Attributes:
        name: the budget's.
        period_name: as people say it.
        period: the days.
        scope: which charges it is about, as it was written; '' for all.
        metric: FOCUS's name.
        currency: of all amounts.
        state: in a word or two.
        level: 'bad', 'warn' or 'good', for colour; the state says the same in words.
        amount: the budget.
        spent: so far.
        used: of the amount, percent.
        pace: what even spending would have used.
        left: of the amount; negative where it is over.
        a_day: what may be spent on each day that is left, None where none is or nothing.
        days_left: of the period.
        days_filling: known days that still fill up.
        days_missing: how many days are not in the ledger.
        forecast: for the whole period.
        path: what was spent, added up day by day, to the newest day; a missing day adds nothing.
    """

    name: str
    period_name: str
    period: Period
    scope: str
    metric: str
    currency: str | None
    state: str
    level: str
    amount: Decimal | None
    spent: Decimal
    used: Decimal | None
    pace: Decimal | None
    left: Decimal | None
    a_day: Decimal | None
    days_left: int
    days_filling: int
    days_missing: int
    forecast: Estimate | None
    path: tuple[Decimal, ...]


class CreditTold(msgspec.Struct, frozen=True):
    """One credit: what is left, how fast it is used, when it ends, and what is lost then."""

    name: str
    currency: str | None
    balance: Decimal
    left: Decimal
    burn: Decimal | None
    runs_out: date | None
    expires: date | None
    lost: Decimal
    days_left: int | None


class BudgetsPage(msgspec.Struct, frozen=True):
    """What the Budgets page shows; ``problems`` are what could not be judged, and hints, a sentence each."""

    budgets: tuple[BudgetTold, ...]
    credits: tuple[CreditTold, ...]
    problems: tuple[str, ...]


def budgets_page(
    statuses: Sequence[Status],
    days: Sequence[Mapping[date, Decimal]],
    credits_: Credits | None,
    problems: Sequence[str],
) -> BudgetsPage:
    """Puts the page together; ``days`` are what each budget's scope cost, in the order of ``statuses``."""
    told = [_told(status, spent) for status, spent in zip(statuses, days, strict=True)]
    runways = credits_.runways if credits_ else ()
    return BudgetsPage(
        tuple(told),
        tuple(
            CreditTold(
                one.credit.name,
                credits_.currency if credits_ else None,
                one.credit.balance,
                one.left,
                one.burn,
                one.runs_out,
                one.credit.expires,
                one.lost,
                one.days_left,
            )
            for one in runways
        ),
        tuple(problems),
    )


def _told(status: Status, days: Mapping[date, Decimal]) -> BudgetTold:
    left = None if status.amount is None else exact_sum([status.amount, -status.spent])
    a_day = None
    if left is not None and left > 0 and status.days_left:
        a_day = _ROUGH.quantize(_ROUGH.divide(left, Decimal(status.days_left)), _CENT)
    return BudgetTold(
        name=status.budget.name,
        period_name=period_name(status.budget, status.period),
        period=status.period,
        scope=status.budget.where,
        metric=status.budget.metric,
        currency=status.currency,
        state=status.state,
        level="bad" if status.state in ALARMING else "warn" if status.state in DOUBTFUL else "good",
        amount=status.amount,
        spent=status.spent,
        used=status.used,
        pace=status.pace,
        left=left,
        a_day=a_day,
        days_left=status.days_left,
        days_filling=status.days_filling,
        days_missing=len(status.days_missing),
        forecast=status.forecast,
        path=_path(status, days),
    )


def _path(status: Status, days: Mapping[date, Decimal]) -> tuple[Decimal, ...]:
    if status.newest is None:
        return ()
    path: list[Decimal] = []
    for day in Period(status.period.start, status.newest + timedelta(days=1)):
        path.append(exact_sum([*path[-1:], days.get(day, ZERO)]))
    return tuple(path)
