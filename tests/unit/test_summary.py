"""The message of a quiet day (FARTHING_DAILY_SUMMARY)."""

from decimal import Decimal

import pytest
from tests.fakes import EC2, PROD, TODAY, ago
from tests.unit.test_collect import Trial, flat

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
    assert title([summary]) == "AWS cost 101.00 USD on Sun 22 Nov 2026: nothing over a threshold"
    assert "±0.00 (+0.0 %) against the usual 101.00 USD (median of 4 Sundays before)" in text
    assert "2,222.00 USD since the first of the month" in text
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
    assert str(slack_message(trial.slack.sent[0], "dev").blocks).count("nothing over a threshold") == 1


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
