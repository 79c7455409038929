"""Which source answers for which day: each day of each provider has one, so that nothing is counted twice. Pure.

The finer source, a billing export, wins where both cover a day (docs/adr/0015-two-sources-one-view.md). Daily reports
are of AWS; the exports of other providers stand beside them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import islice
from typing import Final, Literal

import msgspec

from farthing.errors import UsageError
from farthing.model import Period
from farthing.query.model import METRICS, Day, Filter, Query, label_of, matches

AWS = "AWS"
"""The provider whose costs daily reports tell."""

FILLING_DAYS = 2
"""Days: of a delivery that ends before its month does, the last ones were still filling up when it was made."""

REPORTS: Final = "reports"
EXPORTS: Final = "exports"
SourceName = Literal["reports", "exports"]

DERIVED = ("ChargePeriodStart", "BillingPeriodStart", "x_Week", "BillingCurrency", "ProviderName")
"""Columns that every source has."""


class ExportSlice(msgspec.Struct, frozen=True):
    """One provider's bill of one billing account for one billing period, as an engine reads it.

    ``days`` runs from the period's first day to the last day with a charge; ``whole`` tells that this is its end.
    ``first_day`` and ``last_day`` are of its first and last charge: a few lie before the period or after it.
    ``files`` are paths or URLs, ``sizes`` their bytes.
    """

    provider: str
    billing_account: str
    days: Period
    whole: bool
    first_day: date
    currencies: tuple[str, ...]
    columns: frozenset[str]
    files: tuple[str, ...]
    sizes: tuple[int, ...] = ()
    last_day: date | None = None

    @property
    def reach(self) -> Period:
        """All days that may have charges."""
        last = self.last_day + timedelta(days=1) if self.last_day else self.days.end
        return Period(min(self.first_day, self.days.start), max(last, self.days.end))

    def has(self, column: str) -> bool:
        """Whether its rows can tell this column apart."""
        kind = column.partition("/")[0]
        return column in DERIVED or column in self.columns or (kind != column and kind in self.columns)

    def passes(self, filters: Iterable[Filter]) -> bool:
        """Whether a row of it may pass the filters, as far as the slice as a whole can tell."""
        known = {"ProviderName": self.provider, "BillingAccountId": self.billing_account}
        return all(matches(term, known[term.column]) for term in filters if term.column in known)


class Choice(msgspec.Struct, frozen=True):
    """What answers a query: days of the daily reports, and slices (AWS's without the reports' days).

    ``days`` are the days that are there, per source and currency, and of each slice with charges outside of its own
    days the first such day of the query.
    """

    report_days: tuple[date, ...]
    slices: tuple[ExportSlice, ...]
    days: tuple[Day, ...]


def choose(
    query: Query,
    reports: Mapping[date, Day],
    report_columns: Collection[str],
    slices: Sequence[ExportSlice],
    only: SourceName | None = None,
) -> Choice:
    """Which source answers for which day of the query's period.

    Args:
        query: what is asked.
        reports: the days of the daily reports (or of a lens), any.
        report_columns: the columns that these reports have, apart from the derived ones.
        slices: the imported exports, any.
        only: leaves the other source out.

    Raises:
        UsageError: no source that is there has a column that the query names.
    """
    period = query.period
    near = [one for one in slices if _touches(one, period)] if only != REPORTS else []
    in_reports = all(column in report_columns or column in DERIVED for column in query.named)
    told = {day: one for day, one in reports.items() if day in period} if in_reports and only != EXPORTS else {}
    _require_columns(query, near, report_columns, in_reports=in_reports)
    covered = {day for one in near if one.provider == AWS for day in _covered(one, told) if day in period}
    report_days = tuple(sorted(day for day in told if day not in covered))
    days = [_selected(told[day], query.filters) for day in report_days]
    for one in near:
        metrics = tuple(metric for metric in METRICS if metric in one.columns)
        passes = one.passes(query.filters)
        own = set(report_days) if one.provider == AWS else set()
        for day in one.days:
            if day in period and day not in own:
                for currency in one.currencies:
                    days.append(_selected(Day(day, currency, metrics, passes, EXPORTS), query.filters))
        # Charges outside of the bill's own days are answered too, though they do not make a day known.
        near_days = Period(max(one.reach.start, period.start), min(one.reach.end, period.end))
        strays = (day for day in near_days if day not in one.days and day not in own)
        for day in islice(strays, 1):
            for currency in one.currencies:
                days.append(_selected(Day(day, currency, metrics, passes, EXPORTS, stray=True), query.filters))
    return Choice(report_days, tuple(near), tuple(days))


def ranges(days: Iterable[date]) -> tuple[Period, ...]:
    """Days as runs of days, in order."""
    found: list[Period] = []
    for day in sorted(days):
        if found and found[-1].end == day:
            found[-1] = Period(found[-1].start, day + timedelta(days=1))
        else:
            found.append(Period.of_day(day))
    return tuple(found)


def _covered(one: ExportSlice, told: Collection[date]) -> list[date]:
    """The days that a slice answers for; one that was still filling only where no report tells of it."""
    days = list(one.days)
    if one.whole:
        return days
    filling = set(days[-FILLING_DAYS:])
    return [day for day in days if day not in filling or day not in told]


def _touches(one: ExportSlice, period: Period) -> bool:
    return one.reach.start < period.end and period.start < one.reach.end


def _selected(day: Day, filters: Iterable[Filter]) -> Day:
    provider = AWS if day.source == REPORTS else None
    passes = day.selected
    for term in filters:
        if term.column == "BillingCurrency":
            passes = passes and matches(term, day.currency)
        elif term.column == "ProviderName" and provider:
            passes = passes and matches(term, provider)
    return msgspec.structs.replace(day, selected=passes)


def _require_columns(
    query: Query, slices: Sequence[ExportSlice], report_columns: Collection[str], *, in_reports: bool
) -> None:
    """Refuses a column that nothing knows, if there is anything at all to ask."""
    if in_reports:
        return
    for column in query.named:
        if column in DERIVED or any(one.has(column) for one in slices):
            continue
        if column in report_columns and not slices:
            continue
        raise UsageError(
            f"nothing in the ledger tells the {label_of(column).lower()} of a cost in {query.period}: import a billing "
            "export that does (`farthing import`)"
        )
