"""`python -m bench.dashboard_large`: the dashboard over a year of 200 accounts x 100 services, all used every day.

Three starts of the server: on a ledger that no dashboard has seen, on the same one again, and after the newest day was
restated. Then what is asked of the engine, a question whose asker leaves, and what a person waits for in Chromium.
By hand: making the ledger takes minutes and 2 GB.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from bench.dashboard import BROWSER, GOAL_ACT_MS, GOALS_MS
from bench.dense import LARGE, TODAY, make
from bench.pages import table
from farthing.ledger.reports import key_of

READY_SECONDS = 900
"""How long the first start may take."""

GOALS = {"filter": 200}
"""Milliseconds, where a large ledger's goal is another than that of the others."""

QUESTIONS = {
    "30 days by account": "period=30d&by=account&metric=billed",
    "30 days by service, one account": "period=30d&by=service&metric=billed&where=account:100000007919",
    "a year by account, one service": "period=12m&by=account&metric=billed&where=service:'Amazon Service 017'",
    "a year by account": "period=12m&by=account&metric=effective",
}
HEAVY = "/api/v1/report?period=all&by=service&by=account&by=day"


class Server(NamedTuple):
    """A running dashboard."""

    address: str
    pid: int


def main() -> None:
    """Measures and prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.dashboard_large", description=__doc__)
    parser.add_argument("--home", type=Path, help="a ledger that was made before, or where to make one")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = arguments.home or Path(folder) / "ledger"
        if not (home / "cost_data").exists():
            make(home, *LARGE)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FARTHING_"))}
        environment |= {"FARTHING_HOME": str(home), "FARTHING_TODAY": str(TODAY)}
        _starts(home, environment)
        with _served(environment) as server:
            _until_ready(server.address, "/explorer")
            _asked(server.address, arguments.rounds)
            _left(server.address)
            _seen(server.address, arguments.rounds)
            print(f"\nThe server's memory at most: {_memory(server.pid):,.0f} MB.")


def _starts(home: Path, environment: dict[str, str]) -> None:
    rows = []
    if not (home / "cache").exists():
        rows.append(["never seen before", *_start(environment)])
    rows.append(["seen before", *_start(environment)])
    # Another state of the newest day: the same figures, written anew.
    newest = home / key_of(TODAY - timedelta(days=1))
    newest.write_bytes(newest.read_bytes())
    rows.append(["a day restated", *_start(environment)])
    print(f"\nSeconds from the start of the process (a load of {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores)\n")
    print(table(["Ledger", "something of /explorer", "/explorer", "its figures", "/", "MB"], rows))


def _start(environment: dict[str, str]) -> list[str]:
    started = time.perf_counter()
    with _served(environment) as server:
        _get(server.address, "/explorer")
        first = time.perf_counter() - started
        body = _until_ready(server.address, "/explorer")
        page = time.perf_counter() - started
        _get(server.address, json.loads(body.partition('id="farthing-source">')[2].partition("</script>")[0])["cube"])
        figures = time.perf_counter() - started
        _until_ready(server.address, "/")
        overview = time.perf_counter() - started
        return [*(f"{one:.1f}" for one in (first, page, figures, overview)), f"{_memory(server.pid):,.0f}"]


def _asked(address: str, rounds: int) -> None:
    """Each question with another first day every time, so that no answer is one that was kept."""
    rows = []
    for name, question in QUESTIONS.items():
        times, size = [], 0
        for turn in range(rounds):
            changed = question.replace("30d", f"{30 - turn}d")
            if changed == question:
                start = TODAY - timedelta(days=365 - turn)
                changed = question.replace("period=12m", f"start={start}&end={TODAY}")
            begun = time.perf_counter()
            size = len(_get(address, f"/api/v1/cube?{changed.replace(' ', '%20')}")[1])
            times.append((time.perf_counter() - begun) * 1000)
        rows.append([name, f"{size:,}", f"{statistics.median(times):.0f}", f"{max(times):.0f}"])
    print("\nMilliseconds of an answer that the engine works out\n")
    print(table(["Question", "Bytes", "Median", "Worst"], rows))


def _left(address: str) -> None:
    """What others wait for while heavy questions run, and once their askers have left."""
    quick = "/api/v1/cube?period=7d&by=account&metric="
    alone = _once(address, quick + "billed")
    connections = [_sent(address, f"{HEAVY}&where=-service:nobody{number}") for number in range(8)]
    time.sleep(1.0)
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(_once, address, "/explorer").result()
        state = _once(address, "/api/v1/state")
    for connection in connections:
        connection.close()
    after = _once(address, quick + "effective")
    print(
        f"\nA question alone: {alone:.0f} ms. While eight heavy ones are asked: a page {beside:.0f} ms, the state "
        f"{state:.0f} ms. Just after their askers have left: a question {after:.0f} ms."
    )


def _seen(address: str, rounds: int) -> None:
    if not BROWSER.exists():
        print(f"\nNot measured in a browser: {BROWSER} is missing, `make browser` makes it.")
        return
    command = [str(BROWSER), "-m", "bench.in_browser", address, str(rounds), "/explorer"]
    told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    rows = []
    for name, times in told.items():
        goal = next((goal for word, goal in {**GOALS_MS, **GOALS}.items() if word in name), GOAL_ACT_MS)
        rows.append([name, f"{statistics.median(times):.0f}", f"{max(times):.0f}", str(goal)])
    print(f"\nIn Chromium, milliseconds, {rounds} rounds\n")
    print(table(["What", "Median", "Worst", "Goal"], rows))


@contextmanager
def _served(environment: dict[str, str]) -> Iterator[Server]:
    command: Sequence[str] = [sys.executable, "-m", "farthing", "dashboard", "--port", "0", "--no-open"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield Server(line.split("dashboard: ")[1].split()[0].rstrip("/"), process.pid)
        finally:
            process.terminate()


def _until_ready(address: str, path: str) -> str:
    """The page itself, however long it takes."""
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends:
        status, body = _get(address, path)
        if status == 200:
            return body.decode()
        time.sleep(0.1)
    raise SystemExit(f"{path} took more than {READY_SECONDS} s")


def _once(address: str, path: str) -> float:
    begun = time.perf_counter()
    _get(address, path)
    return (time.perf_counter() - begun) * 1000


def _get(address: str, path: str) -> tuple[int, bytes]:
    connection = _sent(address, path)
    try:
        answer = connection.getresponse()
        body = answer.read()
        if answer.status not in (200, 202):
            raise SystemExit(f"{path}: {answer.status} {body[:200]!r}")
        return answer.status, body
    finally:
        connection.close()


def _sent(address: str, path: str) -> http.client.HTTPConnection:
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=READY_SECONDS)
    connection.request("GET", path)
    return connection


def _memory(pid: int) -> float:
    """The most that a process has had in memory, in MB; where the system tells it."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
