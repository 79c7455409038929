"""What DuckDB answers over daily reports: every engine leaves these to it."""

import json
import tempfile
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farthing.errors import CurrencyError, UsageError
from farthing.model import Period, exact_sum
from farthing.query.engines import copies
from farthing.query.engines.duckdb import DuckDBEngine
from farthing.query.model import COLUMNS, Filter, Key, Query, Result, parse_where
from farthing.query.sources import DERIVED

from .conftest import report, with_copies

START = date(2026, 9, 29)
PERIOD = Period(START, date(2026, 10, 6))
NOW = datetime(2026, 10, 6, 8, tzinfo=UTC)
TINY = "0.000000000000000001"
HUGE = "12345678901234567890.123456789012345678"


@pytest.fixture(params=["parsed", "copied"])
def open_engine(request, monkeypatch):
    """An engine over reports as they are, and over copies that it makes of them."""
    monkeypatch.setattr(copies, "COPIED_FROM", 0)

    def opened(folder: Path, period: Period = PERIOD) -> DuckDBEngine:
        if request.param == "parsed":
            return DuckDBEngine(folder, period, now=NOW)
        return DuckDBEngine(with_copies(folder, folder / "copies"), period, now=NOW)

    return opened


@pytest.fixture
def ask(open_engine, tmp_path):
    def asked(query: Query):
        with open_engine(tmp_path) as engine:
            return engine.run(query)

    return asked


def billed(amount: str) -> dict[str, str]:
    return {"BilledCost": amount}


def day(offset: int) -> date:
    return START + timedelta(days=offset)


def keys(result: Result) -> list[tuple[Key, ...]]:
    return [row.keys for row in result.rows]


def test_groups_sums_and_order(ask, write_day):
    write_day(day(0), [("S3", "1", "prod", billed("2")), ("EC2", "1", "prod", billed("1.5"))])
    write_day(day(1), [("EC2", "2", None, billed("3")), ("Credit", "1", "prod", billed("-0.25"))])
    result = ask(Query(PERIOD))
    assert [(row.keys, row.amounts) for row in result.rows] == [
        (("EC2",), (Decimal("4.5"),)),
        (("S3",), (Decimal(2),)),
        (("Credit",), (Decimal("-0.25"),)),
    ]
    assert (result.columns, result.metrics, result.currency) == (("ServiceName",), ("BilledCost",), "USD")
    assert result.totals == (Decimal("6.25"),)
    assert result.total("BilledCost") == Decimal("6.25")


def test_days_come_first_wherever_they_are_asked_then_amounts_then_names(ask, write_day):
    write_day(day(1), [("B", "1", None, billed("1")), ("A", "1", None, billed("1")), ("C", "1", None, billed("9"))])
    write_day(day(0), [("Z", "1", None, billed("-5"))])
    result = ask(Query(PERIOD, ("ServiceName", "ChargePeriodStart")))
    assert keys(result) == [("Z", day(0)), ("C", day(1)), ("A", day(1)), ("B", day(1))]


def test_months_are_named_by_their_first_day(ask, write_day):
    for offset in range(4):
        write_day(day(offset), [("A", "1", None, billed("1"))])
    result = ask(Query(PERIOD, ("BillingPeriodStart",)))
    assert [(row.keys[0], row.amounts[0]) for row in result.rows] == [
        (date(2026, 9, 1), Decimal(2)),
        (date(2026, 10, 1), Decimal(2)),
    ]


def test_no_grouping_is_one_row(ask, write_day):
    write_day(day(0), [("A", "1", None, billed("1")), ("B", "1", None, billed("2"))])
    assert [(row.keys, row.amounts) for row in ask(Query(PERIOD, ())).rows] == [((), (Decimal(3),))]
    assert ask(Query(PERIOD, (), (Filter("ServiceName", ("none",)),))).rows == ()


def test_only_the_asked_days_count(open_engine, write_day, tmp_path):
    for offset in range(3):
        write_day(day(offset), [("A", "1", None, billed(str(10**offset)))])
    with open_engine(tmp_path) as engine:
        result = engine.run(Query(Period(day(1), day(2))))
        assert result.totals == (Decimal(10),)
        assert result.days_present == (day(1),)
        with pytest.raises(ValueError, match="opened on"):
            engine.run(Query(Period(day(1), day(30))))


def test_an_account_has_its_newest_known_name_on_every_day(ask, write_day):
    write_day(day(0), [("A", "1", "old", billed("1"))])
    write_day(day(1), [("A", "1", "new", billed("2")), ("A", "2", None, billed("4"))])
    write_day(day(2), [("A", "1", None, billed("8"))])
    result = ask(Query(PERIOD, ("SubAccountId", "SubAccountName")))
    assert [(row.keys, row.amounts[0]) for row in result.rows] == [
        (("1", "new"), Decimal(11)),
        (("2", None), Decimal(4)),
    ]
    assert ask(Query(PERIOD, filters=parse_where("account:NEW"))).totals == (Decimal(11),)
    assert ask(Query(PERIOD, filters=parse_where("account:old"))).rows == ()
    assert ask(Query(PERIOD, filters=parse_where("-account-name:new"))).totals == (Decimal(4),)


@pytest.mark.parametrize(
    ("where", "matched"),
    [
        ("service:ec2", {"EC2"}),
        ("service:EC*", {"EC2", "EC2 - Other"}),
        ("service:*2*", {"EC2", "EC2 - Other"}),
        ("service:EC2 service:été", {"EC2", "ÉTÉ"}),
        ("-service:EC2 -service:*other", {"100%_off", "ÉTÉ", "a\nb"}),
        ("service:* -service:EC2*", {"100%_off", "ÉTÉ", "a\nb"}),
        ("service:100%_off", {"100%_off"}),
        ("service:10_%_off", set()),
        ("service:EC", set()),
        ("service:a*b", {"a\nb"}),
        ("service:EC2 account:2", set()),
        ("account:1 account:2", {"EC2", "EC2 - Other", "100%_off", "ÉTÉ", "a\nb"}),
        ("account:prod service:*", {"EC2", "EC2 - Other", "100%_off", "ÉTÉ"}),
        ("currency:usd service:EC2", {"EC2"}),
    ],
)
def test_filters(ask, write_day, where, matched):
    write_day(day(0), [(name, "1", "Prod", billed("1")) for name in ("EC2", "EC2 - Other", "100%_off", "ÉTÉ")])
    write_day(day(1), [("a\nb", "2", None, billed("1"))])
    assert {row.keys[0] for row in ask(Query(PERIOD, filters=parse_where(where))).rows} == matched


@pytest.mark.parametrize(
    "name", ["it's", 'say "x"', "back\\slash", "数据 🦆", "a\nb", "'; DROP TABLE charges; --", "$1 ?"]
)
def test_any_name_is_found_by_itself(ask, write_day, name):
    write_day(day(0), [(name, "1", name, billed("1")), ("other", "2", None, billed("2"))])
    for column in ("ServiceName", "SubAccountId", "SubAccountName"):
        result = ask(Query(PERIOD, ("ServiceName", "SubAccountName"), (Filter(column, (name,)),)))
        assert keys(result) == [(name, name)]


@pytest.mark.parametrize(
    "value", ["' OR 1=1 --", "x' UNION SELECT 1,2 --", "'; DROP TABLE charges; --", "\\' OR '1", "?"]
)
def test_sql_in_a_value_matches_nothing_and_breaks_nothing(ask, write_day, value):
    write_day(day(0), [("A", "1", None, billed("1"))])
    for column in ("ServiceName", "SubAccountId", "SubAccountName"):
        assert ask(Query(PERIOD, filters=(Filter(column, (value,)),))).rows == ()
    assert ask(Query(PERIOD)).totals == (Decimal(1),)


def test_the_last_decimal_of_small_and_large_amounts_survives(ask, write_day):
    write_day(day(0), [("A", "1", None, billed(HUGE)), ("B", "1", None, billed(TINY))])
    write_day(day(1), [("A", "1", None, billed("-" + TINY)), ("B", "1", None, billed("0.1"))])
    result = ask(Query(PERIOD))
    assert [row.amounts[0] for row in result.rows] == [
        Decimal("12345678901234567890.123456789012345677"),
        Decimal("0.100000000000000001"),
    ]
    assert result.totals[0] == Decimal("12345678901234567890.223456789012345678")


def test_a_metric_that_some_days_lack_is_summed_over_the_others_and_counted(ask, write_day):
    write_day(day(0), [("A", "1", None, {"BilledCost": "1", "EffectiveCost": "2", "x_Mine": "3"})])
    write_day(day(1), [("A", "1", None, billed("10")), ("B", "1", None, billed("5"))])
    result = ask(Query(PERIOD))
    assert result.metrics == ("BilledCost", "EffectiveCost", "x_Mine")
    assert [(row.keys[0], row.amounts) for row in result.rows] == [
        ("A", (Decimal(11), Decimal(2), Decimal(3))),
        ("B", (Decimal(5), Decimal(0), Decimal(0))),
    ]
    assert result.days_lacking == {"EffectiveCost": 1, "x_Mine": 1}
    only = ask(Query(PERIOD, metrics=("x_Mine",)))
    assert (only.metrics, only.totals) == (("x_Mine",), (Decimal(3),))


def test_a_metric_that_no_day_has_is_named(ask, write_day):
    write_day(day(0), [("A", "1", None, billed("1"))])
    with pytest.raises(UsageError, match="metric ListCost: there are BilledCost"):
        ask(Query(PERIOD, metrics=("ListCost",)))


def test_two_currencies_are_never_added_up(ask, write_day):
    write_day(day(0), [("A", "1", None, billed("1"))])
    write_day(day(1), [("A", "1", None, billed("2"))], "EUR")
    for query in (Query(PERIOD), Query(PERIOD, ("BillingCurrency",)), Query(PERIOD, filters=parse_where("service:x"))):
        with pytest.raises(CurrencyError, match="EUR and USD"):
            ask(query)
    one = ask(Query(PERIOD, filters=parse_where("currency:eur")))
    assert (one.currency, one.totals) == ("EUR", (Decimal(2),))
    assert ask(Query(PERIOD, filters=parse_where("-currency:EUR"))).currency == "USD"
    assert one.days_present == (day(0), day(1))
    assert ask(Query(Period(day(0), day(1)))).currency == "USD"
    nothing = ask(Query(PERIOD, filters=parse_where("currency:GBP")))
    assert (nothing.rows, nothing.currency) == ((), None)


def test_days_that_are_there_and_that_still_fill_up(ask, write_day):
    for offset in (0, 3, 5, 6):
        write_day(day(offset), [])
    result = ask(Query(PERIOD))
    assert result.days_present == (day(0), day(3), day(5), day(6))
    assert result.days_provisional == (day(5), day(6))
    assert result.rows == ()


def test_nothing_there_is_an_empty_result(ask, open_engine, tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with open_engine(folder) as engine:
            result = engine.run(Query(PERIOD, ("ServiceName", "ChargePeriodStart"), metrics=("BilledCost",)))
        assert (result.rows, result.currency, result.days_present) == ((), None, ())
        assert result.totals == (Decimal(0),)
    assert ask(Query(PERIOD)).metrics == ()


def test_the_values_of_a_column(open_engine, write_day, tmp_path):
    write_day(day(0), [("B", "1", None, billed("1")), ("A", "2", "x", billed("1"))])
    with open_engine(tmp_path) as engine:
        assert engine.values(Query(PERIOD), "ServiceName") == ("A", "B")
        assert engine.values(Query(PERIOD), "SubAccountName") == ("x",)


AMOUNTS = st.decimals(-(10**18), 10**18, places=18, allow_nan=False).map(lambda amount: format(amount, "f"))
CHARGES = st.lists(
    st.tuples(
        st.sampled_from(["EC2", "S3", "été", "ÉTÉ", "a*b"]),
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from([None, "prod", "Dev"]),
        st.fixed_dictionaries({"BilledCost": AMOUNTS, "x_Mine": AMOUNTS}),
    ),
    max_size=8,
    unique_by=lambda charge: charge[:2],
)
LEDGERS = st.dictionaries(st.integers(0, 6).map(day), CHARGES, max_size=4)
DAILY = sorted(name for name in COLUMNS if name in (*DERIVED, "ServiceName", "SubAccountId", "SubAccountName"))
GROUPINGS = st.lists(st.sampled_from(DAILY), unique=True, max_size=3).map(tuple)
FILTERS = st.builds(
    Filter,
    st.sampled_from(["ServiceName", "SubAccountId", "SubAccountName"]),
    st.lists(st.sampled_from(["EC2", "*", "e*", "*2", "1", "prod", "ÉTÉ", "*d*", "zzz"]), min_size=1, max_size=2).map(
        tuple
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ledger=LEDGERS, group_by=GROUPINGS, one=FILTERS)
def test_laws(open_engine, ledger, group_by, one):
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        for date_, charges in ledger.items():
            (folder / f"{date_}.json").write_text(json.dumps(report(date_, charges)))
        with open_engine(folder) as engine:
            whole = engine.run(Query(PERIOD, group_by))
            kept = engine.run(Query(PERIOD, group_by, (one,)))
            dropped = engine.run(Query(PERIOD, group_by, (Filter(one.column, one.values, exclude=True),)))
    everything = [amounts for charges in ledger.values() for *_, amounts in charges]
    for index, metric in enumerate(whole.metrics):
        # Any grouping adds up to all charges, exactly, and so do a filter and its exclusion.
        assert whole.totals[index] == exact_sum(Decimal(amounts[metric]) for amounts in everything)
        assert whole.totals[index] == exact_sum(row.amounts[index] for row in whole.rows)
        assert whole.totals[index] == exact_sum((kept.total(metric), dropped.total(metric)))
    parts: dict[Any, Decimal] = defaultdict(Decimal)
    for row in (*kept.rows, *dropped.rows):
        parts[row.keys] = exact_sum((parts[row.keys], row.amounts[0]))
    assert parts == {row.keys: row.amounts[0] for row in whole.rows}
    assert len({row.keys for row in whole.rows}) == len(whole.rows)
