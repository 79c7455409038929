"""The simulator over HTTP: AWS JSON 1.1 on a loopback address, enough for AWS's SDKs and CLI and for other tools.

`POST /` with an X-Amz-Target is the service; `GET /_farthing/status` tells what was asked so far; `/_farthing/faults`
sets (POST), lists (GET) and clears (DELETE) faults. Signatures are not checked, but there must be one.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from farthing.simulator.bill import Bill
from farthing.simulator.contract import OPERATIONS
from farthing.simulator.cost_explorer import CostExplorerSimulator
from farthing.simulator.errors import ServiceError
from farthing.simulator.faults import Effect, FaultError, read_fault
from farthing.simulator.wire import AWS_JSON, cut, encode, garbage, refusal

TARGET_PREFIX = "AWSInsightsIndexService."
STATUS_PATH = "/_farthing/status"
FAULTS_PATH = "/_farthing/faults"
LARGEST_BODY = 1 << 20
IDLE_SECONDS = 60
_JSON = "application/json"
_NO_LINGER = struct.pack("ii", 1, 0)  # closing then resets the connection


class SimulatorServer(ThreadingHTTPServer):
    """A server around one simulator. `server_close` ends open connections and waits for their threads."""

    daemon_threads = False
    block_on_close = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, simulator: CostExplorerSimulator, address: tuple[str, int]) -> None:
        """Binds at once; raises OSError if the port is taken."""
        self.simulator = simulator
        self._open: set[socket.socket] = set()
        self._resetting: set[socket.socket] = set()
        self._refused = 0
        self._guard = threading.Lock()
        self.closing = threading.Event()
        super().__init__(address, _Handler)

    @property
    def url(self) -> str:
        """What to give to a client as its endpoint."""
        host, port = self.server_address[0], self.server_address[1]
        text = host.decode() if isinstance(host, bytes | bytearray) else host
        return f"http://[{text}]:{port}" if ":" in text else f"http://{text}:{port}"

    def status(self) -> dict[str, Any]:
        """What /_farthing/status answers. `size` and `seed` are null where a recording is replayed."""
        source = self.simulator.source
        return {
            "billed_requests": self.simulator.billed_requests,
            "failed_requests": self.simulator.failed_requests + self._refused,
            "today": source.today.isoformat(),
            "size": source.size.value if isinstance(source, Bill) else None,
            "seed": source.seed if isinstance(source, Bill) else None,
        }

    def refused(self) -> None:
        """Count a request that did not get as far as the simulator."""
        with self._guard:
            self._refused += 1

    def process_request(self, request: Any, client_address: Any) -> None:
        """As the base class, remembering the connection."""
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """As the base class, forgetting the connection."""
        with self._guard:
            self._open.discard(request)
            reset = request in self._resetting
            self._resetting.discard(request)
        if reset:
            self.close_request(request)  # no orderly end before it
        else:
            super().shutdown_request(request)

    def reset(self, request: socket.socket) -> None:
        """Have the connection reset, not ended, once its handler is done."""
        request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        with self._guard:
            self._resetting.add(request)

    def server_close(self) -> None:
        """End latencies, close the port, then the idle connections, then wait for the threads."""
        self.closing.set()
        with self._guard:
            for connection in self._open:
                with contextlib.suppress(OSError):  # it may be gone already
                    connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is the client's affair: no traceback on the terminal."""


class _Handler(BaseHTTPRequestHandler):
    server: SimulatorServer
    protocol_version = "HTTP/1.1"
    server_version = "farthing-simulator"
    sys_version = ""
    timeout = IDLE_SECONDS
    wbufsize = 1 << 16  # head and body leave in one piece: two small ones would wait for each other's ACK
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        try:
            if self.path == FAULTS_PATH:
                self._send(200, self._set_faults(), _JSON)
            else:
                self._serve()
        except ServiceError as error:
            self._refuse(error)

    def do_GET(self) -> None:
        if self.path == STATUS_PATH:
            self._send(200, self.server.status(), _JSON)
        elif self.path == FAULTS_PATH:
            self._send(200, {"faults": self.server.simulator.faults()}, _JSON)
        else:
            self._protocol_error(ServiceError("UnknownOperationException", f"Nothing at {self.path[:200]}", 404))

    def do_DELETE(self) -> None:
        if self.path != FAULTS_PATH:
            self._protocol_error(ServiceError("UnknownOperationException", f"Nothing at {self.path[:200]}", 404))
            return
        try:
            if self.headers.get("Content-Length") or self.headers.get("Transfer-Encoding"):
                self._body()
        except ServiceError as error:
            self._refuse(error)
            return
        self.server.simulator.clear_faults()
        self._send(200, {"faults": []}, _JSON)

    def _serve(self) -> None:
        """The service: whatever the request meets there, on the wire."""
        operation, request = self._request()
        reply = self.server.simulator.reply(operation, request)
        if reply.seconds:
            self.server.closing.wait(reply.seconds)
        effect = reply.fault.effect if reply.fault else None
        if effect is Effect.RESET:
            self.server.reset(self.connection)
            self.close_connection = True
        elif reply.fault is not None and effect is Effect.GARBAGE:
            self._write(reply.fault.status, garbage(), "text/html; charset=utf-8")
        elif reply.error is not None:
            self._refuse(reply.error, lost=effect is Effect.TRUNCATE)
        else:
            self._send(200, reply.answer, lost=effect is Effect.TRUNCATE)

    def _request(self) -> tuple[str, Any]:
        """(the operation, its request). Raises ServiceError for what the service would not even read."""
        body = self._body()
        if not self.headers.get("Authorization"):
            raise self._counted("MissingAuthenticationToken", "Missing Authentication Token", 403)
        target = self.headers.get("X-Amz-Target", "")
        operation = target.removeprefix(TARGET_PREFIX)
        if operation == target or operation not in OPERATIONS:
            known = target.startswith(TARGET_PREFIX) and operation.isalnum()
            simulated = ", ".join(OPERATIONS)
            message = f"{operation[:80]} is not simulated; these are: {simulated}" if known else "Unknown operation"
            raise self._counted("UnknownOperationException", message)
        try:
            return operation, json.loads(body)
        except (ValueError, RecursionError):
            raise self._counted("SerializationException", "The request body is not valid JSON.") from None

    def _set_faults(self) -> dict[str, Any]:
        """Adds the faults of the body, all or none. Raises ServiceError; nothing of this is counted."""
        simulator = self.server.simulator
        try:
            document = json.loads(self._body())
            given = document.get("faults") if isinstance(document, dict) else None
            if not isinstance(given, list) or set(document) != {"faults"}:
                raise FaultError('send {"faults": [...]}')
            simulator.set_faults(*[read_fault(each) for each in given])
        except FaultError as error:
            raise ServiceError("ValidationException", str(error)) from error
        except (ValueError, RecursionError) as error:
            raise ServiceError("SerializationException", "The request body is not valid JSON.") from error
        return {"faults": simulator.faults()}

    def _counted(self, code: str, message: str, status: int = 400) -> ServiceError:
        self.server.refused()
        return ServiceError(code, message, status)

    def _body(self) -> bytes:
        """The whole body. What cannot be read to its end ends the connection: the next request would begin amid it."""
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            raise self._counted("SerializationException", "Send a Content-Length; chunked bodies are not read.", 411)
        text = self.headers.get("Content-Length", "")
        if not (text.isascii() and text.isdigit()):
            self.close_connection = True
            raise self._counted("SerializationException", "Content-Length is missing or not a number.", 411)
        if len(text) > 12 or int(text) > LARGEST_BODY:
            self.close_connection = True
            raise self._counted("RequestEntityTooLarge", f"The body is larger than {LARGEST_BODY} bytes.", 413)
        body = self.rfile.read(int(text))
        if len(body) < int(text):
            self.close_connection = True
            raise self._counted("SerializationException", "The body is shorter than its Content-Length.")
        return body

    def _protocol_error(self, error: ServiceError) -> None:
        self.server.refused()
        self._refuse(error)

    def _refuse(self, error: ServiceError, *, lost: bool = False) -> None:
        self._write(error.status, refusal(error), AWS_JSON, error.code, lost=lost)

    def _send(self, status: int, document: object, content_type: str = AWS_JSON, *, lost: bool = False) -> None:
        self._write(status, encode(document), content_type, lost=lost)

    def _write(self, status: int, body: bytes, content_type: str, error_type: str = "", *, lost: bool = False) -> None:
        """`lost`: half of the body is sent, and the connection closed."""
        self.close_connection = self.close_connection or lost
        self.send_response(status)
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        if error_type:
            self.send_header("x-amzn-ErrorType", error_type)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(cut(body) if lost else body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """What the base class cannot parse, in the protocol's shape instead of an HTML page."""
        self.close_connection = True
        self._protocol_error(ServiceError("SerializationException", message or "Bad request", int(code)))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Quiet: the status page tells what was asked."""


def make_server(simulator: CostExplorerSimulator, host: str = "127.0.0.1", port: int = 0) -> SimulatorServer:
    """A bound server; port 0 picks a free one. Run `serve_forever`, end with `shutdown` and `server_close`.

    Raises OSError if the port is taken.
    """
    return SimulatorServer(simulator, (host, port))
