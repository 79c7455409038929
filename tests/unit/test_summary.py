"""The message of a quiet day (FARTHING_DAILY_SUMMARY)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.fakes import EC2, PROD, TODAY, ago
from tests.unit.test_collect import Trial, flat
from tests.unit.test_cost_explorer import client_error

from farthing.alerts.rendering import plain_text, slack_message, title
from farthing.collect import backfill
from farthing.errors import DeliveryError, SettingsError
from farthing.model import Period
from farthing.settings import load


def quiet(**settings):
    trial = Trial(flat(40), daily_summary=True, **settings)
    backfill(trial.place, Period(ago(40), TODAY), max_requests=10, invocation="history")
    return trial


def test_a_quiet_day_is_told_once_with_the_month_so_far():
    trial = quiet()
    trial.run()
    ((summary,),) = trial.slack.sent
    assert (summary.kind, summary.day, summary.actual) == ("summary", ago(1), 101)
    text = plain_text([summary], "prod")
    assert title([summary]) == "AWS cost 101.00 USD on Sun 22 Nov 2026"
    assert "±0.00 (+0.0 %) against the usual 101.00 USD (median of 4 Sundays before)" in text
    assert "2,222.00 USD since the first of the month; nothing on this day is over a threshold" in text
    assert "Provisional: the day is still filling up" in text
    assert trial.run().failures == ()
    assert len(trial.slack.sent) == 1


def test_the_next_day_has_a_summary_of_its_own():
    trial = quiet()
    trial.run()
    trial.client.bill[TODAY] = {(EC2, PROD): "90"}
    trial.run(days_later=1)
    assert trial.slack.days == [[ago(1)], [TODAY]]


def test_a_day_over_its_threshold_is_no_quiet_day():
    trial = quiet()
    trial.client.bill[ago(1)][(EC2, PROD)] = "500"
    trial.run()
    assert [alert.kind for message in trial.slack.sent for alert in message] == ["threshold"]


def test_a_day_that_turns_out_to_be_over_takes_back_the_summary_that_nobody_was_sent():
    trial = quiet()
    trial.slack.failing = DeliveryError("down", retryable=False)
    assert len(trial.run().failures) == 1
    trial.slack.failing = None
    trial.client.bill[ago(1)][(EC2, PROD)] = "500"
    trial.run()
    assert [alert.kind for message in trial.slack.sent for alert in message] == ["threshold"]


def test_an_unsent_summary_of_yesterday_is_not_told_tomorrow():
    trial = quiet()
    trial.slack.failing = DeliveryError("down", retryable=False)
    trial.run()
    trial.slack.failing = None
    trial.client.bill[TODAY] = {(EC2, PROD): "90"}
    trial.run(days_later=1)
    assert trial.slack.days == [[TODAY]]


def test_an_unsent_summary_tells_the_figures_of_now():
    trial = quiet()
    trial.slack.failing = DeliveryError("down", retryable=False)
    trial.run()
    trial.slack.failing = None
    trial.client.bill[ago(1)][(EC2, PROD)] = "110"
    trial.run()
    ((summary,),) = trial.slack.sent
    assert summary.actual == 111


def test_it_is_off_by_default_and_works_without_any_threshold():
    trial = Trial(flat())
    trial.run()
    assert trial.slack.sent == []
    trial = Trial(flat(), daily_summary=True, cost_threshold=None)
    trial.run()
    assert trial.slack.days == [[ago(1)]]


def test_a_ledger_without_earlier_weeks_says_no_usual():
    trial = Trial(flat(3), daily_summary=True)
    trial.run()
    text = plain_text(trial.slack.sent[0], "dev")
    assert "usual" not in text.split("By service")[0]
    assert str(slack_message(trial.slack.sent[0], "dev").blocks).count("nothing on this day is over a threshold") == 1


def test_the_rows_of_a_summary_add_up_to_its_amount():
    trial = quiet()
    trial.run()
    ((summary,),) = trial.slack.sent
    assert sum(row.amount for row in summary.services) == summary.actual == Decimal(101)


@pytest.mark.parametrize(("text", "value"), [("on", True), ("TRUE", True), ("1", True), ("off", False), ("no", False)])
def test_the_switch(text, value):
    assert load({"FARTHING_DAILY_SUMMARY": text}).daily_summary is value


def test_a_wrong_switch_is_refused():
    with pytest.raises(SettingsError, match="FARTHING_DAILY_SUMMARY must be on or off, not 'maybe'"):
        load({"FARTHING_DAILY_SUMMARY": "maybe"})


def test_no_summary_where_not_everything_was_answered():
    trial = quiet(lenses=("region",))
    trial.client.raises[len(trial.client.requests) + 2] = client_error("AccessDeniedException")
    assert len(trial.run("event").failures) == 1
    assert trial.slack.sent == []
    assert trial.run("event").failures == ()
    assert [alert.kind for message in trial.slack.sent for alert in message] == ["summary"]


def test_no_summary_of_an_older_day():
    trial = quiet()
    trial.run(days_later=3)
    assert trial.slack.sent == []


def test_without_a_threshold_nothing_is_claimed():
    trial = Trial(flat(), daily_summary=True, cost_threshold=None)
    trial.run()
    text = plain_text(trial.slack.sent[0], "prod")
    assert "no threshold is set" in text
    assert "over a threshold" not in text


def test_unsent_summaries_do_not_pile_up_without_a_threshold():
    trial = Trial(flat(), daily_summary=True, cost_threshold=None)
    trial.slack.failing = DeliveryError("down", retryable=False)
    for _ in range(3):
        trial.run(days_later=1)
        trial.client.bill[trial.now.date()] = {(EC2, PROD): "90"}
    trial.slack.failing = None
    trial.run(days_later=1)
    assert trial.slack.days == [[trial.now.date() - timedelta(days=1)]]


def test_a_breach_that_was_told_does_not_silence_the_following_days():
    trial = quiet()
    trial.client.bill[ago(1)][(EC2, PROD)] = "500"
    trial.run()
    trial.client.bill[TODAY] = {(EC2, PROD): "90"}
    trial.run(days_later=1)
    assert [[alert.kind for alert in message] for message in trial.slack.sent] == [["threshold"], ["summary"]]


def test_a_month_that_is_not_whole_says_so():
    trial = Trial(flat(), daily_summary=True, window_days=3)
    trial.run()
    assert "303.00 USD since the first of the month (3 of 22 days are known)" in trial.slack.sent[0][0].reason


def test_days_in_another_currency_are_not_added():
    trial = quiet()
    key = f"cost_data/daily/{ago(20)}.json"
    trial.store.objects[key] = trial.store.objects[key].replace(b'"currency":"USD"', b'"currency":"EUR"')
    trial.run()
    assert "2,121.00 USD since the first of the month (21 of 22 days are known)" in trial.slack.sent[0][0].reason


def test_an_unsent_summary_follows_the_month():
    trial = quiet()
    trial.slack.failing = DeliveryError("down", retryable=False)
    trial.run()
    trial.slack.failing = None
    trial.client.bill[ago(5)][(EC2, PROD)] = "140"
    trial.run()
    assert "2,262.00 USD since the first of the month" in trial.slack.sent[0][0].reason
