"""What each kind of signal looks like on Slack and on SNS, as published; whatever the input, within Slack's limits."""

import json
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import DEV, EC2, NOW, PROD, S3, ago, report
from tests.unit.test_rendering import MONEY, WILD, alerts

from farthing.alerts.policy import Situation, alert_for_signal, explaining, signal_suppression, told_with
from farthing.alerts.rendering import plain_text, slack_message, slack_test_message, sns_message, test_text
from farthing.jsontext import pretty
from farthing.model import BILLED_COST, EFFECTIVE_COST, Cause, Estimate, KnownIncident, Scope, Signal
from farthing.signals.thresholds import judge, total_rule

GOLDEN = Path(__file__).parent.parent / "golden"
SITUATION = Situation(now=NOW, run_id="run", channels=("slack",), newest_day=ago(1), max_age_days=7)
NOVEMBER = Estimate(*map(Decimal, ("31250", "30100", "32400", "29500", "33000")))

INCIDENT = KnownIncident(
    id="0123456789abcdef0123456789abcdef",
    kind="shift",
    rises=True,
    first_day=ago(2),
    raised_day=ago(2),
    day=ago(1),
    root_cause=(
        Cause(EC2, PROD, Decimal("900.5"), Decimal(500)),
        Cause(EC2, DEV, Decimal(240), Decimal(100)),
    ),
)

ANOMALY = Signal(
    kind="anomaly",
    rule="anomalies",
    scope=Scope(EC2),
    day=ago(1),
    since=ago(2),
    currency="USD",
    metric=EFFECTIVE_COST,
    actual=Decimal("1140.5"),
    threshold=Decimal(690),
    overage=Decimal("450.5"),
    overage_percent=Decimal("65.3"),
    expected=Decimal(600),
    lower=Decimal(510),
    upper=Decimal(690),
    month_end=Decimal("4864.5"),
    reason=f"{EC2} in 2 accounts: 1,140.50 USD on {ago(1)} is 540.50 USD (90.1 %) over the expected 600.00 USD",
    incident=INCIDENT.id,
    known=INCIDENT,
)

SIGNALS = {
    "anomaly": ANOMALY,
    "budget": Signal(
        kind="budget",
        rule="platform: 80 % actual",
        scope=Scope(None, PROD, "prod"),
        day=ago(1),
        since=date(2026, 11, 1),
        currency="USD",
        metric=BILLED_COST,
        actual=Decimal("8123.45"),
        threshold=Decimal(8000),
        overage=Decimal("123.45"),
        overage_percent=Decimal("1.5"),
        month_end=Decimal(11000),
        reason="budget platform, November 2026: 8,123.45 USD spent by 2026-11-22 is 81.2 % of 10,000.00 USD",
    ),
    "credits": Signal(
        kind="credits",
        rule="promotion: 30 days left",
        scope=Scope(),
        day=ago(1),
        since=date(2026, 9, 1),
        currency="USD",
        metric=BILLED_COST,
        actual=Decimal(1200),
        threshold=Decimal(1500),
        overage=Decimal(-300),
        overage_percent=Decimal("-20.0"),
        reason="credit promotion: 1,200.00 USD of 10,000.00 USD left at the end of 2026-11-22; 50.00 USD used a day",
    ),
    "restatement": Signal(
        kind="restatement",
        rule="restated, seen 2026-11-23",
        scope=Scope(),
        day=ago(6),
        since=ago(6),
        currency="USD",
        metric=BILLED_COST,
        actual=Decimal(1310),
        threshold=Decimal(1000),
        overage=Decimal(310),
        overage_percent=Decimal("31.0"),
        expected=Decimal(1000),
        reason=f"{ago(6)} was restated: 1,000.00 USD when it had settled, 1,310.00 USD now",
        cause=f"Largest changes: {S3} in prod +310.00 USD.",
    ),
}


def made(signal, **changes):
    arguments = {"estimated": True, "source_kind": "cost-explorer", "why_not": None, **changes}
    return alert_for_signal(signal, SITUATION, **arguments)


def golden(channel, name, text):
    path = GOLDEN / channel / name
    if os.environ.get("FARTHING_UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


def forecast_of(kind):
    return {"forecast": NOVEMBER, "forecast_metric": EFFECTIVE_COST} if kind == "anomaly" else {}


@pytest.mark.parametrize("kind", SIGNALS)
def test_on_slack_as_published(kind):
    message = slack_message([made(SIGNALS[kind], **forecast_of(kind))], "prod")
    golden("slack", f"{kind}.json", pretty({"text": message.text, "blocks": message.blocks}) + "\n")


@pytest.mark.parametrize("kind", SIGNALS)
def test_on_sns_as_published(kind):
    message = sns_message([made(SIGNALS[kind], **forecast_of(kind))], "prod")
    attributes = {**message.attributes, "alerts": ("String", json.loads(message.attributes["alerts"][1]))}
    golden(
        "sns",
        f"{kind}.json",
        pretty({"subject": message.subject, "text": message.text, "attributes": attributes}) + "\n",
    )


def breach_with_incident():
    day = report(ago(1), {(EC2, PROD): "900.5", (EC2, DEV): "240", (S3, PROD): "30"})
    (breach,) = judge(day, [total_rule(Decimal(800))], {})
    return breach, day


def test_a_threshold_with_the_incident_behind_it_as_published():
    (alert,) = alerts(1)
    alert = msgspec.structs.replace(told_with(alert, ANOMALY), forecast=NOVEMBER, forecast_metric=EFFECTIVE_COST)
    message = slack_message([alert], "prod")
    golden("slack", "threshold-incident.json", pretty({"text": message.text, "blocks": message.blocks}) + "\n")


def test_an_anomaly_says_what_is_needed():
    text = plain_text([made(ANOMALY, forecast=NOVEMBER, forecast_metric=EFFECTIVE_COST)], "prod")
    for part in (
        "540.50 USD (+90.1 %) over the expected 600.00 USD a day",
        "510.00 USD to 690.00 USD is usual",
        "Since: Sat 21 Nov 2026 (2 days)",
        f"{EC2} in {PROD}: 900.50 USD (+400.50",
        "All of November 2026 (EffectiveCost) is expected to come to 31,250.00 USD, in 8 of 10 cases 30,100.00 USD to",
        "to 32,400.00 USD; 26,385.50 USD without this, which makes +4,864.50 USD.",
        "farthing anomalies ack 0123456789ab",
        "provisional",
    ):
        assert part in text


def test_without_a_forecast_the_month_says_what_the_incident_makes():
    text = plain_text([made(ANOMALY)], "prod")
    assert "By the end of November 2026 this makes +4,864.50 USD." in text
    assert "is expected to come to" not in text


def test_several_restated_days_are_one_message():
    days = [made(msgspec.structs.replace(SIGNALS["restatement"], day=ago(n), since=ago(n))) for n in (6, 5)]
    assert "Restated cost: +620.00 USD on 2 settled days" in plain_text(days, "prod")
    assert len(slack_message(days, "prod").blocks) <= 50


def test_a_test_message_shows_an_anomaly():
    for text in (test_text("dev"), slack_test_message("dev").text):
        assert "nothing is wrong" in text
        assert "over the expected 200.00 USD a day" in text
    assert any("a sample" in pretty(block) for block in slack_test_message("dev").blocks)


def test_an_incident_explains_a_breach_if_it_makes_half_of_it_within_what_the_rule_looks_at():
    breach, _ = breach_with_incident()
    assert (breach.overage, explaining([ANOMALY], breach)) == (Decimal("370.5"), ANOMALY)
    small = msgspec.structs.replace(ANOMALY, actual=Decimal("785.24"))
    just = msgspec.structs.replace(ANOMALY, actual=Decimal("785.25"))
    assert explaining([small], breach) is None
    assert explaining([small, just], breach) == just
    for other in (
        msgspec.structs.replace(ANOMALY, quiet="acknowledged by ada"),
        msgspec.structs.replace(ANOMALY, day=ago(2)),
        msgspec.structs.replace(ANOMALY, currency="EUR"),
        msgspec.structs.replace(ANOMALY, known=msgspec.structs.replace(INCIDENT, rises=False)),
        SIGNALS["budget"],
    ):
        assert explaining([other], breach) is None
    narrow = msgspec.structs.replace(breach, scope=Scope(EC2, PROD))
    assert explaining([ANOMALY], narrow) is None


def test_why_a_signal_is_only_recorded():
    assert signal_suppression(ANOMALY, SITUATION) is None
    assert signal_suppression(msgspec.structs.replace(ANOMALY, day=ago(8)), SITUATION) == "older than 7 days"
    first = msgspec.structs.replace(SITUATION, first_since=NOW)
    assert signal_suppression(ANOMALY, first) == "before the signal was first computed"
    assert signal_suppression(SIGNALS["budget"], first) is None
    assert signal_suppression(msgspec.structs.replace(ANOMALY, quiet="muted"), SITUATION) == "muted"


@st.composite
def wild_found(draw):
    known = draw(
        st.none()
        | st.builds(
            KnownIncident,
            id=WILD,
            kind=WILD,
            rises=st.booleans(),
            first_day=st.just(ago(3)),
            raised_day=st.just(ago(2)),
            day=st.just(ago(1)),
            root_cause=st.lists(st.builds(Cause, WILD, WILD, MONEY, MONEY), min_size=1, max_size=40).map(tuple),
        )
    )
    signal = Signal(
        kind=draw(st.sampled_from([*SIGNALS, "another"])),
        rule=draw(WILD),
        scope=Scope(draw(st.none() | WILD), draw(st.none() | WILD)),
        day=ago(1),
        since=ago(3),
        currency=draw(st.text(max_size=5)),
        metric=draw(st.sampled_from([BILLED_COST, EFFECTIVE_COST])),
        actual=draw(MONEY),
        threshold=draw(MONEY),
        overage=draw(MONEY),
        overage_percent=draw(st.none() | MONEY),
        expected=draw(st.none() | MONEY),
        month_end=draw(st.none() | MONEY),
        reason=draw(WILD),
        cause=draw(WILD),
        known=known,
    )
    return [made(signal, forecast=draw(st.none() | st.just(NOVEMBER)))] * draw(st.sampled_from([1, 2, 20]))


@given(wild_found())
@settings(max_examples=40, deadline=None)
def test_any_message_stays_within_slacks_limits(wild):
    message = slack_message(wild, "staging")
    assert len(message.blocks) <= 50
    assert 0 < len(message.text) <= 4000
    for block in message.blocks:
        texts = [*block.get("fields", []), *block.get("elements", []), *filter(None, [block.get("text")])]
        assert 0 < len(texts) <= 10
        most = 150 if block["type"] == "header" else 3000 if "text" in block else 2000
        assert all(0 < len(text["text"]) <= most for text in texts)
