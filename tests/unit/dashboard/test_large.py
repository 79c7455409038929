"""A ledger that is too large for one cube: coarser first, finer from the engine, exact; slow things come later."""

import json
import threading
from decimal import Decimal

import msgspec
import pytest
from starlette.testclient import TestClient

from farthing.dashboard import pages as module
from farthing.dashboard.api import CubeAsked, cube
from farthing.dashboard.frame import LABELS
from farthing.dashboard.incidents import Looked, looked
from farthing.dashboard.pages import Pages
from farthing.dashboard.reading import Reading
from farthing.dashboard.server import application
from farthing.dashboard.shelf import Shelf
from farthing.errors import CalledOffError
from farthing.model import exact_sum
from farthing.query.calling_off import asker
from farthing.query.model import Query

from .conftest import HOSTS, opened


@pytest.fixture
def large(filled, monkeypatch):
    """The small ledger, as if it were large."""
    monkeypatch.setattr(module, "MOST_CELLS", 2_000)
    reading = Reading(opened(filled))
    yield Pages(reading)
    reading.close()


def amounts_of(one, place=0):
    """Each leaf's total, from the limbs: as the browser adds up."""
    found, at = {}, 0
    limbs = one["amounts"][place]["limbs"]
    dim = one["dimensions"][0]
    for leaf, count in zip(one["leaves"][0], one["cells"], strict=True):
        parts = [sum(limb[at : at + count]) for limb in limbs]
        found[dim["values"][leaf]] = exact_sum(Decimal(part).scaleb(-6 * power) for power, part in enumerate(parts))
        at += count
    return found


def test_the_page_begins_with_services_and_is_told_what_else_there_is(large):
    source = large.source("live")
    assert source["baseColumns"] == ["ServiceName"]
    assert source["apart"] == ["SubAccountId"]
    assert large.source("static")["apart"] == []


def test_the_largest_values_and_the_rest_add_up_to_the_last_decimal(large, monkeypatch):
    period = large.base_period()
    whole = large.reading.ask(Query(period, ("ServiceName",), (), ("BilledCost",)))
    assert len(whole.rows) > 8
    monkeypatch.setattr(module, "MOST_VALUES", 5)
    made = json.loads(msgspec.json.encode(large.largest(period, "ServiceName", ("BilledCost",))))
    dim = made["dimensions"][0]
    assert len(dim["values"]) == 6
    assert dim["rest"] == len(whole.rows) - 5
    found = amounts_of(made)
    assert exact_sum(found.values()) == whole.total("BilledCost")
    assert dim["values"][-1] == "other"
    rest = found.pop("other")
    assert found == {row.keys[0]: row.amounts[0] for row in whole.rows[:5]}
    assert rest == exact_sum(row.amounts[0] for row in whole.rows[5:])


def test_a_cube_of_accounts_is_whole_and_equals_the_report(large):
    period = large.base_period()
    asked = CubeAsked(start=str(period.start), end=str(period.end), by=("account",), metric=("billed",))
    found = amounts_of(json.loads(cube(large, asked)))
    told = large.reading.ask(Query(period, ("SubAccountId",), (), ("BilledCost",)))
    assert found == {row.keys[0]: row.amounts[0] for row in told.rows}


def test_the_overview_comes_without_what_takes_minutes_and_asks_for_it(large, monkeypatch):
    go = threading.Event()

    def slowly(real):
        return lambda: (go.wait(30), real())[1]

    for name in ("_incidents", "_budgets", "_month"):
        monkeypatch.setattr(large, name, slowly(getattr(large, name)))
    client = TestClient(application(large, hosts=HOSTS, patience=60), base_url="http://127.0.0.1:8321")
    page = client.get("/")
    assert page.status_code == 200
    assert 'data-waits="/api/v1/incidents /api/v1/budgets /api/v1/overview"' in page.text
    assert 'data-figure="month"' in page.text
    assert 'data-figure="forecast"' not in page.text
    go.set()
    for name in ("incidents", "budgets", "overview"):
        assert client.get(f"/api/v1/{name}").status_code == 200
    page = client.get("/")
    assert "data-waits" not in page.text
    assert 'data-figure="forecast"' in page.text


@pytest.mark.parametrize("name", LABELS)
def test_a_page_that_takes_a_while_says_so_at_once(large, monkeypatch, name):
    go, kept = threading.Event(), large.source
    monkeypatch.setattr(large, "source", lambda mode: (go.wait(30), kept(mode))[1])
    with TestClient(application(large, hosts=HOSTS, patience=0.05), base_url="http://127.0.0.1:8321") as client:
        path = "/" if name == "overview" else f"/{name}"
        page = client.get(path)
        assert page.status_code == 202
        assert 'data-page="waiting"' in page.text
        assert "<script>" not in page.text
        go.set()
        for _ in range(600):
            page = client.get(path)
            if page.status_code == 200:
                break
        assert page.status_code == 200
        assert 'data-page="waiting"' not in page.text


def test_a_slow_answer_is_there_at_the_next_start_until_something_changes(filled, monkeypatch):
    calls = []
    real = looked

    def counted(app):
        calls.append(1)
        return real(app)

    monkeypatch.setattr(module, "looked", counted)
    monkeypatch.setattr("farthing.dashboard.shelf._code", lambda: "this test's")
    told = []
    for more in ({}, {}, {"FARTHING_TODAY": "2026-11-29"}):
        reading = Reading(opened(filled, **more))
        told.append(Pages(reading).looked())
        reading.close()
    assert len(calls) == 2
    assert told[0] == told[1]


@pytest.mark.parametrize("harm", [lambda data: data[:-3] + b"]}\n", lambda data: b"", lambda data: data[:40]])
def test_a_damaged_answer_is_none(tmp_path, harm):
    shelf = Shelf(tmp_path / "answers", "settings")
    value = Looked((), "BilledCost", (), 3, {})
    shelf.save("one", "v1", value)
    assert shelf.load("one", "v1", Looked) == value
    assert shelf.load("one", "v2", Looked) is None
    assert Shelf(tmp_path / "answers", "others").load("one", "v1", Looked) is None
    path = tmp_path / "answers" / "one.json"
    path.write_bytes(harm(path.read_bytes()))
    assert shelf.load("one", "v1", Looked) is None


def test_closing_ends_what_is_done_beside(filled):
    reading, ended = Reading(opened(filled)), threading.Event()

    def work():
        with pytest.raises(CalledOffError):
            asker().take(threading.Semaphore(0))
        ended.set()

    reading.behind(work)
    reading.close()
    assert ended.is_set()


def test_the_state_tells_how_far_the_reading_is(large):
    told = []
    real = large.reading._tell

    def tell(done, of):
        real(done, of)
        told.append(large.reading.progress())

    large.reading._tell = tell
    large.base_columns()
    assert [one.done for one in told] == list(range(told[0].of))
    assert large.reading.progress() is None
