"""Real files lie. Each case is read right, to the last decimal, or refused in one clear line."""

import gzip
import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from farthing.errors import ExportError, FarthingError

from .conftest import ROW, as_csv, row

HEADER, LINE = as_csv(row()).splitlines()


RIGHT: dict[str, tuple[str | bytes, str, int]] = {
    "as it should be": (as_csv(row()), "1.25", 1),
    "NULL as text": (as_csv(row(EffectiveCost="NULL", RegionId="NULL", Tags="NULL")), "1.25", 1),
    "null in small letters": (as_csv(row(ListCost="null", Tags="null")), "1.25", 1),
    "backslash N": (as_csv(row(ListCost="\\N", SubAccountName="\\N")), "1.25", 1),
    "empty texts": (as_csv(row(ListCost="", RegionId="", Tags="")), "1.25", 1),
    "time without zone": (as_csv(row(ChargePeriodStart="2026-10-05 04:00:00")), "1.25", 1),
    "time without seconds": (as_csv(row(ChargePeriodStart="2026-10-05T04:00Z")), "1.25", 1),
    "time with fraction": (as_csv(row(ChargePeriodStart="2026-10-05T04:00:00.000Z")), "1.25", 1),
    "date only": (as_csv(row(ChargePeriodStart="2026-10-05", BillingPeriodStart="2026-10-01")), "1.25", 1),
    "eighteen decimals": (as_csv(row(BilledCost="0.123456789012345678")), "0.123456789012345678", 1),
    "nineteen decimals that end in zero": (as_csv(row(BilledCost="0.1234567890123456780")), "0.123456789012345678", 1),
    "an exponent": (as_csv(row(BilledCost="1.6059e-05")), "0.000016059", 1),
    "a double as a program writes it": (as_csv(row(BilledCost="0.0007365482480924195")), "0.00073654824809242", 1),
    "None": (as_csv(row(ListCost="None", Tags="None")), "1.25", 1),
    "a large exponent": (as_csv(row(BilledCost="1.5E+3")), "1500", 1),
    "twenty digits": (as_csv(row(BilledCost="12345678901234567890.5")), "12345678901234567890.5", 1),
    "negative": (as_csv(row(BilledCost="-0.00000000603")), "-0.00000000603", 1),
    "a plus sign": (as_csv(row(BilledCost="+2")), "2", 1),
    "blanks around a number": (as_csv(row(BilledCost=" 2.5 ")), "2.5", 1),
    "zero as 0E-20": (as_csv(row(BilledCost="0E-20")), "0", 1),
    "the same row twice is two charges": (as_csv(row(), row()), "2.5", 2),
    "windows line ends": (as_csv(row(), row(), end="\r\n"), "2.5", 2),
    "no line end at the end": (as_csv(row()).rstrip("\n"), "1.25", 1),
    "blank lines": (f"{HEADER}\n\n{LINE}\n\n\n{LINE}\n\n", "2.5", 2),
    "semicolons": (as_csv(row(), delimiter=";"), "1.25", 1),
    "tabs": (as_csv(row(), delimiter="\t"), "1.25", 1),
    "bars": (as_csv(row(), delimiter="|"), "1.25", 1),
    "byte order mark": (b"\xef\xbb\xbf" + as_csv(row()).encode(), "1.25", 1),
    "byte order mark before a quote": (
        b'\xef\xbb\xbf"BilledCost"' + as_csv(row()).encode().removeprefix(b"BilledCost"),
        "1.25",
        1,
    ),
    "line break in a cell": (as_csv(row(RegionId="a\nb"), row()), "2.5", 2),
    "quotes in a cell": (as_csv(row(RegionId='a "b" c')), "1.25", 1),
    "a header in other letters": (as_csv(row()).replace("BilledCost", "billedcost").replace("Tags", "TAGS"), "1.25", 1),
    "blanks in the header": (as_csv(row()).replace("EffectiveCost,", " EffectiveCost ,"), "1.25", 1),
    "columns in another order": (as_csv(dict(reversed(row().items()))), "1.25", 1),
    "columns that nobody knows": (as_csv(row(**{"x_Mine": "a", "SELECT": "b", 'a"b': "c"})), "1.25", 1),
    "a long cell": (as_csv(row(RegionId="x" * 1_000_000)), "1.25", 1),
    "a NUL in a cell": (as_csv(row(SubAccountName="pr\x00od")), "1.25", 1),
    "names in every script": (as_csv(row(ServiceName="Служба 服务 🧾")), "1.25", 1),
    "tags with odd keys": (as_csv(row(Tags=json.dumps({"a'b": "1", 'c"d': "2", "": "3", "ü": None}))), "1.25", 1),
    "tags as pairs": (as_csv(row(Tags='[{"key": "team", "value": "core"}]')), "1.25", 1),
    "tags without braces": (as_csv(row(Tags='"team": "core"')), "1.25", 1),
    "tags with numbers and lists": (as_csv(row(Tags='{"n": 5, "l": [1, 2], "o": {"p": 1}}')), "1.25", 1),
    "no optional column at all": (
        as_csv(
            {
                name: ROW[name]
                for name in (
                    "BilledCost",
                    "BillingAccountId",
                    "BillingCurrency",
                    "BillingPeriodStart",
                    "ChargeCategory",
                    "ChargePeriodStart",
                    "ProviderName",
                    "ServiceName",
                )
            }
        ),
        "1.25",
        1,
    ),
    "focus 1.4's names": (
        as_csv({**row(ProviderName=None), "ServiceProviderName": "AWS", "HostProviderName": "AWS"}),
        "1.25",
        1,
    ),
}


@pytest.mark.parametrize("case", RIGHT)
def test_read_right(ledger, tmp_path, case):
    text, billed, rows = RIGHT[case]
    path = tmp_path / "export.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    imported = ledger.take(path)
    assert (imported.committed, imported.rows_read, imported.rows_rejected) == (True, rows, 0)
    assert ledger.billed() == Decimal(billed) == imported.sums["USD"]["BilledCost"]


ROWS_REFUSED = {
    "nineteen decimals": (
        row(BilledCost="0.1234567890123456789"),
        "BilledCost: 0.1234567890123456789 has more than 18 decimals",
    ),
    "an exact exponent beyond 18 decimals": (row(BilledCost="1.23456789012345678e-5"), "is no amount"),
    "twenty-one digits": (row(BilledCost="123456789012345678901"), "BilledCost: 123456789012345678901 is no amount"),
    "thousands separators": (row(BilledCost="1,000.5"), "BilledCost: 1,000.5 is no amount"),
    "underscores": (row(BilledCost="1_000"), "BilledCost: 1_000 is no amount"),
    "a currency sign": (row(BilledCost="$5"), "BilledCost: $5 is no amount"),
    "not a number": (row(EffectiveCost="NaN"), "EffectiveCost: NaN is no amount"),
    "infinity": (row(ListCost="inf"), "ListCost: inf is no amount"),
    "a word": (row(BilledCost="free"), "BilledCost: free is no amount"),
    "no cost": (row(BilledCost=""), "BilledCost has no value"),
    "no currency": (row(BillingCurrency="NULL"), "BillingCurrency has no value"),
    "no billing account": (row(BillingAccountId=""), "BillingAccountId has no value"),
    "no time": (row(ChargePeriodStart=""), "ChargePeriodStart has no value"),
    "an American date": (row(ChargePeriodStart="10/05/2026"), "ChargePeriodStart: 10/05/2026 is no time"),
    "month thirteen": (row(ChargePeriodStart="2026-13-05T00:00:00Z"), "is no time"),
    "the year one": (row(BillingPeriodStart="0001-01-01"), "is no time of a bill"),
    "tags that are no JSON": (row(Tags="team=core"), "Tags: team=core is no JSON object"),
    "tags cut off": (row(Tags='{"team": "co'), "is no JSON object"),
    "a tag twice": (row(Tags='{"team": "a", "team": "b"}'), "is no JSON object"),
}


@pytest.mark.parametrize("case", ROWS_REFUSED)
def test_a_row_refused_with_file_line_and_reason(ledger, tmp_path, case):
    bad, reason = ROWS_REFUSED[case]
    path = tmp_path / "export.csv"
    path.write_text(as_csv(row(), bad, row(RegionId="a\nb"), row()))
    refused = ledger.take(path)
    assert (refused.committed, refused.rows_read, refused.rows_kept, refused.rows_rejected) == (False, 4, 3, 1)
    assert ledger.slices() == ()  # nothing changed
    (example,) = refused.examples
    assert (example.file, example.line) == (str(path), 3)
    assert reason in example.reason
    assert reason in Path(refused.rejects).read_text()
    taken = ledger.take(path, allow_rejects=True)
    assert taken.committed
    assert ledger.billed() == Decimal("3.75")


BROKEN: dict[str, tuple[str | bytes, str]] = {
    "too few fields": ("a,b", "it has 2 fields"),
    "too many fields": (LINE + ",x", "it has 18 fields, the header has 17"),
    "a quote that is never closed": ('"' + LINE, "a quote is not closed"),
    "text after a quote": ('"a"b' + LINE[4:], "it is not CSV"),
    "latin-1": (LINE.replace("prod", "caf\xe9").encode("latin-1"), "it is not UTF-8 text"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_line_that_is_no_record(ledger, tmp_path, case):
    line, reason = BROKEN[case]
    path = tmp_path / "export.csv"
    data = line if isinstance(line, bytes) else line.encode()
    path.write_bytes(b"\n".join([HEADER.encode(), LINE.encode(), data, LINE.encode(), b""]))
    refused = ledger.take(path)
    assert (refused.committed, refused.rows_read, refused.rows_kept) == (False, 3, 2)
    assert [(one.line, reason in one.reason) for one in refused.examples] == [(3, True)]
    assert ledger.take(path, allow_rejects=True).committed
    assert ledger.billed() == Decimal("2.5")


def test_broken_lines_and_bad_cells_at_once(ledger, tmp_path):
    path = tmp_path / "export.csv"
    bad = as_csv(row(BilledCost="free")).splitlines()[1]
    path.write_text(f"{HEADER}\na,b\n{LINE}\n{bad}\n{LINE}\n")
    refused = ledger.take(path)
    assert (refused.rows_read, refused.rows_kept, refused.rows_rejected) == (4, 2, 2)
    assert [one.line for one in refused.examples] == [2, 4]
    assert {one.file for one in refused.examples} == {str(path)}


def gz(text: str) -> bytes:
    return gzip.compress(text.encode())


FILES_REFUSED = {
    "empty": (b"", "is empty"),
    "header only": (HEADER.encode() + b"\n", "a header and no rows"),
    "UTF-16": (as_csv(row()).encode("utf-16"), "is UTF-16"),
    "zip": (b"PK\x03\x04rest", "is a zip archive"),
    "cut off gzip": (
        gz(as_csv(*[row(RegionId=str(n) * 50) for n in range(500)]))[:-200],
        "is not whole: its gzip stream",
    ),
    "parquet cut off": (b"PAR1" + b"x" * 100, "is not a readable Parquet file"),
    "a lone carriage return first": (b"\r" + as_csv(row()).encode()[1:], "its first line cannot be read"),
    "another file": (b"a,b,c\n1,2,3\n", "neither a FOCUS nor a CUR export"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "is not UTF-8 text"),
    "a column twice": (
        HEADER.replace("RegionId", "BilledCost").encode() + b"\n" + LINE.encode(),
        "names 'BilledCost' twice",
    ),
    "no mandatory column": (
        as_csv(row(BillingCurrency=None, ServiceName=None)).encode(),
        "without the columns BillingCurrency, ServiceName",
    ),
    "a slip of a column's name": (
        as_csv(row()).replace("BillingCurrency", "BillingCurency").encode(),
        "BillingCurrency (there is 'billingcurency')",
    ),
}


@pytest.mark.parametrize("case", FILES_REFUSED)
def test_a_file_refused_in_one_line(ledger, tmp_path, case):
    data, reason = FILES_REFUSED[case]
    path = tmp_path / "export.csv"
    path.write_bytes(data)
    with pytest.raises(FarthingError) as refused:
        ledger.take(path)
    message = str(refused.value)
    assert reason in message
    assert str(path) in message
    assert "\n" not in message
    assert ledger.slices() == ()


@pytest.mark.parametrize("name", ["o'brien.csv", "a[1].csv", "what?.csv", "star*.csv", "-- .csv", "ü 🧾.csv"])
def test_odd_names_of_files(ledger, tmp_path, name):
    path = tmp_path / name
    path.write_text(as_csv(row()))
    (tmp_path / "a1.csv").write_text(as_csv(row(BilledCost="7")))
    assert ledger.take(path).rows_read == 1


def test_a_name_does_not_say_what_a_file_is(ledger, tmp_path):
    (tmp_path / "gzipped.csv").write_bytes(gz(as_csv(row(BilledCost="2"))))
    assert ledger.take(tmp_path / "gzipped.csv").committed
    (tmp_path / "plain.csv.gz").write_text(as_csv(row(BilledCost="3")))
    assert ledger.take(tmp_path / "plain.csv.gz").committed
    assert ledger.billed() == 3  # the second delivery of the month replaced the first


PARQUET = {
    "doubles": ("1.6059e-05::DOUBLE", "0.000016059"),
    "floats": ("0.1::FLOAT", "0.1"),
    "whole numbers": ("7::BIGINT", "7"),
    "narrow decimals": ("1.25::DECIMAL(10,2)", "1.25"),
    "wide decimals": ("0.1234567890123456780::DECIMAL(38,19)", "0.123456789012345678"),
    "texts": ("'1.25'::VARCHAR", "1.25"),
    "a double that 18 decimals do not hold": ("1.2345678901234567e-05::DOUBLE", "0.000012345678901235"),
}


def parquet(path: Path, billed: str, **changes: str) -> Path:
    columns = {
        "BilledCost": billed,
        "BillingAccountId": "'123456789012'",
        "BillingCurrency": "'USD'",
        "BillingPeriodStart": "TIMESTAMP '2026-10-01'",
        "ChargeCategory": "'Usage'",
        "ChargePeriodStart": "TIMESTAMP '2026-10-05 04:00:00'",
        "ProviderName": "'AWS'",
        "ServiceName": "'S3'",
        **changes,
    }
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        selected = ", ".join(f'{sql} AS "{name}"' for name, sql in columns.items())
        connection.execute(f"COPY (SELECT {selected}) TO '{path}' (FORMAT parquet)")
    return path


@pytest.mark.parametrize("case", PARQUET)
def test_amounts_in_parquet(ledger, tmp_path, case):
    sql, billed = PARQUET[case]
    imported = ledger.take(parquet(tmp_path / "export.parquet", sql))
    assert imported.committed
    assert ledger.billed() == Decimal(billed)
    assert imported.rounded == (1 if "do not hold" in case else 0)


@pytest.mark.parametrize(
    "sql", ["'nan'::DOUBLE", "'-inf'::DOUBLE", "1e25::DOUBLE", "0.1234567890123456789::DECIMAL(38,19)", "'x'"]
)
def test_amounts_in_parquet_that_are_refused(ledger, tmp_path, sql):
    refused = ledger.take(parquet(tmp_path / "export.parquet", sql))
    assert (refused.committed, refused.rows_rejected) == (False, 1)
    assert refused.examples[0].line == 1
    assert "BilledCost" in refused.examples[0].reason


@pytest.mark.parametrize(
    "sql",
    [
        "TIMESTAMP_NS '2026-10-05 04:00:00'",
        "TIMESTAMPTZ '2026-10-05 06:00:00+02'",
        "'2026-10-05T06:00:00+02:00'",
        "TIMESTAMP_S '2026-10-05 04:00:00'",
    ],
)
def test_times_in_parquet(ledger, tmp_path, sql):
    assert ledger.take(parquet(tmp_path / "export.parquet", "1", ChargePeriodStart=sql)).committed
    assert ledger.rows("CAST(ChargePeriodStart AS VARCHAR)") == [("2026-10-05 04:00:00",)]


@pytest.mark.parametrize(
    "sql",
    ["MAP {'team': 'core'}", "{'team': 'core'}", '\'{"team": "core"}\'', "[{'key': 'team', 'value': 'core'}]"],
)
def test_tags_in_parquet(ledger, tmp_path, sql):
    assert ledger.take(parquet(tmp_path / "export.parquet", "1", Tags=sql)).committed
    assert ledger.rows("Tags['team']") == [("core",)]


def test_a_damaged_block_of_a_parquet_file(ledger, tmp_path):
    path = parquet(tmp_path / "export.parquet", "1.25::DOUBLE")
    data = bytearray(path.read_bytes())
    data[4:60] = b"\xff" * 56
    path.write_bytes(bytes(data))
    with pytest.raises(ExportError, match=r"export\.parquet"):
        ledger.take(path)
    assert ledger.slices() == ()
