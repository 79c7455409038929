"""The servers that the integration tests talk to: each a process of its own on loopback, ended by its own id."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

TOOLS = next(
    (home / "tools" / "bin" for home in (Path(sys.prefix), Path(sys.prefix).parent) if (home / "tools").is_dir()),
    Path(sys.prefix) / "tools" / "bin",
)
"""An environment of their own within this one, or beside it: one of them pins its botocore."""

START_SECONDS = 30
END_SECONDS = 10

# What the processes may know of this machine. Everything else is given to each by name.
MACHINE = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "SYSTEMROOT") if name in os.environ}


class Server:
    """A process that serves ``url``; what it says is in the file ``log``."""

    def __init__(self, process: subprocess.Popen[str], url: str, log: Path, certificate: Path | None = None) -> None:
        self.process = process
        self.url = url
        self.log = log
        self.certificate = certificate
        """What its TLS is to be trusted by; None: it speaks plain HTTP."""

    @property
    def pid(self) -> int:
        return self.process.pid

    def get(self, path: str) -> Any:
        context = ssl.create_default_context(cafile=self.certificate) if self.certificate else None
        with urllib.request.urlopen(self.url + path, timeout=5, context=context) as answer:
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
    with _ministack([tool("ministack")], folder, "http", {}) as server:
        yield server


@contextmanager
def mended_ministack(folder: Path) -> Iterator[Server]:
    """MiniStack with `ministack_mended.py`, over plain HTTP and without IAM."""
    command = [tool("python"), str(Path(__file__).with_name("ministack_mended.py"))]
    with _ministack(command, folder, "http", {}) as server:
        yield server


@contextmanager
def strict_ministack(folder: Path, credentials: Mapping[str, str]) -> Iterator[Server]:
    """MiniStack nearer to AWS: TLS, IAM's policies evaluated for every request, and `ministack_mended.py`.

    Args:
        folder: for its files and those of the functions it runs.
        credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the account's root.
    """
    if shutil.which("openssl") is None:
        pytest.fail("openssl must be on PATH: MiniStack makes its certificate by it", pytrace=False)
    certificate = folder / "ministack-tls" / "server.crt"
    settings = {
        **credentials,
        "AUTH": "true",
        "USE_SSL": "1",
        "AWS_CA_BUNDLE": str(certificate),  # for the functions
        # AWS waits one minute, then two.
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "2",
        "LAMBDA_ASYNC_RETRY_MAX_SECONDS": "4",
    }
    command = [tool("python"), str(Path(__file__).with_name("ministack_mended.py"))]
    with _ministack(command, folder, "https", settings, certificate) as server:
        yield server


@contextmanager
def _ministack(
    command: list[str], folder: Path, scheme: str, settings: Mapping[str, str], certificate: Path | None = None
) -> Iterator[Server]:
    port = _free_port()
    url = f"{scheme}://127.0.0.1:{port}"
    environment = {
        **MACHINE,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        # Without these two it listens on every interface, and on a second port.
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "GATEWAY_PORT": str(port),
        "AWS_ENDPOINT_URL": url,
        **settings,
    }
    log = folder / "ministack.log"
    with log.open("w") as file, _process(command, environment, folder, stdout=file, stderr=file) as process:
        server = Server(process, url, log, certificate)
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
                process.wait()
            _end_what_it_started(process.pid)


def _end_what_it_started(group: int) -> None:
    """A server ends with all that it started, such as MiniStack's functions; one that does not fails the run."""
    deadline = time.monotonic() + END_SECONDS
    while left := members(group):
        if time.monotonic() > deadline:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
            pytest.fail(f"a server left processes behind: {', '.join(map(str, left))}", pytrace=False)
        time.sleep(0.05)


def members(group: int) -> list[int]:
    """The processes of a group that still run; Linux only, elsewhere none."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state, _, its_group = (process / "stat").read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if int(its_group) == group and state != "Z":  # nobody may be there to collect what has ended
            found.append(int(process.name))
    return found


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
    for process in (Path("/proc", str(member)) for member in members(group)):
        try:
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
