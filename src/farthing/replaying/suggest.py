"""Thresholds for a wished-for number of alerts a month: found by looking at the past, proved by a replay."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import ROUND_CEILING, Context, Decimal

import msgspec

from farthing.errors import CorruptError
from farthing.ledger.reports import Reports
from farthing.ledger.store import Store
from farthing.model import DailyReport, Period, exact_sum
from farthing.replaying.days import replay
from farthing.settings import Settings
from farthing.signals.thresholds import TOTAL, ThresholdRule, total_rule

DIGITS = 3
"""Significant digits of a suggested amount, rounded up: nobody wants a threshold of 1,234.567."""

MONTH_DAYS = Decimal("30.4375")
"""Days of a mean month: 365.25 / 12."""

FACTORS = (Decimal("0.5"), Decimal(1), Decimal(2))
"""Of the wished-for number: a suggestion for each, so that one sees what a little more or less would mean."""


class Suggestion(msgspec.Struct, frozen=True):
    """What a rule would have given with an amount; ``alerts`` and ``monthly`` count what would have been sent."""

    rule: str
    amount: Decimal
    alerts: int
    monthly: Decimal
    now: bool = False


def suggest(
    store: Store,
    settings: Settings,
    period: Period,
    wish: Decimal,
    *,
    on_day: Callable[[date], None] = lambda _: None,
) -> tuple[Suggestion, ...]:
    """Amounts for the total and for each rule that has one, with the number of alerts that each would have given.

    Args:
        store: the ledger; it is read and never written.
        settings: the rules to go by; their present amounts are tried too.
        period: the UTC days of the runs.
        wish: alerts a month.
        on_day: progress.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    rules = [rule for rule in settings.thresholds if rule.amount is not None]
    reports = [report for _, report in Reports(store).read_many(period) if not isinstance(report, CorruptError)]
    months = Decimal(len(period)) / MONTH_DAYS
    present = {TOTAL: settings.cost_threshold, **{rule.name: rule.amount for rule in rules}}
    tried: list[tuple[str, ThresholdRule]] = []
    for rule in [total_rule(settings.cost_threshold or Decimal(0)), *rules]:
        amounts = {
            amount_for([_amount(report, rule) for report in reports], wish * factor * months) for factor in FACTORS
        }
        amounts |= {amount for amount in [present[rule.name]] if amount is not None}
        for amount in sorted(amounts):
            name = f"{rule.name} at {amount:f}"
            tried.append((rule.name, msgspec.structs.replace(rule, name=name, amount=amount)))
    trial = msgspec.structs.replace(
        settings, thresholds=tuple(rule for _, rule in tried), cost_threshold=None, signals=("thresholds",)
    )
    fired = [alert.rule for alert in replay(store, trial, period, on_day=on_day).fired]
    return tuple(
        Suggestion(
            rule=name,
            amount=rule.amount or Decimal(0),
            alerts=fired.count(rule.name),
            monthly=(fired.count(rule.name) / months).quantize(Decimal("0.1")),
            now=rule.amount == present[name],
        )
        for name, rule in tried
    )


def amount_for(amounts: Sequence[Decimal], alerts: Decimal) -> Decimal:
    """The least round amount that at most so many of the days are above."""
    allowed = int(alerts)
    ranked = sorted(amounts, reverse=True)
    if not ranked:
        return Decimal(0)
    return rounded_up(max(Decimal(0), ranked[min(allowed, len(ranked) - 1)]))


def rounded_up(amount: Decimal) -> Decimal:
    """To three significant digits."""
    return Context(prec=DIGITS, rounding=ROUND_CEILING).create_decimal(amount)


def _amount(report: DailyReport, rule: ThresholdRule) -> Decimal:
    """What the rule looks at on a day; an account's name counts like its id."""
    service = (rule.service or "").casefold()
    account = (rule.account or "").casefold()
    return exact_sum(
        report.amount(charge)
        for charge in report.charges
        if service in ("", charge.service_name.casefold())
        and account in ("", charge.sub_account_id, (charge.sub_account_name or "").casefold())
    )
