"""The daily run with every signal: incidents are told once, whatever happens; what people decided is kept to."""

import json
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import msgspec
import pytest
from tests.fakes import DEV, EC2, NOW, PROD, S3, TODAY, FakeCostExplorer, MemoryStore, ago, report
from tests.unit.test_collect import Trial

from farthing.alerts.outbox import GONE, Outbox
from farthing.alerts.policy import TOLD_WITH
from farthing.alerts.rendering import plain_text
from farthing.collect import collect
from farthing.errors import DeliveryError, RunError, UsageError
from farthing.judging import findings
from farthing.judging.deciding import record
from farthing.ledger.reports import Reports
from farthing.ledger.runs import Runs
from farthing.model import ZERO, Alert, Scope, Signal, exact_sum
from farthing.signals import SIGNALS
from farthing.signals.thresholds import ThresholdRule

LONG = 40
"""Days of history before the trials' first run."""


def steady(days=LONG, **peaks):
    """EC2 in PROD 100 a day, in DEV 50, S3 10; ``d3='400'`` makes EC2 in PROD 400 three days ago."""
    bill = {ago(age): {(EC2, PROD): "100", (EC2, DEV): "50", (S3, PROD): "10"} for age in range(1, days + 1)}
    for name, peak in peaks.items():
        bill[ago(int(name[1:]))][(EC2, PROD)] = peak
    return bill


class Watch(Trial):
    """A ledger with history and with a run of yesterday; no threshold unless one is given."""

    def __init__(self, bill=None, *, first=True, **settings):
        super().__init__(bill or steady(), **{"cost_threshold": None, "signals": SIGNALS, **settings})
        for day in sorted(self.client.bill):
            if day < ago(1):
                Reports(self.store).write(report(day, self.client.bill[day], collected_at=NOW - timedelta(days=1)))
        if first:
            newest = self.client.bill.pop(ago(1))
            self.now = NOW - timedelta(days=1)
            self.run()
            self.client.bill[ago(1)] = newest
            self.now = NOW
            self.slack.sent.clear()

    def bills(self, days_ahead, amount):
        """The bill of the day that ended ``days_ahead`` days after yesterday."""
        self.client.bill[ago(1 - days_ahead)] = {(EC2, PROD): amount, (EC2, DEV): "50", (S3, PROD): "10"}

    def told(self):
        """(kind, day filed under, state, repeated) of every alert, by kind and day."""
        found = [
            msgspec.json.decode(data, type=Alert)
            for key, data in sorted(self.store.objects.items())
            if key.startswith("cost_data/alerts/")
        ]
        return sorted((one.kind, one.day, one.state, one.repeated) for one in found)

    def alert(self):
        (one,) = [
            msgspec.json.decode(data, type=Alert)
            for key, data in self.store.objects.items()
            if key.startswith("cost_data/alerts/")
        ]
        return one

    @property
    def app(self):
        return SimpleNamespace(settings=self.place.settings, store=self.store, now=self.now)


def test_an_incident_is_told_on_its_first_day_with_what_was_expected_and_why():
    watch = Watch(steady(d1="400"))
    result = watch.run()
    ((alert,),) = watch.slack.sent
    assert (alert.kind, alert.rule, alert.scope.service_name, alert.scope.sub_account_id) == (
        "anomaly",
        "anomalies",
        EC2,
        PROD,
    )
    assert (alert.day, alert.about, alert.actual, alert.metric) == (ago(1), ago(1), 400, "EffectiveCost")
    assert alert.expected == pytest.approx(Decimal(100), abs=1)
    lower, expected, upper = (bound or Decimal("NaN") for bound in (alert.lower, alert.expected, alert.upper))
    assert lower < expected < upper < alert.actual
    assert (alert.threshold, alert.overage) == (upper, alert.actual - upper)
    assert alert.provisional
    assert [cause.excess for cause in alert.incident.root_cause] == [alert.actual - expected]
    assert f"400.00 USD on {ago(1)}" in alert.reason
    assert result.record.signals == {**dict.fromkeys(SIGNALS, 0), "anomalies": 1}
    assert (result.over, result.record.threshold_breaches, result.failures) == (False, 0, ())


def test_what_is_said_of_an_incidents_parts_adds_up_to_what_is_said_of_it():
    watch = Watch(steady(d1="400"))
    watch.client.bill[ago(1)][(S3, PROD)] = "45"
    watch.run()
    ((alert,),) = watch.slack.sent
    assert [row.name for row in alert.services] == [f"{EC2} in {PROD}", "smaller ones beside it"]
    assert [row.amount for row in alert.services] == [400, 45]
    assert sum(row.amount for row in alert.services) == alert.actual
    assert exact_sum(row.usual or ZERO for row in alert.services) == alert.expected
    assert "smaller ones beside it: 45.00 USD" in plain_text([alert], "prod")


def test_a_second_run_writes_no_alert_and_sends_nothing():
    watch = Watch(steady(d1="400"))
    watch.run()
    watch.run()
    assert watch.written("cost_data/alerts/") == []
    assert len(watch.slack.sent) == 1


def test_an_incident_that_goes_on_is_not_told_again():
    watch = Watch(steady(d1="400"))
    watch.run()
    for ahead in range(1, 9):
        watch.bills(ahead, "400")
        watch.run(days_later=1)
    assert len(watch.slack.sent) == 1


def test_one_that_doubles_is_told_once_more_and_never_again():
    watch = Watch(steady(d1="300"))
    watch.run()
    for ahead, amount in enumerate(("480", "520", "1200", "3000"), start=1):
        watch.bills(ahead, amount)
        watch.run(days_later=1)
    assert [(alert.actual, alert.repeated) for (alert,) in watch.slack.sent] == [(300, False), (520, True)]


def test_an_incident_whose_root_cause_grows_and_whose_first_day_moves_is_not_told_twice():
    watch = Watch(steady(d1="400"))
    watch.run()
    (told,) = watch.slack.sent[0]
    # Restated: it began a day earlier; and now a second account is part of it.
    watch.client.bill[ago(2)][(EC2, PROD)] = "410"
    watch.bills(1, "400")
    watch.client.bill[TODAY][(EC2, DEV)] = "330"
    watch.run(days_later=1)
    others = [alert for message in watch.slack.sent[1:] for alert in message]
    assert [alert for alert in others if (EC2, PROD) in alert.incident.leaves] == []
    assert all(alert.incident.id != told.incident.id for alert in others)


def test_the_first_run_on_a_ledger_tells_the_newest_day_alone():
    watch = Watch(steady(d3="400", d2="400"), first=False)
    watch.client.bill[ago(1)][(S3, PROD)] = "90"
    watch.run()
    assert [alert.scope.service_name for (alert,) in watch.slack.sent] == [S3]
    assert watch.told() == [("anomaly", ago(3), "suppressed", False), ("anomaly", ago(1), "sent", False)]
    watch.run()
    assert len(watch.slack.sent) == 1


def test_a_signal_that_no_run_has_computed_yet_begins_quietly():
    watch = Watch(signals=("thresholds",))
    watch.client.bill[ago(3)][(EC2, PROD)] = "400"
    watch.run()
    watch.settings["signals"] = SIGNALS
    watch.run()
    assert watch.slack.sent == []
    assert watch.told() == [("anomaly", ago(3), "suppressed", False)]


def test_a_day_that_is_restated_into_an_incident_is_told():
    watch = Watch()
    watch.run()
    watch.client.bill[ago(3)][(EC2, PROD)] = "400"
    watch.run()
    assert watch.slack.days == [[ago(3)]]


def test_an_incident_that_is_too_old_is_not_sent():
    watch = Watch(signals=("anomalies",))  # that the day was restated is news all the same
    watch.run()
    watch.client.bill[ago(9)][(EC2, PROD)] = "400"
    watch.run()
    assert watch.slack.sent == []


def test_a_fall_is_not_told_while_its_day_still_fills_up():
    watch = Watch(steady(d1="20"))
    watch.run()
    assert watch.slack.sent == []
    watch.bills(1, "20")
    watch.run(days_later=1)
    watch.bills(2, "20")
    watch.run(days_later=1)
    ((alert,),) = watch.slack.sent
    assert (alert.incident.rises, alert.provisional, alert.overage < 0) == (False, False, True)


def test_a_rise_and_a_fall_in_one_account_are_two_alerts():
    services = [f"service {letter}" for letter in "abcd"]
    bill = {ago(age): {(service, PROD): "100" for service in services} for age in range(1, LONG + 1)}
    watch = Watch(bill)
    for ahead in range(4):
        amounts = zip(services, ("300", "310", "20", "25"), strict=True)
        watch.client.bill[ago(1 - ahead)] = {(service, PROD): amount for service, amount in amounts}
        watch.run(days_later=1 if ahead else 0)
    found = [alert for message in watch.slack.sent for alert in message]
    assert sorted((alert.rule, alert.day, alert.scope.service_name) for alert in found) == [
        ("anomalies", ago(1), None),
        ("anomalies, falls", ago(1), None),
    ]


def test_an_unsent_alert_follows_its_incident_and_is_taken_back_when_that_is_gone():
    watch = Watch(steady(d1="400"))
    watch.slack.failing = DeliveryError("down", retryable=False)
    watch.run()
    watch.client.bill[ago(1)][(EC2, PROD)] = "500"
    watch.run()
    assert watch.told() == [("anomaly", ago(1), "failed", False)]
    assert watch.alert().actual == 500
    watch.slack.failing = None
    watch.client.bill[ago(1)][(EC2, PROD)] = "101"
    watch.run()
    assert watch.slack.sent == []
    assert watch.alert().deliveries["slack"].reason == GONE
    watch.client.bill[ago(1)][(EC2, PROD)] = "500"
    watch.run()
    assert [alert.actual for (alert,) in watch.slack.sent] == [500]


# One message for one cause


def test_a_threshold_that_an_incident_explains_says_it_and_the_incident_is_not_told_apart():
    watch = Watch(steady(d1="400"), cost_threshold=Decimal(300))
    watch.run()
    ((alert,),) = watch.slack.sent
    assert (alert.kind, alert.rule, alert.incident.leaves) == ("threshold", "total", {(EC2, PROD)})
    assert "over the expected" in alert.cause
    assert watch.told() == [("anomaly", ago(1), "suppressed", False), ("threshold", ago(1), "sent", False)]
    for ahead in range(1, 4):
        watch.bills(ahead, "400")
        watch.run(days_later=1)
    assert {alert.kind for message in watch.slack.sent for alert in message} == {"threshold"}


def test_an_incident_that_does_not_explain_a_breach_is_told_by_itself():
    watch = Watch(cost_threshold=Decimal(10))
    watch.client.bill[ago(1)][(S3, PROD)] = "60"
    watch.run()
    assert sorted(alert.kind for message in watch.slack.sent for alert in message) == ["anomaly", "threshold"]


def test_an_incident_outside_of_what_a_rule_looks_at_is_told_by_itself():
    rule = ThresholdRule(name="storage", service=S3, amount=Decimal(5))
    watch = Watch(steady(d1="400"), thresholds=(rule,))
    watch.run()
    assert {(alert.kind, alert.incident is None) for (alert,) in watch.slack.sent} == {
        ("threshold", True),
        ("anomaly", False),
    }


def test_an_incident_that_a_withdrawn_alert_would_have_told_is_told_after_all():
    watch = Watch(steady(d1="400"), cost_threshold=Decimal(300))
    watch.slack.failing = DeliveryError("down", retryable=False)
    watch.run()
    watch.settings["cost_threshold"] = Decimal(1000)
    watch.slack.failing = None
    watch.run()
    ((alert,),) = watch.slack.sent
    assert alert.kind == "anomaly"
    assert [state for _, _, state, _ in watch.told()] == ["sent", "suppressed"]


def test_a_breach_that_was_sent_before_the_incident_came_does_not_hide_it():
    watch = Watch(steady(d1="118"), cost_threshold=Decimal(140))
    watch.run()
    assert [(alert.kind, alert.incident) for (alert,) in watch.slack.sent] == [("threshold", None)]
    watch.client.bill[ago(1)][(EC2, PROD)] = "150"
    watch.run()
    watch.run()
    assert [(alert.kind, alert.repeated) for (alert,) in watch.slack.sent[1:]] == [("anomaly", False)]


# What people decided


def decided(watch, action, until=None):
    (alert,) = watch.slack.sent[0]
    return record(watch.app, alert.incident.id[:12], action, by="ada", until=until)


@pytest.mark.parametrize(("action", "until"), [("acknowledge", None), ("mute", TODAY + timedelta(days=9))])
def test_what_somebody_knows_is_not_told_again_however_it_grows(action, until):
    watch = Watch(steady(d1="300"))
    watch.run()
    decided(watch, action, until)
    watch.bills(1, "900")
    watch.run(days_later=1)
    assert len(watch.slack.sent) == 1


def test_when_a_mute_is_over_growth_is_told():
    watch = Watch(steady(d1="300"))
    watch.run()
    decided(watch, "mute", TODAY + timedelta(days=2))
    watch.bills(1, "900")
    watch.run(days_later=1)
    watch.bills(2, "900")
    watch.run(days_later=1)
    assert [(alert.actual, alert.repeated) for (alert,) in watch.slack.sent] == [(300, False), (900, True)]


def test_one_that_was_muted_before_it_was_sent_is_sent_when_the_mute_is_over():
    watch = Watch(steady(d1="300"))
    watch.slack.failing = DeliveryError("down", retryable=False)
    watch.run()
    watch.slack.failing = None
    record(watch.app, watch.alert().incident.id[:12], "mute", by="ada", until=TODAY + timedelta(days=1))
    watch.run()
    assert (watch.slack.sent, watch.alert().state) == ([], "suppressed")
    watch.run()
    assert watch.written("cost_data/alerts/") == []
    watch.bills(1, "300")
    watch.run(days_later=1)
    assert len(watch.slack.sent) == 1


@pytest.mark.parametrize("action", ["not-an-anomaly", "expected"])
def test_what_is_no_anomaly_is_not_found_the_next_time(action):
    watch = Watch(steady(d1="300"))
    watch.run()
    decided(watch, action, TODAY + timedelta(days=60) if action == "expected" else None)
    for ahead in range(1, 12):
        watch.bills(ahead, "310" if ahead == 11 else "100")
        watch.run(days_later=1)
    assert len(watch.slack.sent) == 1


def test_an_incident_that_is_gone_is_known_by_its_alert():
    watch = Watch(steady(d1="300"))
    watch.run()
    watch.client.bill[ago(1)][(EC2, PROD)] = "100"
    watch.run()
    decision = decided(watch, "not-an-anomaly")
    assert [(about.service_name, about.sub_account_id) for about in decision.about] == [(EC2, PROD)]
    (key,) = (key for key in watch.store.objects if key.startswith(f"cost_data/events/{TODAY}/decision-"))
    assert json.loads(watch.store.objects[key])["schema"] == "farthing.decision/1"


def test_an_incident_that_nobody_knows_is_refused():
    watch = Watch(steady(d1="300"))
    watch.run()
    for digits, match in (("ffffffff", "no incident begins"), ("a", "too short")):
        with pytest.raises(UsageError, match=match):
            record(watch.app, digits, "acknowledge", by="ada")


# Faults


def test_a_signal_that_fails_stops_neither_storing_nor_other_alerts_and_fails_the_run(monkeypatch):
    def broken(day):
        raise ZeroDivisionError("a bug")

    watch = Watch(steady(d1="400"), cost_threshold=Decimal(300))
    monkeypatch.setattr(findings, "REGISTRY", {"broken": broken, **findings.REGISTRY})
    monkeypatch.setattr(findings, "KINDS", {"broken": frozenset(), **findings.KINDS})
    watch.settings["signals"] = (*SIGNALS, "broken")
    result = watch.run()
    with pytest.raises(RunError, match=r"the signal 'broken' failed \(ZeroDivisionError: a bug\)"):
        result.require_success()
    assert Reports(watch.store).read(ago(1)).total() == 460
    assert watch.slack.days == [[ago(1)]]
    assert (result.record.stage, "broken" in result.record.signals) == ("finished", False)


def test_a_series_that_is_damaged_is_made_anew():
    watch = Watch(steady(d1="400"))
    for key in [key for key in watch.store.objects if key.startswith("state/series/")]:
        watch.store.objects[key] = b"nonsense"
    assert watch.run().failures == ()
    assert watch.slack.days == [[ago(1)]]


class DiedError(BaseException):
    pass


class Dying:
    """A store whose process dies at the n-th call that changes it: before it, or after it took effect."""

    def __init__(self, store, at, *, after):
        self._store, self._left, self._after = store, at, after

    def __getattr__(self, name):
        call = getattr(self._store, name)
        if name not in ("create", "replace"):
            return call

        def counted(*arguments):
            self._left -= 1
            if self._left == 0 and not self._after:
                raise DiedError
            done = call(*arguments)
            if self._left == 0:
                raise DiedError
            return done

        return counted


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("threshold", [None, Decimal(300)])
def test_killed_at_any_write_an_incident_is_told_once_by_the_runs_that_follow(threshold, after):
    whole = Watch(steady(d1="400"), cost_threshold=threshold)
    ledger = dict(whole.store.objects)
    whole.run()
    writes = len(whole.store.writes)
    assert writes >= 10
    doubled = 0
    for at in range(1, writes + 1):
        watch = Watch.__new__(Watch)
        Trial.__init__(watch, whole.client.bill, **whole.settings)
        watch.runs = 10  # none of them is a retry of the ledger's first
        watch.store.objects = dict(ledger)
        healthy = watch.store
        watch.store = Dying(healthy, at, after=after)  # type: ignore[assignment]
        with pytest.raises(DiedError):
            collect(watch.place, invocation="dies")
        watch.store = healthy
        taken = len(watch.slack.sent)
        watch.now += timedelta(minutes=2)
        for _ in range(2):
            assert watch.run().failures == ()
        doubled += len(watch.slack.sent) > 1
        assert taken <= 1 <= len(watch.slack.sent) <= 2, at
        kinds = {alert.kind for message in watch.slack.sent for alert in message}
        assert kinds == {"anomaly" if threshold is None else "threshold"}, at
    # From the answer of the channel to the record of it is the one step at which a message may come twice.
    assert doubled <= 1


class Between:
    """Lets another whole run happen before the n-th write of this one."""

    def __init__(self, store, at, other):
        self._store, self.left, self._other = store, at, other

    def __getattr__(self, name):
        call = getattr(self._store, name)
        if name not in ("create", "replace"):
            return call

        def counted(*arguments):
            self.left -= 1
            if self.left == 0:
                collect(self._other, invocation="the other")
            return call(*arguments)

        return counted


@pytest.mark.parametrize("threshold", [None, Decimal(300)])
def test_two_runs_at_once_tell_an_incident_once(threshold):
    for at in range(1, 60):
        watch = Watch(steady(d1="400"), cost_threshold=threshold)
        store = Between(watch.store, at, watch.place)
        collect(msgspec.structs.replace(watch.place, store=store), invocation="one")
        assert len(watch.slack.sent) == 1, at
        if store.left > 0:
            return
    pytest.fail("the run has more writes than were tried")


# The record, and old alerts


def test_a_retry_of_the_same_invocation_tells_what_its_first_try_found():
    watch = Watch(steady(d1="400"))
    watch.slack.failing = DeliveryError("down", retryable=False)
    watch.run("lambda 1")
    watch.slack.failing = None
    watch.now += timedelta(minutes=2)
    requests = len(watch.client.requests)
    assert watch.run("lambda 1").record.billed_requests == 0
    assert len(watch.client.requests) == requests
    assert watch.slack.days == [[ago(1)]]
    assert next(iter(Runs(watch.store).newest_first())).signals["anomalies"] == 1


def test_an_alert_of_an_older_version_is_read():
    watch = Watch(steady(d1="400"))
    watch.run()
    stored = json.loads(next(data for key, data in watch.store.objects.items() if key.startswith("cost_data/alerts/")))
    new = ("newest_day", "expected", "lower", "upper", "month_end", "forecast", "forecast_metric", "incident")
    old = {name: value for name, value in stored.items() if name not in new}
    alert = msgspec.json.decode(json.dumps(old), type=Alert)
    assert (alert.about, alert.incident, alert.expected) == (alert.day, None, None)


def test_a_budget_of_a_year_is_delivered_though_it_is_filed_under_the_years_first_day(monkeypatch):
    def budget(day):
        return [
            Signal(
                kind="budget",
                rule="cloud: 80 % actual",
                scope=Scope(),
                day=day.newest_day,
                since=date(2026, 1, 1),
                currency="USD",
                metric="BilledCost",
                actual=Decimal(81),
                threshold=Decimal(80),
                overage=Decimal(1),
                overage_percent=Decimal("1.2"),
                reason="81 of 100",
            )
        ]

    monkeypatch.setattr(findings, "REGISTRY", {"budgets": budget})
    monkeypatch.setattr(findings, "KINDS", {"budgets": frozenset(["budget"])})
    watch = Watch(first=False, signals=("budgets",))
    watch.slack.failing = DeliveryError("down", retryable=False)
    watch.run()
    watch.slack.failing = None
    for ahead in range(1, 4):
        watch.bills(ahead, "100")
        watch.run(days_later=1)
    assert watch.slack.days == [[date(2026, 1, 1)]]
    assert watch.told() == [("budget", date(2026, 1, 1), "sent", False)]
    assert list(Outbox(watch.store, lambda: NOW, lambda _: None).since(date(2026, 1, 1)))


def test_the_reason_names_the_rule_that_told_it():
    watch = Watch(steady(d1="400"), cost_threshold=Decimal(300))
    watch.run()
    reasons = {
        delivery.reason
        for key, data in watch.store.objects.items()
        if key.startswith("cost_data/alerts/")
        for delivery in msgspec.json.decode(data, type=Alert).deliveries.values()
    }
    assert reasons == {None, f"{TOLD_WITH}'total'"}
    assert isinstance(watch.client, FakeCostExplorer)
    assert isinstance(watch.store, MemoryStore)
