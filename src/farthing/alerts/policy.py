"""The policy: which breaches become alerts, which are only recorded. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec

from farthing.model import (
    BILLED_COST,
    SUMMARY,
    ZERO,
    Alert,
    BreakdownRow,
    DailyReport,
    Delivery,
    Estimate,
    KnownIncident,
    Scope,
    Signal,
    exact_difference,
    exact_sum,
    is_filling,
    percent_of,
)
from farthing.signals.thresholds import (
    BREAKDOWN_ROWS,
    KIND,
    Breach,
    DayAmounts,
    breakdown,
    largest_rise,
    usual_of,
)
from farthing.wording import money, signed

SUMMARY_RULE = "daily-summary"

REPEAT_FACTOR = 2
"""An overage that grows to this many times what was sent may be told once more."""

REPEATING = frozenset({"anomaly"})
"""The kinds of signals that are told once more when they have grown so; a mark of a budget is told once, and a day that
is restated again is told again anyway."""

EXPLAINS = Decimal("0.5")
"""Share of a breach's overage that an incident has to make to be told as its cause, in one message."""

TOLD_WITH = "told with the threshold "
"""How the reason begins why an incident's own alert was suppressed: another message told it."""

MUTED = "muted until "
"""How the reason begins why an alert was suppressed that somebody muted."""


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


def signal_suppression(signal: Signal, situation: Situation) -> str | None:
    """Why a signal's alert is only recorded, None if it is sent."""
    if signal.quiet:
        return signal.quiet
    if signal.day < situation.now.date() - timedelta(days=situation.max_age_days):
        return f"older than {situation.max_age_days} days"
    raised = signal.known.raised_day if signal.known else signal.day
    if situation.first_since is not None and raised < situation.newest_day:
        return "before the signal was first computed"
    return None


def alert_for_signal(
    signal: Signal,
    situation: Situation,
    *,
    estimated: bool,
    source_kind: str,
    why_not: str | None,
    forecast: Estimate | None = None,
    forecast_metric: str = "",
    repeated: bool = False,
) -> Alert:
    """The alert that a signal becomes, with one pending (or suppressed) delivery for each channel.

    Args:
        signal: what was found.
        situation: what the policy knows of the run.
        estimated: whether AWS marked the signal's day Estimated.
        source_kind: where the figures come from.
        why_not: why it is only recorded, None if it is sent.
        forecast: what all costs of the month of the signal's day are expected to come to.
        forecast_metric: of which metric that is.
        repeated: it is told once more, because it has grown.
    """
    delivery = Delivery(
        state="suppressed" if why_not else "pending", at=situation.now, by=situation.run_id, reason=why_not
    )
    return Alert(
        id=alert_id(signal.kind, signal.rule, signal.scope, signal.since, repeated=repeated),
        kind=signal.kind,
        rule=signal.rule,
        scope=signal.scope,
        day=signal.since,
        newest_day=signal.day,
        currency=signal.currency,
        metric=signal.metric,
        actual=signal.actual,
        threshold=signal.threshold,
        overage=signal.overage,
        overage_percent=signal.overage_percent,
        estimated=estimated,
        provisional=is_filling(signal.day, situation.now),
        repeated=repeated,
        reason=signal.reason,
        cause=signal.cause,
        services=_parts_of(signal.known),
        accounts=(),
        source_kind=source_kind,
        created_at=situation.now,
        deliveries=dict.fromkeys(situation.channels, delivery),
        expected=signal.expected,
        lower=signal.lower,
        upper=signal.upper,
        month_end=signal.month_end,
        forecast=forecast,
        forecast_metric=forecast_metric if forecast is not None else "",
        incident=signal.known,
    )


def _parts_of(incident: KnownIncident | None) -> tuple[BreakdownRow, ...]:
    """The root cause as rows, the largest first; at most ten and one for the rest."""
    causes = incident.root_cause if incident else ()
    rows = [
        BreakdownRow(
            f"{cause.service_name} in {cause.sub_account_id}" if cause.sub_account_id else cause.service_name,
            cause.actual,
            cause.expected,
        )
        for cause in causes
    ]
    if len(rows) <= BREAKDOWN_ROWS + 1:
        return tuple(rows)
    rest = rows[BREAKDOWN_ROWS:]
    amount = exact_sum(row.amount for row in rest)
    usual = exact_sum(row.usual or ZERO for row in rest)
    return (*rows[:BREAKDOWN_ROWS], BreakdownRow(f"{len(rest)} more", amount, usual))


def explaining(signals: Iterable[Signal], breach: Breach) -> Signal | None:
    """The incident that a breach is told to come from, in one message; None if none explains it.

    It rose on the day of the breach within what the rule looks at, nobody muted it, and its excess is at least half of
    the overage. Of several, the one with the largest excess.
    """
    fitting = [
        signal
        for signal in signals
        if signal.known is not None
        and signal.known.rises
        and not signal.quiet
        and (signal.day, signal.currency) == (breach.day, breach.currency)
        and all(_covers(breach.scope, leaf) for leaf in signal.known.leaves)
        and _excess(signal) >= EXPLAINS * breach.overage
    ]
    return max(fitting, key=lambda signal: (_excess(signal), signal.incident), default=None)


def told_with(alert: Alert, signal: Signal) -> Alert:
    """A threshold's alert that says the incident behind it too."""
    return msgspec.structs.replace(
        alert,
        cause=f"{signal.reason}.",
        incident=signal.known,
        expected=signal.expected,
        lower=signal.lower,
        upper=signal.upper,
        month_end=signal.month_end,
    )


def _covers(scope: Scope, leaf: tuple[str, str]) -> bool:
    return scope.service_name in (None, leaf[0]) and scope.sub_account_id in (None, leaf[1])


def _excess(signal: Signal) -> Decimal:
    return exact_difference(signal.actual, signal.expected or ZERO)


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


def may_repeat_signal(before: Alert, signal: Signal) -> bool:
    """The same of a signal: twice as far from what was expected (or from what it was held against) as it was then."""
    if before.state not in ("sent", "suppressed") or signal.kind not in REPEATING or signal.quiet:
        return False
    basis = before.threshold if before.expected is None else before.expected
    then = exact_difference(before.actual, basis)
    now = exact_difference(signal.actual, basis)
    return then * now > 0 and abs(now) >= REPEAT_FACTOR * abs(then)


def grouped(alerts: Iterable[Alert]) -> list[tuple[Alert, ...]]:
    """The messages of a run on one channel: one for each rule, all its days in it, oldest first."""
    groups: dict[tuple[str, ...], list[Alert]] = {}
    for alert in sorted(alerts, key=lambda alert: (alert.day, alert.repeated)):
        scope = (alert.scope.service_name or "", alert.scope.sub_account_id or "")
        groups.setdefault((alert.kind, alert.rule, *scope, alert.currency), []).append(alert)
    return [tuple(group) for group in groups.values()]
