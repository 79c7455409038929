"""Events in the ledger: what people decided, and forecasts that were kept. Append-only: an event is never changed.

An event is named by a hash of what it says, so that the same one, written again by a retry, is one object.
"""

import hashlib
import logging
import re
from collections.abc import Iterator
from datetime import date
from typing import Generic, TypeVar

import msgspec

from farthing.errors import ConflictError
from farthing.jsontext import builtins, encode
from farthing.ledger.store import Store

PREFIX = "cost_data/events/"
_KEY = re.compile(rf"{PREFIX}\d{{4}}-\d\d-\d\d/([a-z-]+)-[0-9a-f]{{32}}\.json")
"""What an event is called; an editor's copy beside it is none."""

T = TypeVar("T", bound=msgspec.Struct)


class Events(Generic[T]):
    """The events of one kind in one ledger.

    Args:
        store: the ledger's home.
        kind: what the events are, in lower case: ``decision``, ``forecast``. It stands in their names, so that the
            events of one kind are found without reading the others.
        schema: the name and version that each carries, such as ``farthing.decision/1``.
        type_: the frozen struct that they are.
    """

    def __init__(self, store: Store, kind: str, schema: str, type_: type[T]) -> None:
        self._store = store
        self._kind = kind
        self._schema = schema
        self._type = type_

    def append(self, day: date, event: T, *, identity: object = None) -> bool:
        """Keeps an event under a UTC day; False if the ledger has it already.

        Args:
            day: the day that it is filed under.
            event: what is kept.
            identity: what makes it the same as another; without one, all that it says.

        Raises:
            LedgerError: the home cannot be written; nothing was changed.
        """
        mark = hashlib.sha256(encode(identity if identity is not None else event)).hexdigest()[:32]
        data = encode({"schema": self._schema, **builtins(event)}) + b"\n"
        try:
            self._store.create(f"{PREFIX}{day.isoformat()}/{self._kind}-{mark}.json", data)
        except ConflictError:
            return False
        return True

    def since(self, day: date) -> Iterator[tuple[date, T]]:
        """The events filed under ``day`` and later, with their days, oldest day first.

        One that cannot be read is said in the log and passed over: no figure depends on it.

        Raises:
            LedgerError: the home cannot be read.
        """
        keys = [
            key
            for key in self._store.keys(PREFIX, after=f"{PREFIX}{day.isoformat()}/")
            if (matched := _KEY.fullmatch(key)) and matched[1] == self._kind
        ]
        for key, stored in zip(keys, self._store.read_many(keys), strict=True):
            if stored is None:
                continue
            try:
                event = msgspec.json.decode(stored.data, type=self._type)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                where = self._store.locate(key)
                logging.getLogger("farthing").warning(f"{where} is not a readable event ({error}) and was passed over")
                continue
            yield date.fromisoformat(key.removeprefix(PREFIX)[:10]), event
