"""The ledger's forecast: made from its series, kept as an event, and held against what came of it."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec

from farthing.budgeting import unsettled
from farthing.ledger.events import Events
from farthing.ledger.series import MAX_DAYS, Series, Table
from farthing.ledger.store import Store
from farthing.model import ZERO, Period, is_filling, percent_of
from farthing.signals.forecast.calendar import moved
from farthing.signals.forecast.naive import NAIVE, naive
from farthing.signals.forecast.outlook import COMPLETE, TOTAL, Forecast, Outlook, months_from, outlook, to_decimal
from farthing.signals.forecast.units import By, Group, group_of

KIND, SCHEMA = "forecast", "farthing.forecast/1"

KEPT_GROUPS = 50
"""Groups of the running month that are kept beside the total, the largest: a year of forecasts stays small."""

KNOWN = (5, 10, 15, 20)
"""Days of the month known, at which the rows of the scorecard begin."""


class KeptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One month of one service, or (None) of all of them, as it was told; ``naive`` is what the baselines told then."""

    month: date
    service_name: str | None
    mean: Decimal
    lo80: Decimal
    hi80: Decimal
    lo95: Decimal
    hi95: Decimal
    naive: Mapping[str, Decimal]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A forecast as an event: days before ``as_of`` were known, amounts are in ``currency`` and of ``metric``."""

    as_of: date
    metric: str
    currency: str
    rows: tuple[KeptRow, ...]


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """How some forecasts came out, in percent.

    Attributes:
        days_known: which they are: the days of the month that were known, or how many months ahead.
        whom: 'total', or 'services': all of the services that were kept.
        forecasts: how many.
        error: the mean of |forecast - actual| / actual.
        baselines: the same of each baseline, with what was known then.
        in80: how many actuals lay in the 80 % interval.
        in95: the same of the 95 % interval.
    """

    days_known: str
    whom: str
    forecasts: int
    error: Decimal
    baselines: Mapping[str, Decimal]
    in80: Decimal
    in95: Decimal


def forecast(
    store: Store, metric: str, now: datetime, *, by: By = "service", growth: Mapping[date, float] = COMPLETE
) -> Outlook | None:
    """The running month and the next three, as of today; None where fewer than ten days are known.

    Args:
        store: the ledger's home.
        metric: one of the series' metrics.
        now: UTC.
        by: what a group is.
        growth: by which factor a provisional day's figure is still expected to grow. A provisional day without one is
            forecast, and counts at least what it has already.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    today = now.date()
    table = _daily(store, metric, today)
    return outlook(table, today, months_from(today), by=by, growth=growth, without=unsettled(table.dates, now, growth))


def keep(
    store: Store,
    metric: str,
    told: Outlook,
    now: datetime,
    *,
    growth: Mapping[date, float] = COMPLETE,
    table: Table | None = None,
) -> bool:
    """Keeps a forecast by service as an event, once for a day and metric; False if the ledger has one already.

    ``table`` is what it was made from, where somebody has it already.

    Raises:
        LedgerError: the ledger cannot be read or written.
    """
    table = table or _daily(store, metric, told.as_of)
    periods = sorted({row.period for row in told.rows})
    baselines = naive(table, told.as_of, periods, growth=growth, without=unsettled(table.dates, now, growth))
    return _events(store).append(told.as_of, kept(told, metric, baselines), identity=[told.as_of.isoformat(), metric])


def kept(told: Outlook, metric: str, baselines: Mapping[tuple[Period, Group], Mapping[str, Decimal]]) -> Kept:
    """A forecast as it is kept: the total of every month, and the largest services of the running one."""
    totals = [row for row in told.rows if row.group == TOTAL]
    running = [row for row in told.rows if row.group != TOTAL and told.as_of in row.period]
    running.sort(key=lambda row: (-abs(row.estimate.mean), row.group))
    rows = [_kept_row(row, baselines[row.period, row.group]) for row in [*totals, *running[:KEPT_GROUPS]]]
    return Kept(as_of=told.as_of, metric=metric, currency=told.currency, rows=tuple(rows))


def scorecard(store: Store, metric: str, now: datetime) -> list[Scores]:
    """How the forecasts of the last 400 days came out, over months that are over and settled.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    today = now.date()
    events = [event for _, event in _events(store).since(today - timedelta(days=MAX_DAYS)) if event.metric == metric]
    months = {row.month for event in events for row in event.rows}
    table = _daily(store, metric, today)
    actuals = {month: told for month in months if (told := _actual(table, month, now))}
    return scores(events, actuals)


def scores(events: Iterable[Kept], actuals: Mapping[date, tuple[str, Mapping[str | None, Decimal]]]) -> list[Scores]:
    """Forecasts held against what came; pure.

    Args:
        events: what was kept.
        actuals: by month its currency, and the amount of each service and (None) of all.
    """
    rows: dict[tuple[int, str], list[tuple[KeptRow, Decimal]]] = {}
    for event in events:
        for row in event.rows:
            currency, amounts = actuals.get(row.month, ("", {}))
            actual = amounts.get(row.service_name, ZERO)
            # Of nothing, or of more credits than spend, no percentage can be told.
            if currency == event.currency and actual > ZERO:
                whom = "total" if row.service_name is None else "services"
                rows.setdefault((_when(event.as_of, row.month), whom), []).append((row, actual))
    order = sorted(rows, key=lambda key: (key[1] != "total", key[0]))
    return [_scores(when, whom, rows[when, whom]) for when, whom in order]


def last_month(store: Store, metric: str, told: Outlook, by: By) -> dict[Group, Decimal]:
    """What each group of a forecast, and the total, cost in the month before; {} where that has gaps."""
    table = _daily(store, metric, told.as_of)
    end = told.as_of.replace(day=1)
    span = _span(table, moved(end, -1), end)
    if span is None or set(table.currencies[span]) != {told.currency}:
        return {}
    sums: dict[Group, float] = {}
    for place, leaf in enumerate(table.leaves):
        amount = sum(table.values(place)[span])
        for group in (group_of(leaf, by), TOTAL):
            sums[group] = sums.get(group, 0.0) + amount
    return {group: to_decimal(amount) for group, amount in sums.items()}


def _events(store: Store) -> Events[Kept]:
    return Events(store, KIND, SCHEMA, Kept)


def _daily(store: Store, metric: str, today: date) -> Table:
    return Series(store).load(metric, today, today - timedelta(days=MAX_DAYS)).daily


def _kept_row(row: Forecast, baselines: Mapping[str, Decimal]) -> KeptRow:
    estimate = row.estimate
    return KeptRow(
        month=row.period.start,
        service_name=row.group[0] if row.group else None,
        mean=estimate.mean,
        lo80=estimate.lo80,
        hi80=estimate.hi80,
        lo95=estimate.lo95,
        hi95=estimate.hi95,
        naive=dict(baselines),
    )


def _span(table: Table, start: date, end: date) -> slice | None:
    """Where the days of a span stand; None where one is missing."""
    span = slice(bisect_left(table.dates, start), bisect_left(table.dates, end))
    return span if span.stop - span.start == (end - start).days else None


def _actual(table: Table, month: date, now: datetime) -> tuple[str, dict[str | None, Decimal]] | None:
    """What a month cost, with its currency; None where it is not over, not settled or not whole."""
    end = moved(month, 1)
    span = _span(table, month, end)
    if span is None or is_filling(end - timedelta(days=1), now) or len(set(table.currencies[span])) != 1:
        return None
    sums: dict[str | None, float] = {None: 0.0}
    for place, leaf in enumerate(table.leaves):
        amount = sum(table.values(place)[span])
        sums[leaf[0]] = sums.get(leaf[0], 0.0) + amount
        sums[None] += amount
    return table.currencies[span.start], {name: to_decimal(amount) for name, amount in sums.items()}


def _when(as_of: date, month: date) -> int:
    """Which row of the scorecard: the place in KNOWN, and after these how many months ahead."""
    ahead = (month.year - as_of.year) * 12 + month.month - as_of.month
    return bisect_left(KNOWN, as_of.day) if ahead == 0 else len(KNOWN) + ahead


def _when_in_words(when: int) -> str:
    if when > len(KNOWN):
        ahead = when - len(KNOWN)
        return f"{ahead} month{'s' if ahead > 1 else ''} ahead"
    first = KNOWN[when - 1] if when else 0
    return f"{first} to {KNOWN[when] - 1}" if when < len(KNOWN) else f"{first} or more"


def _scores(when: int, whom: str, rows: Sequence[tuple[KeptRow, Decimal]]) -> Scores:
    return Scores(
        days_known=_when_in_words(when),
        whom=whom,
        forecasts=len(rows),
        error=_mean([_error(row.mean, actual) for row, actual in rows]),
        baselines={name: _mean([_error(row.naive[name], actual) for row, actual in rows]) for name in NAIVE},
        in80=_share([row.lo80 <= actual <= row.hi80 for row, actual in rows]),
        in95=_share([row.lo95 <= actual <= row.hi95 for row, actual in rows]),
    )


def _error(told: Decimal, actual: Decimal) -> Decimal:
    return percent_of(abs(told - actual), actual) or ZERO


def _mean(percents: Sequence[Decimal]) -> Decimal:
    return percent_of(sum(percents, ZERO) / 100, Decimal(len(percents))) or ZERO


def _share(hits: Sequence[bool]) -> Decimal:
    return percent_of(Decimal(sum(hits)), Decimal(len(hits))) or ZERO
