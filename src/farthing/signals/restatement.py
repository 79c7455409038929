"""Restatement: a settled day whose amount changes after all. Pure.

A day that fills up grows, and nobody needs to hear of it. A change of a day that was settled moves what people have
reported already. The amount that a day had when it settled is held against what it says later; each time the two are
further apart than the floors, that is one restatement, and the new amount is what the next is held against. Small
changes thus add up until they are worth a word.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec

from farthing.model import (
    BILLED_COST,
    EXACT,
    FILLING_HOURS,
    ZERO,
    DailyReport,
    Scope,
    Signal,
    exact_difference,
    percent_of,
)
from farthing.signals.maturation import Known
from farthing.wording import money, signed

KIND = "restatement"

DEFAULT_FLOOR = Decimal(1)
"""In the bill's currency: a settled day that changes by less stays quiet."""

DEFAULT_FLOOR_PERCENT = Decimal(1)
"""Percent of what the day was: a change of less stays quiet."""

LOOK_HOURS = 24
"""Hours between two looks at a day: the last of the filling is seen that much later by a run a day, and is no
restatement."""

CAUSES = 3
"""Rows that are named as the cause, the largest changes first."""

HUNDRED = Decimal(100)


class Change(msgspec.Struct, frozen=True):
    """A service in an account whose amount of the day changed."""

    service_name: str
    sub_account_id: str
    sub_account_name: str | None
    before: Decimal
    after: Decimal

    @property
    def change(self) -> Decimal:
        """How much it is more, or, negative, less."""
        return exact_difference(self.after, self.before)


class Step(msgspec.Struct, frozen=True):
    """One restatement in a day's history: the places of the two states that are compared."""

    before: int
    after: int


class Restatement(msgspec.Struct, frozen=True):
    """A settled day that changed. ``seen_at`` is when the ledger first saw the new amount."""

    day: date
    seen_at: datetime
    currency: str
    metric: str
    before: Decimal
    after: Decimal
    causes: tuple[Change, ...]


def steps(
    day: date,
    states: Sequence[Known],
    *,
    floor: Decimal = DEFAULT_FLOOR,
    floor_percent: Decimal = DEFAULT_FLOOR_PERCENT,
    filling_hours: float = FILLING_HOURS,
) -> list[Step]:
    """The restatements in a day's history, oldest first.

    The day settles with the state that it is in a day after it has filled up, or with the first one that the ledger saw
    where that came later. Of the states that were first seen on one UTC day only the last counts, so that a day is told
    at most once a day. A change of currency starts anew: two currencies are not compared.

    Args:
        day: the UTC day.
        states: all that the ledger saw it in, oldest first.
        floor: least change, in the bill's currency.
        floor_percent: least change, percent of the amount before; any change of an amount of zero is large enough.
        filling_hours: hours after its end for which the day fills up.
    """
    if not states:
        return []
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    settles = end + timedelta(hours=filling_hours + LOOK_HOURS)
    settled = max([0, *(place for place, state in enumerate(states) if state.seen_at <= settles)])
    found = []
    for place in range(settled + 1, len(states)):
        before, after = states[settled], states[place]
        if place + 1 < len(states) and states[place + 1].seen_at.date() == after.seen_at.date():
            continue
        if before.currency != after.currency:
            settled = place
        elif _is_large(before.amount, after.amount, floor, floor_percent):
            found.append(Step(settled, place))
            settled = place
    return found


def _is_large(before: Decimal, after: Decimal, floor: Decimal, floor_percent: Decimal) -> bool:
    change = abs(exact_difference(after, before))
    least = EXACT.multiply(abs(before), EXACT.divide(floor_percent, HUNDRED))
    return change > 0 and change >= floor and change >= least


def states_of(report: DailyReport, metric: str = BILLED_COST) -> tuple[Known, ...]:
    """The totals of all states of a report, oldest first; those without the metric are left out."""
    states = [(one.seen_at, one.currency, one.totals) for one in report.revisions]
    states.append((report.collected_at, report.currency, report.totals))
    return tuple(Known(seen_at, currency, totals[metric]) for seen_at, currency, totals in states if metric in totals)


def restatements(
    report: DailyReport,
    *,
    metric: str = BILLED_COST,
    floor: Decimal = DEFAULT_FLOOR,
    floor_percent: Decimal = DEFAULT_FLOOR_PERCENT,
    filling_hours: float = FILLING_HOURS,
) -> list[Restatement]:
    """A day's restatements with their causes, oldest first. Arguments as :func:`steps`'s."""
    told = [metric in one.totals for one in report.revisions]
    places = [place for place, tells in enumerate([*told, metric in report.totals]) if tells]
    states = states_of(report, metric)
    found = []
    for step in steps(report.date, states, floor=floor, floor_percent=floor_percent, filling_hours=filling_hours):
        before, after = states[step.before], states[step.after]
        changes = _changes(report, places[step.before], places[step.after], metric)
        found.append(
            Restatement(
                report.date, after.seen_at, after.currency, metric, before.amount, after.amount, changes[:CAUSES]
            )
        )
    return found


_Rows = dict[tuple[str, str], Decimal]


def _changes(report: DailyReport, before: int, after: int, metric: str) -> tuple[Change, ...]:
    """The rows that differ between two states, the largest change first."""
    old, new = _rows_at(report, before, metric), _rows_at(report, after, metric)
    names = {charge.keys: charge.sub_account_name for one in report.revisions for charge in one.charges}
    names |= {charge.keys: charge.sub_account_name for charge in report.charges}
    found = [
        Change(*key, names.get(key), old.get(key, ZERO), new.get(key, ZERO))
        for key in old.keys() | new.keys()
        if old.get(key, ZERO) != new.get(key, ZERO)
    ]
    return tuple(sorted(found, key=lambda one: (-abs(one.change), one.service_name, one.sub_account_id)))


def _rows_at(report: DailyReport, place: int, metric: str) -> _Rows:
    """The amounts of a state: the newest, with what each earlier state had otherwise laid over it."""
    rows: _Rows = {charge.keys: report.amount(charge, metric) for charge in report.charges}
    for revision in reversed(report.revisions[place:]):
        index = revision.metrics.index(metric) if metric in revision.metrics else None
        for charge in revision.charges:
            rows[charge.keys] = ZERO if index is None else charge.amounts[index]
    return rows


def signal_of(restatement: Restatement) -> Signal:
    """The signal of a restatement.

    Its rule names the day on which it was seen: all days that one run found restated are one message, and a day that
    changes again later is told again.
    """
    change = exact_difference(restatement.after, restatement.before)
    percent = percent_of(change, restatement.before)
    by = f" ({percent:+,.1f} %)" if percent is not None else ""
    was, is_ = (money(amount, restatement.currency) for amount in (restatement.before, restatement.after))
    return Signal(
        kind=KIND,
        rule=f"restated, seen {restatement.seen_at.date()}",
        scope=Scope(),
        day=restatement.day,
        since=restatement.day,
        currency=restatement.currency,
        metric=restatement.metric,
        actual=restatement.after,
        threshold=restatement.before,
        overage=change,
        overage_percent=percent,
        expected=restatement.before,
        reason=(
            f"{restatement.day} was restated: {was} when it had settled, {is_} now, {signed(change)}{by}, "
            f"seen on {restatement.seen_at.date()}"
        ),
        cause=_cause(restatement.causes, restatement.currency),
    )


def _cause(causes: Iterable[Change], currency: str) -> str:
    parts = []
    for one in causes:
        account = one.sub_account_name or one.sub_account_id
        where = f"{one.service_name} in {account}" if account else one.service_name
        parts.append(f"{where} {signed(one.change)} {currency}")
    return f"Largest changes: {', '.join(parts)}." if parts else ""
