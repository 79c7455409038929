"""A disk that fills up, at every step that needs room; a real small file system; one that may only be read."""

import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.drills import places
from tests.drills.places import BREACHES

pytestmark = [pytest.mark.loopback, pytest.mark.slow]

FULL = "is full; nothing was half-written: free some space and run again"
NO_ACCESS = "no permission to use"
PAGE = 4096
"""Bytes: what a small file takes of a tmpfs."""


def _problems(text):
    """What a person sees as wrong in the output of `farthing -v collect`, each once."""
    assert "unexpected error" not in text, text
    return {line for line in text.splitlines() if line.startswith("farthing: ") and (FULL in line or NO_ACCESS in line)}


def _require_failed_clearly(ended, text, words, home):
    assert ended["code"] == 1, text
    (last,) = [line for line in text.splitlines() if line][-1:]
    assert last.startswith("farthing: "), text
    assert words in last, text
    assert str(home) in last, "the line says where"


def _require_kept(drill, home):
    """What was there before the run is there and unchanged, or was properly rewritten; nothing is half-written."""
    places.whole(home)
    known, now = places.reports(drill.template), places.reports(home)
    expected = places.expected_reports()
    assert all(now[day] in (state, expected[day]) for day, state in known.items())
    for path in (drill.template / "cost_data" / "runs").iterdir():
        assert (home / "cost_data" / "runs" / path.name).read_bytes() == path.read_bytes()


def _require_told_once(drill, at, reached, first, second):
    """Each alert was told, and none again whose sending could be recorded."""
    first, second = drill.slack.alerts(first), drill.slack.alerts(second)
    for alert in BREACHES:
        if reached.get(alert) == "sent":
            assert (first.count(alert), second.count(alert)) == (1, 0), (at, alert)
        else:
            assert second.count(alert) == 1, (at, alert)
            assert not first.count(alert) or reached[alert] == "claimed", (at, alert)


@pytest.mark.parametrize(
    ("kind", "words"), [("full", FULL), ("full once", FULL), ("read-only", NO_ACCESS)], ids=lambda value: value[:9]
)
def test_refused_from_any_step_on_the_next_run_completes(drilling, kind, words):
    with drilling() as drill:
        (counted,) = drill.runs(drill.order(drill.ledger("counted"), "counted", fault=["none", 0]))
        steps = counted["changing"]
        assert steps > 100
        # A write takes nine such steps; a stride that is no divisor meets each of them in turn.
        stride = 5 if kind == "full" else 11
        failed = 0
        for at in range(1, steps + 1, stride):
            home = drill.ledger(str(at))
            (ended,) = drill.runs(drill.order(home, f"{at}/first", fault=[kind, at]))
            text = drill.output(f"{at}/first")
            if ended["code"] or kind != "full once":
                failed += 1
                _require_failed_clearly(ended, text, words, home)
            else:
                # A folder that is there already need not be made: that refusal changes nothing.
                assert places.states(home) == dict.fromkeys(BREACHES, "sent"), text
            _require_kept(drill, home)
            reached = places.states(home)
            drill.finish(home, f"{at}/second")
            _require_told_once(drill, at, reached, f"/{at}/first/", f"/{at}/second/")
        assert failed > steps / stride / 3


@contextmanager
def _small_disk(folder, options):
    if not shutil.which("mount") or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "drill", folder], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no small file system can be mounted here: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_really_full(drilling, tmp_path):
    with drilling() as drill, ExitStack() as stack:
        size = 100 * PAGE
        disk = tmp_path / "disk"
        stack.enter_context(_small_disk(disk, f"size={size}"))
        failed = 0
        for pages in range(14):
            home = disk / "ledger"
            shutil.copytree(drill.template, home)
            filler = disk / "filler"
            room = os.statvfs(disk).f_bavail
            filler.write_bytes(b"x" * PAGE * (room - pages))
            assert os.statvfs(disk).f_bavail == pages
            (ended,) = drill.runs(drill.order(home, f"{pages}/first"))
            if ended["code"]:
                failed += 1
                _require_failed_clearly(ended, drill.output(f"{pages}/first"), FULL, home)
            _require_kept(drill, home)
            reached = places.states(home)
            filler.unlink()
            drill.finish(home, f"{pages}/second")
            _require_told_once(drill, pages, reached, f"/{pages}/first/", f"/{pages}/second/")
            shutil.rmtree(home)
        assert 5 < failed < 14, "with little room it fails, with more it does not"


def test_a_file_system_that_became_read_only(drilling, tmp_path):
    with drilling() as drill, ExitStack() as stack:
        disk = tmp_path / "disk"
        stack.enter_context(_small_disk(disk, "size=1m"))
        home = Path(shutil.copytree(drill.template, disk / "ledger"))
        before = places.fingerprint(home)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        (ended,) = drill.runs(drill.order(home, "first"))
        _require_failed_clearly(ended, drill.output("first"), NO_ACCESS, home)
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        assert places.fingerprint(home) == before
        assert drill.slack.alerts("/first/") == []
        drill.finish(home, "second")
        assert drill.slack.alerts("/second/") == sorted(BREACHES)


@pytest.mark.parametrize("mode", [0o555, 0o000], ids=["may be read", "may not be read"])
def test_a_ledger_of_somebody_else(drilling, mode):
    with drilling() as drill, tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        home = Path(shutil.copytree(drill.template, Path(folder) / "ledger"))
        before = places.fingerprint(home)
        (home / ".lock").chmod(0o444)
        home.chmod(mode)
        nobody = 65534 if os.geteuid() == 0 else None
        (ended,) = drill.runs(drill.order(home, "first", uid=nobody))
        home.chmod(0o755)
        (home / ".lock").chmod(0o644)
        _require_failed_clearly(ended, drill.output("first"), NO_ACCESS, home)
        assert places.fingerprint(home) == before
        assert drill.slack.alerts("/first/") == []
        drill.finish(home, "second")
        assert drill.slack.alerts("/second/") == sorted(BREACHES)
