"""Run records in the ledger: what each run did, and how far it got."""

import hashlib
import logging
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec

from farthing.errors import ConflictError, LedgerError
from farthing.jsontext import builtins, encode
from farthing.ledger.store import Store
from farthing.model import RunRecord

SCHEMA = "farthing.run/1"
PREFIX = "cost_data/runs/"
_KEY = re.compile(rf"{PREFIX}\d{{8}}T\d{{6}}Z-\d\d-[0-9a-f]{{12}}\.json")
"""What a run record is called; an editor's copy beside it is none."""

SAME_SECOND = 100
"""Runs of one invocation that may begin in the same second."""

RETRY_DAYS = 2
"""Days: how far back a retry of the same invocation is looked for; Lambda gives up after six hours."""


def run_id(started_at: datetime, invocation: str, number: int = 0) -> str:
    """A run's id: sortable by time, and recognisable for a retry of the same invocation.

    ``number`` tells apart the runs of one invocation that start in the same second.
    """
    return f"{started_at:%Y%m%dT%H%M%SZ}-{number:02}-{_mark(invocation)}"


def _mark(invocation: str) -> str:
    return hashlib.sha256(invocation.encode()).hexdigest()[:12]


def _key(id_: str) -> str:
    return f"{PREFIX}{id_}.json"


class Runs:
    """The run records of one ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def start(self, record: RunRecord, invocation: str) -> tuple[RunRecord, str]:
        """Writes the first state of a run's record, under the first free id.

        Returns:
            The record with its id, and the ETag for :meth:`update`.
        """
        for number in range(SAME_SECOND):
            named = msgspec.structs.replace(record, id=run_id(record.started_at, invocation, number))
            try:
                return named, self._store.create(_key(named.id), _encoded(named))
            except ConflictError:
                continue  # the same event, delivered twice in one second
        raise LedgerError(f"{SAME_SECOND} runs of one invocation began in one second: something starts it in a loop")

    def update(self, record: RunRecord, etag: str) -> str:
        """Writes a later state; returns the new ETag."""
        return self._store.replace(_key(record.id), _encoded(record), etag)

    def of_invocation(self, invocation: str, now: datetime) -> list[RunRecord]:
        """The runs of this very invocation so far, newest first."""
        suffix = f"-{_mark(invocation)}.json"
        after = _key(f"{now - timedelta(days=RETRY_DAYS):%Y%m%dT}")
        keys = [key for key in self._keys(after) if key.endswith(suffix)]
        return [record for key in reversed(keys) if (record := self._read(key)) is not None]

    def newest_first(self) -> Iterator[RunRecord]:
        """Every run, the newest first; read one by one, so a caller that has seen enough stops."""
        for key in sorted(self._keys(), reverse=True):
            record = self._read(key)
            if record is not None:
                yield record

    def first_day(self) -> date | None:
        """The UTC day on which the ledger's first run began, None before it."""
        key = next(self._keys(), None)
        return datetime.strptime(key.removeprefix(PREFIX)[:8], "%Y%m%d").replace(tzinfo=UTC).date() if key else None

    def _keys(self, after: str = "") -> Iterator[str]:
        return filter(_KEY.fullmatch, self._store.keys(PREFIX, after))

    def _read(self, key: str) -> RunRecord | None:
        stored = self._store.read(key)
        if stored is None:
            return None
        try:
            return msgspec.json.decode(stored.data, type=RunRecord)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            # No figure is in it, so no run fails for it.
            where = self._store.locate(key)
            logging.getLogger("farthing").warning(f"{where} is not a readable run record ({error}) and was passed over")
            return None


def _encoded(record: RunRecord) -> bytes:
    return encode({"schema": SCHEMA, **builtins(record)}) + b"\n"
