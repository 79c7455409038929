"""A question about the bill as a frozen value, how people spell it, and its answer. Pure.

The grammar of ``--where``: terms ``key:value``, a leading ``-`` excludes, quotes hold a value with spaces
together, ``*`` stands for anything, case does not matter. Terms of one key are alternatives, different keys
must all hold. A key is one line in ``COLUMNS``, or ``tag:KEY=VALUE``, ``category:NAME=VALUE``; a metric is one line
in ``METRICS``.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches

import msgspec

from farthing.errors import UsageError
from farthing.model import ZERO, Period, exact_sum, is_filling

Key = date | str | None
"""What a row is about in one column: a day, a name, or None where the source knows no name."""


class Column(msgspec.Struct, frozen=True):
    """A column to group or filter by. ``label`` is what a person reads above it."""

    name: str
    aliases: tuple[str, ...]
    label: str
    is_day: bool = False


class Metric(msgspec.Struct, frozen=True):
    """An amount of every charge. ``meaning`` says in words what it includes."""

    name: str
    aliases: tuple[str, ...]
    label: str
    meaning: str


COLUMNS: Mapping[str, Column] = {
    column.name: column
    for column in (
        Column("ChargePeriodStart", ("day", "date"), "Day", is_day=True),
        Column("BillingPeriodStart", ("month",), "Month", is_day=True),
        Column("ServiceName", ("service",), "Service"),
        Column("SubAccountId", ("account",), "Account"),
        Column("SubAccountName", ("account-name",), "Account name"),
        Column("BillingCurrency", ("currency",), "Currency"),
        Column("RegionId", ("region",), "Region"),
        Column("x_RecordType", ("record-type",), "Record type"),
    )
}

KEYED: Mapping[str, str] = {"tag": "Tags/", "category": "x_CostCategories/"}
"""Columns of which there is one for each key that somebody made up: how they are typed, and what they are called."""


def column_of(name: str) -> Column | None:
    """The column of that name, None if there is none."""
    for kind, prefix in KEYED.items():
        if name.startswith(prefix) and name != prefix:
            return Column(name, (), f"{kind.capitalize()} {name.removeprefix(prefix)}")
    return COLUMNS.get(name)


def label_of(name: str) -> str:
    """What a person reads above a column."""
    column = column_of(name)
    return column.label if column else name


def _is_day(name: str) -> bool:
    column = column_of(name)
    return column is not None and column.is_day


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("BilledCost", ("billed",), "Billed", "billed cost, net of credits and discounts"),
        Metric(
            "EffectiveCost",
            ("effective",),
            "Effective",
            "effective cost, net, with prepaid commitments spread over the days that they cover",
        ),
        Metric("ListCost", ("list",), "List", "list cost, at public prices"),
        Metric("ContractedCost", ("contracted",), "Contracted", "contracted cost, at negotiated prices"),
        Metric("x_UnblendedCost", ("unblended",), "Unblended", "unblended cost, on the day it was charged, gross"),
        Metric(
            "x_AmortizedCost",
            ("amortized", "amortised"),
            "Amortized",
            "amortized cost, commitments spread, gross",
        ),
        Metric("x_BlendedCost", ("blended",), "Blended", "blended cost, at the organisation's average rates"),
    )
}


class Filter(msgspec.Struct, frozen=True):
    """Keeps (or, with ``exclude``, drops) the charges whose column matches one of the values.

    A value matches the whole text, ``*`` anything, upper and lower case alike. SubAccountId looks at the
    account's name as well. A charge without a name matches no value.
    """

    column: str
    values: tuple[str, ...]
    exclude: bool = False


class Query(msgspec.Struct, frozen=True):
    """What to add up: the charges of a period that pass every filter, per combination of ``group_by``.

    ``group_by`` holds FOCUS names; none gives one row. ``metrics`` None asks for every one that is there.
    """

    period: Period
    group_by: tuple[str, ...] = ("ServiceName",)
    filters: tuple[Filter, ...] = ()
    metrics: tuple[str, ...] | None = None


class Row(msgspec.Struct, frozen=True):
    """One group: ``keys`` in the order of the result's columns, ``amounts`` in that of its metrics."""

    keys: tuple[Key, ...]
    amounts: tuple[Decimal, ...]


class Result(msgspec.Struct, frozen=True):
    """The answer to a query, in one currency, exact.

    ``totals`` are the sums of the rows, in the order of ``metrics``. ``currency`` is None where there is no
    data. ``days_present`` are the days of the period that the ledger holds, filtered or not, oldest first;
    ``days_provisional`` those that still fill up. ``days_lacking`` counts, per metric, the days whose
    source did not give it: they are missing in its sums.
    """

    period: Period
    columns: tuple[str, ...]
    metrics: tuple[str, ...]
    rows: tuple[Row, ...]
    totals: tuple[Decimal, ...]
    currency: str | None
    days_present: tuple[date, ...]
    days_provisional: tuple[date, ...]
    days_lacking: Mapping[str, int] = {}

    def total(self, metric: str) -> Decimal:
        """The sum of a metric over all rows; zero where it was not asked for or is not there."""
        return dict(zip(self.metrics, self.totals, strict=True)).get(metric, ZERO)


class Day(msgspec.Struct, frozen=True):
    """A day that an engine holds. ``selected`` tells whether its currency passes the query's filters."""

    day: date
    currency: str
    metrics: tuple[str, ...]
    selected: bool = True


def metrics_to_sum(query: Query, days: Iterable[Day]) -> tuple[str, ...]:
    """The metrics that a query adds up on these days, the known ones first.

    Raises:
        UsageError: the query names one that no day has.
    """
    selected = [day for day in days if day.selected]
    there = in_order({metric for day in selected for metric in day.metrics})
    if query.metrics is None:
        return there
    for metric in query.metrics if selected else ():
        if metric not in there:
            raise UsageError(f"no day of {query.period} has the metric {metric}: there are {', '.join(there)}")
    return query.metrics


def in_order(metrics: Iterable[str]) -> tuple[str, ...]:
    """Metrics in the order in which people expect them: the known ones first, then by name."""
    names = sorted(metrics)
    known = list(METRICS)
    return tuple(sorted(names, key=lambda name: known.index(name) if name in METRICS else len(known)))


def result(
    query: Query,
    metrics: tuple[str, ...],
    rows: Iterable[Row],
    *,
    currency: str | None,
    days: Sequence[Day],
    now: datetime,
) -> Result:
    """Puts an engine's rows in their order: days, then the first metric from the largest down, then names."""
    date_columns = [index for index, name in enumerate(query.group_by) if _is_day(name)]
    name_columns = [index for index, name in enumerate(query.group_by) if not _is_day(name)]

    def place(row: Row) -> tuple[object, ...]:
        dates = tuple(row.keys[index] for index in date_columns)
        names = tuple((row.keys[index] is None, row.keys[index] or "") for index in name_columns)
        return dates, (row.amounts[0].copy_negate() if row.amounts else ZERO), names

    ordered = tuple(sorted(rows, key=place))
    present = tuple(sorted(day.day for day in days))
    selected = [day for day in days if day.selected]
    lacking = {metric: sum(metric not in day.metrics for day in selected) for metric in metrics}
    return Result(
        period=query.period,
        columns=query.group_by,
        metrics=metrics,
        rows=ordered,
        totals=tuple(exact_sum(row.amounts[index] for row in ordered) for index in range(len(metrics))),
        currency=currency,
        days_present=present,
        days_provisional=tuple(day for day in present if is_filling(day, now)),
        days_lacking={metric: count for metric, count in lacking.items() if count},
    )


def parse_by(texts: Iterable[str]) -> tuple[str, ...]:
    """The columns that ``--by`` names: FOCUS names or aliases, repeated or with commas between.

    Raises:
        UsageError: one is unknown; the message names the nearest.
    """
    return _names("--by", texts, _BY)


def parse_metrics(texts: Iterable[str]) -> tuple[str, ...] | None:
    """The metrics that ``--metric`` names, None if it names none. A custom one (``x_...``) is taken as it is.

    Raises:
        UsageError: one is unknown; the message names the nearest.
    """
    return _names("--metric", texts, _METRIC) or None


def parse_where(text: str) -> tuple[Filter, ...]:
    """The filters that ``--where`` spells, one for each key and sign, in the order of their first term.

    Raises:
        UsageError: a quote is not closed, a term has no key or no value, or the key is unknown; the message
            names it and the nearest known key.
    """
    try:
        terms = shlex.split(text)
    except ValueError as error:
        raise UsageError(
            f'--where {text!r}: a quote is not closed; write "service:Amazon Simple Storage Service", '
            "with double quotes around a value that holds an apostrophe"
        ) from error
    values: dict[tuple[str, bool], list[str]] = {}
    for term in terms:
        column, exclude, value = _term(term)
        values.setdefault((column, exclude), []).append(value)
    return tuple(
        Filter(column, tuple(dict.fromkeys(alternatives)), exclude)
        for (column, exclude), alternatives in values.items()
    )


def _term(term: str) -> tuple[str, bool, str]:
    exclude = term.startswith("-")
    key, colon, value = term.removeprefix("-").partition(":")
    if not colon:
        raise UsageError(
            f"--where: {term!r} has no key; write key:value, such as service:{term.removeprefix('-') or '*'} "
            f"(keys: {_listed(_WHERE)})"
        )
    if key.lower() in KEYED:
        name, equals, value = value.partition("=")
        if not name or not equals:
            raise UsageError(
                f"--where: {term!r} has no value; write {key}:NAME=VALUE, such as {key}:{name or 'team'}=core"
            )
        return KEYED[key.lower()] + name, exclude, value
    column = _WHERE.get(key.lower())
    if column is None and key.lower() in _BY:
        raise UsageError(f"--where: {key!r} is no filter; name the days with --period, or --start and --end")
    if column is None:
        raise _unknown("--where", key, _WHERE)
    if not value:
        raise UsageError(f"--where: {term!r} has no value; {key}:* means any")
    return column, exclude, value


def _table(things: Iterable[Column | Metric]) -> dict[str, str]:
    """Every spelling in lower case -> name; a thing's shortest-to-type spelling comes first."""
    return {spelling.lower(): thing.name for thing in things for spelling in (*thing.aliases, thing.name)}


_BY = _table(COLUMNS.values())
_WHERE = _table(column for column in COLUMNS.values() if not column.is_day)
_METRIC = _table(METRICS.values())


def _names(option: str, texts: Iterable[str], known: Mapping[str, str]) -> tuple[str, ...]:
    spelled = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    names: dict[str, None] = {}
    for part in spelled:
        name = known.get(part.lower())
        kind, _, key = part.partition(":")
        if name is None and option == "--by" and kind.lower() in KEYED and key:
            name = KEYED[kind.lower()] + key
        if name is None and option == "--by" and column_of(part):
            name = part
        if name is None and option == "--metric" and part.startswith("x_"):
            name = part
        if name is None:
            raise _unknown(option, part, known)
        names[name] = None
    return tuple(names)


def _unknown(option: str, text: str, known: Mapping[str, str]) -> UsageError:
    near = get_close_matches(text.lower(), known, n=1, cutoff=0.5)
    hint = f", the nearest is {near[0]}" if near else ""
    return UsageError(f"{option}: {text!r} is unknown{hint}; there are {_listed(known)}")


def _listed(known: Mapping[str, str]) -> str:
    """Each name once, by its alias, with the FOCUS name beside it."""
    first: dict[str, str] = {}
    for spelling, name in known.items():
        first.setdefault(name, spelling)
    keyed = [f"{kind}:NAME" for kind in KEYED] if "ServiceName" in first else []
    return ", ".join([*(f"{spelling} ({name})" for name, spelling in first.items()), *keyed])
