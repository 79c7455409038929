"""Decisions about incidents over HTTP: kept as events, and refused when another page sends them."""

import shutil

import pytest
from starlette.testclient import TestClient

from farthing.app import App
from farthing.dashboard.pages import Pages
from farthing.dashboard.reading import Reading
from farthing.dashboard.server import application
from farthing.ledger.folder import FolderStore
from farthing.settings import load

BASE = "http://127.0.0.1:8321"
TODAY = "2026-11-28"


@pytest.fixture
def ledger(filled, tmp_path):
    home = tmp_path / "ledger"
    shutil.copytree(filled, home)
    return home


@pytest.fixture
def client(ledger):
    values = {"FARTHING_HOME": str(ledger), "FARTHING_SOURCE": "simulated", "FARTHING_SIMULATED_SIZE": "small"}
    settings = load({**values, "FARTHING_TODAY": TODAY}, None, "", required=())
    reading = Reading(App(settings, FolderStore(ledger), lambda text: None))
    with TestClient(application(Pages(reading), hosts=frozenset({"127.0.0.1"}), patience=60), base_url=BASE) as client:
        yield client
    reading.close()


def incidents(client):
    return client.get("/api/v1/incidents").json()["incidents"]


def decide(client, incident, headers=(), **said):
    path = f"/api/v1/incidents/{incident}/decisions"
    return client.post(path, json={"action": "acknowledge", "by": "Ada", **said}, headers=dict(headers))


def test_a_decision_is_kept_and_shown(client, ledger):
    first = incidents(client)[0]
    assert first["state"]["name"] == "open"
    id_ = first["incident"]["id"]
    answer = decide(client, id_, action="mute", until="2026-12-24", note="a load test")
    assert answer.status_code == 200
    (told,) = [one for one in incidents(client) if one["incident"]["id"] == id_]
    assert (told["state"]["name"], told["state"]["until"], told["state"]["by"]) == ("muted", "2026-12-24", "Ada")
    assert told["said"][0]["note"] == "a load test"
    (event,) = (ledger / "cost_data" / "events").rglob("decision-*.json")
    assert '"farthing.decision/1"' in event.read_text()
    page = client.get("/incidents").text
    assert "muted" in page
    assert "a load test" in page


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_what_another_page_sends_is_refused(client, ledger, headers):
    id_ = incidents(client)[0]["incident"]["id"]
    assert decide(client, id_, headers).status_code == 403
    assert not list((ledger / "cost_data" / "events").rglob("decision-*"))


def test_the_own_page_may_send(client):
    id_ = incidents(client)[0]["incident"]["id"]
    assert decide(client, id_, {"origin": BASE, "sec-fetch-site": "same-origin"}).status_code == 200


def test_a_form_cannot_send_a_decision(client, ledger):
    id_ = incidents(client)[0]["incident"]["id"]
    path = f"/api/v1/incidents/{id_}/decisions"
    body = '{"action": "resolve", "by": "x"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert client.post(path, content=body, headers={"content-type": kind}).status_code == 415
    assert not list((ledger / "cost_data" / "events").rglob("decision-*"))


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"action": "delete"}, "Invalid enum value 'delete'"),
        ({"by": ""}, "length >= 1"),
        ({"by": "x" * 101}, "length <= 100"),
        ({"action": "mute"}, "needs the day on which it ends"),
        ({"action": "mute", "until": "2026-11-01"}, "has passed"),
        ({"until": "2026-12-24"}, "has no end"),
        ({"admin": True}, "unknown field `admin`"),
    ],
)
def test_a_wrong_decision_is_said_in_one_line(client, said, says):
    answer = decide(client, incidents(client)[0]["incident"]["id"], **said)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_an_unknown_incident_and_an_unreadable_body(client):
    assert decide(client, "0" * 32).status_code == 400
    path = f"/api/v1/incidents/{'0' * 32}/decisions"
    assert client.post(path, content=b"{", headers={"content-type": "application/json"}).status_code == 400
    assert client.get(path).status_code == 405
