from datetime import date

import pytest

from farthing.errors import UsageError
from farthing.model import Period
from farthing.query.compile import compile_days, compile_rows, quoted
from farthing.query.model import Filter, Query

PERIOD = Period(date(2026, 10, 1), date(2026, 10, 8))
EVIL = "x' OR 1=1; DROP TABLE charges; --"


def test_what_a_user_typed_is_a_parameter_never_sql():
    query = Query(PERIOD, filters=(Filter("ServiceName", (EVIL,)), Filter("BillingCurrency", (EVIL,))))
    for sql, parameters in (compile_rows(query, ("BilledCost",)), compile_days(query)):
        assert "DROP" not in sql
        assert EVIL in parameters
        assert sql.count("?") == len(parameters)


def test_a_metric_is_quoted_whatever_its_name():
    assert quoted('a"b') == '"a""b"'
    sql, _ = compile_rows(Query(PERIOD), ('x_"; DROP TABLE charges; --',))
    assert 'sum("x_""; DROP TABLE charges; --")' in sql


def test_stars_are_wildcards_and_sqls_own_are_not():
    _, parameters = compile_rows(Query(PERIOD, filters=(Filter("ServiceName", (r"10%_\a*",)),)), ("BilledCost",))
    assert parameters == [PERIOD.start, PERIOD.end, r"10\%\_\\a%"]


def test_an_unknown_column_is_refused():
    with pytest.raises(UsageError, match="no column 'Evil; --'"):
        compile_rows(Query(PERIOD, ("Evil; --",)), ("BilledCost",))
    with pytest.raises(UsageError, match="no column 'Nope'"):
        compile_rows(Query(PERIOD, filters=(Filter("Nope", ("x",)),)), ("BilledCost",))
