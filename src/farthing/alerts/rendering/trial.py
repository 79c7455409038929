"""What a test message says: that it is one, and what an alert about an incident looks like. Pure."""

from datetime import UTC, date, datetime
from decimal import Decimal

from farthing.alerts.rendering.plain import plain_text
from farthing.model import EFFECTIVE_COST, Alert, BreakdownRow, Cause, KnownIncident, Scope

_DAY = date(2026, 1, 14)
_LEAF = ("Amazon Elastic Compute Cloud - Compute", "111122223333")

SAMPLE = Alert(
    id="0" * 32,
    kind="anomaly",
    rule="anomalies",
    scope=Scope(*_LEAF, "sample"),
    day=_DAY,
    currency="USD",
    metric=EFFECTIVE_COST,
    actual=Decimal(512),
    threshold=Decimal(240),
    overage=Decimal(272),
    overage_percent=Decimal("113.3"),
    estimated=True,
    provisional=False,
    repeated=False,
    reason=(
        f"{_LEAF[0]} in {_LEAF[1]}: 512.00 USD on {_DAY} is 312.00 USD (156.0 %) over the expected 200.00 USD "
        "(160.00 USD to 240.00 USD is usual); a sample, nothing of it happened"
    ),
    cause="",
    services=(BreakdownRow(f"{_LEAF[0]} in {_LEAF[1]}", Decimal(512), Decimal(200)),),
    accounts=(),
    source_kind="simulated",
    created_at=datetime(2026, 1, 15, 8, tzinfo=UTC),
    deliveries={},
    expected=Decimal(200),
    lower=Decimal(160),
    upper=Decimal(240),
    month_end=Decimal(5616),
    incident=KnownIncident(
        id="0" * 32,
        kind="shift",
        rises=True,
        first_day=_DAY,
        raised_day=_DAY,
        day=_DAY,
        root_cause=(Cause(*_LEAF, Decimal(512), Decimal(200)),),
    ),
)
"""An alert about an incident that never was."""


def first_words(environment: str) -> str:
    """That it is a test."""
    return (
        f"[{environment}] farthing: this is a test message; nothing is wrong. Cost alerts will arrive here. "
        "One about an incident looks like this sample:"
    )


def test_text(environment: str) -> str:
    """What a test message says."""
    return f"{first_words(environment)}\n\n{plain_text([SAMPLE], environment)}"


test_text.__test__ = False  # type: ignore[attr-defined]  # its name is a message's, not a test's
