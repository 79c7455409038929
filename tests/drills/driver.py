"""The process that a drill starts: it warms up, then forks one child for each run, so that a run takes milliseconds.

It has one thread. The first line of stdin is the run to warm up with; each later one is a list of runs that happen at
once, answered by a line on stdout that says how each ended. A run is a dict:

    home, log      the ledger's folder; where the child's stdout and stderr go
    webhook        Slack's URL
    entry          'cli' or 'lambda'
    invocation     Lambda's request id; the command line's own name for the run is otherwise random
    clock          the run's time (ISO 8601)
    uid            the user to become, if there is one
    fault          null, or [kind, n]: what happens at the n-th step, see Steps

Started with the URL of Cost Explorer as its only argument.
"""

import errno
import gc
import json
import os
import resource
import signal
import socket
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3

import farthing.app
from farthing import cli
from farthing.aws import CONFIG
from farthing.aws_lambda import handler

STEPS = {
    "open", "os.rename", "os.remove", "os.mkdir", "os.utime", "os.scandir", "fcntl.flock", "socket.connect",
    "drill.fsync", "drill.send", "drill.receive", "drill.received",
}  # fmt: skip
CHANGING = {"os.rename", "os.mkdir", "os.utime", "drill.fsync"}
"""Steps that need room on the disk, besides opening a file for writing."""


class Steps:
    """Counts what a run asks of the operating system within its ledger and on the network, and strikes at one step.

    Kinds of faults: 'kill' (SIGKILL before the step is done), 'full' (ENOSPC for this and every later step that
    changes the disk), 'full once', 'read-only' (EROFS, for every one from then on), 'torn' (killed by the kernel once a
    file has ``n`` bytes, in the middle of its write).
    """

    def __init__(self, home: str, fault: list[Any] | None) -> None:
        self.home = home
        self.kind, self.at = fault or (None, 0)
        self.seen: list[str] = []
        self.changing = 0

    def arm(self) -> None:
        if self.kind == "torn":
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.at, self.at))
            return
        plain: Any = socket.socket
        plain.sendall = _announced("drill.send", plain.sendall)
        plain.recv_into = _announced("drill.receive", plain.recv_into, "drill.received")
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if event not in STEPS:
            return
        where = args[0] if args else ""
        if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.utime", "os.scandir"):
            if isinstance(where, int) or not os.fspath(where).startswith(self.home):
                return
            named = args[1] if event == "os.rename" else where
            where = os.fspath(named).removeprefix(self.home)
        else:
            where = ""
        changes = event in CHANGING or (event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR))
        self.seen.append(f"{event} {where}".strip())
        if self.kind == "kill" and len(self.seen) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        if changes:
            self.changing += 1
            if (self.kind in ("full", "read-only") and self.changing >= self.at) or (
                self.kind == "full once" and self.changing == self.at
            ):
                number = errno.EROFS if self.kind == "read-only" else errno.ENOSPC
                raise OSError(number, os.strerror(number), where)


def _announced(event: str, act: Any, done: str | None = None) -> Any:
    def wrapped(*args: Any, **named: Any) -> Any:
        sys.audit(event)
        result = act(*args, **named)
        if done:
            sys.audit(done)
        return result

    return wrapped


def run(order: dict[str, Any]) -> int:
    """One run in this process, which is a child or the warm-up."""
    moment = datetime.fromisoformat(order["clock"])
    farthing.app.utc_clock = lambda pinned: lambda: moment
    farthing.app.App.invocation = lambda app: order["invocation"]  # type: ignore[method-assign, assignment]
    os.environ["FARTHING_HOME"] = order["home"]
    os.environ["FARTHING_SLACK_WEBHOOK_URL"] = order["webhook"]
    if order["entry"] == "cli":
        return cli.run(["-v", "collect"])
    try:
        handler({}, SimpleNamespace(aws_request_id=order["invocation"]))
    except Exception:
        import traceback

        traceback.print_exc()
        return 1
    return 0


def child(order: dict[str, Any], start: int, report: int) -> None:
    """The life of one child; it never returns."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if uid := order.get("uid"):
        os.chdir("/")
        os.setuid(uid)
    steps = Steps(order["home"], order.get("fault"))
    os.read(start, 1)  # all children of a group wait here, and set off together
    code = 70
    try:
        if order.get("fault"):
            steps.arm()
        code = run(order)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(report, json.dumps({"steps": steps.seen, "changing": steps.changing}).encode())
        os._exit(code)


def together(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs the orders at once, each in its child; how each ended."""
    gate, go = os.pipe()
    children = []
    for order in orders:
        heard, said = os.pipe()
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            os.close(go)
            os.close(heard)
            child(order, gate, said)
        os.close(said)
        children.append((pid, heard))
    os.close(gate)
    os.close(go)  # the end of the pipe is the signal to start
    ended = []
    for pid, heard in children:
        with os.fdopen(heard, "rb") as file:
            said_last = file.read()
        _, status = os.waitpid(pid, 0)
        ended.append({"code": os.waitstatus_to_exitcode(status), **(json.loads(said_last) if said_last else {})})
    return ended


class Asked:
    """Stands for boto3's session: gives the client that was made before the fork."""

    region_name = "us-east-1"
    current: Any = None

    def client(self, service: str, **arguments: Any) -> Any:
        assert service == "ce"
        return self.current


def main() -> None:
    endpoint = sys.argv[1]
    session = Asked()
    # No power is cut here: what a dead process handed to the kernel stays, so forcing it to the disk only takes time.
    os.fsync = _announced("drill.fsync", lambda descriptor: None)
    farthing.app.App.session = lambda app: session  # type: ignore[method-assign, assignment, return-value]
    _warm_up(json.loads(sys.stdin.readline()), session, endpoint)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(together(json.loads(line))) + "\n")
        sys.stdout.flush()


def _warm_up(order: dict[str, Any], session: Asked, endpoint: str) -> None:
    """Runs whose ledger and messages nobody looks at: loads every module, and caches what is cached.

    Their client is their own: an open connection must not be shared with a child.
    """
    session.current = _client(endpoint)
    kept = os.dup(1), os.dup(2)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for entry in ("cli", "lambda"):
        code = run({**order, "entry": entry, "home": f"{order['home']} {entry}"})
        sys.stdout.flush()
        assert code == 0, Path(order["log"]).read_text()
    os.dup2(kept[0], 1)
    os.dup2(kept[1], 2)
    for descriptor in (log, *kept):
        os.close(descriptor)
    session.current = _client(endpoint)
    gc.collect()
    gc.freeze()


def _client(endpoint: str) -> Any:
    return boto3.client("ce", endpoint_url=endpoint, config=CONFIG, region_name="us-east-1")


if __name__ == "__main__":
    main()
