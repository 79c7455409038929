"""Two and three runs at once on one ledger, as real processes; also the same event delivered twice at the same moment."""

import shutil

import pytest
from tests.drills import places
from tests.drills.places import BREACHES
from tests.fakes import TODAY, ago

pytestmark = [pytest.mark.loopback, pytest.mark.slow]

ROUNDS = 6


@pytest.mark.parametrize("runs", [2, 3])
@pytest.mark.parametrize("entry", ["cli", "lambda"], ids=["two runs", "one event twice"])
def test_runs_at_once_tell_each_alert_once(drilling, entry, runs):
    with drilling() as drill:
        for round_ in range(ROUNDS):
            home = drill.ledger(str(round_))
            names = [f"round-{round_}/{number}" for number in range(runs)]
            records = len(list((home / "cost_data" / "runs").iterdir()))
            ended = drill.runs(*(drill.order(home, name, entry=entry) for name in names))
            said = {name: drill.output(name) for name in names}
            assert [one["code"] for one in ended] == [0] * runs, said
            assert drill.slack.alerts(f"/round-{round_}/") == sorted(BREACHES), said
            assert places.states(home) == dict.fromkeys(BREACHES, "sent")
            assert places.reports(home) == places.expected_reports()
            places.whole(home)
            assert len(list((home / "cost_data" / "runs").iterdir())) == records + runs, "each run has its own record"
            assert not any("Traceback" in text for text in said.values())


def test_runs_at_once_on_an_empty_ledger(drilling):
    with drilling() as drill:
        for round_ in range(ROUNDS):
            home = drill.folder / "ledgers" / f"empty {round_}"
            shutil.copytree(drill.template / "config", home / "config")
            ended = drill.runs(*(drill.order(home, f"round-{round_}/{number}") for number in range(3)))
            assert [one["code"] for one in ended] == [0, 0, 0], drill.output(f"round-{round_}/0")
            # Only the newest day is news to a first run, and three first runs are one.
            newest = [("storage", TODAY), ("total", TODAY)]
            assert drill.slack.alerts(f"/round-{round_}/") == newest
            known = {day: state for day, state in places.expected_reports().items() if day >= ago(6)}
            assert places.reports(home) == {day: (total, 0) for day, (total, _) in known.items()}
