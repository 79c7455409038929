"""The Lambda entry on a local AWS: a process of its own with the four settings alone.

S3 and Secrets Manager are MiniStack's, Cost Explorer is the simulator's, Slack is a receiver on loopback.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.fakes import Receiver, http_receiver
from tests.integration.conftest import CREDENTIALS, REGION
from tests.integration.servers import MACHINE, Server, simulator

pytestmark = [pytest.mark.integration, pytest.mark.loopback]

INVOKE = Path(__file__).with_name("invoke.py")
EVENT = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
SECRETS = ("plantedsecret", "planted-aws-key", "planted-token")
SECONDS_A_TEST_TAKES = 45
_secret_names = count(1)


@dataclass(frozen=True)
class Invocation:
    """What an invocation left: its exit, the lines of its log, all it printed, and its answer."""

    code: int
    lines: list[dict[str, Any]]
    printed: str
    answer: dict[str, Any] | None

    def messages(self, level: str) -> list[str]:
        return [line["message"] for line in self.lines if line.get("level") == level]

    @property
    def problem(self) -> str:
        """What the one line says that a failed invocation logs for people."""
        (problem,) = [line["problem"] for line in self.lines if "problem" in line]
        assert "\n" not in problem
        return str(problem)

    def metrics(self) -> dict[str, float | list[float]]:
        """Each metric with the dimension Environment alone; ServiceCost as the list of its values."""
        found: dict[str, Any] = {"ServiceCost": []}
        for line in self.lines:
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                assert directive["Namespace"] == "Farthing"
                assert line["Environment"] == "prod"
                for metric in directive["Metrics"]:
                    (value,) = (
                        line[metric["Name"]] if isinstance(line[metric["Name"]], list) else [line[metric["Name"]]]
                    )
                    if metric["Name"] == "ServiceCost":
                        assert sorted(directive["Dimensions"][0]) == ["Environment", "ServiceName"]
                        found["ServiceCost"].append(value)
                    else:
                        assert directive["Dimensions"] == [["Environment"]]
                        found[metric["Name"]] = value
        return found


class Deployment:
    """A bucket, a secret's name, a receiver for Slack and a Cost Explorer of this test's own; and all that was seen."""

    def __init__(self, aws: Server, ce: Server, clients: Any, slack: Receiver, bucket: str, folder: Path) -> None:
        self.slack = slack
        self.ce = ce
        self.bucket = bucket
        self.s3 = clients("s3", aws.url)
        self.secrets = clients("secretsmanager", aws.url)
        self._cost_explorer = clients("ce", ce.url)
        self._folder = folder
        self._numbers = count(1)
        self.seen: list[str] = []
        self.environment = {
            **MACHINE,
            "BUCKET_NAME": bucket,
            "COST_THRESHOLD": "10",
            "SLACK_SECRET_NAME": f"slack/webhook-{next(_secret_names)}",
            "ENVIRONMENT": "prod",
            # Which incidents the simulated bill has depends on the day: only the test of all of them has them.
            "FARTHING_SIGNALS": "thresholds",
            # What Lambda and the local AWS add.
            "AWS_LAMBDA_FUNCTION_NAME": "farthing",
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_S3": aws.url,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": aws.url,
            "AWS_ENDPOINT_URL_COST_EXPLORER": ce.url,
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            "AWS_SESSION_TOKEN": "planted-token",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(folder),
        }

    def keep_secret(self, *, as_json: bool = False) -> None:
        text = json.dumps({"url": self.slack.url}) if as_json else self.slack.url
        self.secrets.create_secret(Name=self.environment["SLACK_SECRET_NAME"], SecretString=text)

    def invoke(self, request_id: str, **environment: str) -> Invocation:
        answer = self._folder / f"answer-{next(self._numbers)}.json"
        run = subprocess.run(
            [sys.executable, str(INVOKE), request_id, str(answer)],
            input=json.dumps(EVENT), env={**self.environment, **environment}, cwd=self._folder,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        lines = [json.loads(line) for line in run.stdout.splitlines()]  # every line of the log is JSON
        answered = json.loads(answer.read_text()) if answer.exists() else None
        assert (answered is None) == (run.returncode != 0), run.stderr
        self.seen += [run.stdout, run.stderr, json.dumps(answered)]
        return Invocation(run.returncode, lines, run.stdout + run.stderr, answered)

    def objects(self, prefix: str = "") -> dict[str, Any]:
        """Key -> what is in it, parsed."""
        found = {}
        for key in self.etags(prefix):
            data = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            # The series are numbers behind a line of text; they are searched for secrets all the same.
            found[key] = json.loads(data) if key.endswith(".json") else data.decode(errors="replace")
        return found

    def etags(self, prefix: str = "") -> dict[str, tuple[str, datetime]]:
        """Key -> ETag and when it was written."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return {
            item["Key"]: (item["ETag"], item["LastModified"]) for page in pages for item in page.get("Contents", [])
        }

    def runs(self) -> list[dict[str, Any]]:
        return list(self.objects("cost_data/runs/").values())

    def alerts(self) -> list[dict[str, Any]]:
        """Those that are to be sent; the first run records older days as suppressed."""
        return [alert for alert in self.objects("cost_data/alerts/").values() if alert["state"] != "suppressed"]

    def billed(self) -> int:
        number: int = self.ce.get("/_farthing/status")["billed_requests"]
        return number

    def true_totals(self, start: str, end: str) -> dict[str, Decimal]:
        """Each day's net cost by a question of its own, without groups."""
        answer = self._cost_explorer.get_cost_and_usage(
            TimePeriod={"Start": start, "End": end}, Granularity="DAILY", Metrics=["NetUnblendedCost"]
        )
        return {
            result["TimePeriod"]["Start"]: Decimal(result["Total"]["NetUnblendedCost"]["Amount"])
            for result in answer["ResultsByTime"]
        }

    def everything(self) -> str:
        """All that anybody could read: logs, metrics, errors, answers, objects and messages."""
        return "\n".join([*self.seen, json.dumps(self.objects()), json.dumps(self.slack.bodies)])


@pytest.fixture
def deployment(aws, clients, bucket, tmp_path) -> Iterator[Deployment]:
    _wait_for_a_day_that_lasts()
    today = datetime.now(UTC).date().isoformat()
    with simulator(tmp_path, "--size", "small", "--today", today) as ce, http_receiver() as slack:
        made = Deployment(aws, ce, clients, slack, bucket, tmp_path)
        yield made
        # Whatever happened in a test, nobody was told a secret.
        everything = made.everything()
        assert not [secret for secret in SECRETS if secret in everything]


def _wait_for_a_day_that_lasts() -> None:
    """Cost Explorer and the handler must agree on what today is: the four settings cannot pin it."""
    now = datetime.now(UTC)
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
    if (left := (midnight - now).total_seconds()) < SECONDS_A_TEST_TAKES:
        time.sleep(left + 1)


@pytest.fixture(scope="session")
def report_schema() -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-m", "farthing", "schema", "daily-report"], env=MACHINE, capture_output=True, check=True
    )
    schema: dict[str, Any] = json.loads(run.stdout)
    return schema


@pytest.mark.parametrize("as_json", [False, True], ids=["plain URL", "JSON with a url"])
def test_a_daily_run_with_the_four_settings_alone(deployment, report_schema, as_json):
    deployment.keep_secret(as_json=as_json)
    del deployment.environment["FARTHING_SIGNALS"]
    done = deployment.invoke("request-1")
    assert done.code == 0, done.printed

    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    reports = deployment.objects("cost_data/daily/")
    for key, report in reports.items():
        jsonschema.validate(report, report_schema, format_checker=jsonschema.FormatChecker())
        assert key == f"cost_data/daily/{report['date']}.json"
    days = [date.fromisoformat(report["date"]) for report in reports.values()]
    assert len(days) >= 14
    assert days == [yesterday - timedelta(days=ago) for ago in reversed(range(len(days)))]
    assert {report["date"]: Decimal(report["totals"]["BilledCost"]) for report in reports.values()} == (
        deployment.true_totals(days[0].isoformat(), (yesterday + timedelta(days=1)).isoformat())
    )

    told = deployment.alerts()
    (alert,) = [one for one in told if one["kind"] == "threshold"]
    assert {one["kind"] for one in told} <= {"threshold", "anomaly"}
    assert {(one["state"], one["day"]) for one in told} == {("sent", yesterday.isoformat())}
    assert (alert["state"], alert["day"]) == ("sent", yesterday.isoformat())
    assert alert["deliveries"]["slack"]["attempts"] == 1
    assert Decimal(alert["actual"]) == Decimal(reports[f"cost_data/daily/{yesterday}.json"]["totals"]["BilledCost"])

    (run,) = deployment.runs()
    assert (run["stage"], run["errors"]) == ("finished", [])
    assert done.answer == {key: value for key, value in run.items() if key != "schema"}
    assert run["days_written"] == [day.isoformat() for day in days]
    assert run["billed_requests"] == 1

    for key in deployment.etags():
        head = deployment.s3.head_object(Bucket=deployment.bucket, Key=key)
        kind = "application/json" if key.endswith(".json") else "application/octet-stream"
        assert (head["ServerSideEncryption"], head["ContentType"]) == ("AES256", kind), key

    (message,) = [body for body in deployment.slack.bodies if "over its threshold" in body["text"]]
    assert len(deployment.slack.bodies) == len(told)
    assert f"{Decimal(alert['actual']):,.2f} USD" in json.dumps(message["blocks"])
    assert yesterday.strftime("%a %d %b %Y") in json.dumps(message["blocks"])

    logged = [line for line in done.lines if "_aws" not in line]
    assert [line["message"] for line in logged if line["message"] != "alert"] == [
        *("planned", "fetched", "stored", "judged", "delivered", "finished")
    ]
    assert {(line["level"], line["request_id"], line["environment"]) for line in logged} == {
        ("INFO", "request-1", "prod")
    }

    metrics = done.metrics()
    assert metrics.pop("DailyCost") == float(alert["actual"])
    assert metrics.pop("RunDuration") >= 0
    services = metrics.pop("ServiceCost")
    assert len(services) == 10
    assert services == sorted(services, reverse=True)
    assert metrics == {
        "RunSucceeded": 1, "BilledRequests": 1, "ThresholdBreaches": 1, "AlertsSent": len(told), "AlertsFailed": 0,
    }  # fmt: skip


def test_a_retry_of_an_invocation_asks_cost_explorer_nothing(deployment):
    deployment.keep_secret()
    deployment.invoke("request-1")
    assert deployment.billed() == 1
    before = deployment.etags("cost_data/daily/") | deployment.etags("cost_data/alerts/")
    again = deployment.invoke("request-1")
    assert (again.code, again.answer["billed_requests"], again.answer["alerts_sent"]) == (0, 0, 0)
    assert deployment.billed() == 1
    assert deployment.etags("cost_data/daily/") | deployment.etags("cost_data/alerts/") == before
    assert len(deployment.slack.bodies) == 1
    assert again.metrics()["BilledRequests"] == 0


def test_a_new_event_on_the_same_day_writes_no_report_and_sends_nothing(deployment):
    deployment.keep_secret()
    deployment.invoke("request-1")
    before = deployment.etags("cost_data/daily/") | deployment.etags("cost_data/alerts/")
    again = deployment.invoke("request-2")
    assert (again.code, deployment.billed()) == (0, 2)
    assert (again.answer["days_written"], again.answer["days_restated"]) == ([], [])
    assert again.answer["days_unchanged"] == len(deployment.etags("cost_data/daily/"))
    assert deployment.etags("cost_data/daily/") | deployment.etags("cost_data/alerts/") == before
    assert len(deployment.slack.bodies) == 1
    assert [run["stage"] for run in deployment.runs()] == ["finished", "finished"]


def test_two_events_at_once_write_each_day_and_send_each_alert_once(deployment):
    deployment.keep_secret()
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(deployment.invoke, ["request-1", "request-2"]))
    assert [done.code for done in both] == [0, 0], both[0].printed + both[1].printed
    written = [day for done in both for day in done.answer["days_written"]]
    assert len(written) == len(set(written)) == len(deployment.etags("cost_data/daily/"))
    assert [report["revisions"] for report in deployment.objects("cost_data/daily/").values()] == [[]] * len(written)
    assert len(deployment.slack.bodies) == 1
    assert [alert["state"] for alert in deployment.alerts()] == ["sent"]


def test_without_the_secret_the_data_is_kept_and_the_next_run_delivers_once(deployment):
    name = deployment.environment["SLACK_SECRET_NAME"]
    failed = deployment.invoke("request-1")
    assert failed.code != 0
    assert f"Secrets Manager (secret {name})" in failed.problem
    assert failed.metrics()["RunSucceeded"] == 0
    assert failed.metrics()["AlertsFailed"] == 1
    kept = deployment.etags("cost_data/daily/")
    assert len(kept) >= 14
    assert [alert["state"] for alert in deployment.alerts()] == ["failed"]
    (run,) = deployment.runs()
    assert run["errors"] == [failed.problem]

    deployment.keep_secret()
    retried = deployment.invoke("request-1")  # as Lambda does by itself
    assert (retried.code, deployment.billed()) == (0, 1)
    deployment.invoke("request-2")
    assert len(deployment.slack.bodies) == 1
    assert [alert["state"] for alert in deployment.alerts()] == ["sent"]
    assert deployment.etags("cost_data/daily/") == kept


@pytest.mark.parametrize("text", ["{not json", '{"webhook": "%s"}', "ftp://%s"], ids=["broken", "no url", "no https"])
def test_a_secret_that_is_no_webhook_is_said_without_its_text(deployment, text):
    named = deployment.environment["SLACK_SECRET_NAME"]
    deployment.secrets.create_secret(Name=named, SecretString=text.replace("%s", deployment.slack.url))
    failed = deployment.invoke("request-1")
    assert failed.code != 0
    assert f"the secret {named} (SLACK_SECRET_NAME)" in failed.problem
    assert len(deployment.etags("cost_data/daily/")) >= 14
    assert deployment.slack.bodies == []


def test_without_the_bucket_one_clear_line_says_so(deployment):
    deployment.keep_secret()
    failed = deployment.invoke("request-1", BUCKET_NAME="ledger-of-nobody")
    assert failed.code != 0
    assert failed.problem == "there is no bucket 'ledger-of-nobody': set BUCKET_NAME to the ledger's bucket"
    assert failed.metrics()["RunSucceeded"] == 0
    assert deployment.billed() == 0


def test_while_slack_is_down_the_data_is_kept_and_the_next_run_delivers_once(deployment):
    deployment.keep_secret()
    deployment.slack.answers = [(500, "internal error", {})] * 50
    failed = deployment.invoke("request-1")
    assert failed.code != 0
    assert "Slack is busy or failing (HTTP 500)" in failed.problem
    assert (failed.metrics()["RunSucceeded"], failed.metrics()["AlertsFailed"]) == (0, 1)
    kept = deployment.etags("cost_data/daily/")
    assert len(kept) >= 14
    assert [alert["state"] for alert in deployment.alerts()] == ["failed"]

    deployment.slack.answers = []
    deployment.slack.bodies.clear()
    recovered = deployment.invoke("request-2")
    assert (recovered.code, recovered.answer["alerts_sent"]) == (0, 1)
    assert deployment.invoke("request-3").code == 0
    assert len(deployment.slack.bodies) == 1
    assert [alert["state"] for alert in deployment.alerts()] == ["sent"]
    assert deployment.etags("cost_data/daily/") == kept


def test_the_search_for_secrets_reads_logs_metrics_objects_and_messages(deployment):
    assert "plantedsecret" in deployment.slack.url
    deployment.keep_secret()
    deployment.invoke("request-1")
    everything = deployment.everything()
    for sign in ('"message":"finished"', "RunSucceeded", "farthing.daily-report/1", "farthing.alert/1", "mrkdwn"):
        assert sign in everything
