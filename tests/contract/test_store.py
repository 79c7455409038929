"""What every home of the ledger must do, over each of them."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from tests.fakes import MemoryStore

from farthing.errors import ConflictError, LedgerError
from farthing.ledger.folder import FolderStore
from farthing.ledger.s3 import S3Store
from farthing.ledger.store import Store, checked

KEY = "cost_data/daily/2026-11-22.json"


def _folder(tmp_path: Path) -> Store:
    return FolderStore(tmp_path / "home" / "below")


def _memory(tmp_path: Path) -> Store:
    return MemoryStore()


def _s3(prefix: str) -> Callable[[Path], Store]:
    def make(tmp_path: Path) -> Store:
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="ledger")
        return S3Store(client, "ledger", prefix)

    return make


HOMES = {"folder": _folder, "memory": _memory, "s3": _s3(""), "s3 with a prefix": _s3("team/a/")}


@pytest.fixture(params=HOMES)
def store(request, tmp_path, monkeypatch) -> Iterator[Store]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield HOMES[request.param](tmp_path)


def test_nothing_is_there_at_first(store):
    assert store.read(KEY) is None
    assert list(store.keys("cost_data/")) == []


def test_what_was_created_is_read_whole(store):
    etag = store.create(KEY, b"one")
    stored = store.read(KEY)
    assert (stored.data, stored.etag) == (b"one", etag)


def test_creating_twice_is_a_conflict_and_changes_nothing(store):
    store.create(KEY, b"one")
    with pytest.raises(ConflictError):
        store.create(KEY, b"two")
    assert store.read(KEY).data == b"one"


def test_replacing_needs_the_state_that_was_read(store):
    first = store.create(KEY, b"one")
    second = store.replace(KEY, b"two", first)
    with pytest.raises(ConflictError):
        store.replace(KEY, b"three", first)
    assert store.read(KEY).data == b"two"
    store.replace(KEY, b"three", second)
    assert store.read(KEY).data == b"three"


def test_replacing_what_is_not_there_is_a_conflict(store):
    etag = store.create(KEY, b"one")
    with pytest.raises(ConflictError):
        store.replace("cost_data/daily/2026-11-21.json", b"x", etag)


def test_keys_are_sorted_below_their_prefix_and_after_a_key(store):
    for name in ("b/2.json", "b/1.json", "b/c/3.json", "a/1.json"):
        store.create(name, b"x")
    assert list(store.keys("b/")) == ["b/1.json", "b/2.json", "b/c/3.json"]
    assert list(store.keys("b/", after="b/1.json")) == ["b/2.json", "b/c/3.json"]


def test_a_listing_tells_the_etags_that_reads_give(store):
    for name in ("b/2.json", "b/1.json", "a/1.json"):
        store.create(name, name.encode())
    store.replace("b/1.json", b"new", store.read("b/1.json").etag)
    listed = list(store.entries("b/"))
    assert [entry.key for entry in listed] == ["b/1.json", "b/2.json"]
    assert [entry.etag for entry in listed] == [store.read(entry.key).etag for entry in listed]


def test_a_new_state_has_a_new_etag(store):
    seen = [store.create(KEY, b"a")]
    for data in (b"b", b"c"):
        seen.append(store.replace(KEY, data, seen[-1]))
    assert len(set(seen)) == 3


def test_many_are_read_in_the_order_asked(store):
    names = [f"b/{number:02}.json" for number in range(30)]
    for name in names[::2]:
        store.create(name, name.encode())
    asked = names[::-1]
    found = [stored.data.decode() if stored else None for stored in store.read_many(asked)]
    assert found == [name if name in names[::2] else None for name in asked]


def test_who_has_read_enough_stops(store):
    for number in range(20):
        store.create(f"b/{number:02}.json", b"x")
    reading = store.read_many(f"b/{number:02}.json" for number in range(20))
    assert next(reading).data == b"x"


def test_of_many_writers_one_wins(store):
    etag = store.create(KEY, b"start")
    barrier = threading.Barrier(6)

    def write(number: int) -> bool:
        barrier.wait()
        try:
            store.replace(KEY, f"writer {number}".encode(), etag)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(write, range(6)))
    assert won.count(True) == 1
    assert store.read(KEY).data == f"writer {won.index(True)}".encode()


@pytest.mark.parametrize("key", ["../x", "/x", "a//b", "a/../b", "", "a/", ".hidden", "a\nb"])
def test_a_key_never_leads_out(key):
    with pytest.raises(LedgerError):
        checked(key)
