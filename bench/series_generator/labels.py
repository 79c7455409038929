"""What the generator gives: rows as a bill has them, the events in them, and what is expected though it looks odd."""

from datetime import date
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

import msgspec


class Kind(Enum):
    """What kind of event it is; the names are those of farthing's incidents."""

    SPIKE = "spike"
    SHIFT = "shift"
    RAMP = "ramp"
    DROP = "drop"
    NEW = "new"
    GONE = "gone"


class SeriesKey(NamedTuple):
    """One series: a service in an account. The account is empty where a source does not tell it."""

    service: str
    account: str = ""


class Row(NamedTuple):
    """One line of a bill: amount in the bill's currency, category as in FOCUS's ChargeCategory."""

    day: date
    key: SeriesKey
    category: str
    amount: Decimal


class Event(msgspec.Struct, frozen=True):
    """Something that somebody wants to be told.

    Attributes:
        kind: what it is.
        key: its series.
        first_day: the first day with another spend.
        last_day: the last such day; of a change that stays, the day by which it has to be told.
        size: at its largest, in the currency a day; below zero where less is spent.
        lasting: whether it stays.
    """

    kind: Kind
    key: SeriesKey
    first_day: date
    last_day: date
    size: float
    lasting: bool


class Occurrence(msgspec.Struct, frozen=True):
    """A charge that is no usage, on its day. It is expected: an alarm about it is false, unless it could not be known.

    Attributes:
        what: 'fee', 'credit', 'refund', 'purchase', 'tax', 'support', 'month-end'.
        key: its series.
        day: when it is charged.
        amount: in the currency; below zero for credits and refunds.
        seen: whether the series had one of the same before.
        category: as in FOCUS's ChargeCategory: whoever is given it knows that this is no usage.
    """

    what: str
    key: SeriesKey
    day: date
    amount: float
    seen: bool
    category: str


class Dataset(msgspec.Struct, frozen=True):
    """One history.

    Attributes:
        seed: what it was made from.
        first_day: its first day.
        days: its length.
        warm_up: days in which nothing is scored.
        keys: every series.
        rows: by day, then series, then category; a day without spend has no row.
        events: by series, then first day.
        occurrences: by series, then day.
    """

    seed: int
    first_day: date
    days: int
    warm_up: int
    keys: tuple[SeriesKey, ...]
    rows: tuple[Row, ...]
    events: tuple[Event, ...]
    occurrences: tuple[Occurrence, ...]
