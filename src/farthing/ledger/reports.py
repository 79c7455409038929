"""Daily reports in the ledger: their bytes, their revisions, and who may overwrite what.

The format is published as a JSON Schema (``farthing schema daily-report``): deterministic bytes, amounts as plain
decimal strings.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from farthing.errors import AmountError, ConflictError, CorruptError, LedgerError, ScopeError
from farthing.ledger.store import Store
from farthing.model import GROUP_BY, ZERO, Charge, DailyReport, Revision, Source, exact_sum, parse_amount, plain

SCHEMA = "farthing.daily-report/1"
LENS_SCHEMA = "farthing.lens-report/1"
PREFIX = "cost_data/daily/"
LENSES_PREFIX = "cost_data/lenses/"
MAX_TRIES = 5
"""How often a write that met another writer's is merged and tried again; each try needs a writer of its own to fail."""

Outcome = Literal["written", "restated", "unchanged"]


class Written(msgspec.Struct, frozen=True):
    """What a write did, the report as it stands in the ledger now, and that object's ETag."""

    outcome: Outcome
    report: DailyReport
    etag: str


class _WireRevision(msgspec.Struct, frozen=True):
    seen_at: datetime
    estimated: bool
    totals: dict[str, str]
    charges: list[dict[str, str | None]]
    currency: str | None = None


class _WireReport(msgspec.Struct, frozen=True):
    schema: str
    date: date
    currency: str
    estimated: bool
    collected_at: datetime
    totals: dict[str, str]
    charges: list[dict[str, str | None]]
    source: Source
    revisions: list[_WireRevision] = []


class _WireHead(msgspec.Struct, frozen=True):
    date: date
    currency: str
    totals: dict[str, str]


class Head(msgspec.Struct, frozen=True):
    """A day's totals without its rows."""

    day: date
    currency: str
    totals: Mapping[str, Decimal]


class _WireEarlier(msgspec.Struct, frozen=True):
    seen_at: datetime
    totals: dict[str, str]


class _WireOutline(_WireHead, frozen=True):
    estimated: bool
    collected_at: datetime
    revisions: list[_WireEarlier] = []


class Outline(Head, frozen=True, kw_only=True):
    """A day's totals without its rows, with when they were seen and what they were before, oldest first."""

    estimated: bool
    collected_at: datetime
    earlier: tuple[tuple[datetime, Mapping[str, Decimal]], ...]


_decoder = msgspec.json.Decoder(_WireReport)
_outline_decoder = msgspec.json.Decoder(_WireOutline)
_head_decoder = msgspec.json.Decoder(_WireHead)


def lens_prefix(name: str) -> str:
    """Where a lens's reports stand."""
    return f"{LENSES_PREFIX}{name}/"


def key_of(day: date, prefix: str = PREFIX) -> str:
    """Where a day's report stands."""
    return f"{prefix}{day.isoformat()}.json"


def _rows(
    group_by: tuple[str, ...], metrics: tuple[str, ...], charges: Iterable[Charge]
) -> list[dict[str, str | None]]:
    columns = (*group_by, *metrics)
    named = "SubAccountId" in group_by
    return [
        {
            **dict(zip(columns, (*charge.keys, *map(plain, charge.amounts)), strict=True)),
            **({"SubAccountName": charge.sub_account_name} if named else {}),
        }
        for charge in charges
    ]


def _plain_totals(totals: Mapping[str, Decimal]) -> dict[str, str]:
    return {metric: plain(amount) for metric, amount in totals.items()}


def _wire_revision(revision: Revision, group_by: tuple[str, ...], currency: str) -> dict[str, object]:
    wire: dict[str, object] = {
        "seen_at": revision.seen_at,
        "estimated": revision.estimated,
        "totals": _plain_totals(revision.totals),
        "charges": _rows(group_by, revision.metrics, revision.charges),
    }
    # The report's currency holds for its revisions too, unless it was the currency that changed.
    return wire if revision.currency == currency else {**wire, "currency": revision.currency}


def encode_report(report: DailyReport) -> bytes:
    """The report's bytes: the same report gives the same bytes, on every machine."""
    group_by = report.source.group_by
    wire = {
        "schema": SCHEMA if group_by == GROUP_BY else LENS_SCHEMA,
        "date": report.date,
        "currency": report.currency,
        "estimated": report.estimated,
        "collected_at": report.collected_at,
        "totals": _plain_totals(report.totals),
        "charges": _rows(group_by, report.metrics, report.charges),
        "revisions": [_wire_revision(revision, group_by, report.currency) for revision in report.revisions],
        "source": report.source,
    }
    return msgspec.json.encode(wire, order="sorted") + b"\n"


def decode_report(data: bytes, where: str, day: date | None = None) -> DailyReport:
    """The report in these bytes.

    Args:
        data: what :func:`encode_report` wrote, or an older version's writer.
        where: the object's place, for the error.
        day: the day that it should hold, if that is known.

    Raises:
        CorruptError: it is not a daily report, or its totals are not the sums of its rows.
    """
    try:
        wire = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptError(unreadable(where, str(error), day)) from error
    group_by = wire.source.group_by
    known = SCHEMA if group_by == GROUP_BY else LENS_SCHEMA
    if wire.schema != known:
        raise CorruptError(unreadable(where, f"its schema is {wire.schema!r}, this version reads {known!r}", day))
    try:
        if not wire.currency:
            raise ValueError("it has no currency")
        metrics = tuple(sorted(wire.totals))
        charges = _charges(group_by, metrics, wire.charges)
        totals = _amounts(wire.totals)
        for index, metric in enumerate(metrics):
            total = exact_sum(charge.amounts[index] for charge in charges)
            if total != totals[metric]:
                raise ValueError(f"its rows add up to {plain(total)} {metric}, its total says {wire.totals[metric]}")
        revisions = tuple(_revision(revision, group_by, wire.currency) for revision in wire.revisions)
    except (AmountError, KeyError, ValueError) as error:
        reason = f"a row lacks {error}" if isinstance(error, KeyError) else str(error)
        raise CorruptError(unreadable(where, reason, day)) from error
    return DailyReport(
        date=wire.date,
        currency=wire.currency,
        estimated=wire.estimated,
        collected_at=wire.collected_at.astimezone(UTC),
        metrics=metrics,
        totals=totals,
        charges=charges,
        source=wire.source,
        revisions=revisions,
    )


def _revision(wire: _WireRevision, group_by: tuple[str, ...], currency: str) -> Revision:
    metrics = tuple(sorted(wire.totals))
    return Revision(
        seen_at=wire.seen_at.astimezone(UTC),
        currency=wire.currency or currency,
        estimated=wire.estimated,
        metrics=metrics,
        totals=_amounts(wire.totals),
        charges=_charges(group_by, metrics, wire.charges),
    )


def _amounts(texts: Mapping[str, str]) -> dict[str, Decimal]:
    return {metric: parse_amount(text) for metric, text in texts.items()}


def _charges(
    group_by: tuple[str, ...], metrics: tuple[str, ...], rows: Iterable[Mapping[str, str | None]]
) -> tuple[Charge, ...]:
    charges = []
    for row in rows:
        first, second = (row[column] for column in group_by)
        if first is None or second is None:
            raise ValueError(f"a row has no {' or '.join(group_by)}")
        amounts = tuple(parse_amount(row[metric] or "") for metric in metrics)
        charges.append(Charge((first, second), row.get("SubAccountName"), amounts))
    return tuple(charges)


def unreadable(where: str, reason: str, day: date | None = None) -> str:
    """What is said of a report that cannot be read, the same wherever it is met, so that it is said once."""
    again = f" --start {day} --end {day + timedelta(days=1)}" if day else ""
    return f"{where} is not a readable daily report ({reason}): move it away and run `farthing backfill{again}`"


def merge(stored: DailyReport, fresh: DailyReport) -> DailyReport | None:
    """The report to write over ``stored`` now that the source says ``fresh``; None if nothing differs.

    Currency, the estimated flag, the totals and the rows' amounts decide; an account's new name alone does not: it
    would restate every day of the window without a cent having moved.

    Raises:
        ScopeError: the two are of different sources or scopes.
    """
    require_same_source(stored.source, fresh.source)
    then = {charge.keys: charge for charge in stored.charges}
    now = {charge.keys: charge for charge in fresh.charges}
    same_rows = stored.metrics == fresh.metrics and {key: row.amounts for key, row in then.items()} == {
        key: row.amounts for key, row in now.items()
    }
    if same_rows and stored.currency == fresh.currency and stored.estimated == fresh.estimated:
        return None
    zeros = tuple(ZERO for _ in stored.metrics)
    differed = [
        row
        for key, row in then.items()
        if stored.metrics != fresh.metrics or key not in now or now[key].amounts != row.amounts
    ]
    appeared = [Charge(row.keys, row.sub_account_name, zeros) for key, row in now.items() if key not in then]
    revision = Revision(
        seen_at=stored.collected_at,
        currency=stored.currency,
        estimated=stored.estimated,
        metrics=stored.metrics,
        totals=stored.totals,
        charges=tuple(sorted([*differed, *appeared], key=lambda charge: charge.keys)),
    )
    same_amounts = same_rows and stored.currency == fresh.currency
    first_seen = stored.collected_at if same_amounts else fresh.collected_at
    return msgspec.structs.replace(fresh, collected_at=first_seen, revisions=(*stored.revisions, revision))


def require_same_source(stored: Source, fresh: Source) -> None:
    """One ledger holds one source and one scope.

    Raises:
        ScopeError: these two are different.
    """
    if stored.kind != fresh.kind:
        raise ScopeError(
            f"this ledger holds days from the source {stored.kind!r}, this run reads {fresh.kind!r}: "
            "a ledger never mixes sources; use another FARTHING_HOME or BUCKET_NAME"
        )
    if stored.group_by != fresh.group_by:
        raise ScopeError(
            f"the ledger holds rows by {' and '.join(stored.group_by)}, this run brings rows by "
            f"{' and '.join(fresh.group_by)}: a ledger never mixes them; use another FARTHING_HOME or BUCKET_NAME"
        )
    if stored.scope != fresh.scope:
        raise ScopeError(
            f"this ledger holds days of the scope {stored.scope or 'everything'!r}, this run asks for "
            f"{fresh.scope or 'everything'!r}: a ledger never mixes scopes; use another FARTHING_HOME or BUCKET_NAME"
        )


class Reports:
    """The daily reports of one ledger, or of one of its lenses.

    Args:
        store: the ledger's home.
        prefix: where they stand.
    """

    def __init__(self, store: Store, prefix: str = PREFIX) -> None:
        self._store = store
        self._prefix = prefix

    def days(self, after: date | None = None) -> list[date]:
        """The days that are in the ledger, oldest first, those after ``after`` only."""
        start = key_of(after, self._prefix) if after else ""
        return [day for key in self._store.keys(self._prefix, start) if (day := self._day_of(key))]

    def etags(self) -> dict[date, str]:
        """Each day's ETag, oldest first; no report is read."""
        return {day: entry.etag for entry in self._store.entries(self._prefix) if (day := self._day_of(entry.key))}

    def read(self, day: date) -> DailyReport | None:
        """A day's report, None if the ledger has none.

        Raises:
            CorruptError: the object is there but is not a report of that day.
        """
        stored = self._store.read(key_of(day, self._prefix))
        if stored is None:
            return None
        return self._decoded(stored.data, day)

    def read_many(self, days: Iterable[date]) -> Iterator[tuple[date, DailyReport | CorruptError]]:
        """Those of the days that are there, in the order asked; one that cannot be read is its error."""
        days = list(days)
        for day, stored in zip(days, self._store.read_many(key_of(day, self._prefix) for day in days), strict=True):
            if stored is None:
                continue
            try:
                yield day, self._decoded(stored.data, day)
            except CorruptError as error:
                yield day, error

    def heads(self, days: Iterable[date]) -> Iterator[Head]:
        """Currency and totals of those of the days that are there and readable, in the order asked; rows are skipped.

        What is here is not checked against the rows; :meth:`read` does that.
        """
        days = list(days)
        for stored in self._store.read_many(key_of(day, self._prefix) for day in days):
            with suppress(msgspec.DecodeError, UnicodeDecodeError, AmountError):
                if stored is not None:
                    wire = _head_decoder.decode(stored.data)
                    yield Head(wire.date, wire.currency, _amounts(wire.totals))

    def outlines(self, days: Iterable[date]) -> Iterator[Outline]:
        """As :meth:`heads`, with each day's earlier totals."""
        for stored in self._store.read_many(key_of(day, self._prefix) for day in days):
            with suppress(msgspec.DecodeError, UnicodeDecodeError, AmountError):
                if stored is not None:
                    wire = _outline_decoder.decode(stored.data)
                    yield Outline(
                        wire.date,
                        wire.currency,
                        _amounts(wire.totals),
                        estimated=wire.estimated,
                        collected_at=wire.collected_at,
                        earlier=tuple((one.seen_at, _amounts(one.totals)) for one in wire.revisions),
                    )

    def newest(self, today: date) -> DailyReport | None:
        """The newest report that can be read, None on an empty ledger.

        The last month is looked through first, because a listing of years is slow.

        Raises:
            CorruptError: none of those looked through can be read.
        """
        corrupt: CorruptError | None = None
        for day in reversed(self.days(after=today - timedelta(days=31)) or self.days()):
            try:
                return self.read(day)
            except CorruptError as error:
                corrupt = corrupt or error
        if corrupt:
            raise corrupt
        return None

    def write(self, fresh: DailyReport, now: datetime | None = None) -> Written:
        """Brings a day up to what the source says: creates it, or rewrites it with a revision, or leaves it.

        Args:
            fresh: the day.
            now: the time, by which an answer that another run got after this one is known.

        Returns:
            What was done, and the report as it now stands in the ledger.

        Raises:
            ScopeError: the ledger holds another source or scope.
            LedgerError: the home cannot be used; the day is as it was.
        """
        key = key_of(fresh.date, self._prefix)
        conflict: ConflictError | None = None
        for _ in range(MAX_TRIES):
            stored = self._store.read(key)
            try:
                if stored is None:
                    return Written("written", fresh, self._store.create(key, encode_report(fresh)))
                before = self._decoded(stored.data, fresh.date)
                # Another run's answer may be the newer one although it was stored first: it stays. One from the future
                # is a clock's that was ahead, and says nothing.
                later = fresh.collected_at < before.collected_at
                if later and (conflict or before.collected_at <= (now or fresh.collected_at)):
                    return Written("unchanged", before, stored.etag)
                merged = merge(before, fresh)
                if merged is None:
                    return Written("unchanged", before, stored.etag)
                etag = self._store.replace(key, encode_report(merged), stored.etag)
                return Written("restated", merged, etag)
            except ConflictError as error:
                conflict = error
        raise LedgerError(f"{self._store.locate(key)} is being written by others all the time; run again") from conflict

    def _day_of(self, key: str) -> date | None:
        try:
            return date.fromisoformat(key.removeprefix(self._prefix).removesuffix(".json"))
        except ValueError:
            return None  # not ours: an editor's backup, say

    def _decoded(self, data: bytes, day: date) -> DailyReport:
        where = self._store.locate(key_of(day, self._prefix))
        report = decode_report(data, where, day)
        if report.date != day:
            raise CorruptError(unreadable(where, f"it holds {report.date}", day))
        return report
