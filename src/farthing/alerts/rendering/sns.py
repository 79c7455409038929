"""A message of SNS. Pure.

SNS's limits (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html): a subject of less than 100 characters,
256 KiB of message and attributes, ten attributes where a queue takes messages raw. Whatever the input, a message stays
within them and says what it left out.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any

import msgspec

from farthing.alerts.rendering.plain import plain_text
from farthing.alerts.rendering.sentences import clean, clipped, title
from farthing.alerts.rendering.trial import test_text
from farthing.jsontext import builtins, encode
from farthing.model import Alert, plain
from farthing.wording import several, shortened

SUBJECT_LIMIT = 99
SNS_TEXT_LIMIT = 15_000
"""Characters of at most four bytes. With the alerts as JSON and eight short attributes it stays below 256 KiB."""

SNS_ALERTS_LIMIT = 120_000
"""Bytes of the alerts as JSON."""

LINE_LIMIT = 1_000
ATTRIBUTE_LIMIT = 200
"""Characters, of a line of text and of an attribute."""

ROOM = 4
"""Times a limit that is looked at: what is not printed may take some of it."""

LARGEST_FILTERED = Decimal(10**9)
"""SNS compares numbers up to it, with five decimals."""

NOTIFICATION_SCHEMA = "farthing.notification/1"


class SnsMessage(msgspec.Struct, frozen=True):
    """A message for SNS; ``attributes`` are by name (data type, value)."""

    subject: str
    text: str
    attributes: Mapping[str, tuple[str, str]]


def sns_message(alerts: Sequence[Alert], environment: str, dashboard: str = "") -> SnsMessage:
    """One message about alerts of one rule, oldest first.

    The text is for people. The attributes are what a subscription's filter policy goes by, of the newest day;
    ``overage`` is the largest of all. ``alerts`` is everything as JSON, newest first, for programs.
    With the address of a ``dashboard`` the text links to what it is about.
    """
    newest = alerts[-1]
    overage = min(max(alert.overage for alert in alerts), LARGEST_FILTERED)
    words = {
        "kind": newest.kind,
        "rule": newest.rule,
        "environment": environment,
        "service": newest.scope.service_name,
        "account": newest.scope.sub_account_id,
        "currency": newest.currency,
        "day": newest.day.isoformat(),
        "provisional": "true" if newest.provisional else "false",
    }
    lines = {name: _short(text, ATTRIBUTE_LIMIT) for name, text in words.items() if text}
    attributes = {name: ("String", line) for name, line in lines.items() if line}
    # For comparisons only, so a rounding is meant here; the exact amount is in the alerts.
    rounded = Context(prec=76, rounding=ROUND_DOWN).quantize(overage, Decimal("0.00001"))
    attributes["overage"] = ("Number", plain(rounded))
    attributes["alerts"] = ("String", _notification(alerts, environment))
    text = (
        shortened(clean(line[: LINE_LIMIT + 1]), LINE_LIMIT)
        for line in plain_text(alerts, environment, dashboard).split("\n")
    )
    return SnsMessage(_subject(f"[{environment}] {title(alerts)}"), clipped(text, SNS_TEXT_LIMIT), attributes)


def sns_test_message(environment: str) -> SnsMessage:
    """The test message for SNS."""
    attributes = {"kind": ("String", "test"), "environment": ("String", environment)}
    return SnsMessage(_subject(f"[{environment}] farthing: a test message"), test_text(environment), attributes)


def _subject(text: str) -> str:
    """Printable ASCII of bounded length; an accent is left out, what has no such letter becomes a question mark."""
    letters = (
        letter
        for letter in unicodedata.normalize("NFKD", clean(text[: ROOM * SUBJECT_LIMIT]))
        if not unicodedata.combining(letter)
    )
    line = " ".join("".join(letter if " " <= letter <= "~" else "?" for letter in letters).split())
    return line if len(line) <= SUBJECT_LIMIT else line[: SUBJECT_LIMIT - 3].rstrip() + "..."


def _short(text: str, most: int) -> str:
    """A line of bounded length. Of an endless text only the beginning is looked at, letter by letter."""
    return shortened(clean(text.lstrip()[: ROOM * most]).strip(), most)


def _notification(alerts: Sequence[Alert], environment: str) -> str:
    """The alerts as JSON, newest first: as many whole ones as fit, the newest without its breakdown if need be."""
    told = [_told(alert) for alert in reversed(alerts)]
    left_out = []
    if len(encode(told[0])) > SNS_ALERTS_LIMIT // 2:
        told[0] |= {"services": [], "accounts": []}
        left_out.append("the breakdown of the newest day")
    kept: list[Any] = []
    room = SNS_ALERTS_LIMIT - ATTRIBUTE_LIMIT
    for one in told:
        room -= len(encode(one)) + 1
        if room < 0:
            break
        kept.append(one)
    if len(kept) < len(told):
        left_out.append(several(len(told) - len(kept), "earlier alert"))
    document = {
        "schema": NOTIFICATION_SCHEMA,
        "environment": environment,
        "alerts": kept,
        "left_out": " and ".join(left_out) or None,
    }
    return encode(document).decode()


def _told(alert: Alert) -> dict[str, Any]:
    """An alert as it stands in the outbox, without its deliveries, its texts of bounded length."""
    told: dict[str, Any] = _bounded(builtins(alert))
    del told["deliveries"]
    return told


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return _short(value, LINE_LIMIT)
    if isinstance(value, dict):
        return {key: _bounded(part) for key, part in value.items()}
    return [_bounded(part) for part in value] if isinstance(value, list) else value
