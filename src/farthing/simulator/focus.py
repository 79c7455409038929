"""A FOCUS export as a source: CSV (also gzipped) or Parquet, one file or a folder of them.

Loaded by the command line alone: DuckDB, which reads Parquet, has no place in the Lambda. Costs stay exact: text is
taken as it is written, doubles as the shortest decimal that means them.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import tempfile
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from operator import add
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TextIO, cast

from farthing.simulator.organisation import Leaf
from farthing.simulator.replay import DECIMALS, NO_ACCOUNT, scaled
from farthing.simulator.source import METRICS, Amounts, still_estimated

if TYPE_CHECKING:
    import duckdb

REQUIRED = ("BilledCost", "BillingCurrency", "ChargeCategory", "ChargePeriodStart", "ServiceName")
_OTHERS: Mapping[str, str] = MappingProxyType(
    {"AvailabilityZone": "AZ", "InvoiceIssuerName": "INVOICING_ENTITY", "x_Operation": "OPERATION"}
)
"""Columns whose values are a dimension's, apart from those that `_leaf` reads."""
COLUMNS = (
    *REQUIRED,
    *("BillingAccountId", "ChargeFrequency", "CommitmentDiscountId", "CommitmentDiscountType"),
    *("ConsumedQuantity", "ConsumedUnit", "EffectiveCost", "RegionId", "SkuId", "SubAccountId", "SubAccountName"),
    *("Tags", "x_CostCategories", "x_UsageType"),
    *_OTHERS,
)
"""All that is read; other columns are not looked at."""

RECORD_TYPES: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("Usage", ""): "Usage",
        ("Usage", "Savings Plan"): "SavingsPlanCoveredUsage",
        ("Usage", "Reservation"): "DiscountedUsage",
        ("Purchase", ""): "Fee",
        ("Purchase", "Savings Plan"): "SavingsPlanRecurringFee",
        ("Purchase", "Reservation"): "RIFee",
        ("Tax", ""): "Tax",
        ("Credit", ""): "Credit",
        ("Adjustment", ""): "Refund",
    }
)
"""ChargeCategory and kind of commitment to Cost Explorer's RECORD_TYPE; what is not listed with a commitment is as
without one. A savings plan that is bought once is a SavingsPlanUpfrontFee."""

_BATCH = 10_000
_EMPTY = frozenset({"", "NULL"})
_DAY = timedelta(days=1)
YEARS = range(1970, 9000)
"""Of charges. What is asked for lies up to years about them, and dates end with 9999."""
_Row = Mapping[str, str]


class FocusError(ValueError):
    """The file cannot be answered from; the message names it, the line or row, and what is wrong."""


class FocusBill:
    """A FOCUS export as the bill that is answered.

    Every day from the first charge on is answered, one without charges as empty. `today` is the current UTC day.
    """

    decimals: int = DECIMALS

    def __init__(
        self,
        today: date,
        metrics: Sequence[str],
        leaves: Sequence[Leaf],
        account_names: Mapping[str, str],
        days: Mapping[date, Mapping[int, Amounts]],
        currency: str,
    ) -> None:
        """See the class; `days` holds the amounts per leaf. Use `read` to make one."""
        self.today = today
        self.first_day = min(days)
        self.metrics = tuple(metrics)
        self.leaves = tuple(leaves)
        self.account_names = dict(account_names)
        self.currency = currency
        self._days = {day: dict(lines) for day, lines in days.items() if day <= today}

    def recorded(self, day: date) -> bool:
        """Every day from the first on."""
        return day >= self.first_day

    def estimated(self, day: date) -> bool:
        """Cost Explorer's flag, by the calendar."""
        return still_estimated(day, self.today)

    def amounts(self, day: date) -> Iterator[tuple[int, Amounts]]:
        """The day's lines."""
        yield from self._days.get(day, {}).items()


def read(path: Path, today: date | None = None) -> FocusBill:
    """Read a file or a folder. `today` is the current UTC day; by default the one after the last charge.

    Raises FocusError.
    """
    maker = _Maker()
    for file in _files(path):
        rows = _parquet_rows(file) if file.suffix == ".parquet" else _csv_rows(file)
        with closing(rows):
            maker.take(file, rows)
    return maker.finish(path, today)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise FocusError(f"{path}: there is no such file or folder")
    if not path.is_dir():
        if not path.name.endswith((".parquet", ".csv", ".csv.gz")):
            raise FocusError(f"{path}: neither .csv, .csv.gz nor .parquet")
        return [path]
    files = sorted(file for file in path.rglob("*") if file.is_file())
    parquet = [file for file in files if file.name.endswith(".parquet")]
    text = [file for file in files if file.name.endswith((".csv", ".csv.gz"))]
    if parquet and text:
        raise FocusError(f"{path}: holds both CSV and Parquet files; give the folder of one kind")
    if not (parquet or text):
        raise FocusError(f"{path}: holds no .csv, .csv.gz or .parquet file")
    return parquet or text


def _csv_rows(path: Path) -> Generator[tuple[str, _Row], None, None]:
    """(where, the columns that have a value) per row."""
    try:
        with _open(path) as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            places = _places(path, header)
            yield f"{path}, header", dict.fromkeys(places, "")
            for fields in reader:
                if not fields:
                    continue
                where = f"{path}, line {reader.line_num}"
                if len(fields) != len(header):
                    raise FocusError(f"{where}: {len(fields)} fields, the header has {len(header)}")
                yield where, {name: fields[at] for name, at in places.items() if fields[at] not in _EMPTY}
    except UnicodeDecodeError as error:
        raise FocusError(f"{path}: not UTF-8 text") from error
    except csv.Error as error:
        raise FocusError(f"{path}, line {reader.line_num}: not CSV ({error})") from error
    except (OSError, EOFError, zlib.error) as error:
        raise FocusError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _parquet_rows(path: Path) -> Generator[tuple[str, _Row], None, None]:
    import duckdb

    try:
        with _connect() as connection:
            table = "read_parquet(?, hive_partitioning = false)"
            described = connection.execute(f"DESCRIBE SELECT * FROM {table}", [str(path)]).fetchall()  # noqa: S608
            kinds = {str(name): str(kind) for name, kind, *_ in described}
            names = list(_places(path, list(kinds)))
            yield f"{path}, schema", dict.fromkeys(names, "")
            picked = ", ".join(_as_text(name, kinds[name]) for name in names)
            answer = connection.execute(f"SELECT {picked} FROM {table}", [str(path)])  # noqa: S608
            for number, values in enumerate(_fetched(answer), 1):
                pairs = zip(names, values, strict=True)
                yield (
                    f"{path}, row {number}",
                    {name: value for name, value in pairs if value is not None and value not in _EMPTY},
                )
    except duckdb.Error as error:
        raise FocusError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error


def _connect() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            # Made only when memory runs out; by default that would be in the working directory.
            "temp_directory": str(Path(tempfile.gettempdir()) / f"farthing-duckdb-{os.getpid()}"),
        }
    )


def _fetched(answer: duckdb.DuckDBPyConnection) -> Iterator[Sequence[str | None]]:
    while batch := answer.fetchmany(_BATCH):
        yield from batch


def _as_text(name: str, kind: str) -> str:
    """An expression for the column as text: points in time in UTC, doubles at their shortest, maps as JSON."""
    column = f'"{name}"'
    if kind.startswith(("TIMESTAMP", "DATE")):
        return f"CAST(make_timestamp(epoch_us({column})) AS VARCHAR)"
    if kind.startswith(("MAP", "STRUCT")) or kind.endswith("[]"):
        return f"CAST(to_json({column}) AS VARCHAR)"
    return f"CAST({column} AS VARCHAR)"


def _places(path: Path, header: Sequence[str]) -> dict[str, int]:
    """The columns that are read, and where they stand."""
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise FocusError(f"{path}: no column {', '.join(missing)}: not a FOCUS 1.x export")
    return {name: header.index(name) for name in COLUMNS if name in header}


class _Maker:
    def __init__(self) -> None:
        self._leaves: dict[Leaf, int] = {}
        self._names: dict[str, str] = {}
        self._days: dict[date, dict[int, Amounts]] = {}
        self._metrics: tuple[str, ...] | None = None
        self._currency: str | None = None

    def take(self, path: Path, rows: Iterator[tuple[str, _Row]]) -> None:
        """The first of the rows is the header: every column that there is."""
        _, header = next(rows)
        metrics = _metrics(header)
        if self._metrics not in (None, metrics):
            raise FocusError(f"{path}: has not the same cost and quantity columns as the files before")
        self._metrics = metrics
        for where, row in rows:
            try:
                self._take_row(row)
            except ValueError as error:
                raise FocusError(f"{where}: {error}") from error

    def _take_row(self, row: _Row) -> None:
        currency = row.get("BillingCurrency")
        if not currency:
            raise ValueError("BillingCurrency is empty")
        if self._currency not in (None, currency):
            raise ValueError(f"in {currency}, the rows before in {self._currency}; one bill has one currency")
        self._currency = currency
        day = _day(row.get("ChargePeriodStart", ""))
        billed = _amount(row, "BilledCost")
        effective = _amount(row, "EffectiveCost") if "AmortizedCost" in (self._metrics or ()) else 0
        quantity = _amount(row, "ConsumedQuantity") if "ConsumedQuantity" in row else 0
        leaf = _leaf(row)
        if name := row.get("SubAccountName"):
            self._names[leaf.account] = name
        place = self._leaves.setdefault(leaf, len(self._leaves))
        amounts: Amounts = (billed, billed, effective, effective, 0, quantity, 0)
        lines = self._days.setdefault(day, {})
        known = lines.get(place)
        lines[place] = amounts if known is None else cast("Amounts", tuple(map(add, known, amounts)))

    def finish(self, path: Path, today: date | None) -> FocusBill:
        if not self._days:
            raise FocusError(f"{path}: no rows")
        first = min(self._days)
        today = today or max(self._days) + _DAY
        if today <= first:
            raise FocusError(f"{path}: begins on {first}: --today {today} must be after it")
        return FocusBill(
            today, self._metrics or (), tuple(self._leaves), self._names, self._days, self._currency or "USD"
        )


def _metrics(header: _Row) -> tuple[str, ...]:
    """What the columns tell: costs with discounts are all that FOCUS has, so gross and net are the same."""
    known = {"UnblendedCost", "NetUnblendedCost"}
    if "EffectiveCost" in header:
        known |= {"AmortizedCost", "NetAmortizedCost"}
    if "ConsumedQuantity" in header:
        known.add("UsageQuantity")
    return tuple(name for name in METRICS if name in known)


def _amount(row: _Row, column: str) -> int:
    text = row.get(column)
    if text is None:
        raise ValueError(f"{column} is empty")
    try:
        return _scaled(text)
    except ValueError as error:
        raise ValueError(f"{column} {text[:60]!r} is not {error}") from None


_scaled = lru_cache(maxsize=1 << 16)(scaled)


@lru_cache(maxsize=1 << 12)
def _day(text: str) -> date:
    """The UTC day; a time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        raise ValueError(f"ChargePeriodStart {text[:60]!r} is not a point in time") from None
    # Looked at first: in the very first and last year UTC may be out of reach.
    if moment.year not in YEARS:
        raise ValueError(f"ChargePeriodStart {text[:60]!r} is not in the years {YEARS[0]} to {YEARS[-1]}")
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date()


def _leaf(row: _Row) -> Leaf:
    others = {dimension: row[column] for column, dimension in _OTHERS.items() if column in row}
    kind = _commitment(row)
    if kind and "CommitmentDiscountId" in row:
        name = "SAVINGS_PLAN_ARN" if kind == "Savings Plan" else "RESERVATION_ID"
        others[name] = row["CommitmentDiscountId"]
    return Leaf(
        service=row.get("ServiceName", ""),
        account=row.get("SubAccountId") or row.get("BillingAccountId") or NO_ACCOUNT,
        region=row.get("RegionId", ""),
        record_type=_record_type(row.get("ChargeCategory", ""), kind, row.get("ChargeFrequency", "")),
        usage_type=row.get("x_UsageType") or row.get("SkuId", ""),
        unit=row.get("ConsumedUnit", "N/A"),
        tags=_pairs("Tags", row.get("Tags", "")),
        categories=_pairs("x_CostCategories", row.get("x_CostCategories", "")),
        others=tuple(sorted(others.items())),
    )


def _commitment(row: _Row) -> str:
    kind = row.get("CommitmentDiscountType", "").lower()
    if "saving" in kind:
        return "Savings Plan"
    return "Reservation" if "reserv" in kind else ""


def _record_type(category: str, commitment: str, frequency: str) -> str:
    if (category, "") not in RECORD_TYPES:
        known = ", ".join(name for name, kind in RECORD_TYPES if not kind)
        raise ValueError(f"ChargeCategory {category[:60]!r} is none of {known}")
    found = RECORD_TYPES.get((category, commitment)) or RECORD_TYPES[category, ""]
    once = frequency.lower() == "one-time"
    return "SavingsPlanUpfrontFee" if once and found == "SavingsPlanRecurringFee" else found


@lru_cache(maxsize=1 << 14)
def _pairs(column: str, text: str) -> tuple[tuple[str, str], ...]:
    """The key-value pairs of a JSON object, sorted; without the empty ones, which mean the same as none."""
    if not text:
        return ()
    try:
        pairs = json.loads(text)
    except (ValueError, RecursionError):
        pairs = None
    if not isinstance(pairs, dict):
        raise ValueError(f"{column} {text[:60]!r} is not a JSON object")  # noqa: TRY004 - the text is wrong
    spelled = {key: value if isinstance(value, str) else json.dumps(value) for key, value in pairs.items()}
    return tuple(sorted((key, value) for key, value in spelled.items() if value and value != "null"))
