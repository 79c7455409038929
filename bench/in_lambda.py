"""The Lambda entry as Lambda runs it with 256 MB: that much memory and 0.145 of a CPU, held by a cgroup.

The ledger is on a local S3 (MiniStack), Cost Explorer is the simulator; neither is in the cgroup. The reference is the
bare boto3 loop of :mod:`bench.daily_run` in the same cgroup. 'zip' is the artifact under AWS's runtime client
(awslambdaric), which asks a local Runtime API for its events: cold is from the process's start to the first answer, on
an empty ledger; warm is the next event in the same process.

A cgroup needs root on Linux. Without it the benchmark says so and measures without the limits.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
from tests.integration.servers import ministack, tool

from bench.artifact import unzipped
from bench.daily_run import BARE_LOOP, TODAY, Measured, measure, median, simulator
from bench.runtime_api import runtime_api

MEMORY_MB = 256
CPU = 0.145
"""Of one CPU: Lambda gives 1769 MB a whole one."""

TIMEOUT_SECONDS = 300.0
"""The function's timeout by default."""

PERIOD_MICROSECONDS = 100_000
ROOT = Path("/sys/fs/cgroup")
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "simulated", "AWS_SECRET_ACCESS_KEY": "simulated", "AWS_REGION": "us-east-1"}

HANDLER = """
import sys
from types import SimpleNamespace
from farthing.aws_lambda import handler
handler({}, SimpleNamespace(aws_request_id=sys.argv[1]))
"""


class Limits:
    """A cgroup of this process's own; ``join`` is for a child between fork and exec."""

    def __init__(self, folders: list[Path]) -> None:
        self.folders = folders

    def join(self) -> None:
        """Moves the calling process into it."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(os.getpid()))


@contextmanager
def limited(memory_mb: int, cpu: float) -> Iterator[Limits | None]:
    """A cgroup with these limits, of version 1 or 2; None where it cannot be made."""
    quota = int(cpu * PERIOD_MICROSECONDS)
    name = f"farthing-bench-{os.getpid()}"
    memory = str(memory_mb << 20)
    settings: dict[Path, dict[str, str]]
    if (ROOT / "cgroup.controllers").exists():
        folder = ROOT / name
        settings = {folder: {"memory.max": memory, "memory.swap.max": "0", "cpu.max": f"{quota} {PERIOD_MICROSECONDS}"}}
    else:
        settings = {
            ROOT / "memory" / name: {"memory.limit_in_bytes": memory},
            ROOT / "cpu" / name: {"cpu.cfs_period_us": str(PERIOD_MICROSECONDS), "cpu.cfs_quota_us": str(quota)},
        }
    made: list[Path] = []
    try:
        try:
            for folder, values in settings.items():
                folder.mkdir()
                made.append(folder)
                for key, value in values.items():
                    (folder / key).write_text(value)
        except OSError as error:
            print(f"no cgroup can be made here ({error.strerror}): measured WITHOUT the limits", file=sys.stderr)
            yield None
        else:
            yield Limits(made)
    finally:
        for folder in made:
            folder.rmdir()


def in_the_runtime(
    task: Path, environment: dict[str, str], before: Callable[[], None] | None = None, name: str = "run"
) -> tuple[Measured, Measured]:
    """The artifact's cold and its warm invocation under awslambdaric; one that fails ends the benchmark.

    Args:
        task: the unpacked artifact.
        environment: its variables.
        before: called in the child between fork and exec.
        name: of the invocations.

    Returns:
        Wall and CPU of each; the memory of both is the process's peak.
    """
    with runtime_api() as api:
        function = {
            **environment,
            "AWS_LAMBDA_FUNCTION_NAME": "farthing",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "LAMBDA_TASK_ROOT": str(task),
            "PYTHONPATH": str(task),
            "PYTHONDONTWRITEBYTECODE": "1",  # /var/task is read-only
        }
        command = [tool("python"), "-m", "awslambdaric", "farthing.aws_lambda.handler"]
        started = time.perf_counter()
        with subprocess.Popen(
            command, env=function, cwd=task, stdout=subprocess.DEVNULL, preexec_fn=before, start_new_session=True
        ) as process:
            try:
                marks = [(started, 0.0)]
                for number in (1, 2):
                    answer = api.invoke(f"{name}-{number}", {"source": "aws.events"}, TIMEOUT_SECONDS)
                    if answer.kind != "response":
                        raise SystemExit(f"the artifact's invocation {number} ended in {answer.kind}: {answer.body}")
                    marks.append((time.perf_counter(), _cpu_seconds(process.pid)))
                peak = _peak_mb(process.pid)
            finally:
                process.kill()
    cold, warm = (Measured(after[0] - before_[0], after[1] - before_[1], peak) for before_, after in pairwise(marks))
    return cold, warm


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def compare(size: str, rounds: int, memory_mb: int, cpu: float) -> dict[str, Measured]:
    """The medians of the bare loop and of the handler: on an empty ledger, and on the next day's."""
    names = ("bare loop", "first run", "second run", "zip, cold", "zip, warm")
    found: dict[str, list[Measured]] = {name: [] for name in names}
    with (
        tempfile.TemporaryDirectory() as folder,
        ministack(Path(folder)) as aws,
        simulator(size) as url,
        slack() as webhook,
        limited(memory_mb, cpu) as limits,
    ):
        task = unzipped(Path(folder) / "artifact")
        script = Path(folder) / "bare.py"
        script.write_text(BARE_LOOP)
        dump = [sys.executable, str(script), str(Path(folder) / "dump.json")]
        shared = {
            **os.environ,
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_ENDPOINT_URL_COST_EXPLORER": url,
            "FARTHING_MAX_BILLED_REQUESTS": "1000",
            "FARTHING_TODAY": TODAY,
            "COST_THRESHOLD": "1000000000",
            "ENVIRONMENT": "prod",
            "SLACK_SECRET_NAME": "slack",
        }
        measure(dump, shared)  # the endpoint makes the bill once; nobody's time
        client: Any = boto3.client  # one call for any service
        place = {"endpoint_url": aws.url, "region_name": "us-east-1"}
        # The local AWS takes any key.
        keys = {"aws_access_key_id": "simulated", "aws_secret_access_key": "simulated"}
        s3 = client("s3", **place, **keys)
        client("secretsmanager", **place, **keys).create_secret(Name="slack", SecretString=webhook)
        join: Callable[[], None] | None = limits.join if limits else None
        for number in range(rounds):
            bucket = f"ledger-{size}-{number}"
            s3.create_bucket(Bucket=bucket)
            environment = {**shared, "BUCKET_NAME": bucket}
            found["bare loop"].append(measure(dump, environment, join))
            for name in ("first run", "second run"):
                command = [sys.executable, "-c", HANDLER, f"{name} {number}"]
                found[name].append(measure(command, environment, join))
            s3.create_bucket(Bucket=f"{bucket}-zip")
            both = in_the_runtime(task, {**shared, "BUCKET_NAME": f"{bucket}-zip"}, join)
            found["zip, cold"].append(both[0])
            found["zip, warm"].append(both[1])
            for one in (bucket, f"{bucket}-zip"):
                days = s3.list_objects_v2(Bucket=one, Prefix="cost_data/daily/")["KeyCount"]
                assert days == 14, f"{days} days are in {one}, not 14"
    return {name: median(measured) for name, measured in found.items()}


class _Taken(BaseHTTPRequestHandler):
    """Answers as Slack's webhooks do."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def slack() -> Iterator[str]:
    """A webhook's URL on loopback: what the signals of a run tell has to arrive somewhere."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Taken) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/services/T/B/bench"
        finally:
            server.shutdown()


def main(sizes: tuple[str, ...], rounds: int, memory_mb: int = MEMORY_MB, cpu: float = CPU) -> None:
    """Prints the table."""
    print(f"\nthe Lambda entry with {memory_mb} MB and {cpu} of a CPU, medians of {rounds}")
    print(f"{'size':8} {'':12} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}")
    for size in sizes:
        measured = compare(size, rounds, memory_mb, cpu)
        for name, one in measured.items():
            print(f"{size:8} {name:12} {one.wall:8.2f} {one.cpu:8.2f} {one.memory:8.0f}")
        for name in ("first run", "zip, cold"):
            ratios = (mine / theirs for mine, theirs in zip(measured[name], measured["bare loop"], strict=True))
            print(f"{size:8} {f'{name} x':12} " + " ".join(f"{ratio:8.2f}" for ratio in ratios), flush=True)
