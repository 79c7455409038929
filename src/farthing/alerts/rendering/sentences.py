"""The sentences of which every message is made, whatever carries it. Pure."""

import unicodedata
from collections.abc import Iterable, Sequence

from farthing.alerts.rendering.found import found_line, found_title
from farthing.model import (
    COST_BEFORE_CREDITS,
    EFFECTIVE_COST,
    SUMMARY,
    Alert,
    BreakdownRow,
    exact_difference,
    exact_sum,
    percent_of,
)
from farthing.signals.thresholds import KIND as THRESHOLD
from farthing.wording import day_name, money, several, signed

NAME_LIMIT = 80
DAYS_LISTED = 15


def title(alerts: Sequence[Alert]) -> str:
    """The message in one line: what, how much, over what."""
    newest = alerts[-1]
    where = "" if newest.scope.service_name is None and newest.scope.sub_account_id is None else f" for {newest.scope}"
    if newest.kind == SUMMARY:
        return f"AWS cost {money(newest.actual, newest.currency)} on {day_name(newest.day)}"
    if newest.kind != THRESHOLD:
        return found_title(alerts)
    what = cost(newest)
    if len(alerts) > 1:
        over = money(exact_sum(alert.overage for alert in alerts), newest.currency)
        return f"{what} over its threshold on {several(len(alerts), 'day')}{where}, {over} in all"
    again = " (grown since it was first seen)" if newest.repeated else ""
    return f"{what} {money(newest.overage, newest.currency)}{percent(newest)} over its threshold{where}{again}"


def cost(alert: Alert) -> str:
    """What was judged."""
    return "AWS cost before credits" if alert.metric == COST_BEFORE_CREDITS else "AWS cost"


def percent(alert: Alert) -> str:
    """By how much it is over, as an appendix."""
    return "" if alert.overage_percent is None else f" ({alert.overage_percent:+,.1f} %)"


def certainty(alert: Alert) -> str:
    """How far the figure may still move."""
    if alert.provisional:
        return "provisional: the day is still filling up, the figure may rise"
    return "estimated: AWS has not invoiced the month yet" if alert.estimated else "settled"


def includes(alert: Alert) -> str:
    """What the figure has in it."""
    simulated = " Simulated figures, no real bill." if alert.source_kind == "simulated" else ""
    if alert.metric == EFFECTIVE_COST:
        return (
            f"EffectiveCost: fees of reservations and savings plans are spread over the days they are for.{simulated}"
        )
    if alert.kind not in (THRESHOLD, SUMMARY):
        return f"{alert.metric}: what will be paid, net of discounts, credits and refunds.{simulated}"
    if alert.metric == COST_BEFORE_CREDITS:
        return (
            "BilledCost of the UTC day without its credits and refunds: net of discounts, with taxes, support and "
            f"one-off fees on the day they are billed.{simulated}"
        )
    return (
        "BilledCost of the UTC day: what will be paid, net of discounts, credits and refunds; with taxes, support and "
        f"one-off fees on the day they are billed.{simulated}"
    )


def credits_note(alert: Alert) -> str:
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


def day_line(alert: Alert) -> str:
    """One day of a message, or one thing of several, in a line."""
    if alert.kind != THRESHOLD:
        return f"{found_line(alert)}; {certainty(alert)}"
    return (
        f"{day_name(alert.day)}: {money(alert.actual, alert.currency)}, {money(alert.overage, alert.currency)}"
        f"{percent(alert)} over {money(alert.threshold, alert.currency)}; {certainty(alert)}"
    )


def row_line(row: BreakdownRow, currency: str, name: str, against: str = "usual") -> str:
    """A part of the amount against its usual, or against what was expected of it."""
    text = f"{name}: {money(row.amount, currency)}"
    if row.change is None or row.usual is None:
        return f"{text} (no earlier weeks to compare with)"
    percent = percent_of(row.change, row.usual)
    if not row.change:
        return f"{text} (as {against})"
    if not row.usual:
        # A tax or a fee comes once a month: what no such weekday had is not new for that.
        nothing = "usually nothing" if against == "usual" else f"nothing {against}"
        return f"{text} ({signed(row.change)}, {nothing})"
    by = f", {percent:+,.1f} %" if percent is not None else ""
    return f"{text} ({signed(row.change)}{by} against {against})"


def usual_note(alert: Alert) -> str:
    """What usual means."""
    if alert.kind not in (THRESHOLD, SUMMARY):
        return ""
    if all(row.usual is None for row in alert.services):
        return ""
    return f"Usual: the median of the last {alert.day:%A}s (up to 4)."


def clipped(lines: Iterable[str], most: int) -> str:
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


def clean(text: str) -> str:
    """Text without control characters, which a queue that takes messages raw refuses."""
    return "".join(" " if unicodedata.category(letter) in ("Cc", "Cs", "Cn") else letter for letter in text)
