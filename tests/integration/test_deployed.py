"""The deployed system: one apply for all, first as somebody deploys it, then drills on what is deployed.

Each drill begins with an empty ledger and asserts what was kept and what was sent.
"""

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from botocore.exceptions import ClientError

from farthing.alerts.channels import sns as sns_channel
from tests.fakes import http_receiver
from tests.integration import conftest
from tests.integration.deployed import (
    SECRETS,
    Attempt,
    Seen,
    System,
    artifact,
    phase,
    secrets_in,
    webhook,
)
from tests.integration.servers import LOOPBACK, MACHINE, listening, strict_ministack

pytestmark = [pytest.mark.integration, pytest.mark.loopback]

ATTEMPTS = 3
"""Of an asynchronous invocation that fails: the first and two retries."""

STEPS = ["planned", "fetched", "stored", "judged", "delivered", "finished"]


@pytest.fixture(scope="session")
def deployed(tmp_path_factory) -> Iterator[System]:
    """Deploys by steps, as somebody does, and remembers what was seen between them."""
    zipped = artifact()
    with ExitStack() as stack:
        credentials = {name.upper(): value for name, value in conftest.CREDENTIALS.items()}
        aws = stack.enter_context(strict_ministack(tmp_path_factory.mktemp("aws"), credentials))
        conftest.shown.append(aws)
        stack.callback(conftest.shown.remove, aws)
        slack, subscriber = stack.enter_context(http_receiver()), stack.enter_context(http_receiver())
        system = System(aws, slack, subscriber, tmp_path_factory.mktemp("deployed"))
        stack.callback(system.close)
        with phase("terraform init"):
            system.open()
        with phase("terraform apply: everything, without Slack's URL"):
            system.deploy()
        stack.callback(system.destroy)
        code = system.client("lambda").get_function_configuration(FunctionName=system.function)["CodeSha256"]
        assert code == base64.b64encode(hashlib.sha256(zipped.read_bytes()).digest()).decode()
        system.subscribe()

        with phase("a run without Slack's URL, until it is given up"):
            system.begin()
            system.start()
            system.until_given_up()
            system.evidence["without the URL"] = system.look()
        with phase("terraform apply: Slack's URL, and a first run"):
            system.deploy(slack_webhook_url=webhook(slack), slack_webhook_version="1", invoke_after_deploy="true")
            system.evidence["first run"] = system.look()
        system.begin()
        with phase("terraform apply: the schedule"):
            system.deploy(schedule_enabled="true")
        with phase("until the schedule has fired"):
            system.until_ended(1)
            system.evidence["schedule"] = system.look()
        with phase("terraform apply: no schedule"):
            system.deploy(schedule_enabled="false")
        with phase("terraform plan"):
            system.plan = system.terraform.plan()
        yield system


@pytest.fixture
def system(request, deployed) -> Iterator[System]:
    """What is deployed, with an empty ledger; afterwards nobody may have been told a secret."""
    with phase(request.node.name):
        deployed.begin()
        yield deployed
        assert secrets_in(everything(deployed.look())) == []


def everything(seen: Seen) -> str:
    """All that anybody could read: objects, logs, messages, queues."""
    return repr(seen)


@pytest.fixture(scope="session")
def schemas() -> dict[str, Any]:
    """Where an object is -> its schema."""

    def schema(name: str) -> Any:
        command = [sys.executable, "-m", "farthing", "schema", name]
        return json.loads(subprocess.run(command, env=MACHINE, capture_output=True, check=True).stdout)

    return {
        "cost_data/daily/": schema("daily-report"),
        "cost_data/alerts/": schema("alert"),
        "cost_data/runs/": schema("run"),
    }


def yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


def problems(attempts: list[Attempt]) -> set[str]:
    return {attempt.problem for attempt in attempts}


# ----- as it is deployed


def test_the_schedule_starts_the_function_and_everything_arrives_where_it_belongs(deployed, schemas):
    seen = deployed.evidence["schedule"]
    assert seen.failed == seen.undelivered == []

    validated = dict.fromkeys(schemas, 0)
    for prefix, schema in schemas.items():
        for content in seen.below(prefix).values():
            jsonschema.validate(content, schema, format_checker=jsonschema.FormatChecker())
            validated[prefix] += 1
    days = [date.fromisoformat(day) for day in seen.reports]
    assert len(days) >= 14
    assert days == [yesterday() - timedelta(days=ago) for ago in reversed(range(len(days)))]
    assert list(seen.below("cost_data/daily/")) == [f"cost_data/daily/{day}.json" for day in days]
    # Each day is over the threshold; what is unusual beside that is recorded too.
    assert validated.pop("cost_data/alerts/") >= len(days)
    assert validated == {"cost_data/daily/": len(days), "cost_data/runs/": 1}
    totals = {day: Decimal(report["totals"]["BilledCost"]) for day, report in seen.reports.items()}
    assert totals == deployed.true_totals(len(days))

    months = sorted({f"{day:%Y-%m}" for day in days})
    metrics = ("BilledCost", "EffectiveCost")
    derived = [f"state/histories/{metric}.json" for metric in metrics]
    derived += [f"state/series/{metric}/{month}" for metric in metrics for month in months]
    assert list(seen.below("state/")) == derived
    kept = list(seen.below("cost_data/events/"))
    assert [key.rpartition("/")[2].partition("-")[0] for key in kept] == ["forecast"]
    told = len(seen.below("cost_data/alerts/"))
    assert len(seen.objects) == sum(validated.values()) + told + len(derived) + len(kept), "nothing is anywhere else"

    for key, head in seen.heads.items():
        assert head["ServerSideEncryption"] == "AES256", key
        assert head["ContentType"] == ("application/json" if key.endswith(".json") else "application/octet-stream"), key
        assert head["VersionId"] not in ("", "null"), key

    (run,) = seen.runs
    assert (run["stage"], run["errors"], run["billed_requests"], seen.billed) == ("finished", [], 1, 1)
    assert run["source"]["kind"] == "cost-explorer"


def test_the_run_is_logged_as_json_one_line_a_step(deployed):
    (attempt,) = deployed.evidence["schedule"].attempts
    assert attempt.others == []
    assert attempt.steps == STEPS
    logged = [line for line in attempt.lines if "_aws" not in line]
    assert {(line["level"], line["environment"], line["request_id"]) for line in logged} == {
        ("INFO", "prod", attempt.request_id)
    }
    (run,) = deployed.evidence["schedule"].runs
    assert {line["run_id"] for line in logged} == {run["id"]}


def test_the_run_leaves_its_metrics_in_the_log(deployed):
    seen = deployed.evidence["schedule"]
    (attempt,) = seen.attempts
    metrics = attempt.metrics()
    assert set(metrics) == {("Environment",), ("Environment", "ServiceName")}
    cost = Decimal(seen.reports[yesterday().isoformat()]["totals"]["BilledCost"])
    of_environment = metrics["Environment",]
    assert of_environment.pop("DailyCost") == [float(cost)]
    assert of_environment.pop("RunDuration")[0] >= 0
    assert of_environment == {
        "RunSucceeded": [1], "BilledRequests": [1], "ThresholdBreaches": [1], "AlertsSent": [2], "AlertsFailed": [0],
    }  # fmt: skip
    assert len(metrics["Environment", "ServiceName"]["ServiceCost"]) == 10


def test_the_alert_reaches_slack_and_the_topics_subscribers_once(deployed):
    seen = deployed.evidence["schedule"]
    assert seen.deliveries() == [{"slack": "sent", "sns": "sent"}]
    (alert,) = seen.alerts
    amount = f"{Decimal(alert['actual']):,.2f} USD"

    (message,) = seen.slack
    assert "over its threshold" in message["text"]
    assert amount in json.dumps(message["blocks"])
    assert f"{yesterday():%a %d %b %Y}" in json.dumps(message["blocks"])

    (published,) = seen.published
    assert published["TopicArn"] == deployed.outputs["topic_arns"]["cost_alerts"]
    assert published["Subject"].startswith("[prod] ")
    assert len(published["Subject"]) < 100
    assert published["Subject"].isascii()
    assert amount in published["Message"]
    attributes = {name: each["Value"] for name, each in published["MessageAttributes"].items()}
    expected = {"kind": "threshold", "rule": "total", "environment": "prod", "currency": "USD", "day": alert["day"]}
    assert attributes.items() >= expected.items()
    structured = json.loads(attributes["alerts"])
    assert structured["schema"] == "farthing.notification/1"
    assert [(each["id"], each["actual"]) for each in structured["alerts"]] == [(alert["id"], alert["actual"])]

    (queued,) = seen.queued  # raw: the text alone, with the same attributes
    assert queued["Body"] == published["Message"]
    assert {name: each["StringValue"] for name, each in queued["MessageAttributes"].items()} == attributes


def test_without_slacks_url_the_data_is_kept_and_the_run_is_given_up_after_two_retries(deployed):
    seen = deployed.evidence["without the URL"]
    name = deployed.outputs["slack_secret_name"]
    assert len(seen.reports) >= 14
    assert seen.deliveries() == [{"slack": "failed", "sns": "sent"}]
    assert (len(seen.slack), len(seen.published), len(seen.queued)) == (0, 1, 1)

    assert len(seen.attempts) == ATTEMPTS
    assert len({attempt.request_id for attempt in seen.attempts}) == 1
    (problem,) = problems(seen.attempts)
    assert f"Secrets Manager (secret {name})" in problem
    assert [attempt.metric("RunSucceeded") for attempt in seen.attempts] == [0] * ATTEMPTS
    assert [attempt.metric("AlertsFailed") for attempt in seen.attempts] == [1] * ATTEMPTS
    assert seen.billed == 1, "a retry finds the data stored and asks nothing"
    assert [run["billed_requests"] for run in seen.runs] == [1, 0, 0]

    (failed,) = [json.loads(message["Body"]) for message in seen.failed]
    assert failed["requestPayload"] == {"source": "drill"}
    assert failed["requestContext"]["condition"] == "RetriesExhausted"
    assert failed["responsePayload"]["errorMessage"] == problem


def test_the_first_run_of_a_deployment_delivers_what_was_kept_and_only_that(deployed):
    before, seen = deployed.evidence["without the URL"], deployed.evidence["first run"]
    assert seen.deliveries() == [{"slack": "sent", "sns": "sent"}]
    assert (len(seen.slack), len(seen.published), len(seen.queued)) == (1, 1, 1)
    assert seen.reports == before.reports
    assert seen.attempts[-1].steps == STEPS
    assert [run["days_written"] for run in seen.runs[len(before.runs) :]] == [[]]


def test_a_second_plan_finds_nothing_to_change(deployed):
    code, said, _ = deployed.plan
    assert code == 0, said
    assert "No changes." in said


def planned(deployed: System, kind: str) -> list[dict[str, Any]]:
    """The values of all planned resources of a type, in whatever module."""

    def resources(module: Any) -> Iterator[Any]:
        yield from module.get("resources", [])
        for child in module.get("child_modules", []):
            yield from resources(child)

    _, _, plan = deployed.plan
    found = [each["values"] for each in resources(plan["planned_values"]["root_module"]) if each["type"] == kind]
    assert found, kind
    return found


def test_each_alarm_watches_what_is_really_emitted(deployed):
    """The local AWS evaluates no alarms and reads no EMF; so the plan is compared with what the runs left in the log."""
    emitted = {
        (name, "Environment", "prod")
        for seen in deployed.evidence.values()
        for attempt in seen.attempts
        for name in attempt.metrics().get(("Environment",), {})
    }
    queues = {queue["name"] for queue in planned(deployed, "aws_sqs_queue")} - {"alerts"}
    known = {
        "Farthing": emitted,
        "AWS/Lambda": {(name, "FunctionName", deployed.function) for name in ("Errors", "Duration", "Throttles")},
        "AWS/SQS": {("ApproximateNumberOfMessagesVisible", "QueueName", name) for name in queues},
    }
    alarms = {}
    for alarm in planned(deployed, "aws_cloudwatch_metric_alarm"):
        ((dimension, value),) = alarm["dimensions"].items()
        assert (alarm["metric_name"], dimension, value) in known[alarm["namespace"]], alarm["alarm_name"]
        (topic,) = alarm["alarm_actions"]
        assert alarm["ok_actions"] == [topic]
        assert alarm["actions_enabled"]
        key = alarm["metric_name"] if alarm["namespace"] != "AWS/SQS" else value.removeprefix(f"{deployed.function}-")
        what = (alarm["statistic"], alarm["period"], alarm["evaluation_periods"], alarm["datapoints_to_alarm"])
        how = (alarm["comparison_operator"], alarm["threshold"], alarm["treat_missing_data"])
        alarms[key] = (*what, *how, topic.rpartition("-")[2])
    at_least, more, less = "GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold"
    assert alarms == {
        "Errors": ("Sum", 300, 1, 1, at_least, 1, "notBreaching", "health"),
        "Duration": ("Maximum", 300, 1, 1, more, 240_000, "notBreaching", "operational"),
        "Throttles": ("Sum", 300, 1, 1, at_least, 1, "notBreaching", "operational"),
        "AlertsFailed": ("Maximum", 300, 1, 1, at_least, 1, "notBreaching", "health"),
        "RunSucceeded": ("Sum", 3600, 2, 2, less, 1, "breaching", "health"),
        "failed-runs": ("Maximum", 300, 1, 1, at_least, 1, "notBreaching", "health"),
        "undelivered": ("Maximum", 300, 1, 1, at_least, 1, "notBreaching", "health"),
    }


def test_what_the_local_aws_cannot_show_is_planned(deployed):
    (function,) = planned(deployed, "aws_lambda_function")
    assert function["tracing_config"] == [{"mode": "Active"}]
    assert (function["memory_size"], function["timeout"], function["reserved_concurrent_executions"]) == (256, 300, 1)
    (retries,) = planned(deployed, "aws_lambda_function_event_invoke_config")
    assert (retries["maximum_retry_attempts"], retries["maximum_event_age_in_seconds"]) == (2, 3600)
    (schedule,) = planned(deployed, "aws_scheduler_schedule")
    (target,) = schedule["target"]
    assert target["dead_letter_config"][0]["arn"].endswith(f"{deployed.function}-undelivered")
    queues = {queue["name"]: queue["sqs_managed_sse_enabled"] for queue in planned(deployed, "aws_sqs_queue")}
    assert queues.items() >= {f"{deployed.function}-{name}": True for name in ("failed-runs", "undelivered")}.items()
    (log_group,) = planned(deployed, "aws_cloudwatch_log_group")
    assert log_group["retention_in_days"] == 14


def test_the_dashboard_shows_what_is_really_emitted(deployed):
    (dashboard,) = planned(deployed, "aws_cloudwatch_dashboard")
    widgets = json.loads(dashboard["dashboard_body"])["widgets"]
    lines = [line for widget in widgets for line in widget["properties"].get("metrics", [])]
    shown = {line[1] for line in lines if line[0] == "Farthing"}
    of_environment = deployed.evidence["schedule"].attempts[0].metrics()["Environment",]
    assert shown == set(of_environment)
    (search,) = [line[0]["expression"] for line in lines if isinstance(line[0], dict)]
    assert '{Farthing,Environment,ServiceName} MetricName="ServiceCost" Environment="prod"' in search


def test_an_administrator_reads_neither_the_secret_nor_the_ledger_without_tls(deployed):
    with administrator(deployed) as credentials:
        s3 = deployed.client_of("s3", credentials)
        bucket = deployed.outputs["bucket"]
        assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] > 0
        secrets = deployed.client_of("secretsmanager", credentials)
        with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
            secrets.get_secret_value(SecretId=deployed.outputs["slack_secret_name"])
        # As a proxy in front of S3 says that a request came in plain text.
        s3.meta.events.register(
            "before-send", lambda request, **_: request.headers.update({"X-Forwarded-Proto": "http"})
        )
        with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
            s3.list_objects_v2(Bucket=bucket)
        s3.close()
        secrets.close()


@contextmanager
def administrator(system: System) -> Iterator[dict[str, str]]:
    """Credentials of a user whose own policy allows everything."""
    iam = system.client("iam")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.create_user(UserName="administrator")
    iam.put_user_policy(UserName="administrator", PolicyName="all", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="administrator")["AccessKey"]
    try:
        yield {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    finally:
        iam.delete_access_key(UserName="administrator", AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName="administrator", PolicyName="all")
        iam.delete_user(UserName="administrator")


@pytest.mark.skipif(sys.platform != "linux", reason="what listens is read from /proc")
def test_the_local_aws_and_its_functions_listen_on_loopback_only(deployed):
    assert listening(deployed.aws.pid) == {LOOPBACK}


def test_no_secret_stands_in_state_plan_logs_objects_or_messages(deployed):
    kept = deployed.terraform.kept()
    assert deployed.outputs["bucket"] in kept
    assert secrets_in(kept) == []
    assert "plantedsecret" in deployed.slack.url, "the search would find it"
    for seen in deployed.evidence.values():
        assert secrets_in(everything(seen)) == []
    for name in SECRETS:
        assert secrets_in(everything(deployed.evidence["schedule"]) + name) == [name]


# ----- drills


def test_while_slack_is_down_the_data_is_kept_and_the_next_run_delivers_once(system):
    system.slack.answers = [(500, "internal error", {})] * 100
    system.start()
    system.until_given_up()
    down = system.look()
    assert len(down.attempts) == ATTEMPTS
    assert all("Slack is busy or failing (HTTP 500)" in problem for problem in problems(down.attempts))
    assert down.deliveries() == [{"slack": "failed", "sns": "sent"}]
    assert (len(down.reports), len(down.failed), len(down.published), down.billed) == (14, 1, 1, 1)

    system.slack.answers.clear()
    system.slack.bodies.clear()
    system.run()
    system.run()
    up = system.look()
    assert up.deliveries() == [{"slack": "sent", "sns": "sent"}]
    assert (len(up.slack), len(up.published), len(up.failed)) == (1, 1, 1)
    assert up.reports == down.reports


def test_a_throttled_cost_explorer_is_asked_again_and_billed_once(system):
    system.fault("throttle:times=1", "limit-exceeded:times=1")
    system.run()
    seen = system.look()
    assert (seen.billed, len(seen.reports), len(seen.slack)) == (1, 14, 1)
    assert system.cost_explorer.get("/_farthing/status")["failed_requests"] == 2


@pytest.mark.parametrize(
    ("fault", "said", "requests"),
    [
        ("expired-token", "ExpiredToken", 1),
        ("status-503:times=forever", "is busy or failing (ServiceUnavailableException)", 5),
    ],
    ids=["expired token", "503 for good"],
)
def test_a_cost_explorer_that_fails_leaves_a_dead_letter_and_the_next_run_completes(system, fault, said, requests):
    system.fault(fault)
    system.start()
    system.until_given_up()
    failed = system.look()
    assert len(failed.attempts) == ATTEMPTS
    (problem,) = problems(failed.attempts)
    assert said in problem
    assert (failed.reports, failed.alerts, failed.slack, failed.published, failed.billed) == ({}, [], [], [], 0)
    assert system.cost_explorer.get("/_farthing/status")["failed_requests"] == ATTEMPTS * requests
    assert [attempt.metric("RunSucceeded") for attempt in failed.attempts] == [0] * ATTEMPTS
    (letter,) = [json.loads(message["Body"]) for message in failed.failed]
    assert letter["responsePayload"]["errorMessage"] == problem
    assert [run["errors"] for run in failed.runs] == [[problem]] * ATTEMPTS

    system.no_faults()
    system.run()
    seen = system.look()
    assert (len(seen.reports), seen.deliveries()) == (14, [{"slack": "sent", "sns": "sent"}])
    assert (len(seen.slack), len(seen.published), seen.billed) == (1, 1, 1)


def test_the_same_event_twice_writes_and_sends_once(system):
    system.start()
    system.until_ended(1)
    first = system.look()
    system.start()
    system.until_ended(2)
    second = system.look()
    assert second.failed == []
    assert (len(second.slack), len(second.published), len(second.queued)) == (1, 1, 1)
    assert second.reports == first.reports
    assert second.alerts == first.alerts
    assert {second.versions[key] for key in second.below("cost_data/daily/")} == {1}
    assert [(len(run["days_written"]), run["days_unchanged"]) for run in second.runs] == [(14, 0), (0, 14)]


def test_an_event_that_is_delivered_twice_asks_cost_explorer_once(system):
    system.start({"source": "drill", "deliveries": 2})
    system.until_ended(2)
    seen = system.look()
    assert seen.failed == []
    assert len({attempt.request_id for attempt in seen.attempts}) == 1
    assert [run["billed_requests"] for run in seen.runs] == [1, 0]
    assert (seen.billed, len(seen.reports), len(seen.slack), len(seen.published)) == (1, 14, 1, 1)


def test_a_second_event_at_once_waits_for_the_first(system):
    """Reserved concurrency is 1: Lambda turns the second away and offers it again."""
    before = system.throttled()
    system.fault("latency:seconds=1,times=1")
    system.start()
    system.start()
    system.until_ended(2)
    assert system.throttled() > before
    seen = system.look()
    assert seen.failed == []
    assert (len(seen.slack), len(seen.published)) == (1, 1)
    assert [(len(run["days_written"]), run["days_unchanged"]) for run in seen.runs] == [(14, 0), (0, 14)]


def test_two_at_once_meet_in_the_bucket_and_still_write_each_day_and_send_each_alert_once(system):
    """Without the reserved concurrency, both hold Cost Explorer's answer before either has written."""
    client = system.client("lambda")
    client.delete_function_concurrency(FunctionName=system.function)
    try:
        system.fault("latency:seconds=4")
        system.start()
        system.start()
        system.until_ended(2)
        seen = system.look()
        assert met(seen.attempts)
        assert seen.billed == 2
        assert seen.failed == []
        written = [day for run in seen.runs for day in run["days_written"]]
        assert sorted(written) == list(seen.reports)
        assert {seen.versions[key] for key in seen.below("cost_data/daily/")} == {1}
        assert [report["revisions"] for report in seen.reports.values()] == [[]] * 14
        assert (len(seen.slack), len(seen.published), seen.deliveries()) == (1, 1, [{"slack": "sent", "sns": "sent"}])

        # The same where both find an object there that they must replace.
        system.fault("restatement:older-than=5,factor=2")
        system.start()
        system.start()
        system.until_ended(4)
        restated = system.look()
        assert met(restated.attempts[2:])
        assert restated.failed == []
        changed = {day: len(report["revisions"]) for day, report in restated.reports.items()}
        assert list(changed.values()) == [1] * 10 + [0] * 4
        twice = {key.removeprefix("cost_data/daily/")[:10]: number for key, number in restated.versions.items()
                 if key.startswith("cost_data/daily/")}  # fmt: skip
        assert list(twice.values()) == [2] * 10 + [1] * 4
    finally:
        client.put_function_concurrency(FunctionName=system.function, ReservedConcurrentExecutions=1)


def met(attempts: list[Attempt]) -> bool:
    """Whether all of them had been planned before any had its answer."""
    planned, fetched = (
        [line["timestamp"] for attempt in attempts for line in attempt.lines if line.get("message") == step]
        for step in ("planned", "fetched")
    )
    assert len(planned) == len(fetched) == len(attempts) == 2
    return bool(max(planned) < min(fetched))


def test_a_secret_that_is_to_be_deleted_is_said_and_restored_delivers(system):
    secrets, name = system.client("secretsmanager"), system.outputs["slack_secret_name"]
    secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    try:
        succeeded, error = system.call()
    finally:
        secrets.restore_secret(SecretId=name)
    assert not succeeded
    assert f"Secrets Manager (secret {name})" in error["errorMessage"]
    missing = system.look()
    assert (len(missing.reports), missing.slack) == (14, [])
    assert missing.deliveries() == [{"slack": "failed", "sns": "sent"}]
    system.run()
    restored = system.look()
    assert (len(restored.slack), len(restored.published)) == (1, 1)
    assert restored.deliveries() == [{"slack": "sent", "sns": "sent"}]


def test_what_the_role_may_not_do_is_said_and_the_other_channel_delivers(system):
    iam, role = system.client("iam"), system.outputs["function_role_arn"].rpartition("/")[2]
    deny = {"Effect": "Deny", "Action": list(sns_channel.IAM_ACTIONS), "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    iam.put_role_policy(RoleName=role, PolicyName="drill", PolicyDocument=policy)
    try:
        succeeded, error = system.call()
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="drill")
    assert not succeeded
    assert "allow sns:Publish" in error["errorMessage"]
    denied = system.look()
    assert denied.deliveries() == [{"slack": "sent", "sns": "failed"}]
    assert (len(denied.slack), denied.published, denied.queued) == (1, [], [])
    system.run()
    allowed = system.look()
    assert allowed.deliveries() == [{"slack": "sent", "sns": "sent"}]
    assert (len(allowed.slack), len(allowed.published), len(allowed.queued)) == (1, 1, 1)


def test_a_day_that_is_restated_past_the_threshold_alerts_once_and_keeps_its_earlier_state(system):
    before = system.true_totals(14)
    # Days that AWS may restate and whose alert is still news: the largest of them passes the threshold, when doubled.
    doubled = {day: 2 * before[day] for day in sorted(before)[-7:-2]}
    largest = max(doubled, key=lambda day: doubled[day])
    threshold = (doubled[largest] + max(amount for day, amount in doubled.items() if day != largest)) / 2
    assert max(before.values()) < threshold < doubled[largest]

    # The restatement itself is news, too; here it is the threshold that is looked at.
    with system.variables(COST_THRESHOLD=f"{threshold:f}", FARTHING_SIGNALS="thresholds"):
        system.run()
        quiet = system.look()
        assert (len(quiet.reports), quiet.alerts, quiet.slack, quiet.published) == (14, [], [], [])

        system.fault("restatement:older-than=3,factor=2")
        system.run()
        system.run()
        seen = system.look()
    assert [alert["day"] for alert in seen.alerts] == [largest]
    assert (len(seen.slack), len(seen.published), len(seen.queued)) == (1, 1, 1)
    assert Decimal(seen.alerts[0]["actual"]) == doubled[largest]
    report = seen.reports[largest]
    assert Decimal(report["totals"]["BilledCost"]) == doubled[largest]
    (revision,) = report["revisions"]
    assert Decimal(revision["totals"]["BilledCost"]) == before[largest]
    assert seen.versions[f"cost_data/daily/{largest}.json"] == 2


# ----- the end: nothing below may need what is deployed


def test_destroy_leaves_nothing_behind(deployed):
    deployed.begin()
    deployed.run()
    deployed.destroy()
    left = {
        "buckets": deployed.client("s3").list_buckets()["Buckets"],
        "secrets": deployed.client("secretsmanager").list_secrets()["SecretList"],
        "functions": deployed.client("lambda").list_functions()["Functions"],
        "queues": deployed.client("sqs").list_queues().get("QueueUrls", []),
        "topics": deployed.client("sns").list_topics()["Topics"],
        "subscriptions": [
            each for each in deployed.client("sns").list_subscriptions()["Subscriptions"] if each["Protocol"] != "http"
        ],
        "roles": deployed.client("iam").list_roles()["Roles"],
        "log groups": deployed.client("logs").describe_log_groups()["logGroups"],
        "alarms": deployed.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "dashboards": deployed.client("cloudwatch").list_dashboards()["DashboardEntries"],
        "schedules": deployed.client("scheduler").list_schedules()["Schedules"],
        "groups": [
            group for group in deployed.client("scheduler").list_schedule_groups()["ScheduleGroups"]
            if group["Name"] != "default"
        ],
    }  # fmt: skip
    assert {what: found for what, found in left.items() if found} == {}
    assert json.loads((deployed.terraform.folder / "terraform.tfstate").read_text())["resources"] == []
