"""What `farthing reconcile` found last, kept in ``state/reconciled`` so that looking at it asks AWS nothing.

One object for each source that the ledger was held against. Derived and disposable: without it the totals are to be
proved again. It holds verdicts and days, no amounts but those of the verdict, and nothing of who asked.
"""

import logging
from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

import msgspec

from farthing.errors import FarthingError
from farthing.jsontext import builtins, encode
from farthing.ledger.store import Store, Stored
from farthing.model import Period
from farthing.wording import several

SCHEMA = "farthing.reconciled/1"
PREFIX = "state/reconciled/"

Against = Literal["cost-explorer", "simulated", "exports"]

SOURCES: dict[Against, str] = {
    "cost-explorer": "Cost Explorer",
    "simulated": "the simulation",
    "exports": "the billing exports",
}
"""What each is called."""

MOST_UNEQUAL = 31
"""Days that differ that are kept, the newest."""


class Unequal(msgspec.Struct, frozen=True):
    """A day that is not as the other source tells it: in what way, and why that may be."""

    day: date
    state: str
    why: str


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the command.

    Attributes:
        against: what the ledger was held against.
        at: when, UTC.
        period: the days in question.
        equal: whether all that was compared is equal.
        verdict: the same in a sentence, as the command ended.
        unequal: days that differ, the newest first; at most :data:`MOST_UNEQUAL`.
        mend: the command that brings them up to date, '' if nothing does.
    """

    against: Against
    at: datetime
    period: Period
    equal: bool
    verdict: str
    unequal: tuple[Unequal, ...] = ()
    mend: str = ""


class _Object(msgspec.Struct, frozen=True):
    schema: str
    result: Reconciled


def keep(store: Store, found: Reconciled) -> None:
    """Keeps it, and the days outside its period that differed before. No proof fails because that cannot be written."""
    key = f"{PREFIX}{found.against}.json"
    try:
        before = store.read(key)
        data = encode({"schema": SCHEMA, "result": builtins(_with_earlier(found, _read(store, key, before)))}) + b"\n"
        if before is None:
            store.create(key, data)
        else:
            store.replace(key, data, before.etag)
    except FarthingError as error:
        logging.getLogger("farthing").warning(f"what was found is not kept for the dashboard and doctor: {error}")


def _with_earlier(found: Reconciled, before: Reconciled | None) -> Reconciled:
    still = [one for one in before.unequal if one.day not in found.period] if before else []
    if before is None or not still:
        return msgspec.structs.replace(found, unequal=found.unequal[:MOST_UNEQUAL])
    unequal = sorted([*found.unequal, *still], key=lambda one: one.day, reverse=True)
    return msgspec.structs.replace(
        found,
        equal=False,
        verdict=f"{found.verdict}; of other days, {several(len(still), 'day')} differed when last looked at",
        unequal=tuple(unequal[:MOST_UNEQUAL]),
        mend=found.mend or before.mend,
    )


def last(store: Store) -> Sequence[Reconciled]:
    """What was found last against each source, the newest first.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    found = []
    for against in SOURCES:
        key = f"{PREFIX}{against}.json"
        if (kept := _read(store, key, store.read(key))) is not None:
            found.append(kept)
    return sorted(found, key=lambda one: one.at, reverse=True)


def _read(store: Store, key: str, stored: Stored | None) -> Reconciled | None:
    if stored is None:
        return None
    try:
        kept = msgspec.json.decode(stored.data, type=_Object)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        logging.getLogger("farthing").warning(f"{store.locate(key)} cannot be used ({error}): reconcile again")
        return None
    return kept.result if kept.schema == SCHEMA else None
