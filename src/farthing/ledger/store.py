"""The store port: named objects with conditional writes, all that the ledger asks of its home.

An implementation keeps three promises: a reader sees a whole object or none, whatever dies when; of two writers that
expect the same state one gets a ConflictError; what was confirmed is there after a crash.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Protocol

import msgspec

from farthing.errors import LedgerError

_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class Stored(msgspec.Struct, frozen=True):
    """An object as read: its bytes, and the ETag that a conditional write names."""

    data: bytes
    etag: str


class Entry(msgspec.Struct, frozen=True):
    """An object as listed: the ETag is the one that a read of this state gives."""

    key: str
    etag: str


class Store(Protocol):
    """A home for the ledger."""

    def read(self, key: str) -> Stored | None:
        """The object, or None if there is none.

        Raises:
            LedgerError: the home cannot be read.
        """

    def read_many(self, keys: Iterable[str]) -> Iterator[Stored | None]:
        """As :meth:`read` of each key, in the order asked; a home far away reads several at once.

        Raises:
            LedgerError: the home cannot be read.
        """

    def create(self, key: str, data: bytes) -> str:
        """Writes an object that must not exist yet; returns its ETag.

        Raises:
            ConflictError: it exists.
            LedgerError: the home cannot be written; nothing was changed.
        """

    def replace(self, key: str, data: bytes, etag: str) -> str:
        """Writes an object whose state must still be ``etag``; returns the new ETag.

        Raises:
            ConflictError: it has another state by now, or is gone.
            LedgerError: the home cannot be written; nothing was changed.
        """

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """The keys below ``prefix`` (which ends in '/'), sorted, those after ``after`` only.

        Raises:
            LedgerError: the home cannot be read.
        """

    def entries(self, prefix: str) -> Iterator[Entry]:
        """The objects below ``prefix`` (which ends in '/') with their ETags, sorted; none of them is read.

        Raises:
            LedgerError: the home cannot be read.
        """

    def locate(self, key: str) -> str:
        """Where a person finds the object: a path or an s3:// URL."""


def is_key(name: str) -> bool:
    """Whether an object of the ledger can have this name; other people's files cannot."""
    return _KEY.fullmatch(name) is not None


def checked(key: str) -> str:
    """The key itself, if it is a plain relative one.

    Raises:
        LedgerError: it could lead out of the home.
    """
    if not is_key(key):
        raise LedgerError(f"{key!r} is not the name of an object in a ledger")
    return key
