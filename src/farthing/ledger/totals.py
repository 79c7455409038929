"""What the ledger says a period's days came to: the stored side of a reconciliation. Nothing is written."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import islice

from farthing.errors import CorruptError
from farthing.ledger.reports import LENSES_PREFIX, PREFIX, Reports, lens_prefix
from farthing.ledger.runs import Runs
from farthing.ledger.store import Store
from farthing.model import Period
from farthing.reconcile import StoredDay, UnreadableDay

RUNS_LOOKED_THROUGH = 100
"""Runs: how far back a day's last question is looked for; a run a day, that is three months."""


def stored_days(store: Store, period: Period, lenses: Iterable[str]) -> Iterator[StoredDay | UnreadableDay]:
    """Each report of the period, of the ledger and of these lenses; one that cannot be read does not hide the others.

    Args:
        store: the ledger's home.
        period: the days.
        lenses: by the names of their folders.

    Raises:
        LedgerError: the home cannot be read.
    """
    asked = last_asked(store, period)
    for lens in ("", *lenses):
        reports = Reports(store, lens_prefix(lens) if lens else PREFIX)
        for day, report in reports.read_many(day for day in reports.days() if day in period):
            if isinstance(report, CorruptError):
                yield UnreadableDay(day, str(report), lens)
            else:
                yield StoredDay(day, report.currency, report.totals, report.collected_at, asked.get(day), lens)


def lens_names(store: Store) -> list[str]:
    """The lenses that the ledger has reports of, whether they are still kept or not."""
    below = (key.removeprefix(LENSES_PREFIX) for key in store.keys(LENSES_PREFIX))
    return sorted({key.partition("/")[0] for key in below if "/" in key})


def last_asked(store: Store, period: Period) -> dict[date, datetime]:
    """When a run last asked for each day of the period and stored all that was answered, as far as records tell."""
    found: dict[date, datetime] = {}
    for run in islice(Runs(store).newest_first(), RUNS_LOOKED_THROUGH):
        # A retry that only delivered has its predecessor's window, but asked nothing.
        if run.window is None or run.stage == "started" or not run.groups:
            continue
        for day in run.window:
            if day in period and day not in run.days_missing:
                found.setdefault(day, run.started_at)
        if len(found) == len(period):
            break
    return found
