"""What signals read instead of hundreds of daily reports: plain numbers, by day and leaf, in ``state/series``.

Derived and disposable. One object for each calendar month and metric: a line of JSON that names its columns and leaves,
then the numbers as packed doubles, then a checksum. A column names the ETags of the reports that it was made from, and
counts only while these are the reports' ETags in the ledger; whatever is missing, stale or damaged is made anew.

The numbers are doubles and serve judgements only: amounts that people see come from the reports.
"""

import logging
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import compress, repeat
from math import fsum
from operator import ge
from zlib import crc32

import msgspec

from farthing.errors import ConflictError, CorruptError, FarthingError
from farthing.ledger.reports import Reports
from farthing.ledger.store import Store, Stored
from farthing.model import BILLED_COST, EFFECTIVE_COST, DailyReport

SCHEMA = "farthing.series/1"
PREFIX = "state/series/"
METRICS = (BILLED_COST, EFFECTIVE_COST)
"""The metrics that are kept; a report without one of them counts as zero for it."""

MAX_DAYS = 400
"""Days before today that are kept as days: a month that begins earlier is kept as its sums."""

MAX_TRIES = 5
"""How often a write that met another writer's is merged and tried again, before it is left to the next reader."""

DOUBLE = 8
"""Bytes."""

CHECKSUM = 4
"""Bytes: CRC-32, least byte first, of all that stands before it."""

Leaf = tuple[str, str]
"""(ServiceName, SubAccountId)."""

_log = logging.getLogger("farthing")


class DayColumn(msgspec.Struct, frozen=True):
    """One day's report as plain numbers.

    ``etag`` is that of the report in the ledger. ``amounts`` has, for each of ``METRICS``, as many numbers as there are
    leaves.
    """

    day: date
    etag: str
    currency: str
    estimated: bool
    leaves: tuple[Leaf, ...]
    amounts: "Mapping[str, array[float]]"


def day_column(report: DailyReport, etag: str, known: dict[Leaf, Leaf]) -> DayColumn:
    """A report of the ledger as a column.

    Args:
        report: the report as it stands in the ledger.
        etag: its object's ETag.
        known: the leaves met so far, {} at first; the columns of many days then share them in memory.
    """
    keys = [charge.keys for charge in report.charges]
    amounts = {}
    for metric in METRICS:
        if metric in report.metrics:
            index = report.metrics.index(metric)
            # Adding zero makes a -0 a 0: the same report gives the same bytes.
            amounts[metric] = array("d", [float(charge.amounts[index]) + 0.0 for charge in report.charges])
        else:
            amounts[metric] = _zeros(len(keys))
    leaves = tuple(map(known.setdefault, keys, keys))
    return DayColumn(report.date, etag, report.currency, report.estimated, leaves, amounts)


class _Part(msgspec.Struct, frozen=True):
    """A month's numbers within a table: ``places`` tells where each leaf of the table stands in it, -1 if nowhere."""

    numbers: "array[float]"
    width: int
    places: Sequence[int]
    nothing: "array[float]"


class Table(msgspec.Struct, frozen=True):
    """Numbers of leaves over time. The tuples but ``leaves`` run alike: an entry for each column, oldest first.

    Attributes:
        dates: the column's day, or the first day of its month.
        counts: how many days it is the sum of; 1 for a day.
        currencies: what its numbers are in. Numbers of two currencies must not be added up.
        estimated: whether AWS said so of any of its days.
        leaves: sorted; each has a number other than zero in some column.
        parts: how the numbers are kept; ask :meth:`values`.
    """

    dates: tuple[date, ...]
    counts: tuple[int, ...]
    currencies: tuple[str, ...]
    estimated: tuple[bool, ...]
    leaves: tuple[Leaf, ...]
    parts: tuple[_Part, ...]

    def values(self, place: int) -> "array[float]":
        """The numbers of ``leaves[place]``, one for each column; zero where the reports have no such row."""
        found = array("d")
        for part in self.parts:
            at = part.places[place]
            found += part.numbers[at :: part.width] if at >= 0 else part.nothing
        return found


class Window(msgspec.Struct, frozen=True):
    """What a ledger says of one metric: at most 400 days one by one, and the months before them as sums.

    A day without a report, or with one that cannot be read, is in neither: a gap is a gap, never a zero. A month that
    has two currencies has a sum for each.
    """

    metric: str
    daily: Table
    monthly: Table


class Series:
    """The series of one ledger.

    Args:
        store: the ledger's home.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reports = Reports(store)
        self._unreadable: dict[date, str] = {}
        self._readable = True
        self._writable = True

    def update(self, columns: Iterable[DayColumn], metrics: Iterable[str] = METRICS) -> None:
        """Takes in days that were just written to the ledger, so that nobody reads their reports again.

        Only the objects of these days' months are read, and written if they change. A failure is logged and raises
        nothing: the next :meth:`load` mends it.
        """
        months: dict[date, list[DayColumn]] = {}
        for column in columns:
            months.setdefault(_month(column.day), []).append(column)
        if not months or not self._writable:
            return
        metrics = tuple(metrics)
        try:
            listed = self._reports.etags()
            for month, fresh in sorted(months.items()):
                for metric in metrics:
                    stored = self._store.read(key_of(metric, month))
                    pieces = [_piece(column, metric) for column in fresh]
                    self._keep(metric, month, pieces, stored, self._block(stored, metric, month), listed)
        except FarthingError as error:
            self._stop_writing(error)

    def load(self, metric: str, today: date, since: date | None = None) -> Window:
        """What the ledger says of a metric before ``today``.

        What is not up to date is made anew from the reports and written back; a write that fails is logged and nothing
        else.

        Args:
            metric: one of ``METRICS``.
            today: the UTC day that the 400 days are counted from; it is not part of them.
            since: the first day of interest; months before its own are neither read nor checked. None: all.

        Raises:
            LedgerError: the reports cannot be listed or read.
        """
        # Listed before anything is read: a report that is rewritten meanwhile is then noticed the next time.
        listed = self._reports.etags()
        daily_from = today - timedelta(days=MAX_DAYS)
        first = _month(since) if since else date.min
        months: dict[date, list[date]] = {}
        for day in listed:
            if first <= day and _month(day) < today:
                months.setdefault(_month(day), []).append(day)
        daily: dict[date, _Block] = {}
        monthly: dict[date, _Block] = {}
        known: dict[Leaf, Leaf] = {}
        for month, stored in zip(months, self._stored(metric, list(months)), strict=True):
            as_days = month >= daily_from
            block = self._brought_up(metric, months[month], stored, listed, as_days=as_days)
            if as_days:
                block = _between(block, since or date.min, today)
            # Every month has texts of its own for the same leaves: one of each is enough.
            block = msgspec.structs.replace(block, leaves=tuple(map(known.setdefault, block.leaves, block.leaves)))
            (daily if as_days else monthly)[month] = block
        return Window(
            metric,
            daily=_table(daily, lambda _, column: min(column.etags)),
            monthly=_table(monthly, lambda month, _: month),
        )

    def _brought_up(
        self, metric: str, days: Sequence[date], stored: Stored | None, listed: Mapping[date, str], *, as_days: bool
    ) -> "_Block":
        """The month of these days as its reports are now; written back if that changed anything."""
        month = _month(days[0])
        block = self._block(stored, metric, month)
        pieces = _counting(_pieces(block), listed, as_days=as_days)
        covered = {day for piece in pieces for day in piece.column.etags}
        fresh = self._read([day for day in days if day not in covered], listed)
        in_shape = as_days or _is_summed(pieces)
        if block is not None and len(pieces) == len(block.columns) and not fresh and in_shape:
            return block
        pieces += [_piece(column, metric) for column in fresh]
        if not as_days and not _is_summed(pieces):
            # A sum cannot be taken apart: its days are needed one by one.
            sums = [piece for piece in pieces if len(piece.column.etags) > 1]
            again = self._read([day for piece in sums for day in piece.column.etags], listed)
            pieces = [piece for piece in pieces if len(piece.column.etags) == 1]
            pieces = _summed([*pieces, *(_piece(column, metric) for column in again)])
        if self._writable:
            try:
                self._keep(metric, month, pieces, stored, block, listed, as_days=as_days)
            except FarthingError as error:
                self._stop_writing(error)
        # The reports were read and decoded, which is nearly all of the work: the other metrics have their share.
        self.update(fresh, [other for other in METRICS if other != metric])
        return _block(pieces)

    def _keep(
        self,
        metric: str,
        month: date,
        pieces: "list[_Piece]",
        stored: Stored | None,
        block: "_Block | None",
        listed: Mapping[date, str],
        *,
        as_days: bool = False,
    ) -> None:
        """Writes these columns, and those of the stored object that count, unless it says just that already."""
        key = key_of(metric, month)
        for _ in range(MAX_TRIES):
            data = _encoded(metric, month, _block(_counting([*pieces, *_pieces(block)], listed, as_days=as_days)))
            if stored is not None and stored.data == data:
                return
            try:
                if stored is None:
                    self._store.create(key, data)
                else:
                    self._store.replace(key, data, stored.etag)
                return
            except ConflictError:
                # Which of two columns is the newer one, the reports tell.
                listed = self._reports.etags()
                stored = self._store.read(key)
                block = self._block(stored, metric, month)
        _log.debug(f"{self._store.locate(key)} is being written by others all the time; it is left to them")

    def _stored(self, metric: str, months: Sequence[date]) -> Iterator[Stored | None]:
        """The months' objects; where they cannot be read, None: the reports say the same."""
        found = self._store.read_many(key_of(metric, month) for month in months)
        for _ in months:
            stored = None
            if self._readable:
                try:
                    stored = next(found)
                except FarthingError as error:
                    self._readable = self._writable = False
                    _log.warning(f"state/series cannot be read, the daily reports are read instead: {error}")
            yield stored

    def _block(self, stored: Stored | None, metric: str, month: date) -> "_Block | None":
        if stored is None:
            return None
        try:
            return _decoded(stored.data, metric, month)
        except (msgspec.DecodeError, ValueError) as error:
            where = self._store.locate(key_of(metric, month))
            _log.warning(f"{where} cannot be used ({error}) and is made anew from the daily reports")
            return None

    def _read(self, days: Iterable[date], listed: Mapping[date, str]) -> list[DayColumn]:
        """The reports of these days as columns; one that cannot be read is said once and left out."""
        columns = []
        known: dict[Leaf, Leaf] = {}
        for day, report in self._reports.read_many(day for day in days if self._unreadable.get(day) != listed[day]):
            if isinstance(report, CorruptError):
                self._unreadable[day] = listed[day]
                _log.warning(str(report))
            else:
                columns.append(day_column(report, listed[day], known))
        return columns

    def _stop_writing(self, error: FarthingError) -> None:
        """Once is enough: a full disk or a missing permission stays as it is for a while."""
        self._writable = False
        _log.warning(f"state/series cannot be written, the next reader makes it from the daily reports: {error}")


def key_of(metric: str, month: date) -> str:
    """Where a month's numbers of a metric stand."""
    return f"{PREFIX}{metric}/{month:%Y-%m}"


# The object of one month


class _Column(msgspec.Struct, frozen=True):
    """What a column is the sum of: one day, or the days of a month that are in one currency."""

    currency: str
    estimated: bool
    etags: dict[date, str]


class _Header(msgspec.Struct, frozen=True):
    schema: str
    metric: str
    month: str
    columns: tuple[_Column, ...]
    leaves: dict[str, list[str]]


class _Block(msgspec.Struct, frozen=True):
    """A month in memory: ``numbers`` column by column, in each of them one for every leaf."""

    columns: tuple[_Column, ...]
    leaves: tuple[Leaf, ...]
    numbers: "array[float]"


class _Piece(msgspec.Struct, frozen=True):
    """One column with the leaves that it has numbers for."""

    column: _Column
    leaves: tuple[Leaf, ...]
    numbers: "array[float]"


_decoder = msgspec.json.Decoder(_Header)


def _encoded(metric: str, month: date, block: _Block) -> bytes:
    leaves: dict[str, list[str]] = {}
    for service, account in block.leaves:
        leaves.setdefault(service, []).append(account)
    header = _Header(SCHEMA, metric, f"{month:%Y-%m}", block.columns, leaves)
    text = msgspec.json.encode(header) + b"\n"
    numbers = _little_endian(block.numbers)
    return b"".join([text, numbers, crc32(numbers, crc32(text)).to_bytes(CHECKSUM, "little")])


def _decoded(data: bytes, metric: str, month: date) -> _Block:
    """The month in these bytes; a ValueError says what is wrong with them.

    Nothing is allocated by what the header claims: every column and leaf that counts is spelled out in it.
    """
    body = memoryview(data)[:-CHECKSUM]
    if crc32(body) != int.from_bytes(data[-CHECKSUM:], "little"):
        raise ValueError("its checksum is wrong")
    start = data.find(b"\n") + 1
    header = _decoder.decode(body[:start])
    if header.schema != SCHEMA:
        raise ValueError(f"its schema is {header.schema!r}, this version knows {SCHEMA!r}")
    if (header.metric, header.month) != (metric, f"{month:%Y-%m}"):
        raise ValueError(f"it holds {header.metric} of {header.month}")
    days = [day for column in header.columns for day in column.etags]
    if len(set(days)) != len(days) or any(_month(day) != month for day in days):
        raise ValueError("its columns are not of different days of that month")
    if not all(column.etags for column in header.columns) or list(header.columns) != sorted(header.columns, key=_order):
        raise ValueError("its columns are not in order")
    leaves = tuple([(service, account) for service, accounts in header.leaves.items() for account in accounts])
    if any(map(ge, leaves, leaves[1:])):
        raise ValueError("its leaves are not in order")
    if len(body) - start != DOUBLE * len(leaves) * len(header.columns):
        raise ValueError("it has not one number for each leaf and column")
    # The highest byte of infinity, of what is no number and of what is too large to be an amount.
    highest = data[start + DOUBLE - 1 : -CHECKSUM : DOUBLE]
    if b"\x7f" in highest or b"\xff" in highest:
        raise ValueError("a number of it cannot be an amount")
    numbers = array("d")
    numbers.frombytes(body[start:])
    if sys.byteorder == "big":
        numbers.byteswap()
    return _Block(header.columns, leaves, numbers)


def _little_endian(numbers: "array[float]") -> bytes:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


def _order(column: _Column) -> tuple[date, str]:
    return min(column.etags), column.currency


def _month(day: date) -> date:
    return day.replace(day=1)


def _zeros(count: int) -> "array[float]":
    return array("d", bytes(DOUBLE * count))


def _piece(column: DayColumn, metric: str) -> _Piece:
    about = _Column(column.currency, column.estimated, {column.day: column.etag})
    return _Piece(about, column.leaves, column.amounts[metric])


def _pieces(block: _Block | None) -> list[_Piece]:
    if block is None:
        return []
    width = len(block.leaves)
    return [
        _Piece(column, block.leaves, block.numbers[index * width : (index + 1) * width])
        for index, column in enumerate(block.columns)
    ]


def _counting(pieces: Iterable[_Piece], listed: Mapping[date, str], *, as_days: bool) -> list[_Piece]:
    """Those whose reports are still the same; of two for the same day the larger sum, then the first.

    ``as_days`` leaves sums out.
    """
    counting = []
    taken: set[date] = set()
    for piece in sorted(pieces, key=lambda piece: -len(piece.column.etags)):
        etags = piece.column.etags
        if as_days and len(etags) > 1:
            continue
        if taken.isdisjoint(etags) and all(listed.get(day) == etag for day, etag in etags.items()):
            counting.append(piece)
            taken.update(etags)
    return counting


def _is_summed(pieces: Sequence[_Piece]) -> bool:
    return len({piece.column.currency for piece in pieces}) == len(pieces)


def _summed(pieces: Iterable[_Piece]) -> list[_Piece]:
    """A sum for each currency. It does not depend on the order of the days: fsum rounds once."""
    by_currency: dict[str, list[_Piece]] = {}
    for piece in pieces:
        by_currency.setdefault(piece.column.currency, []).append(piece)
    summed = []
    for currency, of_it in by_currency.items():
        block = _block(of_it)
        etags = {day: etag for column in block.columns for day, etag in column.etags.items()}
        estimated = any(column.estimated for column in block.columns)
        sums = array("d", map(fsum, zip(*(piece.numbers for piece in _pieces(block)), strict=True)))
        summed.append(_Piece(_Column(currency, estimated, etags), block.leaves, sums))
    return summed


def _block(pieces: Iterable[_Piece]) -> _Block:
    """One month of these columns. Leaves that are zero in all of them are left out, whatever was there before."""
    pieces = sorted(pieces, key=lambda piece: _order(piece.column))
    found: set[Leaf] = set()
    for piece in pieces:
        found.update(compress(piece.leaves, piece.numbers))
    leaves = tuple(sorted(found))
    numbers = array("d")
    source: tuple[Leaf, ...] | None = None
    places: list[int] = []
    for piece in pieces:
        if piece.leaves == leaves:
            numbers.extend(piece.numbers)
            continue
        if piece.leaves is not source:  # the columns of one object share theirs
            source = piece.leaves
            places = list(_places(leaves, source, absent=len(source)))
        numbers.extend(array("d", map([*piece.numbers, 0.0].__getitem__, places)))
    return _Block(tuple(piece.column for piece in pieces), leaves, numbers)


def _places(leaves: tuple[Leaf, ...], source: tuple[Leaf, ...], absent: int) -> Iterator[int]:
    """Where each leaf stands in ``source``."""
    place = dict(zip(source, range(len(source)), strict=True))
    return map(place.get, leaves, repeat(absent))


def _between(block: _Block, start: date, end: date) -> _Block:
    """The days of a block from ``start`` to ``end``, the end not included."""
    pieces = _pieces(block)
    inside = [piece for piece in pieces if all(start <= day < end for day in piece.column.etags)]
    return block if len(inside) == len(pieces) else _block(inside)


def _table(blocks: Mapping[date, _Block], date_of: Callable[[date, _Column], date]) -> Table:
    leaves = tuple(sorted(set().union(*(block.leaves for block in blocks.values()))))
    columns = [(date_of(month, column), column) for month, block in blocks.items() for column in block.columns]
    return Table(
        dates=tuple(day for day, _ in columns),
        counts=tuple(len(column.etags) for _, column in columns),
        currencies=tuple(column.currency for _, column in columns),
        estimated=tuple(column.estimated for _, column in columns),
        leaves=leaves,
        parts=tuple(_part(block, leaves) for block in blocks.values()),
    )


def _part(block: _Block, leaves: tuple[Leaf, ...]) -> _Part:
    width = len(block.leaves)
    alike = block.leaves == leaves
    places = range(width) if alike else array("l", _places(leaves, block.leaves, absent=-1))
    return _Part(block.numbers, width, places, _zeros(len(block.columns)))
