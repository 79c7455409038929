"""The Lambda entry as Lambda runs it with 256 MB: that much memory and 0.145 of a CPU, held by a cgroup.

The ledger is on a local S3 (MiniStack), Cost Explorer is the simulator; neither is in the cgroup. The reference is the
bare boto3 loop of :mod:`bench.daily_run` in the same cgroup.

A cgroup needs root on Linux. Without it the benchmark says so and measures without the limits.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from tests.integration.servers import ministack

from bench.daily_run import BARE_LOOP, TODAY, Measured, measure, median, simulator

MEMORY_MB = 256
CPU = 0.145
"""Of one CPU: Lambda gives 1769 MB a whole one."""

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


def compare(size: str, rounds: int, memory_mb: int, cpu: float) -> dict[str, Measured]:
    """The medians of the bare loop and of the handler: on an empty ledger, and on the next day's."""
    found: dict[str, list[Measured]] = {"bare loop": [], "first run": [], "second run": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        ministack(Path(folder)) as aws,
        simulator(size) as url,
        limited(memory_mb, cpu) as limits,
    ):
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
        s3 = client(
            "s3",
            endpoint_url=aws.url,
            region_name="us-east-1",
            aws_access_key_id="simulated",
            aws_secret_access_key="simulated",  # the local AWS takes any
        )
        join: Callable[[], None] | None = limits.join if limits else None
        for number in range(rounds):
            bucket = f"ledger-{size}-{number}"
            s3.create_bucket(Bucket=bucket)
            environment = {**shared, "BUCKET_NAME": bucket}
            found["bare loop"].append(measure(dump, environment, join))
            for name in ("first run", "second run"):
                command = [sys.executable, "-c", HANDLER, f"{name} {number}"]
                found[name].append(measure(command, environment, join))
            days = s3.list_objects_v2(Bucket=bucket, Prefix="cost_data/daily/")["KeyCount"]
            assert days == 14, f"{days} days are in the ledger, not 14"
    return {name: median(measured) for name, measured in found.items()}


def main(sizes: tuple[str, ...], rounds: int, memory_mb: int = MEMORY_MB, cpu: float = CPU) -> None:
    """Prints the table."""
    print(f"\nthe Lambda entry with {memory_mb} MB and {cpu} of a CPU, medians of {rounds}")
    print(f"{'size':8} {'':12} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}")
    for size in sizes:
        measured = compare(size, rounds, memory_mb, cpu)
        for name, one in measured.items():
            print(f"{size:8} {name:12} {one.wall:8.2f} {one.cpu:8.2f} {one.memory:8.0f}")
        ratios = (mine / theirs for mine, theirs in zip(measured["first run"], measured["bare loop"], strict=True))
        print(f"{size:8} {'ratio':12} " + " ".join(f"{ratio:8.2f}" for ratio in ratios), flush=True)
