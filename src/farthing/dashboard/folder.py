"""Writes a site to a folder, so that whoever reads it meanwhile, or whatever dies, finds pages that are whole.

A new folder appears at once, complete. In an existing one the figures and scripts come first, under names of their own
state, then each page is renamed over its old one, and what no page names any more goes last.
"""

import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from farthing.errors import FarthingError, UsageError

LIST = "site.json"
"""Names the files of a site: only those are ever taken away, and a folder without it is not written to."""


class Listed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What :data:`LIST` holds."""

    files: tuple[str, ...]
    schema: str = "farthing.site/1"


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes all of a site.

    Raises:
        UsageError: the folder is something else than a site.
        FarthingError: it cannot be written.
    """
    before = _before(folder)
    try:
        if before is None:
            _write_new(folder, files)
        else:
            _write_over(folder, files, before)
    except OSError as error:
        raise FarthingError(f"the site cannot be written to {folder}: {error.strerror or error}") from error


def write_file(path: Path, body: bytes) -> None:
    """Writes one file, at once.

    Raises:
        UsageError: a folder has its name.
        FarthingError: it cannot be written.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _put(path, body)
    except OSError as error:
        raise FarthingError(f"{path} cannot be written: {error.strerror or error}") from error


def _before(folder: Path) -> tuple[str, ...] | None:
    """The files of the site that is there, None if nothing is."""
    if not folder.exists() and not folder.is_symlink():
        return None
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file: name a folder for the site, or use --single-file")
    listed = folder / LIST
    if not listed.is_file():
        if any(folder.iterdir()):
            raise UsageError(f"{folder} holds something else than a site of farthing's: name an empty or a new folder")
        return ()
    try:
        names = msgspec.json.decode(listed.read_bytes(), type=Listed).files
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{listed} is not what farthing wrote: remove the folder, or name another one") from error
    return tuple(name for name in names if Path(name).name == name)


def _write_new(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    own = folder.parent / f".{folder.name}.{secrets.token_hex(4)}.new"
    try:
        own.mkdir()
        for name, body in {**files, LIST: _listed(files)}.items():
            (own / name).write_bytes(body)
        own.rename(folder)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _write_over(folder: Path, files: Mapping[str, bytes], before: tuple[str, ...]) -> None:
    # Named before they are there: what dies halfway leaves no file that the next run does not know.
    _put(folder / LIST, _listed([*before, *files]))
    for name, body in sorted(files.items(), key=lambda item: item[0].endswith(".html")):
        _put(folder / name, body)
    for name in before:
        if name not in files:
            (folder / name).unlink(missing_ok=True)
    _put(folder / LIST, _listed(files))


def _put(path: Path, body: bytes) -> None:
    own = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        own.write_bytes(body)
        os.replace(own, path)  # noqa: PTH105 - as the ledger does
    finally:
        own.unlink(missing_ok=True)


def _listed(names: Iterable[str]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(Listed(tuple(sorted(set(names))))), indent=1)
