"""Settings: flags before the environment before farthing.toml, parsed and validated once, every error at once.

Each setting is one row of :data:`SETTINGS`; the reference page of the documentation is made from that table.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from farthing.errors import AmountError, SettingsError
from farthing.model import parse_amount
from farthing.signals import SIGNALS
from farthing.signals.thresholds import ThresholdRule, parse_rules
from farthing.sources.lenses import SPELLINGS, parse_lens
from farthing.sources.scope import parse_scope

ENVIRONMENTS = ("dev", "staging", "prod")
SOURCES = ("cost-explorer", "simulated")
SIZES = ("small", "medium", "large")
LAMBDA_REQUIRED = ("BUCKET_NAME", "COST_THRESHOLD", "SLACK_SECRET_NAME", "ENVIRONMENT")
LEAST_TOKEN = 16
"""Characters of a token for the dashboard."""
LONGEST_DASHBOARD_URL = 300
"""Characters: it stands in every message."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Secret:
    """A text that no log, error or repr shows. ``reveal`` is for the one place that uses it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class Setting(msgspec.Struct, frozen=True):
    """One setting: its name in the environment, its key in farthing.toml ('' if only in the environment), its meaning."""

    name: str
    field: str
    key: str
    parse: Callable[[str], Any]
    meaning: str
    default: str = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a run goes by. Every field has a row in :data:`SETTINGS`, except those of farthing.toml only.

    These are ``thresholds``, and the tables of :data:`TABLES` as they stand there: whoever uses them reads them.
    ``toml_name`` is what errors about them call the file.
    """

    bucket_name: str | None = None
    prefix: str = ""
    kms_key_id: str | None = None
    home: Path | None = None
    cost_threshold: Decimal | None = None
    environment: str = "dev"
    slack_secret_name: str | None = None
    slack_webhook_url: Secret | None = None
    sns_topic_arn: str | None = None
    source: str = "cost-explorer"
    scope: str | None = None
    simulated_size: str = "medium"
    simulated_seed: int = 1
    ce_role_arn: str | None = None
    billing_view_arn: str | None = None
    window_days: int | None = None
    max_billed_requests: int = 10
    alert_max_age_days: int = 7
    signals: tuple[str, ...] = tuple(SIGNALS)
    lenses: tuple[str, ...] = ()
    daily_summary: bool = False
    dashboard_url: str | None = None
    dashboard_token: Secret | None = None
    engine: str = "duckdb"
    spark_master: str = "local[*]"
    athena_workgroup: str = "primary"
    athena_database: str = "farthing"
    athena_output: str | None = None
    athena_price: Decimal = Decimal(5)
    today: date | None = None
    thresholds: tuple[ThresholdRule, ...] = ()
    allocations: tuple[Any, ...] = ()
    budgets: tuple[Any, ...] = ()
    credits: tuple[Any, ...] = ()
    toml_name: str = "farthing.toml"


def _text(text: str) -> str:
    return text


def _secret_name(text: str) -> str:
    # A webhook's URL put here by mistake would end up in errors, alerts and AWS's own trail.
    if "://" in text:
        raise ValueError("must be the name or the ARN of a secret, not a URL: store the URL in that secret")
    return text


def _amount(text: str) -> Decimal:
    amount = parse_amount(text)
    if amount < 0:
        raise ValueError("must not be negative")
    return amount


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ValueError(f"must be a whole number, not {text!r}") from None
        if not least <= number <= most:
            raise ValueError(f"must be between {least} and {most}, not {number}")
        return number

    return parse


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, not {text!r}{nearest(text, choices)}")
        return text

    return parse


def _several_of(*choices: str) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return tuple(choices) if parts == ["all"] else tuple(map(_one_of(*choices), parts))

    return parse


def _lenses(text: str) -> tuple[str, ...]:
    found = tuple(parse_lens(part.strip()).spelled for part in text.split(",") if part.strip())
    for spelled in found:
        if found.count(spelled) > 1:
            raise ValueError(f"names the lens {spelled!r} twice")
    return found


def _switch(text: str) -> bool:
    known = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
    if text.lower() not in known:
        raise ValueError(f"must be on or off, not {text!r}")
    return known[text.lower()]


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not 2000 <= day.year < 2100:
        raise ValueError(f"must be a date of this century like 2026-11-23, not {text!r}")
    return day


def _arn(text: str) -> str:
    if not text.startswith("arn:") or text.count(":") < 5:
        raise ValueError("must be an ARN (arn:aws:...)")
    return text


def _topic(text: str) -> str:
    if not re.fullmatch(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}", text):
        raise ValueError("must be a standard SNS topic's ARN (arn:aws:sns:REGION:ACCOUNT:NAME)")
    return text


def _prefix(text: str) -> str:
    if text.startswith("/") or (text and not text.endswith("/")):
        raise ValueError("must end in '/' and not begin with it")
    return text


def _glue_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9_]{1,255}", text):
        raise ValueError(f"must be lower-case letters, digits and underscores, not {text!r}")
    return text


def _s3_url(text: str) -> str:
    if not re.fullmatch(r"s3://[a-z0-9.-]{3,63}(/.*)?", text):
        raise ValueError(f"must be an s3:// URL, not {text!r}")
    return text if text.endswith("/") else f"{text}/"


def webhook(text: str) -> Secret:
    """A webhook's URL, which is a secret: https, or http on loopback.

    Raises:
        ValueError: it is neither; the message does not repeat the URL.
    """
    try:
        url = urlsplit(text.strip())
        host = url.hostname
    except ValueError:
        raise ValueError("is not a URL") from None
    if url.scheme == "https" and host:
        return Secret(text.strip())
    if url.scheme == "http" and host in LOOPBACK:
        return Secret(text.strip())
    raise ValueError("must be an https:// URL (http:// on loopback only)")


def _dashboard(text: str) -> str:
    try:
        url = urlsplit(text)
        known = url.scheme in ("http", "https") and url.hostname and (url.port or 1)
    except ValueError:  # a port that is none
        known = False
    if not known or re.search(r"[^!-~]|[<>|\\^`{}\"]", text):
        raise ValueError("must be an http:// or https:// URL, without blanks and such")
    # What opens a dashboard must not travel with every message, and what stands behind '#' is the message's to say.
    if "@" in url.netloc or "?" in text or "#" in text or len(text) > LONGEST_DASHBOARD_URL:
        raise ValueError("must be the dashboard's address alone: no password, no '?', no '#', no token")
    # As it stands in a browser over one of its pages.
    text = re.sub(r"/[^/]*\.html$", "/", text)
    return text if text.endswith("/") else f"{text}/"


def _token(text: str) -> Secret:
    if len(text) < LEAST_TOKEN:
        raise ValueError(f"has fewer than {LEAST_TOKEN} characters: take a longer one")
    return Secret(text)


SETTINGS: tuple[Setting, ...] = (
    Setting("BUCKET_NAME", "bucket_name", "bucket_name", _text, "The ledger's S3 bucket. Unset: the ledger is a local folder."),
    Setting("COST_THRESHOLD", "cost_threshold", "cost_threshold", _amount, "Alerts when a day's total BilledCost is above it; in the bill's currency, a day."),
    Setting("SLACK_SECRET_NAME", "slack_secret_name", "slack_secret_name", _secret_name, "The Secrets Manager secret with Slack's webhook URL: the plain URL, or JSON with a `url` key."),
    Setting("ENVIRONMENT", "environment", "environment", _one_of(*ENVIRONMENTS), "dev, staging or prod: named in messages and metrics.", "dev"),
    Setting("FARTHING_HOME", "home", "", lambda text: Path(text).expanduser(), "The local ledger's folder.", "the user's data folder"),
    Setting("FARTHING_PREFIX", "prefix", "prefix", _prefix, "What stands before every object's key in the bucket; ends in '/'."),
    Setting("FARTHING_KMS_KEY_ID", "kms_key_id", "kms_key_id", _text, "Encrypts the bucket's objects with this KMS key instead of AES256."),
    Setting("FARTHING_SOURCE", "source", "source", _one_of(*SOURCES), "Where the figures come from: cost-explorer, or simulated (test data, at no price).", "cost-explorer"),
    Setting("FARTHING_SCOPE", "scope", "scope", parse_scope, "Limits the whole ledger to accounts, tags or cost categories: `account:ID,ID tag:KEY=VALUE category:NAME=VALUE`. Recorded in every report; a ledger refuses to mix scopes."),
    Setting("FARTHING_SIMULATED_SIZE", "simulated_size", "simulated_size", _one_of(*SIZES), "The simulated organisation's size: small, medium or large.", "medium"),
    Setting("FARTHING_SIMULATED_SEED", "simulated_seed", "simulated_seed", _whole(0, 2**31 - 1), "The simulated organisation's seed: the same seed gives the same bill.", "1"),
    Setting("FARTHING_SLACK_WEBHOOK_URL", "slack_webhook_url", "", webhook, "Slack's webhook URL, for local runs. A secret: environment only."),
    Setting("FARTHING_SNS_TOPIC_ARN", "sns_topic_arn", "sns_topic_arn", _topic, "Publishes every alert to this SNS topic, beside Slack where that is set."),
    Setting("FARTHING_CE_ROLE_ARN", "ce_role_arn", "ce_role_arn", _arn, "Reads Cost Explorer through this role, e.g. one in the payer account."),
    Setting("FARTHING_BILLING_VIEW_ARN", "billing_view_arn", "billing_view_arn", _arn, "Asks Cost Explorer for this billing view instead of the account's own."),
    Setting("FARTHING_WINDOW_DAYS", "window_days", "window_days", _whole(3, 92), "How many days back each daily run asks again, because AWS restates days. A gap in the ledger widens it.", "14; until the 15th back to the first of the month before"),
    Setting("FARTHING_MAX_BILLED_REQUESTS", "max_billed_requests", "max_billed_requests", _whole(1, 10_000), "The most billed requests ($0.01 each) a daily run may make.", "10"),
    Setting("FARTHING_ALERT_MAX_AGE_DAYS", "alert_max_age_days", "alert_max_age_days", _whole(1, 92), "Days older than this are recorded as suppressed instead of alerted.", "7"),
    Setting("FARTHING_SIGNALS", "signals", "signals", _several_of(*SIGNALS), f"Which signals a daily run computes, separated by commas: {', '.join(SIGNALS)}.", "all"),
    Setting("FARTHING_LENSES", "lenses", "lenses", _lenses, f"Further groupings of the bill to keep, separated by commas: {SPELLINGS}. Each is one more billed question a day; record-type lets thresholds see the day before credits."),
    Setting("FARTHING_DAILY_SUMMARY", "daily_summary", "daily_summary", _switch, "on: a message on quiet days too, with the newest day, the month to date and what moved.", "off"),
    Setting("FARTHING_DASHBOARD_URL", "dashboard_url", "dashboard_url", _dashboard, "Where people find the dashboard (a server or a copied site): messages link to the page that shows what they are about."),
    Setting("FARTHING_DASHBOARD_TOKEN", "dashboard_token", "", _token, "What readers of `farthing dashboard` must show, 16 characters or more. On another address than this machine's own there is always one. A secret: environment only.", "none on this machine; elsewhere one is made and printed"),
    Setting("FARTHING_ENGINE", "engine", "engine", _text, "What answers questions about imported exports: duckdb, athena, spark, or an engine that another package brings.", "duckdb"),
    Setting("FARTHING_SPARK_MASTER", "spark_master", "spark_master", _text, "Where the engine spark runs: local[*], spark://HOST:PORT, yarn, or sc://HOST:PORT for Spark Connect.", "local[*]"),
    Setting("FARTHING_ATHENA_WORKGROUP", "athena_workgroup", "athena_workgroup", _text, "The workgroup of the engine athena; its limit of bytes scanned is AWS's to enforce, and is said before each query.", "primary"),
    Setting("FARTHING_ATHENA_DATABASE", "athena_database", "athena_database", _glue_name, "The Glue database in which the engine athena keeps its table.", "farthing"),
    Setting("FARTHING_ATHENA_OUTPUT", "athena_output", "athena_output", _s3_url, "Where Athena writes results if the workgroup does not say: an s3:// URL.", "athena/ in the ledger's bucket"),
    Setting("FARTHING_ATHENA_PRICE", "athena_price", "athena_price", _amount, "What Athena takes for a TB scanned, in USD; it differs by region.", "5"),
    Setting("FARTHING_TODAY", "today", "", _day, "Pins the date (the time of day goes on), for trials on recorded or simulated data."),
)  # fmt: skip

TABLES = ("allocations", "budgets", "credits")
"""Arrays of tables in farthing.toml that are kept as they stand there until something uses them."""

_KEYS = {setting.key: setting for setting in SETTINGS if setting.key}


TYPING_ERROR = 0.85
"""Likeness (0 to 1) from which on a name is taken for a mistyped one."""


def nearest(text: str, known: "tuple[str, ...] | list[str]", cutoff: float = 0.6) -> str:
    """' (did you mean X?)' for the known name nearest to a wrong one, '' if none is at least ``cutoff`` alike."""
    near = difflib.get_close_matches(text, known, n=1, cutoff=cutoff)
    return f" (did you mean {near[0]}?)" if near else ""


def load(
    environment: Mapping[str, str],
    toml: str | None = None,
    toml_name: str = "farthing.toml",
    *,
    required: tuple[str, ...] = (),
) -> Settings:
    """The settings of this run.

    Args:
        environment: variables, flags already laid over them; an empty value counts as unset.
        toml: the text of farthing.toml, None if there is none.
        toml_name: its name, for errors.
        required: names of settings without which this run makes no sense.

    Raises:
        SettingsError: with every wrong or missing setting, a sentence each.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    values["toml_name"] = toml_name
    for key, value in _parse_toml(toml, toml_name, problems).items():
        if key == "thresholds":
            values["thresholds"] = parse_rules(value, toml_name, problems)
        elif key in TABLES:
            values[key] = tuple(value) if isinstance(value, list) else (value,)
        elif key in _KEYS:
            _take(_KEYS[key], _as_text(value), f"{key} in {toml_name}", values, problems)
        else:
            problems.append(f"{toml_name} has an unknown key {key!r}{nearest(key, [*_KEYS, 'thresholds', *TABLES])}")
    for setting in SETTINGS:
        text = environment.get(setting.name, "").strip()
        if text:
            _take(setting, text, setting.name, values, problems)
        elif setting.name in required and setting.field not in values:
            problems.append(f"{setting.name} is not set: {setting.meaning}")
    if problems:
        raise SettingsError(problems)
    return Settings(**values)


def unknown(environment: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that is nearly a setting's name: a typing error would otherwise go unseen.

    Other FARTHING_ variables may be somebody else's and are none of farthing's business.
    """
    known = [*(setting.name for setting in SETTINGS), "FARTHING_CONFIG"]
    strangers = sorted(name for name in environment if name.startswith("FARTHING_") and name not in known)
    hints = [(name, nearest(name, known, TYPING_ERROR)) for name in strangers]
    return [f"{name} is no setting and was ignored{hint}" for name, hint in hints if hint]


def _parse_toml(text: str | None, name: str, problems: list[str]) -> dict[str, Any]:
    try:
        # Numbers stay the decimals that were typed.
        return tomllib.loads(text, parse_float=Decimal) if text else {}
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{name} is not valid TOML: {error}")
        return {}


def _as_text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _take(setting: Setting, text: str, where: str, values: dict[str, Any], problems: list[str]) -> None:
    try:
        values[setting.field] = setting.parse(text)
    except (ValueError, RuntimeError, AmountError) as error:
        problems.append(f"{where} {error}")
        values.pop(setting.field, None)
