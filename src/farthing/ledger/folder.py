"""A ledger in a local folder.

A write goes to a temporary file, is forced to the disk and then renamed over the object, all under one lock file:
whoever dies where, an object is whole, old or new.

An ETag is the file's time of change, size and inode: a listing tells it without reading the file. Each write under the
lock gives the object a later time than it had, also where the clock was set back, so no state comes back.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from farthing.errors import ConflictError, LedgerError
from farthing.ledger.store import Entry, Stored, checked, is_key

LOCK_SECONDS = 30.0
"""How long a writer waits for another one; a write itself takes milliseconds."""

TICKS = (1, 100, 1_000, 1_000_000, 2_000_000_000)
"""Nanoseconds: what file systems tell two times of change apart by, ext4 to FAT."""


def default_home() -> Path:
    """The user's data folder for farthing, by the platform's custom."""
    from platformdirs import user_data_path

    return user_data_path("farthing", appauthor=False)


def default_cache() -> Path:
    """The user's cache folder for farthing: what can be fetched again."""
    from platformdirs import user_cache_path

    return user_cache_path("farthing", appauthor=False)


class FolderStore:
    """The store port over a folder, which is made when something is first written."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, key: str) -> Stored | None:  # noqa: D102 - the port says it
        path = self._path(key)
        with self._explained(path):
            try:
                with path.open("rb") as file:
                    # Of the opened file: a writer may rename another one over the path at any moment.
                    return Stored(file.read(), _etag(os.fstat(file.fileno())))
            except FileNotFoundError:
                return None

    def read_many(self, keys: Iterable[str]) -> Iterator[Stored | None]:  # noqa: D102
        return map(self.read, keys)

    def create(self, key: str, data: bytes) -> str:  # noqa: D102
        return self._write(key, data, expected=None)

    def replace(self, key: str, data: bytes, etag: str) -> str:  # noqa: D102
        return self._write(key, data, expected=etag)

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:  # noqa: D102
        folder = self.root / prefix
        found: list[str] = []
        with self._explained(folder):
            if self.root.exists() and not self.root.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(self.root))
            for path, _, names in os.walk(folder, onerror=_refuse):
                below = Path(path).relative_to(self.root).as_posix()
                found += [f"{below}/{name}" for name in names]
        return iter(sorted(key for key in found if key > after and is_key(key)))

    def entries(self, prefix: str) -> Iterator[Entry]:  # noqa: D102
        for key in self.keys(prefix):
            path = self._path(key)
            with self._explained(path):
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue  # taken away since it was listed
            yield Entry(key, _etag(status))

    def locate(self, key: str) -> str:  # noqa: D102
        return str(self._path(key))

    def _path(self, key: str) -> Path:
        return self.root / checked(key)

    def _write(self, key: str, data: bytes, expected: str | None) -> str:
        path = self._path(key)
        with self._explained(path):
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / ".lock", timeout=LOCK_SECONDS):
                current = self.read(key)
                if (current.etag if current else None) != expected:
                    raise ConflictError(f"{path} was written by somebody else in between; run again")
                path.parent.mkdir(parents=True, exist_ok=True)
                # One name for all: only the holder of the lock writes, so what a crash left is simply overwritten.
                temporary = self.root / ".writing"
                try:
                    etag = _write_durably(temporary, data, path)
                    temporary.replace(path)
                except OSError:
                    temporary.unlink(missing_ok=True)
                    raise
                _sync_folder(path.parent)
        return etag

    @contextmanager
    def _explained(self, path: Path) -> Iterator[None]:
        """Turns what the operating system says into one sentence that helps."""
        try:
            yield
        except Timeout as error:
            message = (
                f"another farthing has been writing to {self.root} for {LOCK_SECONDS:.0f} s; run again when it is done"
            )
            raise LedgerError(message) from error
        except OSError as error:
            raise LedgerError(_sentence(error, self.root, path)) from error


def _refuse(error: OSError) -> None:
    """A folder that cannot be listed is an error; one that is not there is empty."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _etag(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"


def _write_durably(temporary: Path, data: bytes, target: Path) -> str:
    """Writes the temporary file, with a later time of change than the target has; returns its ETag."""
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        before = target.stat().st_mtime_ns if target.exists() else 0
        for tick in TICKS:
            if os.fstat(file.fileno()).st_mtime_ns > before:
                break
            os.utime(temporary, ns=(before + tick, before + tick))
        os.fsync(file.fileno())
        return _etag(os.fstat(file.fileno()))


def _sync_folder(folder: Path) -> None:
    """Makes a rename durable; platforms that cannot open a folder do it by themselves."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sentence(error: OSError, root: Path, path: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk that holds {root} is full; nothing was half-written: free some space and run again"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"{root} should be the ledger's folder but is (or lies below) a file: set FARTHING_HOME to a folder"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no permission to use {path}: give this user access to {root}, or set FARTHING_HOME to another folder"
    return f"{path} cannot be used: {error.strerror or error}"
