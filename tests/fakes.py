"""Fakes and builders that the tests share."""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from farthing.alerts.channels import Channel
from farthing.errors import ConflictError
from farthing.ledger.store import Entry, Store, Stored
from farthing.model import Alert, Charge, DailyReport, Source, daily_report
from farthing.settings import Settings
from farthing.sources.cost_explorer import COST_METRICS, CostExplorerSource
from farthing.sources.lenses import parse_lens
from farthing.workplace import Workplace

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
EC2 = "Amazon Elastic Compute Cloud - Compute"
S3 = "Amazon Simple Storage Service"
PROD = "111122223333"
DEV = "444455556666"

Bill = dict[date, dict[tuple[str, str], str]]
"""Day -> (service, account) -> amount as text."""


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def report(day: date, amounts: Mapping[tuple[str, str], str], **changes: Any) -> DailyReport:
    arguments: dict[str, Any] = {
        "currency": "USD",
        "estimated": True,
        "collected_at": NOW,
        "metrics": ("BilledCost", "EffectiveCost"),
        "source": Source("cost-explorer", ("ServiceName", "SubAccountId")),
        **changes,
    }
    charges = [Charge((s, a), None, (Decimal(text), Decimal(text))) for (s, a), text in amounts.items()]
    return daily_report(day, charges=charges, **arguments)


class MemoryStore:
    """The store port in a dict. ``writes`` lists the keys written, in order."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.writes: list[str] = []
        self._lock = threading.Lock()

    def read(self, key: str) -> Stored | None:
        data = self.objects.get(key)
        return None if data is None else Stored(data, str(hash(data)))

    def create(self, key: str, data: bytes) -> str:
        return self._write(key, data, None)

    def replace(self, key: str, data: bytes, etag: str) -> str:
        return self._write(key, data, etag)

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        return iter(sorted(key for key in self.objects if key.startswith(prefix) and key > after))

    def read_many(self, keys: Iterable[str]) -> Iterator[Stored | None]:
        return map(self.read, keys)

    def entries(self, prefix: str) -> Iterator[Entry]:
        return (Entry(key, str(hash(self.objects[key]))) for key in self.keys(prefix))

    def locate(self, key: str) -> str:
        return f"memory:{key}"

    def _write(self, key: str, data: bytes, etag: str | None) -> str:
        with self._lock:
            current = self.read(key)
            if (current.etag if current else None) != etag:
                raise ConflictError(f"{key} was written in between")
            self.objects[key] = data
            self.writes.append(key)
            return str(hash(data))


class FakeCostExplorer:
    """Answers GetCostAndUsage from a dict, in pages of ``page_size`` groups; counts what it answered.

    ``lenses`` holds other bills by the key of their second grouping; without one there, the bill answers.
    """

    def __init__(self, bill: Bill, page_size: int = 1000) -> None:
        self.bill = bill
        self.page_size = page_size
        self.requests: list[dict[str, Any]] = []
        self.raises: dict[int, Exception] = {}
        self.reverse = False
        self.lenses: dict[str, Bill] = {}
        self.names = {PROD: "prod"}
        self.metrics = COST_METRICS

    def get_cost_and_usage(self, **request: Any) -> dict[str, Any]:
        number = len(self.requests) + 1
        if number in self.raises:
            raise self.raises.pop(number)
        self.requests.append(request)
        start, end = (date.fromisoformat(request["TimePeriod"][name]) for name in ("Start", "End"))
        bill = self.lenses.get(request["GroupBy"][1]["Key"], self.bill)
        days = sorted((day for day in bill if start <= day < end), reverse=self.reverse)
        flat: list[tuple[date, tuple[str, str] | None]] = [
            (day, key) for day in days for key in (sorted(bill[day]) or (None,))
        ]
        place = int(request.get("NextPageToken", "0"))
        results: list[dict[str, Any]] = []
        for day, key in flat[place : place + self.page_size]:
            if not results or results[-1]["TimePeriod"]["Start"] != day.isoformat():
                period = {"Start": day.isoformat(), "End": (day + timedelta(days=1)).isoformat()}
                zero = {metric: {"Amount": "0", "Unit": "USD"} for metric in self.metrics}
                total = {} if key else zero
                results.append({"TimePeriod": period, "Groups": [], "Total": total, "Estimated": True})
            if key:
                amount = {"Amount": bill[day][key], "Unit": "USD"}
                metrics = dict.fromkeys(self.metrics, amount)
                results[-1]["Groups"].append({"Keys": list(key), "Metrics": metrics})
        attributes = [{"Value": id_, "Attributes": {"description": name}} for id_, name in self.names.items()]
        answer = {
            "ResultsByTime": results,
            "DimensionValueAttributes": attributes,
            "ResponseMetadata": {"RequestId": f"request-{number}"},
        }
        following = place + self.page_size
        return {**answer, "NextPageToken": str(following)} if following < len(flat) else answer


class RecordingChannel:
    """A channel that remembers what it sent, and fails with ``failing`` while that is set."""

    def __init__(self, name: str = "slack") -> None:
        self.name = name
        self.sent: list[list[Alert]] = []
        self.attempts = 0
        self.failing: Exception | None = None

    def send(self, alerts: Iterable[Alert]) -> None:
        self.attempts += 1
        if self.failing is not None:
            raise self.failing
        self.sent.append(list(alerts))

    def send_test(self) -> None:
        self.send([])

    @property
    def days(self) -> list[list[date]]:
        return [[alert.day for alert in message] for message in self.sent]


def workplace(
    client: FakeCostExplorer,
    store: Store | None = None,
    *channels: Channel,
    clock: Callable[[], datetime] = lambda: NOW,
    **settings: Any,
) -> Workplace:
    # Thresholds alone, unless a test is about the other signals: a figure that is over one is mostly unusual too.
    settings = {"signals": ("thresholds",), **settings}
    return Workplace(
        settings=Settings(**settings),
        store=store if store is not None else MemoryStore(),
        source=CostExplorerSource(client),
        channels=channels,
        clock=clock,
        sleep=lambda seconds: None,
        lenses={
            lens.name: CostExplorerSource(client, lens=lens) for lens in map(parse_lens, settings.get("lenses", ()))
        },
        log=logging.getLogger("farthing.tests"),
    )


class Receiver:
    """What a local HTTP receiver got, and what it answers."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answers: list[tuple[int, str, dict[str, str]]] = []
        self.url = ""


@contextmanager
def http_receiver() -> Iterator[Receiver]:
    """A receiver on loopback: answers 200 'ok' unless ``answers`` has something else for the next request."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            status, text, headers = receiver.answers.pop(0) if receiver.answers else (200, "ok", {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/services/T000/B000/plantedsecret"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
