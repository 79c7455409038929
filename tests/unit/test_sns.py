"""The SNS channel: what is published, how each answer is taken, and that any message stays within SNS's limits."""

import json
import os
import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.parsers import ResponseParserError
from click.testing import CliRunner
from hypothesis import given, settings
from moto import mock_aws
from tests.fakes import NOW, ago
from tests.unit.test_rendering import alerts, wild_alerts

from farthing import cli
from farthing.alerts.channels.sns import CLIENT_CONFIG, FINAL, SnsChannel, region_of_topic
from farthing.alerts.outbox import ATTEMPTS, CLAIM_SECONDS, Outbox
from farthing.alerts.rendering import SNS_ALERTS_LIMIT, plain_text, sns_message, sns_test_message
from farthing.app import App
from farthing.errors import DeliveryError, SettingsError
from farthing.jsontext import pretty
from farthing.ledger.folder import FolderStore
from farthing.model import BreakdownRow, Delivery, Scope
from farthing.settings import Secret, Settings, load

GOLDEN = Path(__file__).parent.parent / "golden" / "sns"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:cost-alerts"
MESSAGE_BYTES = 262_144
ATTRIBUTES = 10
"""More of them and a queue that takes messages raw gets none at all."""


def golden(name, message):
    attributes = {**message.attributes, "alerts": ("String", notification(message))}
    told = {"subject": message.subject, "text": message.text, "attributes": attributes}
    text = pretty(told) + "\n"
    if os.environ.get("FARTHING_UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / name).write_text(text)
    assert text == (GOLDEN / name).read_text()


def notification(message):
    return json.loads(message.attributes["alerts"][1])


# What a message says


def test_one_day_as_published():
    golden("one-day.json", sns_message(alerts(1), "prod"))


def test_several_days_as_published():
    golden("three-days.json", sns_message(alerts(3, 2, 1), "dev"))


def test_the_text_is_what_the_terminal_shows():
    assert sns_message(alerts(2, 1), "prod").text == plain_text(alerts(2, 1), "prod")


def test_programs_get_every_alert_newest_first_with_exact_amounts():
    told = notification(sns_message(alerts(3, 1), "prod"))
    assert (told["schema"], told["environment"], told["left_out"]) == ("farthing.notification/1", "prod", None)
    assert [one["day"] for one in told["alerts"]] == [ago(1).isoformat(), ago(3).isoformat()]
    assert told["alerts"][0]["actual"] == "1310.504"
    assert "deliveries" not in told["alerts"][0]


def test_attributes_are_what_filter_policies_go_by():
    (alert,) = alerts(1)
    scoped = msgspec.structs.replace(alert, scope=Scope("Amazon S3", "012345678901"), provisional=False)
    attributes = dict(sns_message([scoped], "prod").attributes)
    del attributes["alerts"]
    assert attributes == {
        "kind": ("String", "threshold"),
        "rule": ("String", "total"),
        "environment": ("String", "prod"),
        "service": ("String", "Amazon S3"),
        "account": ("String", "012345678901"),
        "currency": ("String", "USD"),
        "day": ("String", "2026-11-22"),
        "provisional": ("String", "false"),
        "overage": ("Number", "310.504"),
    }


def test_a_message_about_everything_has_no_service_and_no_account():
    assert not {"service", "account"} & sns_message(alerts(1), "prod").attributes.keys()


@pytest.mark.parametrize(
    ("overages", "number"), [(("5", "3"), "5"), (("1e17",), "1000000000"), (("0.000019",), "0.00001"), (("0",), "0")]
)
def test_the_overage_is_the_largest_and_a_number_that_sns_can_compare(overages, number):
    (alert,) = alerts(1)
    some = [msgspec.structs.replace(alert, overage=Decimal(overage)) for overage in overages]
    assert sns_message(some, "dev").attributes["overage"] == ("Number", number)


def test_a_subject_is_plain_ascii():
    (alert,) = alerts(1)
    named = msgspec.structs.replace(alert, scope=Scope("Café\r\n\tBär — 日本 \x7f", None))
    subject = sns_message([named], "prod").subject
    assert subject.startswith("[prod] AWS cost 310.50 USD (+31.1 %) over its threshold for Cafe Bar ? ??")


def test_a_subject_that_is_too_long_shows_that_it_was_cut():
    (alert,) = alerts(1)
    subject = sns_message([msgspec.structs.replace(alert, scope=Scope("x" * 500, None))], "prod").subject
    assert len(subject) == 99
    assert subject.endswith("xxx...")


def test_what_is_left_out_for_programs_is_said():
    (alert,) = alerts(1)
    rows = tuple(BreakdownRow(f"{n} " + "é" * 990, Decimal(n)) for n in range(11))
    many = [msgspec.structs.replace(alert, day=ago(30 - n), accounts=rows) for n in range(30)]
    message = sns_message(many, "dev")
    told = notification(message)
    assert 0 < len(told["alerts"]) < 30
    assert told["alerts"][0]["day"] == ago(1).isoformat()
    assert len(told["alerts"][0]["accounts"]) == 11
    assert told["left_out"] == f"{30 - len(told['alerts'])} earlier alerts"
    assert len(message.attributes["alerts"][1].encode()) <= SNS_ALERTS_LIMIT
    huge = msgspec.structs.replace(alert, services=rows * 9)
    told = notification(sns_message([*many, huge], "dev"))
    assert told["alerts"][0]["services"] == []
    assert told["left_out"].startswith("the breakdown of the newest day")


@given(wild_alerts())
@settings(max_examples=60, deadline=None)
def test_any_message_stays_within_snss_limits(wild):
    message = sns_message(wild, "staging")
    assert 0 < len(message.subject) < 100
    assert all(" " <= letter <= "~" for letter in message.subject)
    assert message.subject == message.subject.strip()
    assert message.text
    assert not any(unicodedata.category(letter) == "Cc" for letter in message.text if letter != "\n")
    assert len(message.attributes) <= ATTRIBUTES
    size = len(message.text.encode())
    for name, (kind, text) in message.attributes.items():
        assert kind in ("String", "Number")
        assert text
        size += len((name + kind + text).encode())
    assert size <= MESSAGE_BYTES
    overage = Decimal(message.attributes["overage"][1])
    assert overage <= 10**9
    assert overage == overage.quantize(Decimal("0.00001"))
    assert notification(message)["alerts"]


@given(wild_alerts())
@settings(max_examples=15, deadline=None)
def test_the_longest_texts_stay_within_snss_limits(wild):
    long = "€\x00" * 100_000
    row = BreakdownRow(long, Decimal(1))
    wild = [
        msgspec.structs.replace(one, rule=long, reason=long, cause=long, scope=Scope(long, long), services=(row,) * 11)
        for one in wild
    ]
    message = sns_message(wild, "staging")
    size = sum(len((name + kind + text).encode()) for name, (kind, text) in message.attributes.items())
    assert len(message.text.encode()) + size <= MESSAGE_BYTES
    assert len(message.subject) < 100
    assert "…" in message.text


# Sending


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield


@pytest.fixture
def sns(aws):
    return boto3.client("sns", region_name="eu-west-1")


@pytest.fixture
def topic(sns):
    return sns.create_topic(Name="cost-alerts")["TopicArn"]


def queue(topic, **attributes):
    """A queue on the topic; gives a function that takes everything out of it."""
    sqs = boto3.client("sqs", region_name="eu-west-1")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns = boto3.client("sns", region_name="eu-west-1")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)

    def taken():
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        return got.get("Messages", [])

    return taken


def test_a_queue_gets_the_text_and_the_alerts(sns, topic):
    taken = queue(topic)
    SnsChannel(lambda: sns, topic, "dev").send(alerts(2, 1))
    (message,) = taken()
    body = json.loads(message["Body"])
    assert body["Subject"].startswith("[dev] AWS cost over its threshold on 2 days")
    assert body["Message"] == plain_text(alerts(2, 1), "dev")
    assert body["MessageAttributes"]["overage"] == {"Type": "Number", "Value": "310.504"}
    assert len(json.loads(body["MessageAttributes"]["alerts"]["Value"])["alerts"]) == 2


def test_a_queue_that_takes_messages_raw_gets_every_attribute(sns, topic):
    taken = queue(topic, RawMessageDelivery="true")
    (alert,) = alerts(1)
    SnsChannel(lambda: sns, topic, "dev").send([msgspec.structs.replace(alert, scope=Scope("Amazon S3", "123"))])
    (message,) = taken()
    assert message["Body"].startswith("[dev] AWS cost")
    assert len(message["MessageAttributes"]) == ATTRIBUTES


@pytest.mark.parametrize(
    ("policy", "count"),
    [
        ({"kind": ["threshold"], "environment": ["prod"]}, 1),
        ({"overage": [{"numeric": [">=", 300]}]}, 1),
        ({"overage": [{"numeric": [">=", 311]}]}, 0),
        ({"provisional": ["false"]}, 0),
        ({"service": [{"exists": False}]}, 1),
    ],
)
def test_filter_policies_work_on_the_attributes(sns, topic, policy, count):
    taken = queue(topic, FilterPolicy=json.dumps(policy))
    SnsChannel(lambda: sns, topic, "prod").send(alerts(1))
    assert len(taken()) == count


def test_a_test_message(sns, topic):
    taken = queue(topic)
    SnsChannel(lambda: sns, topic, "dev").send_test()
    body = json.loads(taken()[0]["Body"])
    assert (body["Subject"], "nothing is wrong" in body["Message"]) == ("[dev] farthing: a test message", True)
    assert body["MessageAttributes"]["kind"]["Value"] == "test"
    assert sns_test_message("dev").text == body["Message"]


def test_a_topic_that_is_gone(sns):
    with pytest.raises(
        DeliveryError, match=r"cost-alerts\) refuses .*: there is no such topic: set FARTHING_SNS_TOPIC"
    ) as caught:
        SnsChannel(lambda: sns, TOPIC, "dev").send_test()
    assert not caught.value.retryable


def failing(error):
    class Client:
        def publish(self, **request):
            raise error

    return SnsChannel(Client, TOPIC, "dev")


def refused(code, status=400):
    answer = {"Error": {"Code": code, "Message": "no\nreally."}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Publish")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        *[(refused(code), words) for code, words in FINAL.items()],
        (refused("KMSAccessDeniedException"), "kms:GenerateDataKey"),
        (refused("ExpiredToken", 403), "session has expired"),
        (refused("InvalidClientTokenId", 403), "does not know these credentials"),
        (refused("AccessDenied", 403), "allow sns:Publish"),
        (refused("InvalidSecurity", 403), "InvalidSecurity"),
        (NoCredentialsError(), "no usable AWS credentials"),
        (ResponseParserError("<html>"), "a proxy"),
    ],
)
def test_final_answers(error, words):
    with pytest.raises(DeliveryError) as caught:
        failing(error).send(alerts(1))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not caught.value.retryable
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        refused("Throttling"),
        refused("ThrottledException"),
        refused("Throttled", 429),
        refused("KMSThrottling"),
        refused("KMSThrottlingException"),
        refused("InternalError", 500),
        refused("ServiceUnavailable", 503),
        refused("Whatever", 502),
        EndpointConnectionError(endpoint_url="https://sns.eu-west-1.amazonaws.com"),
    ],
)
def test_what_may_pass_later(error):
    with pytest.raises(DeliveryError, match=TOPIC) as caught:
        failing(error).send(alerts(1))
    assert caught.value.retryable


def test_all_tries_of_a_message_end_within_its_claim():
    config: Any = CLIENT_CONFIG
    assert config.retries == {"mode": "standard", "total_max_attempts": 1}
    pauses = sum(range(1, ATTEMPTS))
    assert ATTEMPTS * (config.connect_timeout + config.read_timeout) + pauses < CLAIM_SECONDS


def test_through_the_outbox_once_and_only_to_its_own_channel(sns, topic, tmp_path):
    taken = queue(topic)
    outbox = Outbox(FolderStore(tmp_path), lambda: NOW, lambda seconds: None)
    for alert in alerts(2, 1):
        deliveries = {name: Delivery("pending", NOW, "run") for name in ("slack", "sns")}
        assert outbox.offer(msgspec.structs.replace(alert, deliveries=deliveries))
    channel = SnsChannel(lambda: sns, topic, "dev")
    assert (outbox.drain([channel], "run").sent, outbox.drain([channel], "again").sent) == (2, 0)
    (message,) = taken()
    assert "on 2 days" in json.loads(message["Body"])["Subject"]
    (stored, _) = outbox.since(ago(7))
    assert {name: delivery.state for name, delivery in stored.deliveries.items()} == {"slack": "pending", "sns": "sent"}


# Settings and wiring


def app(tmp_path, **given):
    return App(Settings(home=tmp_path, **given), FolderStore(tmp_path), lambda text: None)


def test_sns_stands_beside_slack_and_instead_of_the_terminal(tmp_path):
    def names(**given):
        return [channel.name for channel in app(tmp_path, **given).channels()]

    slack = Secret("https://hooks.slack.com/services/T/B/x")
    assert names() == ["terminal"]
    assert names(sns_topic_arn=TOPIC) == ["sns"]
    assert names(sns_topic_arn=TOPIC, slack_webhook_url=slack) == ["slack", "sns"]
    assert names(sns_topic_arn=TOPIC, slack_secret_name="hook") == ["slack", "sns"]


def test_the_client_asks_in_the_topics_region(aws, sns, topic, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    taken = queue(topic)
    (channel,) = app(tmp_path, sns_topic_arn=topic).channels()
    channel.send_test()
    assert len(taken()) == 1
    assert region_of_topic(topic) == "eu-west-1"


def test_alerts_test_reaches_the_topic(aws, sns, topic, monkeypatch):
    monkeypatch.setenv("FARTHING_SNS_TOPIC_ARN", topic)
    taken = queue(topic)
    done = CliRunner().invoke(cli.group, ["alerts", "test"])
    assert done.exit_code == 0, done.output
    assert "sns: sent at" in done.stderr
    assert len(taken()) == 1


@pytest.mark.parametrize(
    "arn",
    [
        "cost-alerts",
        "arn:aws:sqs:eu-west-1:123456789012:q",
        "arn:aws:sns:eu-west-1:123456789012:q.fifo",
        f"{TOPIC}:sub",
    ],
)
def test_what_is_no_standard_topic_is_refused_at_once(arn):
    with pytest.raises(SettingsError, match="FARTHING_SNS_TOPIC_ARN must be a standard SNS topic's ARN"):
        load({"FARTHING_SNS_TOPIC_ARN": arn})


@pytest.mark.parametrize("arn", [TOPIC, "arn:aws-cn:sns:cn-north-1:123456789012:a_b-C"])
def test_a_standard_topic(arn):
    assert load({"FARTHING_SNS_TOPIC_ARN": arn}).sns_topic_arn == arn
