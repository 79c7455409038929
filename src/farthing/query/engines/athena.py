"""Answers queries with Amazon Athena over the imported exports in the ledger's bucket.

One Glue table stands for all of them. Its partitions (a bill's folder, a billing period) are projected, so nothing has
to be registered when a month is imported; a query names the bills and the very files that the catalog counts, so that
files of an import that was replaced, or never finished, are not read. Athena takes money for the bytes that a query
scans: what it can be at most is said before, what it was afterwards.
https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from farthing.errors import AnswerError, LedgerError, RequestError, UsageError
from farthing.focus import FOCUS_COLUMNS
from farthing.query.compile import CHARGES, compile_rows
from farthing.query.engines.base import RemoteEngine, Rows
from farthing.query.model import METRICS, Query, is_day
from farthing.query.relation import Alike, alike_slices, charges_of
from farthing.query.sources import Choice, ExportSlice
from farthing.sqltext import literal

if TYPE_CHECKING:
    from farthing.asking import Question

DIALECT = "athena"
TYPES: Mapping[str, str] = {
    "text": "string",
    "amount": "decimal(38,18)",
    "time": "timestamp",
    "map": "map<string,string>",
}
FOLDER, PERIOD = "x_farthing_folder", "x_farthing_period"
"""The partition keys: the folder of a bill, the first day of its billing period."""

ACTIONS = (
    *("athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults"),
    *("athena:StopQueryExecution", "athena:GetWorkGroup"),
    *("glue:GetDatabase", "glue:CreateDatabase", "glue:GetTable", "glue:CreateTable", "glue:UpdateTable"),
    *("s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", "s3:PutObject"),
)
"""What asking Athena calls, beside reading the catalog; the daily run calls none of it."""

LEAST_BYTES = 10 * 1024 * 1024
"""Bytes that Athena takes money for at least, a query. https://aws.amazon.com/athena/pricing/"""

TERABYTE = 1024**4
LONGEST_STATEMENT = 262_144
"""Bytes. https://docs.aws.amazon.com/athena/latest/ug/service-limits.html"""

CUSTOM = re.compile(r"[xX]_[A-Za-z0-9_]+")
"""Names of a source's own columns that Athena takes for a column's name."""

PAUSES = (0.2, 0.3, 0.5, 0.8, 1.2, 2.0)
"""Seconds between two looks at a query; the last one again and again."""

PATIENCE = 30 * 60
"""Seconds after which a query is stopped, which is Athena's own limit too."""

PAGE = 1_000


class Table(msgspec.Struct, frozen=True):
    """Where the table is, and where answers go (None: where the workgroup says)."""

    database: str
    name: str
    location: str
    output: str | None
    workgroup: str


class Scan(msgspec.Struct, frozen=True):
    """Bytes that a query scans, and what Athena takes for them, in USD."""

    size: int
    price: Decimal

    def __str__(self) -> str:
        return f"{self.size / 1e6:,.1f} MB, ${self.price:.4f}"


class AthenaEngine(RemoteEngine):
    """As :class:`RemoteEngine`; the slices' files are s3:// URLs.

    Args:
        athena: a boto3 client.
        glue: a boto3 client.
        table: the table, made or brought up to date at the first question.
        price: USD for a TB scanned.
        tell: says a line to whoever asked.
        local: the daily reports.
        period: the days.
        sleep: waits some seconds.
    """

    def __init__(
        self,
        athena: Any,
        glue: Any,
        table: Table,
        price: Decimal,
        tell: Callable[[str], None],
        local: Any,
        period: Any,
        *,
        sleep: Callable[[float], None] = time.sleep,
        **more: Any,
    ) -> None:
        super().__init__(local, period, **more)
        self._athena = athena
        self._glue = glue
        self._table = table
        self._price = price
        self._tell = tell
        self._sleep = sleep
        self._cutoff: int | None = None
        self._ready = False

    def at_most(self, slices: Iterable[ExportSlice]) -> Scan:
        """What a query over these slices scans at most: whole files, where it reads only the columns that it needs."""
        return self.scan(sum(size for one in slices for size in one.sizes))

    def scan(self, size: int) -> Scan:
        """What so many bytes cost."""
        return Scan(size, max(size, LEAST_BYTES) * self._price / TERABYTE)

    def ask_exports(self, query: Query, metrics: Sequence[str], choice: Choice) -> Rows:  # noqa: D102 - the base says it
        for name in query.columns:
            if name.startswith("x_") and "/" not in name and not CUSTOM.fullmatch(name):
                raise UsageError(f"Athena has no column named {name!r}: ask DuckDB (FARTHING_ENGINE=duckdb)")
        self._prepare()
        sql = statement(query, metrics, choice, self._table)
        if len(sql.encode()) > LONGEST_STATEMENT:
            raise UsageError(
                f"the question is {len(sql.encode()):,} bytes of SQL, Athena takes {LONGEST_STATEMENT:,}: ask for "
                "fewer months, or with fewer filters"
            )
        limit = f"; the workgroup {self._table.workgroup} stops at {self._cutoff / 1e6:,.0f} MB" if self._cutoff else ""
        self._tell(f"asking Athena: at most {self.at_most(choice.slices)}{limit}")
        id_, scanned = self._executed(sql)
        self._tell(f"Athena scanned {self.scan(scanned)}")
        kinds = [is_day(name) for name in query.group_by]
        return [typed(row, kinds) for row in self._results(id_)]

    def _executed(self, sql: str) -> tuple[str, int]:
        """Runs a statement to its end; gives its id and the bytes that it scanned."""
        arguments: dict[str, Any] = {
            "QueryString": sql,
            "QueryExecutionContext": {"Database": self._table.database},
            "WorkGroup": self._table.workgroup,
        }
        if self._table.output is not None:
            arguments["ResultConfiguration"] = {"OutputLocation": self._table.output}
        id_ = self._asked(lambda: self._athena.start_query_execution(**arguments), ACTIONS[0])["QueryExecutionId"]
        try:
            told = self._awaited(id_)
        except BaseException:
            self._stop(id_)
            raise
        return id_, int(told.get("Statistics", {}).get("DataScannedInBytes", 0))

    def _awaited(self, id_: str) -> Mapping[str, Any]:
        waited, looks = 0.0, 0
        while True:
            answer = self._asked(lambda: self._athena.get_query_execution(QueryExecutionId=id_), ACTIONS[1])
            told: Mapping[str, Any] = answer["QueryExecution"]
            state = told["Status"]["State"]
            if state == "SUCCEEDED":
                return told
            if state in ("FAILED", "CANCELLED"):
                raise self._refusal(told)
            pause = PAUSES[min(looks, len(PAUSES) - 1)]
            if waited + pause > PATIENCE:
                raise RequestError(f"Athena has not answered within {PATIENCE // 60} minutes: ask for fewer months")
            self._sleep(pause)
            waited, looks = waited + pause, looks + 1

    def _refusal(self, told: Mapping[str, Any]) -> Exception:
        reason = " ".join(str(told["Status"].get("StateChangeReason") or "it gave no reason").split())[:300]
        scanned = int(told.get("Statistics", {}).get("DataScannedInBytes", 0))
        if "bytes scanned limit" in reason.lower():
            return RequestError(
                f"Athena stopped the query at the limit of the workgroup {self._table.workgroup} after "
                f"{scanned / 1e6:,.0f} MB: ask for fewer days or columns, or raise BytesScannedCutoffPerQuery"
            )
        return LedgerError(f"Athena could not answer: {reason}")

    def _stop(self, id_: str) -> None:
        """A query that nobody waits for is to cost nothing more; that it cannot be stopped is no news beside why."""
        from farthing.aws import AWS_ERRORS

        with suppress(*AWS_ERRORS):
            self._athena.stop_query_execution(QueryExecutionId=id_)

    def _results(self, id_: str) -> list[list[str | None]]:
        found: list[list[str | None]] = []
        token: dict[str, str] = {}
        while True:
            page = self._asked(
                lambda token=token: self._athena.get_query_results(QueryExecutionId=id_, MaxResults=PAGE, **token),  # type: ignore[misc]
                ACTIONS[2],
            )
            found += [[cell.get("VarCharValue") for cell in row["Data"]] for row in page["ResultSet"]["Rows"]]
            if not page.get("NextToken"):
                return found[1:]  # the first row of the first page holds the columns' names
            token = {"NextToken": page["NextToken"]}

    def _prepare(self) -> None:
        """Makes the table, or brings it up to date, and looks at the workgroup; once."""
        if self._ready:
            return
        group = self._asked(lambda: self._athena.get_work_group(WorkGroup=self._table.workgroup), ACTIONS[4])
        configuration = group["WorkGroup"].get("Configuration", {})
        self._cutoff = configuration.get("BytesScannedCutoffPerQuery")
        if configuration.get("ResultConfiguration", {}).get("OutputLocation"):
            self._table = msgspec.structs.replace(self._table, output=None)
        self._require_database()
        wanted = table_input(self._table, self._slices)
        there = self._existing()
        if there is None:
            self._asked(
                lambda: self._glue.create_table(DatabaseName=self._table.database, TableInput=wanted), ACTIONS[8]
            )
        elif grown := brought_up(there, wanted):
            self._asked(
                lambda: self._glue.update_table(DatabaseName=self._table.database, TableInput=grown), ACTIONS[9]
            )
        self._ready = True

    def _require_database(self) -> None:
        if self._if_there(lambda: self._glue.get_database(Name=self._table.database), ACTIONS[5]) is None:
            given = {"Name": self._table.database, "Description": "Billing exports that farthing has imported"}
            self._asked(lambda: self._glue.create_database(DatabaseInput=given), ACTIONS[6])

    def _existing(self) -> Mapping[str, Any] | None:
        answer = self._if_there(
            lambda: self._glue.get_table(DatabaseName=self._table.database, Name=self._table.name), ACTIONS[7]
        )
        return answer["Table"] if answer else None

    def _if_there(self, ask: Callable[[], Any], action: str) -> Any:
        from botocore.exceptions import ClientError

        from farthing.aws import error_code

        def asked() -> Any:
            try:
                return ask()
            except ClientError as error:
                if error_code(error) == "EntityNotFoundException":
                    return None
                raise

        return self._asked(asked, action)

    def _asked(self, ask: Callable[[], Any], action: str) -> Any:
        from farthing.aws import AWS_ERRORS, explain

        try:
            return ask()
        except AWS_ERRORS as error:
            raise explain(error, "Glue" if action.startswith("glue:") else "Athena", action) from error


def statement(query: Query, metrics: Sequence[str], choice: Choice, table: Table) -> str:
    """The SQL of a question to the exports, in Athena's dialect of Trino."""
    needs = tuple(dict.fromkeys([*query.columns, "ChargePeriodStart"]))
    source = f'"{table.database}"."{table.name}"'
    parts = [
        charges_of(alike, query.period, needs, metrics, choice.report_days, source, key_of, _files(alike, table))
        for alike in alike_slices(choice.slices, (*needs, *metrics))
    ]
    return compile_rows(query, metrics).over(CHARGES, "\nUNION ALL\n".join(parts), DIALECT)


def key_of(column: str, key: str) -> str:
    """SQL of a map's key, NULL where it is not there."""
    return f"element_at({column}, {literal(key)})"


def _files(alike: Alike, table: Table) -> str:
    """SQL of whether a row is of the slices' very files: partitions first, so that no other folder is listed."""
    files = sorted(file for one in alike.slices for file in one.files)
    places = [file.removeprefix(table.location).split("/") for file in files]
    folders, periods = (sorted({place[part] for place in places}) for part in (0, 1))
    listed = (", ".join(map(literal, some)) for some in (folders, periods, files))
    return " AND ".join(f'"{name}" IN ({some})' for name, some in zip((FOLDER, PERIOD, "$path"), listed, strict=True))


def typed(row: Sequence[str | None], days: Sequence[bool]) -> tuple[Any, ...]:
    """A row of text as values: keys (days or texts), then numbers.

    Raises:
        AnswerError: it is no row of this question.
    """
    try:
        keys = [
            date.fromisoformat(cell[:10]) if cell is not None and is_day_ else cell
            for cell, is_day_ in zip(row, days, strict=False)
        ]
        return (*keys, *(Decimal(cell or "0") for cell in row[len(days) :]))
    except (ValueError, ArithmeticError) as error:
        raise AnswerError(f"Athena answered something else than it was asked for: {list(row)[:5]}") from error


def table_input(table: Table, slices: Sequence[ExportSlice]) -> dict[str, Any]:
    """The Glue table: every FOCUS column, and the others that these slices have."""
    others = sorted({name.lower() for one in slices for name in one.columns if CUSTOM.fullmatch(name)})
    known = {name.lower(): TYPES[column.kind] for name, column in FOCUS_COLUMNS.items()}
    known |= {name.lower(): TYPES["amount"] for name in METRICS if name.lower() not in known}
    columns = {**known, **{name: TYPES["text"] for name in others if name not in known}}
    folders = sorted({file.removeprefix(table.location).split("/")[0] for one in slices for file in one.files})
    return {
        "Name": table.name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "parquet",
            "projection.enabled": "true",
            f"projection.{FOLDER}.type": "enum",
            f"projection.{FOLDER}.values": ",".join(folders),
            f"projection.{PERIOD}.type": "date",
            f"projection.{PERIOD}.format": "yyyy-MM-dd",
            f"projection.{PERIOD}.range": "2006-01-01,NOW+366DAYS",
            f"projection.{PERIOD}.interval": "1",
            f"projection.{PERIOD}.interval.unit": "DAYS",
            "storage.location.template": f"{table.location}${{{FOLDER}}}/${{{PERIOD}}}/",
        },
        "PartitionKeys": [{"Name": FOLDER, "Type": "string"}, {"Name": PERIOD, "Type": "string"}],
        "StorageDescriptor": {
            "Columns": [{"Name": name, "Type": type_} for name, type_ in columns.items()],
            "Location": table.location,
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
        },
    }


def brought_up(there: Mapping[str, Any], wanted: dict[str, Any]) -> dict[str, Any] | None:
    """The table with what is new, and with what it had: another question may need that. None if nothing is new."""
    folders = f"projection.{FOLDER}.values"
    had = set(filter(None, there.get("Parameters", {}).get(folders, "").split(",")))
    all_folders = ",".join(sorted(had | set(filter(None, wanted["Parameters"][folders].split(",")))))
    columns = there["StorageDescriptor"]["Columns"]
    names = {column["Name"] for column in columns}
    new = [column for column in wanted["StorageDescriptor"]["Columns"] if column["Name"] not in names]
    parameters = {**wanted["Parameters"], folders: all_folders}
    same = all(there.get("Parameters", {}).get(name) == value for name, value in parameters.items())
    if same and not new:
        return None
    storage = {**wanted["StorageDescriptor"], "Columns": [*columns, *new]}
    return {**wanted, "Parameters": parameters, "StorageDescriptor": storage}


def opened(question: "Question") -> AthenaEngine:
    """The engine over the ledger's bucket.

    Raises:
        UsageError: the ledger is a folder.
    """
    from farthing.app import region_of
    from farthing.aws import AWS_ERRORS, CONFIG, explain
    from farthing.ledger.exports import PREFIX

    settings, app = question.app.settings, question.app
    if settings.bucket_name is None:
        raise UsageError("the engine athena reads a bucket, this ledger is a folder: set BUCKET_NAME, or use duckdb")
    location = f"s3://{settings.bucket_name}/{settings.prefix}{PREFIX}"
    try:
        session = app.session()
        region = region_of(session)
        athena, glue = (session.client(name, config=CONFIG, region_name=region) for name in ("athena", "glue"))
    except AWS_ERRORS as error:
        raise explain(error, "Athena", ACTIONS[0]) from error
    table = Table(
        database=settings.athena_database,
        # Ledgers of one account share a database, each has its own table.
        name=f"exports_{hashlib.sha256(location.encode()).hexdigest()[:10]}",
        location=location,
        output=settings.athena_output or f"s3://{settings.bucket_name}/{settings.prefix}athena/",
        workgroup=settings.athena_workgroup,
    )
    return AthenaEngine(
        athena,
        glue,
        table,
        settings.athena_price,
        question.tell,
        question.reports_engine(),
        question.period,
        slices=question.slices(local=False),
        **question.options(),
    )
