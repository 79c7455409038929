"""A run that dies at any single call of its store, before or after the call took effect; and two runs at once.

Each drill asserts what is in the ledger and what was sent: the next run completes the work, no alert is lost, none is
sent again once its sending was recorded.
"""

import json
import threading
from datetime import timedelta

import pytest
from tests.drills import places
from tests.drills.planted import ENVIRONMENT, WEBHOOK_TOKEN, require_clean
from tests.fakes import MemoryStore, ago, workplace
from tests.unit.test_collect import Trial, flat

from farthing.collect import collect
from farthing.errors import ConflictError, LedgerError


class Died(BaseException):
    """The process is gone: nothing catches this."""


class Failing(MemoryStore):
    """Raises at its n-th call (reads, listings and writes all count), before or after that call took effect."""

    def __init__(self, objects, at=None, *, after=False, error=Died, writes_only=False):
        super().__init__()
        self.objects = objects
        self._below = MemoryStore()  # what one call does by itself is not counted
        self._below.objects = objects
        self.calls = 0
        self.at = at
        self.after = after
        self.error = error
        self.writes_only = writes_only
        self.struck = ""

    def _counted(self, act, name, *, write=False):
        if self.writes_only and not write:
            return act()
        self.calls += 1
        if self.calls != self.at:
            return act()
        self.struck = name
        if self.after:
            act()
        raise self.error("the drill")

    def read(self, key):
        return self._counted(lambda: super(Failing, self).read(key), f"read {key}")

    def keys(self, prefix, after=""):
        return self._counted(lambda: super(Failing, self).keys(prefix, after), f"keys {prefix}")

    def read_many(self, keys):
        # Each object is a call of its own: a home far away can lose any one of them.
        return map(self.read, keys)

    def entries(self, prefix):
        found = self._counted(lambda: list(self._below.entries(prefix)), f"entries {prefix}")
        return iter(found)

    def _write(self, key, data, etag):
        return self._counted(lambda: self._below._write(key, data, etag), f"write {key}", write=True)


def _trial():
    """A ledger that was collected yesterday, and a bill with a new breach and a restated one."""
    trial = Trial(flat())
    trial.run()
    trial.client.bill |= {
        ago(1): {("Amazon S3", "111122223333"): "900"},
        ago(4): {("Amazon S3", "111122223333"): "800"},
    }
    return trial


def _calls(**options):
    trial = _trial()
    trial.store = Failing(trial.store.objects, **options)
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


def _sent(trial):
    return [alert.day for message in trial.slack.sent for alert in message]


def _only_derived(struck):
    # The days' ETags are listed for the series alone.
    return "state/series/" in struck or struck == "entries cost_data/daily/"


CALLS, EXPECTED = _calls()
WRITES, _ = _calls(writes_only=True)


def _require_completed(trial, objects, retry="event"):
    """What was recorded as sent is not sent again, the rest is; the reports are right."""
    confirmed = [
        json.loads(data)["state"] for key, data in objects.items() if key.startswith("cost_data/alerts/")
    ].count("sent")
    before = len(_sent(trial))
    trial.store = MemoryStore()
    trial.store.objects = objects
    trial.now += timedelta(minutes=2)
    assert trial.run(retry).failures == ()
    assert _reports(trial) == EXPECTED
    assert set(trial.alerts().values()) == {"sent"}
    assert set(_sent(trial)) == {ago(4), ago(1)}
    assert len(_sent(trial)) - before == 2 - confirmed
    places.require_series(trial.store)
    told = len(_sent(trial))
    trial.run("later")
    assert len(_sent(trial)) == told


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [Died, LedgerError], ids=["killed", "store failed"])
@pytest.mark.parametrize("retry", ["event", "another"])
@pytest.mark.parametrize("at", range(1, CALLS + 1))
def test_whatever_call_it_dies_at_the_next_run_completes(at, retry, error, after):
    trial = _trial()
    objects = trial.store.objects
    trial.store = Failing(objects, at, after=after, error=error)
    try:
        result = trial.run("event")
        assert error is LedgerError, "a killed run cannot return"
        # What is derived may be lost: it is made anew, and no run fails for it.
        assert result.failures or _only_derived(trial.store.struck)
    except (Died, LedgerError):
        pass
    assert trial.store.struck
    _require_completed(trial, objects, retry)


@pytest.mark.parametrize("at", range(1, WRITES + 1))
def test_a_conflict_out_of_nowhere_loses_nothing(at):
    # Somebody else wrote, or so the store says: 409 and 412 of a bucket.
    trial = _trial()
    objects = trial.store.objects
    trial.store = Failing(objects, at, error=ConflictError, writes_only=True)
    try:
        trial.run("event")
    except LedgerError:
        assert "cost_data/runs/" in trial.store.struck, "anything else is merged and tried again"
    _require_completed(trial, objects)


@pytest.mark.parametrize("at", range(1, WRITES + 1))
def test_a_write_whose_answer_was_lost_is_not_taken_for_somebody_elses(at):
    # The write took effect, its answer was lost, and the SDK's own retry meets the condition: 412.
    trial = _trial()
    objects = trial.store.objects
    trial.store = Failing(objects, at, after=True, error=ConflictError, writes_only=True)
    try:
        result = trial.run("event")
        assert result.failures or sorted(_sent(trial)) == [ago(4), ago(1)], (
            f"{trial.store.struck}: a run that says all is well has told every alert"
        )
    except LedgerError:
        assert "cost_data/runs/" in trial.store.struck
    _require_completed(trial, objects)


def test_there_are_steps_to_die_at():
    assert CALLS > 40
    assert WRITES > 10


def test_the_errors_of_a_failing_store_hold_no_secret(monkeypatch, caplog):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FARTHING_SLACK_WEBHOOK_URL", f"https://hooks.slack.com/services/{WEBHOOK_TOKEN}")
    caplog.set_level("DEBUG")
    for at in range(1, CALLS + 1):
        trial = _trial()
        trial.store = Failing(trial.store.objects, at, error=LedgerError)
        try:
            failures = trial.run("event").failures
        except LedgerError as error:
            failures = (error,)
        assert require_clean(failures=list(failures), ledger=trial.store.objects, log=caplog.text) > 0


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
        assert sorted(_sent(trial)) == [ago(4), ago(1)]
        assert _reports(trial) == EXPECTED
