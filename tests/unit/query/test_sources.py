"""One source for each day: nothing twice, nothing lost, whatever reports and exports cover."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.errors import CurrencyError, UsageError
from farthing.model import Period
from farthing.query.engines.duckdb import DuckDBEngine
from farthing.query.model import Day, Query, parse_by, parse_where
from farthing.query.sources import AWS, ExportSlice, choose, ranges

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
COLUMNS = frozenset(
    {"ServiceName", "SubAccountId", "SubAccountName", "ResourceId", "Tags", "ChargeCategory", "BilledCost", "ListCost"}
)


def day(number: int) -> date:
    return date(2026, 10, number)


def exported(tmp_path, last: int, *rows, provider: str = AWS, currency: str = "USD") -> ExportSlice:
    """A slice of October up to a day, its rows as (day, service, account, resource, team, billed, list)."""
    path = tmp_path / f"{provider}-{last}.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            """CREATE TABLE t (ChargePeriodStart TIMESTAMP, BillingPeriodStart TIMESTAMP, ProviderName VARCHAR,
            BillingCurrency VARCHAR, ServiceName VARCHAR, SubAccountId VARCHAR, SubAccountName VARCHAR, ResourceId VARCHAR,
            Tags MAP(VARCHAR, VARCHAR), ChargeCategory VARCHAR, BilledCost DECIMAL(38,18), ListCost DECIMAL(38,18))"""
        )
        for number, service, account, resource, team, billed, listed in rows:
            connection.execute(
                "INSERT INTO t VALUES (?, '2026-10-01', ?, ?, ?, ?, 'name-' || ?, ?, CASE WHEN ? IS NULL THEN MAP {} ELSE MAP {'team': ?} END, 'Usage', ?, ?)",
                [
                    f"2026-10-{number:02} 23:59:00",
                    provider,
                    currency,
                    service,
                    account,
                    account,
                    resource,
                    team,
                    team,
                    billed,
                    listed,
                ],
            )
        connection.execute(f"COPY t TO '{path}' (FORMAT parquet)")
    return ExportSlice(
        provider=provider,
        billing_account="1",
        days=Period(OCTOBER.start, day(last) + timedelta(days=1)),
        whole=last == 31,
        first_day=OCTOBER.start,
        currencies=(currency,),
        columns=COLUMNS,
        files=(str(path),),
    )


@pytest.fixture
def ask(tmp_path):
    def asked(slices, by="service", where="", only=None, **options):
        with DuckDBEngine(tmp_path, OCTOBER, now=NOW, slices=slices, only=only) as engine:
            return engine.run(Query(OCTOBER, parse_by([by]), parse_where(where), **options))

    return asked


def billed(amount: str) -> dict[str, str]:
    return {"BilledCost": amount}


def rows(result, metric: str = "BilledCost"):
    place = result.metrics.index(metric)
    return {row.keys if len(row.keys) > 1 else row.keys[0]: row.amounts[place] for row in result.rows}


def test_the_export_wins_where_both_cover_a_day(ask, tmp_path, write_day):
    write_day(day(3), [("S3", "1", None, billed("100"))])
    write_day(day(20), [("S3", "1", None, billed("7"))])
    one = exported(tmp_path, 10, (3, "S3", "1", "b", "core", "1.5", "2"))
    result = ask([one])
    assert rows(result) == {"S3": Decimal("8.5")}
    assert result.days_from == {"exports": tuple(day(number) for number in range(1, 11)), "reports": (day(20),)}
    assert rows(ask([one], only="reports")) == {"S3": 107}
    assert rows(ask([one], only="exports")) == {"S3": Decimal("1.5")}


def test_the_last_days_of_a_month_that_is_not_whole_come_from_reports(ask, tmp_path, write_day):
    for number in (8, 9, 10):
        write_day(day(number), [("S3", "1", None, billed("100"))])
    charges = [(number, "S3", "1", "b", "core", "1", "1") for number in (8, 9, 10)]
    assert rows(ask([exported(tmp_path, 10, *charges)])) == {"S3": 201}
    whole = exported(tmp_path, 31, *charges)
    assert rows(ask([whole])) == {"S3": 3}


def test_another_provider_stands_beside_the_reports(ask, tmp_path, write_day):
    write_day(day(3), [("S3", "1", None, billed("100"))])
    azure = exported(tmp_path, 31, (3, "Storage", "a", "r", None, "5", "5"), provider="Microsoft")
    assert rows(ask([azure], by="provider,service")) == {(AWS, "S3"): 100, ("Microsoft", "Storage"): 5}
    assert rows(ask([azure], where="provider:AWS")) == {"S3": 100}
    assert rows(ask([azure], where="-provider:AWS")) == {"Storage": 5}


def test_what_only_exports_know_is_asked_of_them_alone(ask, tmp_path, write_day):
    write_day(day(20), [("S3", "1", None, billed("100"))])
    one = exported(tmp_path, 10, (3, "S3", "1", "b1", "core", "1", "1"), (4, "S3", "1", None, None, "2", "2"))
    result = ask([one], by="resource")
    assert rows(result) == {"b1": 1, None: 2}
    assert set(result.days_from) == {"exports"}
    assert rows(ask([one], by="tag:team")) == {"core": 1, None: 2}
    assert rows(ask([one], where="tag:team=c*")) == {"S3": 1}
    assert rows(ask([one], where="-tag:team=core -category:Tax")) == {"S3": 2}
    with pytest.raises(UsageError, match="nothing in the ledger tells the availability zone"):
        ask([one], by="az")


def test_two_currencies_are_refused_unless_one_is_asked_for(ask, tmp_path, write_day):
    write_day(day(20), [("S3", "1", None, billed("100"))])
    euros = exported(tmp_path, 31, (3, "Storage", "a", "r", None, "5", "5"), provider="Microsoft", currency="EUR")
    with pytest.raises(CurrencyError, match="EUR and USD"):
        ask([euros])
    assert rows(ask([euros], where="currency:EUR")) == {"Storage": 5}
    assert rows(ask([euros], where="provider:Microsoft")) == {"Storage": 5}


def test_the_largest_and_the_rest(ask, tmp_path):
    one = exported(
        tmp_path,
        31,
        *((3, name, "1", "b", None, amount, "1") for name, amount in (("a", "5"), ("b", "3"), ("c", "2"), ("d", "-1"))),
    )
    result = ask([one], top=2, metrics=("BilledCost",))
    assert rows(result) == {"a": 5, "b": 3}
    assert (result.rest.amounts, result.rest_count, result.totals) == ((Decimal(1),), 2, (Decimal(9),))
    assert ask([one], top=4).rest is None


def test_weeks_begin_on_monday_in_both_sources(ask, tmp_path, write_day):
    write_day(day(20), [("S3", "1", None, billed("100"))])
    one = exported(tmp_path, 10, (5, "S3", "1", "b", None, "1", "1"))
    assert rows(ask([one], by="week")) == {day(5): 1, day(19): 100}


def test_a_metric_that_a_source_lacks_is_said(ask, tmp_path, write_day):
    write_day(day(20), [("S3", "1", None, billed("100"))])
    result = ask([exported(tmp_path, 10, (5, "S3", "1", "b", None, "1", "3"))])
    assert (result.total("ListCost"), result.days_lacking) == (3, {"ListCost": 1})


DAYS = st.sets(st.integers(1, 31))


@given(reports=DAYS, last=st.integers(1, 31), provider=st.sampled_from([AWS, "Microsoft"]))
def test_each_day_of_a_provider_has_exactly_one_source(reports, last, provider):
    told = {day(number): Day(day(number), "USD", ("BilledCost",)) for number in reports}
    one = ExportSlice(
        provider=provider,
        billing_account="1",
        days=Period(OCTOBER.start, day(last) + timedelta(days=1)),
        whole=last == 31,
        first_day=OCTOBER.start,
        currencies=("USD",),
        columns=COLUMNS,
        files=(),
    )
    choice = choose(Query(OCTOBER), told, ("ServiceName", "SubAccountId"), [one])
    from_exports = {found.day for found in choice.days if found.source == "exports"}
    if provider == AWS:
        assert not from_exports & set(choice.report_days)
        assert from_exports | set(choice.report_days) == set(told) | set(one.days)
    else:
        assert set(choice.report_days) == set(told)
        assert from_exports == set(one.days)


@given(numbers=DAYS)
def test_ranges_are_the_same_days(numbers):
    days = {day(number) for number in numbers}
    runs = ranges(days)
    assert {one for run in runs for one in run} == days
    assert all(first.end < second.start for first, second in pairwise(runs))
