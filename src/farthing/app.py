"""The composition root: the one place that wires settings to clients, stores and clocks."""

import importlib
import logging
import os
import secrets
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from farthing.alerts.channels import Channel
from farthing.errors import SettingsError, UsageError
from farthing.ledger.runs import Runs
from farthing.ledger.store import Store
from farthing.settings import Secret, Settings, load, unknown, webhook
from farthing.sources import CostSource
from farthing.sources.lenses import Lens, parse_lens
from farthing.workplace import Workplace

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config

    from farthing.ledger.report_files import ReportFiles

CONFIG_NAME = "farthing.toml"
CONFIG_KEY = "config/farthing.toml"

ROLE_ACTIONS = ("sts:AssumeRole",)
SECRET_ACTIONS = ("secretsmanager:GetSecretValue",)

# Loaded by name when wanted: the Lambda's import closure has no local folder, the laptop's start no AWS.
FOLDER_HOME = "farthing.ledger.folder"
S3_HOME = "farthing.ledger.s3"


class _WhenAsked:
    """Cost Explorer's client, made at the first question: a price or a plan needs no AWS and no role."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._client: Any = None

    @property
    def get_cost_and_usage(self) -> Callable[..., Any]:
        self._client = self._client or self._make()
        call: Callable[..., Any] = self._client.get_cost_and_usage
        return call


def utc_clock(pinned: date | None) -> Callable[[], datetime]:
    """The clock: UTC, whole seconds; on the pinned day for trials, where the time of day goes on."""

    def now() -> datetime:
        moment = datetime.now(UTC).replace(microsecond=0)
        return moment if pinned is None else datetime.combine(pinned, moment.timetz())

    return now


class App:
    """One command's view of the world. Nothing is opened before it is asked for.

    Args:
        settings: of this run.
        store: the ledger's home.
        preview: shows a message where no other channel is configured.
    """

    def __init__(self, settings: Settings, store: Store, preview: Callable[[str], None]) -> None:
        self.settings = settings
        self.store = store
        self.clock = utc_clock(settings.today)
        self._preview = preview
        self._cost_explorer: Any = None

    @property
    def now(self) -> datetime:
        """UTC, to the second."""
        return self.clock()

    @property
    def today(self) -> date:
        """The UTC day."""
        return self.now.date()

    @property
    def log(self) -> logging.Logger:
        """Where each step of a run is said."""
        return logging.getLogger("farthing")

    def invocation(self) -> str:
        """The name of a run that nothing will retry by itself."""
        return secrets.token_hex(16)

    def workplace(self, log: logging.Logger | None = None) -> Workplace:
        """What a run works with."""
        return Workplace(
            settings=self.settings,
            store=self.store,
            source=self.source(),
            lenses={lens.name: self.source(lens) for lens in map(parse_lens, self.settings.lenses)},
            channels=self.channels(),
            clock=self.clock,
            sleep=time.sleep,
            log=log or self.log,
        )

    def source(self, lens: Lens | None = None) -> CostSource:
        """The source of costs that the settings name, by service and account or by a lens."""
        from farthing.sources.cost_explorer import CostExplorerSource

        if self.settings.source == "simulated":
            client = self.cost_explorer()
            return CostExplorerSource(client, kind="simulated", scope=self.settings.scope, lens=lens)
        return CostExplorerSource(
            self.cost_explorer(),
            billing_view_arn=self.settings.billing_view_arn,
            scope=self.settings.scope,
            lens=lens,
        )

    def cost_explorer(self) -> Any:
        """The client that every question of this app is asked with; made when first asked for."""
        if self._cost_explorer is None:
            if self.settings.source == "simulated":
                self._cost_explorer = self._simulated_client()
            else:
                self._cost_explorer = _WhenAsked(lambda: self.session().client("ce", **self._client_arguments()))
        return self._cost_explorer

    def channels(self) -> tuple[Channel, ...]:
        """Slack where a webhook is set, SNS where a topic is, the terminal where neither is."""
        from farthing.alerts.channels.slack import SlackChannel
        from farthing.alerts.channels.terminal import TerminalChannel

        named = (self.settings.environment, self.settings.dashboard_url or "")
        channels: list[Channel] = []
        url = self.settings.slack_webhook_url
        if url is not None:
            channels.append(SlackChannel(lambda: url, *named))
        elif self.settings.slack_secret_name:
            channels.append(SlackChannel(cache(self._secret_webhook), *named))
        topic = self.settings.sns_topic_arn
        if topic is not None:
            from farthing.alerts.channels.sns import SnsChannel

            channels.append(SnsChannel(cache(lambda: self._topic_client(topic)), topic, *named))
        return tuple(channels) or (TerminalChannel(self._preview, *named),)

    def report_files(self, prefix: str) -> "ReportFiles":
        """The reports below ``prefix`` as local files; those of a bucket are fetched when they are wanted."""
        from farthing.ledger.report_files import files_of

        cache = self.cache()
        return files_of(self.store, prefix, self._fetched, cache and cache / prefix)

    def cache(self) -> Path | None:
        """Where what was worked out of this ledger may be kept on this machine, to be made anew at any time."""
        root, bucket = getattr(self.store, "root", None), self.settings.bucket_name
        if isinstance(root, Path):
            return root / "cache"
        if not bucket:
            return None
        folder: Any = importlib.import_module(FOLDER_HOME)
        own = [part for part in self.settings.prefix.split("/") if part not in ("", ".", "..")]
        return Path(folder.default_cache(), "ledgers", bucket, *own)

    def _fetched(self) -> Path:
        """A folder for files that end with the process: kept for the life of the app, while an engine reads them."""
        folder = Path(tempfile.mkdtemp(prefix="farthing-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _simulated_client(self) -> Any:
        from farthing.simulator.bill import Bill
        from farthing.simulator.client import SimulatedClient
        from farthing.simulator.cost_explorer import CostExplorerSimulator

        # The ledger's first run anchors the organisation's history: later runs see the same one, some days on.
        anchor = Runs(self.store).first_day() or self.today
        bill = Bill(self.settings.simulated_size, self.settings.simulated_seed, today=self.today, anchor=anchor)
        return SimulatedClient(CostExplorerSimulator(bill, history_months=None))

    def session(self) -> "boto3.session.Session":
        """AWS, with whatever credentials boto3 finds."""
        import boto3
        from botocore.exceptions import BotoCoreError

        from farthing.aws import explain

        try:
            return boto3.session.Session()
        except BotoCoreError as error:  # a profile that does not exist
            raise explain(error, "this run", "") from error

    def _client_arguments(self) -> dict[str, Any]:
        from farthing.aws import AWS_ERRORS, CONFIG, explain

        session = self.session()
        arguments: dict[str, Any] = {"config": CONFIG, "region_name": region_of(session)}
        role = self.settings.ce_role_arn
        if role is None:
            return arguments
        try:
            answer = session.client("sts", **arguments).assume_role(RoleArn=role, RoleSessionName="farthing")
        except AWS_ERRORS as error:
            raise explain(error, f"STS (role {role})", ROLE_ACTIONS[0]) from error
        given = answer["Credentials"]
        return {
            **arguments,
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def _topic_client(self, topic: str) -> Any:
        from farthing.alerts.channels.sns import CLIENT_CONFIG, delivery_error, region_of_topic
        from farthing.aws import AWS_ERRORS

        try:
            return self.session().client("sns", config=CLIENT_CONFIG, region_name=region_of_topic(topic))
        except AWS_ERRORS as error:  # half a pair of keys
            raise delivery_error(error, topic) from error

    def _secret_webhook(self) -> Secret:
        from farthing.aws import AWS_ERRORS, CONFIG_WITHIN_CLAIM, explain

        name = self.settings.slack_secret_name or ""
        try:
            session = self.session()
            client = session.client("secretsmanager", config=CONFIG_WITHIN_CLAIM, region_name=region_of(session))
            text = client.get_secret_value(SecretId=name)["SecretString"]
        except AWS_ERRORS as error:
            raise explain(error, f"Secrets Manager (secret {name})", SECRET_ACTIONS[0]) from error
        except KeyError:
            raise SettingsError(
                [f"the secret {name} (SLACK_SECRET_NAME) is binary: store the webhook's URL as text"]
            ) from None
        return webhook_in(text, name)


def webhook_in(text: str, name: str) -> Secret:
    """The webhook's URL in a secret's text: the plain URL, or JSON with a ``url`` key.

    Raises:
        SettingsError: it is neither; the message does not repeat the text.
    """
    if text.lstrip().startswith("{"):
        try:
            text = msgspec.json.decode(text, type=dict[str, Any])["url"]
        except (msgspec.DecodeError, KeyError):
            raise SettingsError([f"the secret {name} (SLACK_SECRET_NAME) is JSON without a `url` key"]) from None
    try:
        return webhook(str(text))
    except ValueError as error:
        raise SettingsError([f"the secret {name} (SLACK_SECRET_NAME) {error}"]) from None


def open_app(
    environment: Mapping[str, str],
    *,
    preview: Callable[[str], None],
    required: tuple[str, ...] = (),
    folder: Path | None = None,
) -> App:
    """Reads the settings, wherever they are, and opens the ledger.

    Args:
        environment: variables, flags already laid over them.
        preview: shows a message where no channel is configured.
        required: names of settings that this command cannot do without.
        folder: where a farthing.toml is looked for when FARTHING_CONFIG names none.

    Raises:
        SettingsError: with every wrong setting.
        LedgerError: the ledger's own configuration cannot be read.
    """
    for problem in unknown(environment):
        logging.getLogger("farthing").warning(problem)
    named = environment.get("FARTHING_CONFIG", "").strip()
    if named:
        return _app(environment, read_config(named), named, preview, required)
    local = (folder or Path.cwd()) / CONFIG_NAME
    if _is_file(local):
        return _app(environment, read_config(str(local)), str(local), preview, required)
    app = _app(environment, None, CONFIG_NAME, preview, required=())
    stored = app.store.read(CONFIG_KEY)
    text = decoded(stored.data, app.store.locate(CONFIG_KEY)) if stored else None
    return _app(environment, text, app.store.locate(CONFIG_KEY), preview, required)


def region_of(session: "boto3.session.Session") -> str:
    """AWS_REGION is what Lambda sets and people use; boto3 itself reads only AWS_DEFAULT_REGION and the profile."""
    return os.environ.get("AWS_REGION") or session.region_name or "us-east-1"


def _app(
    environment: Mapping[str, str],
    toml: str | None,
    name: str,
    preview: Callable[[str], None],
    required: tuple[str, ...],
) -> App:
    settings = load(environment, toml, name, required=required)
    return App(settings, open_store(settings), preview)


def open_store(settings: Settings, config: "Config | None" = None) -> Store:
    """The ledger's home: the bucket if one is set, else the local folder. Nothing is written.

    ``config`` is how patient the bucket's client is, by default as a run's.
    """
    if settings.bucket_name:
        from farthing.aws import AWS_ERRORS, CONFIG, explain

        boto3 = importlib.import_module("boto3")
        s3: Any = importlib.import_module(S3_HOME)
        try:
            client = boto3.client("s3", config=config or CONFIG, region_name=os.environ.get("AWS_REGION") or None)
        except AWS_ERRORS as error:  # a profile that does not exist
            raise explain(error, f"S3 (bucket {settings.bucket_name})", "s3:GetObject") from error
        store: Store = s3.S3Store(client, settings.bucket_name, settings.prefix, settings.kms_key_id)
        return store
    folder: Any = importlib.import_module(FOLDER_HOME)
    home: Store = folder.FolderStore(settings.home or folder.default_home())
    return home


def _is_file(path: Path) -> bool:
    """Whether there is such a file; where nobody may look there is none."""
    try:
        return path.is_file()
    except PermissionError:
        return False


def read_config(name: str) -> str:
    """The text of a configuration that FARTHING_CONFIG or the working folder names.

    Raises:
        FarthingError: it is not there, or cannot be read.
    """
    if name.startswith("s3://"):
        bucket, _, key = name.removeprefix("s3://").partition("/")
        stored = open_store(Settings(bucket_name=bucket)).read(key) if key else None
        if stored is None:
            raise UsageError(f"FARTHING_CONFIG names {name}, which does not exist")
        return decoded(stored.data, name)
    try:
        return decoded(Path(name).expanduser().read_bytes(), name)
    except OSError as error:
        raise UsageError(f"FARTHING_CONFIG names {name}, which cannot be read: {error.strerror or error}") from error


def decoded(data: bytes, name: str) -> str:
    """A configuration's bytes as text.

    Raises:
        UsageError: they are not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text") from error
