"""The ledger on S3: what every home must do, and what only real requests show: encryption and many writers."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier

import pytest
from botocore.awsrequest import AWSResponse

from farthing.errors import ConflictError, LedgerError
from farthing.ledger.reports import Reports
from farthing.ledger.s3 import S3Store
from farthing.model import DailyReport
from tests.contract import test_store as contract
from tests.fakes import EC2, NOW, PROD, ago, report
from tests.integration.conftest import CREDENTIALS, REGION, new_client
from tests.integration.servers import MACHINE

pytestmark = [pytest.mark.integration, pytest.mark.loopback]

KEY = contract.KEY
HOMES = {"plain": ("", False), "with a prefix": ("team/a/", False), "with a KMS key": ("", True), "both": ("b/", True)}

# The whole contract, also the tests that are written later.
globals().update({name: test for name, test in vars(contract).items() if name.startswith("test_")})


@pytest.fixture(params=HOMES)
def home(request, kms_key) -> tuple[str, str | None]:
    """Prefix and KMS key."""
    prefix, encrypted = HOMES[request.param]
    return prefix, kms_key if encrypted else None


@pytest.fixture
def store(s3, bucket, home) -> Iterator[S3Store]:
    prefix, key = home
    yield S3Store(s3, bucket, prefix, key)
    for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        assert item["Key"].startswith(prefix)
        assert encryption(s3, bucket, item["Key"]) == (("aws:kms", key) if key else ("AES256", None))


def encryption(s3, bucket: str, key: str) -> tuple[str, str | None]:
    head = s3.head_object(Bucket=bucket, Key=key)
    return head["ServerSideEncryption"], head.get("SSEKMSKeyId")


def test_objects_are_encrypted_as_asked_whichever_way_they_are_written(s3, bucket, store, home):
    prefix, key = home
    expected = ("aws:kms", key) if key else ("AES256", None)
    etag = store.create(KEY, b"one")
    assert encryption(s3, bucket, prefix + KEY) == expected
    store.replace(KEY, b"two", etag)
    assert encryption(s3, bucket, prefix + KEY) == expected
    assert s3.head_object(Bucket=bucket, Key=prefix + KEY)["ContentType"] == "application/json"


def test_a_listing_of_several_pages_is_whole(store):
    names = [f"b/{number:04}.json" for number in range(1005)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: store.create(name, b"x"), names))
    assert list(store.keys("b/")) == names
    assert list(store.keys("b/", after=names[1000])) == names[1001:]
    assert [entry.key for entry in store.entries("b/")] == names


def test_a_bucket_that_is_missing_is_named(s3):
    store = S3Store(s3, "no-such-bucket")
    for attempt in (lambda: store.read(KEY), lambda: store.create(KEY, b"x"), lambda: list(store.keys("b/"))):
        with pytest.raises(LedgerError, match="there is no bucket 'no-such-bucket': set BUCKET_NAME"):
            attempt()


# -- many writers ----------------------------------------------------------------------------------------------------

WRITERS = 16


def racing(work: Callable[[int], object]) -> list[object]:
    """What each of many threads returned that began at the same moment; a conflict is None."""
    barrier = Barrier(WRITERS)

    def attempt(number: int) -> object:
        barrier.wait()
        try:
            return work(number)
        except ConflictError:
            return None

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(attempt, range(WRITERS)))


def only(outcomes: list[object]) -> int:
    """The one writer that did not meet a conflict."""
    (winner,) = [number for number, outcome in enumerate(outcomes) if outcome is not None]
    return winner


def test_of_many_threads_that_create_one_object_one_wins(store):
    winner = only(racing(lambda number: store.create(KEY, f"writer {number}".encode())))
    assert store.read(KEY).data == f"writer {winner}".encode()


def test_a_chain_of_races_loses_no_write(store):
    etag = store.create(KEY, b"start")
    for turn in range(5):

        def write(number: int, turn: int = turn, etag: str = etag) -> str:
            return str(store.replace(KEY, f"{turn} {number}".encode(), etag))

        outcomes = racing(write)
        winner = only(outcomes)
        assert store.read(KEY).data == f"{turn} {winner}".encode()
        etag = str(outcomes[winner])
        assert store.read(KEY).etag == etag


WRITER = Path(__file__).with_name("writer.py")


def processes(aws, work: str, bucket: str, *arguments: str) -> list[dict[str, int]]:
    """What two processes did with the bucket that began at the same moment."""
    environment = {
        **MACHINE,
        "AWS_ENDPOINT_URL_S3": aws.url,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        **{name.upper(): value for name, value in CREDENTIALS.items()},
    }
    command = [sys.executable, str(WRITER), work, bucket]
    running = [
        subprocess.Popen(
            [*command, name, *arguments], env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for name in ("first", "second")
    ]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    return [json.loads(text) for text in said]


def test_of_two_processes_that_create_the_same_objects_one_wins_each(aws, s3, bucket):
    first, second = processes(aws, "create", bucket, "100")
    assert first["won"] + second["won"] == first["lost"] + second["lost"] == 100
    store = S3Store(s3, bucket)
    data = [stored.data for stored in store.read_many(list(store.keys("race/")))]
    assert (data.count(b"first"), data.count(b"second")) == (first["won"], second["won"])


def test_two_processes_that_count_in_one_object_lose_no_step(aws, s3, bucket):
    store = S3Store(s3, bucket)
    store.create("race/counter.json", b"0")
    first, second = processes(aws, "count", bucket, "50")
    assert first["won"] == second["won"] == 50
    assert store.read("race/counter.json").data == b"100"


# -- S3's other conflict ---------------------------------------------------------------------------------------------


@pytest.fixture
def busy(aws, home, bucket) -> Iterator[S3Store]:
    """A store whose first write S3 answers with 409: two writers met. MiniStack itself only knows 412."""
    client = new_client("s3", aws.url)
    error = {"Code": "ConditionalRequestConflict", "Message": "A conflicting operation occurred."}
    answers = [(AWSResponse(aws.url, 409, {}, None), {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 409}})]
    client.meta.events.register("before-call.s3.PutObject", lambda **_: answers.pop() if answers else None)
    prefix, key = home
    yield S3Store(client, bucket, prefix, key)
    assert not answers
    client.close()


def test_two_writers_that_meet_are_a_conflict_too(busy):
    with pytest.raises(ConflictError):
        busy.create(KEY, b"one")
    assert busy.read(KEY) is None
    busy.create(KEY, b"one")


# -- reports of one day, written at once -----------------------------------------------------------------------------

DAY = ago(1)


def seen(number: int) -> DailyReport:
    """What the source said at a moment of its own."""
    return report(DAY, {(EC2, PROD): str(100 + number)}, collected_at=NOW + timedelta(minutes=number))


def test_of_reports_written_at_once_none_is_lost(store):
    writers = 4
    barrier = Barrier(writers)

    def write(number: int) -> str:
        barrier.wait()
        return Reports(store).write(seen(number)).outcome

    with ThreadPoolExecutor(writers) as pool:
        outcomes = list(pool.map(write, range(writers)))
    kept = Reports(store).read(DAY)
    # Who read before another wrote either merged or found a newer answer: every state that was written is still told.
    assert outcomes.count("written") == 1
    assert outcomes.count("restated") == len(kept.revisions)
    states = [*(revision.totals["BilledCost"] for revision in kept.revisions), kept.totals["BilledCost"]]
    told = [number for number, outcome in enumerate(outcomes) if outcome != "unchanged"]
    assert sorted(states) == [100 + number for number in told]
    moments = [*(revision.seen_at for revision in kept.revisions), kept.collected_at]
    assert moments == [NOW + timedelta(minutes=int(state) - 100) for state in states]


class MetBy:
    """A store where somebody else writes the day between this writer's read and its write, once."""

    def __init__(self, store: S3Store, other: DailyReport) -> None:
        self._store = store
        self._other: DailyReport | None = other

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def create(self, key: str, data: bytes) -> str:
        self._meet()
        return self._store.create(key, data)

    def replace(self, key: str, data: bytes, etag: str) -> str:
        self._meet()
        return self._store.replace(key, data, etag)

    def _meet(self) -> None:
        if self._other is not None:
            other, self._other = self._other, None
            Reports(self._store).write(other)


@pytest.mark.parametrize("there", [False, True], ids=["new", "restated"])
def test_a_writer_that_is_overtaken_re_reads_and_merges(store, there):
    expected = [100] if there else []
    if there:
        Reports(store).write(seen(0))
    done = Reports(MetBy(store, seen(1))).write(seen(2))
    kept = Reports(store).read(DAY)
    assert (done.outcome, kept.totals["BilledCost"]) == ("restated", Decimal(102))
    assert [revision.totals["BilledCost"] for revision in kept.revisions] == [*expected, 101]
    assert done.etag == store.read(f"cost_data/daily/{DAY}.json").etag


@pytest.mark.parametrize("there", [False, True], ids=["new", "restated"])
def test_a_report_whose_write_met_another_is_written_again(busy, store, there):
    if there:
        Reports(store).write(seen(0))
    assert Reports(busy).write(seen(2)).outcome == ("restated" if there else "written")
    assert Reports(store).read(DAY).totals["BilledCost"] == Decimal(102)


def test_an_overtaken_writer_leaves_a_newer_answer_alone(store):
    done = Reports(MetBy(store, seen(5))).write(seen(1))
    kept = Reports(store).read(DAY)
    assert (done.outcome, kept.totals["BilledCost"], kept.revisions) == ("unchanged", Decimal(105), ())
