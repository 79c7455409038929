"""Answers queries with DuckDB over daily report files and imported exports: no network, no extension, no schema file.

Reports are read into memory when the engine is opened. Exports are read where they are, for each query: only the
columns that it needs, and only the row groups whose charges lie in its period.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from farthing.errors import LedgerError
from farthing.model import Period, same_currency
from farthing.query.accounts import Names
from farthing.query.answer import answered, names_of, where_of
from farthing.query.compile import CHARGES, compile_rows, quoted
from farthing.query.engines.reports import ACCOUNT, connected, days_in, first_line, load_reports
from farthing.query.model import Day, Query, Result, Row, Whole, metrics_to_sum, result
from farthing.query.relation import alike_slices, amount_of, between, charges_of, literal
from farthing.query.sources import AWS, Choice, ExportSlice, SourceName, choose, ranges

__all__ = ["DuckDBEngine", "days_in"]


class DuckDBEngine:
    """The charges of one period, ready to be asked; close it or use it with ``with``.

    Args:
        folder: holds files named YYYY-MM-DD.json; others are left alone. None: no daily reports.
        period: the days to read.
        key: the column that tells the rows apart beside ServiceName: of daily reports, or of a lens.
        now: decides which days are provisional; by default the present, UTC.
        slices: imported exports; their files are local Parquet.
        only: leaves the other source out.

    Raises:
        CorruptError: a file is not a daily report; the message names it and how to mend that.
        LedgerError: a file cannot be read.
    """

    def __init__(
        self,
        folder: Path | None,
        period: Period,
        *,
        key: str = ACCOUNT,
        now: datetime | None = None,
        slices: Sequence[ExportSlice] = (),
        only: SourceName | None = None,
    ) -> None:
        self.period = period
        self._now = now or datetime.now(UTC)
        self._columns = ("ServiceName", ACCOUNT, "SubAccountName") if key == ACCOUNT else ("ServiceName", key)
        self._slices = tuple(slices)
        self._only = only
        files = {day: folder / f"{day}.json" for day in days_in(folder) if day in period} if folder else {}
        self._days: Mapping[date, Day] = {}
        self._called: Names | None = None
        self._connection = connected()
        try:
            if files and only != "exports":
                self._days = load_reports(self._connection, files, key)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the memory."""
        self._connection.close()

    def run(self, query: Query) -> Result:  # noqa: D102 - the port says it
        choice = self._chosen(query)
        compile_rows(query, ())  # first: it refuses unknown columns, data or not
        metrics = metrics_to_sum(query, choice.days)
        currency = same_currency((day.currency for day in choice.days if day.selected), where_of(query.period))
        rows: list[Row] = []
        whole: Whole | None = None
        if currency and metrics:
            rows, whole = answered(query, metrics, choice, self._ask, self._names)
        return result(query, metrics, rows, currency=currency, days=choice.days, now=self._now, whole=whole)

    def values(self, query: Query, column: str) -> tuple[str, ...]:  # noqa: D102 - the port says it
        bare = Query(query.period, (column,))
        choice = self._chosen(bare)
        if not choice.days:
            return ()
        rows, _ = answered(bare, (), choice, self._ask, self._names)
        return tuple(sorted(str(row.keys[0]) for row in rows if row.keys[0] is not None))

    def _chosen(self, query: Query) -> Choice:
        if not (self.period.start <= query.period.start and query.period.end <= self.period.end):
            raise ValueError(f"opened on {self.period}, asked about {query.period}")
        return choose(query, self._days, self._columns, self._slices, self._only)

    def _names(self) -> Names:
        if self._called is None:
            accounts = Query(self.period, (ACCOUNT,))
            self._called = names_of(self.period, self._chosen(accounts), self._ask)
        return self._called

    def _ask(self, query: Query, metrics: Sequence[str], choice: Choice) -> list[tuple]:  # type: ignore[type-arg]
        import duckdb

        compiled = compile_rows(query, metrics)
        sql = f"WITH {CHARGES} AS ({self._relation(query, metrics, choice)}) {compiled.sql()}"
        try:
            return self._connection.execute(sql, list(compiled.parameters)).fetchall()
        except duckdb.Error as error:
            raise LedgerError(f"the query failed: {first_line(error)}") from error

    def _relation(self, query: Query, metrics: Sequence[str], choice: Choice) -> str:
        """SQL of ``charges``: every column that the query needs, from the chosen days and slices."""
        needs = tuple(dict.fromkeys([*query.columns, "ChargePeriodStart"]))
        parts = []
        if choice.report_days:
            parts.append(self._from_reports(needs, metrics, choice.report_days))
        parts += [
            charges_of(alike, query.period, needs, metrics, choice.report_days, _files(alike.slices), _key_of)
            for alike in alike_slices(choice.slices, (*needs, *metrics))
        ]
        return "\nUNION ALL\n".join(parts)

    def _from_reports(self, needs: Sequence[str], metrics: Sequence[str], days: Sequence[date]) -> str:
        derived = {
            "BillingPeriodStart": "CAST(date_trunc('month', ChargePeriodStart) AS DATE)",
            "x_Week": "CAST(date_trunc('week', ChargePeriodStart) AS DATE)",
            "ProviderName": f"'{AWS}'",
        }
        there = {metric for day in self._days.values() for metric in day.metrics}
        columns = [f"{derived.get(name, quoted(name))} AS {quoted(name)}" for name in needs]
        columns += [amount_of(metric, metric in there) for metric in metrics]
        condition = " OR ".join(between(run, "DATE") for run in ranges(days))
        return f"SELECT {', '.join(columns)} FROM reports WHERE {condition}"  # noqa: S608


def _files(slices: Sequence[ExportSlice]) -> str:
    names = ", ".join(literal(_escaped(file)) for one in slices for file in one.files)
    return f"read_parquet([{names}], hive_partitioning=false, union_by_name=true)"


def _key_of(column: str, key: str) -> str:
    return f"{column}[{literal(key)}]"


def _escaped(name: str) -> str:
    """A file's name that DuckDB takes for a name and not for a pattern."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)
