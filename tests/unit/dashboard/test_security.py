"""What somebody who means harm may try on the server, without and with a name to be known by."""

import json
import re
import socket
import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import uvicorn
from starlette.testclient import TestClient
from tests.unit.dashboard.conftest import HOSTS, TODAY, opened

from farthing.dashboard import api
from farthing.dashboard.frame import LABELS
from farthing.dashboard.guard import MOST_QUERY_BYTES
from farthing.dashboard.pages import Pages
from farthing.dashboard.reading import Reading
from farthing.dashboard.server import application
from farthing.dashboard.site import single, site
from farthing.ledger.folder import FolderStore
from farthing.ledger.reports import Reports, lens_prefix
from farthing.model import GROUP_BY, Charge, Source, daily_report

TOKEN = "a-token-that-nobody-guesses"
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
BREAKS = ("<script>alert", "<img", "onerror=alert(2)>", "javascript:")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A ledger whose services, accounts and tags are markup."""
    home = tmp_path_factory.mktemp("hostile")
    store = FolderStore(home)
    at = datetime(2026, 11, 28, 5, tzinfo=UTC)
    for count in range(1, 40):
        day = date.fromisoformat(TODAY) - timedelta(days=count)
        common = {"currency": "USD", "estimated": True, "collected_at": at, "metrics": ("BilledCost",)}
        rows = [Charge((EVIL, EVIL), EVIL, (Decimal(count),)), Charge(("EC2", "111122223333"), "prod", (Decimal(3),))]
        Reports(store).write(daily_report(day, charges=rows, source=Source("cost-explorer", GROUP_BY), **common))
        tagged = [Charge((EVIL, EVIL), None, (Decimal(count),))]
        source = Source("cost-explorer", ("ServiceName", "Tags/team"))
        Reports(store, lens_prefix("tag-team")).write(daily_report(day, charges=tagged, source=source, **common))
    return home


@pytest.fixture(scope="module")
def over_hostile(hostile):
    reading = Reading(opened(hostile, FARTHING_LENSES="tag:team"))
    yield Pages(reading)
    reading.close()


def asking(pages, **options):
    return TestClient(
        application(pages, hosts=HOSTS, patience=60, **options), base_url="http://127.0.0.1", follow_redirects=False
    )


def without_scripts(text):
    """The document as a browser shows it: blocks of JSON are text to it."""
    return re.sub(r'<script type="application/json"[^>]*>.*?</script>', "", text, flags=re.DOTALL)


@pytest.mark.parametrize("name", LABELS)
def test_names_are_text_on_every_page(over_hostile, name):
    answer = asking(over_hostile).get("/" if name == "overview" else f"/{name}")
    assert answer.status_code == 200
    for part in BREAKS:
        assert part not in answer.text
    for block in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', answer.text, re.DOTALL):
        json.loads(block)


def test_names_are_text_in_the_files(over_hostile):
    for name, body in site(over_hostile).items():
        if name.endswith((".html", ".data.js")):
            assert not any(part in body.decode() for part in BREAKS), name
    text = single(over_hostile, over_hostile.cube(over_hostile.base_period()), tuple(LABELS), {})
    assert not any(part in without_scripts(text).split("<style>")[0] for part in BREAKS)
    assert text.count("</script>") == len(re.findall(r"<script[ >]", text))


@pytest.mark.parametrize(
    "asked", ["report?by=tag:team", "report?by=service,account,account-name", "cube", "cube?by=tag:team", "overview"]
)
def test_answers_are_json_that_no_browser_takes_for_a_page(over_hostile, asked):
    answer = asking(over_hostile).get(f"/api/v1/{asked}")
    assert answer.status_code == 200, answer.text
    assert EVIL in json.dumps(answer.json()) or EVIL in str(answer.json())
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        f"/{EVIL}",
        f"/static/{EVIL}",
        f"/api/v1/report?by={EVIL}",
        f"/api/v1/report?{EVIL}=1",
        f"/api/v1/explain?period={EVIL}",
    ],
)
def test_what_is_asked_comes_back_as_text(over_hostile, path):
    answer = asking(over_hostile).get(path)
    assert answer.status_code in (400, 404)
    if "html" in answer.headers["content-type"]:
        assert not any(part in answer.text for part in BREAKS)
    else:
        assert answer.headers["content-type"].startswith(("application/json", "text/plain"))


@pytest.mark.parametrize(
    "path", ["/", "/data", "/api/v1/report", "/api/v1/openapi.json", "/static/app.js", "/healthz", "/nothing"]
)
@pytest.mark.parametrize(
    "host",
    [
        "rebound.example",
        "127.0.0.1.nip.example",
        "localhost.evil.example",
        "127.0.0.1@evil.example",
        "evil.example#127.0.0.1",
        "[::ffff:8.8.8.8]",
        "0.0.0.0",
    ],
)
def test_a_foreign_name_gets_nothing_anywhere(client, path, host):
    answer = client.get(path, headers={"host": host})
    assert answer.status_code == 421
    assert "USD" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8321", "LOCALHOST", "localhost:1"])
def test_the_own_names_are_answered(client, host):
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"])
@pytest.mark.parametrize("path", ["/", *(route.path for route in api.ROUTES if not route.path.endswith("act"))])
def test_a_foreign_page_changes_nothing(client, method, path):
    """No address takes anything but a question; a browser that is led here to post is refused, and no CORS header helps it."""
    headers = {"origin": "http://evil.example", "content-type": "text/plain"}
    answer = client.request(method, path, headers=headers, content=b'{"action":"mute"}')
    assert answer.status_code in (403, 405, 413, 415)
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_no_answer_lets_a_foreign_page_read_it(client):
    answer = client.get("/api/v1/report", headers={"origin": "http://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("a" * (MOST_QUERY_BYTES + 1), 414),
        ("where=" + "%20".join(["service:a"] * 600), 200),
        ("where=" + "*" * 8000, 400),
        ("where=service:" + "*a" * 1000, 200),
        ("by=" + ",".join(["service"] * 500), 200),
        ("start=9999-12-31", 400),
        ("start=0001-01-01&end=9999-12-31", 200),
        ("period=99999999999999999999d", 400),
        ("period=%00", 400),
        ("by=%ff%fe", 400),
        ("where=service:%27%3B%20DROP%20TABLE%20charges%3B--", 200),
        ("where=service:%27%20OR%20%271%27=%271", 200),
        ("by=tag:%22%5D%3B--", 400),
        ("&&&===&", 400),
        ("metric=" + "x" * 5000, 400),
    ],
)  # fmt: skip
def test_a_question_that_is_large_or_malformed_is_answered_or_refused_soon(client, query, status):
    started = time.monotonic()
    answer = client.get(f"/api/v1/report?{query}")
    assert answer.status_code in (status, 400), answer.text[:300]
    assert time.monotonic() - started < 20
    if answer.status_code == 400:
        assert "\n" not in answer.json()["error"]
        assert "Traceback" not in answer.text


def test_a_filter_is_a_value_and_never_sql(client):
    everything = client.get("/api/v1/report").json()
    for value in ("x' OR '1'='1", "x') OR true --", '" OR ""="'):
        found = client.get("/api/v1/report", params={"where": f'service:"{value}"'.replace('""', '"')})
        assert found.status_code == 400 or found.json()["rows"] == []
    assert client.get("/api/v1/report").json() == everything


@pytest.mark.parametrize(
    "path",
    [
        "/static/..%2f..%2fguard.py",
        "/static/%2e%2e%2fserver.py",
        "/static/....//app.py",
        "/static/%00",
        "/static/app.js%00.html",
        "/static//etc/passwd",
        "/static/..\\..\\x",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/static/app.js/../../x",
    ],
)
def test_no_path_leads_out(client, path):
    answer = client.get(path)
    assert answer.status_code in (404, 400)
    assert "import " not in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/",
        *(f"/{name}" for name in LABELS),
        "/static/app.css",
        *(route.path for route in api.ROUTES),
        "/api/v1/openapi.json",
        "/nothing",
    ],
)
def test_nothing_is_told_without_the_token(pages, path):
    answer = asking(pages, token=TOKEN).get(path)
    assert answer.status_code == 401
    assert "USD" not in answer.text
    assert TOKEN not in answer.text


@pytest.mark.parametrize("wrong", ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\u00e4" * 20])
def test_a_wrong_token_opens_nothing(pages, wrong):
    client = asking(pages, token=TOKEN)
    assert client.get("/", params={"token": wrong}).status_code == 401
    assert client.get("/", headers={"authorization": f"Bearer {wrong}".encode()}).status_code == 401
    assert client.get("/", headers={"cookie": f"farthing_token={wrong}".encode()}).status_code == 401


def test_the_token_stands_on_no_page_and_in_no_address(pages):
    client = asking(pages, token=TOKEN)
    entered = client.get(f"/explorer?token={TOKEN}&by=x")
    assert entered.status_code == 303
    assert TOKEN not in entered.headers["location"]
    assert entered.headers["referrer-policy"] == "no-referrer"
    client.cookies.set("farthing_token", TOKEN)
    for path in ("/", *(f"/{name}" for name in LABELS), "/nothing", "/api/v1/report?by=wrong"):
        assert TOKEN not in client.get(path).text


def test_no_setting_that_is_secret_is_shown(filled):
    secret = "https://hooks.slack.com/services/T000/B000/XXXXXXXX"
    reading = Reading(opened(filled, FARTHING_SLACK_WEBHOOK_URL=secret))
    client = asking(Pages(reading))
    for path in ("/", *(f"/{name}" for name in LABELS), *(route.path for route in api.ROUTES), "/api/v1/report?by=x"):
        text = client.get(path).text
        assert "hooks.slack.com" not in text
        assert "XXXXXXXX" not in text
    reading.close()


def test_a_failure_inside_tells_nothing_of_the_inside(filled, monkeypatch):
    reading = Reading(opened(filled))
    pages = Pages(reading)

    def broken():
        raise RuntimeError("password=hunter2 in ~/.aws/credentials")

    monkeypatch.setattr(pages, "data", broken)
    client = TestClient(
        application(pages, hosts=HOSTS, patience=60), base_url="http://127.0.0.1", raise_server_exceptions=False
    )
    for path in ("/data", "/api/v1/data"):
        answer = client.get(path)
        assert answer.status_code == 500
        assert "hunter2" not in answer.text
        assert "Traceback" not in answer.text
    reading.close()


@pytest.fixture
def listening(pages):
    """The server on a real socket: what a test client would never send."""
    ear = socket.socket()
    ear.bind(("127.0.0.1", 0))
    ear.listen(64)
    server = uvicorn.Server(
        uvicorn.Config(
            application(pages, hosts=HOSTS, patience=60), log_config=None, h11_max_incomplete_event_size=16_384
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [ear]}, daemon=True)
    thread.start()
    yield ear.getsockname()
    server.should_exit = True
    thread.join(10)
    ear.close()


def told(address, sent):
    """What comes back until the server ends it, or has waited three seconds for more."""
    found = b""
    with socket.create_connection(address, timeout=10) as connection:
        try:
            connection.sendall(sent)
            connection.settimeout(3)
            while part := connection.recv(65536):
                found += part
        except (TimeoutError, ConnectionResetError, BrokenPipeError):
            pass  # not answered at all is refused too
    return found


@pytest.mark.loopback
@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 400_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\nConnection: close\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nConnection: close\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"\r\n\r\n\r\n",
    ],
)
def test_malformed_requests_get_no_figures(listening, sent):
    answer = told(listening, sent)
    status = answer.split(b" ", 2)[1] if answer else b"400"
    assert status[:1] == b"4", answer[:200]
    assert b"<nav" not in answer or status == b"404"


@pytest.mark.loopback
def test_a_good_request_on_the_same_socket_is_answered(listening):
    answer = told(listening, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
