"""A process that writes to a bucket beside others: `writer.py create|count BUCKET NAME TIMES`, begun by a line on stdin."""

import json
import sys

import boto3

from farthing.aws import CONFIG
from farthing.errors import ConflictError
from farthing.ledger.s3 import S3Store


def create(store: S3Store, name: str, number: int) -> bool:
    """Whether this process was the first to create the object."""
    try:
        store.create(f"race/{number:04}.json", name.encode())
    except ConflictError:
        return False
    return True


def count(store: S3Store, name: str, number: int) -> bool:
    """Adds one to the counter, however often others come in between."""
    while True:
        stored = store.read("race/counter.json")
        try:
            store.replace("race/counter.json", str(int(stored.data) + 1).encode(), stored.etag)
        except ConflictError:
            continue
        return True


def main() -> None:
    work, bucket, name, times = sys.argv[1:]
    store = S3Store(boto3.client("s3", config=CONFIG), bucket)
    store.read("race/none.json")  # connected before the start
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    outcomes = [{"create": create, "count": count}[work](store, name, number) for number in range(int(times))]
    sys.stdout.write(json.dumps({"won": outcomes.count(True), "lost": outcomes.count(False)}))


if __name__ == "__main__":
    main()
