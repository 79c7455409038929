"""The Slack channel against a receiver on loopback: what is sent, and how each answer is taken."""

import pytest
from tests.fakes import http_receiver
from tests.unit.test_rendering import alerts

from farthing.alerts.channels.slack import SlackChannel
from farthing.errors import DeliveryError
from farthing.settings import Secret

pytestmark = pytest.mark.loopback


@pytest.fixture
def receiver():
    with http_receiver() as receiver:
        yield receiver


def channel(receiver):
    return SlackChannel(lambda: Secret(receiver.url), "dev")


def test_a_message_has_blocks_and_a_text(receiver):
    channel(receiver).send(alerts(1))
    (body,) = receiver.bodies
    assert body["text"].startswith("[dev] AWS cost 310.50 USD (+31.1 %) over its threshold")
    assert [block["type"] for block in body["blocks"]] == [
        "header",
        "section",
        "section",
        "section",
        "section",
        "context",
    ]


def test_a_test_message(receiver):
    channel(receiver).send_test()
    assert "test message" in receiver.bodies[0]["text"]


def test_refused_blocks_fall_back_to_the_text(receiver):
    receiver.answers = [(400, "invalid_blocks", {})]
    channel(receiver).send(alerts(1))
    assert "blocks" in receiver.bodies[0]
    assert receiver.bodies[1] == {"text": receiver.bodies[0]["text"]}


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (400, "invalid_payload", "check the webhook"),
        (400, "invalid_token", "revoked"),
        (403, "action_prohibited", "administrator"),
        (404, "no_service", "revoked"),
        (404, "channel_not_found", "channel is gone"),
        (410, "channel_is_archived", "archived"),
        (302, "", "check the webhook"),
    ],
)
def test_final_answers(receiver, status, said, words):
    receiver.answers = [(status, said, {})]
    with pytest.raises(DeliveryError) as caught:
        channel(receiver).send(alerts(1))
    assert not caught.value.retryable
    assert words in str(caught.value)
    assert "plantedsecret" not in str(caught.value)
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize(
    ("status", "headers", "after"), [(429, {"Retry-After": "7"}, 7.0), (500, {}, None), (503, {}, None)]
)
def test_retryable_answers(receiver, status, headers, after):
    receiver.answers = [(status, "rate_limited", headers)]
    with pytest.raises(DeliveryError) as caught:
        channel(receiver).send(alerts(1))
    assert caught.value.retryable
    assert caught.value.retry_after == after


def test_nobody_listens(receiver):
    gone = SlackChannel(lambda: Secret("http://127.0.0.1:9/services/plantedsecret"), "dev")
    with pytest.raises(DeliveryError, match="cannot be reached") as caught:
        gone.send(alerts(1))
    assert caught.value.retryable
    assert "plantedsecret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("after", ["-5", "nan", "inf", "soon"])
def test_an_odd_retry_after_is_none(receiver, after):
    receiver.answers = [(429, "", {"Retry-After": after})]
    with pytest.raises(DeliveryError) as caught:
        channel(receiver).send(alerts(1))
    assert caught.value.retry_after is None


def test_a_page_is_no_confirmation(receiver):
    receiver.answers = [(200, "<html>log in</html>", {})]
    with pytest.raises(DeliveryError, match="something else than Slack"):
        channel(receiver).send(alerts(1))
