"""What an alert says, in words, in Slack's blocks and as a message of SNS. Pure.

Slack's limits (https://docs.slack.dev/reference/block-kit/blocks): 50 blocks, header 150 characters, section text 3000,
ten fields of 2000, ten context elements. SNS's (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html): a subject
of less than 100 characters, 256 KiB of message and attributes, ten attributes where a queue takes messages raw.
Whatever the input, a message stays within them and says what it left out.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any

import msgspec

from farthing.jsontext import builtins, encode
from farthing.model import (
    COST_BEFORE_CREDITS,
    SUMMARY,
    Alert,
    BreakdownRow,
    exact_difference,
    exact_sum,
    percent_of,
    plain,
)
from farthing.wording import day_name, money, several, shortened, signed

HEADER_LIMIT = 150
SECTION_LIMIT = 3000
FIELD_LIMIT = 2000
TEXT_LIMIT = 3500
"""Characters of the plain-text fallback; Slack cuts a message's text at 4000 for display."""

NAME_LIMIT = 80
DAYS_LISTED = 15

SUBJECT_LIMIT = 99
SNS_TEXT_LIMIT = 15_000
"""Characters of at most four bytes. With the alerts as JSON and eight short attributes it stays below 256 KiB."""

SNS_ALERTS_LIMIT = 120_000
"""Bytes of the alerts as JSON."""

LINE_LIMIT = 1_000
ATTRIBUTE_LIMIT = 200
"""Characters, of a line of text and of an attribute."""

LARGEST_FILTERED = Decimal(10**9)
"""SNS compares numbers up to it, with five decimals."""

NOTIFICATION_SCHEMA = "farthing.notification/1"


class SlackMessage(msgspec.Struct, frozen=True):
    """A message for Slack: ``text`` is what notifications and clients without blocks show."""

    text: str
    blocks: tuple[Mapping[str, Any], ...]


def title(alerts: Sequence[Alert]) -> str:
    """The message in one line: what, how much, over what."""
    newest = alerts[-1]
    where = "" if newest.scope.service_name is None and newest.scope.sub_account_id is None else f" for {newest.scope}"
    if newest.kind == SUMMARY:
        return f"AWS cost {money(newest.actual, newest.currency)} on {day_name(newest.day)}"
    cost = _cost(newest)
    if len(alerts) > 1:
        over = money(exact_sum(alert.overage for alert in alerts), newest.currency)
        return f"{cost} over its threshold on {several(len(alerts), 'day')}{where}, {over} in all"
    again = " (grown since it was first seen)" if newest.repeated else ""
    return f"{cost} {money(newest.overage, newest.currency)}{_percent(newest)} over its threshold{where}{again}"


def _cost(alert: Alert) -> str:
    return "AWS cost before credits" if alert.metric == COST_BEFORE_CREDITS else "AWS cost"


def _percent(alert: Alert) -> str:
    return "" if alert.overage_percent is None else f" ({alert.overage_percent:+,.1f} %)"


def _certainty(alert: Alert) -> str:
    if alert.provisional:
        return "provisional: the day is still filling up, the figure may rise"
    return "estimated: AWS has not invoiced the month yet" if alert.estimated else "settled"


def _includes(alert: Alert) -> str:
    simulated = " Simulated figures, no real bill." if alert.source_kind == "simulated" else ""
    if alert.metric == COST_BEFORE_CREDITS:
        return (
            "BilledCost of the UTC day without its credits and refunds: net of discounts, with taxes, support and "
            f"one-off fees on the day they are billed.{simulated}"
        )
    return (
        "BilledCost of the UTC day: what will be paid, net of discounts, credits and refunds; with taxes, support and "
        f"one-off fees on the day they are billed.{simulated}"
    )


def _credits_note(alert: Alert) -> str:
    """Net and gross of the whole day, where both are known and differ."""
    if not alert.credits or alert.scope.service_name or alert.scope.sub_account_id:
        return ""
    before = alert.metric == COST_BEFORE_CREDITS
    gross = alert.actual if before else exact_difference(alert.actual, alert.credits)
    net = exact_sum([alert.actual, alert.credits]) if before else alert.actual
    within = ", which is within the threshold" if before and net <= alert.threshold else ""
    return (
        f"Credits and refunds of {money(alert.credits, alert.currency)}: {money(gross, alert.currency)} before them, "
        f"{money(net, alert.currency)} after{within}."
    )


def _day_line(alert: Alert) -> str:
    return (
        f"{day_name(alert.day)}: {money(alert.actual, alert.currency)}, {money(alert.overage, alert.currency)}"
        f"{_percent(alert)} over {money(alert.threshold, alert.currency)}; {_certainty(alert)}"
    )


def _row_line(row: BreakdownRow, currency: str, name: str) -> str:
    text = f"{name}: {money(row.amount, currency)}"
    if row.change is None or row.usual is None:
        return f"{text} (no earlier weeks to compare with)"
    percent = percent_of(row.change, row.usual)
    if not row.change:
        return f"{text} (as usual)"
    if not row.usual:
        return f"{text} ({signed(row.change)}, new)"
    by = f", {percent:+,.1f} %" if percent is not None else ""
    return f"{text} ({signed(row.change)}{by} against usual)"


def _usual_note(alert: Alert) -> str:
    if all(row.usual is None for row in alert.services):
        return ""
    return f"Usual: the median of the last {alert.day:%A}s (up to 4)."


def _clipped(lines: Iterable[str], most: int) -> str:
    """As many whole lines as fit, and how many did not."""
    lines = list(lines)
    text = "\n".join(lines)
    if len(text) <= most:
        return text
    kept: list[str] = []
    room = most - 40
    for line in lines:
        if room < len(line) + 1:
            break
        kept.append(line)
        room -= len(line) + 1
    return "\n".join([*kept, f"… and {several(len(lines) - len(kept), 'more line')}"])


def plain_text(alerts: Sequence[Alert], environment: str) -> str:
    """The whole message as text: for the terminal, and Slack's fallback."""
    newest = alerts[-1]
    quiet = newest.kind == SUMMARY
    lines = [f"[{environment}] {title(alerts)}", ""]
    if quiet:
        lines.append(f"{newest.reason}. {_certainty(newest).capitalize()}.")
    else:
        lines += [_day_line(alert) for alert in reversed(alerts[-DAYS_LISTED:])]
    if len(alerts) > DAYS_LISTED:
        lines.append(f"… and {several(len(alerts) - DAYS_LISTED, 'earlier day')}")
    said = newest.cause or ("" if quiet else newest.reason + ".")
    lines += ["", said] if said else []
    for heading, rows in (
        (f"By service on {day_name(newest.day)}:", newest.services),
        ("By account:", newest.accounts),
    ):
        if rows:
            lines += ["", heading]
            lines += [f"  {_row_line(row, newest.currency, shortened(row.name, NAME_LIMIT))}" for row in rows]
    lines += ["", *filter(None, [_credits_note(newest), _usual_note(newest), _includes(newest)])]
    return "\n".join(lines)


def slack_message(alerts: Sequence[Alert], environment: str) -> SlackMessage:
    """One message about alerts of one rule, oldest first; the newest day is broken down, each day is named."""
    newest = alerts[-1]
    spent = "Spent before credits" if newest.metric == COST_BEFORE_CREDITS else "Spent"
    fields = [
        ("Day", day_name(newest.day)),
        (spent, money(newest.actual, newest.currency)),
        ("Threshold", f"{money(newest.threshold, newest.currency)} ({newest.rule})"),
        ("Over by", f"{money(newest.overage, newest.currency)}{_percent(newest)}"),
        ("Looks at", str(newest.scope)),
        ("State", _certainty(newest)),
    ]
    blocks: list[Mapping[str, Any]] = [
        {
            "type": "header",
            "text": {
                "type": "plain_text",
                "text": shortened(f"{_mark(environment)}{title(alerts)}", HEADER_LIMIT),
            },
        },
        _section([_escaped(f"{newest.reason}. {_certainty(newest).capitalize()}.")])
        if newest.kind == SUMMARY
        else {
            "type": "section",
            "fields": [_markdown(f"*{name}*\n{_escaped(text)}", FIELD_LIMIT) for name, text in fields],
        },
    ]
    if len(alerts) > 1 and newest.kind != SUMMARY:
        days = [f"• {_escaped(_day_line(alert))}" for alert in reversed(alerts[-DAYS_LISTED:])]
        if len(alerts) > DAYS_LISTED:
            days.append(f"… and {several(len(alerts) - DAYS_LISTED, 'earlier day')}")
        blocks.append(_section(["*All its days*", *days]))
    if newest.cause:
        blocks.append(_section([_escaped(newest.cause)]))
    for heading, rows in (("By service", newest.services), ("By account", newest.accounts)):
        if rows:
            lines = [
                f"• {_row_line(row, newest.currency, f'*{_escaped(shortened(row.name, NAME_LIMIT))}*')}" for row in rows
            ]
            blocks.append(_section([f"*{heading}* on {day_name(newest.day)}", *lines]))
    notes = [f"Environment: {environment}", _credits_note(newest), _usual_note(newest), _includes(newest)]
    blocks.append({"type": "context", "elements": [_markdown(_escaped(note), FIELD_LIMIT) for note in notes if note]})
    return SlackMessage(_escaped(_clipped(plain_text(alerts, environment).splitlines(), TEXT_LIMIT)), tuple(blocks))


def test_text(environment: str) -> str:
    """What a test message says."""
    return f"[{environment}] farthing: this is a test message; nothing is wrong. Cost alerts will arrive here."


test_text.__test__ = False  # type: ignore[attr-defined]  # its name is a message's, not a test's


def slack_test_message(environment: str) -> SlackMessage:
    """The test message for Slack."""
    text = test_text(environment)
    return SlackMessage(text, (_section([_escaped(text)]),))


def _mark(environment: str) -> str:
    return "" if environment == "prod" else f"[{environment}] "


def _section(lines: Sequence[str]) -> Mapping[str, Any]:
    return {"type": "section", "text": _markdown(_clipped(lines, SECTION_LIMIT), SECTION_LIMIT)}


def _markdown(text: str, most: int) -> Mapping[str, Any]:
    return {"type": "mrkdwn", "text": shortened(text, most)}


def _escaped(text: str) -> str:
    """Slack's three control characters, so that a service's or an account's name stays a name."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class SnsMessage(msgspec.Struct, frozen=True):
    """A message for SNS; ``attributes`` are by name (data type, value)."""

    subject: str
    text: str
    attributes: Mapping[str, tuple[str, str]]


def sns_message(alerts: Sequence[Alert], environment: str) -> SnsMessage:
    """One message about alerts of one rule, oldest first.

    The text is for people. The attributes are what a subscription's filter policy goes by, of the newest day;
    ``overage`` is the largest of all. ``alerts`` is everything as JSON, newest first, for programs.
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
    lines = {name: shortened(_line(text), ATTRIBUTE_LIMIT) for name, text in words.items() if text}
    attributes = {name: ("String", line) for name, line in lines.items() if line}
    # For comparisons only, so a rounding is meant here; the exact amount is in the alerts.
    rounded = Context(prec=76, rounding=ROUND_DOWN).quantize(overage, Decimal("0.00001"))
    attributes["overage"] = ("Number", plain(rounded))
    attributes["alerts"] = ("String", _notification(alerts, environment))
    text = (shortened(_clean(line), LINE_LIMIT) for line in plain_text(alerts, environment).split("\n"))
    return SnsMessage(_subject(f"[{environment}] {title(alerts)}"), _clipped(text, SNS_TEXT_LIMIT), attributes)


def sns_test_message(environment: str) -> SnsMessage:
    """The test message for SNS."""
    attributes = {"kind": ("String", "test"), "environment": ("String", environment)}
    return SnsMessage(_subject(f"[{environment}] farthing: a test message"), test_text(environment), attributes)


def _subject(text: str) -> str:
    """Printable ASCII of bounded length; an accent is left out, what has no such letter becomes a question mark."""
    letters = (letter for letter in unicodedata.normalize("NFKD", _clean(text)) if not unicodedata.combining(letter))
    line = " ".join("".join(letter if " " <= letter <= "~" else "?" for letter in letters).split())
    return line if len(line) <= SUBJECT_LIMIT else line[: SUBJECT_LIMIT - 3].rstrip() + "..."


def _clean(text: str) -> str:
    """Text without control characters, which a queue that takes messages raw refuses."""
    return "".join(" " if unicodedata.category(letter) in ("Cc", "Cs", "Cn") else letter for letter in text)


def _line(text: str) -> str:
    return _clean(text).strip()


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
        return shortened(_line(value), LINE_LIMIT)
    if isinstance(value, dict):
        return {key: _bounded(part) for key, part in value.items()}
    return [_bounded(part) for part in value] if isinstance(value, list) else value
