"""Lambda's Runtime API on loopback, as far as AWS's runtime client for Python (awslambdaric) asks it.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html: the client asks for the next event, and answers with a
response or an error. Bench and tests hand the artifact its events through it.
"""

import json
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

PREFIX = "/2018-06-01/runtime"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:farthing"


class Answer(NamedTuple):
    """What the function made of an event: ``kind`` is response, error or init; ``seconds`` since it was handed over."""

    kind: str
    body: Any
    seconds: float


class _Event(NamedTuple):
    request_id: str
    body: bytes
    seconds: float


class RuntimeApi:
    """One function's events and answers. ``address`` is what AWS_LAMBDA_RUNTIME_API holds."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked = threading.Event()
        """Set by the first request for an event: the function is initialised."""
        self.events: queue.Queue[_Event | None] = queue.Queue()
        self.answers: queue.Queue[Answer] = queue.Queue()
        self.started = 0.0

    def invoke(self, request_id: str, event: Any, seconds: float) -> Answer:
        """Hands an event over and waits for what becomes of it.

        Args:
            request_id: the invocation's name; the same for its retry.
            event: anything that is JSON.
            seconds: the function's timeout.

        Raises:
            queue.Empty: no answer came in time.
        """
        self.started = time.perf_counter()
        self.events.put(_Event(request_id, json.dumps(event).encode(), seconds))
        return self.answers.get(timeout=seconds)


@contextmanager
def runtime_api() -> Iterator[RuntimeApi]:
    """Serves the API on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.asked.set()
            event = api.events.get()
            if event is None:
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", event.request_id)
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + event.seconds) * 1000)))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", FUNCTION_ARN)
            self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(event.body)))
            self.end_headers()
            self.wfile.write(event.body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            kind = "init" if self.path == f"{PREFIX}/init/error" else self.path.rpartition("/")[2]
            api.answers.put(Answer(kind, json.loads(body), time.perf_counter() - api.started))

        def log_message(self, *args: object) -> None:
            """The answers are what counts."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api = RuntimeApi(f"127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        api.events.put(None)
        server.shutdown()
        thread.join()
        server.server_close()
