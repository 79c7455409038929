"""Credits: what is left of them, how fast they are used, and the day they end. Pure.

AWS tells nobody's balance, so it is entered: what the console says, and of which day. What was used since then comes
from the record-type lens, whose rows of the type ``Credit`` are negative. Refunds are no credits: nothing is left of
them.

As AWS does, the credit that expires first is used first. Each day's use is divided among the credits that take its
service, in that order; what no entry accounts for is said.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Context, Decimal
from statistics import median

import msgspec

from farthing.errors import CurrencyError
from farthing.model import (
    EXACT,
    ZERO,
    DailyReport,
    exact_difference,
    exact_sum,
    same_currency,
)
from farthing.query.model import Filter
from farthing.query.selection import passes
from farthing.signals.thresholds import CREDIT_TYPES

LENS = "record-type"
"""The lens that tells credits: set FARTHING_LENSES=record-type."""

CREDIT = "credit"

DEFAULT_WARN = (Decimal(7), Decimal(14), Decimal(30), Decimal(60))
"""Days left at which a credit's end is told, once each."""

BURN_DAYS = 28
"""Days that the burn is measured on: four weeks, so that each weekday counts alike."""

LUMPY_DAYS = 92
"""Days that the burn is measured on where credits come on fewer than half of the days: three monthly ones."""

MOST_DAYS = 36525
"""Days: what would last longer than a century does not end."""

_ROUGH = Context(prec=34)
DECIMALS = Decimal("0.000001")
"""To which the burn is rounded: it is an estimate."""


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[credits]]`` table.

    Attributes:
        name: tells its alerts apart.
        balance: what was left at the start of ``as_of``, in ``currency``.
        as_of: the UTC day from which on use is taken off the balance.
        expires: the last day on which it can be used, None where it does not expire.
        where: the services that it pays for, as it was written; '' for all.
        filters: the same, read.
        currency: None: whatever the bill is in.
        warn: days left at which it is told, ascending.
    """

    name: str
    balance: Decimal
    as_of: date
    expires: date | None = None
    where: str = ""
    filters: tuple[Filter, ...] = ()
    currency: str | None = None
    warn: tuple[Decimal, ...] = DEFAULT_WARN

    def takes(self, day: date, service: str) -> bool:
        """Whether what a service cost on a day can be paid by it."""
        in_time = self.as_of <= day and (self.expires is None or day <= self.expires)
        return in_time and passes(self.filters, service)


class CreditDay(msgspec.Struct, frozen=True):
    """A day as the record-type lens tells it: what was paid, and what credits and refunds took off; not negative."""

    currency: str
    net: Decimal
    used: Mapping[str, Decimal]
    refunds: Decimal = ZERO

    @property
    def gross(self) -> Decimal:
        """What would have been paid without credits and refunds."""
        return exact_sum([self.net, self.refunds, *self.used.values()])


class Runway(msgspec.Struct, frozen=True, kw_only=True):
    """How long a credit lasts. Amounts are in ``currency``, None where no day is known.

    Attributes:
        credit: the credit.
        currency: of all amounts.
        newest: the newest day that is known; what is left is that of its end.
        used: since ``as_of``.
        left: the balance less what was used, not negative.
        burn: used a day, of what the credit may pay for; None where no settled day is known.
        runs_out: the day on which nothing will be left; None where it does not come to that.
        ends: the day on which it ends: ``runs_out``, or the expiry if that comes first; None for neither.
        days_left: days after ``newest`` on which it still pays; 0 where it is used up or has expired.
        lost: what will be left when it expires; zero where nothing is.
        days_missing: days since ``as_of`` that the lens lacks: what was used on them is not taken off.
    """

    credit: Credit
    currency: str | None
    newest: date | None
    used: Decimal
    left: Decimal
    burn: Decimal | None
    runs_out: date | None
    ends: date | None
    days_left: int | None
    lost: Decimal
    days_missing: int


class Credits(msgspec.Struct, frozen=True, kw_only=True):
    """All credits, and what the bill came to with and without them over the last days (up to 28).

    ``unaccounted`` is what credits paid since the first ``as_of`` and no entry accounts for.
    """

    runways: tuple[Runway, ...]
    currency: str | None
    days: int
    gross: Decimal
    used: Decimal
    refunds: Decimal
    net: Decimal
    unaccounted: Decimal


def credit_day(report: DailyReport) -> CreditDay:
    """What a report of the record-type lens tells."""
    used: dict[str, list[Decimal]] = {}
    refunds = []
    for charge in report.charges:
        service, record_type = charge.keys
        kind = record_type.strip().casefold()
        if kind == CREDIT:
            used.setdefault(service, []).append(-report.amount(charge))
        elif kind in CREDIT_TYPES:
            refunds.append(-report.amount(charge))
    by_service = {service: exact_sum(amounts) for service, amounts in used.items()}
    return CreditDay(report.currency, report.total(), by_service, exact_sum(refunds))


def days_needed(entries: Iterable[Credit], newest: date) -> date:
    """The first day that :func:`runways` looks at."""
    return min([newest - timedelta(days=LUMPY_DAYS - 1), *(credit.as_of for credit in entries)])


def runways(entries: Sequence[Credit], days: Mapping[date, CreditDay], *, settled: date) -> Credits:
    """How long each credit lasts.

    Args:
        entries: the credits, in the order of the file.
        days: what the lens knows, from :func:`days_needed` on.
        settled: the burn is measured on days before this one; later ones still fill up.

    Raises:
        CurrencyError: the days are in two currencies, or in another one than a credit; the message names both.
    """
    currency = same_currency((day.currency for day in days.values()), "credits")
    for credit in entries:
        if currency and credit.currency and credit.currency != currency:
            raise CurrencyError(
                f"the credit {credit.name!r} is in {credit.currency}, the bill in {currency}: give it in {currency}"
            )
    newest = max(days, default=None)
    in_order = sorted(entries, key=lambda credit: credit.expires or date.max)
    left, unaccounted = _divided(in_order, days)
    burns = {credit.name: _burn(credit, days, settled) for credit in entries}
    ends: dict[tuple[Filter, ...], date] = {}
    found = {}
    for credit in in_order:
        # Credits for the same services are used one after the other.
        begins = max(filter(None, (ends.get(credit.filters), newest)), default=None)
        runway = _runway(credit, days, left[credit.name], burns[credit.name], begins, newest, currency)
        found[credit.name] = runway
        ends[credit.filters] = runway.ends or date.max
    recent = [days[day] for day in sorted(days)[-BURN_DAYS:]]
    return Credits(
        runways=tuple(found[credit.name] for credit in entries),
        currency=currency,
        days=len(recent),
        gross=exact_sum(day.gross for day in recent),
        used=exact_sum(amount for day in recent for amount in day.used.values()),
        refunds=exact_sum(day.refunds for day in recent),
        net=exact_sum(day.net for day in recent),
        unaccounted=unaccounted,
    )


def _divided(in_order: Sequence[Credit], days: Mapping[date, CreditDay]) -> tuple[dict[str, Decimal], Decimal]:
    """What is left of each credit, and what none of them accounts for since the first of them."""
    left = {credit.name: credit.balance for credit in in_order}
    first = min((credit.as_of for credit in in_order), default=date.max)
    over = []
    for day in sorted(days):
        for service, amount in sorted(days[day].used.items()) if day >= first else ():
            for credit in in_order:
                if credit.takes(day, service):
                    # A credit that is taken back makes the amount negative, and gives the balance back.
                    part = min(amount, left[credit.name])
                    left[credit.name] = exact_difference(left[credit.name], part)
                    amount = exact_difference(amount, part)
                if not amount:
                    break
            over.append(amount)
    return left, exact_sum(over)


def _burn(credit: Credit, days: Mapping[date, CreditDay], settled: date) -> Decimal | None:
    """What credits pay a day of what this one may pay for.

    Where they come on most days, the mean of the seven weekdays' medians over the last four weeks: one odd week does
    not count. Where they come in lumps, such as once a month, the mean of the last 92 days.
    """
    known = {day: _used_of(credit, days[day]) for day in sorted(days) if day < settled}
    recent = dict(list(known.items())[-BURN_DAYS:])
    if not recent:
        return None
    if 2 * sum(amount != 0 for amount in recent.values()) >= len(recent):
        weekdays: dict[int, list[Decimal]] = {}
        for day, amount in recent.items():
            weekdays.setdefault(day.weekday(), []).append(amount)
        burn = _mean([median(amounts) for amounts in weekdays.values()])
    else:
        burn = _mean(list(known.values())[-LUMPY_DAYS:])
    return max(ZERO, _ROUGH.quantize(burn, DECIMALS))


def _used_of(credit: Credit, day: CreditDay) -> Decimal:
    return exact_sum(amount for service, amount in day.used.items() if passes(credit.filters, service))


def _mean(amounts: Sequence[Decimal]) -> Decimal:
    return _ROUGH.divide(exact_sum(amounts), Decimal(len(amounts)))


def _runway(
    credit: Credit,
    days: Mapping[date, CreditDay],
    left: Decimal,
    burn: Decimal | None,
    begins: date | None,
    newest: date | None,
    currency: str | None,
) -> Runway:
    """``begins`` is the day after which it is used: the newest that is known, or the end of the credit before it."""
    runs_out, lost = None, ZERO
    expires = credit.expires
    since = [] if newest is None else _days(credit.as_of, min(newest, expires or newest))
    if left <= 0:
        runs_out = newest
    elif begins is not None and burn and begins != date.max:
        lasts = math.ceil(_ROUGH.divide(left, burn))
        begins = max(begins, credit.as_of - timedelta(days=1))
        if lasts <= min(MOST_DAYS, (date.max - begins).days):
            runs_out = begins + timedelta(days=lasts)
    ends = min(filter(None, (runs_out, expires)), default=None)
    if expires is not None and ends == expires and runs_out != expires:
        payable = max(0, (expires - begins).days) if begins else 0
        lost = max(ZERO, exact_difference(left, EXACT.multiply(burn or ZERO, Decimal(payable))))
    return Runway(
        credit=credit,
        currency=currency or credit.currency,
        newest=newest,
        used=exact_difference(credit.balance, left),
        left=left,
        burn=burn,
        runs_out=runs_out if ends == runs_out else None,
        ends=ends,
        days_left=None if ends is None or newest is None else max(0, (ends - newest).days),
        lost=lost,
        days_missing=sum(day not in days for day in since),
    )


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=count) for count in range(max(0, (last - first).days + 1))]
