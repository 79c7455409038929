"""Answers what `farthing explain` asks: for the command line, and for the dashboard, which say it in their own way."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

from farthing.app import App
from farthing.asking import Question, open_engine
from farthing.errors import CurrencyError, UsageError
from farthing.exported import export_slices
from farthing.model import Period, exact_sum
from farthing.query.engines import Engine
from farthing.query.model import Filter, Query, Result
from farthing.query.sources import REPORTS, ExportSlice
from farthing.signals.explain import Equalise, Leaf, Measure, Side, Waterfall

QUANTITY, UNIT = "PricingQuantity", "PricingUnit"
DETAIL = ("ServiceName", "SubAccountId", "RegionId", "SkuId", "x_UsageType", "ChargeCategory")
"""What tells two things apart whose price and quantity are compared, as far as the source knows it."""


def sides_of(
    app: App,
    before: Period,
    after: Period,
    columns: Sequence[str],
    filters: Sequence[Filter],
    metric: str,
    equalise: Equalise | None = None,
    tell: Callable[[str], None] = lambda _line: None,
    opened: Callable[[Question], AbstractContextManager[Engine]] = open_engine,
) -> tuple[tuple[Side, Side], str, list[str]]:
    """Both periods, asked of the ledger; the currency; what the reader should know.

    ``opened`` gives the engine, by default one for these questions alone.

    Raises:
        CurrencyError: they are in two currencies.
        UsageError: a period has no data, or the columns cannot be compared.
    """
    if any(name in ("ChargePeriodStart", "BillingPeriodStart", "x_Week") for name in columns):
        raise UsageError("a bar cannot be a day, a week or a month: the two periods have none in common")
    reach = Period(min(before.start, after.start), max(before.end, after.end))
    slices = export_slices(app, reach, local=False)
    with opened(Question(app, reach, tell=tell)) as engine:
        plain = [engine.run(Query(days, (), tuple(filters), (metric,))) for days in (before, after)]
        for days, one in zip((before, after), plain, strict=True):
            if not one.days_present:
                raise UsageError(f"the ledger has no day of {days}: `farthing backfill` or `farthing import` brings it")
        # A thing's quantity is comparable only where both periods come from the same kind of source.
        detailed = all(REPORTS not in one.days_from for one in plain) and _have_quantities(slices)
        results = [
            _asked(engine, days, columns, filters, metric, equalise, slices, detailed=detailed)
            for days in (before, after)
        ]
    currencies = {one.currency for one in results if one.currency}
    if len(currencies) > 1:
        raise CurrencyError(f"{before} and {after} are in {' and '.join(sorted(currencies))}: they cannot be compared")
    made = [_side(result, columns, metric) for result in results]
    notes = [
        f"{one.period} has data for {len(one.days_present)} of {len(one.period)} days"
        for one in plain
        if len(one.days_present) < len(one.period)
    ]
    if len({frozenset(one.days_from) for one in plain}) > 1:
        notes.append("one period comes from daily reports, the other from billing exports, which differ a little")
    return (made[0], made[1]), next(iter(currencies), ""), notes


def _have_quantities(slices: Sequence[ExportSlice]) -> bool:
    return bool(slices) and all(one.has(QUANTITY) and one.has(UNIT) for one in slices)


def _asked(
    engine: Engine,
    days: Period,
    columns: Sequence[str],
    filters: Sequence[Filter],
    metric: str,
    equalise: Equalise | None,
    slices: Sequence[ExportSlice],
    *,
    detailed: bool,
) -> Result:
    group_by = list(columns)
    if detailed:
        group_by += [name for name in DETAIL if all(one.has(name) for one in slices)] + [UNIT]
    if equalise == "weekdays":
        group_by.append("ChargePeriodStart")
    metrics = (metric, QUANTITY) if detailed else (metric,)
    return engine.run(Query(days, tuple(dict.fromkeys(group_by)), tuple(filters), metrics))


def _side(result: Result, columns: Sequence[str], metric: str) -> Side:
    """A result as the leaves of a waterfall."""
    drivers = [result.columns.index(name) for name in columns]
    day = result.columns.index("ChargePeriodStart") if "ChargePeriodStart" in result.columns else None
    unit = result.columns.index(UNIT) if UNIT in result.columns else None
    rest = [place for place in range(len(result.columns)) if place not in (*drivers, day, unit)]
    cost = result.metrics.index(metric)
    quantity = result.metrics.index(QUANTITY) if QUANTITY in result.metrics and metric != QUANTITY else None
    leaves: dict[Leaf, Measure] = {}
    for row in result.rows:
        when = row.keys[day] if day is not None else None
        leaf = Leaf(
            driver=tuple(_name(row.keys[place]) for place in drivers),
            detail=tuple(_name(row.keys[place]) for place in rest),
            unit=_name(row.keys[unit]) if unit is not None else None,
            weekday=when.weekday() if isinstance(when, date) else None,
        )
        amount = row.amounts[quantity] if quantity is not None and leaf.unit is not None else None
        measure = Measure(row.amounts[cost], amount)
        leaves[leaf] = _added(leaves[leaf], measure) if leaf in leaves else measure
    return Side(result.period, tuple(day_.weekday() for day_ in result.days_present), leaves)


def _added(one: Measure, other: Measure) -> Measure:
    quantity = None if one.quantity is None or other.quantity is None else exact_sum([one.quantity, other.quantity])
    return Measure(exact_sum([one.cost, other.cost]), quantity)


def _name(key: object) -> str | None:
    return None if key is None else str(key)


def document_of(
    found: Waterfall, before: Period, after: Period, columns: Sequence[str], metric: str, currency: str
) -> dict[str, Any]:
    """The waterfall as the public contract says."""
    return {
        "period": {"start": str(after.start), "end": str(after.end)},
        "against": {"start": str(before.start), "end": str(before.end)},
        "currency": currency or None,
        "metric": metric,
        "equalised": found.equalised,
        "before": found.before,
        "after": found.after,
        "change": found.change,
        "effects": dict(found.effects),
        "drivers": [
            {
                **dict(zip(columns, driver.names, strict=True)),
                "before": driver.before,
                "after": driver.after,
                "change": driver.change,
                "effects": dict(driver.effects),
            }
            for driver in found.drivers
        ],
    }
