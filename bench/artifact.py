"""The artifact's cold start: what importing the handler from the zip adds to boto3 and three clients.

The reference is a process that imports boto3 and makes the clients for Cost Explorer, S3 and Secrets Manager, which
any tool of this kind needs. The zip holds no bytecode and Lambda's folder takes none, so its modules are compiled each
time; boto3's are not, as in Lambda's runtime.
"""

import platform
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

from bench.daily_run import Measured, measure, median

ROOT = Path(__file__).parent.parent

MOST_ADDED = 0.6
"""Of the reference: what the import may add before the bench fails. The goal is a half; a single round is noisy."""

REFERENCE = """
import sys
sys.path[:0] = sys.argv[1:]
import boto3
for service in ("ce", "s3", "secretsmanager"):
    boto3.client(service, region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
"""
WITH_THE_HANDLER = f"{REFERENCE}\nfrom farthing.aws_lambda import handler\n"


def architecture() -> str:
    """This machine's, as Lambda calls it."""
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def unzipped(folder: Path) -> Path:
    """Builds the artifact for this machine and unpacks it, as Lambda does."""
    build = [sys.executable, str(ROOT / "tools" / "build_lambda.py"), "--out", str(folder)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    task = folder / "task"
    with zipfile.ZipFile(folder / f"farthing-lambda-{architecture()}.zip") as zipped:
        zipped.extractall(task)
    return task


def compare(task: Path, rounds: int) -> tuple[Measured, Measured]:
    """The medians of the reference and of the same with the handler, in turns."""
    reference: list[Measured] = []
    handler: list[Measured] = []
    # Neither the machine's packages nor its settings; boto3 from here, all else from the zip.
    python = [sys.executable, "-B", "-I", "-S", "-c"]
    paths = [str(task), sysconfig.get_path("purelib")]
    environment = {"PATH": "/usr/bin:/bin", "AWS_EC2_METADATA_DISABLED": "true"}
    for _ in range(rounds):
        reference.append(measure([*python, REFERENCE, *paths], environment))
        handler.append(measure([*python, WITH_THE_HANDLER, *paths], environment))
    return median(reference), median(handler)


def main(rounds: int) -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        reference, handler = compare(unzipped(Path(folder)), rounds)
    print(f"\nimporting the handler from the zip, medians of {rounds}")
    print(f"{'':26} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}")
    for name, one in (("boto3 and three clients", reference), ("the same and the handler", handler)):
        print(f"{name:26} {one.wall:8.2f} {one.cpu:8.2f} {one.memory:8.0f}")
    added = (mine / theirs - 1 for mine, theirs in zip(handler, reference, strict=True))
    print(f"{f'added (at most {MOST_ADDED})':26} " + " ".join(f"{ratio:8.2f}" for ratio in added), flush=True)


if __name__ == "__main__":
    main(rounds=5)
