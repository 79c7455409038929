"""Whether a delivery of many bills can be read bill by bill: each is sorted alone then, in memory, much faster.

AWS delivers a file for each billing period, and a file that was written in the order of time has the periods in
different row groups. Both can be told from the statistics that Parquet keeps.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from farthing.sources.exports.audit import Audit, SliceKey
from farthing.sources.exports.reading import Part, Reading, source_of
from farthing.sqltext import escaped, literal

if TYPE_CHECKING:
    import duckdb

MAX_WORK = 1.5
"""Rows read, in multiples of the rows there are, up to which reading each bill by itself is worth it."""

PERIOD = "BillingPeriodStart"


class _Block(msgspec.Struct, frozen=True):
    """Rows that are read together or not at all, and the days between which their billing periods begin."""

    file: str
    rows: int
    first: date
    last: date


def apart(connection: "duckdb.DuckDBPyConnection", found: Audit) -> Mapping[SliceKey, Reading] | None:
    """For each bill of a delivery the files that hold it; None where all would have to be read for nearly each."""
    blocks: list[_Block] = []
    for part in found.reading.parts:
        told = _blocks(connection, part)
        if told is None:
            return None
        blocks += told
    periods = [key.period for key in found.keys]
    work = sum(block.rows * sum(block.first <= period <= block.last for period in periods) for block in blocks)
    if work > MAX_WORK * sum(block.rows for block in blocks):
        return None
    return {key: _reading_of(found.reading, key.period, blocks) for key in found.keys}


def _reading_of(reading_: Reading, period: date, blocks: Sequence[_Block]) -> Reading:
    names = {block.file for block in blocks if block.first <= period <= block.last}
    parts = [
        msgspec.structs.replace(part, files=tuple(file for file in part.files if str(file) in names))
        for part in reading_.parts
    ]
    return msgspec.structs.replace(reading_, parts=tuple(part for part in parts if part.files))


def _blocks(connection: "duckdb.DuckDBPyConnection", part: Part) -> list[_Block] | None:
    source = source_of(part, PERIOD)
    if part.header.kind != "parquet" or source is None:
        return None
    name, type_ = source
    files = ", ".join(literal(escaped(file)) for file in part.files)
    bounds = "TRY_CAST({0}(stats_min_value) AS TIMESTAMP), TRY_CAST({1}(stats_max_value) AS TIMESTAMP)"
    # Only times without a zone are compared with the statistics of row groups; else a file is read whole.
    by_group = type_ == "TIMESTAMP"
    columns = f"row_group_num_rows, {bounds.format('', '')}" if by_group else (
        f"sum(row_group_num_rows), {bounds.format('min', 'max')}"
    )  # fmt: skip
    grouping = "" if by_group else " GROUP BY file_name"
    lacking = "count(*) FILTER (stats_min_value IS NULL OR stats_max_value IS NULL)"
    where = f"FROM parquet_metadata([{files}]) WHERE path_in_schema = {literal(name)}"
    if connection.execute(f"SELECT {lacking} {where}").fetchall()[0][0]:
        return None
    rows = connection.execute(f"SELECT file_name, {columns} {where}{grouping}").fetchall()
    if {file for file, *_ in rows} != {str(file) for file in part.files}:
        return None
    if any(not isinstance(moment, datetime) for row in rows for moment in row[2:]):
        return None
    return [_Block(str(Path(file)), int(count), first.date(), last.date()) for file, count, first, last in rows]
