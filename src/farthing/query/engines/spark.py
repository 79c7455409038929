"""Answers queries with Apache Spark over imported exports: a session of its own, a cluster, or Spark Connect.

Spark reads the Parquet files where they are: a folder that every executor sees, or a bucket (s3a://, for which the
cluster needs hadoop-aws). Its DECIMAL(38,18) sums are exact, and an error where they leave that range (ANSI mode).
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from farthing.errors import LedgerError, UsageError
from farthing.query.compile import CHARGES, compile_rows
from farthing.query.engines.base import RemoteEngine, Rows
from farthing.query.model import Query
from farthing.query.relation import Alike, alike_slices, charges_of
from farthing.query.sources import Choice
from farthing.sqltext import literal

if TYPE_CHECKING:
    from farthing.asking import Question

DIALECT = "spark"
CONNECT = "sc://"


class SparkEngine(RemoteEngine):
    """As :class:`RemoteEngine`.

    Args:
        session: a SparkSession, classic or Connect; it is not stopped here.
        local: the daily reports.
        period: the days.
    """

    def __init__(self, session: Any, local: Any, period: Any, **more: Any) -> None:
        super().__init__(local, period, **more)
        self._session = session
        self._views: dict[tuple[str, ...], str] = {}
        session.conf.set("spark.sql.session.timeZone", "UTC")
        session.conf.set("spark.sql.ansi.enabled", "true")

    def ask_exports(self, query: Query, metrics: Sequence[str], choice: Choice) -> Rows:  # noqa: D102 - the base says it
        needs = tuple(dict.fromkeys([*query.columns, "ChargePeriodStart"]))
        parts = [
            charges_of(alike, query.period, needs, metrics, choice.report_days, self._view(alike), key_of)
            for alike in alike_slices(choice.slices, (*needs, *metrics))
        ]
        sql = compile_rows(query, metrics).over(CHARGES, "\nUNION ALL\n".join(parts), DIALECT)
        try:
            rows = self._session.sql(sql).collect()
        except Exception as error:
            raise LedgerError(f"Spark could not answer: {_first_line(error)}") from error
        return [tuple(row) for row in rows]

    def close(self) -> None:  # noqa: D102 - the base says it
        for view in self._views.values():
            self._session.catalog.dropTempView(view)
        self._views = {}
        super().close()

    def _view(self, alike: Alike) -> str:
        files = tuple(file for one in alike.slices for file in one.files)
        if files not in self._views:
            name = f"farthing_{id(self):x}_{len(self._views)}"
            try:
                read = self._session.read.option("mergeSchema", "true").parquet(*map(_url, files))
                read.createOrReplaceTempView(name)
            except Exception as error:
                raise LedgerError(f"Spark cannot read {files[0]}: {_first_line(error)}") from error
            self._views[files] = name
        return self._views[files]


def key_of(column: str, key: str) -> str:
    """SQL of a map's key, NULL where it is not there."""
    return f"try_element_at({column}, {literal(key)})"


def opened(question: "Question") -> SparkEngine:
    """The engine that FARTHING_SPARK_MASTER names.

    Raises:
        UsageError: PySpark is not installed, or the cluster cannot be reached.
    """
    settings = question.app.settings
    return SparkEngine(
        session(settings.spark_master),
        question.reports_engine(),
        question.period,
        slices=question.slices(local=False),
        **question.options(),
    )


def session(master: str) -> Any:
    """A session on ``local[N]``, on ``spark://host:port``, ``yarn``, ``k8s://...``, or by Connect on ``sc://host:port``.

    Raises:
        UsageError: PySpark is not installed, or there is no answer.
    """
    try:
        from pyspark.sql import SparkSession  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise UsageError("the engine spark needs PySpark: pip install 'farthing[spark]' (and Java 17)") from error
    builder = SparkSession.builder.appName("farthing")
    try:
        if master.startswith(CONNECT):
            return builder.remote(master).getOrCreate()
        return builder.master(master).config("spark.ui.enabled", "false").getOrCreate()
    except Exception as error:
        raise UsageError(
            f"Spark cannot be reached at {master} ({_first_line(error)}): check FARTHING_SPARK_MASTER, and for a local "
            "one that Java 17 is installed"
        ) from error


def _url(file: str) -> str:
    """A name as Spark's readers take it: s3:// is Hadoop's s3a://, and characters of patterns are no patterns."""
    name = f"s3a://{file.removeprefix('s3://')}" if file.startswith("s3://") else file
    return re.sub(r"([*?{}\[\]\\])", r"\\\1", name)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
