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
from farthing.query.compile import CHARGES, Compiled, compile_rows, quoted
from farthing.query.engines.reports import ACCOUNT, connected, days_in, first_line, load_reports
from farthing.query.model import Day, Query, Result, Row, Whole, metrics_to_sum, result, rows_in
from farthing.query.sources import AWS, Choice, ExportSlice, SourceName, choose, ranges

__all__ = ["DuckDBEngine", "days_in"]

AMOUNT = "DECIMAL(38,18)"


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
        currency = same_currency((day.currency for day in choice.days if day.selected), _where(query.period))
        rows: list[Row] = []
        whole: Whole | None = None
        if currency and metrics:
            found = self._fetch(compile_rows(query, metrics), self._relation(query, metrics, choice))
            rows, whole = rows_in(query, metrics, found)
        return result(query, metrics, rows, currency=currency, days=choice.days, now=self._now, whole=whole)

    def values(self, query: Query, column: str) -> tuple[str, ...]:  # noqa: D102 - the port says it
        bare = Query(query.period, (column,))
        choice = self._chosen(bare)
        if not choice.days:
            return ()
        found = self._fetch(compile_rows(bare, ()), self._relation(bare, (), choice))
        return tuple(sorted(str(row[0]) for row in found if row[0] is not None))

    def _chosen(self, query: Query) -> Choice:
        if not (self.period.start <= query.period.start and query.period.end <= self.period.end):
            raise ValueError(f"opened on {self.period}, asked about {query.period}")
        return choose(query, self._days, self._columns, self._slices, self._only)

    def _relation(self, query: Query, metrics: Sequence[str], choice: Choice) -> str:
        """SQL of ``charges``: every column that the query needs, from the chosen days and slices."""
        needs = tuple(dict.fromkeys([*query.columns, "ChargePeriodStart"]))
        if "SubAccountName" in needs and "SubAccountId" not in needs and choice.slices:
            needs = (*needs, "SubAccountId")
        parts = []
        if choice.report_days:
            parts.append(self._from_reports(needs, metrics, choice.report_days))
        parts += _from_exports(query.period, needs, metrics, choice)
        if "SubAccountName" not in needs or not choice.slices:
            return "\nUNION ALL\n".join(parts)
        return _with_newest_names("\nUNION ALL\n".join(parts), needs, metrics)

    def _from_reports(self, needs: Sequence[str], metrics: Sequence[str], days: Sequence[date]) -> str:
        derived = {
            "BillingPeriodStart": "CAST(date_trunc('month', ChargePeriodStart) AS DATE)",
            "x_Week": "CAST(date_trunc('week', ChargePeriodStart) AS DATE)",
            "ProviderName": f"'{AWS}'",
        }
        there = {metric for day in self._days.values() for metric in day.metrics}
        columns = [f"{derived.get(name, quoted(name))} AS {quoted(name)}" for name in needs]
        columns += [_metric(metric, metric in there) for metric in metrics]
        condition = " OR ".join(_between(run, "DATE") for run in ranges(days))
        return f"SELECT {', '.join(columns)} FROM reports WHERE {condition}"  # noqa: S608

    def _fetch(self, compiled: Compiled, relation: str) -> list[tuple]:  # type: ignore[type-arg]
        import duckdb

        sql = f"WITH {CHARGES} AS ({relation}) {compiled.sql()}"
        try:
            return self._connection.execute(sql, list(compiled.parameters)).fetchall()
        except duckdb.Error as error:
            raise LedgerError(f"the query failed: {first_line(error)}") from error


def _from_exports(period: Period, needs: Sequence[str], metrics: Sequence[str], choice: Choice) -> list[str]:
    """SQL of the slices' charges; slices with the same columns are read together."""
    alike: dict[tuple[frozenset[str], bool], list[str]] = {}
    wanted = {*needs, *metrics}
    for one in choice.slices:
        there = frozenset(name for name in wanted if one.has(name))
        alike.setdefault((there, one.provider == AWS), []).extend(one.files)
    parts = []
    for (there, is_aws), files in alike.items():
        columns = [f"{_of_export(name, name in there)} AS {quoted(name)}" for name in needs]
        columns += [_metric(metric, metric in there) for metric in metrics]
        # On the column itself, so that DuckDB skips row groups by their statistics.
        conditions = [_between(period, "TIMESTAMP")]
        if is_aws:
            conditions += [f"NOT ({_between(run, 'TIMESTAMP')})" for run in ranges(choice.report_days)]
        names = ", ".join(_literal(_escaped(file)) for file in files)
        source = f"read_parquet([{names}], hive_partitioning=false, union_by_name=true)"
        parts.append(f"SELECT {', '.join(columns)} FROM {source} WHERE {' AND '.join(conditions)}")  # noqa: S608
    return parts


def _of_export(name: str, there: bool) -> str:
    """SQL of a column of an export, NULL where these files do not have it."""
    kind, slash, key = name.partition("/")
    derived = {
        "ChargePeriodStart": "CAST(ChargePeriodStart AS DATE)",
        "BillingPeriodStart": "CAST(BillingPeriodStart AS DATE)",
        "x_Week": "CAST(date_trunc('week', ChargePeriodStart) AS DATE)",
    }
    if name in derived:
        return derived[name]
    if not there:
        return "CAST(NULL AS VARCHAR)"
    return f"{quoted(kind)}[{_literal(key)}]" if slash else quoted(name)


def _metric(metric: str, there: bool) -> str:
    return f"{quoted(metric) if there else f'CAST(NULL AS {AMOUNT})'} AS {quoted(metric)}"


def _with_newest_names(charges: str, needs: Sequence[str], metrics: Sequence[str]) -> str:
    """An account has one name, the newest, so that naming it beside its id splits no row."""
    columns = [
        "names.newest AS SubAccountName" if name == "SubAccountName" else f"rows.{quoted(name)}"
        for name in [*needs, *metrics]
    ]
    return f"""WITH rows AS MATERIALIZED ({charges}), names AS (
            SELECT SubAccountId, max_by(SubAccountName, (ChargePeriodStart, SubAccountName)) AS newest
            FROM rows WHERE SubAccountName IS NOT NULL GROUP BY SubAccountId)
        SELECT {", ".join(columns)} FROM rows LEFT JOIN names USING (SubAccountId)"""  # noqa: S608


def _between(run: Period, kind: str) -> str:
    return f"(ChargePeriodStart >= {kind} '{run.start}' AND ChargePeriodStart < {kind} '{run.end}')"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _escaped(name: str) -> str:
    """A file's name that DuckDB takes for a name and not for a pattern."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


def _where(period: Period) -> str:
    return f"the period {period} (add --where currency:XXX)"
