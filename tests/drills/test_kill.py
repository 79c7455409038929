"""SIGKILL at every step of a daily run: a real process, a real folder, real HTTP to Cost Explorer and to Slack.

A step is whatever the run asks of the operating system: opening, renaming, locking and forcing a file of the ledger,
connecting, sending, receiving. The process is gone before the step is done; two minutes later a run completes the work.
"""

import signal
from collections import Counter
from pathlib import Path

import pytest
from tests.drills import places
from tests.drills.places import BREACHES

pytestmark = [pytest.mark.loopback, pytest.mark.slow]

LEAST_STEPS = 250
LEAST_STATES = 15


def _killed(drill, home, name, entry, at):
    (ended,) = drill.runs(drill.order(home, name, entry=entry, fault=["kill", at]))
    assert ended["code"] == -signal.SIGKILL, f"step {at}: {drill.output(name)}"


def _require_told(drill, step, reached, first, second):
    """Every alert was told; again only one that Slack had taken and that the dead run could not record any more."""
    first, second = Counter(drill.slack.alerts(first)), Counter(drill.slack.alerts(second))
    for alert in BREACHES:
        if reached.get(alert) == "sent":
            assert (first[alert], second[alert]) == (1, 0), f"{step}: {alert} was recorded as sent"
        else:
            assert second[alert] == 1, f"{step}: {alert} was {reached.get(alert)}"
            assert not first[alert] or reached[alert] == "claimed", f"{step}: {alert} was sent without a claim"
    return first & second


@pytest.mark.parametrize(
    ("entry", "first", "last", "stride"),
    [("cli", 0, 0.6, 1), ("cli", 0.6, 1, 1), ("lambda", 0, 1, 5)],
    ids=["its beginning", "its end", "a retry of the same event"],
)
def test_killed_at_any_step_the_next_run_completes(drilling, entry, first, last, stride):
    with drilling() as drill:
        (counted,) = drill.runs(drill.order(drill.ledger("counted"), "counted", entry=entry, fault=["none", 0]))
        assert counted["code"] == 0
        assert drill.slack.alerts("/counted/") == sorted(BREACHES)
        steps = counted["steps"]
        assert len(steps) > LEAST_STEPS
        doubled = []
        states = set()
        for at in range(int(len(steps) * first) + 1, int(len(steps) * last) + 1, stride):
            home = drill.ledger(str(at))
            _killed(drill, home, f"{at}/first", entry, at)
            # Many steps only read. A ledger that is byte by byte the one of another step has the same next run.
            state = (places.fingerprint(home), tuple(drill.slack.alerts(f"/{at}/first/")))
            if state in states:
                continue
            states.add(state)
            places.whole(home)
            reached = places.states(home)
            drill.finish(home, f"{at}/second", entry=entry)
            if _require_told(drill, f"step {at} ({steps[at - 1]})", reached, f"/{at}/first/", f"/{at}/second/"):
                doubled.append(at)
            if len(states) % 10 == 0:
                drill.finish(home, f"{at}/third", entry=entry)
                assert drill.slack.alerts(f"/{at}/third/") == []
        assert len(states) > LEAST_STATES
        # From Slack's answer to the record of it is the one stretch where a message may come twice.
        assert len(doubled) < len(states) / 2
        assert doubled or last < 1, "the drill should have met that stretch"


def test_the_steps_are_those_of_a_whole_run(drilling):
    with drilling() as drill:
        (counted,) = drill.runs(drill.order(drill.ledger("counted"), "counted", fault=["none", 0]))
        kinds = Counter(step.split()[0] for step in counted["steps"])
        written = Counter("/".join(step.split("/")[1:3]) for step in counted["steps"] if step.startswith("os.rename"))
        assert written == {
            "cost_data/runs": 4,  # started, stored, judged, finished
            "cost_data/daily": 3,
            "cost_data/alerts": 3 * len(BREACHES),  # pending, claimed, sent
            "state/series": 2,
        }
        assert kinds["drill.fsync"] == 2 * kinds["os.rename"]
        assert kinds["socket.connect"] >= 3
        assert kinds["drill.receive"] == kinds["drill.received"] >= 3


@pytest.mark.parametrize("size", [1, 200, 400, 800, 1600])
def test_killed_in_the_middle_of_a_write(drilling, size):
    # The kernel lets a file grow to this size and then ends the process: what it wrote last is half there.
    with drilling() as drill:
        home = drill.ledger("torn")
        (ended,) = drill.runs(drill.order(home, "first", fault=["torn", size]))
        assert ended["code"] == -signal.SIGXFSZ, drill.output("first")
        assert (home / ".writing").stat().st_size == size
        places.whole(home)
        reached = places.states(home)
        drill.finish(home, "second")
        _require_told(drill, f"torn at {size} bytes", reached, "/first/", "/second/")


@pytest.mark.parametrize("entry", ["cli", "lambda"])
def test_killed_while_another_run_is_under_way(drilling, entry):
    with drilling() as drill:
        (counted,) = drill.runs(drill.order(drill.ledger("counted"), "counted", entry=entry, fault=["none", 0]))
        for at in range(5, len(counted["steps"]), 37):
            home = drill.ledger(str(at))
            dead, alive = drill.runs(
                drill.order(home, f"{at}/dead", entry=entry, fault=["kill", at]),
                drill.order(home, f"{at}/alive", entry=entry),
            )
            # What the other run did already takes steps away from this one: it may end before it can be killed.
            assert dead["code"] in (-signal.SIGKILL, 0), drill.output(f"{at}/dead")
            assert alive["code"] == 0, drill.output(f"{at}/alive")
            places.whole(home)
            reached = places.states(home)
            drill.finish(home, f"{at}/later", entry=entry)
            for alert in BREACHES:
                told = [drill.slack.alerts(f"/{at}/{name}/").count(alert) for name in ("dead", "alive", "later")]
                if reached.get(alert) == "sent":
                    assert sum(told) == 1, (at, alert, told)
                else:
                    assert (reached[alert], told[1:]) == ("claimed", [0, 1]), (at, alert, told)


def test_the_driver_has_no_thread_that_a_fork_would_lose(drilling):
    with drilling() as drill:
        drill.runs(drill.order(drill.ledger("any"), "any"))
        tasks = Path(f"/proc/{drill.pid}/task")
        if not tasks.is_dir():
            pytest.skip("this platform does not list the threads of a process")
        assert len(list(tasks.iterdir())) == 1
