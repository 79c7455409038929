"""A message as Slack's blocks. Pure.

Slack's limits (https://docs.slack.dev/reference/block-kit/blocks): 50 blocks, header 150 characters, section text 3000,
ten fields of 2000, ten context elements. Whatever the input, a message stays within them and says what it left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from farthing.alerts.rendering.found import actions, found_fields, month_note
from farthing.alerts.rendering.links import link_of
from farthing.alerts.rendering.plain import ACT, LOOK, basis, headings, on_day, plain_text
from farthing.alerts.rendering.sentences import (
    DAYS_LISTED,
    NAME_LIMIT,
    certainty,
    clipped,
    credits_note,
    day_line,
    includes,
    percent,
    row_line,
    title,
    usual_note,
)
from farthing.alerts.rendering.trial import SAMPLE, first_words, test_text
from farthing.model import COST_BEFORE_CREDITS, SUMMARY, Alert
from farthing.signals.thresholds import KIND as THRESHOLD
from farthing.wording import day_name, money, several, shortened

HEADER_LIMIT = 150
SECTION_LIMIT = 3000
FIELD_LIMIT = 2000
TEXT_LIMIT = 3500
"""Characters of the plain-text fallback; Slack cuts a message's text at 4000 for display."""


class SlackMessage(msgspec.Struct, frozen=True):
    """A message for Slack: ``text`` is what notifications and clients without blocks show."""

    text: str
    blocks: tuple[Mapping[str, Any], ...]


def slack_message(alerts: Sequence[Alert], environment: str, dashboard: str = "") -> SlackMessage:
    """One message about alerts of one rule, oldest first; the newest day is broken down, each day is named.

    With the address of a ``dashboard`` it links to what it is about.
    """
    newest = alerts[-1]
    header = shortened(f"{_mark(environment)}{title(alerts)}", HEADER_LIMIT)
    blocks: list[Mapping[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": header}}]
    if newest.kind != THRESHOLD:
        certain = f" {certainty(newest).capitalize()}." if newest.kind == SUMMARY else ""
        blocks.append(_section([_escaped(f"{newest.reason}.{certain}")]))
    if newest.kind != SUMMARY:
        blocks.append(_fields(newest))
    if len(alerts) > 1 and newest.kind != SUMMARY:
        days = [f"• {_escaped(day_line(alert))}" for alert in reversed(alerts[-DAYS_LISTED:])]
        if len(alerts) > DAYS_LISTED:
            days.append(f"… and {several(len(alerts) - DAYS_LISTED, 'earlier day')}")
        blocks.append(_section(["*All its days*", *days]))
    if newest.cause:
        blocks.append(_section([_escaped(newest.cause)]))
    for heading, rows in zip(headings(newest), (newest.services, newest.accounts), strict=True):
        if rows:
            lines = [
                f"• {row_line(row, newest.currency, f'*{_escaped(shortened(row.name, NAME_LIMIT))}*', basis(newest))}"
                for row in rows
            ]
            blocks.append(_section([f"*{heading}*{on_day(newest)}", *lines]))
    if month_note(newest):
        blocks.append(_section([_escaped(month_note(newest))]))
    if link := link_of(newest, dashboard):
        blocks.append(_section([f"<{_escaped(link)}|{LOOK}>"]))
    if actions(newest):
        blocks.append(_section([ACT, *(f"`{_escaped(action)}`" for action in actions(newest))]))
    notes = [f"Environment: {environment}", credits_note(newest), usual_note(newest), includes(newest)]
    blocks.append({"type": "context", "elements": [_markdown(_escaped(note), FIELD_LIMIT) for note in notes if note]})
    return SlackMessage(
        _escaped(clipped(plain_text(alerts, environment, dashboard).splitlines(), TEXT_LIMIT)), tuple(blocks)
    )


def _fields(alert: Alert) -> Mapping[str, Any]:
    spent = "Spent before credits" if alert.metric == COST_BEFORE_CREDITS else "Spent"
    fields = [
        ("Day", day_name(alert.day)),
        (spent, money(alert.actual, alert.currency)),
        ("Threshold", f"{money(alert.threshold, alert.currency)} ({alert.rule})"),
        ("Over by", f"{money(alert.overage, alert.currency)}{percent(alert)}"),
        ("Looks at", str(alert.scope)),
    ]
    fields = [*(fields if alert.kind == THRESHOLD else found_fields(alert)), ("State", certainty(alert))]
    return {
        "type": "section",
        "fields": [_markdown(f"*{name}*\n{_escaped(text)}", FIELD_LIMIT) for name, text in fields],
    }


def slack_test_message(environment: str) -> SlackMessage:
    """The test message for Slack."""
    text = _escaped(test_text(environment))
    sample = slack_message([SAMPLE], environment)
    return SlackMessage(text, (_section([_escaped(first_words(environment))]), *sample.blocks))


def _mark(environment: str) -> str:
    return "" if environment == "prod" else f"[{environment}] "


def _section(lines: Sequence[str]) -> Mapping[str, Any]:
    return {"type": "section", "text": _markdown(clipped(lines, SECTION_LIMIT), SECTION_LIMIT)}


def _markdown(text: str, most: int) -> Mapping[str, Any]:
    return {"type": "mrkdwn", "text": shortened(text, most)}


def _escaped(text: str) -> str:
    """Slack's three control characters, so that a service's or an account's name stays a name."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
