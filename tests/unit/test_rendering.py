import json
import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import DEV, EC2, NOW, PROD, S3, ago, report

from farthing.alerts.policy import Situation, alert_for
from farthing.alerts.rendering import plain_text, slack_message, slack_test_message
from farthing.jsontext import pretty
from farthing.model import Alert, BreakdownRow, Delivery, Scope
from farthing.signals.thresholds import amounts_of, judge, total_rule
from farthing.wording import day_name, money, number, several, shortened, signed

GOLDEN = Path(__file__).parent.parent / "golden" / "slack"


def alerts(*ages):
    found = []
    for age in ages:
        day = report(ago(age), {(EC2, PROD): "1280.5", (S3, PROD): "30", (EC2, DEV): "0.004"})
        history = {
            day.date - timedelta(weeks=n): amounts_of(report(day.date, {(EC2, PROD): "800", (S3, PROD): "31"}))
            for n in (1, 2)
        }
        (breach,) = judge(day, [total_rule(Decimal(1000))], history)
        situation = Situation(now=NOW, run_id="run", channels=("slack",), newest_day=day.date, max_age_days=7)
        found.append(alert_for(breach, day, history, situation))
    return found


def _golden(name, text):
    path = GOLDEN / name
    if os.environ.get("FARTHING_UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


def test_one_day_as_published():
    message = slack_message(alerts(1), "prod")
    _golden("one-day.json", pretty({"text": message.text, "blocks": message.blocks}) + "\n")


def test_several_days_as_published():
    message = slack_message(alerts(3, 2, 1), "dev")
    _golden("three-days.json", pretty({"text": message.text, "blocks": message.blocks}) + "\n")


def test_the_terminal_says_the_same():
    text = plain_text(alerts(1), "prod")
    for part in ("310.50 USD (+31.1 %)", "1,310.50 USD", "provisional", "net of discounts, credits", EC2, PROD):
        assert part in text
    assert "settled" not in text


WILD = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
MONEY = st.decimals(-(10**15), 10**15, places=6)
ROWS = st.lists(st.builds(BreakdownRow, WILD, MONEY, st.none() | MONEY), max_size=11).map(tuple)


@st.composite
def wild_alerts(draw):
    count = draw(st.sampled_from([1, 2, 40]))
    one = Alert(
        id="x",
        kind="threshold",
        rule=draw(WILD),
        scope=Scope(draw(st.none() | WILD), draw(st.none() | WILD)),
        day=ago(1),
        currency=draw(st.text(max_size=5)),
        metric="BilledCost",
        actual=draw(MONEY),
        threshold=draw(MONEY),
        overage=draw(MONEY),
        overage_percent=draw(st.none() | MONEY),
        estimated=draw(st.booleans()),
        provisional=draw(st.booleans()),
        repeated=draw(st.booleans()),
        reason=draw(WILD),
        cause=draw(st.just("") | WILD.filter(bool)),
        services=draw(ROWS),
        accounts=draw(ROWS),
        source_kind=draw(st.sampled_from(["simulated", "cost-explorer"])),
        created_at=NOW,
        deliveries={"slack": Delivery("pending", NOW, "run")},
    )
    return [msgspec.structs.replace(one, day=ago(count - n)) for n in range(count)]


@given(wild_alerts())
@settings(max_examples=60, deadline=None)
def test_any_message_stays_within_slacks_limits(wild):
    message = slack_message(wild, "staging")
    assert len(message.blocks) <= 50
    assert 0 < len(message.text) <= 40_000
    for block in message.blocks:
        if block["type"] == "header":
            assert 0 < len(block["text"]["text"]) <= 150
        elif block["type"] == "context":
            assert 0 < len(block["elements"]) <= 10
            assert all(0 < len(element["text"]) <= 2000 for element in block["elements"])
        else:
            assert len(block.get("fields", [])) <= 10
            assert all(0 < len(field["text"]) <= 2000 for field in block.get("fields", []))
            assert 0 < len(block.get("text", {"text": "x"})["text"]) <= 3000
    assert json.loads(pretty({"blocks": message.blocks}))


def test_names_cannot_become_slack_markup():
    (alert,) = alerts(1)
    evil = msgspec.structs.replace(alert, services=(BreakdownRow("<!channel> & <http://x|y>", Decimal(1)),))
    text = pretty(slack_message([evil], "dev").blocks)
    assert "<!channel>" not in text
    assert "&lt;!channel&gt; &amp; &lt;http" in text
    assert "<!channel>" not in slack_message([evil], "dev").text


def test_the_test_message_says_so():
    assert "test message" in slack_test_message("dev").text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1234.5", "1,234.50"),
        ("0", "0.00"),
        ("-0.004", "-0.0040"),
        ("0.000123", "0.00012"),
        ("-12", "-12.00"),
        ("1e15", "1,000,000,000,000,000.00"),
    ],
)
def test_numbers_for_people(amount, text):
    assert number(Decimal(amount)) == text


def test_words():
    assert money(Decimal(1), "EUR") == "1.00 EUR"
    assert [signed(Decimal(n)) for n in (1, 0, -1)] == ["+1.00", "±0.00", "-1.00"]
    assert day_name(ago(1)) == "Sun 22 Nov 2026"
    assert (several(1, "day"), several(2000, "day")) == ("1 day", "2,000 days")
    assert shortened("abcdef", 4) == "abc…"
