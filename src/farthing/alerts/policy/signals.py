"""Which signals become alerts, which are only recorded, and which a threshold's message tells. Pure."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

import msgspec

from farthing.alerts.policy.situation import REPEAT_FACTOR, Situation, alert_id
from farthing.model import (
    ZERO,
    Alert,
    BreakdownRow,
    Delivery,
    Estimate,
    Scope,
    Signal,
    exact_difference,
    exact_sum,
    is_filling,
)
from farthing.signals.thresholds import BREAKDOWN_ROWS, Breach

REPEATING = frozenset({"anomaly"})
"""The kinds of signals that are told once more when they have grown so; a mark of a budget is told once, and a day that
is restated again is told again anyway."""

NEWS_WHEN_SEEN = frozenset({"restatement"})
"""The kinds of signals whose news is not the day but what was seen of it: an old day may change today. What finds them
looks only at what was seen within the days that may be news."""

EXPLAINS = Decimal("0.5")
"""Share of a breach's overage that an incident has to make to be told as its cause, in one message."""

TOLD_WITH = "told with the threshold "
"""How the reason begins why an incident's own alert was suppressed: another message told it."""

MUTED = "muted until "
"""How the reason begins why an alert was suppressed that somebody muted."""


def signal_suppression(signal: Signal, situation: Situation) -> str | None:
    """Why a signal's alert is only recorded, None if it is sent."""
    if signal.quiet:
        return signal.quiet
    oldest = situation.now.date() - timedelta(days=situation.max_age_days)
    if signal.day < oldest and signal.kind not in NEWS_WHEN_SEEN:
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
        services=_parts_of(signal),
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


def _parts_of(signal: Signal) -> tuple[BreakdownRow, ...]:
    """An incident's leaves as rows that add up to its figures: the root cause, the largest first, and what else.

    At most ten rows, one for the rest of the root cause and one for the smaller leaves beside it.
    """
    causes = signal.known.root_cause if signal.known else ()
    if not causes:
        return ()
    rows = [
        BreakdownRow(
            f"{cause.service_name} in {cause.sub_account_id}" if cause.sub_account_id else cause.service_name,
            cause.actual,
            cause.expected,
        )
        for cause in causes
    ]
    beside = _row("smaller ones beside it", [(signal.actual, signal.expected or ZERO)], less=rows)
    if len(rows) > BREAKDOWN_ROWS + 1:
        rest = [(row.amount, row.usual or ZERO) for row in rows[BREAKDOWN_ROWS:]]
        rows = [*rows[:BREAKDOWN_ROWS], _row(f"{len(rest)} more", rest)]
    return (*rows, beside) if beside.amount or beside.usual else tuple(rows)


def _row(name: str, amounts: Iterable[tuple[Decimal, Decimal]], less: Iterable[BreakdownRow] = ()) -> BreakdownRow:
    """Amounts and what was expected of them, added up, less what other rows say."""
    spent, expected = zip(*amounts, strict=True)
    told = list(less)
    return BreakdownRow(
        name,
        exact_difference(exact_sum(spent), exact_sum(row.amount for row in told)),
        exact_difference(exact_sum(expected), exact_sum(row.usual or ZERO for row in told)),
    )


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


def may_repeat_signal(before: Alert, signal: Signal) -> bool:
    """The same of a signal: twice as far from what was expected (or from what it was held against) as it was then."""
    if before.state not in ("sent", "suppressed") or signal.kind not in REPEATING or signal.quiet:
        return False
    basis = before.threshold if before.expected is None else before.expected
    then = exact_difference(before.actual, basis)
    now = exact_difference(signal.actual, basis)
    return then * now > 0 and abs(now) >= REPEAT_FACTOR * abs(then)
