"""What `farthing doctor` looks at: settings, software, the ledger's home, AWS, Slack, and how fresh the ledger is.

Nothing is changed, sent or billed. Each check stands alone: one that breaks, or does not come back, hides no other.
Clients, clocks and connections are passed in; a finding never holds a secret.
"""

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from botocore.exceptions import ClientError

from farthing.alerts.channels.sns import explained, region_of_topic
from farthing.alerts.outbox import CLAIM_SECONDS, KEPT_DAYS, Outbox
from farthing.alerts.outbox import PREFIX as ALERTS_PREFIX
from farthing.aws import AWS_ERRORS, DENIED, LEAST_BOTO3, LOG_IN, error_code, explain
from farthing.budgeting import rules_of
from farthing.errors import CorruptError, FarthingError, SettingsError
from farthing.ledger.proofs import SOURCES
from farthing.ledger.proofs import last as last_proofs
from farthing.ledger.reports import PREFIX, Reports, lens_prefix
from farthing.ledger.runs import Runs
from farthing.ledger.store import Store
from farthing.ledger.totals import lens_names
from farthing.model import Delivery, RunRecord, exact_sum
from farthing.planning import Plan
from farthing.settings import SETTINGS, Secret, Settings, load
from farthing.signals.credits import LENS
from farthing.signals.thresholds import names_in, unmatched
from farthing.sources.cost_explorer import COST_METRICS
from farthing.wording import money, several
from farthing.workplace import Workplace

State = Literal["ok", "warning", "failed", "not needed", "not checked"]

PATIENCE_SECONDS = 10.0
"""How long a check may take before it is given up."""

READING_SECONDS = 60.0
"""The same for checks that read a month of reports: a large organisation has megabytes a day."""

CONNECT_SECONDS = 5.0
"""How long a TCP connection may take to open."""

LEAST_FREE_BYTES = 100_000_000
"""Below this much room in the ledger's folder there is a warning; a large organisation's month takes about as much."""

MOST_CLOCK_SKEW = timedelta(minutes=5)
"""AWS refuses signatures from a clock that is further off."""

LONGEST_RUN = timedelta(minutes=15)
"""A Lambda function ends after this; a run that is unfinished for longer has died."""

RECENT_DAYS = 31
"""Days: how many of the ledger's newest reports are read."""

NAMED = 5
"""How many days or names a sentence lists."""

_BILLING_VIEW = re.compile(r"arn:aws[a-z-]*:billing::\d{12}:billingview/.{1,43}")
_ALERT = re.compile(rf"{ALERTS_PREFIX}(\d{{4}}-\d\d-\d\d)/([0-9a-f]{{32}})\.json")
_ROLE_SESSION = "farthing-doctor"
_ROLE_SECONDS = 900
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
_PORTS = {"https": 443, "http": 80}

PAYER = (
    "allow ce:GetCostAndUsage to this identity; it must be in the payer (management) account, with Cost Explorer "
    "enabled and IAM access to billing activated, or name a role there in FARTHING_CE_ROLE_ARN"
)
NO_COST_EXPLORER = (
    "run farthing with credentials of the commercial account that pays for it, and AWS_REGION of a commercial region "
    "such as us-east-1: the charges are in that account's Cost Explorer (FARTHING_CE_ROLE_ARN can name a role in its "
    "payer; a role cannot be assumed from one partition into another)"
)


class Found(msgspec.Struct, frozen=True):
    """What one check found: a sentence, and how to mend it ('' where nothing is to be done or the sentence says it)."""

    check: str
    state: State
    says: str
    mend: str = ""


class _Recent(msgspec.Struct, frozen=True):
    """What is kept of the newest reports, which are too large to be held together.

    ``names`` are services and accounts as rules are compared with them; ``unreadable`` a sentence for each broken one.
    """

    names: frozenset[str]
    unreadable: tuple[str, ...]


class Software(msgspec.Struct, frozen=True):
    """Versions; ``conditional_writes``: S3's put_object knows If-Match."""

    python: str
    boto3: str
    conditional_writes: bool


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """The world that is examined, wired by :mod:`farthing.app`.

    Attributes:
        environment: variables, flags already laid over them.
        settings: as far as they are right.
        problems: what is wrong with the others, a sentence each.
        hints: what else is doubtful about them, e.g. a variable that is nearly a setting's name.
        configuration: where farthing.toml was found, '' without one.
        store: opens the ledger's home; raises FarthingError.
        client: gives a boto3 client that gives up soon, by its service's name and further arguments.
        has_credentials: whether AWS credentials can be found at all; raises FarthingError for a wrong profile.
        region: where AWS is asked.
        partition: of that region, '' if it is unknown.
        clock: the run's time, UTC; FARTHING_TODAY pins its day.
        machine_clock: the time that AWS's signatures are made with.
        connect: opens a TCP connection to (host, port) and closes it; raises OSError.
        free_bytes: the room in a folder's file system.
        software: what runs this.
        webhook_in: the webhook in a secret's text, by the secret's name.
        workplace: what a daily run would work with, over the store.
        plans: what a daily run would ask, a plan for each question.
    """

    environment: Mapping[str, str]
    settings: Settings
    problems: tuple[str, ...]
    hints: tuple[str, ...]
    configuration: str
    store: Callable[[], Store]
    client: Callable[..., Any]
    has_credentials: Callable[[], bool]
    region: str
    partition: str
    clock: Callable[[], datetime]
    machine_clock: Callable[[], datetime]
    connect: Callable[[str, int, float], None]
    free_bytes: Callable[[Path], int]
    software: Software
    webhook_in: Callable[[str, str], Secret]
    workplace: Callable[[Store], Workplace]
    plans: Callable[[Workplace], Sequence[Plan]]


def examine(place: Surroundings) -> Iterator[Found]:
    """Every finding, each check's as soon as it is done."""
    examination = _Examination(place)
    for name, check, patience in (
        ("settings", examination.settings, PATIENCE_SECONDS),
        ("software", examination.software, PATIENCE_SECONDS),
        ("ledger", examination.ledger, PATIENCE_SECONDS),
        ("credentials", examination.credentials, PATIENCE_SECONDS),
        ("partition", examination.partition, PATIENCE_SECONDS),
        ("role", examination.role, PATIENCE_SECONDS),
        ("billing view", examination.billing_view, PATIENCE_SECONDS),
        ("cost explorer", examination.cost_explorer, PATIENCE_SECONDS),
        ("slack", examination.slack, PATIENCE_SECONDS),
        ("sns", examination.sns, PATIENCE_SECONDS),
        ("days", examination.days, READING_SECONDS),
        ("lenses", examination.lenses, READING_SECONDS),
        ("runs", examination.runs, PATIENCE_SECONDS),
        ("reconcile", examination.reconcile, PATIENCE_SECONDS),
        ("alerts", examination.alerts, PATIENCE_SECONDS),
        ("thresholds", examination.thresholds, READING_SECONDS),
        ("price", examination.price, READING_SECONDS),
    ):
        yield from _within(patience, name, check)


def exit_code(found: list[Found]) -> int:
    """0: all well, warnings allowed; 1: a check failed; 2: the settings are wrong."""
    failed = {one.check for one in found if one.state == "failed"}
    return 2 if "settings" in failed else 1 if failed else 0


def settings_as_far_as_right(
    environment: Mapping[str, str], toml: str | None, name: str
) -> tuple[Settings, tuple[str, ...]]:
    """The settings without those that are wrong, and a sentence for each of these."""
    try:
        return load(environment, toml, name), ()
    except SettingsError as error:
        problems = error.problems
    kept = {}
    for setting in SETTINGS:
        value = environment.get(setting.name, "")
        try:
            load({setting.name: value})
            kept[setting.name] = value
        except SettingsError:
            continue
    try:
        return load(kept, toml, name), problems
    except SettingsError:
        return load(kept), problems


def _within(seconds: float, name: str, check: Callable[[], Iterator[Found]]) -> Iterator[Found]:
    """A check's findings; what it raises, and that it does not come back, are findings too."""
    found: list[Found] = []

    def work() -> None:
        try:
            found.extend(check())
        except FarthingError as error:
            found.append(Found(name, "failed", str(error)))
        except Exception as error:  # a defect of one check must not hide the others
            said = f"this check broke ({type(error).__name__}: {error}); please report it"
            found.append(Found(name, "failed", " ".join(said.split())))

    # A thread, because a name server, a dead network folder or a credential helper may never come back.
    thread = threading.Thread(target=work, daemon=True, name=f"farthing-doctor-{name}")
    thread.start()
    thread.join(seconds)
    late = thread.is_alive()
    yield from list(found)
    if late:
        yield Found(
            name, "failed", f"no answer within {seconds:.0f} s", "check the network, name resolution and the proxy"
        )


class _Examination:
    """The checks. What several of them need is looked up once."""

    def __init__(self, place: Surroundings) -> None:
        self._place = place
        self._settings = place.settings
        self._identity = ""  # the caller's ARN, once STS told it
        self._no_cost_explorer = False
        self._role: dict[str, str] | None = {}  # arguments for the ce client; None: the role cannot be assumed

    @cached_property
    def _store(self) -> Store:
        return self._place.store()

    @cached_property
    def _workplace(self) -> Workplace:
        return self._place.workplace(self._store)

    # What is needed at all

    @property
    def _asks_cost_explorer(self) -> bool:
        return self._settings.source == "cost-explorer"

    @property
    def _own_endpoint(self) -> str:
        """Where Cost Explorer is asked instead of AWS, '' if it is AWS."""
        names = ("AWS_ENDPOINT_URL_COST_EXPLORER", "AWS_ENDPOINT_URL")
        return next((value for name in names if (value := self._place.environment.get(name, "").strip())), "")

    @property
    def _uses_secret(self) -> bool:
        return self._settings.slack_webhook_url is None and self._settings.slack_secret_name is not None

    @property
    def _needs_aws(self) -> bool:
        settings = self._settings
        asks_others = settings.bucket_name is not None or settings.sns_topic_arn is not None or self._uses_secret
        return self._asks_cost_explorer or asks_others

    @cached_property
    def _credentials_found(self) -> bool:
        try:
            return self._place.has_credentials()
        except FarthingError:
            return False

    def _unsigned(self, check: str) -> Found | None:
        """A finding where nothing can be asked for want of credentials: said once, by their own check."""
        if self._credentials_found:
            return None
        return Found(check, "not checked", "there are no AWS credentials, see credentials")

    # Checks

    def settings(self) -> Iterator[Found]:
        """All that is wrong in the environment and in farthing.toml."""
        problems, hints = self._place.problems, self._place.hints
        try:
            if rules_of(self._settings).credits and LENS not in self._settings.lenses:
                hints = (*hints, f"[[credits]] needs the lens that tells them: set FARTHING_LENSES={LENS}")
        except SettingsError as error:
            problems = (*problems, *error.problems)
        for problem in problems:
            yield Found("settings", "failed", problem)
        for hint in hints:
            yield Found("settings", "warning", hint)
        if not problems and not hints:
            scope = f", only {self._settings.scope}" if self._settings.scope else ""
            where = self._place.configuration or "no farthing.toml"
            yield Found(
                "settings", "ok", f"{self._settings.environment}, source {self._settings.source}{scope}; {where}"
            )

    def software(self) -> Iterator[Found]:
        """Whether the SDK can write conditionally."""
        software = self._place.software
        versions = f"Python {software.python}, boto3 {software.boto3}"
        if software.conditional_writes:
            yield Found("software", "ok", f"{versions}, which can write conditionally")
            return
        yield Found(
            "software",
            "failed" if self._settings.bucket_name else "warning",
            f"{versions}: its S3 knows no If-Match, so two runs could overwrite each other in a bucket",
            f"upgrade boto3 to {LEAST_BOTO3} or newer",
        )

    def ledger(self) -> Iterator[Found]:
        """The ledger's home: a folder or a bucket."""
        if self._settings.bucket_name:
            return self._bucket(self._settings.bucket_name)
        root: Path = getattr(self._store, "root")  # noqa: B009 - only the folder has it, and the port does not tell
        return self._folder(root)

    def _folder(self, root: Path) -> Iterator[Found]:
        here = next(folder for folder in (root, *root.absolute().parents) if folder.exists())
        if not here.is_dir():
            yield Found("ledger", "failed", f"{here} is a file, not a folder", "set FARTHING_HOME to a folder")
            return
        if not os.access(here, os.R_OK | os.W_OK | os.X_OK):
            says = f"no permission to read and write {here}"
            yield Found("ledger", "failed", says, "give this user access, or set FARTHING_HOME to another folder")
            return
        free = self._place.free_bytes(here)
        room = f"{free / 1e9:,.1f} GB free"
        if free < LEAST_FREE_BYTES:
            yield Found("ledger", "warning", f"{root}: only {free / 1e6:,.0f} MB free", "free some space")
        if here != root:
            yield Found("ledger", "ok", f"{root} is not there yet: the first run makes it; {room}")
            return
        if _is_locked(root / ".lock"):
            says = f"{root} is locked: another farthing is writing"
            yield Found("ledger", "warning", says, "look again when it is done; the lock ends with its process")
        elif (root / ".writing").exists():
            says = f"{root / '.writing'} is left from a run that died while it wrote: nothing is lost"
            yield Found("ledger", "warning", says, "nothing needs to be done: the next write replaces it")
        else:
            yield Found("ledger", "ok", f"{root}: readable, writable, not locked; {room}")

    def _bucket(self, bucket: str) -> Iterator[Found]:
        if missing := self._unsigned("ledger"):
            yield missing
            return
        client = self._place.client("s3")
        try:
            answer = client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error_code(error) in ("404", "NoSuchBucket"):
                mend = "set BUCKET_NAME to the ledger's bucket, or create it"
                yield Found("ledger", "failed", f"there is no bucket {bucket!r}", mend)
            elif error_code(error) in DENIED:
                says = f"S3 refuses this identity the bucket {bucket!r} (it may also be somebody else's)"
                mend = "allow s3:ListBucket on it, and s3:GetObject and s3:PutObject on its objects, to this identity"
                yield Found("ledger", "failed", says, mend)
            else:
                raise explain(error, f"S3 (bucket {bucket})", "s3:ListBucket") from error
            return
        except AWS_ERRORS as error:
            raise explain(error, f"S3 (bucket {bucket})", "s3:ListBucket") from error
        region = answer.get("BucketRegion") or "a region that S3 does not tell"
        try:
            client.list_objects_v2(Bucket=bucket, Prefix=self._settings.prefix, MaxKeys=1)
        except AWS_ERRORS as error:
            raise explain(error, f"S3 (bucket {bucket})", "s3:ListBucket") from error
        where = f"s3://{bucket}/{self._settings.prefix}"
        yield Found("ledger", "ok", f"{where} in {region}: can be listed (writing is not tried)")
        yield from _bucket_hints(client, bucket)

    def credentials(self) -> Iterator[Found]:
        """Who asks, and whether the clock is good enough for signatures."""
        if not self._needs_aws:
            yield Found("credentials", "not needed", f"source {self._settings.source}, ledger in a folder: no AWS")
            return
        try:
            there = self._place.has_credentials()
        except FarthingError as error:
            yield Found("credentials", "failed", str(error))
            return
        if not there:
            mend = f"set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or {LOG_IN}"
            yield Found("credentials", "failed", "no AWS credentials were found", mend)
            return
        settings = self._settings
        local_only = not (settings.bucket_name or self._uses_secret or settings.ce_role_arn or settings.sns_topic_arn)
        if self._own_endpoint and local_only:
            yield Found(
                "credentials", "ok", "there are some; another endpoint than AWS's is asked, so not who they are"
            )
            return
        try:
            answer = self._place.client("sts").get_caller_identity()
        except AWS_ERRORS as error:
            skew = self._skew(getattr(error, "response", {}))
            if skew is not None and abs(skew) > MOST_CLOCK_SKEW:
                yield Found("credentials", "not checked", "AWS refuses the signature of a clock that is wrong")
                yield from self._clock(skew)
                return
            yield Found("credentials", "failed", str(explain(error, "STS", "sts:GetCallerIdentity")))
            yield from self._clock(skew)
            return
        self._identity = answer["Arn"]
        yield Found("credentials", "ok", f"account {answer['Account']}, {answer['Arn']}")
        yield from self._clock(self._skew(answer))

    def _skew(self, answer: Mapping[str, Any]) -> timedelta | None:
        """How far this machine's clock is ahead of AWS's, by the Date header of an answer; None without one."""
        try:
            told = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        except (KeyError, TypeError, ValueError):
            return None
        return self._place.machine_clock() - told.astimezone(UTC)

    def _clock(self, skew: timedelta | None) -> Iterator[Found]:
        if skew is None:
            return
        seconds = abs(int(skew.total_seconds()))
        off = several(seconds // 60, "minute") if seconds >= 120 else several(seconds, "second")
        way = "ahead of" if skew > timedelta(0) else "behind"
        if abs(skew) > MOST_CLOCK_SKEW:
            says = f"this machine's clock is {off} {way} AWS's: signatures are refused from 5 minutes on"
            yield Found("clock", "failed", says, "set the clock, best by NTP")
        else:
            yield Found("clock", "ok", f"within {off} of AWS's")

    def partition(self) -> Iterator[Found]:
        """Whether there is a Cost Explorer where AWS is asked."""
        if not self._asks_cost_explorer:
            yield Found("partition", "not needed", "the source is simulated")
            return
        if self._own_endpoint:
            host = urlsplit(self._own_endpoint).hostname or "another endpoint"
            yield Found("partition", "not needed", f"Cost Explorer is asked at {host}, not at AWS")
            return
        own = _partition_of(self._identity)
        role = _partition_of(self._settings.ce_role_arn or "")
        here = own or self._place.partition
        if here == "aws-us-gov":
            self._no_cost_explorer = True
            says = "AWS GovCloud (US) has no Cost Explorer, though the SDK builds a name for one"
            yield Found("partition", "failed", says, NO_COST_EXPLORER)
        elif here.startswith("aws-iso"):
            self._no_cost_explorer = True
            yield Found("partition", "failed", f"the isolated partition {here} has no Cost Explorer", NO_COST_EXPLORER)
        elif own and self._place.partition and own != self._place.partition:
            self._no_cost_explorer = True
            says = f"the credentials are of the partition {own}, the region {self._place.region} is of another"
            yield Found("partition", "failed", says, f"set AWS_REGION to a region of {own}")
        elif role and here and role != here:
            self._no_cost_explorer = True
            says = f"FARTHING_CE_ROLE_ARN is of the partition {role}, the credentials are of {here}"
            mend = f"use credentials of {role}: a role cannot be assumed from one partition into another"
            yield Found("partition", "failed", says, mend)
        elif here == "aws":
            yield Found("partition", "ok", "aws: Cost Explorer answers in us-east-1")
        elif here == "aws-cn":
            yield Found(
                "partition", "ok", "aws-cn: Cost Explorer answers in cn-northwest-1, for accounts in China only"
            )
        else:
            says = f"whether the partition {here or 'of ' + self._place.region} has a Cost Explorer is not known"
            yield Found("partition", "warning", says, "the check of Cost Explorer tells")

    def role(self) -> Iterator[Found]:
        """Whether FARTHING_CE_ROLE_ARN can be assumed."""
        role = self._settings.ce_role_arn
        if role is None or not self._asks_cost_explorer:
            yield Found("role", "not needed", "FARTHING_CE_ROLE_ARN is not set or not used")
            return
        self._role = None
        if missing := self._unsigned("role"):
            yield missing
            return
        if self._no_cost_explorer:
            yield Found("role", "not checked", "there is no Cost Explorer to ask, see partition")
            return
        try:
            answer = self._place.client("sts").assume_role(
                RoleArn=role, RoleSessionName=_ROLE_SESSION, DurationSeconds=_ROLE_SECONDS
            )
        except ClientError as error:
            if error_code(error) not in DENIED:
                raise explain(error, f"STS (role {role})", "sts:AssumeRole") from error
            mend = "allow sts:AssumeRole on it to this identity, and name this identity in the role's trust policy"
            yield Found("role", "failed", f"the role {role} cannot be assumed", mend)
            return
        except AWS_ERRORS as error:
            raise explain(error, f"STS (role {role})", "sts:AssumeRole") from error
        given = answer["Credentials"]
        self._role = {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }
        yield Found("role", "ok", f"{role} can be assumed")

    def billing_view(self) -> Iterator[Found]:
        """Whether FARTHING_BILLING_VIEW_ARN looks like one."""
        arn = self._settings.billing_view_arn
        if arn is None:
            yield Found("billing view", "not needed", "FARTHING_BILLING_VIEW_ARN is not set: the account's own view")
        elif not _BILLING_VIEW.fullmatch(arn):
            says = f"{arn} is not the ARN of a billing view"
            mend = "write FARTHING_BILLING_VIEW_ARN as arn:aws:billing::ACCOUNT:billingview/NAME"
            yield Found("billing view", "failed", says, mend)
        else:
            yield Found("billing view", "ok", f"{arn} looks like one")

    def cost_explorer(self) -> Iterator[Found]:
        """Whether this identity may ask Cost Explorer, by a question that it refuses: a refusal is not billed."""
        check = "cost explorer"
        if not self._asks_cost_explorer:
            yield Found(check, "not needed", "the source is simulated")
            return
        if missing := self._unsigned(check):
            yield missing
            return
        if self._no_cost_explorer or self._role is None:
            see = "partition" if self._no_cost_explorer else "role"
            yield Found(check, "not checked", f"it cannot be asked, see {see}")
            return
        today = self._place.clock().date()
        # The start after the end: there is no such period, so there is nothing to answer and to bill.
        request: dict[str, Any] = {
            "TimePeriod": {"Start": today.isoformat(), "End": (today - timedelta(days=1)).isoformat()},
            "Granularity": "DAILY",
            "Metrics": list(COST_METRICS),
        }
        if self._settings.billing_view_arn:
            request["BillingViewArn"] = self._settings.billing_view_arn
        try:
            self._place.client("ce", **self._role).get_cost_and_usage(**request)
        except ClientError as error:
            yield self._refusal(check, error)
        except AWS_ERRORS as error:
            raise explain(error, "Cost Explorer", "ce:GetCostAndUsage") from error
        else:
            says = "it answered a question about no day at all, which AWS refuses: something else than AWS answers"
            yield Found(check, "warning", says, "check AWS_ENDPOINT_URL and the proxy")

    def _refusal(self, check: str, error: ClientError) -> Found:
        code, said = error_code(error), error.response.get("Error", {}).get("Message", "")
        said = " ".join(said.split())[:200]
        if code == "ValidationException":
            if "date" in said.lower():
                return Found(check, "ok", "it may be asked (tried with a question that is refused, and so not billed)")
            return Found(check, "warning", f"it refuses the question for another reason than meant: {said}")
        if code in DENIED:
            return Found(check, "failed", f"Cost Explorer refuses access ({said})", PAYER)
        if code == "ResourceNotFoundException":
            mend = "correct FARTHING_BILLING_VIEW_ARN, or have the view shared with this account"
            return Found(check, "failed", f"Cost Explorer does not find what was named ({said})", mend)
        return Found(check, "failed", str(explain(error, "Cost Explorer", "ce:GetCostAndUsage")))

    def slack(self) -> Iterator[Found]:
        """Whether the webhook can be read and its host reached. No message is sent."""
        url = self._settings.slack_webhook_url
        if url is None and not self._uses_secret:
            where = "go to SNS" if self._settings.sns_topic_arn else "are shown on the terminal"
            yield Found("slack", "not needed", f"no webhook is set: alerts {where}")
            return
        if url is None:
            if missing := self._unsigned("slack"):
                yield missing
                return
            name = self._settings.slack_secret_name or ""
            service = f"Secrets Manager (secret {name})"
            try:
                text = self._place.client("secretsmanager").get_secret_value(SecretId=name).get("SecretString")
            except ClientError as error:
                if error_code(error) == "ResourceNotFoundException":
                    mend = "create it, or set SLACK_SECRET_NAME to its name; AWS_REGION must be its region"
                    says = f"there is no secret {name} in {self._place.region}"
                    yield Found("slack", "failed", says, mend)
                    return
                raise explain(error, service, "secretsmanager:GetSecretValue") from error
            except AWS_ERRORS as error:
                raise explain(error, service, "secretsmanager:GetSecretValue") from error
            if text is None:
                yield Found("slack", "failed", f"the secret {name} is binary", "store the webhook's URL as text")
                return
            try:
                url = self._place.webhook_in(text, name)
            except SettingsError as error:
                yield Found("slack", "failed", "; ".join(error.problems))
                return
        yield self._reached(url)

    def sns(self) -> Iterator[Found]:
        """Whether the topic is there. No message is sent."""
        topic = self._settings.sns_topic_arn
        if topic is None:
            yield Found("sns", "not needed", "FARTHING_SNS_TOPIC_ARN is not set")
            return
        if missing := self._unsigned("sns"):
            yield missing
            return
        try:
            client = self._place.client("sns", region_name=region_of_topic(topic))
            attributes = client.get_topic_attributes(TopicArn=topic)["Attributes"]
        except AWS_ERRORS as error:
            if isinstance(error, ClientError) and error_code(error).startswith("AuthorizationError"):
                says = f"this identity may not look at the topic {topic}; publishing needs sns:Publish alone"
                yield Found("sns", "warning", says, "`farthing alerts test` tells whether it may publish")
                return
            yield Found("sns", "failed", str(explained(error, topic, "sns:GetTopicAttributes")))
            return
        if attributes.get("SubscriptionsConfirmed") == "0":
            says = f"the topic {topic} is there, but nobody is subscribed to it"
            yield Found("sns", "warning", says, "subscribe somebody, and confirm the subscription")
            return
        says = f"the topic {topic} is there; nothing was sent: `farthing alerts test` does that"
        yield Found("sns", "ok", says)

    def _reached(self, url: Secret) -> Found:
        """Only host and port of the URL are used and told: the rest is the secret."""
        parts = urlsplit(url.reveal())
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443)
        proxy = next((value for name in _PROXIES if (value := self._place.environment.get(name, "").strip())), "")
        via = ""
        target = (host, port)
        if proxy:
            through = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
            target = (through.hostname or "", through.port or _PORTS.get(through.scheme, 80))
            via = f" through the proxy {target[0]}"
        try:
            self._place.connect(*target, CONNECT_SECONDS)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            says = f"{host} cannot be reached{via} ({reason})"
            mend = "check the network, name resolution and the proxy; from a VPC, Slack needs a NAT gateway"
            return Found("slack", "failed", says, mend)
        says = f"the webhook is valid, {host} can be reached{via}; nothing was sent: `farthing alerts test` does that"
        return Found("slack", "ok", says)

    # Freshness

    @cached_property
    def _recent(self) -> _Recent:
        return self._read(PREFIX, self._stored_days)

    @cached_property
    def _stored_days(self) -> list[date]:
        return Reports(self._store).days()

    def _read(self, prefix: str, days: Sequence[date]) -> _Recent:
        """The newest of these days' reports, one after the other."""
        names: set[str] = set()
        unreadable: list[str] = []
        for _, report in Reports(self._store, prefix).read_many(days[-RECENT_DAYS:]):
            if isinstance(report, CorruptError):
                unreadable.append(str(report))
            elif prefix == PREFIX:
                names |= names_in(report)
        return _Recent(frozenset(names), tuple(unreadable))

    def _unreadable(self, check: str) -> Found | None:
        """Where the ledger is a bucket and there are no credentials to read it with."""
        return self._unsigned(check) if self._settings.bucket_name else None

    def days(self) -> Iterator[Found]:
        """The newest day, gaps, and reports that cannot be read."""
        if missing := self._unreadable("days"):
            yield missing
            return
        days, today = self._stored_days, self._place.clock().date()
        if not days:
            mend = "run `farthing collect`, and `farthing backfill` for history"
            yield Found("days", "warning", "the ledger is empty", mend)
            return
        age = (today - days[-1]).days
        if age <= 1:
            yield Found("days", "ok", f"{several(len(days), 'day')}, {days[0]} to {days[-1]}: fresh")
        else:
            # Two days: today's run may still be to come.
            says = f"the newest of {several(len(days), 'day')} is {days[-1]}, {age} days ago"
            mend = "run `farthing collect`; the missing days come with it"
            yield Found("days", "warning" if age == 2 else "failed", says, mend)
        there = set(days)
        span = (days[0] + timedelta(days=number) for number in range((days[-1] - days[0]).days))
        gaps = [day for day in span if day not in there]
        if gaps:
            end = gaps[-1] + timedelta(days=1)
            mend = f"run `farthing backfill --start {gaps[0]} --end {end} --missing-only`"
            yield Found("days", "warning", f"{several(len(gaps), 'day')} missing in between: {_some(gaps)}", mend)
        for problem in self._recent.unreadable:
            yield Found("days", "failed", problem)

    def lenses(self) -> Iterator[Found]:
        """Each lens's days against the daily reports', and lenses that are not asked for any more."""
        if missing := self._unreadable("lenses"):
            yield missing
            return
        configured = list(self._workplace.lenses)
        left = [name for name in lens_names(self._store) if name not in configured]
        if not configured and not left:
            yield Found("lenses", "not needed", "FARTHING_LENSES is not set")
        for name in configured:
            yield from self._lens(name)
        if left:
            says = f"in the ledger, but not in FARTHING_LENSES any more: {', '.join(left)}"
            where = " and ".join(self._store.locate(lens_prefix(name).rstrip("/")) for name in left)
            mend = f"name them there again to go on with them, or delete {where}"
            yield Found("lenses", "warning", says, mend)

    def _lens(self, name: str) -> Iterator[Found]:
        daily, days = self._stored_days, Reports(self._store, lens_prefix(name)).days()
        if not days:
            mend = "run `farthing collect`, and `farthing backfill` for its history"
            yield Found("lenses", "warning", f"{name}: no day yet", mend)
            return
        there = set(days)
        # Only days that the ledger itself has: what it lacks is said with the days.
        gaps = [day for day in daily if days[0] < day < days[-1] and day not in there]
        behind = [day for day in daily if day > days[-1]]
        unreadable = self._read(lens_prefix(name), days).unreadable
        if behind:
            says = f"{name}: the newest day is {days[-1]}, the daily reports' is {daily[-1]}"
            mend = (
                "run `farthing collect`: the missing days come with it; see price if its question does not fit the cap"
            )
            yield Found("lenses", "warning" if len(behind) == 1 else "failed", says, mend)
        if gaps:
            mend = f"run `farthing backfill --start {gaps[0]} --end {gaps[-1] + timedelta(days=1)}`"
            says = f"{name}: {several(len(gaps), 'day')} missing in between: {_some(gaps)}"
            yield Found("lenses", "warning", says, mend)
        for problem in unreadable:
            yield Found("lenses", "failed", problem)
        if not (behind or gaps or unreadable):
            yield Found("lenses", "ok", f"{name}: {several(len(days), 'day')}, {days[0]} to {days[-1]}")

    def runs(self) -> Iterator[Found]:
        """The last daily run, or the last run at all."""
        if missing := self._unreadable("runs"):
            yield missing
            return
        last: RunRecord | None = None
        for run in Runs(self._store).newest_first():
            last = last or run
            if run.command == "collect":
                last = run
                break
        if last is None:
            yield Found("runs", "warning", "no run is recorded yet", "run `farthing collect`")
            return
        age = self._place.clock() - last.started_at
        name = f"the last {last.command}, {last.started_at:%Y-%m-%d %H:%M} UTC"
        again = f"mend that, then run `farthing {last.command}` again"
        if last.errors:
            yield Found("runs", "failed", f"{name}, got as far as {last.stage!r}: {'; '.join(last.errors)}", again)
        elif last.stage != "finished" and age > LONGEST_RUN:
            says = f"{name}, got as far as {last.stage!r} and was cut short"
            yield Found("runs", "failed", says, f"run `farthing {last.command}` again: it completes the work")
        elif last.stage != "finished":
            yield Found("runs", "ok", f"{name}, is under way ({last.stage!r})")
        else:
            noun = "free request" if last.source.kind == "simulated" else "billed request"
            yield Found("runs", "ok", f"{name}, finished, {several(last.billed_requests, noun)}")

    def reconcile(self) -> Iterator[Found]:
        """What the last reconciling found; nothing is asked."""
        if missing := self._unreadable("reconcile"):
            yield missing
            return
        found = last_proofs(self._store)
        if not found:
            says = "the totals were not proved yet: `farthing reconcile` holds them against the bill's own"
            yield Found("reconcile", "not needed", says)
        for one in found:
            says = f"{one.at:%Y-%m-%d %H:%M} UTC, {one.period} against {SOURCES[one.against]}: {one.verdict}"
            if one.equal:
                yield Found("reconcile", "ok", says)
            else:
                again = "then run `farthing reconcile` again"
                mend = f"run `{one.mend}`, {again}" if one.mend else "run `farthing reconcile` again: it names each day"
                yield Found("reconcile", "warning", says, mend)

    def alerts(self) -> Iterator[Found]:
        """Alerts that nobody was sent: those that the next run sends, and those of a channel that is gone."""
        if missing := self._unreadable("alerts"):
            yield missing
            return
        now = self._place.clock()
        outbox = Outbox(self._store, self._place.clock, lambda _: None)
        first = (now.date() - timedelta(days=KEPT_DAYS)).isoformat()
        channels = {channel.name for channel in self._workplace.channels}
        waiting: list[tuple[datetime, str]] = []
        left: dict[str, int] = {}
        count = 0
        for key in self._store.keys(ALERTS_PREFIX, ALERTS_PREFIX + first):
            matched = _ALERT.fullmatch(key)
            if matched is None:
                continue
            count += 1
            try:
                alert = outbox.read(date.fromisoformat(matched[1]), matched[2])
            except CorruptError as error:
                yield Found("alerts", "failed", str(error))
                continue
            if alert is None:
                continue
            for channel, delivery in alert.deliveries.items():
                if not _waits(delivery, now):
                    continue
                if channel not in channels:
                    left[channel] = left.get(channel, 0) + 1
                else:
                    reason = f" ({delivery.reason})" if delivery.reason else ""
                    waiting.append((alert.created_at, f"{delivery.state} on {channel}{reason}"))
        for channel, number in sorted(left.items()):
            says = f"{several(number, 'message')} not sent: the channel {channel} is not configured any more"
            mend = f"configure it again and run `farthing collect`; they are given up {KEPT_DAYS} days after their day"
            yield Found("alerts", "warning", says, mend)
        if not waiting:
            if not left:
                yield Found("alerts", "ok", f"{several(count, 'alert')} in {KEPT_DAYS} days, none waiting to be sent")
            return
        oldest, state = min(waiting)
        hours = int((now - oldest).total_seconds() // 3600)
        since = several(hours, "hour") if hours < 48 else several(hours // 24, "day")
        says = f"{several(len(waiting), 'message')} not sent; the oldest since {since}: {state}"
        yield Found("alerts", "failed", says, "mend what it says; the next `farthing collect` sends them")

    def thresholds(self) -> Iterator[Found]:
        """Whether anything would ever alert."""
        rules = self._workplace.rules
        if not rules:
            mend = "set COST_THRESHOLD, or [[thresholds]] in farthing.toml"
            yield Found("thresholds", "warning", "no threshold is set, so nothing will alert", mend)
            return
        if missing := self._unreadable("thresholds"):
            yield missing
            return
        problems = unmatched(rules, set(self._recent.names))
        for problem in problems:
            yield Found("thresholds", "warning", problem, "correct the name in farthing.toml")
        if not problems:
            known = "; every name in them was seen lately" if any(r.service or r.account for r in rules) else ""
            yield Found("thresholds", "ok", f"{several(len(rules), 'threshold')}{known}")

    def price(self) -> Iterator[Found]:
        """What a daily run costs."""
        if missing := self._unreadable("price"):
            yield missing
            return
        plans = self._place.plans(self._workplace)
        requests, price = sum(plan.requests for plan in plans), exact_sum(plan.price for plan in plans)
        says = f"a run makes {several(requests, 'billed request')}, {money(price, 'USD')} ({plans[0].basis})"
        if not self._asks_cost_explorer:
            says = "a run costs nothing (simulated)"
        caution = "; ".join(plan.caution for plan in plans if plan.caution)
        yield Found("price", "warning" if caution else "ok", says, caution)


def _waits(delivery: Delivery, now: datetime) -> bool:
    """Whether somebody still has to be sent it; a claim that a run may be about to keep does not count."""
    if delivery.state == "claimed":
        return abs((now - delivery.at).total_seconds()) >= CLAIM_SECONDS
    return delivery.state in ("pending", "failed")


def _some(days: Sequence[date]) -> str:
    return ", ".join(map(str, days[:NAMED])) + (" ..." if len(days) > NAMED else "")


def _partition_of(arn: str) -> str:
    return arn.split(":")[1] if arn.startswith("arn:") else ""


def _is_locked(path: Path) -> bool:
    """Whether somebody holds the lock. A lock file that is not there is not made."""
    if not path.exists():
        return False
    from filelock import FileLock, Timeout

    try:
        with FileLock(path, timeout=1):
            return False
    except Timeout:
        return True


def _bucket_hints(client: Any, bucket: str) -> Iterator[Found]:
    """What would make the bucket safer, as far as this identity may look; nothing of it is needed."""
    closed = _told(lambda: client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"])
    if closed is not None and not (closed and all(closed.values())):
        says = f"the bucket {bucket} does not block public access in every way"
        yield Found("ledger", "warning", says, "switch on all four public access blocks")
    versioning = _told(lambda: client.get_bucket_versioning(Bucket=bucket))
    if versioning is not None and versioning.get("Status") != "Enabled":
        says = f"the bucket {bucket} keeps no versions: a deleted report is gone"
        yield Found("ledger", "warning", says, "enable versioning")
    encryption = _told(lambda: client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"])
    if encryption is not None and not encryption.get("Rules"):
        says = f"the bucket {bucket} has no default encryption"
        yield Found("ledger", "warning", says, "enable it; farthing itself encrypts what it writes")


def _told(ask: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The answer, empty where nothing is configured, None where this identity may not look or nobody answers."""
    try:
        return ask()
    except ClientError as error:
        return {} if error_code(error).startswith(("NoSuch", "ServerSideEncryptionConfigurationNotFound")) else None
    except AWS_ERRORS:
        return None
