"""A message as text: for the terminal, SNS, and where Slack shows no blocks. Pure."""

from collections.abc import Sequence

from farthing.alerts.rendering.found import actions, found_fields, month_note
from farthing.alerts.rendering.links import link_of
from farthing.alerts.rendering.sentences import (
    DAYS_LISTED,
    NAME_LIMIT,
    certainty,
    credits_note,
    day_line,
    includes,
    row_line,
    title,
    usual_note,
)
from farthing.model import SUMMARY, Alert
from farthing.signals.thresholds import KIND as THRESHOLD
from farthing.wording import day_name, several, shortened


def plain_text(alerts: Sequence[Alert], environment: str, dashboard: str = "") -> str:
    """The whole message as text; with the address of a ``dashboard`` it links to what it is about."""
    newest = alerts[-1]
    lines = [f"[{environment}] {title(alerts)}", ""]
    lines += _body(alerts)
    for heading, rows in (
        (headings(newest)[0] + on_day(newest), newest.services),
        (headings(newest)[1], newest.accounts),
    ):
        if rows:
            lines += ["", f"{heading}:"]
            lines += [
                f"  {row_line(row, newest.currency, shortened(row.name, NAME_LIMIT), basis(newest))}" for row in rows
            ]
    if month_note(newest):
        lines += ["", month_note(newest)]
    if link := link_of(newest, dashboard):
        lines += ["", f"{LOOK}: {link}"]
    if actions(newest):
        lines += ["", ACT, *(f"  {action}" for action in actions(newest))]
    lines += ["", *filter(None, [credits_note(newest), usual_note(newest), includes(newest)])]
    return "\n".join(lines)


LOOK = "Look into it"
ACT = "Known already, or meant to be?"


def headings(alert: Alert) -> tuple[str, str]:
    """What the two breakdowns are called."""
    return ("By service" if alert.kind in (THRESHOLD, SUMMARY) else "Root cause"), "By account"


def basis(alert: Alert) -> str:
    """What the parts are compared with."""
    return "usual" if alert.kind in (THRESHOLD, SUMMARY) else "expected"


def on_day(alert: Alert) -> str:
    """Of which day a breakdown is, where its heading does not say it otherwise."""
    return f" on {day_name(alert.day)}" if alert.kind in (THRESHOLD, SUMMARY) else ""


def _body(alerts: Sequence[Alert]) -> list[str]:
    newest = alerts[-1]
    if newest.kind == SUMMARY:
        lines = [f"{newest.reason}. {certainty(newest).capitalize()}."]
    elif newest.kind == THRESHOLD or len(alerts) > 1:
        lines = [day_line(alert) for alert in reversed(alerts[-DAYS_LISTED:])]
    else:
        lines = [f"{newest.reason}.", ""]
        lines += [f"{name}: {text}" for name, text in found_fields(newest)]
        lines.append(f"State: {certainty(newest)}")
    if len(alerts) > DAYS_LISTED:
        lines.append(f"… and {several(len(alerts) - DAYS_LISTED, 'earlier day')}")
    said = newest.cause or (f"{newest.reason}." if newest.kind == THRESHOLD else "")
    return [*lines, *(["", said] if said else [])]
