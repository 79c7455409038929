"""Budgets, credits and restatements in the daily run, over the same ledger as incidents."""

from datetime import date, timedelta

import pytest
from tests.fakes import DEV, EC2, NOW, PROD, S3, TODAY, ago
from tests.unit.test_judging import Watch, steady

from farthing.errors import SettingsError
from farthing.model import Period
from farthing.replaying import replay

MONTHLY = {"name": "cloud", "amount": 4500, "actual": [50, 80, 100], "forecast": []}
"""160 a day are 3,520 by the 22nd, 78.2 %; the 23rd passes the mark of 80."""


def sent(watch):
    return [(alert.kind, alert.rule, alert.day) for message in watch.slack.sent for alert in message]


def test_a_mark_of_a_budget_is_told_once_on_the_day_it_is_passed():
    watch = Watch(budgets=(MONTHLY,))
    watch.run()
    assert sent(watch) == []
    for ahead in range(1, 5):
        watch.bills(ahead, "100")
        watch.run(days_later=1)
        watch.run()
    assert sent(watch) == [("budget", "cloud: 80 % actual", date(2026, 11, 1))]


def test_several_marks_at_once_are_one_message():
    watch = Watch(budgets=({**MONTHLY, "amount": 3600, "name": "small"},))
    # 98 % by yesterday: 50 and 80 were passed before, and told together as one.
    assert [(kind, day) for kind, day, state, _ in watch.told() if state == "suppressed"] == [
        ("budget", date(2026, 11, 1))
    ]
    watch.bills(1, "100")
    watch.run()
    watch.run(days_later=1)
    assert sent(watch) == [("budget", "small: 100 % actual", date(2026, 11, 1))]


def test_a_wrong_budget_stops_the_run_before_anything_is_asked():
    watch = Watch()
    requests = len(watch.client.requests)
    watch.settings["budgets"] = ({"name": "cloud", "amount": -1},)
    with pytest.raises(SettingsError, match="amount"):
        watch.run()
    assert len(watch.client.requests) == requests


def test_credits_without_their_lens_are_a_hint_and_no_failure(caplog):
    watch = Watch(credits=({"name": "promotion", "balance": 10000, "as_of": date(2026, 11, 1)},))
    assert watch.run().failures == ()
    assert "FARTHING_LENSES=record-type" in caplog.text


def test_a_settled_day_that_changes_is_told_once():
    watch = Watch(steady(), signals=("restatement",))
    for _ in range(3):
        watch.run()
        watch.bills((watch.now - NOW).days + 1, "100")
        watch.now += timedelta(days=1)
    watch.client.bill[ago(4)] = {(EC2, PROD): "900", (EC2, DEV): "50", (S3, PROD): "10"}
    watch.run()
    watch.run()
    assert [(kind, day) for kind, _, day in sent(watch)] == [("restatement", ago(4))]


def test_a_replay_tells_marks_and_restatements_too():
    watch = Watch(budgets=(MONTHLY,))
    watch.run()
    for ahead in range(1, 4):
        watch.bills(ahead, "100")
        watch.run(days_later=1)
    before = dict(watch.store.objects)
    fired = replay(watch.store, watch.place.settings, Period(TODAY, TODAY + timedelta(days=4))).fired
    assert [(one.kind, one.rule, one.day) for one in fired] == sent(watch)
    assert watch.store.objects == before
