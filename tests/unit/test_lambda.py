"""The Lambda entry over a simulated organisation and a local or (moto's) S3 ledger."""

import json
import logging
from types import SimpleNamespace

import boto3
import pytest
from aws_lambda_powertools import Metrics
from moto import mock_aws
from tests.fakes import DEV, EC2, PROD, S3, ago, http_receiver, report
from tests.unit.test_collect import Trial, flat

from farthing.aws import writes_conditionally
from farthing.aws_lambda import _emit, handler, largest_services
from farthing.errors import FarthingError, SettingsError, UsageError


def context(request_id="11111111-2222-3333-4444-555555555555"):
    return SimpleNamespace(aws_request_id=request_id)


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def metrics(documents):
    found = {}
    for document in documents:
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", []):
            assert directive["Namespace"] == "Farthing"
            assert all(set(names) <= {"Environment", "ServiceName"} for names in directive["Dimensions"])
            for metric in directive["Metrics"]:
                assert document["Environment"] == "dev"
                value = document[metric["Name"]]
                key = (metric["Name"], document.get("ServiceName"))
                found[key] = value[0] if isinstance(value, list) else value
    return found


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    # Powertools' logger keeps writing to the stdout of the first test that made it, whichever that was.
    logging.Logger.manager.loggerDict.pop("farthing-daily-run", None)
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("FARTHING_SOURCE", "simulated")
    monkeypatch.setenv("FARTHING_SIMULATED_SIZE", "small")
    monkeypatch.setenv("COST_THRESHOLD", "100")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("FARTHING_TODAY", "2026-11-23")


@pytest.mark.loopback
def test_a_run_logs_each_step_and_emits_its_metrics(monkeypatch, capsys):
    with http_receiver() as slack:
        monkeypatch.setenv("FARTHING_SLACK_WEBHOOK_URL", slack.url)
        record = handler({"source": "aws.events"}, context())
    documents = lines(capsys)
    steps = [document["message"] for document in documents if "message" in document]
    assert steps == ["planned", "fetched", "stored", "alert"] + ["alert"] * (steps.count("alert") - 1) + [
        "judged",
        "delivered",
        "finished",
    ]
    assert all(document["environment"] == "dev" for document in documents if "message" in document)
    found = metrics(documents)
    assert found["RunSucceeded", None] == 1
    assert record["billed_requests"] == 1
    assert found["BilledRequests", None] == 0, "what the simulator answers is free"
    assert found["AlertsSent", None] == 1
    assert found["AlertsFailed", None] == 0
    assert found["ThresholdBreaches", None] == 1
    assert found["DailyCost", None] > 100
    assert 0 < sum(name == "ServiceCost" for name, _ in found) <= 10
    assert len(slack.bodies) == 1
    assert "plantedsecret" not in json.dumps(documents)


@pytest.mark.loopback
def test_a_failed_delivery_fails_the_invocation_and_its_retry_only_delivers(monkeypatch, capsys):
    with http_receiver() as slack:
        monkeypatch.setenv("FARTHING_SLACK_WEBHOOK_URL", slack.url)
        slack.answers = [(404, "no_service", {})]
        with pytest.raises(FarthingError, match="the webhook was revoked"):
            handler({}, context())
        found = metrics(lines(capsys))
        assert (found["RunSucceeded", None], found["AlertsFailed", None]) == (0, 1)
        monkeypatch.setenv("FARTHING_TODAY", "2026-11-24")  # the retry comes after midnight
        record = handler({}, context())
    assert (record["billed_requests"], record["alerts_sent"]) == (0, 1)
    found = metrics(lines(capsys))
    assert (found["RunSucceeded", None], found["AlertsFailed", None]) == (1, 0)


def test_the_four_settings_are_required_in_the_lambda(monkeypatch, capsys):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "farthing")
    with pytest.raises(SettingsError) as caught:
        handler({}, context())
    assert {problem.split()[0] for problem in caught.value.problems} == {"BUCKET_NAME", "SLACK_SECRET_NAME"}
    assert metrics(lines(capsys)) == {("RunSucceeded", None): 0}


def test_a_runtime_with_an_old_boto3_is_refused_before_anything_is_asked(monkeypatch, capsys):
    monkeypatch.setenv("BUCKET_NAME", "ledger")
    monkeypatch.setattr(boto3, "__version__", "1.9.253")
    with pytest.raises(UsageError, match=r"boto3 1\.9\.253 cannot write .* 1\.35\.77 or newer"):
        handler({}, context())
    assert metrics(lines(capsys)) == {("RunSucceeded", None): 0}


@pytest.mark.parametrize(
    ("version", "knows"), [("1.35.76", False), ("1.35.77", True), ("1.36.0", True), ("1.100.2", True), ("2.0.0", True)]
)
def test_from_which_boto3_on_writes_are_conditional(version, knows):
    assert writes_conditionally(version) is knows


@pytest.mark.loopback
def test_the_four_settings_are_enough(monkeypatch, capsys):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "farthing")
    monkeypatch.setenv("BUCKET_NAME", "ledger")
    monkeypatch.setenv("SLACK_SECRET_NAME", "slack")
    monkeypatch.delenv("FARTHING_HOME")
    with mock_aws(config={"core": {"passthrough": {"urls": ["http://127.0.0.1"]}}}), http_receiver() as slack:
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="ledger")
        secret = json.dumps({"url": slack.url})
        boto3.client("secretsmanager", region_name="us-east-1").create_secret(Name="slack", SecretString=secret)
        record = handler({}, context())
        again = handler({}, context("another"))
        s3 = boto3.client("s3", region_name="us-east-1")
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket="ledger")["Contents"]]
        assert s3.head_object(Bucket="ledger", Key=keys[0])["ServerSideEncryption"] == "AES256"
    assert len([key for key in keys if key.startswith("cost_data/daily/")]) == len(record["days_written"]) == 14
    assert (len(again["days_written"]), again["days_unchanged"], again["alerts_sent"]) == (0, 14, 0)
    assert len(slack.bodies) == 1
    assert "plantedsecret" not in capsys.readouterr().out


def test_billed_requests_are_counted(capsys):
    result = Trial(flat(), lenses=("region",)).run()
    _emit(Metrics(namespace="Farthing"), "dev", result)
    assert metrics(lines(capsys))["BilledRequests", None] == 2


def test_the_largest_services():
    day = report(ago(1), {(EC2, PROD): "5", (EC2, DEV): "6", (S3, PROD): "7", ("Credit", PROD): "-3"})
    assert largest_services(day) == [(EC2, 11.0), (S3, 7.0)]
    many = report(ago(1), {(f"service {n:02}", PROD): str(n) for n in range(1, 30)})
    assert [amount for _, amount in largest_services(many)] == [float(n) for n in range(29, 19, -1)]


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POWERTOOLS_SERVICE_NAME", "costs"),
        ("POWERTOOLS_METRICS_NAMESPACE", "Mine"),
        ("POWERTOOLS_METRICS_DISABLED", "true"),
    ],
)
def test_no_variable_changes_what_the_alarms_look_at(monkeypatch, capsys, name, value):
    monkeypatch.setenv(name, value)
    with http_receiver() as slack:
        monkeypatch.setenv("FARTHING_SLACK_WEBHOOK_URL", slack.url)
        handler({}, context())
    found = metrics(lines(capsys))
    assert found["RunSucceeded", None] == 1
    assert found["AlertsFailed", None] == 0


def test_a_function_with_a_stopped_clock_watches_nothing(monkeypatch, capsys):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "farthing-prod")
    monkeypatch.setenv("FARTHING_SOURCE", "cost-explorer")
    monkeypatch.setenv("BUCKET_NAME", "ledger")
    monkeypatch.setenv("SLACK_SECRET_NAME", "slack")
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="ledger")
        with pytest.raises(FarthingError, match="FARTHING_TODAY stops the clock"):
            handler({}, context())
    assert metrics(lines(capsys))["RunSucceeded", None] == 0
