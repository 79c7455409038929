"""What every engine has in common: which source answers for which day, what accounts are called, the order of rows."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from farthing.model import Period, same_currency
from farthing.query.accounts import Names, added_up, needs_names
from farthing.query.answer import answered, largest, names_of, where_of, without_top
from farthing.query.compile import compile_rows
from farthing.query.model import Day, Query, Result, Row, Whole, metrics_to_sum, result
from farthing.query.sources import Choice, ExportSlice, SourceName, choose

ACCOUNT = "SubAccountId"

Rows = list[tuple[Any, ...]]
"""As :func:`farthing.query.compile.compile_rows` orders their columns: days as date, amounts as Decimal."""


class ChargesEngine(ABC):
    """The charges of one period, ready to be asked; close it or use it with ``with``.

    An engine implements :meth:`ask` and :meth:`close`.

    Args:
        period: the days that may be asked about.
        key: the column that tells rows of daily reports apart beside ServiceName: the account, or a lens's own.
        now: decides which days are provisional; by default the present, UTC.
        slices: imported exports.
        only: leaves the other source out.

    Attributes:
        concurrent: several threads may ask at once.
    """

    concurrent = False

    def __init__(
        self,
        period: Period,
        *,
        key: str = ACCOUNT,
        now: datetime | None = None,
        slices: Sequence[ExportSlice] = (),
        only: SourceName | None = None,
    ) -> None:
        self.period = period
        self.days: Mapping[date, Day] = {}
        """The days of the daily reports."""
        self._now = now or datetime.now(UTC)
        self._columns = ("ServiceName", ACCOUNT, "SubAccountName") if key == ACCOUNT else ("ServiceName", key)
        self._slices = tuple(slices)
        self._only = only
        self._called: Names | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Lets go of whatever it holds."""

    @abstractmethod
    def ask(self, query: Query, metrics: Sequence[str], choice: Choice) -> Rows:
        """The rows of a query that names no account, from the chosen days and slices, in any order.

        Raises:
            LedgerError: they cannot be read.
        """

    def metrics(self, query: Query) -> tuple[str, ...]:
        """The metrics that :meth:`run` would add up; no charge is read."""
        return metrics_to_sum(query, self._chosen(query).days)

    def bare_rows(self, query: Query) -> tuple[Result, Rows]:
        """The answer of :meth:`run` with its rows beside it, in no order: each its keys and then its amounts.

        For answers of a hundred thousand rows, whose order nobody needs. The result has neither rows nor totals.
        """
        if needs_names(query) or query.top is not None:
            told = self.run(query)
            return replace(told, rows=(), totals=()), [(*row.keys, *row.amounts) for row in told.rows]
        choice, metrics, currency = self._weighed(query)
        rows = self.ask(query, metrics, choice) if currency and metrics else []
        head = result(query, metrics, [], currency=currency, days=choice.days, now=self._now)
        return replace(head, totals=()), rows

    def run(self, query: Query) -> Result:
        """See :class:`farthing.query.engines.Engine`."""
        choice, metrics, currency = self._weighed(query)
        rows: list[Row] = []
        whole: Whole | None = None
        if currency and metrics:
            rows, whole = answered(query, metrics, choice, self.ask, self.names)
        return result(query, metrics, rows, currency=currency, days=choice.days, now=self._now, whole=whole)

    def _weighed(self, query: Query) -> tuple[Choice, tuple[str, ...], str | None]:
        """What answers a query, which metrics it adds up, and in which currency."""
        choice = self._chosen(query)
        compile_rows(query, ())  # first: it refuses unknown columns, data or not
        metrics = metrics_to_sum(query, choice.days)
        currencies = (day.currency for day in choice.days if day.selected)
        return choice, metrics, same_currency(currencies, where_of(query.period))

    def values(self, query: Query, column: str) -> tuple[str, ...]:
        """See :class:`farthing.query.engines.Engine`."""
        bare = Query(query.period, (column,))
        choice = self._chosen(bare)
        if not choice.days:
            return ()
        rows, _ = answered(bare, (), choice, self.ask, self.names)
        return tuple(sorted(str(row.keys[0]) for row in rows if row.keys[0] is not None))

    def _chosen(self, query: Query) -> Choice:
        if not (self.period.start <= query.period.start and query.period.end <= self.period.end):
            raise ValueError(f"opened on {self.period}, asked about {query.period}")
        return choose(query, self.days, self._columns, self._slices, self._only)

    def names(self) -> Names:
        """What each account is called."""
        if self._called is None:
            accounts = Query(self.period, (ACCOUNT,))
            self._called = names_of(self.period, self._chosen(accounts), self.ask)
        return self._called


class RemoteEngine(ChargesEngine):
    """An engine that reads exports where they are; daily reports are few and are added up beside it.

    It implements :meth:`ask_exports` instead of :meth:`ask`.

    Args:
        local: holds the daily reports, None if they are left out; it is closed with this one.
        period: as :class:`ChargesEngine`; so are the others.
    """

    def __init__(self, local: ChargesEngine | None, period: Period, **more: Any) -> None:
        super().__init__(period, **more)
        self._local = local
        if local is not None:
            self.days = local.days

    @abstractmethod
    def ask_exports(self, query: Query, metrics: Sequence[str], choice: Choice) -> Rows:
        """As :meth:`ask`, from the chosen slices alone."""

    def close(self) -> None:
        """Lets go of the daily reports."""
        if self._local is not None:
            self._local.close()

    def ask(self, query: Query, metrics: Sequence[str], choice: Choice) -> Rows:  # noqa: D102 - the base says it
        if not choice.slices:
            return self._local.ask(query, metrics, choice) if self._local is not None else []
        if not choice.report_days or self._local is None:
            return self.ask_exports(query, metrics, choice)
        bare = without_top(query)
        reports = Choice(choice.report_days, (), choice.days)
        found = self._local.ask(bare, metrics, reports) + self.ask_exports(bare, metrics, choice)
        width = len(query.group_by)
        rows = added_up([Row(tuple(row[:width]), tuple(row[width:])) for row in found])
        if query.top is None or not metrics:
            return [(*row.keys, *row.amounts) for row in rows]
        kept, whole = largest(query.top, rows)
        count, totals = (whole.count, whole.totals) if whole else (0, ())
        return [(*row.keys, *row.amounts, count, *totals) for row in kept]
