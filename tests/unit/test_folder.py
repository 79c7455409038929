"""What only the local folder can meet: a file in the way, a full disk, a crash between two steps."""

import errno
import os
from pathlib import Path

import pytest

from farthing.errors import LedgerError
from farthing.ledger.folder import FolderStore

KEY = "cost_data/daily/2026-11-22.json"


def test_a_home_that_is_a_file(tmp_path):
    home = tmp_path / "home"
    home.write_text("mine")
    store = FolderStore(home)
    for act in (lambda: store.read(KEY), lambda: store.create(KEY, b"x"), lambda: list(store.keys("cost_data/"))):
        with pytest.raises(LedgerError, match=r"set FARTHING_HOME to a folder"):
            act()
    assert home.read_text() == "mine"


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_object(tmp_path, monkeypatch, step):
    store = FolderStore(tmp_path)
    etag = store.create(KEY, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    elif step == "replace":
        monkeypatch.setattr(Path, "replace", full)
    else:
        monkeypatch.setattr("farthing.ledger.folder._write_durably", full)
    with pytest.raises(LedgerError, match=r"the disk .* is full; nothing was half-written"):
        store.replace(KEY, b"new", etag)
    monkeypatch.undo()
    assert store.read(KEY).data == b"old"
    assert list(store.keys("cost_data/")) == [KEY]
    assert not (tmp_path / ".writing").exists()


def test_what_a_crash_left_is_neither_read_nor_in_the_way(tmp_path):
    store = FolderStore(tmp_path)
    (tmp_path / ".writing").write_bytes(b"half of a rep")
    assert list(store.keys("cost_data/")) == []
    store.create(KEY, b"whole")
    assert store.read(KEY).data == b"whole"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_no_permission(tmp_path, monkeypatch, number):
    def refused(*_: object, **__: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(LedgerError, match="no permission to use"):
        FolderStore(tmp_path / "x").create(KEY, b"x")


def test_a_folder_that_cannot_be_listed_is_not_empty(tmp_path, monkeypatch):
    store = FolderStore(tmp_path)
    store.create(KEY, b"x")

    def refused(path: object, **_: object) -> None:
        raise PermissionError(errno.EACCES, "no", str(path))

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(LedgerError, match="no permission"):
        list(store.keys("cost_data/"))


def test_other_peoples_files_are_no_keys(tmp_path):
    store = FolderStore(tmp_path)
    store.create(KEY, b"x")
    for name in ("copy (1).json", ".hidden", "x.json~"):
        (tmp_path / "cost_data" / "daily" / name).write_text("mine")
    assert list(store.keys("cost_data/")) == [KEY]


def test_a_clock_that_was_set_back_brings_no_state_back(tmp_path):
    store = FolderStore(tmp_path)
    first = store.create(KEY, b"one")
    later = (tmp_path / KEY).stat().st_mtime_ns + 10**12
    os.utime(tmp_path / KEY, ns=(later, later))
    second = store.replace(KEY, b"two", store.read(KEY).etag)
    assert (tmp_path / KEY).stat().st_mtime_ns > later
    third = store.replace(KEY, b"one", second)
    assert len({first, second, third}) == 3
