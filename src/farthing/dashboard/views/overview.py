"""The Overview: how much so far, what moved and why, how fresh the figures are. Pure.

Months are compared at the same day: the first N days of this month with the first N of the last one.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from farthing.model import BILLED_COST, ZERO, Estimate, Period, exact_difference, exact_sum, is_filling, percent_of
from farthing.query.model import Query, Result, Row
from farthing.wording import signed

WEEKS_BACK = 4
"""How many of the same weekday yesterday is compared with; their mean is what is usual."""

MOVED_DAYS = 7
"""Days of each of the two periods that movers are told from: whole weeks, so that weekends meet weekends."""

MOVERS = 5
"""How many services are named on each side."""

LEAST_MOVE = Decimal("0.01")
"""In the bill's currency: less is no move."""


MonthState = Literal["running", "over", "cut short"]
"""The newest day's month goes on; is over and known to its last day; is over and its last days are not known."""


class Figure(msgspec.Struct, frozen=True):
    """An amount of a period beside what it is compared with (None: the ledger does not have that).

    ``days`` of the period are in the ledger, ``provisional`` of them still fill up.
    """

    period: Period
    days: int
    amount: Decimal
    before_period: Period | None = None
    before: Decimal | None = None
    change: Decimal | None = None
    percent: Decimal | None = None
    provisional: int = 0


class Mover(msgspec.Struct, frozen=True):
    """A service whose cost changed, and where."""

    service_name: str
    before: Decimal
    after: Decimal
    change: Decimal
    percent: Decimal | None
    reason: str


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What the Overview shows; None where the ledger has nothing to tell of.

    Attributes:
        currency: of every amount.
        month: the newest day's month as far as it is known, against the one before at the same day, or as a whole.
        month_state: whether that month still goes on.
        newest: the newest day.
        behind: how many days the newest day is before today: 1 where everything is there.
        last_month: the whole month before, against the one before it.
        yesterday: the newest day, against the mean of the same weekday.
        moved: the two periods that the movers are told from, the newer first.
        up: services that cost more, the largest change first.
        down: those that cost less.
        this_path: this month's costs, added up day by day.
        last_path: the last month's, whole.
        forecast: what all of the newest day's month is expected to cost; None if that month is over.
    """

    currency: str | None
    month: Figure | None
    month_state: MonthState
    newest: date
    behind: int
    last_month: Figure | None
    yesterday: Figure | None
    moved: tuple[Period, Period] | None
    up: tuple[Mover, ...]
    down: tuple[Mover, ...]
    this_path: tuple[Decimal, ...]
    last_path: tuple[Decimal, ...]
    forecast: Estimate | None = None


def questions(newest: date) -> Mapping[str, Query]:
    """What the page asks, with the ledger's newest day."""
    months = _months(newest)
    start = min(months[2].start, newest - timedelta(days=7 * WEEKS_BACK + 1))
    end = newest + timedelta(days=1)
    after, before = _moved(newest)
    by = ("ServiceName", "SubAccountId")
    return {
        "days": Query(Period(start, end), ("ChargePeriodStart",), (), (BILLED_COST,)),
        "after": Query(after, by, (), (BILLED_COST,)),
        "before": Query(before, by, (), (BILLED_COST,)),
    }


def overview(
    newest: date,
    answers: Mapping[str, Result],
    names: Mapping[str, str | None],
    now: datetime,
    forecast: Estimate | None = None,
) -> Overview:
    """Puts the page together from the answers to :func:`questions` and the forecast of the newest day's month."""
    days = {row.keys[0]: row.amounts[0] for row in answers["days"].rows if isinstance(row.keys[0], date)}
    present = set(answers["days"].days_present)
    amounts = {day: days.get(day, ZERO) for day in present}
    this, last, before_last = _months(newest)
    so_far = Period(this.start, newest + timedelta(days=1))
    state: MonthState = "running" if now.date() < this.end else "over" if so_far.end == this.end else "cut short"
    same_days = Period(last.start, min(last.start + timedelta(days=len(so_far)), last.end))
    if state == "over":
        same_days = last
    weekday = [newest - timedelta(days=7 * week) for week in range(1, WEEKS_BACK + 1)]
    usual = [amounts[day] for day in weekday if day in amounts]
    after, before = answers["after"], answers["before"]
    movers = _movers(after.rows, before.rows, names) if before.days_present else []
    return Overview(
        currency=answers["days"].currency,
        month=_figure(so_far, same_days, amounts, now),
        month_state=state,
        newest=newest,
        behind=(now.date() - newest).days,
        last_month=_figure(last, before_last, amounts, now),
        yesterday=_against_usual(newest, amounts, usual, now),
        moved=(after.period, before.period) if before.days_present else None,
        up=tuple([one for one in movers if one.change >= LEAST_MOVE][:MOVERS]),
        down=tuple([one for one in reversed(movers) if one.change <= -LEAST_MOVE][:MOVERS]),
        this_path=_path(so_far, amounts),
        last_path=_path(last, amounts) if last.start in present else (),
        forecast=forecast if state == "running" else None,
    )


def _months(newest: date) -> tuple[Period, Period, Period]:
    """The newest day's month and the two before it."""
    starts = [newest.replace(day=1)]
    for _ in range(2):
        starts.append((starts[-1] - timedelta(days=1)).replace(day=1))
    end = (starts[0] + timedelta(days=32)).replace(day=1)
    return Period(starts[0], end), Period(starts[1], starts[0]), Period(starts[2], starts[1])


def _moved(newest: date) -> tuple[Period, Period]:
    end = newest + timedelta(days=1)
    middle = end - timedelta(days=MOVED_DAYS)
    return Period(middle, end), Period(middle - timedelta(days=MOVED_DAYS), middle)


def _sum(period: Period, amounts: Mapping[date, Decimal]) -> Decimal | None:
    """The period's total, None where the ledger lacks a day of it."""
    return exact_sum(amounts[day] for day in period) if all(day in amounts for day in period) else None


def _figure(period: Period, other: Period, amounts: Mapping[date, Decimal], now: datetime) -> Figure | None:
    there = [day for day in period if day in amounts]
    if not there:
        return None
    amount, before = exact_sum(amounts[day] for day in there), _sum(other, amounts)
    if len(there) < len(period):
        before = None  # a part is not compared with a whole
    change = None if before is None else exact_difference(amount, before)
    return Figure(
        period,
        len(there),
        amount,
        other if before is not None else None,
        before,
        change,
        None if change is None or before is None else percent_of(change, before),
        sum(is_filling(day, now) for day in there),
    )


def _against_usual(day: date, amounts: Mapping[date, Decimal], usual: list[Decimal], now: datetime) -> Figure | None:
    if day not in amounts:
        return None
    amount = amounts[day]
    mean = exact_sum(usual) / len(usual) if usual else None
    change = None if mean is None else amount - mean
    percent = None if mean is None or change is None else percent_of(change, mean)
    return Figure(Period.of_day(day), 1, amount, None, mean, change, percent, int(is_filling(day, now)))


def _movers(after: Iterable[Row], before: Iterable[Row], names: Mapping[str, str | None]) -> list[Mover]:
    """Services by their change, the largest rise first."""
    cells: dict[tuple[str, str], list[Decimal]] = {}
    for place, rows in enumerate((before, after)):
        for row in rows:
            key = (str(row.keys[0] or "(no name)"), str(row.keys[1] or ""))
            cells.setdefault(key, [ZERO, ZERO])[place] = row.amounts[0]
    services: dict[str, dict[str, tuple[Decimal, Decimal]]] = {}
    for (service, account), (old, new) in cells.items():
        services.setdefault(service, {})[account] = (old, new)
    found = [_mover(service, accounts, names) for service, accounts in services.items()]
    return sorted(found, key=lambda one: (-one.change, one.service_name))


def _mover(service: str, accounts: Mapping[str, tuple[Decimal, Decimal]], names: Mapping[str, str | None]) -> Mover:
    before = exact_sum(old for old, _ in accounts.values())
    after = exact_sum(new for _, new in accounts.values())
    change = exact_difference(after, before)
    changes = {account: exact_difference(new, old) for account, (old, new) in accounts.items()}
    account, most = max(changes.items(), key=lambda one: (one[1] if change > 0 else -one[1], one[0]))
    where = names.get(account) or account or "no account"
    reason = _reason(accounts[account], (before, after), f"{signed(most)} in {where}")
    return Mover(service, before, after, change, percent_of(change, before), reason)


def _reason(cell: tuple[Decimal, Decimal], service: tuple[Decimal, Decimal], most: str) -> str:
    """Where most of the change is, with the numbers; ``cell`` and ``service`` are amounts before and after."""
    if not service[0]:
        return f"new; {most}"
    if not service[1]:
        return f"gone; {most}"
    return most + (" (new there)" if not cell[0] else " (gone there)" if not cell[1] else "")


def _path(period: Period, amounts: Mapping[date, Decimal]) -> tuple[Decimal, ...]:
    """The running sum, up to the first day that is not there."""
    path: list[Decimal] = []
    for day in period:
        if day not in amounts:
            break
        path.append(exact_sum([*path[-1:], amounts[day]]))
    return tuple(path)
