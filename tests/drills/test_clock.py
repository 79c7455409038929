"""A clock that jumps, between runs and in the middle of one: no alert lost, none told twice, no newer answer overwritten."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.drills import places
from tests.fakes import EC2, NOW, PROD, S3, TODAY, FakeCostExplorer, RecordingChannel, ago, workplace

from farthing.collect import collect
from farthing.errors import DeliveryError
from farthing.ledger.folder import FolderStore
from farthing.ledger.reports import Reports

DAY = timedelta(days=1)
MONTH = timedelta(days=30)


class Trial:
    """One folder ledger, one bill, one channel; ``now`` is whatever the machine believes."""

    def __init__(self, root):
        self.client = FakeCostExplorer(places.before())
        self.store = FolderStore(root)
        self.slack = RecordingChannel()
        self.now = NOW
        self.runs = 0

    def run(self, clock=None, client=None):
        self.runs += 1
        place = workplace(
            client or self.client,
            self.store,
            self.slack,
            clock=clock or (lambda: self.now),
            cost_threshold=Decimal(150),
        )
        return collect(place, invocation=f"run {self.runs}")

    @property
    def told(self):
        return Counter(alert.day for message in self.slack.sent for alert in message)


@pytest.fixture
def trial(tmp_path):
    trial = Trial(tmp_path)
    assert trial.run().failures == ()
    return trial


def _breach(trial, *days):
    for day in days:
        trial.client.bill[day] = {(EC2, PROD): "100", (S3, PROD): "900"}


JUMPS = {
    "back a day": -DAY,
    "forward ten days": 10 * DAY,
    "forward a month": MONTH,
    "back a month": -MONTH,
    "forward a minute": timedelta(minutes=1),
}


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
def test_a_clock_that_is_wrong_for_one_run(trial, jump):
    _breach(trial, ago(1), ago(3))
    trial.now += jump
    trial.run()
    trial.now -= jump
    trial.now += DAY
    assert trial.run().failures == ()
    trial.now += timedelta(hours=1)
    assert trial.run().failures == ()
    assert trial.told == {ago(1): 1, ago(3): 1}
    assert all(len(Reports(trial.store).read(day).revisions) == 1 for day in (ago(1), ago(3)))


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
def test_a_clock_that_was_wrong_at_the_first_run_of_a_ledger(tmp_path, jump):
    trial = Trial(tmp_path)
    _breach(trial, ago(1), ago(3))
    trial.now += jump
    trial.run()
    trial.now -= jump
    trial.now += timedelta(hours=1)
    assert trial.run().failures == ()
    assert trial.run().failures == ()
    assert trial.told[ago(1)] == 1, "the newest day is news, whatever the first clock said"
    assert max(trial.told.values()) == 1


@pytest.mark.parametrize("jump", [-DAY, MONTH], ids=["back a day", "forward a month"])
def test_a_clock_that_jumps_at_any_reading_of_it(tmp_path, jump):
    def prepared(name):
        trial = Trial(tmp_path / name)
        assert trial.run().failures == ()
        _breach(trial, ago(1), ago(3))
        trial.now += DAY
        return trial

    class Jumping:
        def __init__(self, start, at):
            self.start, self.at, self.readings = start, at, 0

        def __call__(self):
            self.readings += 1
            return self.start + (jump if self.readings >= self.at else timedelta(0))

    counted = prepared("count")
    clock = Jumping(counted.now, 10**6)
    counted.run(clock)
    assert clock.readings > 10
    for at in range(1, clock.readings + 1):
        trial = prepared(str(at))
        trial.run(Jumping(trial.now, at))
        trial.now += timedelta(hours=1)
        assert trial.run().failures == (), at
        trial.now += timedelta(hours=1)
        assert trial.run().failures == (), at
        assert trial.told == {ago(1): 1, ago(3): 1}, f"jump at reading {at}"


@pytest.mark.parametrize("jump", [-DAY, MONTH], ids=["back a day", "forward a month"])
def test_what_could_not_be_sent_under_a_wrong_clock_is_sent_under_the_right_one(trial, jump):
    _breach(trial, ago(1))
    trial.slack.failing = DeliveryError("down", retryable=False)
    assert trial.run().failures
    trial.now += jump
    assert trial.run().failures
    trial.slack.failing = None
    trial.now -= jump
    trial.now += timedelta(minutes=5)
    assert trial.run().failures == ()
    assert trial.told == {ago(1): 1}


def test_a_claim_of_a_run_that_died_under_a_wrong_clock_does_not_hold_for_ever(trial):
    class Died(BaseException):
        pass

    _breach(trial, ago(1))
    trial.slack.failing = DeliveryError("down", retryable=False)
    trial.run()
    trial.slack.failing = Died()
    for jump in (MONTH, -MONTH):
        with pytest.raises(Died):
            trial.run(lambda jump=jump: trial.now + jump)
    trial.slack.failing = None
    assert trial.run().failures == ()
    assert trial.told == {ago(1): 1}


def test_a_late_answer_does_not_overwrite_a_newer_one(trial):
    # Two runs: the first is answered at 08:01 and stores at 08:09; the second is answered and stores at 08:05.
    _breach(trial, ago(2))
    early = FakeCostExplorer(dict(trial.client.bill))
    trial.client.bill[ago(2)] = {(EC2, PROD): "120", (S3, PROD): "1"}
    minute = 1

    class Slow(FolderStore):
        def read(self, key):
            nonlocal minute
            if early.requests and minute == 1 and "daily" in key:
                minute = 9
                trial.now = NOW + timedelta(minutes=5)
                assert trial.run().record.days_restated == (ago(2),)
            return super().read(key)

    usual, trial.store = trial.store, Slow(trial.store.root)
    slow = workplace(
        early, trial.store, trial.slack, clock=lambda: NOW + timedelta(minutes=minute), cost_threshold=Decimal(150)
    )
    trial.store = usual
    assert collect(slow, invocation="slow").failures == ()
    report = Reports(trial.store).read(ago(2))
    assert (report.total(), report.collected_at) == (121, NOW + timedelta(minutes=5)), "the newer answer stays"
    assert len(report.revisions) == 1
    assert trial.told == {}, "no run tells what the newer answer took back"


def test_after_a_clock_that_was_ahead_a_restated_day_is_still_taken(trial):
    # The time of the stored answer lies in the future: that says nothing about which of the two is newer.
    _breach(trial, ago(2))
    trial.now += MONTH
    trial.run()
    trial.now -= MONTH
    trial.now += timedelta(hours=1)
    trial.client.bill[ago(2)] = {(EC2, PROD): "120", (S3, PROD): "1"}
    assert trial.run().failures == ()
    assert Reports(trial.store).read(ago(2)).total() == 121
    assert TODAY not in Reports(trial.store).days()
