"""The daily run over fakes: what is in the ledger and what was sent, whatever happens."""

import json
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from tests.fakes import (
    EC2,
    NOW,
    PROD,
    S3,
    TODAY,
    FakeCostExplorer,
    MemoryStore,
    RecordingChannel,
    ago,
    report,
    workplace,
)
from tests.unit.test_cost_explorer import client_error

from farthing.collect import backfill, collect
from farthing.errors import (
    AccessError,
    CorruptError,
    DeliveryError,
    LedgerError,
    RequestCapError,
    RunError,
    ScopeError,
    UnreachableError,
)
from farthing.ledger.reports import Reports, key_of
from farthing.ledger.series import Series
from farthing.model import Period
from farthing.planning import first_of_month, make_plan, plan_daily, window
from farthing.signals.thresholds import ThresholdRule


def flat(days=20, amount="100", **peaks):
    """A bill of one amount a day; ``d3='200'`` sets the day three days ago."""
    bill = {ago(age): {(EC2, PROD): amount, (S3, PROD): "1"} for age in range(1, days + 1)}
    for name, peak in peaks.items():
        bill[ago(int(name[1:]))][(EC2, PROD)] = peak
    return bill


class Trial:
    """One ledger, one organisation, one channel, a clock that can be set."""

    def __init__(self, bill, **settings):
        self.client = FakeCostExplorer(bill)
        self.store = MemoryStore()
        self.slack = RecordingChannel()
        self.now = NOW
        self.settings = {"cost_threshold": Decimal(150), **settings}
        self.runs = 0

    @property
    def place(self):
        return workplace(self.client, self.store, self.slack, clock=lambda: self.now, **self.settings)

    def run(self, invocation=None, days_later=0):
        self.now += timedelta(days=days_later)
        self.runs += 1
        self.store.writes.clear()
        return collect(self.place, invocation=invocation or f"run {self.runs}")

    def written(self, prefix):
        return [key for key in self.store.writes if key.startswith(prefix)]

    def alerts(self):
        return {
            key.split("/")[2]: json.loads(data)["state"]
            for key, data in self.store.objects.items()
            if key.startswith("cost_data/alerts/")
        }


@pytest.fixture
def trial():
    return Trial(flat(d1="200"))


def test_a_run_keeps_its_window_and_tells_the_newest_breach(trial):
    result = trial.run()
    assert result.record.billed_requests == len(trial.client.requests) == 1
    assert result.record.window == Period(ago(14), TODAY)
    assert Reports(trial.store).days() == list(Period(ago(14), TODAY))
    assert trial.slack.days == [[ago(1)]]
    assert trial.alerts() == {"2026-11-22": "sent"}
    assert (result.over, result.failures, result.record.stage) == (True, (), "finished")


def test_a_second_run_writes_no_report_and_no_alert_and_sends_nothing(trial):
    trial.run()
    before = dict(trial.store.objects)
    result = trial.run()
    assert result.record.days_unchanged == 14
    assert trial.written("cost_data/daily/") == trial.written("cost_data/alerts/") == []
    assert {key: data for key, data in trial.store.objects.items() if key in before} == before
    assert len(trial.slack.sent) == 1


def test_a_restated_day_is_rewritten_and_keeps_its_revision(trial):
    trial.run()
    trial.client.bill[ago(5)][(EC2, PROD)] = "90"
    result = trial.run(days_later=1)
    assert result.record.days_restated == (ago(5),)
    restated = Reports(trial.store).read(ago(5))
    assert restated.total() == 91
    assert restated.collected_at == NOW + timedelta(days=1)
    (revision,) = restated.revisions
    assert (revision.seen_at, revision.totals["BilledCost"]) == (NOW, 101)
    assert [charge.service_name for charge in revision.charges] == [EC2]


def test_a_late_restatement_over_the_threshold_alerts_once(trial):
    trial.run()
    trial.client.bill[ago(4)][(EC2, PROD)] = "180"
    trial.run()
    trial.run()
    assert trial.slack.days == [[ago(1)], [ago(4)]]


def test_on_an_empty_ledger_only_the_newest_day_alerts_and_the_rest_is_recorded():
    trial = Trial(flat(amount="200"))
    first = trial.run()
    assert trial.slack.days == [[ago(1)]]
    assert (first.record.alerts_created, first.record.alerts_suppressed) == (1, 13)
    trial.client.bill[TODAY] = {(EC2, PROD): "200"}
    trial.run(days_later=1)
    assert trial.slack.days == [[ago(1)], [TODAY]]


def test_days_older_than_a_week_are_only_recorded(trial):
    trial.run()
    for age in (7, 8):
        trial.client.bill[ago(age)][(EC2, PROD)] = "500"
    trial.run()
    assert trial.slack.days == [[ago(1)], [ago(7)]]
    assert trial.alerts()[ago(8).isoformat()] == "suppressed"


def test_one_message_lists_all_days_of_a_rule(trial):
    trial.run()
    for age in (2, 3):
        trial.client.bill[ago(age)][(EC2, PROD)] = "500"
    trial.run()
    assert trial.slack.days == [[ago(1)], [ago(3), ago(2)]]


def test_an_overage_that_doubles_is_told_once_more(trial):
    trial.run()
    for amount in ("240", "260", "900"):
        trial.client.bill[ago(1)][(EC2, PROD)] = amount
        trial.run()
    assert [[alert.actual for alert in message] for message in trial.slack.sent] == [[201], [261]]
    assert trial.slack.sent[1][0].repeated


def test_with_the_webhook_down_the_data_is_kept_and_the_next_run_delivers_once(trial):
    trial.slack.failing = DeliveryError("Slack is busy", retryable=True)
    result = trial.run()
    assert len(Reports(trial.store).days()) == 14
    assert trial.slack.attempts == 3
    assert trial.alerts() == {"2026-11-22": "failed"}
    with pytest.raises(RunError, match=r"not delivered to slack: Slack is busy; kept, the next run tries again"):
        result.require_success()
    trial.slack.failing = None
    assert trial.run().failures == ()
    trial.run()
    assert trial.slack.days == [[ago(1)]]
    assert trial.alerts() == {"2026-11-22": "sent"}


def test_a_final_error_is_not_tried_again_in_the_same_run(trial):
    trial.slack.failing = DeliveryError("revoked", retryable=False)
    trial.run()
    assert trial.slack.attempts == 1


def test_a_channel_that_fails_does_not_stop_another(trial):
    other = RecordingChannel("pager")
    trial.slack.failing = DeliveryError("down", retryable=False)
    place = workplace(trial.client, trial.store, trial.slack, other, **trial.settings)
    result = collect(place, invocation="a")
    assert other.days == [[ago(1)]]
    assert len(result.failures) == 1
    trial.slack.failing = None
    collect(place, invocation="b")
    assert (trial.slack.days, other.days) == ([[ago(1)]], [[ago(1)]])


def test_a_retry_of_the_same_invocation_only_drains_the_outbox(trial):
    trial.slack.failing = DeliveryError("down", retryable=False)
    trial.run("lambda 1")
    trial.slack.failing = None
    trial.now += timedelta(minutes=2)
    result = trial.run("lambda 1")
    assert len(trial.client.requests) == 1
    assert result.record.billed_requests == 0
    assert trial.written("cost_data/daily/") == []
    assert trial.slack.days == [[ago(1)]]


def test_a_failing_source_fails_the_run_but_not_yesterdays_alert(trial):
    trial.slack.failing = DeliveryError("down", retryable=False)
    trial.run()
    trial.slack.failing = None
    trial.client.raises[2] = client_error("AccessDeniedException")
    result = trial.run()
    with pytest.raises(AccessError):
        result.require_success()
    assert trial.slack.days == [[ago(1)]]
    assert result.record.stage == "started"


def test_a_run_that_died_after_storing_loses_no_alert(trial):
    class Died(BaseException):
        pass

    create = trial.store.create

    def dying(key, data):
        if key.startswith("cost_data/alerts/"):
            raise Died
        return create(key, data)

    trial.store.create = dying
    with pytest.raises(Died):
        trial.run()
    trial.store.create = create
    trial.run()
    assert trial.slack.days == [[ago(1)]]


def test_a_live_claim_is_left_alone_and_a_dead_one_is_taken_over(trial):
    class Died(BaseException):
        pass

    trial.slack.failing = Died()
    with pytest.raises(Died):
        trial.run()
    trial.slack.failing = None
    assert trial.alerts() == {"2026-11-22": "claimed"}
    trial.now += timedelta(seconds=59)
    trial.run()
    assert trial.slack.sent == []
    trial.now += timedelta(seconds=1)
    trial.run()
    assert trial.slack.days == [[ago(1)]]


def test_a_clock_that_was_set_back_does_not_hold_a_claim_for_ever(trial):
    class Died(BaseException):
        pass

    trial.slack.failing = Died()
    with pytest.raises(Died):
        trial.run()
    trial.slack.failing = None
    trial.now -= timedelta(hours=3)
    trial.run()
    assert trial.slack.days == [[ago(1)]]


def test_the_cap_met_midway_keeps_complete_days_judges_them_and_fails():
    trial = Trial(flat(d10="200"), max_billed_requests=2)
    trial.client.page_size = 9
    result = trial.run()
    assert Reports(trial.store).days() == [ago(age) for age in range(14, 5, -1)][: len(Reports(trial.store).days())]
    assert 0 < len(Reports(trial.store).days()) < 14
    with pytest.raises(RequestCapError):
        result.require_success()
    assert trial.alerts() == {ago(10).isoformat(): "suppressed"}


def test_a_gap_heals_itself(trial):
    trial.client.bill |= {ago(age): {(EC2, PROD): "100"} for age in range(21, 60)}
    trial.run()
    Reports(trial.store).write(report(ago(40), {(EC2, PROD): "100"}))
    result = trial.run()
    assert result.record.window == Period(ago(39), TODAY)
    assert Reports(trial.store).days() == list(Period(ago(40), TODAY))


def test_days_without_an_answer_are_said_and_not_invented(trial):
    del trial.client.bill[ago(3)]
    result = trial.run()
    assert result.record.days_missing == (ago(3),)
    assert Reports(trial.store).read(ago(3)) is None


def test_another_source_is_refused_before_any_request(trial):
    simulated = msgspec.structs.replace(workplace(trial.client).source.source, kind="simulated")
    Reports(trial.store).write(report(ago(1), {(EC2, PROD): "1"}, source=simulated))
    with pytest.raises(ScopeError):
        trial.run().require_success()
    assert trial.client.requests == []


def test_a_corrupt_report_is_named_and_costs_nothing_else(trial):
    trial.run()
    trial.store.objects[key_of(ago(5))] = b"half of"
    trial.client.bill[TODAY] = {(EC2, PROD): "100", (S3, PROD): "1"}
    with pytest.raises(CorruptError, match="2026-11-18"):
        trial.run(days_later=1).require_success()
    assert trial.store.objects[key_of(ago(5))] == b"half of"
    assert Reports(trial.store).read(TODAY).total() == 101
    del trial.store.objects[key_of(ago(5))]
    assert trial.run().record.days_written == (ago(5),)


def test_backfill_never_alerts_and_the_first_daily_run_after_it_tells_the_newest_day_only():
    trial = Trial(flat(days=60, amount="200"))
    result = backfill(trial.place, Period(ago(60), TODAY), max_requests=10, invocation="b")
    assert len(result.record.days_written) == 60
    assert trial.alerts() == {}
    trial.run()
    assert trial.slack.days == [[ago(1)]]


def test_a_restatement_right_after_a_backfill_alerts():
    trial = Trial(flat(days=60))
    backfill(trial.place, Period(ago(60), TODAY), max_requests=10, invocation="b")
    trial.client.bill[ago(3)][(EC2, PROD)] = "200"
    trial.now += timedelta(hours=1)
    trial.run()
    assert trial.slack.days == [[ago(3)]]


def test_a_source_that_breaks_midway_keeps_what_is_complete(trial):
    trial.client.page_size = 9
    trial.client.raises[3] = client_error("InternalServerException", 500)
    result = trial.run()
    with pytest.raises(UnreachableError):
        result.require_success()
    assert 0 < len(Reports(trial.store).days()) < 14
    assert trial.run().failures == ()
    assert len(Reports(trial.store).days()) == 14


def test_the_record_of_a_run(trial):
    result = trial.run()
    key = f"cost_data/runs/{result.record.id}.json"
    document = json.loads(trial.store.objects[key])
    assert document["request_ids"] == ["request-1"]
    assert document["groups"] == 28
    assert (document["stage"], document["alerts_sent"], document["billed_requests"]) == ("finished", 1, 1)


@pytest.mark.parametrize(
    ("today", "start"),
    [
        ("2026-11-23", "2026-11-09"),
        ("2026-11-16", "2026-11-02"),
        ("2026-11-15", "2026-10-01"),
        ("2027-01-05", "2026-12-01"),
    ],
)
def test_the_window_reaches_back_to_last_month_until_the_15th(today, start):
    day = TODAY.fromisoformat(today)
    assert window(day, None, []) == Period(TODAY.fromisoformat(start), day)


def test_a_gap_older_than_the_service_keeps_is_not_asked_for():
    known = [ago(3000), ago(1)]
    assert window(TODAY, None, known).start == first_of_month(TODAY, 13)


def test_the_plan_estimates_pages_and_shrinks_to_the_cap():
    period = Period(ago(14), TODAY)
    assert make_plan(period, 0, 0).requests == 1
    assert make_plan(period, 1000, 5000).requests == 3
    shrunk = make_plan(period, 5000, 5000, cap=10)
    assert (shrunk.period, shrunk.requests, shrunk.wanted) == (Period(ago(10), TODAY), 10, period)
    assert make_plan(period, 50_000, 5000, cap=10).period == Period(ago(3), TODAY)


def test_the_estimate_is_what_is_then_billed(trial):
    trial.client.page_size = 5
    trial.run()
    expected = plan_daily(trial.place).requests
    assert trial.run().record.billed_requests == expected == 6


def test_a_channel_that_cannot_even_be_set_up_is_a_failed_delivery(trial):
    other = RecordingChannel("pager")
    trial.slack.failing = AccessError("the secret cannot be read")
    place = workplace(trial.client, trial.store, trial.slack, other, **trial.settings)
    result = collect(place, invocation="a")
    assert "the secret cannot be read" in str(result.failures[0])
    assert other.days == [[ago(1)]]
    trial.slack.failing = None
    trial.run()
    assert trial.slack.days == [[ago(1)]]


def test_the_newest_report_is_corrupt_and_the_run_goes_on(trial):
    trial.run()
    trial.store.objects[key_of(ago(1))] = b""
    trial.client.bill[TODAY] = {(EC2, PROD): "500"}
    result = trial.run(days_later=1)
    assert [str(failure).split(" ", 1)[0] for failure in result.failures] == [f"memory:{key_of(ago(1))}"]
    assert trial.slack.days == [[ago(1)], [TODAY]]


def test_a_corrupt_alert_or_run_record_stops_nothing_else(trial):
    trial.store.create("cost_data/alerts/2026-11-20/" + "0" * 32 + ".json", b"{")
    trial.store.create("cost_data/runs/20261122T080000Z-00-0123456789ab.json", b"\xff")
    result = trial.run()
    assert trial.slack.days == [[ago(1)]]
    assert ["0.json is not a readable alert" in str(failure) for failure in result.failures] == [True]


def test_the_same_event_twice_in_one_second(trial):
    trial.run("event 1")
    result = trial.run("event 1")
    assert (result.failures, result.record.billed_requests, len(trial.client.requests)) == ((), 0, 1)
    assert trial.slack.days == [[ago(1)]]


def test_a_lowered_threshold_is_no_growth(trial):
    trial.run()
    trial.settings["cost_threshold"] = Decimal(110)
    trial.run()
    assert trial.slack.days == [[ago(1)]]


def test_a_day_that_the_first_run_only_recorded_alerts_when_it_doubles():
    trial = Trial(flat(d2="150"))
    trial.run()
    assert trial.slack.days == []
    trial.client.bill[ago(2)][(EC2, PROD)] = "900"
    trial.run()
    assert trial.slack.days == [[ago(2)]]


def test_a_truncated_alert_does_not_stop_the_judging_of_other_days(trial):
    trial.run()
    (key,) = [key for key in trial.store.objects if key.startswith("cost_data/alerts/")]
    trial.store.objects[key] = b"{"
    trial.client.bill[TODAY] = {(EC2, PROD): "300"}
    result = trial.run(days_later=1)
    assert ["is not a readable alert" in str(failure) for failure in result.failures] == [True]
    assert trial.slack.days == [[ago(1)], [TODAY]]


def test_other_peoples_files_are_passed_over(trial):
    for key in (
        "alerts/2026-11-22/x.json~",
        "alerts/2026-11-22/copy (1).json",
        "alerts/notes.txt",
        "runs/copy of run.json",
    ):
        trial.store.objects[f"cost_data/{key}"] = b"mine"
    assert trial.run().failures == ()
    assert trial.slack.days == [[ago(1)]]


@pytest.mark.parametrize("amount", ["1E-19", "INF", "NAN", "99999999999999999999"])
def test_a_day_that_cannot_be_kept_is_refused_and_the_others_are_kept_and_judged(trial, amount):
    trial.client.bill[ago(8)] |= {(EC2, PROD): amount, (S3, PROD): amount}
    result = trial.run()
    assert ago(8).isoformat() in str(result.failures[0])
    assert Reports(trial.store).days() == [day for day in Period(ago(14), TODAY) if day != ago(8)]
    assert result.record.days_missing == ()
    assert trial.slack.days == [[ago(1)]]


def test_an_alert_that_was_never_sent_tells_the_figures_of_now(trial):
    trial.slack.failing = DeliveryError("down", retryable=False)
    trial.run()
    trial.slack.failing = None
    trial.client.bill[ago(1)][(EC2, PROD)] = "230"
    trial.run()
    trial.run()
    assert [[alert.actual for alert in message] for message in trial.slack.sent] == [[231]]


def test_an_alert_that_was_never_sent_is_withdrawn_when_its_day_is_no_longer_over(trial):
    trial.slack.failing = DeliveryError("down", retryable=False)
    trial.run()
    trial.slack.failing = None
    trial.client.bill[ago(1)][(EC2, PROD)] = "20"
    assert trial.run().failures == ()
    assert trial.slack.sent == []
    assert trial.alerts() == {"2026-11-22": "suppressed"}


def test_only_the_estimated_flag_changed_so_the_amounts_were_seen_first_before(trial):
    before = report(ago(1), {(EC2, PROD): "1"})
    store = MemoryStore()
    Reports(store).write(before)
    later = report(ago(1), {(EC2, PROD): "1"}, estimated=False, collected_at=NOW + timedelta(days=20))
    written = Reports(store).write(later)
    outcome, now = written.outcome, written.report
    assert (outcome, now.estimated, now.collected_at, len(now.revisions)) == ("restated", False, NOW, 1)


def test_a_plan_over_the_cap_says_so():
    plan = make_plan(Period(ago(14), TODAY), 50_000, 5000, cap=10)
    assert "only 3 of 14 days" in plan.caution
    assert "about 30 requests" in plan.caution
    assert make_plan(Period(ago(14), TODAY), 10, 5000, cap=10).caution == ""


def test_an_explicit_window_is_exact():
    assert window(TODAY.replace(day=5), 3, []) == Period(TODAY.replace(day=2), TODAY.replace(day=5))


def test_a_rule_that_watches_nothing_is_said(trial, caplog):
    trial.settings["thresholds"] = (ThresholdRule("typo", service="Amazon Simple Storge Service", amount=Decimal(1)),)
    trial.run()
    assert "'typo' watches the service 'Amazon Simple Storge Service', which no day has" in caplog.text
    assert "did you mean 'amazon simple storage service'?" in caplog.text


def test_a_withdrawn_alert_whose_day_goes_over_again_is_sent_once(trial):
    trial.slack.failing = DeliveryError("down", retryable=False)
    trial.run()
    trial.slack.failing = None
    for amount in ("20", "210", "210"):
        trial.client.bill[ago(1)][(EC2, PROD)] = amount
        trial.run()
    assert [[alert.actual for alert in message] for message in trial.slack.sent] == [[211]]
    assert trial.alerts() == {"2026-11-22": "sent"}


def test_an_unsent_alert_of_a_day_that_cannot_be_read_is_not_withdrawn(trial):
    trial.slack.failing = DeliveryError("down", retryable=False)
    trial.run("event")
    trial.slack.failing = None
    trial.store.objects[key_of(ago(1))] = b"half of"
    trial.run("event")  # a retry judges its window from the ledger
    assert trial.slack.days == [[ago(1)]]


def test_a_run_leaves_series_that_signals_need_not_make(trial):
    trial.run()
    trial.client.bill[ago(3)][(EC2, PROD)] = "321"
    trial.run(days_later=1)
    reads = []
    reading = trial.store.read

    def read(key):
        reads.append(key)
        return reading(key)

    trial.store.read = read
    trial.store.writes.clear()
    daily = Series(trial.store).load("BilledCost", trial.now.date()).daily
    assert daily.dates == tuple(Reports(trial.store).days())
    place = daily.leaves.index((EC2, PROD))
    assert daily.values(place)[daily.dates.index(ago(3))] == 321.0
    assert [key for key in reads if key.startswith("cost_data/")] == trial.store.writes == []


def test_a_backfill_writes_each_month_of_the_series_once():
    trial = Trial(flat(80))
    backfill(trial.place, Period(ago(80), TODAY), max_requests=5, invocation="x")
    months = trial.written("state/series/")
    assert len(months) == len(set(months)) == 6
    assert Series(trial.store).load("EffectiveCost", TODAY).daily.dates == tuple(Period(ago(80), TODAY))


def test_series_that_cannot_be_written_fail_no_run(trial):
    creating = trial.store.create

    def create(key, data):
        if key.startswith("state/"):
            raise LedgerError("the disk is full")
        return creating(key, data)

    trial.store.create = create
    assert trial.run().failures == ()
    assert trial.slack.days == [[ago(1)]]


def test_a_retry_judges_the_newest_day_that_was_answered(trial):
    """The first run died after its days were stored, and AWS had not answered yesterday yet."""
    del trial.client.bill[ago(1)]
    trial.client.bill[ago(2)][(EC2, PROD)] = "500"
    creating = trial.store.create

    def create(key, data):
        if key.startswith("cost_data/alerts/"):
            raise KeyboardInterrupt
        return creating(key, data)

    trial.store.create = create
    with pytest.raises(KeyboardInterrupt):
        trial.run("event")
    trial.store.create = creating
    result = trial.run("event")
    assert trial.slack.days == [[ago(2)]]
    assert result.newest.date == ago(2)
