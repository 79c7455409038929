"""What a message says of an incident, a budget, credits, a restatement: all that is no threshold. Pure."""

from collections.abc import Sequence
from decimal import Decimal

from farthing.model import BILLED_COST, Alert, exact_difference, exact_sum
from farthing.wording import day_name, money, several, signed

ANOMALY = "anomaly"
BUDGET = "budget"
RESTATEMENT = "restatement"

NAMES = {ANOMALY: "Unusual cost", BUDGET: "Budget", "credits": "Credits", RESTATEMENT: "Restated cost"}
"""How a message of each kind begins."""

ID_LENGTH = 12
"""Digits of an incident's id that people are given: enough to tell any of a ledger's apart."""

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def found_title(alerts: Sequence[Alert]) -> str:
    """The message in one line."""
    newest = alerts[-1]
    if newest.kind == ANOMALY:
        again = " (grown since it was first told)" if newest.repeated else ""
        return f"{scope_of(newest)}: {excess(newest)}{again}"
    name = NAMES.get(newest.kind, newest.kind.capitalize())
    if newest.kind == RESTATEMENT:
        change = exact_sum(alert.overage for alert in alerts)
        days = day_name(newest.day) if len(alerts) == 1 else several(len(alerts), "settled day")
        return f"{name}: {signed(change)} {newest.currency} on {days}"
    return f"{name} {newest.rule}: {money(newest.actual, newest.currency)}{_against(newest)}"


def _against(alert: Alert) -> str:
    """A budget's mark; credits have none that says anything."""
    return f", over {money(alert.threshold, alert.currency)}" if alert.kind == BUDGET else ""


def scope_of(alert: Alert) -> str:
    """What it is about; an incident in several services of several accounts has no one name."""
    everything = alert.scope.service_name is None and alert.scope.sub_account_id is None
    if everything and alert.incident is not None:
        return several(len(alert.incident.root_cause), "service") + " in several accounts"
    return str(alert.scope)


def excess(alert: Alert) -> str:
    """An incident's excess: '300.00 USD (+42.0 %) over the expected 700.00 USD a day'."""
    expected = alert.expected or Decimal(0)
    amount = exact_difference(alert.actual, expected)
    percent = f" ({amount / expected * 100:+,.1f} %)" if expected > 0 else ""
    side = "over" if amount > 0 else "under"
    return f"{money(abs(amount), alert.currency)}{percent} {side} the expected {money(expected, alert.currency)} a day"


def found_line(alert: Alert) -> str:
    """One of several in one message."""
    if alert.kind == ANOMALY:
        return f"{day_name(alert.about)}: {money(alert.actual, alert.currency)}, {excess(alert)}"
    return alert.reason


def found_fields(alert: Alert) -> list[tuple[str, str]]:
    """The figures that matter, each with its name."""
    currency = alert.currency
    if alert.kind == ANOMALY:
        band = ""
        if alert.lower is not None and alert.upper is not None:
            band = f" ({money(alert.lower, currency)} to {money(alert.upper, currency)} is usual)"
        known = alert.incident
        since = day_name(known.first_day if known else alert.day)
        days = f" ({several((alert.about - (known.first_day if known else alert.day)).days + 1, 'day')})"
        return [
            (f"Spent on {day_name(alert.about)}", money(alert.actual, currency)),
            ("Expected", f"{money(alert.expected or Decimal(0), currency)}{band}"),
            ("Kind", known.kind if known else alert.kind),
            ("Since", f"{since}{days}"),
            ("Looks at", scope_of(alert)),
        ]
    if alert.kind == RESTATEMENT:
        return [
            ("Day", day_name(alert.day)),
            ("Now", money(alert.actual, currency)),
            ("When it had settled", money(alert.threshold, currency)),
            ("Change", f"{signed(alert.overage)} {currency}"),
            ("Looks at", str(alert.scope)),
        ]
    return [
        ("As of", day_name(alert.about)),
        ("Amount", money(alert.actual, currency)),
        ("Mark", f"{money(alert.threshold, currency)} ({alert.rule})"),
        ("Period from" if alert.kind == BUDGET else "Since", day_name(alert.day)),
        ("Looks at", str(alert.scope)),
    ]


def month_note(alert: Alert) -> str:
    """What it means by the end of the month, with and without it where a forecast is there; '' if nobody knows."""
    month = f"{MONTHS[alert.about.month - 1]} {alert.about.year}"
    share = alert.month_end if alert.incident is not None else None
    if alert.forecast is None:
        return f"By the end of {month} this makes {signed(share)} {alert.currency}." if share else ""
    forecast, currency = alert.forecast, alert.currency
    metric = "" if alert.forecast_metric in ("", BILLED_COST) else f" ({alert.forecast_metric})"
    without = ""
    if share:
        rest = money(exact_difference(forecast.mean, share), currency)
        without = f"; {rest} without this, which makes {signed(share)} {currency}"
    return (
        f"All of {month}{metric} is expected to come to {money(forecast.mean, currency)}, in 8 of 10 cases "
        f"{money(forecast.lo80, currency)} to {money(forecast.hi80, currency)}{without}."
    )


def actions(alert: Alert) -> list[str]:
    """What somebody may do about an incident, as commands."""
    if alert.incident is None:
        return []
    id_ = alert.incident.id[:ID_LENGTH]
    return [
        f"farthing anomalies ack {id_}",
        f"farthing anomalies mute {id_} --until DAY",
        f"farthing anomalies expected {id_} --until DAY",
        f"farthing anomalies not-an-anomaly {id_}",
    ]
