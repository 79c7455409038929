"""What belongs to DuckDB over report files alone: which files are read, and files that are not reports."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from farthing.errors import CorruptError, LedgerError
from farthing.ledger.report_files import days_in
from farthing.model import Period
from farthing.query.engines.duckdb import DuckDBEngine
from farthing.query.model import Query

from .conftest import report

DAY = date(2026, 10, 1)
PERIOD = Period(DAY, DAY + timedelta(days=3))
NOW = datetime(2026, 10, 20, tzinfo=UTC)
GOOD = [("A", "1", None, {"BilledCost": "1.5"}), ("B", "1", None, {"BilledCost": "2"})]


def ask(folder: Path, query: Query = Query(PERIOD)):  # noqa: B008 - a frozen value
    with DuckDBEngine(folder, query.period, now=NOW) as engine:
        return engine.run(query)


def corrupt(folder: Path) -> str:
    with pytest.raises(CorruptError) as raised:
        ask(folder)
    message = str(raised.value)
    assert "\n" not in message
    assert str(folder / "2026-10-01.json") in message
    assert "2026-10-02.json" not in message
    assert message.endswith("move it away and run `farthing backfill --start 2026-10-01 --end 2026-10-02`")
    return message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds 0 JSON documents"),
        (b'{"schema":"farthing.daily-report/1","date"', "unexpected end"),
        (b"\x00\x01\x02", "Malformed JSON"),
        (b"[]", "Expected OBJECT"),
        (b'"x"', "Expected OBJECT"),
        (b"{}", "its schema is None"),
        (b'{"schema":"farthing.daily-report/1","date":"2026-10-01","currency":"\xff"}', "UTF-8"),
    ],
)
def test_a_file_that_is_no_report_is_named_with_the_way_out(tmp_path, write_day, content, says):
    write_day(DAY + timedelta(days=1), GOOD)
    (tmp_path / f"{DAY}.json").write_bytes(content)
    assert says in corrupt(tmp_path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schema": "farthing.daily-report/9"}, "its schema is 'farthing.daily-report/9'"),
        ({"date": "2026-10-02"}, "its date is '2026-10-02'"),
        ({"date": None}, "its date is None"),
        ({"currency": ""}, "no currency"),
        ({"totals": None}, "no totals"),
        ({"totals": []}, "Expected OBJECT"),
        ({"totals": {"BilledCost": 3.5}}, "its total BilledCost is no string but 3.5"),
        ({"totals": {"BilledCost": None}}, "is no string but null"),
        ({"totals": {"BilledCost": "3.5000000000000000001"}}, "more than 18 decimals"),
        ({"totals": {"BilledCost": "NaN"}}, "not an amount"),
        ({"totals": {"BilledCost": "3.4"}}, "its rows add up to 3.5 BilledCost, its total says 3.4"),
        ({"charges": []}, "its rows add up to 0 BilledCost"),
        ({"charges": None}, "its rows add up to 0 BilledCost"),
        ({"charges": {"a": 1}}, "Expected ARRAY"),
        ({"charges": ["a"]}, "Expected OBJECT"),
    ],
)
def test_a_report_that_contradicts_itself(tmp_path, write_day, changes, says):
    write_day(DAY, GOOD, **changes)
    write_day(DAY + timedelta(days=1), GOOD)
    assert says in corrupt(tmp_path)


@pytest.mark.parametrize(
    "amount",
    [1.5, 0.123456789012345678, True, None, "1.5x", "", " 1", "1_0", "NaN", "Infinity", "1e-7", "0x1", '1"5',
     "0.1234567890123456789", "123456789012345678901", ["1"], {"a": "1"}],
)  # fmt: skip
def test_an_amount_that_is_no_plain_decimal_string_is_refused_never_rounded(tmp_path, write_day, amount):
    row = {"ServiceName": "A", "SubAccountId": "1", "SubAccountName": None, "BilledCost": amount}
    write_day(DAY, GOOD, charges=[row], totals={"BilledCost": "1.5"})
    write_day(DAY + timedelta(days=1), GOOD)
    corrupt(tmp_path)


def test_an_amount_that_is_wrong_is_quoted(tmp_path, write_day):
    write_day(DAY, [("A", "1", None, {"BilledCost": "0.0000000000000000001"})], totals={"BilledCost": "0"})
    assert "0.0000000000000000001" in corrupt(tmp_path)


@pytest.mark.parametrize("key", ["ServiceName", "SubAccountId", "BilledCost"])
def test_a_row_that_lacks_something(tmp_path, write_day, key):
    rows = report(DAY, [*GOOD, ("C", "1", None, {"BilledCost": "0"})])["charges"]
    del rows[-1][key]
    write_day(DAY, GOOD, charges=rows)
    corrupt(tmp_path)


def test_sums_that_leave_the_range_are_an_error_not_another_number(tmp_path, write_day):
    largest = "99999999999999999999.999999999999999999"
    write_day(DAY, [("A", "1", None, {"BilledCost": largest})])
    write_day(DAY + timedelta(days=1), [("A", "1", None, {"BilledCost": largest})])
    # DuckDB 1.2 has room for one more digit in a sum; then it must be the exact one.
    answer: Decimal | str
    try:
        answer = ask(tmp_path).totals[0]
    except LedgerError as error:
        answer = str(error)
    assert answer == Decimal("199999999999999999999.999999999999999998") or "verflow" in str(answer)


def test_only_files_of_the_period_are_read_and_others_are_left_alone(tmp_path, write_day):
    write_day(DAY, GOOD)
    for name in ("2026-09-30.json", "2026-10-04.json", "2026-10-01.json.bak", "notes.json", "20261002.json", "x"):
        (tmp_path / name).write_text("not a report")
    assert ask(tmp_path).totals == (Decimal("3.5"),)
    assert days_in(tmp_path) == (date(2026, 9, 30), DAY, date(2026, 10, 4))


@pytest.mark.parametrize(
    "name", ["[x]", "a*b", "what?", "it's", 'say "x"', "currency=GBP", "données", "back\\slash", "{a,b}"]
)
def test_any_folder_name(tmp_path, name):
    folder = tmp_path / name
    for sibling in (folder, tmp_path / "aXb", tmp_path / "x"):
        sibling.mkdir()
        (sibling / f"{DAY}.json").write_text(json.dumps(report(DAY, GOOD)))
    result = ask(folder)
    assert (result.totals, result.currency) == ((Decimal("3.5"),), "USD")


def test_a_report_of_many_megabytes(tmp_path, write_day):
    padding = [{"seen_at": "x" * 1000} for _ in range(20_000)]
    path = write_day(DAY, GOOD, revisions=padding)
    assert path.stat().st_size > 16 * 2**20
    assert ask(tmp_path).totals == (Decimal("3.5"),)


def test_a_folder_that_is_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(LedgerError, match="cannot be listed"):
        ask(path)


def test_a_report_that_is_a_folder(tmp_path):
    (tmp_path / f"{DAY}.json").mkdir()
    with pytest.raises(LedgerError, match=r"2026-10-01\.json"):
        ask(tmp_path)


def test_what_it_knows_of_a_metric_name_is_only_its_name(tmp_path, write_day):
    evil = "x_'\"); DROP TABLE days; --"
    write_day(DAY, [("A", "1", None, {evil: "1"})])
    result = ask(tmp_path)
    assert (result.metrics, result.totals) == ((evil,), (Decimal(1),))


def test_nothing_is_left_in_the_working_directory_and_duckdb_is_loaded_only_when_used():
    code = (
        "import sys, farthing.query.engines.duckdb, farthing.cli.report; assert 'duckdb' not in sys.modules, 'loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
