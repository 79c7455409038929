from datetime import date

import pytest
import sqlglot

from farthing.errors import UsageError
from farthing.model import Period
from farthing.query.compile import compile_rows
from farthing.query.model import Filter, Query
from farthing.sqltext import quoted

PERIOD = Period(date(2026, 10, 1), date(2026, 10, 8))
EVIL = "x' OR 1=1; DROP TABLE charges; --"


@pytest.mark.parametrize("dialect", ["duckdb", "trino", "spark"])
def test_what_a_user_typed_is_a_parameter_never_sql(dialect):
    query = Query(PERIOD, filters=(Filter("ServiceName", (EVIL,)), Filter("SubAccountId", (EVIL,), exclude=True)))
    compiled = compile_rows(query, ("BilledCost",))
    sql = compiled.sql(dialect)
    assert "DROP" not in sql
    assert compiled.parameters.count(EVIL) == 3  # the service, the account's id and its name
    assert sql.count("?") == len(compiled.parameters)
    assert sqlglot.parse_one(sql, dialect=dialect) is not None


def test_a_metric_is_quoted_whatever_its_name():
    assert quoted('a"b') == '"a""b"'
    sql = compile_rows(Query(PERIOD), ('x_"; DROP TABLE charges; --',)).sql()
    assert 'SUM("x_""; DROP TABLE charges; --")' in sql


def test_stars_are_wildcards_and_sqls_own_are_not():
    compiled = compile_rows(Query(PERIOD, filters=(Filter("ServiceName", (r"10%_\a*",)),)), ("BilledCost",))
    assert compiled.parameters == (PERIOD.start, PERIOD.end, r"10\%\_\\a%")


def test_an_unknown_column_is_refused():
    with pytest.raises(UsageError, match="no column 'Evil; --'"):
        compile_rows(Query(PERIOD, ("Evil; --",)), ("BilledCost",))
    with pytest.raises(UsageError, match="no column 'Nope'"):
        compile_rows(Query(PERIOD, filters=(Filter("Nope", ("x",)),)), ("BilledCost",))
