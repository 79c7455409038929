"""The values that farthing works on: frozen, pure, named in FOCUS terms.

Money is :class:`~decimal.Decimal`, always with its currency beside it, and every sum here is exact: arithmetic that
would have to round raises instead. Days are UTC days, periods half-open. Nothing here reads a file, a clock or an
environment.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, DecimalException, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Literal, Self

import msgspec

from farthing.errors import AmountError, CurrencyError

BILLED_COST = "BilledCost"
EFFECTIVE_COST = "EffectiveCost"
COST_BEFORE_CREDITS = "x_BilledCostBeforeCredits"
"""BilledCost without the record types Credit and Refund; only an alert's metric, never a report's column."""

MAX_DECIMALS = 18
"""Decimals that an amount may have: DuckDB keeps money as DECIMAL(38,18)."""

MAX_INTEGER_DIGITS = 20
"""Digits that an amount may have before the point, for the same reason."""

FILLING_HOURS = 48
"""Hours after its end for which a day still fills up: AWS refreshes billing data up to three times a day and the day
before yesterday is usually complete. Such a day is called provisional."""

# 76 digits hold any sum of DECIMAL(38,18) values that fits in memory; Inexact makes a rounding an error.
EXACT = Context(prec=76, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])

ZERO = Decimal(0)
# Python's own grammar would also take underscores, spaces, other scripts' digits, infinity and NaN.
_AMOUNT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII).fullmatch
_SMALLEST = Decimal(1).scaleb(-MAX_DECIMALS)


def parse_amount(text: str) -> Decimal:
    """The exact value of an amount as a source spells it.

    Args:
        text: a decimal number, with or without an exponent.

    Returns:
        The same value; nothing is rounded.

    Raises:
        AmountError: it is not a finite number, or has more than 18 decimals or 20 integer digits.
    """
    matched = _AMOUNT(text)
    if matched is None:
        raise AmountError(f"{text!r} is not an amount")
    try:
        amount = Decimal(text)
    except DecimalException as error:  # an exponent beyond what a Decimal can have
        raise AmountError(f"{text!r} is not an amount") from error
    # Short plain text cannot break a limit; the exact look below is slow, and a large bill has millions of amounts.
    if len(text) <= MAX_DECIMALS and matched[1] is None:
        return amount
    if not amount:
        return ZERO
    if amount.adjusted() >= MAX_INTEGER_DIGITS:
        raise AmountError(f"the amount {text} has more than {MAX_INTEGER_DIGITS} digits before the point")
    try:
        return EXACT.quantize(amount, _SMALLEST)
    except Inexact as error:
        message = f"the amount {text} has more than {MAX_DECIMALS} decimals and cannot be kept exactly"
        raise AmountError(message) from error


def plain(amount: Decimal) -> str:
    """An amount as every JSON output spells it: no exponent, no trailing zeros, never '-0'."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum, to the last decimal, however many there are."""
    add = EXACT.add
    total = ZERO
    for amount in amounts:
        total = add(total, amount)
    return total


def exact_difference(minuend: Decimal, subtrahend: Decimal) -> Decimal:
    """``minuend - subtrahend``, to the last decimal."""
    return EXACT.subtract(minuend, subtrahend)


def percent_of(part: Decimal, whole: Decimal) -> Decimal | None:
    """``part`` as a percentage of ``whole``, to a tenth; None where ``whole`` is not positive."""
    if whole <= 0:
        return None
    # For people only, so a rounding is meant here; 76 digits keep a huge ratio from being an error.
    rounding = Context(prec=76)
    return rounding.quantize(rounding.divide(part * 100, whole), Decimal("0.1"))


def same_currency(currencies: Iterable[str], where: str) -> str | None:
    """The one currency among them, None if there is none.

    Raises:
        CurrencyError: there are two; the message names both and ``where``.
    """
    found = sorted(set(currencies))
    if len(found) > 1:
        raise CurrencyError(f"{where}: amounts in {' and '.join(found)} cannot be added up; ask for one currency")
    return found[0] if found else None


class Period(msgspec.Struct, frozen=True, order=True):
    """UTC days from ``start`` to ``end``, the end not included."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a period cannot end ({self.end}) before it starts ({self.start})")

    def __len__(self) -> int:
        return (self.end - self.start).days

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def __iter__(self) -> Iterator[date]:
        return (self.start + timedelta(days=offset) for offset in range(len(self)))

    def __str__(self) -> str:
        return f"{self.start} to {self.end}"

    @classmethod
    def of_day(cls, day: date) -> Self:
        """The period of one day."""
        return cls(day, day + timedelta(days=1))


GROUP_BY = ("ServiceName", "SubAccountId")
"""The columns that the rows of a daily report are told apart by; a lens has others."""


class Charge(msgspec.Struct, frozen=True, gc=False):
    """One row of a report: what one service cost in one account on one day, or another grouping of a lens.

    ``keys`` stands in the order of the report's ``source.group_by``, where ServiceName comes first; ``amounts`` in the
    order of its ``metrics``. ``sub_account_name`` is None where the source knows none.
    """

    keys: tuple[str, str]
    sub_account_name: str | None
    amounts: tuple[Decimal, ...]

    @property
    def service_name(self) -> str:
        """The service."""
        return self.keys[0]

    @property
    def sub_account_id(self) -> str:
        """The account; of a daily report's rows only."""
        return self.keys[1]


class Source(msgspec.Struct, frozen=True):
    """Where a report's figures come from: what kind of source, grouped by what, limited to which scope."""

    kind: str
    group_by: tuple[str, ...]
    scope: str | None = None


class Revision(msgspec.Struct, frozen=True):
    """An earlier state of a day.

    ``charges`` holds this state's rows that differ from the state that followed; a row that did not exist yet stands
    there with zero amounts, so that the earlier state can be put together again. ``metrics`` is the order of the rows'
    amounts.
    """

    seen_at: datetime
    currency: str
    estimated: bool
    metrics: tuple[str, ...]
    totals: Mapping[str, Decimal]
    charges: tuple[Charge, ...]


class DailyReport(msgspec.Struct, frozen=True):
    """One UTC day of spend, complete as the source told it at ``collected_at`` (when these amounts were first seen).

    ``charges`` is sorted by its keys; ``totals`` are the exact sums of the rows, per metric; ``revisions``
    is oldest first.
    """

    date: date
    currency: str
    estimated: bool
    collected_at: datetime
    metrics: tuple[str, ...]
    totals: Mapping[str, Decimal]
    charges: tuple[Charge, ...]
    source: Source
    revisions: tuple[Revision, ...] = ()

    def total(self, metric: str = BILLED_COST) -> Decimal:
        """The day's total of a metric; zero where the source did not give it."""
        return self.totals.get(metric, ZERO)

    def amount(self, charge: Charge, metric: str = BILLED_COST) -> Decimal:
        """A charge's amount of a metric; zero where the source did not give it."""
        return charge.amounts[self.metrics.index(metric)] if metric in self.metrics else ZERO


def daily_report(
    day: date,
    *,
    currency: str,
    estimated: bool,
    collected_at: datetime,
    metrics: tuple[str, ...],
    charges: Iterable[Charge],
    source: Source,
) -> DailyReport:
    """A report with its rows sorted and its totals summed up; two rows of one key are an error of the caller.

    Raises:
        AmountError: a total is too large to be kept.
    """
    rows = tuple(sorted(charges, key=lambda charge: charge.keys))
    totals = {metric: exact_sum(row.amounts[index] for row in rows) for index, metric in enumerate(metrics)}
    for metric, total in totals.items():
        if total.adjusted() >= MAX_INTEGER_DIGITS:
            raise AmountError(f"the total {metric} of {day}, {plain(total)}, has more than {MAX_INTEGER_DIGITS} digits")
    return DailyReport(
        date=day,
        currency=currency,
        estimated=estimated,
        collected_at=collected_at,
        metrics=metrics,
        totals=totals,
        charges=rows,
        source=source,
    )


def is_filling(day: date, now: datetime) -> bool:
    """Whether a day is still filling up ('provisional'): younger than 48 h after its end."""
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return now < end + timedelta(hours=FILLING_HOURS)


class Scope(msgspec.Struct, frozen=True, order=True):
    """What a rule looks at: a service, an account, their pair, or (both None) everything.

    ``sub_account_name`` is for people; it tells no scope from another.
    """

    service_name: str | None = None
    sub_account_id: str | None = None
    sub_account_name: str | None = None

    def __str__(self) -> str:
        named = f"{self.sub_account_name} ({self.sub_account_id})" if self.sub_account_name else self.sub_account_id
        parts = [part for part in (self.service_name, named) if part]
        return " in ".join(parts) if parts else "all services and accounts"


class BreakdownRow(msgspec.Struct, frozen=True):
    """A part of an alerted amount: ``usual`` is the median of the same weekday before, None without history."""

    name: str
    amount: Decimal
    usual: Decimal | None = None

    @property
    def change(self) -> Decimal | None:
        """How much more (or, negative, less) than usual."""
        return None if self.usual is None else exact_difference(self.amount, self.usual)


class Estimate(msgspec.Struct, frozen=True):
    """What a sum of money is expected to be: its mean, and the bounds that hold it in 80 and in 95 of 100 cases."""

    mean: Decimal
    lo80: Decimal
    hi80: Decimal
    lo95: Decimal
    hi95: Decimal


class Cause(msgspec.Struct, frozen=True):
    """A service in an account that an incident comes from: what it cost a day, and what was expected."""

    service_name: str
    sub_account_id: str
    actual: Decimal
    expected: Decimal

    @property
    def excess(self) -> Decimal:
        """How much more (or, negative, less) than expected."""
        return exact_difference(self.actual, self.expected)


class KnownIncident(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as an alert keeps it: enough to know it again, and to decide about it when it is no longer found.

    Attributes:
        id: the incident's.
        kind: 'spike', 'shift', 'ramp', 'drop', 'new' or 'gone'.
        rises: above or below what was expected.
        first_day: the first UTC day that was out.
        raised_day: the day on which it could first be told.
        day: the newest day of it.
        root_cause: the smallest set of services in accounts that explains most of it, on ``day``.
    """

    id: str
    kind: str
    rises: bool
    first_day: date
    raised_day: date
    day: date
    root_cause: tuple[Cause, ...]

    @property
    def leaves(self) -> frozenset[tuple[str, str]]:
        """The services and accounts of its root cause."""
        return frozenset((cause.service_name, cause.sub_account_id) for cause in self.root_cause)


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a signal found and that people may want to know; the policy makes alerts of signals.

    Amounts are in ``currency`` and of ``metric``.

    Attributes:
        kind: what found it: 'anomaly', 'budget', 'credits', 'restatement'.
        rule: as a person names it: a budget's name and mark, 'anomalies'.
        scope: what it is about.
        day: the newest UTC day that it is about.
        since: the day that stands for it in its alert's id, so that it is told once: an incident's first day, the
            first day of a budget's period, a restated day.
        actual: what was, or is expected to be, spent.
        threshold: what it was held against: a budget's mark, the upper (or lower) bound of what was expected.
        overage: ``actual - threshold``; negative where it fell short of a lower bound.
        overage_percent: of ``threshold``, to a tenth; None where that is not positive.
        expected: what was expected, where the signal knows it.
        month_end: what it means by the month's end, in money, where the signal knows it.
        reason: the arithmetic in a sentence.
        cause: where it comes from, in words; '' where nothing is known.
        incident: the id of the incident that it tells of, '' for none.
        lower: the least that would have been no news, where the signal knows it.
        upper: the most.
        known: the incident itself, where it tells of one.
        quiet: why it is only recorded although it was found, such as what somebody decided; '' if it is told.
    """

    kind: str
    rule: str
    scope: Scope
    day: date
    since: date
    currency: str
    metric: str
    actual: Decimal
    threshold: Decimal
    overage: Decimal
    overage_percent: Decimal | None
    expected: Decimal | None = None
    month_end: Decimal | None = None
    reason: str
    cause: str = ""
    incident: str = ""
    lower: Decimal | None = None
    upper: Decimal | None = None
    known: KnownIncident | None = None
    quiet: str = ""


SUMMARY = "summary"
"""The kind of the message of a quiet day."""

DeliveryState = Literal["pending", "claimed", "sent", "failed", "suppressed"]


class Delivery(msgspec.Struct, frozen=True):
    """How far an alert got on one channel. ``by`` is the run that wrote this state, ``at`` when."""

    state: DeliveryState
    at: datetime
    by: str
    attempts: int = 0
    reason: str | None = None


class Alert(msgspec.Struct, frozen=True):
    """Something that people should know, with all that a message needs.

    ``id`` is a hash of (kind, rule, scope, day), see :func:`farthing.alerts.policy.alert_id`. ``day`` is the UTC day
    that it is filed under: the judged day of a threshold, the first day of an incident or of a budget's period;
    ``newest_day`` is the newest that it is about, None where that is ``day`` itself. Amounts are in ``currency``.
    ``reason`` is the arithmetic in a sentence, ``cause`` where it comes from: the incident behind a breach, else the
    largest single rise ('' without earlier weeks to compare with). ``deliveries`` is keyed by channel. ``credits``
    is what credits and refunds took off the whole day (not positive), None where no record-type lens tells it. A
    ``metric`` of :data:`COST_BEFORE_CREDITS` says that all amounts are without them. ``expected`` and its band,
    ``lower`` to ``upper``, are None where nothing was expected. ``month_end`` is what it means by the end of the month
    in money, ``forecast`` what all costs of that month are expected to come to, of the metric ``forecast_metric``.
    ``incident`` is the one that it tells of.
    """

    id: str
    kind: str
    rule: str
    scope: Scope
    day: date
    currency: str
    metric: str
    actual: Decimal
    threshold: Decimal
    overage: Decimal
    overage_percent: Decimal | None
    estimated: bool
    provisional: bool
    repeated: bool
    reason: str
    cause: str
    services: tuple[BreakdownRow, ...]
    accounts: tuple[BreakdownRow, ...]
    source_kind: str
    created_at: datetime
    deliveries: Mapping[str, Delivery]
    credits: Decimal | None = None
    newest_day: date | None = None
    expected: Decimal | None = None
    lower: Decimal | None = None
    upper: Decimal | None = None
    month_end: Decimal | None = None
    forecast: Estimate | None = None
    forecast_metric: str = ""
    incident: KnownIncident | None = None

    @property
    def about(self) -> date:
        """The newest UTC day that it is about."""
        return self.newest_day or self.day

    @property
    def state(self) -> DeliveryState:
        """The least advanced state of its deliveries: what still has to happen decides."""
        states = {delivery.state for delivery in self.deliveries.values()}
        order: tuple[DeliveryState, ...] = ("failed", "pending", "claimed", "sent", "suppressed")
        return next((state for state in order if state in states), "suppressed")


class LensRun(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did for one lens; ``whole`` tells that every day that the source told is in the ledger."""

    name: str
    whole: bool
    window: Period
    billed_requests: int = 0
    groups: int = 0
    page_size_seen: int = 0
    days_written: tuple[date, ...] = ()
    days_restated: tuple[date, ...] = ()
    days_unchanged: int = 0


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did. ``stage`` tells how far it got: a run that died keeps the last stage it had reached.

    ``stored`` and later mean that every day of the window that the source told is in the ledger; ``judged`` and
    later that its alerts are in the outbox. ``billed_requests`` and ``request_ids`` count the lenses' too, all else is
    the daily question's; what each lens did is in ``lenses``. ``signals`` are those that were computed, with how many
    things each found; thresholds count the breaches of days that are told.
    """

    id: str
    command: Literal["collect", "backfill"]
    started_at: datetime
    stage: Literal["started", "stored", "judged", "finished"]
    source: Source
    first: bool = False
    window: Period | None = None
    billed_requests: int = 0
    request_ids: tuple[str, ...] = ()
    groups: int = 0
    page_size_seen: int = 0
    days_unchanged: int = 0
    days_written: tuple[date, ...] = ()
    days_restated: tuple[date, ...] = ()
    days_missing: tuple[date, ...] = ()
    lenses: tuple[LensRun, ...] = ()
    threshold_breaches: int = 0
    signals: Mapping[str, int] = {}
    alerts_created: int = 0
    alerts_suppressed: int = 0
    alerts_sent: int = 0
    alerts_failed: int = 0
    duration_seconds: float = 0.0
    errors: tuple[str, ...] = ()
