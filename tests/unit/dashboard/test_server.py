"""The server over a simulated ledger: what it answers, and what it refuses."""

import json
import threading

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from farthing.cli import group
from farthing.dashboard import api
from farthing.dashboard.api import DECISIONS, ROUTES
from farthing.dashboard.frame import LABELS
from farthing.dashboard.guard import POLICY
from farthing.dashboard.pages import Pages
from farthing.dashboard.reading import Reading
from farthing.dashboard.server import application
from farthing.errors import LedgerError

from .conftest import opened

TODAY = "2026-11-28"
HOSTS = frozenset({"127.0.0.1", "localhost"})


def reported(home, *arguments):
    environment = {"FARTHING_HOME": str(home), "FARTHING_TODAY": TODAY}
    done = CliRunner().invoke(group, ["--home", str(home), "report", "--json", *arguments], env=environment)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize(
    ("query", "arguments"),
    [
        ("", []),
        ("period=mtd&by=account", ["--period", "mtd", "--by", "account"]),
        ("by=day&by=service&metric=billed", ["--by", "day,service", "--metric", "billed"]),
        ("where=service:*EC2*&where=-account:nobody", ["--where", "service:*EC2*", "--where", "-account:nobody"]),
        ("period=all&by=month", ["--period", "all", "--by", "month"]),
        ("period=last-month&compare=previous", ["--period", "last-month", "--compare", "previous"]),
        ("start=2026-11-01&end=2026-11-03&source=reports", ["--start", "2026-11-01", "--end", "2026-11-03", "--source", "reports"]),
    ],
)  # fmt: skip
def test_the_api_answers_exactly_what_the_command_prints(client, filled, query, arguments):
    answer = client.get(f"/api/v1/report?{query}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.text == reported(filled, *arguments)


@pytest.mark.parametrize("path", ["/", *(f"/{name}" for name in LABELS)])
def test_every_page_is_there_with_its_headers(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert "<script>" not in answer.text
    assert " style=" not in answer.text
    assert "http" not in answer.text.replace("http-equiv", "")


@pytest.mark.parametrize("path", ["/", *(f"/{name}" for name in LABELS)])
def test_an_empty_ledger_says_what_to_do(empty, path):
    answer = empty.get(path)
    assert answer.status_code == 200
    assert "farthing collect" in answer.text or "farthing backfill" in answer.text or "farthing.toml" in answer.text


def test_health_and_assets(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/static/app.js").headers["content-type"].startswith("text/javascript")
    assert client.head("/").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/source.sha256",
        "/static/..%2f__init__.py",
        "/static/%2e%2e/%2e%2e/errors.py",
        "/static/",
        "/../etc/passwd",
        "/nothing",
    ],
)
def test_no_other_file_is_served(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("perod=7d", "did you mean period?"),
        ("period=7d&period=8d", "given twice"),
        ("period=fortnight", "is not a period"),
        ("by=colour", "unknown"),
        ("where=service", "service"),
        ("source=guess", "source"),
        ("by=tag:team", "team"),
    ],
)
def test_what_is_asked_wrongly_is_said_in_one_line(client, query, says):
    answer = client.get(f"/api/v1/report?{query}")
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "evil.example:8321"])
def test_another_name_in_the_host_header_is_refused(client, host):
    answer = client.get("/api/v1/report", headers={"host": host})
    assert answer.status_code == 421
    assert "BilledCost" not in answer.text


def test_an_address_or_a_body_that_is_too_long_is_refused(client):
    assert client.get("/api/v1/report?where=" + "a" * 9000).status_code == 414
    assert client.post("/api/v1/report", content=b"x" * 70_000).status_code == 413
    assert client.post("/api/v1/report", content=iter([b"x"])).status_code == 413
    assert client.post("/api/v1/report").status_code == 405


def test_a_token_is_asked_for(pages):
    token = "a-token-of-some-length"
    client = TestClient(
        application(pages, hosts=HOSTS, token=token, patience=60), base_url="http://127.0.0.1", follow_redirects=False
    )
    assert client.get("/healthz").status_code == 200
    for path in ("/", "/data", "/api/v1/report", "/static/app.js"):
        assert client.get(path).status_code == 401
    assert client.get("/?token=wrong").status_code == 401
    assert client.get("/data", headers={"authorization": f"Bearer {token}"}).status_code == 200
    entered = client.get(f"/data?token={token}")
    assert entered.status_code == 303
    assert entered.headers["location"] == "/data"
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert client.get("/data").status_code == 200


def test_the_answers_are_as_the_openapi_document_says(client):
    document = client.get("/api/v1/openapi.json").json()
    schemas = document["components"]
    assert set(document["paths"]) == {*(route.path for route in ROUTES), DECISIONS}
    for route in ROUTES:
        answer = client.get(route.path)
        assert answer.status_code == 200, (route.path, answer.text)
        schema = document["paths"][route.path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": schemas}).validate(answer.json())


def test_the_cube_adds_up_to_the_report(client, filled):
    cube = client.get("/api/v1/cube?period=30d&metric=billed").json()
    units = sum(sum(limb) * 10 ** (18 - 6 * place) for place, limb in enumerate(cube["amounts"][0]["limbs"]))
    total = json.loads(reported(filled, "--metric", "billed"))["totals"]["BilledCost"]
    whole, _, rest = total.partition(".")
    assert units == int(whole + rest.ljust(18, "0"))


@pytest.mark.parametrize("path", ["/", "/incidents"])
def test_what_takes_long_follows_and_is_asked_for(filled, monkeypatch, path):
    reading = Reading(opened(filled))
    pages = Pages(reading)
    client = TestClient(application(pages, hosts=HOSTS, patience=60), base_url="http://127.0.0.1:8321")
    judged, judge = threading.Event(), pages._incidents

    def slowly():
        assert judged.wait(60)
        return judge()

    monkeypatch.setattr(pages, "_incidents", slowly)
    assert 'data-waits="/api/v1/incidents"' in client.get(path).text
    judged.set()
    assert client.get("/api/v1/incidents").json()["incidents"]
    whole = client.get(path)
    assert (whole.status_code, "data-waits" in whole.text) == (200, False)
    reading.close()


def test_what_goes_wrong_while_a_page_waits_is_said(filled, monkeypatch):
    pages = Pages(Reading(opened(filled)))
    monkeypatch.setattr(pages, "_incidents", lambda: (_ for _ in ()).throw(LedgerError("the disk is gone")))
    answer = TestClient(application(pages, hosts=HOSTS, patience=60), base_url="http://127.0.0.1:8321").get(
        "/incidents"
    )
    assert answer.status_code == 503
    assert "the disk is gone" in answer.text


def test_far_too_many_cells_are_refused_before_they_are_read(client, pages, monkeypatch):
    monkeypatch.setattr(api, "MOST_CELLS", 50)
    monkeypatch.setattr(pages, "cube", lambda *_: pytest.fail("read all the same"))
    answer = client.get("/api/v1/cube", params={"period": "30d", "metric": "blended"})
    assert answer.status_code == 400
    assert "more than 50 amounts" in answer.json()["error"]
