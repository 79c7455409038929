"""Every state that the ledger saw a day in, by its totals alone: what maturation and restatement are learned from.

Kept in ``state/histories``, so that a run reads only the days that changed.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

import msgspec

from farthing.errors import AmountError
from farthing.ledger.derived import Derived
from farthing.ledger.reports import Reports, key_of, unreadable
from farthing.ledger.store import Store
from farthing.model import BILLED_COST, parse_amount
from farthing.signals.maturation import DayHistory, Known

SCHEMA = "farthing.histories/1"
PREFIX = "state/histories/"

_log = logging.getLogger("farthing")


class _State(msgspec.Struct, frozen=True):
    seen_at: datetime
    totals: dict[str, str]
    currency: str | None = None


class _Head(msgspec.Struct, frozen=True):
    currency: str
    collected_at: datetime
    totals: dict[str, str]
    revisions: list[_State] = []


_decoder = msgspec.json.Decoder(_Head)


def histories(
    store: Store, days: Iterable[date], *, metric: str = BILLED_COST, listed: Mapping[date, str] | None = None
) -> dict[date, DayHistory]:
    """The histories of those of the days that the ledger has; one that cannot be read is said in the log.

    Args:
        store: the ledger's home.
        days: the days.
        metric: the one whose totals are told; states without it are left out.
        listed: each day's ETag, where somebody has listed them already.

    Raises:
        LedgerError: the reports cannot be read.
    """
    listed = Reports(store).etags() if listed is None else listed
    kept = Derived(store, f"{PREFIX}{metric}.json", SCHEMA, DayHistory)
    known = kept.load(listed)
    wanted = [day for day in days if day in listed]
    lacking = [day for day in wanted if day not in known]
    for day, stored in zip(lacking, store.read_many(map(key_of, lacking)), strict=True):
        if stored is None:
            continue
        try:
            known[day] = _history(stored.data, day, metric)
        except (msgspec.DecodeError, UnicodeDecodeError, AmountError) as error:
            _log.warning(unreadable(store.locate(key_of(day)), str(error), day))
    if lacking:
        kept.save(known, listed)
    return {day: known[day] for day in wanted if day in known}


def _history(data: bytes, day: date, metric: str) -> DayHistory:
    head = _decoder.decode(data)
    states = [(one.seen_at, one.currency or head.currency, one.totals) for one in head.revisions]
    states.append((head.collected_at, head.currency, head.totals))
    return DayHistory(
        day,
        tuple(
            Known(seen_at.astimezone(UTC), currency, parse_amount(totals[metric]))
            for seen_at, currency, totals in states
            if metric in totals
        ),
    )
