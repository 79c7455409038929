"""The deployed system: the zip of `make package`, applied by the project's own Terraform to a local AWS.

Cost Explorer is `farthing simulate`, Slack and an HTTP subscriber of the cost alerts are receivers on loopback. What the
local AWS cannot show is listed in docs/integration.md.
"""

import json
import platform
import re
import shutil
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.fakes import Receiver
from tests.integration.conftest import CREDENTIALS, REGION, new_client, phases
from tests.integration.servers import MACHINE, Server, simulator
from tests.terraform.conftest import mirror

ROOT = Path(__file__).parents[2]
MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
"""What this machine is called -> Lambda's architecture."""

EVENT = {"source": "drill"}
SECRETS = ("plantedsecret", "planted-aws-key")
SECONDS_A_DRILL_TAKES = 180
PATIENCE_SECONDS = 120
TERRAFORM_SECONDS = 300


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Measures a part of the run."""
    started = time.monotonic()
    try:
        yield
    finally:
        phases.append((name, time.monotonic() - started))


def artifact() -> Path:
    """The zip for this machine, as `make package` built it, of the code as it is now."""
    architecture = MACHINES.get(platform.machine().lower())
    if architecture is None:
        pytest.fail(f"Lambda has no architecture for a {platform.machine()}", pytrace=False)
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        pytest.fail("the artifact runs on Python 3.11 to 3.13: make PYTHON=python3.12 integration", pytrace=False)
    path = ROOT / "dist" / f"farthing-lambda-{architecture}.zip"
    if not path.exists():
        pytest.fail(f"{path} is missing: `make integration` builds it", pytrace=False)
    with zipfile.ZipFile(path) as file:
        for name in file.namelist():
            if name.startswith("farthing/") and file.read(name) != (ROOT / "src" / name).read_bytes():
                pytest.fail(f"{path} is older than src/{name}: `make integration` builds it anew", pytrace=False)
    return path


class Terraform:
    """Terraform in a folder of its own, against a local AWS.

    Args:
        folder: empty.
        aws: the local AWS.
        variables: the root module's.
    """

    def __init__(self, folder: Path, aws: Server, variables: Mapping[str, str]) -> None:
        program = shutil.which("terraform")
        if program is None:
            pytest.fail(
                "terraform 1.11 or newer must be on PATH: https://developer.hashicorp.com/terraform/install",
                pytrace=False,
            )
        self._program = program
        self.folder = folder
        self.said: list[str] = []
        self._environment = {
            **MACHINE,
            "HOME": str(folder),
            "CHECKPOINT_DISABLE": "1",  # it would ask for a newer Terraform
            "TF_IN_AUTOMATION": "1",
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            "AWS_CA_BUNDLE": str(aws.certificate),
            "AWS_EC2_METADATA_DISABLED": "true",
            "TF_VAR_endpoint": aws.url,
        }
        self.set(**variables)
        shutil.copy(Path(__file__).with_name("deployed.tf"), folder / "main.tf")
        # The provider that is pinned, and the module where it stands, so that it finds dist/ as it does for a user.
        shutil.copy(ROOT / "terraform" / ".terraform.lock.hcl", folder)
        (folder / "farthing").symlink_to(ROOT, target_is_directory=True)
        plugins = mirror()
        self.run("init", "-lockfile=readonly", *([f"-plugin-dir={plugins}"] if plugins else []))

    def set(self, **variables: str) -> None:
        """Changes variables of the root module."""
        self._environment.update({f"TF_VAR_{name}": value for name, value in variables.items()})

    def run(self, command: str, *arguments: str, fine: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """Runs a command; an exit code that is not fine fails the test with what was said."""
        options = [] if command in ("show", "output") else ["-input=false"]
        done = subprocess.run(
            [self._program, command, "-no-color", *options, *arguments],
            env=self._environment, cwd=self.folder, capture_output=True, text=True, timeout=TERRAFORM_SECONDS,
        )  # fmt: skip
        self.said += [done.stdout, done.stderr]
        if done.returncode not in fine:
            last = "\n".join([*done.stdout.splitlines()[-20:], *done.stderr.splitlines()[-40:]])
            pytest.fail(f"terraform {command}:\n{last}", pytrace=False)
        return done

    def apply(self, **variables: str) -> dict[str, Any]:
        """Applies, and gives the module's outputs."""
        self.set(**variables)
        self.run("apply", "-auto-approve")
        outputs: dict[str, Any] = json.loads(self.run("output", "-json", "farthing").stdout)
        return outputs

    def plan(self) -> tuple[int, str, dict[str, Any]]:
        """Exit code (0: nothing to change, 2: changes), what was said, and the plan as JSON."""
        done = self.run("plan", "-detailed-exitcode", "-out=plan.bin", fine=(0, 2))
        shown: dict[str, Any] = json.loads(self.run("show", "-json", "plan.bin").stdout)
        return done.returncode, done.stdout, shown

    def kept(self) -> str:
        """All that Terraform said and keeps: output, state, plan."""
        files = [*self.folder.glob("*.tfstate*"), *self.folder.glob("plan.bin")]
        return "\n".join([*self.said, *(file.read_bytes().decode(errors="replace") for file in files)])


@dataclass(frozen=True)
class Attempt:
    """What one attempt of an invocation wrote to the log group: its JSON lines, and any other."""

    request_id: str
    lines: list[dict[str, Any]]
    others: list[str]

    @property
    def steps(self) -> list[str]:
        """The messages of the steps, without each alert's own."""
        return [line["message"] for line in self.lines if line.get("level") == "INFO" and line["message"] != "alert"]

    @property
    def problem(self) -> str:
        """What the one line says that a failed attempt logs for people."""
        (problem,) = [line["problem"] for line in self.lines if "problem" in line]
        assert "\n" not in problem
        return str(problem)

    def metrics(self) -> dict[tuple[str, ...], dict[str, list[float]]]:
        """EMF: names of the dimensions -> metric -> its values."""
        found: dict[tuple[str, ...], dict[str, list[float]]] = {}
        for line in self.lines:
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                assert directive["Namespace"] == "Farthing"
                assert line["Environment"] == "prod"
                (dimensions,) = directive["Dimensions"]
                metrics = found.setdefault(tuple(sorted(dimensions)), {})
                for metric in directive["Metrics"]:
                    values = line[metric["Name"]]
                    metrics.setdefault(metric["Name"], []).extend(values if isinstance(values, list) else [values])
        return found

    def metric(self, name: str) -> float:
        """The value of a metric of the environment."""
        (value,) = self.metrics()["Environment",][name]
        return value


@dataclass(frozen=True)
class Seen:
    """What is where, since the drill began.

    ``objects``: key -> content (None where it is no JSON); ``heads``: what S3 says of each; ``versions``: how many there
    are of each key. ``published``: SNS's notifications over HTTP; ``queued``: messages of the queue that is subscribed to
    the cost alerts; ``failed``: what the queue of failed runs holds; ``undelivered``: the schedule's.
    """

    objects: dict[str, Any]
    heads: dict[str, dict[str, Any]]
    versions: dict[str, int]
    attempts: list[Attempt]
    slack: list[dict[str, Any]]
    published: list[dict[str, Any]]
    queued: list[dict[str, Any]]
    failed: list[dict[str, Any]]
    undelivered: list[dict[str, Any]]
    billed: int

    def below(self, prefix: str) -> dict[str, Any]:
        """The objects whose keys begin so."""
        return {key: content for key, content in self.objects.items() if key.startswith(prefix)}

    @property
    def reports(self) -> dict[str, Any]:
        """Day -> its report."""
        return {report["date"]: report for report in self.below("cost_data/daily/").values()}

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """Those that are to be sent, with the oldest day first; the first run records older days as suppressed."""
        alerts = [alert for alert in self.below("cost_data/alerts/").values() if alert["state"] != "suppressed"]
        return sorted(alerts, key=lambda alert: str(alert["day"]))

    @property
    def runs(self) -> list[dict[str, Any]]:
        """The run records, the earliest first."""
        return list(self.below("cost_data/runs/").values())

    def deliveries(self) -> list[dict[str, str]]:
        """Of each alert: channel -> state."""
        return [{name: each["state"] for name, each in alert["deliveries"].items()} for alert in self.alerts]


class System:
    """What is deployed, the servers around it, and the hands that start and read it.

    Args:
        aws: the local AWS.
        slack: receives what is sent to the webhook.
        subscriber: receives what SNS sends to an HTTP endpoint.
        folder: for files of Terraform and the simulators.
    """

    def __init__(self, aws: Server, slack: Receiver, subscriber: Receiver, folder: Path) -> None:
        self.aws = aws
        self.slack = slack
        self.subscriber = subscriber
        self.terraform: Terraform
        self.evidence: dict[str, Seen] = {}
        """What was seen while it was being deployed, by name."""
        self.plan: tuple[int, str, dict[str, Any]] = (1, "", {})
        self.outputs: dict[str, Any] = {}
        self.destroyed = False
        self._folder = folder
        self._clients: dict[str, Any] = {}
        self._ce = ExitStack()
        self._server: Server | None = None
        self._streams: set[str] = set()
        self._received: dict[str, list[dict[str, Any]]] = {"alerts": [], "failed": [], "undelivered": []}

    def open(self) -> None:
        """Starts the simulated Cost Explorer and initialises Terraform; :meth:`close` ends what was started."""
        self.restart_cost_explorer()
        folder = self._folder / "terraform"
        folder.mkdir()
        variables = {
            "cost_explorer": self.cost_explorer.url,
            "architecture": MACHINES[platform.machine().lower()],
            # What the local AWS runs functions by, whatever their runtime says.
            "runtime": f"python3.{sys.version_info.minor}",
            "schedule_enabled": "false",
            "invoke_after_deploy": "false",
            "slack_webhook_version": "0",
        }
        self.terraform = Terraform(folder, self.aws, variables)

    def deploy(self, **variables: str) -> None:
        """Applies the configuration, with other values of its variables from now on."""
        self.outputs = self.terraform.apply(**variables)

    def destroy(self) -> None:
        """Destroys what is deployed, once."""
        if not self.destroyed:
            with phase("terraform destroy"):
                self.terraform.run("destroy", "-auto-approve")
        self.destroyed = True

    def close(self) -> None:
        """Ends what it started itself."""
        self._ce.close()
        for client in self._clients.values():
            client.close()

    # ----- Cost Explorer

    @property
    def cost_explorer(self) -> Server:
        """The simulated one; its URL stays the same for the whole session."""
        assert self._server is not None
        return self._server

    def restart_cost_explorer(self) -> None:
        """One without faults, that has billed nothing, and whose today is today."""
        port = self._server.url.rpartition(":")[2] if self._server else "0"
        self._ce.close()
        today = datetime.now(UTC).date().isoformat()
        options = ("--size", "small", "--today", today, "--port", port)
        self._server = self._ce.enter_context(simulator(self._folder, *options))

    def fault(self, *faults: str) -> None:
        """Sets faults (docs/simulator.md) from now on."""
        self._faults("POST", json.dumps({"faults": faults}).encode())

    def no_faults(self) -> None:
        """Takes all of them away."""
        self._faults("DELETE", None)

    def _faults(self, method: str, body: bytes | None) -> None:
        request = urllib.request.Request(self.cost_explorer.url + "/_farthing/faults", data=body, method=method)
        with urllib.request.urlopen(request, timeout=5):
            pass

    def true_totals(self, days: int) -> dict[str, Decimal]:
        """The net cost of each of the last days, by a question of its own, without groups."""
        today = datetime.now(UTC).date()
        ce = new_client("ce", self.cost_explorer.url)
        period = {"Start": (today - timedelta(days=days)).isoformat(), "End": today.isoformat()}
        answer = ce.get_cost_and_usage(TimePeriod=period, Granularity="DAILY", Metrics=["NetUnblendedCost"])
        ce.close()
        return {
            result["TimePeriod"]["Start"]: Decimal(result["Total"]["NetUnblendedCost"]["Amount"])
            for result in answer["ResultsByTime"]
        }

    # ----- AWS

    def client(self, service: str) -> Any:
        """boto3's client, as the account's root."""
        if service not in self._clients:
            self._clients[service] = self.client_of(service, CREDENTIALS)
        return self._clients[service]

    def client_of(self, service: str, credentials: Mapping[str, str]) -> Any:
        """boto3's client for somebody."""
        make: Any = boto3.client
        return make(
            service, endpoint_url=self.aws.url, region_name=REGION, verify=str(self.aws.certificate),
            config=Config(retries={"total_max_attempts": 1}, proxies={}), **credentials,
        )  # fmt: skip

    @property
    def function(self) -> str:
        """The function's name."""
        return str(self.outputs["function_name"])

    def begin(self) -> None:
        """An empty ledger, empty queues, nothing received, a Cost Explorer without faults."""
        wait_for_a_day_that_lasts()
        self._empty_the_bucket()
        self._drain()
        for received in self._received.values():
            received.clear()
        for receiver in (self.slack, self.subscriber):
            receiver.answers.clear()
            receiver.bodies.clear()
        self._streams.update(self._all_streams())
        self.restart_cost_explorer()

    def start(self, event: Mapping[str, Any] = EVENT) -> None:
        """Invokes the function as EventBridge does: asynchronously."""
        self.client("lambda").invoke(
            FunctionName=self.function, InvocationType="Event", Payload=json.dumps(event).encode()
        )

    def call(self) -> tuple[bool, Any]:
        """Invokes it and waits: whether it succeeded, and its answer or its error."""
        done = self.client("lambda").invoke(FunctionName=self.function, Payload=json.dumps(EVENT).encode())
        return "FunctionError" not in done, json.loads(done["Payload"].read())

    def run(self) -> Any:
        """Invokes it and waits; it must succeed."""
        succeeded, answer = self.call()
        assert succeeded, answer
        return answer

    def throttled(self) -> float:
        """How often Lambda has turned an event away, by CloudWatch."""
        now = datetime.now(UTC)
        answer = self.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda", MetricName="Throttles", Statistics=["Sum"], Period=3600,
            Dimensions=[{"Name": "FunctionName", "Value": self.function}],
            StartTime=now - timedelta(hours=2), EndTime=now + timedelta(hours=1),
        )  # fmt: skip
        return float(sum(point["Sum"] for point in answer["Datapoints"]))

    def until(self, true: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Waits."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds:.0f} s: {what}", pytrace=False)
            time.sleep(0.1)

    def until_ended(self, attempts: int) -> None:
        """Waits until so many attempts have ended since the drill began."""
        self.until(lambda: len(self.attempts()) >= attempts, f"{attempts} attempts of the function")

    def until_given_up(self) -> None:
        """Waits until the queue of failed runs holds something."""

        def given_up() -> bool:
            self._drain()
            return bool(self._received["failed"])

        self.until(given_up, "a failed run in the queue")

    def look(self) -> Seen:
        """All that can be read, wherever it is."""
        self._drain()
        objects, heads = {}, {}
        s3, bucket = self.client("s3"), self.outputs["bucket"]
        for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            answer = s3.get_object(Bucket=bucket, Key=item["Key"])
            data = answer.pop("Body").read()
            objects[item["Key"]] = json.loads(data) if item["Key"].endswith(".json") else None
            heads[item["Key"]] = answer
        versions: dict[str, int] = {}
        for version in s3.list_object_versions(Bucket=bucket).get("Versions", []):
            versions[version["Key"]] = versions.get(version["Key"], 0) + 1
        return Seen(
            objects,
            heads,
            versions,
            self.attempts(),
            list(self.slack.bodies),
            [body for body in self.subscriber.bodies if body["Type"] == "Notification"],
            list(self._received["alerts"]),
            list(self._received["failed"]),
            list(self._received["undelivered"]),
            self.cost_explorer.get("/_farthing/status")["billed_requests"],
        )

    def attempts(self) -> list[Attempt]:
        """What the log group holds since the drill began, by attempt, the earliest first."""
        logs, group = self.client("logs"), self.outputs["log_group"]
        found = []
        for stream in self._all_streams() - self._streams:
            events = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
            request_id, lines = "", list[str]()
            for event in events:
                if begun := re.match(r"START RequestId: (\S+) ", event["message"]):
                    request_id, lines = begun[1], []
                elif event["message"].startswith("REPORT RequestId: "):
                    found.append((event["timestamp"], _attempt(request_id, lines)))
                else:
                    lines.append(event["message"])
        return [attempt for _, attempt in sorted(found, key=lambda each: each[0])]

    def subscribe(self) -> None:
        """Subscribes the HTTP receiver to the cost alerts and confirms it."""
        sns, topic = self.client("sns"), self.outputs["topic_arns"]["cost_alerts"]
        endpoint = self.subscriber.url.partition("/services/")[0] + "/sns"
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint)
        self.until(lambda: bool(self.subscriber.bodies), "SNS asks the receiver to confirm its subscription")
        (asked,) = self.subscriber.bodies
        assert asked["Type"] == "SubscriptionConfirmation"
        sns.confirm_subscription(TopicArn=topic, Token=asked["Token"])

    @contextmanager
    def variables(self, **changes: str) -> Iterator[None]:
        """The function with other environment variables, for a while."""
        client = self.client("lambda")
        before = client.get_function_configuration(FunctionName=self.function)["Environment"]["Variables"]
        client.update_function_configuration(
            FunctionName=self.function, Environment={"Variables": {**before, **changes}}
        )
        try:
            yield
        finally:
            client.update_function_configuration(FunctionName=self.function, Environment={"Variables": before})

    def _empty_the_bucket(self) -> None:
        s3, bucket = self.client("s3"), self.outputs["bucket"]
        listed = s3.list_object_versions(Bucket=bucket)
        everything = [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]
        if everything:
            keys = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in everything]
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})

    def _drain(self) -> None:
        sqs = self.client("sqs")
        urls = {
            "alerts": self.outputs["failed_runs_queue_url"].rpartition("/")[0] + "/alerts",
            "failed": self.outputs["failed_runs_queue_url"],
            "undelivered": self.outputs["undelivered_queue_url"],
        }
        for name, url in urls.items():
            while messages := sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            ).get("Messages"):
                for message in messages:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                self._received[name] += messages

    def _all_streams(self) -> set[str]:
        streams = self.client("logs").describe_log_streams(logGroupName=self.outputs["log_group"])["logStreams"]
        return {stream["logStreamName"] for stream in streams}


def _attempt(request_id: str, messages: list[str]) -> Attempt:
    texts = [message for message in messages if message.startswith("{")]
    others = [message for message in messages if not message.startswith(("{", "END RequestId: "))]
    return Attempt(request_id, [json.loads(text) for text in texts], others)


def wait_for_a_day_that_lasts() -> None:
    """Cost Explorer and the function must agree on what today is."""
    now = datetime.now(UTC)
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
    if (left := (midnight - now).total_seconds()) < SECONDS_A_DRILL_TAKES:
        time.sleep(left + 1)


def secrets_in(text: str) -> list[str]:
    """The planted secrets that stand in a text."""
    return [secret for secret in SECRETS if secret in text]


def webhook(slack: Receiver) -> str:
    """The secret's value: JSON, because the variable takes a plain URL only where it begins with https://."""
    return json.dumps({"url": slack.url})
