"""A run that dies at any single call of its store, before or after the call took effect; and two runs at once.

Each drill asserts what is in the ledger and what was sent: the next run completes the work, no alert is lost, none is
sent again once its sending was recorded.
"""

import json
import threading
from datetime import timedelta

import pytest
from tests.fakes import MemoryStore, ago, workplace
from tests.unit.test_collect import Trial, flat

from farthing.collect import collect
from farthing.errors import LedgerError


class Died(BaseException):
    """The process is gone: nothing catches this."""


class Failing(MemoryStore):
    """Raises at its n-th call (reads, listings and writes all count), before or after that call took effect."""

    def __init__(self, objects, at=None, *, after=False, error=Died):
        super().__init__()
        self.objects = objects
        self.calls = 0
        self.at = at
        self.after = after
        self.error = error

    def _counted(self, act):
        self.calls += 1
        if self.calls != self.at:
            return act()
        if self.after:
            act()
        raise self.error("the drill")

    def read(self, key):
        return self._counted(lambda: super(Failing, self).read(key))

    def keys(self, prefix, after=""):
        return self._counted(lambda: super(Failing, self).keys(prefix, after))

    def _write(self, key, data, etag):
        return self._counted(lambda: super(Failing, self)._write(key, data, etag))


def _trial():
    """A ledger that was collected yesterday, and a bill with a new breach and a restated one."""
    trial = Trial(flat())
    trial.run()
    trial.client.bill |= {
        ago(1): {("Amazon S3", "111122223333"): "900"},
        ago(4): {("Amazon S3", "111122223333"): "800"},
    }
    return trial


def _calls():
    trial = _trial()
    trial.store = Failing(trial.store.objects)
    trial.run("event")
    assert trial.slack.days == [[ago(4), ago(1)]]
    return trial.store.calls, _reports(trial)


def _reports(trial):
    found = {}
    for key, data in trial.store.objects.items():
        if key.startswith("cost_data/daily/"):
            document = json.loads(data)
            found[key] = (document["totals"], len(document["revisions"]))
    return found


CALLS, EXPECTED = _calls()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [Died, LedgerError], ids=["killed", "store failed"])
@pytest.mark.parametrize("at", range(1, CALLS + 1))
def test_whatever_call_it_dies_at_the_next_run_completes(at, error, after):
    trial = _trial()
    objects = trial.store.objects
    trial.store = Failing(objects, at, after=after, error=error)
    try:
        result = trial.run("event")
        assert error is LedgerError, "a killed run cannot return"
        assert result.failures
    except (Died, LedgerError):
        pass
    confirmed = [
        json.loads(data)["state"] for key, data in objects.items() if key.startswith("cost_data/alerts/")
    ].count("sent")
    before = sum(len(message) for message in trial.slack.sent)
    trial.store = MemoryStore()
    trial.store.objects = objects
    trial.now += timedelta(minutes=2)
    assert trial.run("event").failures == ()
    assert _reports(trial) == EXPECTED
    assert set(trial.alerts().values()) == {"sent"}
    sent = [alert.day for message in trial.slack.sent for alert in message]
    assert set(sent) == {ago(4), ago(1)}
    assert len(sent) - before == 2 - confirmed, "what was recorded as sent is not sent again, the rest is"
    trial.run("later")
    assert len([alert for message in trial.slack.sent for alert in message]) == len(sent)


def test_there_are_steps_to_die_at():
    assert CALLS > 40


def test_two_runs_at_once_send_each_alert_once():
    for _ in range(10):
        trial = _trial()
        barrier = threading.Barrier(2)
        failures = []

        def run(name, trial=trial, barrier=barrier, failures=failures):
            place = workplace(trial.client, trial.store, trial.slack, clock=lambda: trial.now, **trial.settings)
            barrier.wait()
            failures.extend(collect(place, invocation=name).failures)

        threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert sorted(alert.day for message in trial.slack.sent for alert in message) == [ago(4), ago(1)]
        assert _reports(trial) == EXPECTED
