"""The policy: which breaches become alerts, which are only recorded. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import msgspec

from farthing.model import BILLED_COST, Alert, DailyReport, Delivery, Scope, exact_difference, is_filling
from farthing.signals.thresholds import KIND, Breach, DayAmounts, breakdown, largest_rise

REPEAT_FACTOR = 2
"""An overage that grows to this many times what was sent may be told once more."""


def alert_id(kind: str, rule: str, scope: Scope, day: date, *, repeated: bool = False) -> str:
    """The name of an alert: the same breach has the same id in every run, so it is created and sent once."""
    parts = [kind, rule, scope.service_name or "", scope.sub_account_id or "", day.isoformat()]
    if repeated:
        parts.append("repeated")
    # A separator that cannot stand in any part keeps ("a", "bc") and ("ab", "c") apart.
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


class Situation(msgspec.Struct, frozen=True):
    """What the policy knows of the run.

    Attributes:
        now: the run's time, UTC.
        run_id: the run.
        channels: the channels that alerts go to.
        newest_day: the newest day that the run has.
        max_age_days: days older than this are only recorded.
        first_since: the start of the ledger's first daily run while that is still under way, else None.
    """

    now: datetime
    run_id: str
    channels: tuple[str, ...]
    newest_day: date
    max_age_days: int
    first_since: datetime | None = None


def suppression(report: DailyReport, situation: Situation) -> str | None:
    """Why a day's alerts are only recorded, None if they are sent."""
    oldest = situation.now.date() - timedelta(days=situation.max_age_days)
    if report.date < oldest:
        return f"older than {situation.max_age_days} days"
    # The first run on a ledger sees a whole window of days at once: only the newest is news, or one that was restated
    # since that run began.
    if situation.first_since is not None and report.date != situation.newest_day:
        restated = bool(report.revisions) and report.collected_at >= situation.first_since
        if not restated:
            return "before the first daily run"
    return None


def alert_for(
    breach: Breach,
    report: DailyReport,
    history: Mapping[date, DayAmounts],
    situation: Situation,
    *,
    repeated: bool = False,
) -> Alert:
    """The alert that a breach becomes, with one pending (or suppressed) delivery for each channel."""
    why_not = suppression(report, situation)
    delivery = Delivery(
        state="suppressed" if why_not else "pending", at=situation.now, by=situation.run_id, reason=why_not
    )
    return Alert(
        id=alert_id(KIND, breach.rule.name, breach.scope, breach.day, repeated=repeated),
        kind=KIND,
        rule=breach.rule.name,
        scope=breach.scope,
        day=breach.day,
        currency=breach.currency,
        metric=BILLED_COST,
        actual=breach.actual,
        threshold=breach.threshold,
        overage=breach.overage,
        overage_percent=breach.overage_percent,
        estimated=report.estimated,
        provisional=is_filling(report.date, situation.now),
        repeated=repeated,
        reason=breach.reason,
        cause=largest_rise(report, breach.scope, history),
        services=breakdown(report, breach.scope, history, by_account=False),
        accounts=breakdown(report, breach.scope, history, by_account=True),
        source_kind=report.source.kind,
        created_at=situation.now,
        deliveries=dict.fromkeys(situation.channels, delivery),
    )


def may_repeat(before: Alert, breach: Breach) -> bool:
    """Whether a breach that was sent (or only recorded) is worth one more word: its overage has doubled since.

    Measured from the threshold of then: a threshold that was lowered makes no cost grow.
    """
    grown = exact_difference(breach.actual, before.threshold)
    return before.state in ("sent", "suppressed") and before.overage > 0 and grown >= REPEAT_FACTOR * before.overage


def grouped(alerts: Iterable[Alert]) -> list[tuple[Alert, ...]]:
    """The messages of a run on one channel: one for each rule, all its days in it, oldest first."""
    groups: dict[tuple[str, str, Scope, str], list[Alert]] = {}
    for alert in sorted(alerts, key=lambda alert: (alert.day, alert.repeated)):
        groups.setdefault((alert.kind, alert.rule, alert.scope, alert.currency), []).append(alert)
    return [tuple(group) for group in groups.values()]
