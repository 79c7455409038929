"""Athena's SQL, table, waiting and refusals, without an Athena."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlglot
from botocore.exceptions import ClientError
from tests.contract.engines import QUESTIONS

from farthing.errors import AnswerError, LedgerError, RequestError, UsageError
from farthing.model import Period
from farthing.query.accounts import by_id
from farthing.query.engines.athena import (
    FOLDER,
    AthenaEngine,
    Table,
    brought_up,
    statement,
    table_input,
    typed,
)
from farthing.query.model import Filter, Query
from farthing.query.sources import ExportSlice, choose

ROOT = "s3://bucket/cost_data/exports/"
TABLE = Table("farthing", "exports_1", ROOT, "s3://bucket/athena/", "primary")
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
NOW = datetime(2026, 11, 24, tzinfo=UTC)
COLUMNS = frozenset(
    {
        "ServiceName",
        "SubAccountId",
        "SubAccountName",
        "RegionId",
        "Tags",
        "ChargeCategory",
        "BilledCost",
        "EffectiveCost",
    }
)


def slice_of(provider: str = "AWS", month: int = 10, more: frozenset[str] = frozenset()) -> ExportSlice:
    first = date(2026, month, 1)
    return ExportSlice(
        provider=provider,
        billing_account="1",
        days=Period(first, date(2026, month + 1, 1)),
        whole=True,
        first_day=first,
        currencies=("USD",),
        columns=COLUMNS | more,
        files=(f"{ROOT}{provider.lower()}-abc/{first}/20261124-1-0.parquet",),
        sizes=(100_000_000,),
    )


class TestStatements:
    @pytest.mark.parametrize("name", QUESTIONS)
    def test_each_is_trino(self, name):
        query = by_id(QUESTIONS[name], {"1": "one", "2": None})
        slices = [slice_of(), slice_of("Microsoft", 10, frozenset({"ListCost", "ContractedCost"}))]
        choice = choose(query, {}, ("ServiceName",), slices, "exports")
        if not choice.slices:
            assert query.period.end <= OCTOBER.start  # nothing is there to be asked
            return
        sql = statement(query, query.metrics or ("BilledCost",), choice, TABLE)
        for dialect in ("trino", "athena"):
            (tree,) = sqlglot.parse(sql, dialect=dialect, error_level=sqlglot.ErrorLevel.RAISE)
            assert isinstance(tree, sqlglot.exp.Select)
        assert "?" not in sql.replace("'?'", "")

    def test_only_the_files_that_count_are_read(self):
        query = Query(OCTOBER, ("ServiceName",), (), ("BilledCost",))
        sql = statement(query, ("BilledCost",), choose(query, {}, (), [slice_of()], "exports"), TABLE)
        assert f""""{FOLDER}" IN ('aws-abc')""" in sql
        assert """"x_farthing_period" IN ('2026-10-01')""" in sql
        assert f""""$path" IN ('{ROOT}aws-abc/2026-10-01/20261124-1-0.parquet')""" in sql

    @pytest.mark.parametrize("value", ["o'brien", "a\\b", "'; DROP TABLE x; --", "a\nb", "%_"])
    def test_what_a_user_typed_stays_a_text(self, value):
        filters = (Filter("ServiceName", (value,)), Filter("RegionId", (f"{value}*",)))
        query = Query(OCTOBER, (f"Tags/{value}",), filters, ("BilledCost",))
        sql = statement(query, ("BilledCost",), choose(query, {}, (), [slice_of()], "exports"), TABLE)
        (tree,) = sqlglot.parse(sql, dialect="trino")
        texts = {literal.this for literal in tree.find_all(sqlglot.exp.Literal) if literal.is_string}
        assert value in texts  # the tag's key and the service, as they are
        assert value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%" in texts


class TestTable:
    def test_every_column_once_in_lower_case(self):
        made = table_input(TABLE, [slice_of(more=frozenset({"x_UsageType", "x_Team", "x_odd name"}))])
        names = [column["Name"] for column in made["StorageDescriptor"]["Columns"]]
        assert len(names) == len(set(names))
        assert {"billedcost", "tags", "x_usagetype", "x_team"} <= set(names)
        assert "x_odd name" not in names
        assert all(name == name.lower() for name in names)

    def test_it_grows_and_loses_nothing(self):
        first = table_input(TABLE, [slice_of(more=frozenset({"x_Old"}))])
        assert brought_up(first, first) is None
        second = table_input(TABLE, [slice_of("Microsoft", more=frozenset({"x_New"}))])
        grown = brought_up(first, second)
        assert grown is not None
        names = {column["Name"] for column in grown["StorageDescriptor"]["Columns"]}
        assert {"x_old", "x_new"} <= names
        assert grown["Parameters"][f"projection.{FOLDER}.values"] == "aws-abc,microsoft-abc"
        assert brought_up(grown, second) is None


def test_rows_are_typed():
    assert typed(["2026-10-01", None, "-1.500000000000000000", None], [True, False]) == (
        date(2026, 10, 1),
        None,
        Decimal("-1.500000000000000000"),
        Decimal(0),
    )
    with pytest.raises(AnswerError, match="something else"):
        typed(["oh", "1"], [True])


class Athena:
    """Answers in turn; notes what was stopped."""

    def __init__(self, *states: Any, cutoff: int | None = None, pages: tuple[Any, ...] = ()) -> None:
        self.states = list(states)
        self.stopped: list[str] = []
        self.started: list[dict[str, Any]] = []
        self.cutoff = cutoff
        self.pages = list(pages)

    def get_work_group(self, **_: Any) -> Any:
        limit = {} if self.cutoff is None else {"BytesScannedCutoffPerQuery": self.cutoff}
        return {"WorkGroup": {"Configuration": limit}}

    def start_query_execution(self, **given: Any) -> Any:
        self.started.append(given)
        return {"QueryExecutionId": "q"}

    def get_query_execution(self, **_: Any) -> Any:
        told = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(told, BaseException):
            raise told
        return {"QueryExecution": told}

    def stop_query_execution(self, **given: Any) -> None:
        self.stopped.append(given["QueryExecutionId"])

    def get_query_results(self, **given: Any) -> Any:
        return self.pages[int(given.get("NextToken", 0))]


class Glue:
    def get_database(self, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": "EntityNotFoundException"}}, "GetDatabase")

    get_table = get_database

    def __init__(self) -> None:
        self.made: list[str] = []

    def create_database(self, **_: Any) -> None:
        self.made.append("database")

    def create_table(self, **_: Any) -> None:
        self.made.append("table")


def state(name: str, reason: str = "", scanned: int = 0) -> dict[str, Any]:
    return {"Status": {"State": name, "StateChangeReason": reason}, "Statistics": {"DataScannedInBytes": scanned}}


QUERY = Query(OCTOBER, ("ServiceName",), (), ("BilledCost",))


def engine(athena: Any, said: list[str], waits: list[float] | None = None) -> AthenaEngine:
    return AthenaEngine(
        athena, Glue(), TABLE, Decimal(5), said.append, None, OCTOBER,
        sleep=(waits if waits is not None else []).append, slices=[slice_of()], now=NOW,
    )  # fmt: skip


def page(*rows: list[str | None], token: str | None = None) -> dict[str, Any]:
    data = [{"Data": [{} if cell is None else {"VarCharValue": cell} for cell in row]} for row in rows]
    return {"ResultSet": {"Rows": data}, **({"NextToken": token} if token else {})}


class TestAsking:
    def test_every_page_is_read_and_the_price_told(self):
        said: list[str] = []
        waits: list[float] = []
        pages = (page(["k", "m"], ["EC2", "1.5"], token="1"), page([None, "2"]))
        athena = Athena(
            state("QUEUED"), state("RUNNING"), state("SUCCEEDED", scanned=2 * 1024**4), cutoff=10**9, pages=pages
        )
        result = engine(athena, said, waits).run(QUERY)
        assert {row.keys: row.amounts for row in result.rows} == {("EC2",): (Decimal("1.5"),), (None,): (Decimal(2),)}
        assert said == [
            "asking Athena: at most 100.0 MB, $0.0005; the workgroup primary stops at 1,000 MB",
            "Athena scanned 2,199,023.3 MB, $10.0000",
        ]
        assert len(waits) == 2

    def test_the_workgroups_limit(self):
        said: list[str] = []
        athena = Athena(state("CANCELLED", "Query exhausted: Bytes scanned limit was exceeded", 5_000_000))
        with pytest.raises(RequestError, match=r"stopped the query at the limit of the workgroup primary after 5 MB"):
            engine(athena, said).run(QUERY)

    def test_a_failure_is_one_line(self):
        athena = Athena(state("FAILED", "SYNTAX_ERROR: line 1:1\n  more\n  more"))
        with pytest.raises(LedgerError, match=r"^Athena could not answer: SYNTAX_ERROR: line 1:1 more more$"):
            engine(athena, []).run(QUERY)

    @pytest.mark.parametrize("ended", [KeyboardInterrupt(), ClientError({"Error": {"Code": "X"}}, "G")])
    def test_a_query_that_nobody_waits_for_is_stopped(self, ended):
        athena = Athena(state("RUNNING"), ended, ended)
        with pytest.raises((KeyboardInterrupt, RequestError, LedgerError)):
            engine(athena, []).run(QUERY)
        assert athena.stopped == ["q"]

    def test_patience_ends(self):
        waits: list[float] = []
        athena = Athena(state("RUNNING"))
        with pytest.raises(RequestError, match="not answered within 30 minutes"):
            engine(athena, [], waits).run(QUERY)
        assert sum(waits) <= 1_800
        assert athena.stopped == ["q"]

    def test_a_question_too_long_is_refused_before_it_is_asked(self):
        from farthing.query.model import Filter

        athena = Athena(state("SUCCEEDED"))
        long = Query(OCTOBER, ("ServiceName",), (Filter("ServiceName", tuple(f"{n:0200}" for n in range(2_000))),))
        with pytest.raises(UsageError, match="ask for fewer months, or with fewer filters"):
            engine(athena, []).run(long)
        assert not athena.started

    def test_a_column_that_athena_cannot_have_is_refused_before_it_is_asked(self):
        athena = Athena(state("SUCCEEDED"))
        with engine(athena, []) as asked:
            asked._slices = (slice_of(more=frozenset({"x_Odd Name"})),)
            with pytest.raises(UsageError, match=r"no column named 'x_Odd Name': ask DuckDB"):
                asked.run(Query(OCTOBER, ("x_Odd Name",), (), ("BilledCost",)))
        assert not athena.started
