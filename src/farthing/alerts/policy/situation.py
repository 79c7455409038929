"""What the policy knows of a run, and what an alert is called. Pure."""

import hashlib
from collections.abc import Iterable
from datetime import date, datetime

import msgspec

from farthing.model import Alert, Scope

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


def grouped(alerts: Iterable[Alert]) -> list[tuple[Alert, ...]]:
    """The messages of a run on one channel: one for each rule, all its days in it, oldest first."""
    groups: dict[tuple[str, ...], list[Alert]] = {}
    for alert in sorted(alerts, key=lambda alert: (alert.day, alert.repeated)):
        scope = (alert.scope.service_name or "", alert.scope.sub_account_id or "")
        groups.setdefault((alert.kind, alert.rule, *scope, alert.currency), []).append(alert)
    return [tuple(group) for group in groups.values()]
