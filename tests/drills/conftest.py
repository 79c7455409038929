"""Real processes for the drills: a driver that forks a child for each run."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.drills import places
from tests.drills.planted import ENVIRONMENT, require_clean

ROOT = Path(__file__).parents[2]
DRIVER = Path(__file__).with_name("driver.py")
LATER = timedelta(minutes=2)
"""A claim of a dead run is respected for one."""


class Drill:
    """One driver, its folder, and the places that its runs talk to."""

    def __init__(self, folder: Path, slack: places.Slack, process: "subprocess.Popen[str]") -> None:
        self.folder = folder
        self.slack = slack
        self._process = process
        self.pid = process.pid
        self.template = places.filled(folder / "template")
        self.outputs = folder / "outputs"
        self.outputs.mkdir()
        self._say(self.order(folder / "warm-up", "warm-up"))

    def ledger(self, name: str) -> Path:
        """A ledger of its own, as yesterday's run left it."""
        return Path(shutil.copytree(self.template, self.folder / "ledgers" / name))

    def order(
        self, home: Path, name: str, *, entry: str = "cli", at: datetime = places.TOMORROW, **more: Any
    ) -> dict[str, Any]:
        """One run; its messages and its output go by ``name``."""
        return {
            "home": str(home),
            "log": str(self.outputs / f"{name.replace('/', '-')}.log"),
            "webhook": f"{self.slack.url}/{name}/",
            "entry": entry,
            # A retry of an event has its request id; a command that is started again is a run of its own.
            "invocation": "11111111-2222-3333-4444-555555555555" if entry == "lambda" else name.rsplit("/")[-1],
            "clock": at.isoformat(),
            "fault": None,
            **more,
        }

    def runs(self, *orders: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Runs them at once; each one's exit code (a signal's is negative) and, unless it was killed, its steps."""
        self._say(orders)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            pytest.fail(f"the driver ended: {(self.folder / 'driver.log').read_text()}")
        answer: list[dict[str, Any]] = json.loads(line)
        return answer

    def finish(self, home: Path, name: str, **more: Any) -> None:
        """A run two minutes later that nothing disturbs: it ends well and completes the work."""
        (ended,) = self.runs(self.order(home, name, at=places.TOMORROW + LATER, **more))
        assert ended["code"] == 0, self.output(name)
        assert places.states(home) == dict.fromkeys(places.BREACHES, "sent")
        assert places.reports(home) == places.expected_reports()
        places.whole(home)
        assert not (home / ".writing").exists()

    def _say(self, orders: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(orders) + "\n")
        self._process.stdin.flush()

    def output(self, name: str) -> str:
        """What a run said on stdout and stderr."""
        return (self.outputs / f"{name.replace('/', '-')}.log").read_text()


@pytest.fixture(autouse=True)
def _no_power_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    # Forcing thousands of small files to the disk is most of what a drill in this process would wait for.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def drilling(tmp_path: Path) -> Callable[..., Any]:
    """Opens a drill over a bill; at its end everything that it left is searched for secrets."""
    if not hasattr(os, "fork"):
        pytest.skip("this platform has no fork: nothing to kill a process by")

    @contextmanager
    def opened(folder: Path = tmp_path) -> Iterator[Drill]:
        with ExitStack() as stack:
            endpoint = stack.enter_context(places.cost_explorer(places.after()))
            slack = stack.enter_context(places.slack())
            log = stack.enter_context((folder / "driver.log").open("w"))
            environment = {
                **os.environ,
                **ENVIRONMENT,
                "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
                "COST_THRESHOLD": "150",
                "ENVIRONMENT": "dev",
                "PYTHONWARNINGS": "error",
            }
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, str(DRIVER), endpoint],
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
            )
            drill = Drill(folder, slack, process)
            try:
                yield drill
            finally:
                assert process.stdin is not None
                process.stdin.close()
                try:
                    assert process.wait(20) == 0
                finally:
                    process.kill()
        assert require_clean(everything=folder) > 0
        require_clean(messages=[body for _, body in slack.got])

    return opened
