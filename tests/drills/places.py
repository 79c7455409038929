"""The places that a drill's processes talk to: a Slack that can fail, a Cost Explorer over a fixed bill; and its ledger."""

import hashlib
import json
import os
import re
import shutil
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
from tests.drills.planted import WEBHOOK_TOKEN
from tests.fakes import DEV, EC2, NOW, PROD, S3, TODAY, Bill, FakeCostExplorer, RecordingChannel, ago, workplace

from farthing.app import CONFIG_KEY
from farthing.collect import collect
from farthing.ledger.folder import FolderStore
from farthing.ledger.reports import PREFIX, Reports, decode_report, encode_report
from farthing.ledger.series import CHECKSUM, Series
from farthing.ledger.store import Store
from farthing.model import BILLED_COST, Alert
from farthing.signals.thresholds import ThresholdRule
from farthing.wording import day_name

TOMORROW = NOW + timedelta(days=1)
"""When a drill's run happens: a day after the run that filled its ledger."""

RULES = f"""
window_days = 7
signals = ["thresholds"]
[[thresholds]]
name = "storage"
service = "{S3}"
amount = 500
"""
STORAGE = ThresholdRule(name="storage", service=S3, amount=Decimal(500))
SETTINGS: dict[str, Any] = {"cost_threshold": Decimal(150), "thresholds": (STORAGE,), "window_days": 7}

BREACHES = {("total", TODAY), ("total", ago(3)), ("storage", TODAY), ("storage", ago(3))}
"""What the run has to tell: a new day and a restated one, each over both rules; two messages."""

REPORTS = {
    TODAY: ("1001", 0),
    ago(2): ("90.5", 1),
    ago(3): ("901", 1),
}
"""BilledCost and number of revisions of the days that the run writes; the others stay at 101 and 0."""


def before() -> Bill:
    """The bill as the first run saw it."""
    return {ago(age): {(EC2, PROD): "100", (S3, PROD): "1"} for age in range(1, 11)}


def after() -> Bill:
    """The bill a day later: one day more and two restated."""
    return before() | {
        TODAY: {(EC2, PROD): "101", (S3, PROD): "900"},
        ago(2): {(EC2, PROD): "89.5", (EC2, DEV): "1"},
        ago(3): {(EC2, PROD): "100", (S3, PROD): "801"},
    }


def filled(root: Path) -> Path:
    """A ledger that was collected yesterday, with an alert that is sent and settled."""
    bill = before()
    bill[ago(1)] = {(EC2, PROD): "160", (S3, PROD): "1"}
    result = collect(
        workplace(FakeCostExplorer(bill), FolderStore(root), RecordingChannel(), **{**SETTINGS, "window_days": 10}),
        invocation="yesterday",
    )
    assert result.failures == ()
    # As if it had been restated since: that alert stays as it was sent.
    assert [alert.day for alert in result.alerts] == [ago(1)]
    bill = before()
    later = collect(
        workplace(FakeCostExplorer(bill), FolderStore(root), RecordingChannel(), **SETTINGS), invocation="again"
    )
    assert later.failures == ()
    config = root / CONFIG_KEY
    config.parent.mkdir()
    config.write_text(RULES)
    return root


def states(root: Path) -> dict[tuple[str, date], str]:
    """The alerts that a drill's run is about, and how far each has got."""
    found: dict[tuple[str, date], str] = {}
    for path in sorted((root / "cost_data" / "alerts").rglob("*.json")):
        alert = msgspec.json.decode(path.read_bytes(), type=Alert)
        found[alert.rule, alert.day] = alert.state
    assert found.pop(("total", ago(1)), "sent") == "sent", "yesterday's alert stays as it was"
    return found


def reports(root: Path) -> dict[date, tuple[str, int]]:
    """Each day's BilledCost and number of revisions; every report is decoded, so its rows add up to its totals."""
    found = {}
    for path in sorted((root / "cost_data" / "daily").glob("*.json")):
        data = path.read_bytes()
        report = decode_report(data, str(path), date.fromisoformat(path.stem))
        assert encode_report(report) == data
        found[report.date] = (f"{report.total():f}", len(report.revisions))
    return found


def expected_reports() -> dict[date, tuple[str, int]]:
    """The reports after a whole run."""
    # The day of yesterday's alert was restated before the drill began.
    return {ago(age): ("101", 0) for age in range(1, 11)} | {ago(1): ("101", 1)} | REPORTS


def whole(root: Path) -> None:
    """Every object can be read, and nothing else lies about but farthing's own two files."""
    reports(root)
    states(root)
    # Links keep each file's time and number, so its ETag. Reading series may write them anew: not in the ledger itself.
    copy = root.with_name(f"{root.name} linked")
    shutil.copytree(root, copy, copy_function=os.link)
    require_series(FolderStore(copy))
    shutil.rmtree(copy)
    for path in root.rglob("*"):
        if path.is_dir() or path.is_relative_to(root / "state"):
            continue
        if path.suffix == ".json":
            json.loads(path.read_bytes())
        else:
            assert path.relative_to(root).as_posix() in (".lock", ".writing", CONFIG_KEY), path


def require_series(store: Store) -> None:
    """The series that signals read say what the reports say, whatever became of their own objects."""
    today = TOMORROW.date()
    daily = Series(store).load(BILLED_COST, today).daily
    columns = [daily.values(place) for place in range(len(daily.leaves))]
    sums = {day: sum(column[at] for column in columns) for at, day in enumerate(daily.dates)}
    reports = Reports(store)
    assert sums == {day: float(reports.read(day).total()) for day in reports.days() if day < today}


def fingerprint(root: Path) -> str:
    """The same for two ledgers that hold the same bytes under the same names, half-written ones too.

    Series name the ETags of reports, which differ from folder to folder: here they count as the day they stand for.
    """
    days = {entry.etag.encode(): entry.key.encode() for entry in FolderStore(root).entries(PREFIX)}
    parts = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        if path.is_relative_to(root / "state"):
            data = data[:-CHECKSUM]
            for etag, day in days.items():
                data = data.replace(etag, day)
        parts.update(f"{path.relative_to(root)}\0".encode())
        parts.update(data)
    return parts.hexdigest()


def told(body: Mapping[str, Any]) -> set[tuple[str, date]]:
    """The alerts that a Slack message tells: (rule, day)."""
    fields = [field["text"] for block in body["blocks"] for field in block.get("fields", [])]
    (rule,) = (match[1] for field in fields if (match := re.search(r"\*Threshold\*\n.*\((\w+)\)", field)))
    lines = body["text"].splitlines()
    days = {ago(age) for age in range(-40, 40)}
    return {(rule, day) for day in days if any(line.startswith(f"{day_name(day)}: ") for line in lines)}


class Slack:
    """A receiver of webhooks. ``faults`` are met by the next requests, one each; ``got`` lists what came in.

    A fault is ``(status, headers)``, or 'reset' (the connection breaks off), 'hang' (no answer), 'close' (the body is
    taken, then the connection closed without an answer).
    """

    def __init__(self) -> None:
        self.url = ""
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.confirmed: list[tuple[str, dict[str, Any]]] = []
        self.faults: deque[Any] = deque()
        self.closing = threading.Event()

    def alerts(self, path: str = "", *, confirmed: bool = False) -> list[tuple[str, date]]:
        """The alerts told to paths that hold ``path``, one entry for each time."""
        messages = self.confirmed if confirmed else self.got
        return sorted(alert for where, body in messages if path in where for alert in told(body))


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed breaks its connection off: that is what the drill is about."""


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(BaseHTTPRequestHandler):
    wbufsize = -1  # head and body in one packet

    def log_message(self, *args: object) -> None:
        pass

    def body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


@contextmanager
def slack() -> Iterator[Slack]:
    """A Slack on loopback; its webhook's path holds a planted secret."""
    receiver = Slack()

    class Handler(_Quiet):
        def do_POST(self) -> None:
            message = (self.path, self.body())
            receiver.got.append(message)
            fault = receiver.faults.popleft() if receiver.faults else None
            if fault is None:
                receiver.confirmed.append(message)
                self.answer(200, b"ok", {})
            elif isinstance(fault, tuple):
                self.answer(fault[0], b"trouble", fault[1])
            else:
                self.close_connection = True
                if fault == "hang":
                    receiver.closing.wait(10)
                elif fault == "reset":
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()

    with _serving(Handler) as url:
        receiver.url = f"{url}/services/T000/B000/{WEBHOOK_TOKEN}"
        yield receiver
        receiver.closing.set()


@contextmanager
def cost_explorer(bill: Bill) -> Iterator[str]:
    """A Cost Explorer over this bill, in pages of 5 rows, as boto3 asks it."""

    class Handler(_Quiet):
        def do_POST(self) -> None:
            answer = FakeCostExplorer(bill, page_size=5).get_cost_and_usage(**self.body())
            del answer["ResponseMetadata"]
            headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": "drill"}
            self.answer(200, json.dumps(answer).encode(), headers)

    with _serving(Handler) as url:
        yield url
