"""Answers that take long, kept as files from one start of the server to the next.

Derived and disposable: ``cache/answers`` of a local ledger, the user's cache folder for a bucket. An answer counts only
for the very state of the ledger, the day, the settings and the code that it was made with; a damaged file is no answer.
"""

import logging
import os
import time
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import msgspec

import farthing
from farthing.app import App
from farthing.jsontext import encode

SCHEMA = "farthing.answers/1"

T = TypeVar("T")

_log = logging.getLogger("farthing")


def shelf_of(app: App) -> "Shelf":
    """The answers of an app's ledger."""
    cache = app.cache()
    return Shelf(cache and cache / "answers", repr(app.settings))


class Shelf:
    """The answers of one ledger.

    Args:
        folder: where they are; None: nothing is kept.
        settings: what else answers depend on, in words.
    """

    def __init__(self, folder: Path | None, settings: str) -> None:
        self._folder = folder
        self._settings = settings

    def load(self, name: str, version: str, type_: type[T]) -> T | None:
        """The answer, None where there is none for this version."""
        body = self.load_bytes(name, version)
        try:
            return None if body is None else msgspec.json.decode(body, type=type_)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def save(self, name: str, version: str, value: object) -> None:
        """Keeps an answer in the place of an earlier one. What cannot be written is worked out again."""
        self.save_bytes(name, version, encode(value))

    def load_bytes(self, name: str, version: str) -> bytes | None:
        """As :meth:`load`, of an answer that is bytes."""
        path = self._path(name)
        if path is None:
            return None
        try:
            head, _, body = path.read_bytes().partition(b"\n")
        except OSError:
            return None
        return body if head == self._head(version, body) else None

    def save_bytes(self, name: str, version: str, body: bytes) -> None:
        """As :meth:`save`."""
        path = self._path(name)
        if path is None:
            return
        temporary = path.with_suffix(f".{os.getpid()}-{time.monotonic_ns():x}.writing")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_bytes(self._head(version, body) + b"\n" + body)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            _log.info(f"{path} was not written: {error.strerror or error}")

    def _path(self, name: str) -> Path | None:
        return self._folder and self._folder / f"{name}.json"

    def _head(self, version: str, value: bytes) -> bytes:
        told = "\n".join([SCHEMA, _code(), self._settings, version])
        return f"{sha256(told.encode()).hexdigest()} {crc32(value):08x}".encode()


@cache
def _code() -> str:
    """Names the code that works answers out: an edited file is another code."""
    root = Path(farthing.__file__).parent
    files = [(str(path.relative_to(root)), path.stat()) for path in sorted(root.rglob("*.py"))]
    told = [f"{name} {status.st_mtime_ns} {status.st_size}" for name, status in files]
    return sha256("\n".join([farthing.__version__, *told]).encode()).hexdigest()
