"""The servers that the integration tests talk to: each a process of its own on loopback, ended by its own id."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(sys.prefix) / "tools" / "bin"
"""An environment of their own within this one: one of them pins its botocore."""

START_SECONDS = 30
END_SECONDS = 10

# What the processes may know of this machine. Everything else is given to each by name.
MACHINE = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "SYSTEMROOT") if name in os.environ}


class Server:
    """A process that serves ``url``; what it says is in the file ``log``."""

    def __init__(self, process: subprocess.Popen[str], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log

    @property
    def pid(self) -> int:
        return self.process.pid

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return json.load(answer)


def tool(name: str) -> str:
    """The path of a foreign program. One that is missing fails the test: a skipped test shows nothing."""
    path = TOOLS / name
    if not path.exists():
        pytest.fail(f"{path} is missing: `make integration` installs it", pytrace=False)
    return str(path)


@contextmanager
def ministack(folder: Path) -> Iterator[Server]:
    """MiniStack, ready to answer."""
    program = tool("ministack")
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **MACHINE,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        # Without these two it listens on every interface, and on a second port.
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "GATEWAY_PORT": str(port),
        "AWS_ENDPOINT_URL": url,
    }
    log = folder / "ministack.log"
    with log.open("w") as file, _process([program], environment, folder, stdout=file, stderr=file) as process:
        server = Server(process, url, log)
        _wait_until_ready(server)
        yield server


@contextmanager
def simulator(folder: Path, *arguments: str) -> Iterator[Server]:
    """`farthing simulate` on a port that it picks."""
    command = [sys.executable, "-m", "farthing", "simulate", "--port", "0", *arguments]
    environment = {**MACHINE, "HOME": str(folder)}
    log = folder / "simulate.log"
    with (
        log.open("w") as file,
        _process(command, environment, folder, stdout=subprocess.PIPE, stderr=file) as process,
    ):
        url = process.stdout.readline().strip()
        if not url:
            pytest.fail(f"`farthing simulate` did not start: {log.read_text()}", pytrace=False)
        yield Server(process, url, log)


@contextmanager
def _process(command: list[str], environment: dict[str, str], folder: Path, **pipes: Any) -> Iterator[Any]:
    with subprocess.Popen(command, env=environment, cwd=folder, text=True, start_new_session=True, **pipes) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        try:
            server.get("/_ministack/ready")
            return
        except (OSError, urllib.error.URLError):
            time.sleep(0.05)
    pytest.fail(f"MiniStack did not start:\n{server.log.read_text()}", pytrace=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listening(group: int) -> set[str]:
    """The addresses (as hexadecimal in /proc) that a server and the processes it started listen on; Linux only."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int((process / "stat").read_text().rpartition(")")[2].split()[2]) != group:
                continue
            sockets = {str(link.readlink()) for link in (process / "fd").iterdir()}
            for table in ("tcp", "tcp6"):
                for line in (process / "net" / table).read_text().splitlines()[1:]:
                    column = line.split()
                    if column[3] == LISTEN and f"socket:[{column[9]}]" in sockets:
                        found.add(column[1].partition(":")[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    return found


LISTEN = "0A"
LOOPBACK = "0100007F"
"""127.0.0.1 as /proc spells it on a little-endian machine."""
