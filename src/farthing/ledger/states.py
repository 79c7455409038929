"""What was known of a day at some time: a report's revisions, put together again. Pure."""

from datetime import datetime
from decimal import Decimal

import msgspec

from farthing.model import Charge, DailyReport


def states_of(report: DailyReport) -> tuple[DailyReport, ...]:
    """Every state that a day has had, oldest first, each as its report was then; the last is the report itself.

    The inverse of what ``farthing.ledger.reports.merge`` wrote, but for two things that it does not keep: a row without
    any amount, and an account's name where nothing else changed.
    """
    found = [report]
    for place in range(len(report.revisions) - 1, -1, -1):
        revision, after = report.revisions[place], found[-1]
        # Where the metrics differ every row of the earlier state was kept.
        same = revision.metrics == after.metrics
        rows = {charge.keys: charge for charge in after.charges} if same else {}
        rows |= {charge.keys: charge for charge in revision.charges}
        found.append(
            msgspec.structs.replace(
                report,
                currency=revision.currency,
                estimated=revision.estimated,
                collected_at=revision.seen_at,
                metrics=revision.metrics,
                totals=revision.totals,
                charges=tuple(sorted(filter(_has_amount, rows.values()), key=lambda charge: charge.keys)),
                revisions=report.revisions[:place],
            )
        )
    return tuple(reversed(found))


def seen_at(report: DailyReport) -> tuple[datetime, ...]:
    """When each of :func:`states_of` was first seen. A change of the estimated flag alone has no time of its own."""
    return (*(revision.seen_at for revision in report.revisions), report.collected_at)


def state_at(times: tuple[datetime, ...], at: datetime) -> int | None:
    """Which of a day's states was the newest at a time, None if nothing was known of it yet."""
    known = [place for place, time in enumerate(times) if time <= at]
    return known[-1] if known else None


def _has_amount(charge: Charge) -> bool:
    return any(amount != Decimal(0) for amount in charge.amounts)
