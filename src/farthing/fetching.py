"""One question asked, and each day of its answer stored: of the daily run, of its lenses, of a backfill."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import msgspec

from farthing.errors import CorruptError, FarthingError
from farthing.ledger.reports import Reports, Written
from farthing.ledger.series import DayColumn, Leaf, Series, day_column
from farthing.model import Period
from farthing.sources import CostSource, OnPage
from farthing.workplace import Workplace

OnWritten = Callable[[Written], None]


class Asked(msgspec.Struct):
    """What one question brought so far, and what went wrong; filled while the question is under way.

    ``whole`` tells that every page of the answer came.
    """

    whole: bool = False

    billed_requests: int = 0
    request_ids: tuple[str, ...] = ()
    groups: int = 0
    page_size_seen: int = 0
    totals: dict[date, Decimal] = {}
    written: list[date] = []
    restated: list[date] = []
    failures: list[FarthingError] = []

    @property
    def unchanged(self) -> int:
        """Days that the ledger had like this already."""
        return len(self.totals) - len(self.written) - len(self.restated)


def fetch_and_store(
    place: Workplace,
    source: CostSource,
    reports: Reports,
    period: Period,
    asked: Asked,
    *,
    max_requests: int,
    on_page: OnPage,
    on_written: OnWritten,
) -> None:
    """Asks one question and brings its reports up to the answer.

    An answer that is not whole, or a stored report that cannot be read (it is left alone, the other days are stored),
    is one of ``asked.failures``.

    Raises:
        FarthingError: nothing was answered, or the ledger cannot be written; days stored before stay.
    """
    answer = source.fetch(period, max_requests=max_requests, on_page=on_page)
    asked.billed_requests = answer.billed_requests
    asked.request_ids = tuple(answer.request_ids)
    asked.groups = answer.groups
    asked.page_size_seen = answer.page_size_seen
    asked.whole = answer.failure is None
    asked.failures += [answer.failure] if answer.failure else []
    for fresh in answer.reports(place.clock()):
        if fresh.date not in period:
            continue
        try:
            written = reports.write(fresh, place.clock())
        except CorruptError as error:
            asked.failures.append(error)
            continue
        asked.totals[fresh.date] = fresh.total()
        if written.outcome != "unchanged":
            (asked.written if written.outcome == "written" else asked.restated).append(fresh.date)
        on_written(written)
    asked.failures += answer.refused


class SeriesOfRun:
    """Brings the series up to the days of a run, month by month, so that a long history is never held at once."""

    def __init__(self, place: Workplace) -> None:
        self._series = Series(place.store)
        self._leaves: dict[Leaf, Leaf] = {}
        self._columns: list[DayColumn] = []

    def take(self, written: Written) -> None:
        """Takes in a day as it stands in the ledger now."""
        day = written.report.date
        if self._columns and self._columns[-1].day.replace(day=1) != day.replace(day=1):
            self.flush()
        self._columns.append(day_column(written.report, written.etag, self._leaves))

    def flush(self) -> None:
        """Writes what was taken in. It cannot fail: series are derived, and what they lack is made anew."""
        self._series.update(self._columns)
        self._columns = []
