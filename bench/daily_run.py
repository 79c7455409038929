"""The daily run against a bare boto3 loop that only fetches the same pages and dumps them to a file.

Both are processes of their own against one local Cost Explorer, taken in turns: wall, CPU and peak memory include the
interpreter and the imports, as a cold start does.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

TODAY = "2026-11-23"

BARE_LOOP = """
import json, sys, boto3
request = {
    "TimePeriod": {"Start": "2026-11-09", "End": "2026-11-23"},
    "Granularity": "DAILY",
    "Metrics": ["AmortizedCost", "BlendedCost", "NetAmortizedCost", "NetUnblendedCost", "UnblendedCost"],
    "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}],
}
client = boto3.client("ce", region_name="us-east-1")
with open(sys.argv[1], "w") as file:
    while True:
        page = client.get_cost_and_usage(**request)
        json.dump(page["ResultsByTime"], file)
        if "NextPageToken" not in page:
            break
        request["NextPageToken"] = page["NextPageToken"]
"""


class Measured(NamedTuple):
    """One process: wall and CPU in seconds, peak resident memory in MB."""

    wall: float
    cpu: float
    memory: float


def measure(command: list[str], environment: dict[str, str], before: Callable[[], None] | None = None) -> Measured:
    """Runs a command to its end and measures it; a command that fails ends the benchmark.

    Args:
        command: the program and its arguments.
        environment: its variables.
        before: called in the child between fork and exec.
    """
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, preexec_fn=before)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} ended with {process.returncode}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


@contextmanager
def simulator(size: str) -> Iterator[str]:
    """A local Cost Explorer of that size, in a process of its own; gives its URL."""
    command = [sys.executable, "-m", "farthing", "simulate", "--port", "0", "--size", size, "--today", TODAY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(timeout=10)


def compare(size: str, rounds: int) -> tuple[Measured, Measured]:
    """The medians of the bare loop and of the daily run."""
    bare: list[Measured] = []
    farthing: list[Measured] = []
    with simulator(size) as url, tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL_COST_EXPLORER": url,
            "AWS_ACCESS_KEY_ID": "simulated",
            "AWS_SECRET_ACCESS_KEY": "simulated",
            "FARTHING_TODAY": TODAY,
            "FARTHING_MAX_BILLED_REQUESTS": "1000",
            "COST_THRESHOLD": "1000000000",
        }
        script = Path(folder) / "bare.py"
        script.write_text(BARE_LOOP)
        dump = [sys.executable, str(script), str(Path(folder) / "dump.json")]
        measure(dump, environment)  # the endpoint makes the bill once; nobody's time
        for number in range(rounds):
            bare.append(measure(dump, environment))
            home = {**environment, "FARTHING_HOME": str(Path(folder) / str(number))}
            farthing.append(measure([sys.executable, "-m", "farthing", "collect"], home))
    return median(bare), median(farthing)


def median(measured: list[Measured]) -> Measured:
    """Column by column."""
    return Measured(*(statistics.median(column) for column in zip(*measured, strict=True)))


def main(sizes: tuple[str, ...], rounds: int) -> None:
    """Prints the table."""
    print(f"the daily run (14 days, empty ledger) against a bare boto3 loop, medians of {rounds}")
    print(f"{'size':8} {'':10} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}")
    for size in sizes:
        bare, farthing = compare(size, rounds)
        for name, one in (("bare loop", bare), ("farthing", farthing)):
            print(f"{size:8} {name:10} {one.wall:8.2f} {one.cpu:8.2f} {one.memory:8.0f}")
        ratios = (mine / theirs for mine, theirs in zip(farthing, bare, strict=True))
        print(f"{size:8} {'ratio':10} " + " ".join(f"{ratio:8.2f}" for ratio in ratios), flush=True)
