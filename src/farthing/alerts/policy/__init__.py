"""The policy: what becomes an alert, what is only recorded. Pure.

``breaches`` decides about thresholds, ``signals`` about all else, ``situation`` is what both know of the run.
"""

from farthing.alerts.policy.breaches import SUMMARY_RULE, alert_for, may_repeat, summary_for, suppression
from farthing.alerts.policy.signals import (
    MUTED,
    TOLD_WITH,
    alert_for_signal,
    explaining,
    may_repeat_signal,
    signal_suppression,
    told_with,
)
from farthing.alerts.policy.situation import REPEAT_FACTOR, Situation, alert_id, grouped

__all__ = [
    "MUTED",
    "REPEAT_FACTOR",
    "SUMMARY_RULE",
    "TOLD_WITH",
    "Situation",
    "alert_for",
    "alert_for_signal",
    "alert_id",
    "explaining",
    "grouped",
    "may_repeat",
    "may_repeat_signal",
    "signal_suppression",
    "summary_for",
    "suppression",
    "told_with",
]
