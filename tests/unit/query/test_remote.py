"""Engines that read exports elsewhere: daily reports are added up beside them, and names of engines."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from farthing.errors import UsageError
from farthing.model import Period
from farthing.query.engines import ENGINES, opener
from farthing.query.engines.base import ChargesEngine, RemoteEngine
from farthing.query.model import Day, Query
from farthing.query.sources import ExportSlice

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
NOW = datetime(2026, 11, 24, tzinfo=UTC)


class Fixed(ChargesEngine):
    """Holds reports of two days; answers with fixed rows."""

    closed = False

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        super().__init__(OCTOBER, now=NOW)
        self.days = {day: Day(day, "USD", ("BilledCost",)) for day in (date(2026, 10, 20), date(2026, 10, 21))}
        self.rows = rows

    def ask(self, query: Query, metrics: Any, choice: Any) -> list[tuple[Any, ...]]:
        assert not choice.slices
        assert query.top is None
        return self.rows

    def close(self) -> None:
        self.closed = True


class Remote(RemoteEngine):
    def __init__(self, local: ChargesEngine | None, rows: list[tuple[Any, ...]], **more: Any) -> None:
        super().__init__(local, OCTOBER, now=NOW, **more)
        self.rows = rows
        self.tops: list[int | None] = []

    def ask_exports(self, query: Query, metrics: Any, choice: Any) -> list[tuple[Any, ...]]:
        self.tops.append(query.top)
        return self.rows


SLICE = ExportSlice(
    provider="AWS",
    billing_account="1",
    days=Period(date(2026, 10, 1), date(2026, 10, 15)),
    whole=False,
    first_day=date(2026, 10, 1),
    currencies=("USD",),
    columns=frozenset({"ServiceName", "BilledCost"}),
    files=("s3://b/x.parquet",),
)
A, B, C = ("A", Decimal("1.25")), ("B", Decimal(2)), ("C", Decimal(3))


def test_reports_and_exports_are_added_up():
    local = Fixed([A, B])
    with Remote(local, [("A", Decimal(10)), C], slices=[SLICE]) as engine:
        result = engine.run(Query(OCTOBER, ("ServiceName",), (), ("BilledCost",)))
    assert {row.keys[0]: row.amounts[0] for row in result.rows} == {"A": Decimal("11.25"), "B": 2, "C": 3}
    assert set(result.days_from) == {"reports", "exports"}
    assert local.closed


def test_the_largest_are_known_only_after_adding_up():
    engine = Remote(Fixed([A, B]), [("B", Decimal(2)), C], slices=[SLICE])
    result = engine.run(Query(OCTOBER, ("ServiceName",), (), ("BilledCost",), 1))
    assert engine.tops == [None]
    assert [(row.keys, row.amounts) for row in result.rows] == [(("B",), (Decimal(4),))]
    assert (result.rest_count, result.totals) == (2, (Decimal("8.25"),))


def test_without_exports_the_remote_is_not_asked():
    engine = Remote(Fixed([A]), [("Z", Decimal(1))])
    assert engine.run(Query(OCTOBER, ("ServiceName",), (), ("BilledCost",))).totals == (Decimal("1.25"),)
    assert engine.tops == []
    assert Remote(None, []).run(Query(OCTOBER)).rows == ()


def test_an_engine_is_found_by_its_name():
    for name in ENGINES:
        assert callable(opener(name))
    with pytest.raises(UsageError, match=r"there is no engine 'spork' \(did you mean spark\?\)"):
        opener("spork")
    with pytest.raises(UsageError, match="there are athena, duckdb, spark"):
        opener("zzz")


def test_another_package_may_bring_one(monkeypatch):
    from importlib.metadata import EntryPoint

    from farthing.query import engines

    point = EntryPoint("mine", "farthing.query.engines.duckdb:opened", "farthing.engines")
    monkeypatch.setattr(engines, "entry_points", lambda group: [point] if group == "farthing.engines" else [])
    assert opener("mine").__name__ == "opened"
