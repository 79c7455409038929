"""Earlier days for the thresholds, read from the ledger when asked for."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import TypeVar

from farthing.errors import CorruptError
from farthing.ledger.reports import Reports
from farthing.model import DailyReport, exact_sum
from farthing.signals.thresholds import Credits, DayAmounts, amounts_of, before_credits, credits_of

T = TypeVar("T")


def readable(read: Callable[[], T | None]) -> T | None:
    """What is read, None if it cannot be: that is said, and the others are judged all the same."""
    try:
        return read()
    except CorruptError as error:
        logging.getLogger("farthing").warning(str(error))
        return None


class LedgerHistory(Mapping[date, DayAmounts]):
    """Earlier days for the signals, read from the ledger when asked for.

    Only the last ``kept`` are remembered: a day of a large organisation is megabytes, and days that are judged weekday
    by weekday share their history.
    """

    def __init__(self, reports: Reports, kept: int) -> None:
        self._reports = reports
        self._kept = kept
        self._read: OrderedDict[date, DayAmounts] = OrderedDict()
        self._lacking: set[date] = set()

    def __getitem__(self, day: date) -> DayAmounts:
        if day in self._lacking:
            raise KeyError(day)
        amounts = self._read.get(day)
        if amounts is None:
            report = readable(lambda: self._reports.read(day))
            if report is None:
                self._lacking.add(day)
                raise KeyError(day)
            amounts = self._read[day] = amounts_of(report)
            if len(self._read) > self._kept:
                self._read.popitem(last=False)
        self._read.move_to_end(day)
        return amounts

    def __iter__(self) -> Iterator[date]:
        return iter(self._reports.days())

    def __len__(self) -> int:
        return len(self._reports.days())


class CreditsHistory(Mapping[date, DayAmounts]):
    """Days without their credits and refunds, as far as the record-type lens knows them.

    The lens is believed only where it is about the same money as the day itself: it may be older, or of another
    currency, and what it says would then be added to figures that it does not belong to.

    Args:
        days: the days as they are.
        lens: the reports of the record-type lens.
    """

    def __init__(self, days: Mapping[date, DayAmounts], lens: Reports) -> None:
        self._days = days
        self._lens = lens
        self._told: dict[date, Credits | None] = {}
        self._gross: dict[date, DayAmounts] = {}

    def of(self, day: date, total: Decimal, currency: str | None = None) -> Credits | None:
        """The day's credits and refunds; None where the lens does not have the day, or has it with other figures.

        Args:
            day: the day.
            total: its BilledCost.
            currency: its currency, None where it is not known.
        """
        if day not in self._told:
            report = readable(lambda: self._lens.read(day))
            self._told[day] = credits_of(report) if report else None
        told = self._told[day]
        if told is None or not told.same_money(total, currency):
            return None
        return told

    def note(self, report: DailyReport) -> None:
        """Takes in a report of the lens that was just told, so that it is not read again."""
        self._told[report.date] = credits_of(report)

    def __getitem__(self, day: date) -> DayAmounts:
        if day not in self._gross:
            amounts = self._days[day]
            told = self.of(day, exact_sum(amounts.leaves.values()), amounts.currency)
            if told is None:
                raise KeyError(day)
            self._gross[day] = before_credits(amounts, told)
        return self._gross[day]

    def __iter__(self) -> Iterator[date]:
        return iter(self._lens.days())

    def __len__(self) -> int:
        return len(self._lens.days())
