"""Budgets, credits, restatements and the forecast in the daily run, over the same ledger as incidents."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from tests.fakes import DEV, EC2, NOW, PROD, S3, TODAY, ago
from tests.unit.test_judging import Watch, steady

from farthing.alerts.rendering import plain_text
from farthing.errors import SettingsError
from farthing.forecasting import KIND, SCHEMA, Kept
from farthing.ledger.events import Events
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


@pytest.mark.parametrize("age", [4, 12])
def test_a_change_is_news_when_it_is_seen_however_old_its_day(age):
    watch = Watch(steady(), signals=("restatement",), window_days=20)
    watch.run()
    watch.bills(1, "100")
    watch.client.bill[ago(age)] = {(EC2, PROD): "900", (EC2, DEV): "50", (S3, PROD): "10"}
    watch.run(days_later=1)
    watch.run(days_later=1)
    assert [(kind, day) for kind, _, day in sent(watch)] == [("restatement", ago(age))]


def test_messages_say_what_the_month_will_come_to_with_and_without_the_incident():
    watch = Watch(steady(days=80, d1="400"))
    watch.run()
    ((alert,),) = watch.slack.sent
    assert alert.forecast.lo80 <= alert.forecast.mean <= alert.forecast.hi80
    # 160 a day and the one day of 300 more; the forecast may think that some of it goes on.
    assert 160 * 30 + 300 <= alert.forecast.mean <= 160 * 30 + 300 * 8
    assert alert.forecast_metric == "EffectiveCost"
    text = plain_text([alert], "prod")
    assert "All of November 2026 (EffectiveCost) is expected to come to" in text
    assert "without this, which makes" in text


def test_a_threshold_says_the_month_too():
    watch = Watch(steady(days=80), cost_threshold=Decimal(150))
    watch.run()
    ((alert,),) = watch.slack.sent
    assert (alert.kind, alert.incident, alert.month_end) == ("threshold", None, None)
    assert "All of November 2026 (EffectiveCost) is expected to come to" in plain_text([alert], "prod")


def test_a_forecast_is_kept_once_a_day():
    watch = Watch(steady(days=80))
    for _ in range(2):
        watch.run()
    kept = [event for day, event in Events(watch.store, KIND, SCHEMA, Kept).since(ago(1)) if day == TODAY]
    assert [event.as_of for event in kept] == [TODAY]


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
