"""Opens the engine that answers a command's questions. The Lambda has no use for it."""

from collections.abc import Callable
from typing import Any

import msgspec

from farthing.app import App
from farthing.exported import export_slices
from farthing.ledger.report_files import ReportFiles
from farthing.ledger.reports import PREFIX
from farthing.model import Period
from farthing.query.engines import opener
from farthing.query.engines.base import ACCOUNT, ChargesEngine
from farthing.query.engines.duckdb import DuckDBEngine
from farthing.query.sources import EXPORTS, REPORTS, ExportSlice, SourceName

DEFAULT = "duckdb"


class Question(msgspec.Struct, frozen=True):
    """What an engine is opened for.

    Attributes:
        app: the settings, the ledger, the clock.
        period: the days that will be asked about.
        key: what tells rows of daily reports apart beside ServiceName.
        prefix: the key below which these reports are.
        only: leaves the other source out.
        with_exports: whether exports take part; they know nothing of a lens.
        tell: says a line to whoever asked, such as what a question costs.
        progress: is told of how many months of daily reports are read, and how many there are.
    """

    app: App
    period: Period
    key: str = ACCOUNT
    prefix: str = PREFIX
    only: SourceName | None = None
    with_exports: bool = True
    tell: Callable[[str], None] = lambda _line: None
    progress: Callable[[int, int], None] | None = None

    def slices(self, *, local: bool) -> tuple[ExportSlice, ...]:
        """The exports of the period; ``local``: their files are fetched to this machine, else named where they are."""
        wanted = self.with_exports and self.only != REPORTS
        return export_slices(self.app, self.period, local=local) if wanted else ()

    def reports(self) -> ReportFiles | None:
        """The daily reports, as local files; None where they are left out."""
        files = None if self.only == EXPORTS else self.app.report_files(self.prefix)
        return files and msgspec.structs.replace(files, progress=self.progress)

    def options(self) -> dict[str, Any]:
        """What every engine is told alike."""
        return {"key": self.key, "now": self.app.now, "only": self.only}

    def reports_engine(self) -> DuckDBEngine:
        """The daily reports alone, for engines that add them up beside what they read themselves."""
        return DuckDBEngine(self.reports(), self.period, **self.options())


def open_engine(question: Question) -> ChargesEngine:
    """The engine that the settings name, DuckDB where no exports take part.

    Raises:
        UsageError: there is no such engine, or it lacks what it needs.
    """
    name = question.app.settings.engine if question.with_exports and question.only != REPORTS else DEFAULT
    engine: ChargesEngine = opener(name)(question)
    return engine
