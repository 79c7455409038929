"""What selected charges came to, day by day, to the last decimal: what budgets are judged by.

Reports are read one at a time and only as far as is needed: of a row its names and one amount, none of the revisions.
Sums are kept in ``state/selected``, so that a run reads a day once for all selections and never again until it changes.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal

import msgspec

from farthing.errors import AmountError, CorruptError
from farthing.jsontext import encode
from farthing.ledger.derived import Derived
from farthing.ledger.reports import SCHEMA as REPORT_SCHEMA
from farthing.ledger.reports import Reports, key_of, unreadable
from farthing.ledger.store import Store
from farthing.model import BILLED_COST, EFFECTIVE_COST, EXACT, ZERO, exact_sum, parse_amount, plain
from farthing.query.selection import Selection, passes

SCHEMA = "farthing.selected/1"
PREFIX = "state/selected/"

METRICS = (BILLED_COST, EFFECTIVE_COST)
"""What a selection may be about."""

_log = logging.getLogger("farthing")


class DaySum(msgspec.Struct, frozen=True):
    """What a selection's charges came to on a day, and how many there are; ``amount`` None: the metric is not told."""

    currency: str
    amount: Decimal | None
    charges: int


class _Row(msgspec.Struct, frozen=True, gc=False):
    service: str = msgspec.field(name="ServiceName")
    account: str = msgspec.field(name="SubAccountId")
    account_name: str | None = msgspec.field(name="SubAccountName", default=None)
    billed: str | None = msgspec.field(name="BilledCost", default=None)
    effective: str | None = msgspec.field(name="EffectiveCost", default=None)


class _Rows(msgspec.Struct, frozen=True):
    schema: str
    date: date
    currency: str
    totals: dict[str, str]
    charges: list[_Row]


_decoder = msgspec.json.Decoder(_Rows)


class Selected:
    """The sums of one ledger.

    Args:
        store: the ledger's home.
        listed: each day's ETag, where somebody has listed them already.
    """

    def __init__(self, store: Store, listed: Mapping[date, str] | None = None) -> None:
        self._store = store
        # Listed before anything is read: a report that is rewritten meanwhile is then noticed the next time.
        self._listed = Reports(store).etags() if listed is None else listed
        self._passing: dict[tuple[Selection, str, str, str | None], bool] = {}

    def sums(self, wanted: Mapping[Selection, Iterable[date]]) -> dict[Selection, dict[date, DaySum]]:
        """What each selection came to on the days that are wanted of it.

        A day that the ledger does not have is left out; so is one that cannot be read, which is said in the log.

        Args:
            wanted: days by selection.

        Raises:
            LedgerError: the reports cannot be read.
        """
        days = {selection: [day for day in of_it if day in self._listed] for selection, of_it in wanted.items()}
        kept = {selection: self._kept(selection) for selection in days}
        known = {selection: kept[selection].load(self._listed) for selection in days}
        lacking: dict[date, list[Selection]] = {}
        for selection, of_it in days.items():
            for day in of_it:
                if day not in known[selection]:
                    lacking.setdefault(day, []).append(selection)
        for day, sums in self._read(lacking):
            for selection, found in sums.items():
                known[selection][day] = found
        for selection in days if lacking else ():
            kept[selection].save(known[selection], self._listed)
        return {
            selection: {day: known[selection][day] for day in of_it if day in known[selection]}
            for selection, of_it in days.items()
        }

    def _kept(self, selection: Selection) -> Derived[DaySum]:
        mark = hashlib.sha256(encode(selection)).hexdigest()[:32]
        return Derived(self._store, f"{PREFIX}{mark}.json", SCHEMA, DaySum)

    def _read(self, lacking: Mapping[date, list[Selection]]) -> Iterator[tuple[date, dict[Selection, DaySum]]]:
        days = sorted(lacking)
        for day, stored in zip(days, self._store.read_many(map(key_of, days)), strict=True):
            if stored is None:
                continue
            try:
                yield day, self._summed(stored.data, day, lacking[day])
            except (msgspec.DecodeError, UnicodeDecodeError, AmountError, CorruptError) as error:
                _log.warning(unreadable(self._store.locate(key_of(day)), str(error), day))

    def _summed(self, data: bytes, day: date, selections: Iterable[Selection]) -> dict[Selection, DaySum]:
        wire = _decoder.decode(data)
        if wire.schema != REPORT_SCHEMA or wire.date != day:
            raise CorruptError(f"it is {wire.schema} of {wire.date}")
        amounts = {metric: _amounts(wire, metric) for metric in METRICS if metric in wire.totals}
        found = {}
        for selection in selections:
            told = amounts.get(selection.metric)
            if told is None:
                found[selection] = DaySum(wire.currency, None, 0)
                continue
            total, charges = ZERO, 0
            for row, amount in zip(wire.charges, told, strict=True):
                if self._passes(selection, row):
                    total, charges = EXACT.add(total, amount), charges + 1
            found[selection] = DaySum(wire.currency, total, charges)
        return found

    def _passes(self, selection: Selection, row: _Row) -> bool:
        if not selection.filters:
            return True
        # The same few names come every day, and each is compared by patterns.
        key = (selection, row.service, row.account, row.account_name)
        passing = self._passing.get(key)
        if passing is None:
            passing = passes(selection.filters, row.service, row.account, row.account_name)
            self._passing[key] = passing
        return passing


def _amounts(wire: _Rows, metric: str) -> list[Decimal]:
    """The amounts of all rows, proved against the day's total as whoever reads a report does."""
    texts = (row.billed if metric == BILLED_COST else row.effective for row in wire.charges)
    amounts = [parse_amount(text or "") for text in texts]
    if exact_sum(amounts) != parse_amount(wire.totals[metric]):
        raise CorruptError(f"its rows add up to {plain(exact_sum(amounts))} {metric}, not {wire.totals[metric]}")
    return amounts
