"""Which breaches of thresholds become alerts, which are only recorded; and the message of a quiet day. Pure."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from farthing.alerts.policy.situation import REPEAT_FACTOR, Situation, alert_id
from farthing.model import (
    BILLED_COST,
    SUMMARY,
    ZERO,
    Alert,
    DailyReport,
    Delivery,
    Scope,
    exact_difference,
    is_filling,
    percent_of,
)
from farthing.signals.thresholds import KIND, Breach, DayAmounts, breakdown, largest_rise, usual_of
from farthing.wording import money, signed

SUMMARY_RULE = "daily-summary"


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
    metric: str = BILLED_COST,
    taken_off: Decimal | None = None,
    repeated: bool = False,
) -> Alert:
    """The alert that a breach becomes, with one pending (or suppressed) delivery for each channel.

    Args:
        breach: the breach.
        report: its day; before credits where ``metric`` says so.
        history: earlier days, in the same metric.
        situation: what the policy knows of the run.
        metric: what was judged.
        taken_off: what credits and refunds took off the day, None where unknown.
        repeated: it is told once more, because it has grown.
    """
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
        metric=metric,
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
        accounts=breakdown(report, breach.scope, history, by_account=True) if metric == BILLED_COST else (),
        source_kind=report.source.kind,
        created_at=situation.now,
        deliveries=dict.fromkeys(situation.channels, delivery),
        credits=taken_off,
    )


def summary_for(
    report: DailyReport,
    history: Mapping[date, DayAmounts],
    situation: Situation,
    *,
    month_to_date: Decimal,
    days_known: int,
    watched: bool,
) -> Alert:
    """The message of a quiet day; it goes through the outbox like an alert, so that it is sent once.

    Args:
        report: the newest day.
        history: earlier days.
        situation: what the policy knows of the run.
        month_to_date: the sum from the first of the day's month to the day.
        days_known: of how many days it is the sum.
        watched: whether there is a threshold at all.
    """
    scope = Scope()
    usual = usual_of(report, scope, history)
    against = ""
    if usual is not None:
        amount, days = usual
        change = exact_difference(report.total(), amount)
        percent = percent_of(change, amount)
        by = f" ({percent:+,.1f} %)" if percent is not None else ""
        against = (
            f", {signed(change)}{by} against the usual {money(amount, report.currency)} "
            f"(median of {days} {report.date:%A}s before)"
        )
    lacking = f" ({days_known} of {report.date.day} days are known)" if days_known < report.date.day else ""
    verdict = "nothing on this day is over a threshold" if watched else "no threshold is set"
    return Alert(
        id=alert_id(SUMMARY, SUMMARY_RULE, scope, report.date),
        kind=SUMMARY,
        rule=SUMMARY_RULE,
        scope=scope,
        day=report.date,
        currency=report.currency,
        metric=BILLED_COST,
        actual=report.total(),
        threshold=ZERO,
        overage=ZERO,
        overage_percent=None,
        estimated=report.estimated,
        provisional=is_filling(report.date, situation.now),
        repeated=False,
        reason=(
            f"{money(report.total(), report.currency)} on {report.date}{against}; "
            f"{money(month_to_date, report.currency)} since the first of the month{lacking}; {verdict}"
        ),
        cause=largest_rise(report, scope, history),
        services=breakdown(report, scope, history, by_account=False),
        accounts=breakdown(report, scope, history, by_account=True),
        source_kind=report.source.kind,
        created_at=situation.now,
        deliveries=dict.fromkeys(situation.channels, Delivery("pending", situation.now, situation.run_id)),
    )


def may_repeat(before: Alert, breach: Breach) -> bool:
    """Whether a breach that was sent (or only recorded) is worth one more word: its overage has doubled since.

    Measured from the threshold of then: a threshold that was lowered makes no cost grow.
    """
    grown = exact_difference(breach.actual, before.threshold)
    return before.state in ("sent", "suppressed") and before.overage > 0 and grown >= REPEAT_FACTOR * before.overage
