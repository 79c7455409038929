"""The rows of `--series FILE`: anybody's daily amounts as CSV, for the detector and the forecast.

Columns: ChargePeriodStart (a day), ServiceName, BilledCost; optionally SubAccountId, ChargeCategory (FOCUS's values; an
empty one is unknown) and BillingCurrency. Other columns are not looked at. Rows of one day, series and category are
summed, exactly.
"""

import csv
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec

from farthing.errors import AmountError, UsageError
from farthing.model import EXACT, parse_amount
from farthing.signals.panel import CATEGORIES, UNKNOWN, Leaf, MemoryPanel, panel_of

DAY = "ChargePeriodStart"
SERVICE = "ServiceName"
COST = "BilledCost"
ACCOUNT = "SubAccountId"
CATEGORY = "ChargeCategory"
CURRENCY = "BillingCurrency"

NEEDED = (DAY, SERVICE, COST)
OPTIONAL = (ACCOUNT, CATEGORY, CURRENCY)

DEFAULT_CURRENCY = "USD"
"""What a file without BillingCurrency is taken to be in."""

YEARS = range(1970, 9000)
"""A day outside of these years is a slip of the pen."""

_CATEGORY = {name.casefold(): name for name in (*CATEGORIES, UNKNOWN)}


class SeriesFile(msgspec.Struct, frozen=True):
    """What a file says: an exact amount for each (ServiceName, SubAccountId, ChargeCategory) and UTC day."""

    amounts: Mapping[tuple[Leaf, date], Decimal]
    currencies: Mapping[date, str]

    def panel(self) -> MemoryPanel:
        """The same as plain numbers; a day that no row has is a gap."""
        rows = ((leaf, day, float(amount)) for (leaf, day), amount in self.amounts.items())
        return panel_of(rows, currency=self.currencies)

    def days_with_rows(self) -> dict[tuple[str, str], set[date]]:
        """The days that each (ServiceName, SubAccountId) has a row of."""
        found: dict[tuple[str, str], set[date]] = {}
        for leaf, day in self.amounts:
            found.setdefault((leaf[0], leaf[1]), set()).add(day)
        return found


def parse_series(lines: Iterable[str], name: str) -> SeriesFile:
    """Reads the file.

    Args:
        lines: its lines of text, the first of them the header.
        name: what to call the file in an error.

    Raises:
        UsageError: a line is not what it should be; one sentence with the file, the line and the reason.
    """
    reader = csv.reader(lines, strict=True)
    amounts: dict[tuple[Leaf, date], Decimal] = {}
    currencies: dict[date, str] = {}
    try:
        columns = _columns(next(reader, []))
        for cells in reader:
            if cells:
                leaf, day, amount, currency = _row(cells, columns)
                known = currencies.setdefault(day, currency)
                if known != currency:
                    raise ValueError(f"{day} has amounts in {known} and {currency}, which cannot be added up")
                before = amounts.get((leaf, day))
                amounts[leaf, day] = amount if before is None else EXACT.add(before, amount)
    except UnicodeDecodeError as error:
        message = f"{name}, line {max(reader.line_num, 1)}: it is not UTF-8 text from here on; save it as CSV in UTF-8"
        raise UsageError(message) from error
    except (ValueError, AmountError, csv.Error) as error:
        raise UsageError(f"{name}, line {max(reader.line_num, 1)}: {error}") from error
    return SeriesFile(amounts, currencies)


def _columns(header: list[str]) -> dict[str, int]:
    """Where the columns stand."""
    names = [cell.strip().removeprefix("\ufeff") for cell in header]
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise ValueError(f"the header has no {' and no '.join(missing)}; needed are {', '.join(NEEDED)}")
    twice = [name for name in (*NEEDED, *OPTIONAL) if names.count(name) > 1]
    if twice:
        raise ValueError(f"the header has {twice[0]} twice")
    return {name: names.index(name) for name in (*NEEDED, *OPTIONAL) if name in names}


def _row(cells: list[str], columns: Mapping[str, int]) -> tuple[Leaf, date, Decimal, str]:
    def cell(name: str) -> str:
        at = columns.get(name)
        if at is None:
            return ""
        if at >= len(cells):
            raise ValueError(f"it ends before {name}")
        return cells[at].strip()

    service = cell(SERVICE)
    if not service:
        raise ValueError(f"{SERVICE} is empty")
    category = _CATEGORY.get(cell(CATEGORY).casefold())
    if category is None:
        raise ValueError(f"{CATEGORY} {cell(CATEGORY)!r} is none of {', '.join(CATEGORIES)}")
    try:
        amount = parse_amount(cell(COST))
    except AmountError as error:
        raise ValueError(f"{COST}: {error}") from error
    return (service, cell(ACCOUNT), category), _day(cell(DAY)), amount, cell(CURRENCY) or DEFAULT_CURRENCY


def _day(text: str) -> date:
    """A date, or a FOCUS date and time: its UTC day."""
    try:
        if len(text) < len("2026-01-01"):
            raise ValueError(text)
        if len(text) == len("2026-01-01"):
            day = date.fromisoformat(text)
        else:
            moment = datetime.fromisoformat(text)
            day = moment.astimezone(UTC).date() if moment.tzinfo else moment.date()
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{DAY} {text!r} is not a day: write YYYY-MM-DD") from error
    if day.year not in YEARS:
        raise ValueError(f"{DAY} {text!r}: the year is not between {YEARS[0]} and {YEARS[-1]}")
    return day
