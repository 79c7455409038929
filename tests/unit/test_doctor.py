"""The doctor: each check's findings, each failing branch's sentence, and that nothing is changed, sent or shown."""

import json
import os
import threading
import time
import weakref
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from types import SimpleNamespace

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ProfileNotFound
from filelock import FileLock
from moto import mock_aws
from tests.fakes import DEV, EC2, NOW, PROD, S3, TODAY, MemoryStore, ago, report

from farthing import cli, doctor
from farthing.alerts.outbox import encode_alert
from farthing.alerts.outbox import key_of as alert_key
from farthing.app import App, webhook_in
from farthing.cli.doctor import _plans, surroundings
from farthing.doctor import Found, Software, Surroundings, examine, exit_code, settings_as_far_as_right
from farthing.errors import CredentialsError, LedgerError
from farthing.ledger.folder import FolderStore
from farthing.ledger.proofs import Reconciled, keep
from farthing.ledger.reports import Reports, encode_report, key_of, lens_prefix
from farthing.ledger.runs import Runs
from farthing.model import Alert, DailyReport, Delivery, Period, RunRecord, Scope, Source
from farthing.settings import Secret, Settings
from farthing.signals.thresholds import ThresholdRule

ROLE = "arn:aws:iam::111122223333:role/reads-bills"
IDENTITY = "arn:aws:sts::111122223333:assumed-role/farthing/me"
WEBHOOK = "https://hooks.slack.com/services/T000/B000/plantedsecret"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:cost-alerts"
SOURCE = Source("cost-explorer", ("ServiceName", "SubAccountId"))


def refused(code, message="no", date=None):
    headers = {"date": format_datetime(date, usegmt=True)} if date else {}
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPHeaders": headers}}
    return ClientError(answer, "Operation")


INVALID = refused("ValidationException", "Start date (and hour) should be before end date (and hour)")
DENIED = refused("AccessDeniedException", "User: me is not authorized to perform: ce:GetCostAndUsage")


class Clients:
    """boto3 clients that answer from a dict: 'service.call' -> an answer, or an error that is raised."""

    def __init__(self, **answers):
        self.answers = {
            "sts.get_caller_identity": {
                "Account": "111122223333",
                "Arn": IDENTITY,
                "ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(NOW, usegmt=True)}},
            },
            "sts.assume_role": {
                "Credentials": {"AccessKeyId": "given", "SecretAccessKey": "plantedsecretkey", "SessionToken": "t"}
            },
            "ce.get_cost_and_usage": INVALID,
            "s3.head_bucket": {"BucketRegion": "eu-west-1"},
            "s3.list_objects_v2": {},
            "s3.get_public_access_block": {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}},
            "s3.get_bucket_versioning": {"Status": "Enabled"},
            "s3.get_bucket_encryption": {"ServerSideEncryptionConfiguration": {"Rules": [{}]}},
            "secretsmanager.get_secret_value": {"SecretString": WEBHOOK},
            **{name.replace("__", "."): answer for name, answer in answers.items()},
        }
        self.calls = []

    def __call__(self, service, **credentials):
        def call_of(name):
            def call(**request):
                self.calls.append((f"{service}.{name}", request, credentials))
                answer = self.answers[f"{service}.{name}"]
                if isinstance(answer, Exception):
                    raise answer
                return answer

            return call

        names = [key.partition(".")[2] for key in self.answers if key.startswith(f"{service}.")]
        return SimpleNamespace(**{name: call_of(name) for name in names})

    def requests(self, name):
        return [request for called, request, _ in self.calls if called == name]


@pytest.fixture
def place(tmp_path):
    def build(*, clients=None, store=None, environment=None, **changes):
        settings = changes.pop("settings", {})
        reached = changes.pop("reached", [])
        opens = changes.pop("opens", lambda: store or FolderStore(tmp_path / "ledger"))
        made = Settings(home=tmp_path / "ledger", **settings)
        fields = {
            "environment": environment or {},
            "settings": made,
            "problems": (),
            "hints": (),
            "configuration": "",
            "store": opens,
            "client": clients or Clients(),
            "has_credentials": lambda: True,
            "region": "us-east-1",
            "partition": "aws",
            "clock": lambda: NOW,
            "machine_clock": lambda: NOW,
            "connect": lambda *target: reached.append(target),
            "free_bytes": lambda folder: 5_000_000_000,
            "software": Software("3.12.1", "1.40.0", conditional_writes=True),
            "webhook_in": webhook_in,
            "workplace": lambda store: App(made, store, lambda text: None).workplace(),
            "plans": _plans,
        }
        return Surroundings(**{**fields, **changes})

    return build


def of(place, check):
    return [one for one in examine(place) if one.check == check]


def only(place, check):
    (found,) = of(place, check)
    return found


def is_failed(found, *words, mend=""):
    assert found.state == "failed", found
    for word in words:
        assert word in found.says
    assert mend in found.mend
    return True


# What reconciling found


@pytest.mark.parametrize(
    ("equal", "mend", "state", "told"),
    [
        (True, "", "ok", ""),
        (False, "farthing collect", "warning", "run `farthing collect`, then run `farthing reconcile` again"),
        (False, "", "warning", "run `farthing reconcile` again: it names each day"),
    ],
)
def test_the_last_reconciling_is_told_and_not_repeated(place, tmp_path, equal, mend, state, told):
    store = FolderStore(tmp_path / "ledger")
    days = Period(ago(3), ago(1))
    keep(
        store,
        Reconciled(against="cost-explorer", at=NOW, period=days, equal=equal, verdict="as it ended", mend=mend),
    )
    (found,) = [one for one in examine(place(store=store)) if one.check == "reconcile"]
    assert (found.state, found.mend) == (state, told)
    assert found.says == f"{NOW:%Y-%m-%d %H:%M} UTC, {days} against Cost Explorer: as it ended"


# The whole


def test_a_healthy_set_up_has_no_failure_and_leaks_nothing(place, tmp_path):
    store = FolderStore(tmp_path / "ledger")
    for days in range(1, 4):
        Reports(store).write(report(ago(days), {(EC2, PROD): "5"}))
    finished_run(store)
    settings = {"cost_threshold": Decimal(100), "slack_secret_name": "hook", "ce_role_arn": ROLE}
    found = list(examine(place(store=store, settings=settings)))
    assert [one for one in found if one.state not in ("ok", "not needed")] == []
    assert exit_code(found) == 0
    assert [one.check for one in found] == [
        "settings", "software", "ledger", "credentials", "clock", "partition", "role", "billing view",
        "cost explorer", "slack", "sns", "days", "lenses", "runs", "reconcile", "alerts", "thresholds", "price",
    ]  # fmt: skip
    assert "plantedsecret" not in repr(found)


def test_a_check_that_breaks_hides_no_other(place):
    def broken(host, port, seconds):
        raise RuntimeError("a defect")

    found = list(examine(place(settings={"slack_webhook_url": Secret(WEBHOOK)}, connect=broken)))
    (slack,) = [one for one in found if one.check == "slack"]
    is_failed(slack, "this check broke (RuntimeError: a defect)")
    assert [one.check for one in found][-1] == "price"


def test_a_check_that_never_comes_back_is_given_up(place, monkeypatch):
    monkeypatch.setattr(doctor, "PATIENCE_SECONDS", 0.2)
    for_ever = threading.Event()
    began = time.monotonic()
    hung = place(settings={"slack_webhook_url": Secret(WEBHOOK)}, connect=lambda *_: for_ever.wait(30))
    found = list(examine(hung))
    for_ever.set()
    assert time.monotonic() - began < 15
    is_failed(next(one for one in found if one.check == "slack"), "no answer within 0 s", mend="name resolution")
    assert found[-1].check == "price"


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([Found("a", "ok", ""), Found("b", "warning", "")], 0),
        ([Found("a", "failed", "")], 1),
        ([Found("settings", "failed", ""), Found("b", "failed", "")], 2),
    ],
)
def test_the_exit_code_tells_wrong_settings_from_failures(found, code):
    assert exit_code(found) == code


# Settings and software


def test_every_wrong_setting_is_named_and_the_others_are_used():
    environment = {"COST_THRESHOLD": "lots", "ENVIRONMENT": "qa", "FARTHING_SOURCE": "simulated"}
    settings, problems = settings_as_far_as_right(environment, None, "farthing.toml")
    assert settings.source == "simulated"
    assert settings.cost_threshold is None
    assert len(problems) == 2


def test_a_wrong_configuration_file_is_left_out_whole_and_the_environment_is_used():
    settings, problems = settings_as_far_as_right({"COST_THRESHOLD": "7"}, "environmnt = 'dev'", "my.toml")
    assert settings.cost_threshold == 7
    assert problems == ("my.toml has an unknown key 'environmnt' (did you mean environment?)",)
    settings, _ = settings_as_far_as_right({"COST_THRESHOLD": "x"}, "window_days = 20", "my.toml")
    assert settings.window_days == 20


def test_settings_problems_fail_and_hints_warn(place):
    found = of(place(problems=("A is wrong", "B is wrong"), hints=("C is no setting",)), "settings")
    assert [(one.state, one.says) for one in found] == [
        ("failed", "A is wrong"),
        ("failed", "B is wrong"),
        ("warning", "C is no setting"),
    ]
    assert "dev, source cost-explorer; no farthing.toml" in only(place(), "settings").says


def test_wrong_budgets_and_credits_fail_and_credits_without_their_lens_warn(place):
    wrong = {"budgets": ({"name": "a"},), "credits": ({"name": "b", "balance": 1},)}
    found = of(place(settings=wrong), "settings")
    assert [one.state for one in found] == ["failed", "failed"]
    assert "needs amount" in found[0].says
    assert "as_of of credits 1" in found[1].says
    right = {"credits": ({"name": "b", "balance": 1, "as_of": ago(9)},)}
    found = only(place(settings=right), "settings")
    assert (found.state, "FARTHING_LENSES=record-type" in found.says) == ("warning", True)
    assert only(place(settings={**right, "lenses": ("record-type",)}), "settings").state == "ok"


@pytest.mark.parametrize(("bucket", "state"), [("b", "failed"), (None, "warning")])
def test_an_old_sdk_matters_to_a_bucket(place, bucket, state):
    old = Software("3.11.0", "1.34.0", conditional_writes=False)
    found = only(place(software=old, settings={"bucket_name": bucket}, store=MemoryStore()), "software")
    assert found.state == state
    assert "knows no If-Match" in found.says
    assert found.mend == "upgrade boto3 to 1.35.77 or newer"


# The ledger's home: a folder


def test_a_folder_that_is_not_there_yet_is_fine_and_stays_away(place, tmp_path):
    found = only(place(), "ledger")
    assert found.state == "ok"
    assert "is not there yet: the first run makes it; 5.0 GB free" in found.says
    assert not (tmp_path / "ledger").exists()


def test_a_file_in_the_folders_place_fails(place, tmp_path):
    (tmp_path / "ledger").write_text("")
    is_failed(only(place(), "ledger"), "is a file, not a folder", mend="set FARTHING_HOME to a folder")


def test_a_folder_without_permission_fails(place, tmp_path, monkeypatch):
    (tmp_path / "ledger").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may everything
    is_failed(only(place(), "ledger"), "no permission to read and write", mend="give this user access")


def test_little_room_warns(place):
    first, second = of(place(free_bytes=lambda folder: 5_000_000), "ledger")
    assert (first.state, second.state) == ("warning", "ok")
    assert "only 5 MB free" in first.says


def test_a_held_lock_warns_and_a_free_one_is_left_as_it_was(place, tmp_path):
    folder = tmp_path / "ledger"
    folder.mkdir()
    assert only(place(), "ledger").state == "ok"
    assert list(folder.iterdir()) == []
    with FileLock(folder / ".lock"):
        found = only(place(), "ledger")
    assert found.state == "warning"
    assert "is locked: another farthing is writing" in found.says
    assert only(place(), "ledger").state == "ok"


def test_what_a_dead_run_left_is_named_and_left(place, tmp_path):
    folder = tmp_path / "ledger"
    folder.mkdir()
    (folder / ".writing").write_text("half")
    found = only(place(), "ledger")
    assert found.state == "warning"
    assert "left from a run that died while it wrote: nothing is lost" in found.says
    assert (folder / ".writing").read_text() == "half"


# The ledger's home: a bucket


def bucket(place, **answers):
    clients = Clients(**answers)
    return of(place(clients=clients, settings={"bucket_name": "bills"}, store=MemoryStore()), "ledger")


def test_a_bucket_that_can_be_listed_is_ok(place):
    (found,) = bucket(place)
    assert (found.state, found.says) == ("ok", "s3://bills/ in eu-west-1: can be listed (writing is not tried)")


@pytest.mark.parametrize(
    ("answers", "says", "mend"),
    [
        ({"s3__head_bucket": refused("404")}, "there is no bucket 'bills'", "set BUCKET_NAME"),
        ({"s3__head_bucket": refused("403")}, "refuses this identity the bucket 'bills'", "allow s3:ListBucket"),
        ({"s3__head_bucket": refused("ExpiredToken")}, "session has expired", ""),
        ({"s3__head_bucket": EndpointConnectionError(endpoint_url="https://s3")}, "cannot be reached", ""),
        ({"s3__list_objects_v2": refused("AccessDenied")}, "allow s3:ListBucket", ""),
    ],
)
def test_a_bucket_that_cannot_be_used_fails(place, answers, says, mend):
    (found,) = bucket(place, **answers)
    is_failed(found, says, mend=mend)


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"s3__get_bucket_versioning": {}}, "keeps no versions"),
        ({"s3__get_public_access_block": refused("NoSuchPublicAccessBlockConfiguration")}, "does not block public"),
        (
            {"s3__get_public_access_block": {"PublicAccessBlockConfiguration": {"BlockPublicAcls": False}}},
            "does not block public",
        ),
        ({"s3__get_bucket_encryption": refused("ServerSideEncryptionConfigurationNotFoundError")}, "no default encryp"),
    ],
)
def test_a_bucket_that_could_be_safer_warns(place, answers, says):
    first, second = bucket(place, **answers)
    assert first.state == "ok"
    assert second.state == "warning"
    assert says in second.says
    assert second.mend


def test_what_an_identity_may_not_look_at_is_no_finding(place):
    no = refused("AccessDenied")
    hints = {"s3__get_bucket_versioning": no, "s3__get_public_access_block": no, "s3__get_bucket_encryption": no}
    assert [one.state for one in bucket(place, **hints)] == ["ok"]


def test_a_real_bucket_answers(place, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="bills")
        found = list(examine(surroundings({"BUCKET_NAME": "bills", "FARTHING_SOURCE": "simulated"})))
    ledger = [one for one in found if one.check == "ledger"]
    assert [one.state for one in ledger[:1]] == ["ok"]
    assert any("keeps no versions" in one.says for one in ledger)
    assert next(one for one in found if one.check == "credentials").state == "ok"
    assert next(one for one in found if one.check == "days").says == "the ledger is empty"


# Credentials and the clock


def test_who_asks_is_told(place):
    found = only(place(), "credentials")
    assert (found.state, found.says) == ("ok", f"account 111122223333, {IDENTITY}")


def test_a_simulated_ledger_in_a_folder_needs_no_aws(place):
    clients = Clients()
    found = list(examine(place(clients=clients, settings={"source": "simulated"}, has_credentials=lambda: False)))
    for check in ("credentials", "partition", "role", "cost explorer"):
        assert [one.state for one in found if one.check == check] == ["not needed"], check
    assert clients.calls == []


def test_without_credentials_nothing_of_aws_is_tried(place):
    clients = Clients()
    settings = {
        "bucket_name": "bills",
        "slack_secret_name": "hook",
        "ce_role_arn": ROLE,
        "sns_topic_arn": TOPIC,
    }
    found = list(examine(place(clients=clients, settings=settings, has_credentials=lambda: False, store=MemoryStore())))
    is_failed(
        next(one for one in found if one.check == "credentials"), "no AWS credentials were found", mend="AWS_PROFILE"
    )
    unchecked = {one.check for one in found if one.state == "not checked"}
    assert {"ledger", "role", "cost explorer", "slack", "sns", "days", "runs", "alerts", "price"} <= unchecked
    assert clients.calls == []


def test_a_profile_that_does_not_exist_fails_once(place):
    def none():
        raise CredentialsError("no usable AWS credentials: profile x") from ProfileNotFound(profile="x")

    found = list(examine(place(has_credentials=none)))
    assert [one.check for one in found if one.state == "failed"] == ["credentials"]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (refused("ExpiredToken", date=NOW), "the AWS session has expired"),
        (refused("InvalidClientTokenId", date=NOW), "AWS does not know these credentials"),
        (NoCredentialsError(), "no usable AWS credentials"),
        (EndpointConnectionError(endpoint_url="https://sts"), "STS cannot be reached"),
    ],
)
def test_credentials_that_aws_refuses_fail(place, error, says):
    found = of(place(clients=Clients(sts__get_caller_identity=error)), "credentials")
    is_failed(found[0], says)


@pytest.mark.parametrize(
    ("minutes", "state", "says"),
    [
        (6, "failed", "this machine's clock is 6 minutes ahead of AWS's"),
        (-61, "failed", "61 minutes behind AWS's"),
        (4, "ok", "within 4 minutes"),
        (0, "ok", "within 0 seconds"),
    ],
)
def test_the_clock_is_compared_with_aws(place, minutes, state, says):
    found = only(place(machine_clock=lambda: NOW + timedelta(minutes=minutes)), "clock")
    assert found.state == state
    assert says in found.says
    assert bool(found.mend) is (state == "failed")


def test_a_wrong_clock_is_not_taken_for_wrong_credentials(place):
    clients = Clients(sts__get_caller_identity=refused("SignatureDoesNotMatch", date=NOW - timedelta(hours=2)))
    found = list(examine(place(clients=clients)))
    states = {one.check: one.state for one in found}
    assert states["credentials"] == "not checked"
    assert states["clock"] == "failed"


def test_an_answer_without_a_date_says_nothing_of_the_clock(place):
    clients = Clients(sts__get_caller_identity={"Account": "1", "Arn": IDENTITY})
    assert of(place(clients=clients), "clock") == []


def test_at_another_endpoint_credentials_only_have_to_be_there(place):
    clients = Clients()
    local = {"AWS_ENDPOINT_URL_COST_EXPLORER": "http://127.0.0.1:9"}
    assert only(place(clients=clients, environment=local), "credentials").state == "ok"
    assert clients.requests("sts.get_caller_identity") == []
    assert (
        only(place(clients=clients, environment=local), "partition").says
        == "Cost Explorer is asked at 127.0.0.1, not at AWS"
    )


# The partition


def identity(partition):
    return Clients(sts__get_caller_identity={"Account": "1", "Arn": IDENTITY.replace("arn:aws:", f"arn:{partition}:")})


@pytest.mark.parametrize("known_by", ["identity", "region"])
@pytest.mark.parametrize(
    ("partition", "says"), [("aws-us-gov", "GovCloud"), ("aws-iso-b", "isolated partition aws-iso-b")]
)
def test_a_partition_without_cost_explorer_is_refused_with_the_way_round(place, partition, says, known_by):
    if known_by == "identity":
        here = place(clients=identity(partition), partition=partition)
    else:
        here = place(clients=Clients(sts__get_caller_identity=refused("X")), partition=partition)
    found = list(examine(here))
    failed = next(one for one in found if one.check == "partition")
    is_failed(failed, says, "has no Cost Explorer", mend="credentials of the commercial account")
    assert "FARTHING_CE_ROLE_ARN" in failed.mend
    assert next(one for one in found if one.check == "cost explorer").says == "it cannot be asked, see partition"
    assert here.client.requests("ce.get_cost_and_usage") == []


@pytest.mark.parametrize(
    ("partition", "state", "says"),
    [
        ("aws", "ok", "us-east-1"),
        ("aws-cn", "ok", "cn-northwest-1, for accounts in China only"),
        ("aws-eusc", "warning", "is not known"),
    ],
)
def test_other_partitions_are_told(place, partition, state, says):
    found = only(place(clients=identity(partition), partition=partition), "partition")
    assert found.state == state
    assert says in found.says


def test_a_region_of_another_partition_than_the_credentials_fails(place):
    here = place(clients=identity("aws-cn"), partition="aws")
    is_failed(
        only(here, "partition"), "credentials are of the partition aws-cn", mend="AWS_REGION to a region of aws-cn"
    )


def test_a_role_of_another_partition_fails(place):
    found = list(examine(place(settings={"ce_role_arn": ROLE.replace("arn:aws:", "arn:aws-cn:")})))
    failed = next(one for one in found if one.check == "partition")
    is_failed(failed, "FARTHING_CE_ROLE_ARN is of the partition aws-cn", mend="use credentials of aws-cn")
    assert next(one for one in found if one.check == "role").state == "not checked"


# The role and Cost Explorer


def test_cost_explorer_is_asked_as_the_role(place):
    clients = Clients()
    found = list(examine(place(clients=clients, settings={"ce_role_arn": ROLE})))
    assert next(one for one in found if one.check == "role").says == f"{ROLE} can be assumed"
    (asked,) = [credentials for name, _, credentials in clients.calls if name == "ce.get_cost_and_usage"]
    assert asked["aws_access_key_id"] == "given"


@pytest.mark.parametrize(
    ("error", "says", "mend"),
    [
        (refused("AccessDenied"), "cannot be assumed", "trust policy"),
        (refused("ExpiredToken"), "session has expired", ""),
        (EndpointConnectionError(endpoint_url="https://sts"), "cannot be reached", ""),
    ],
)
def test_a_role_that_cannot_be_assumed_fails_and_nothing_is_asked_without_it(place, error, says, mend):
    clients = Clients(sts__assume_role=error)
    found = list(examine(place(clients=clients, settings={"ce_role_arn": ROLE})))
    is_failed(next(one for one in found if one.check == "role"), says, mend=mend)
    assert next(one for one in found if one.check == "cost explorer").says == "it cannot be asked, see role"
    assert clients.requests("ce.get_cost_and_usage") == []


def test_the_question_to_cost_explorer_can_only_be_refused(place):
    clients = Clients()
    view = "arn:aws:billing::111122223333:billingview/primary"
    found = only(place(clients=clients, settings={"billing_view_arn": view}), "cost explorer")
    assert found.state == "ok"
    assert "not billed" in found.says
    (request,) = clients.requests("ce.get_cost_and_usage")
    assert request["TimePeriod"]["Start"] > request["TimePeriod"]["End"]
    assert request["BillingViewArn"] == view


@pytest.mark.parametrize(
    ("error", "says", "mend"),
    [
        (DENIED, "refuses access (User: me is not authorized", "payer (management) account"),
        (refused("OptInRequired"), "refuses access", "Cost Explorer enabled"),
        (refused("ResourceNotFoundException", "no view"), "does not find what was named (no view)", "BILLING_VIEW_ARN"),
        (refused("DataUnavailableException", "none"), "no data for this account", ""),
        (refused("ThrottlingException"), "busy or failing", ""),
        (EndpointConnectionError(endpoint_url="https://ce"), "Cost Explorer cannot be reached", ""),
    ],
)
def test_cost_explorer_that_may_not_be_asked_fails(place, error, says, mend):
    is_failed(only(place(clients=Clients(ce__get_cost_and_usage=error)), "cost explorer"), says, mend=mend)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            refused("ValidationException", "BillingViewArn is odd"),
            "for another reason than meant: BillingViewArn is odd",
        ),
        ({"ResultsByTime": []}, "something else than AWS answers"),
    ],
)
def test_an_unexpected_answer_of_cost_explorer_warns(place, answer, says):
    found = only(place(clients=Clients(ce__get_cost_and_usage=answer)), "cost explorer")
    assert found.state == "warning"
    assert says in found.says


@pytest.mark.parametrize(
    ("arn", "state"),
    [
        (None, "not needed"),
        ("arn:aws:billing::111122223333:billingview/primary", "ok"),
        ("arn:aws:iam::111122223333:role/x", "failed"),
    ],
)
def test_a_billing_view_has_to_look_like_one(place, arn, state):
    assert only(place(settings={"billing_view_arn": arn}), "billing view").state == state


# Slack


def test_the_host_is_reached_and_nothing_is_sent(place):
    reached = []
    found = only(place(settings={"slack_webhook_url": Secret(WEBHOOK)}, reached=reached), "slack")
    assert found.state == "ok"
    assert "`farthing alerts test`" in found.says
    assert reached == [("hooks.slack.com", 443, doctor.CONNECT_SECONDS)]
    assert "plantedsecret" not in repr(found)


@pytest.mark.parametrize("proxy", ["http://proxy.example:3128", "proxy.example:3128"])
def test_a_proxy_is_what_has_to_be_reached(place, proxy):
    reached = []
    settings = {"slack_webhook_url": Secret(WEBHOOK)}
    found = only(place(settings=settings, reached=reached, environment={"HTTPS_PROXY": proxy}), "slack")
    assert reached[0][:2] == ("proxy.example", 3128)
    assert "through the proxy proxy.example" in found.says


def test_a_host_that_cannot_be_reached_fails(place):
    def unreachable(host, port, seconds):
        raise TimeoutError

    found = only(place(settings={"slack_webhook_url": Secret(WEBHOOK)}, connect=unreachable), "slack")
    is_failed(found, "hooks.slack.com cannot be reached (TimeoutError)", mend="NAT gateway")
    assert "plantedsecret" not in repr(found)


@pytest.mark.parametrize(
    ("answer", "says", "mend"),
    [
        (refused("ResourceNotFoundException"), "there is no secret hook in us-east-1", "SLACK_SECRET_NAME"),
        (refused("AccessDeniedException"), "allow secretsmanager:GetSecretValue", ""),
        (EndpointConnectionError(endpoint_url="https://sm"), "Secrets Manager (secret hook) cannot be reached", ""),
        ({"SecretBinary": b"x"}, "the secret hook is binary", "as text"),
        ({"SecretString": "ftp://plantedsecret"}, "must be an https:// URL", ""),
        ({"SecretString": '{"uri": "plantedsecret"}'}, "JSON without a `url` key", ""),
    ],
)
def test_a_secret_that_holds_no_webhook_fails_and_is_not_shown(place, answer, says, mend):
    clients = Clients(secretsmanager__get_secret_value=answer)
    found = only(place(clients=clients, settings={"slack_secret_name": "hook"}), "slack")
    is_failed(found, says, mend=mend)
    assert "plantedsecret" not in repr(found)


def test_without_a_webhook_slack_is_not_needed(place):
    assert only(place(), "slack").state == "not needed"
    assert "shown on the terminal" in only(place(), "slack").says
    assert "go to SNS" in only(place(settings={"sns_topic_arn": TOPIC}), "slack").says


def test_a_topic_is_looked_at_in_its_own_region_and_nothing_is_sent(place):
    clients = Clients(sns__get_topic_attributes={"Attributes": {"SubscriptionsConfirmed": "2"}})
    found = only(place(settings={"sns_topic_arn": TOPIC}, clients=clients), "sns")
    assert (found.state, found.mend) == ("ok", "")
    assert TOPIC in found.says
    asked = [call for call in clients.calls if call[0].startswith("sns.")]
    assert asked == [("sns.get_topic_attributes", {"TopicArn": TOPIC}, {"region_name": "eu-west-1"})]


def test_without_a_topic_sns_is_not_needed(place):
    assert only(place(), "sns").state == "not needed"


@pytest.mark.parametrize(
    ("answer", "state", "words", "mend"),
    [
        ({"Attributes": {"SubscriptionsConfirmed": "0"}}, "warning", "nobody is subscribed", "confirm"),
        (refused("AuthorizationError"), "warning", "may not look", "farthing alerts test"),
        (
            refused("NotFound", "Topic does not exist"),
            "failed",
            "there is no such topic: set FARTHING_SNS_TOPIC_ARN",
            "",
        ),
        (EndpointConnectionError(endpoint_url="https://sns"), "failed", "cannot be reached", ""),
        (refused("ExpiredToken"), "failed", "session has expired", ""),
    ],
)
def test_a_topic_that_does_not_answer_well(place, answer, state, words, mend):
    clients = Clients(sns__get_topic_attributes=answer)
    found = only(place(settings={"sns_topic_arn": TOPIC}, clients=clients), "sns")
    assert found.state == state
    assert words in found.says
    assert mend in found.mend


def test_a_topic_needs_credentials(place):
    found = only(place(settings={"sns_topic_arn": TOPIC}, has_credentials=lambda: False), "sns")
    assert found.state == "not checked"


# Freshness


def ledger_of(*days, **changes):
    store = MemoryStore()
    for day in days:
        Reports(store).write(report(ago(day), {(EC2, PROD): "5", (S3, DEV): "1"}, **changes))
    return store


@pytest.mark.parametrize(
    ("days", "state", "says"),
    [
        ((), "warning", "the ledger is empty"),
        ((2, 1), "ok", f"2 days, {ago(2)} to {ago(1)}: fresh"),
        ((3, 2), "warning", "2 days ago"),
        ((4, 3), "failed", f"the newest of 2 days is {ago(3)}, 3 days ago"),
    ],
)
def test_the_newest_day_tells_how_fresh_the_ledger_is(place, days, state, says):
    found = only(place(store=ledger_of(*days)), "days")
    assert found.state == state
    assert says in found.says
    assert bool(found.mend) is (state != "ok")


def test_gaps_are_named_with_the_command_that_fills_them(place):
    fresh, gap = of(place(store=ledger_of(9, 6, 1)), "days")
    assert fresh.state == "ok"
    assert gap.state == "warning"
    assert gap.says == f"6 days missing in between: {ago(8)}, {ago(7)}, {ago(5)}, {ago(4)}, {ago(3)} ..."
    assert gap.mend == f"run `farthing backfill --start {ago(8)} --end {ago(1)} --missing-only`"


def test_every_unreadable_report_among_the_newest_is_named(place, monkeypatch):
    monkeypatch.setattr(doctor, "RECENT_DAYS", 4)
    store = ledger_of(1, 2)
    for days in (3, 4, 5):
        store.create(key_of(ago(days)), b"{")
    failed = [one.says for one in of(place(store=store), "days") if one.state == "failed"]
    assert len(failed) == 2
    assert f"{ago(4)}.json is not a readable" in failed[0]
    assert f"{ago(3)}.json is not a readable" in failed[1]


def test_only_one_report_is_held_at_a_time(place):
    """A large organisation's reports are megabytes: a month of them would not fit beside each other."""
    store = ledger_of(*range(1, 10))
    seen = []
    most = 0
    real = Reports.read_many

    class Weighed(DailyReport, weakref=True, frozen=True):
        pass

    def read_many(self, days):
        nonlocal most
        for day, one in real(self, days):
            fields = {name: getattr(one, name) for name in one.__struct_fields__}
            weighed = Weighed(**fields)
            seen.append(weakref.ref(weighed))
            yield day, weighed
            del weighed
            most = max(most, sum(one() is not None for one in seen))

    rules = (ThresholdRule(name="ec2", service=EC2, amount=Decimal(1)),)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reports, "read_many", read_many)
        found = list(examine(place(store=store, settings={"thresholds": rules})))
    assert "every name in them was seen lately" in next(one for one in found if one.check == "thresholds").says
    assert 1 <= most <= 2


def lens_days(store, name, *days, **changes):
    source = Source("cost-explorer", ("ServiceName", {"region": "RegionId", "record-type": "x_RecordType"}[name]))
    for day in days:
        one = report(ago(day), {(EC2, "eu-west-1"): "6"}, source=source, **changes)
        Reports(store, lens_prefix(name)).write(one)


def test_without_lenses_there_is_nothing_to_compare(place):
    found = only(place(store=ledger_of(1)), "lenses")
    assert (found.state, found.says) == ("not needed", "FARTHING_LENSES is not set")


def test_a_lens_that_is_as_new_as_the_days_is_ok(place):
    store = ledger_of(5, 3, 2, 1)
    lens_days(store, "region", 3, 2, 1)  # one that was added later, and a day that the ledger lacks too
    found = only(place(store=store, settings={"lenses": ("region",)}), "lenses")
    assert (found.state, found.says) == ("ok", f"region: 3 days, {ago(3)} to {ago(1)}")


@pytest.mark.parametrize(
    ("days", "state", "says", "mend"),
    [
        ((), "warning", "region: no day yet", "run `farthing collect`, and `farthing backfill` for its history"),
        (
            (4, 3, 2),
            "warning",
            f"region: the newest day is {ago(2)}, the daily reports' is {ago(1)}",
            "farthing collect",
        ),
        ((4, 3), "failed", f"region: the newest day is {ago(3)}", "see price"),
        (
            (4, 1),
            "warning",
            f"region: 2 days missing in between: {ago(3)}, {ago(2)}",
            f"run `farthing backfill --start {ago(3)} --end {ago(1)}`",
        ),
    ],
)
def test_what_a_lens_lacks_is_named_with_the_way_to_mend_it(place, days, state, says, mend):
    store = ledger_of(5, 4, 3, 2, 1)
    lens_days(store, "region", *days)
    found = only(place(store=store, settings={"lenses": ("region",)}), "lenses")
    assert found.state == state
    assert says in found.says
    assert mend in found.mend


def test_a_day_that_the_ledger_itself_lacks_is_no_gap_of_a_lens(place):
    store = ledger_of(3, 1)
    lens_days(store, "region", 3, 1)
    assert only(place(store=store, settings={"lenses": ("region",)}), "lenses").state == "ok"


def test_a_lens_report_that_cannot_be_read_is_named(place):
    store = ledger_of(2, 1)
    lens_days(store, "region", 2)
    store.create(key_of(ago(1), lens_prefix("region")), b"{")
    found = only(place(store=store, settings={"lenses": ("region",)}), "lenses")
    is_failed(found, f"lenses/region/{ago(1)}.json is not a readable daily report", "move it away")


def test_a_lens_that_is_configured_no_more_warns_and_does_not_fail(place):
    store = ledger_of(2, 1)
    lens_days(store, "region", 2, 1)
    lens_days(store, "record-type", 2)
    ok, left = of(place(store=store, settings={"lenses": ("region",)}), "lenses")
    assert ok.state == "ok"
    assert (left.state, left.says) == ("warning", "in the ledger, but not in FARTHING_LENSES any more: record-type")
    assert left.mend.endswith("or delete memory:cost_data/lenses/record-type")


def finished_run(store, **changes):
    fields = {
        "id": "",
        "command": "collect",
        "started_at": NOW - timedelta(hours=1),
        "stage": "finished",
        "source": SOURCE,
        "window": Period(ago(14), TODAY),
        "billed_requests": 1,
        **changes,
    }
    record = RunRecord(**fields)
    return Runs(store).start(record, str(record.started_at))


@pytest.mark.parametrize(
    ("changes", "state", "says", "mend"),
    [
        ({}, "ok", "the last collect, 2026-11-23 07:00 UTC, finished, 1 billed request", ""),
        (
            {"stage": "stored", "errors": ("S3 was away",)},
            "failed",
            "got as far as 'stored': S3 was away",
            "farthing collect",
        ),
        ({"stage": "judged"}, "failed", "got as far as 'judged' and was cut short", "completes the work"),
        ({"stage": "started", "started_at": NOW - timedelta(minutes=2)}, "ok", "is under way ('started')", ""),
        ({"command": "backfill"}, "ok", "the last backfill, ", ""),
        (
            {"source": msgspec.structs.replace(SOURCE, kind="simulated"), "billed_requests": 2},
            "ok",
            "finished, 2 free requests",
            "",
        ),
    ],
)
def test_the_last_run_is_told(place, changes, state, says, mend):
    store = MemoryStore()
    finished_run(store, **changes)
    found = only(place(store=store), "runs")
    assert found.state == state
    assert says in found.says
    assert mend in found.mend


def test_a_daily_run_counts_more_than_a_later_backfill(place):
    store = MemoryStore()
    finished_run(store, started_at=NOW - timedelta(hours=5), errors=("broken",), stage="started")
    finished_run(store, command="backfill")
    assert only(place(store=store), "runs").state == "failed"


def test_no_run_yet_warns(place):
    assert only(place(), "runs").says == "no run is recorded yet"


def alert_in(store, number, created_hours, at=NOW, **deliveries):
    id_ = f"{number:032x}"
    alert = Alert(
        id=id_,
        kind="threshold",
        rule="total",
        scope=Scope(),
        day=ago(1),
        currency="USD",
        metric="BilledCost",
        actual=Decimal(2),
        threshold=Decimal(1),
        overage=Decimal(1),
        overage_percent=None,
        estimated=True,
        provisional=True,
        repeated=False,
        reason="",
        cause="",
        services=(),
        accounts=(),
        source_kind="cost-explorer",
        created_at=NOW - timedelta(hours=created_hours),
        deliveries={name: Delivery(state, at, "run", 1, reason) for name, (state, reason) in deliveries.items()},
    )
    store.create(alert_key(ago(1), id_), encode_alert(alert))


TO_SLACK = {"slack_webhook_url": Secret(WEBHOOK)}


@pytest.mark.parametrize(("seconds", "waits"), [(0, False), (59, False), (60, True), (-30, False), (-3600, True)])
def test_a_claim_counts_as_not_sent_only_once_its_run_is_taken_for_dead(place, seconds, waits):
    store = MemoryStore()
    alert_in(store, 1, 1, at=NOW - timedelta(seconds=seconds), slack=("claimed", None))
    found = only(place(store=store, settings=TO_SLACK), "alerts")
    if waits:
        is_failed(found, "1 message not sent; the oldest since 1 hour: claimed on slack", mend="farthing collect")
    else:
        assert (found.state, found.says) == ("ok", "1 alert in 31 days, none waiting to be sent")


def test_what_waits_for_a_channel_that_is_gone_is_not_said_to_be_sent_by_the_next_run(place):
    store = MemoryStore()
    alert_in(store, 1, 3, slack=("sent", None), sns=("failed", "gone"))
    alert_in(store, 2, 3, slack=("sent", None), sns=("pending", None))
    found = only(place(store=store, settings=TO_SLACK), "alerts")
    assert found.state == "warning"
    assert found.says == "2 messages not sent: the channel sns is not configured any more"
    assert "configure it again" in found.mend
    assert "sends them" not in found.mend
    alert_in(store, 3, 3, slack=("pending", None), sns=("pending", None))
    gone, waiting = of(place(store=store, settings=TO_SLACK), "alerts")
    assert "3 messages not sent: the channel sns" in gone.says
    is_failed(waiting, "1 message not sent; the oldest since 3 hours: pending on slack", mend="sends them")


def test_alerts_that_nobody_was_sent_fail_with_their_age(place):
    store = MemoryStore()
    alert_in(store, 1, 3, slack=("sent", None))
    assert only(place(store=store), "alerts").says == "1 alert in 31 days, none waiting to be sent"
    alert_in(store, 2, 50, slack=("failed", "no_service"))
    alert_in(store, 3, 5, slack=("pending", None))
    is_failed(
        only(place(store=store, settings=TO_SLACK), "alerts"),
        "2 messages not sent; the oldest since 2 days: failed on slack (no_service)",
        mend="`farthing collect` sends them",
    )


def test_an_alert_that_cannot_be_read_is_named_and_the_others_are_looked_at(place):
    store = MemoryStore()
    store.create(alert_key(ago(1), f"{0:032x}"), b"{")
    alert_in(store, 2, 5, slack=("pending", None))
    broken, waiting = of(place(store=store, settings=TO_SLACK), "alerts")
    is_failed(broken, "is not a readable alert")
    is_failed(waiting, "1 message not sent; the oldest since 5 hours")


def test_no_threshold_warns(place):
    assert "nothing will alert" in only(place(), "thresholds").says


def test_names_in_thresholds_are_compared_with_the_days(place):
    rules = (ThresholdRule(name="ec2", service=EC2.upper(), amount=Decimal(1)),)
    found = only(place(store=ledger_of(1), settings={"thresholds": rules}), "thresholds")
    assert (found.state, found.says) == ("ok", "1 threshold; every name in them was seen lately")
    rules = (ThresholdRule(name="typo", service="Amazon Simple Storage Servis", amount=Decimal(1)),)
    found = only(place(store=ledger_of(1), settings={"thresholds": rules}), "thresholds")
    assert found.state == "warning"
    assert "which no day has (did you mean 'amazon simple storage service'?)" in found.says


def test_the_price_of_a_run_is_told(place):
    assert "1 billed request, 0.01 USD" in only(place(store=ledger_of(1)), "price").says
    lenses = ("region", "record-type")
    assert "3 billed requests, 0.03 USD" in only(place(store=ledger_of(1), settings={"lenses": lenses}), "price").says
    assert only(place(settings={"source": "simulated"}), "price").says == "a run costs nothing (simulated)"


def test_a_run_that_the_request_cap_cuts_short_warns(place):
    store = ledger_of(*range(1, 15))
    finished_run(store, page_size_seen=1)
    found = only(place(store=store), "price")
    assert found.state == "warning"
    assert "raise FARTHING_MAX_BILLED_REQUESTS" in found.mend


@pytest.mark.parametrize("source", ["cost-explorer", "simulated"])
def test_a_cap_that_leaves_no_request_for_a_lens_warns(place, source):
    kept = msgspec.structs.replace(SOURCE, kind=source)
    settings = {"source": source, "simulated_size": "small", "lenses": ("region",), "max_billed_requests": 1}
    found = only(place(store=ledger_of(1, source=kept), settings=settings), "price")
    assert found.state == "warning"
    assert "region" in found.mend
    assert "raise FARTHING_MAX_BILLED_REQUESTS" in found.mend


def test_a_run_that_would_be_refused_fails_before_it_costs_anything(place):
    store = ledger_of(1, source=msgspec.structs.replace(SOURCE, scope="account:111122223333"))
    is_failed(only(place(store=store), "price"), "never mixes scopes")


def test_a_ledger_that_cannot_be_opened_fails_where_it_is_needed(place):
    def closed():
        raise LedgerError("the bucket is closed")

    found = list(examine(place(opens=closed)))
    failed = {one.check for one in found if one.state == "failed"}
    assert failed == {"ledger", "days", "lenses", "runs", "reconcile", "alerts", "thresholds", "price"}
    assert next(one for one in found if one.check == "cost explorer").state == "ok"


# The command


@pytest.fixture
def farthing(capsys, monkeypatch):
    monkeypatch.setenv("FARTHING_TODAY", TODAY.isoformat())

    def run(*arguments):
        capsys.readouterr()
        code = cli.run(["doctor", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_nothing_configured_says_what_is_missing(farthing, tmp_path):
    code, out, _ = farthing()
    assert code == 1
    assert "no AWS credentials were found" in out
    assert "\n             -> set AWS_PROFILE" in out
    assert "1 failed, 3 warnings" in out
    assert not (tmp_path / "ledger").exists()


def test_a_simulated_ledger_is_well_and_left_as_it_is(farthing, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("FARTHING_SOURCE", "simulated")
    monkeypatch.setenv("FARTHING_SIMULATED_SIZE", "small")
    monkeypatch.setenv("COST_THRESHOLD", "100000")
    monkeypatch.setattr("farthing.app.utc_clock", lambda pinned: lambda: datetime(2026, 11, 23, 8, tzinfo=UTC))
    assert cli.run(["collect"]) == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    code, out, _ = farthing("--json")
    assert code == 0, out
    document = json.loads(out)
    assert document["ok"] is True
    assert {one["state"] for one in document["checks"]} == {"ok", "not needed"}
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert farthing()[1].rstrip().endswith("all is well")


def test_wrong_settings_end_with_2_and_the_rest_is_examined(farthing, monkeypatch):
    monkeypatch.setenv("COST_THRESHOLD", "lots")
    monkeypatch.setenv("FARTHING_SOURCE", "simulated")
    monkeypatch.setenv("FARTHING_WINDOW_DAY", "7")
    code, out, _ = farthing("--json")
    assert code == 2
    checks = json.loads(out)["checks"]
    assert [one["state"] for one in checks if one["check"] == "settings"] == ["failed", "warning"]
    assert "did you mean FARTHING_WINDOW_DAYS?" in checks[1]["says"]
    assert next(one for one in checks if one["check"] == "price")["state"] == "ok"


def test_a_configuration_that_is_not_there_is_told(farthing, monkeypatch):
    monkeypatch.setenv("FARTHING_CONFIG", "nowhere.toml")
    code, out, _ = farthing("--json")
    assert code == 1
    (first, *_) = json.loads(out)["checks"]
    assert first["state"] == "warning"
    assert "nowhere.toml could not be looked for" in first["says"]


def test_the_ledgers_own_configuration_is_used(farthing, monkeypatch, tmp_path):
    monkeypatch.setenv("FARTHING_SOURCE", "simulated")
    path = tmp_path / "ledger" / "config" / "farthing.toml"
    path.parent.mkdir(parents=True)
    path.write_text("cost_threshold = 5\n")
    code, out, _ = farthing("--json")
    checks = json.loads(out)["checks"]
    assert code == 0
    assert str(path) in checks[0]["says"]
    assert next(one for one in checks if one["check"] == "thresholds")["state"] == "ok"


def test_a_wrong_profile_is_one_line_each_and_no_crash(farthing, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("BUCKET_NAME", "bills")
    code, out, _ = farthing("--json")
    assert code == 1
    checks = json.loads(out)["checks"]
    is_told = next(one for one in checks if one["check"] == "credentials")
    assert is_told["state"] == "failed"
    assert "nobody" in is_told["says"]
    assert not any("this check broke" in one["says"] for one in checks)


@pytest.mark.loopback
def test_an_endpoint_that_nobody_serves_fails_soon(farthing, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTING")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "plantedsecretkey")
    monkeypatch.setenv("AWS_ENDPOINT_URL_COST_EXPLORER", "http://127.0.0.1:9")
    began = time.monotonic()
    code, out, _ = farthing()
    assert code == 1
    assert "Cost Explorer cannot be reached" in out
    assert "plantedsecret" not in out
    assert time.monotonic() - began < 20


def test_the_installed_sdk_writes_conditionally(farthing):
    _, out, _ = farthing("--json")
    software = next(one for one in json.loads(out)["checks"] if one["check"] == "software")
    assert software["state"] == "ok"
    assert boto3.__version__ in software["says"]


def test_a_report_that_was_changed_by_hand_is_found(farthing, monkeypatch, tmp_path):
    monkeypatch.setenv("FARTHING_SOURCE", "simulated")
    store = FolderStore(tmp_path / "ledger")
    good = encode_report(report(ago(1), {(EC2, PROD): "5"}, source=msgspec.structs.replace(SOURCE, kind="simulated")))
    store.create(key_of(ago(1)), good.replace(b'"BilledCost":"5"', b'"BilledCost":"6"', 1))
    code, out, _ = farthing()
    assert code == 1
    assert f"{ago(1)}.json is not a readable daily report" in out
