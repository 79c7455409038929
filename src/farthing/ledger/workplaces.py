"""Folders of imports that run: each is locked while its process lives, so that what a killed one left can be told."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = ".lock"
MAKING = "making-"
"""Before the name of a folder that is not locked yet: nobody sweeps it by its lock."""


@contextmanager
def workplace(parent: Path, prefix: str) -> Iterator[Path]:
    """An empty folder below ``parent`` whose name begins with ``prefix``; it goes when it is left.

    Raises:
        OSError: it cannot be made.
    """
    making = Path(tempfile.mkdtemp(prefix=prefix + MAKING, dir=parent))
    made = making.with_name(prefix + making.name.removeprefix(prefix + MAKING))
    lock = FileLock(making / LOCK)
    try:
        lock.acquire(timeout=0)
        making.rename(made)
        yield made
    finally:
        lock.release(force=True)
        for folder in (making, made):
            shutil.rmtree(folder, ignore_errors=True)


def abandoned(parent: Path, prefix: str) -> list[Path]:
    """The folders that :func:`workplace` made below ``parent`` and whose process is gone."""
    return [
        folder
        for folder in sorted(parent.glob(f"{prefix}*"))
        if not folder.name.startswith(prefix + MAKING) and (folder / LOCK).is_file() and not _is_held(folder / LOCK)
    ]


def _is_held(path: Path) -> bool:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):  # another's, or of another user: left alone
        return True
    with suppress(OSError):
        lock.release()
    return False
