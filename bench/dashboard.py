"""The dashboard over a simulated organisation: what a reader waits for, and fifty readers at once.

The server runs as the command, a process of its own. References in the same run: Python's own file server handing out
the very bytes of a page or an answer, and, for a report, the bare engine asked the same question in this process.
"""

import gzip
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from farthing.app import App, open_app
from farthing.asking import open_engine
from farthing.dashboard.assets import asset
from farthing.model import Period
from farthing.periods import resolve
from farthing.query.model import Query
from farthing.reporting import question_of

BROWSER = Path(".venv/browser/bin/python")
"""Where `make` installs the dependency group `browser`."""

READERS, EACH = 50, 6
"""Readers at once, and how many questions each asks one after the other."""

GOAL_ACT_MS, GOAL_SCRIPT_KB = 100, 450
GOALS_MS = {"paint": 1000, "first chart": 3000, "task": 500}
"""By a word of what was measured; whatever else is what somebody does on a page."""

FIRST = ("/healthz", "/", "/explorer", "/api/v1/incidents")
"""What is asked right after the start, one after the other."""

PAGES = ("/", "/explorer", "/why", "/data")
REPORT = "/api/v1/report?period=30d&by=service"


def main(sizes: Sequence[str], rounds: int) -> None:
    """Measures and prints the tables."""
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "ledger"
            environment = _environment(home)
            command = [sys.executable, "-m", "farthing", "demo", "--no-serve", "--size", size]
            subprocess.run(command, env=environment, check=True, capture_output=True)
            _starts(size, environment)
            _measure(size, open_app(environment, preview=print), environment, Path(folder), rounds)


def _starts(size: str, environment: dict[str, str]) -> None:
    """What the first readers wait for: of a ledger that was never read, and after that."""
    print(f"\n{size}: seconds from the start of the server to the whole of an answer\n")
    print(f"| | {' | '.join(FIRST)} | Peak MB |\n| --- |{' ---: |' * (len(FIRST) + 1)}")
    for what in ("never read before", "started again"):
        started = time.perf_counter()
        with _serving(environment) as (address, server):
            seconds = []
            for path in FIRST:
                _get(address, path)
                seconds.append(time.perf_counter() - started)
            told = " | ".join(f"{one:.1f}" for one in seconds)
            print(f"| {what} | {told} | {_peak_mb(server.pid):.0f} |", flush=True)


def _peak_mb(process: int) -> float:
    """The most memory that a process has had (Linux; 0 elsewhere)."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1000


def _measure(size: str, app: App, environment: dict[str, str], folder: Path, rounds: int) -> None:
    cube = "/api/v1/cube?period=400d&metric=billed&metric=effective"
    addresses = (*PAGES, REPORT, cube, "/static/app.js")
    count = 40 * rounds
    with _served(environment) as address:
        bodies = {path: _get(address, path) for path in addresses}
        for number, path in enumerate(addresses):
            (folder / f"{number}.bin").write_bytes(bodies[path])
        with _files(folder) as reference:
            print(f"\n{size}: milliseconds of an answer, {count} one after the other\n")
            print(
                "| Address | Bytes | p50 | p95 | File server p95 | Ratio |\n| --- | ---: | ---: | ---: | ---: | ---: |"
            )
            for number, path in enumerate(addresses):
                own, other = _in_turns(address, path, reference, f"/{number}.bin", count)
                p95, bare = _percentile(own, 95), _percentile(other, 95)
                cells = (
                    f"{len(bodies[path]):,}",
                    *(f"{one:.1f}" for one in (_percentile(own, 50), p95, bare, p95 / bare)),
                )
                print(f"| {path} | {' | '.join(cells)} |")
        engine = _times(lambda: _bare(app), max(3, rounds))
        report = _times(lambda: _get(address, REPORT), max(3, rounds))
        print(
            f"\nThe report over HTTP against the bare engine, opened and asked the same question: "
            f"{statistics.median(report):.1f} ms against {statistics.median(engine):.1f} ms."
        )
        _crowd(address, addresses)
        _seen(address, rounds)
    size_kb = len(gzip.compress(asset("app.js"), 9)) / 1000
    style_kb = len(gzip.compress(asset("app.css"), 9)) / 1000
    print(f"\nScript {size_kb:.0f} kB and style {style_kb:.1f} kB, gzipped; the goal is {GOAL_SCRIPT_KB} kB.")


def _bare(app: App) -> None:
    period = resolve("30d", today=app.today, default="30d")
    with open_engine(question_of(app, Period(period.start, period.end), ("ServiceName",))) as engine:
        engine.run(Query(period, ("ServiceName",)))


def _in_turns(address: str, path: str, reference: str, file: str, count: int) -> tuple[list[float], list[float]]:
    own, other = [], []
    for _ in range(count):
        own += _times(lambda: _get(address, path), 1)
        other += _times(lambda: _get(reference, file), 1)
    return own, other


def _crowd(address: str, addresses: Sequence[str]) -> None:
    """Fifty readers, each with questions of its own order."""

    def read(reader: int) -> tuple[list[float], int]:
        times, errors = [], 0
        for turn in range(EACH):
            path = addresses[(reader + turn) % len(addresses)]
            try:
                times += _times(lambda path=path: _get(address, path), 1)  # type: ignore[misc]
            except (OSError, http.client.HTTPException, AssertionError):
                errors += 1
        return times, errors

    started = time.perf_counter()
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(read, range(READERS)))
    seconds = time.perf_counter() - started
    times = [one for own, _ in found for one in own]
    errors = sum(errors for _, errors in found)
    print(
        f"\n{READERS} readers at once, {READERS * EACH} answers: {errors} errors, {len(times) / seconds:.0f} answers a "
        f"second, p50 {_percentile(times, 50):.0f} ms, p95 {_percentile(times, 95):.0f} ms."
    )
    if errors:
        raise SystemExit(f"{errors} of {READERS * EACH} answers failed")


def _seen(address: str, rounds: int) -> None:
    if not BROWSER.exists():
        print(f"\nNot measured in a browser: {BROWSER} is missing, `make browser` makes it.")
        return
    command = [str(BROWSER), "-m", "bench.in_browser", address, str(rounds)]
    told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    print(f"\nIn Chromium, milliseconds, {rounds} rounds\n")
    print("| What | Median | Worst | Goal |\n| --- | ---: | ---: | ---: |")
    for name, times in told.items():
        goal = next((goal for word, goal in GOALS_MS.items() if word in name), GOAL_ACT_MS)
        print(f"| {name} | {statistics.median(times):.0f} | {max(times):.0f} | {goal} |")


def _get(address: str, path: str) -> bytes:
    """One answer, over a connection of its own; a page that says that it will follow is asked for until it does."""
    while True:
        status, body = _answer(address, path)
        if status != 202:
            assert status == 200, f"{path}: {status} {body[:200]!r}"
            return body
        time.sleep(0.05)


def _answer(address: str, path: str) -> tuple[int, bytes]:
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=600)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _times(act: Callable[[], object], count: int) -> list[float]:
    """Milliseconds of each."""
    found = []
    for _ in range(count):
        started = time.perf_counter()
        act()
        found.append((time.perf_counter() - started) * 1000)
    return found


def _percentile(times: Sequence[float], percent: int) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1]


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FARTHING_"))}
    configuration = {"FARTHING_SOURCE": "simulated", "FARTHING_TODAY": "2026-11-28"}
    return {**kept, **configuration, "FARTHING_HOME": str(home)}


@contextmanager
def _served(environment: dict[str, str]) -> Iterator[str]:
    with _serving(environment) as (address, _):
        yield address


@contextmanager
def _serving(environment: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "farthing", "dashboard", "--port", "0", "--no-open"]
    with _started(command, environment) as told:
        yield told


@contextmanager
def _files(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(folder), "0"]
    with _started(command, dict(os.environ)) as (address, _):
        yield address


@contextmanager
def _started(command: Sequence[str], environment: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server that says its address in its first line."""
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            found = re.search(r"http://[^\s/]+", line)
            if not found:
                raise SystemExit(f"{' '.join(command)} did not start: {line}")
            yield found[0], process
        finally:
            process.terminate()
