"""Incidents under the same drills as thresholds: killed at each step, several runs at once; each is told once."""

import shutil
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.drills import places
from tests.fakes import NOW, TODAY, FakeCostExplorer, RecordingChannel, workplace

from farthing.app import CONFIG_KEY
from farthing.collect import collect
from farthing.ledger.folder import FolderStore
from farthing.model import Alert

pytestmark = [pytest.mark.loopback, pytest.mark.slow]

LATER = timedelta(minutes=2)
STRIDE = 4
"""Every fourth step is struck, beginning at another one for each half of the drill."""


def watched(drill: Any) -> Any:
    """Yesterday's ledger, where the signal has been computed and had nothing to tell."""
    home = drill.ledger("watched")
    (home / CONFIG_KEY).write_text('window_days = 7\nsignals = ["anomalies"]\n')
    quiet = workplace(
        FakeCostExplorer(places.before()),
        FolderStore(home),
        RecordingChannel(),
        clock=lambda: NOW + timedelta(hours=1),
        signals=("anomalies",),
        window_days=7,
    )
    result = collect(quiet, invocation="watched")
    assert (result.failures, result.record.signals) == ((), {"anomalies": 0})
    return home


def told(drill, path) -> list[str]:
    return [body["text"] for where, body in drill.slack.got if path in where]


def alerts(home) -> list[Alert]:
    found = (home / "cost_data" / "alerts").rglob("*.json")
    return [one for path in found if (one := msgspec.json.decode(path.read_bytes(), type=Alert)).kind == "anomaly"]


@pytest.mark.parametrize("begin", [1, 3])
def test_killed_at_any_step_an_incident_is_told_once(drilling, begin):
    with drilling() as drill:
        template = watched(drill)
        home = Path(shutil.copytree(template, drill.folder / "ledgers" / "counted"))
        (counted,) = drill.runs(drill.order(home, "counted", fault=["none", 0]))
        (message,) = told(drill, "/counted/")
        assert "over the expected" in message
        assert [(one.day, one.state) for one in alerts(home)] == [(TODAY, "sent")]
        doubled = 0
        states = set()
        for at in range(begin, len(counted["steps"]) + 1, STRIDE):
            home = Path(shutil.copytree(template, drill.folder / "ledgers" / str(at)))
            (ended,) = drill.runs(drill.order(home, f"{at}/first", fault=["kill", at]))
            assert ended["code"] == -signal.SIGKILL, drill.output(f"{at}/first")
            first = len(told(drill, f"/{at}/first/"))
            state = (places.fingerprint(home), first)
            if state in states:
                continue
            states.add(state)
            reached = [one.state for one in alerts(home)]
            for name in ("second", "third"):
                (ended,) = drill.runs(drill.order(home, f"{at}/{name}", at=places.TOMORROW + LATER))
                assert ended["code"] == 0, drill.output(f"{at}/{name}")
            second, third = len(told(drill, f"/{at}/second/")), len(told(drill, f"/{at}/third/"))
            assert third == 0, at
            if reached == ["sent"]:
                assert (first, second) == (1, 0), at
            else:
                assert second == 1, at
                assert first == 0 or reached == ["claimed"], at
            doubled += first and second
            assert [one.state for one in alerts(home)] == ["sent"]
        assert len(states) > 8
        assert doubled < len(states) / 2


def test_runs_at_once_tell_an_incident_once(drilling):
    with drilling() as drill:
        template = watched(drill)
        for round_ in range(5):
            home = Path(shutil.copytree(template, drill.folder / "ledgers" / f"round {round_}"))
            names = [f"round-{round_}/{number}" for number in range(3)]
            ended = drill.runs(*(drill.order(home, name) for name in names))
            assert [one["code"] for one in ended] == [0, 0, 0], [drill.output(name) for name in names]
            assert len(told(drill, f"/round-{round_}/")) == 1
            assert [(one.day, one.state) for one in alerts(home)] == [(TODAY, "sent")]
