"""What was worked out of daily reports, kept in ``state/`` so that the next run reads only the days that changed.

Derived and disposable, like the series: a day's value counts only while the ETag that stands beside it is the report's.
What is missing, damaged or of another version is worked out anew, and an object that cannot be written is left alone.
"""

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any, Generic, TypeVar

import msgspec

from farthing.errors import FarthingError
from farthing.jsontext import builtins, encode
from farthing.ledger.store import Store, Stored

MOST_DAYS = 800
"""Days that an object keeps, the newest: a fiscal year and the one before it. Others are worked out when asked for."""

T = TypeVar("T")

_log = logging.getLogger("farthing")


class _Entry(msgspec.Struct, Generic[T], frozen=True):
    etag: str
    value: T


class _Object(msgspec.Struct, Generic[T], frozen=True):
    schema: str
    days: dict[date, _Entry[T]]


class Derived(Generic[T]):
    """A value for each day, in one object.

    Args:
        store: the ledger's home.
        key: where the object stands, below ``state/``.
        schema: its name and version.
        type_: of the value: a frozen struct.
    """

    def __init__(self, store: Store, key: str, schema: str, type_: type[T]) -> None:
        self._store = store
        self._key = key
        self._schema = schema
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_Object[type_])  # type: ignore[valid-type]
        self._stored: Stored | None = None

    def load(self, listed: Mapping[date, str]) -> dict[date, T]:
        """The values of the days whose reports are still what they were.

        Args:
            listed: each day's ETag in the ledger.
        """
        try:
            self._stored = self._store.read(self._key)
            found = self._decoder.decode(self._stored.data) if self._stored else None
        except FarthingError as error:
            _log.info(f"{self._store.locate(self._key)} cannot be read and is worked out anew: {error}")
            return {}
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            _log.warning(f"{self._store.locate(self._key)} cannot be used ({error}) and is made anew")
            return {}
        if found is None or found.schema != self._schema:
            return {}
        return {day: entry.value for day, entry in found.days.items() if listed.get(day) == entry.etag}

    def save(self, values: Mapping[date, T], listed: Mapping[date, str]) -> None:
        """Keeps the newest of these values, if that changes anything. What another run wrote meanwhile stays."""
        newest = sorted(values)[-MOST_DAYS:]
        days = {day.isoformat(): {"etag": listed[day], "value": builtins(values[day])} for day in newest}
        data = encode({"schema": self._schema, "days": days}) + b"\n"
        if self._stored is not None and self._stored.data == data:
            return
        try:
            if self._stored is None:
                self._store.create(self._key, data)
            else:
                self._store.replace(self._key, data, self._stored.etag)
        except FarthingError as error:  # another run's conflicting write too: what it left out is worked out again
            _log.info(f"{self._store.locate(self._key)} was not written, the next run works it out: {error}")
