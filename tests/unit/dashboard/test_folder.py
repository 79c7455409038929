"""A site in a folder: whole at every moment, and nobody else's files are touched."""

import json
import os

import pytest

from farthing.dashboard.folder import LIST, write_file, write_files
from farthing.errors import FarthingError, UsageError

OLD = {"index.html": b"old: cube.1.data.js", "cube.1.data.js": b"1"}
NEW = {"index.html": b"new: cube.2.data.js", "cube.2.data.js": b"2"}


def there(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != LIST}


def test_a_new_folder_and_then_the_next_state(tmp_path):
    write_files(tmp_path / "deep" / "out", OLD)
    assert there(tmp_path / "deep" / "out") == OLD
    write_files(tmp_path / "deep" / "out", NEW)
    assert there(tmp_path / "deep" / "out") == NEW
    assert json.loads((tmp_path / "deep" / "out" / LIST).read_text())["files"] == sorted(NEW)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]


def test_files_of_others_in_a_site_stay(tmp_path):
    write_files(tmp_path, OLD)
    (tmp_path / "CNAME").write_text("costs.example")
    write_files(tmp_path, NEW)
    assert (tmp_path / "CNAME").read_text() == "costs.example"


@pytest.mark.parametrize("found", ["holiday.jpg", ".git"])
def test_a_folder_that_is_no_site_is_refused(tmp_path, found):
    (tmp_path / found).write_bytes(b"mine")
    with pytest.raises(UsageError, match="something else than a site"):
        write_files(tmp_path, NEW)
    assert [path.name for path in tmp_path.iterdir()] == [found]


@pytest.mark.parametrize("text", ["", "[]", '{"files": "all"}', '{"files": [], "schema": "x", "more": 1}'])
def test_a_list_that_farthing_did_not_write_is_refused(tmp_path, text):
    (tmp_path / LIST).write_text(text)
    with pytest.raises(UsageError, match="not what farthing wrote"):
        write_files(tmp_path, NEW)


def test_a_list_takes_nothing_away_elsewhere(tmp_path):
    write_files(tmp_path / "out", OLD)
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "out" / LIST).write_text('{"files": ["../precious", "/etc/hostname", "cube.1.data.js"]}')
    write_files(tmp_path / "out", NEW)
    assert (tmp_path / "precious").exists()
    assert not (tmp_path / "out" / "cube.1.data.js").exists()


@pytest.mark.parametrize("dies_at", range(6))
def test_whoever_dies_where_each_page_finds_its_figures(tmp_path, monkeypatch, dies_at):
    write_files(tmp_path / "out", OLD)
    replace, done = os.replace, []

    def dying(source, target):
        if len(done) == dies_at:
            raise OSError(28, "No space left on device")
        done.append(target)
        replace(source, target)

    monkeypatch.setattr("os.replace", dying)
    if dies_at < 4:
        with pytest.raises(FarthingError, match="No space left"):
            write_files(tmp_path / "out", NEW)
    else:
        write_files(tmp_path / "out", NEW)
    monkeypatch.undo()
    page = (tmp_path / "out" / "index.html").read_text()
    assert (tmp_path / "out" / page.split(": ")[1]).is_file()
    write_files(tmp_path / "out", NEW)
    assert there(tmp_path / "out") == NEW


def test_a_new_folder_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(self, body):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(FarthingError, match="No space left"):
        write_files(tmp_path / "out", NEW)
    assert list(tmp_path.iterdir()) == []


def test_one_file(tmp_path):
    write_file(tmp_path / "a" / "one.html", b"1")
    write_file(tmp_path / "a" / "one.html", b"2")
    assert there(tmp_path / "a") == {"one.html": b"2"}
    with pytest.raises(UsageError, match="is a folder"):
        write_file(tmp_path / "a", b"3")
