"""Answers queries with DuckDB over daily report files and imported exports: no network, no extension, no schema file.

Reports are read when the engine is opened, or copied once and then read as exports are: where they are, for each
query, only the columns that it needs, and only the row groups whose charges lie in its period.
"""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from farthing.errors import QueryFailedError
from farthing.ledger.report_files import ReportFiles, files_in
from farthing.model import Period
from farthing.query.calling_off import asker
from farthing.query.compile import CHARGES, compile_rows
from farthing.query.engines.base import ACCOUNT, ChargesEngine, Rows
from farthing.query.engines.copies import load
from farthing.query.engines.reports import connected, first_line
from farthing.query.model import Query
from farthing.query.relation import alike_slices, amount_of, between, charges_of
from farthing.query.sources import AWS, EXPORTS, Choice, ExportSlice, SourceName, ranges
from farthing.sqltext import escaped, literal, quoted

if TYPE_CHECKING:
    from farthing.asking import Question

__all__ = ["DuckDBEngine", "opened"]

FETCHED = 20_000
"""Rows that are fetched before it is asked whether anybody still waits for them."""


class DuckDBEngine(ChargesEngine):
    """The charges of one period, ready to be asked; close it or use it with ``with``.

    Args:
        reports: daily reports, or a folder of files named YYYY-MM-DD.json. None: no daily reports.
        period: the days to read.
        key: the column that tells the rows apart beside ServiceName: of daily reports, or of a lens.
        now: decides which days are provisional; by default the present, UTC.
        slices: imported exports; their files are local Parquet.
        only: leaves the other source out.

    Raises:
        CorruptError: a file is not a daily report; the message names it and how to mend that.
        LedgerError: a file cannot be read.
    """

    concurrent = True

    def __init__(
        self,
        reports: ReportFiles | Path | None,
        period: Period,
        *,
        key: str = ACCOUNT,
        now: datetime | None = None,
        slices: Sequence[ExportSlice] = (),
        only: SourceName | None = None,
    ) -> None:
        super().__init__(period, key=key, now=now, slices=slices, only=only)
        files = files_in(reports) if isinstance(reports, Path) else reports
        wanted = files.within(period) if files else None
        self._connection = connected()
        try:
            if wanted and wanted.etags and only != EXPORTS:
                self.days = load(self._connection, wanted, key)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets go of the memory."""
        self._connection.close()

    def ask(self, query: Query, metrics: Sequence[str], choice: Choice) -> Rows:  # noqa: D102 - the base says it
        import duckdb

        compiled = compile_rows(query, metrics)
        sql = f"WITH {CHARGES} AS ({self._relation(query, metrics, choice)}) {compiled.sql()}"
        # A cursor of its own: several may ask at once, and each is called off by itself.
        cursor = self._connection.cursor()
        who = asker()
        try:
            with who.interrupting(cursor.interrupt):
                cursor.execute(sql, list(compiled.parameters))
                rows: Rows = []
                while some := cursor.fetchmany(FETCHED):
                    rows += some
                    who.check()
                return rows
        except duckdb.Error as error:
            who.check()
            raise QueryFailedError(f"the query failed: {first_line(error)}") from error

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
        there = {metric for day in self.days.values() for metric in day.metrics}
        columns = [f"{derived.get(name, quoted(name))} AS {quoted(name)}" for name in needs]
        columns += [amount_of(metric, metric in there) for metric in metrics]
        condition = " OR ".join(between(run, "DATE") for run in ranges(days))
        return f"SELECT {', '.join(columns)} FROM reports WHERE {condition}"  # noqa: S608


def _files(slices: Sequence[ExportSlice]) -> str:
    names = ", ".join(literal(escaped(file)) for one in slices for file in one.files)
    return f"read_parquet([{names}], hive_partitioning=false, union_by_name=true)"


def _key_of(column: str, key: str) -> str:
    return f"{column}[{literal(key)}]"


def opened(question: "Question") -> DuckDBEngine:
    """The default engine over the ledger of a question."""
    slices = question.slices(local=True)
    return DuckDBEngine(question.reports(), question.period, slices=slices, **question.options())
