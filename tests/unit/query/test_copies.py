"""Copies of daily reports: what is read of them is what the reports say, whatever happened to either."""

import os
import shutil
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from farthing.errors import CorruptError
from farthing.model import Period
from farthing.query.engines import copies
from farthing.query.engines.duckdb import DuckDBEngine
from farthing.query.model import Query

from .conftest import with_copies

NOW = datetime(2026, 10, 20, tzinfo=UTC)
PERIOD = Period(date(2026, 9, 28), date(2026, 10, 4))
BY = Query(PERIOD, ("ChargePeriodStart", "ServiceName", "SubAccountId"))


def charges(amount, service="A"):
    return [(service, "1", "prod", {"BilledCost": amount, "EffectiveCost": "0.000000000000000001"})]


@pytest.fixture(autouse=True)
def always_copied(monkeypatch):
    monkeypatch.setattr(copies, "COPIED_FROM", 0)


@pytest.fixture
def ledger(tmp_path, write_day):
    """Six days in two months."""
    for number, day in enumerate(PERIOD):
        write_day(day, charges(f"{number}.5"))
    return tmp_path


class Fetched:
    """The reports of a folder, and which were asked for."""

    def __init__(self, folder, kept=None):
        self.days = []
        made = with_copies(folder, kept or folder / "copies")

        def fetch(days):
            self.days += days
            return made.fetch(days)

        self.files = type(made)(made.etags, fetch, made.copies)


def asked(folder, query=BY, kept=None):
    """What an engine with copies answers, checked against one without; and the days that it parsed."""
    fetched = Fetched(folder, kept)
    with DuckDBEngine(fetched.files, query.period, now=NOW) as engine, DuckDBEngine(folder, PERIOD, now=NOW) as bare:
        result = engine.run(query)
        assert result == bare.run(query)
        head, rows = engine.bare_rows(query)
        assert sorted(rows) == sorted((*row.keys, *row.amounts) for row in result.rows)
        assert head == replace(result, rows=(), totals=())
    return result, fetched.days


def test_a_second_engine_parses_nothing(ledger):
    first, parsed = asked(ledger)
    assert parsed == list(PERIOD)
    assert first.totals[0] == Decimal("18")
    assert asked(ledger) == (first, [])
    assert sorted(path.suffix for path in (ledger / "copies").iterdir()) == [".json", ".json", ".parquet", ".parquet"]


def test_only_a_day_that_changed_is_parsed_again_and_the_copy_takes_it_in(ledger, write_day):
    asked(ledger)
    changed = date(2026, 9, 30)
    write_day(changed, [*charges("7"), *charges("1", "B")])
    assert asked(ledger)[1] == [changed]
    assert asked(ledger)[1] == []
    (ledger / f"{changed}.json").unlink()
    result, parsed = asked(ledger)
    assert parsed == []
    assert changed not in result.days_present


def test_a_part_of_the_period_copies_its_days_and_leaves_the_others_for_later(ledger):
    part = Period(date(2026, 9, 29), date(2026, 10, 2))
    assert asked(ledger, Query(part, ("ServiceName",)))[1] == list(part)
    assert asked(ledger)[1] == [day for day in PERIOD if day not in part]


def test_few_bytes_are_parsed_each_time_and_mixed_with_the_copy(ledger, write_day, monkeypatch):
    asked(ledger)
    monkeypatch.setattr(copies, "COPIED_FROM", 1 << 20)
    changed = date(2026, 10, 1)
    write_day(changed, charges("99"), source={"kind": "cost-explorer"})
    for _ in range(2):
        result, parsed = asked(ledger)
        assert parsed == [changed]
        assert result.totals[0] == Decimal("18") - Decimal("3.5") + 99


def test_a_metric_that_some_days_lack_is_as_it_is_without_copies(ledger, write_day):
    write_day(date(2026, 10, 2), [("A", "1", "prod", {"BilledCost": "4"})])
    for metrics in (None, ("BilledCost",), ("EffectiveCost",)):
        for _ in range(2):
            asked(ledger, Query(PERIOD, ("ServiceName",), (), metrics))


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b'{"schema":"farthing.copies/9"}'])
def test_an_index_that_is_damaged_is_made_anew(ledger, damage):
    asked(ledger)
    (ledger / "copies" / "2026-09.json").write_bytes(damage)
    assert asked(ledger)[1] == [day for day in PERIOD if day.month == 9]
    assert asked(ledger)[1] == []


def test_not_one_byte_of_a_copy_may_be_another(ledger):
    """Parquet does not notice it by itself: it would be another amount."""
    asked(ledger)
    (path,) = (ledger / "copies").glob("2026-09-*.parquet")
    whole = path.read_bytes()
    for place in range(4, len(whole) - 8, 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert copies._read(ledger / "copies", "2026-09") is None
    path.write_bytes(whole)
    assert asked(ledger)[1] == []


@pytest.mark.parametrize("damage", ["cut off", "overwritten", "gone"])
def test_a_copy_that_is_damaged_is_not_believed(ledger, damage):
    asked(ledger)
    (path,) = (ledger / "copies").glob("2026-09-*.parquet")
    if damage == "gone":
        path.unlink()
    elif damage == "cut off":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        path.write_bytes(b"x" * path.stat().st_size)
    asked(ledger)


def test_a_folder_that_cannot_be_written_costs_speed_alone(ledger, tmp_path):
    kept = tmp_path / "file"
    kept.write_text("in the way")
    for _ in range(2):
        assert asked(ledger, kept=kept / "copies")[1] == list(PERIOD)


def test_a_report_that_is_wrong_is_said_and_nothing_of_it_is_kept(ledger):
    bad = ledger / "2026-10-01.json"
    good = bad.read_bytes()
    bad.write_bytes(good.replace(b'"BilledCost": "3.5"', b'"BilledCost": "4.5"', 1))
    with pytest.raises(CorruptError, match=r"2026-10-01\.json is not a readable daily report"):
        asked(ledger)
    bad.write_bytes(good)
    assert asked(ledger)[1] == [day for day in PERIOD if day.month == 10]


def test_a_file_that_was_replaced_stays_while_somebody_may_read_it(ledger, write_day):
    asked(ledger)
    fetched = Fetched(ledger)
    with DuckDBEngine(fetched.files, PERIOD, now=NOW) as engine:
        before = engine.run(BY)
        write_day(date(2026, 9, 30), charges("1000"))
        asked(ledger)
        assert engine.run(BY) == before
    long_ago = time.time() - copies.UNUSED_SECONDS - 1
    for path in (ledger / "copies").glob("2026-09-*.parquet"):
        os.utime(path, (long_ago, long_ago))
    write_day(date(2026, 9, 30), charges("1001"))
    asked(ledger)
    # The one that holds now, and the one that was replaced a moment ago.
    assert len(list((ledger / "copies").glob("2026-09-*.parquet"))) == 2


AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**15), max_value=10**15)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 5), AMOUNTS), min_size=1, max_size=6))
def test_whatever_is_restated_the_copies_say_what_the_reports_say(ledger, write_day, steps):
    for place, amount in steps:
        write_day(PERIOD.start + timedelta(days=place), charges(format(amount, "f")))
        asked(ledger)


def test_what_was_fetched_for_reading_is_deleted_and_what_is_the_ledgers_is_not(ledger, tmp_path):
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    bare = with_copies(ledger, ledger / "copies")

    def fetch(days):
        return {day: Path(shutil.copy(ledger / f"{day}.json", fetched)) for day in days}

    for copied_to in (ledger / "copies", None):
        files = msgspec.structs.replace(bare, fetch=fetch, copies=copied_to, temporary=True)
        with DuckDBEngine(files, PERIOD, now=NOW) as engine:
            assert engine.run(BY).totals[0] == Decimal("18")
        assert list(fetched.iterdir()) == []
    assert len(list(ledger.glob("*.json"))) == len(PERIOD)
