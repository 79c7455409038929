"""Events in the ledger: append-only, one object for one event, readable whatever lies beside them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
from tests.fakes import MemoryStore

from farthing.ledger.events import PREFIX, Events


class Word(msgspec.Struct, frozen=True):
    text: str
    amount: Decimal
    at: datetime = datetime(2026, 11, 22, 8, tzinfo=UTC)


def words(store: MemoryStore, kind: str = "word") -> Events[Word]:
    return Events(store, kind, f"farthing.{kind}/1", Word)


def test_events_come_back_as_they_were_oldest_day_first():
    store = MemoryStore()
    events = words(store)
    second, first = Word("second", Decimal("0.000000000000000001")), Word("first", Decimal("-2"))
    assert events.append(date(2026, 11, 22), second)
    assert events.append(date(2026, 11, 20), first)
    assert list(events.since(date(2026, 1, 1))) == [(date(2026, 11, 20), first), (date(2026, 11, 22), second)]
    assert list(events.since(date(2026, 11, 21))) == [(date(2026, 11, 22), second)]


def test_the_same_event_twice_is_one_and_is_never_changed():
    store = MemoryStore()
    day = date(2026, 11, 22)
    assert words(store).append(day, Word("a", Decimal(1)), identity="same")
    before = dict(store.objects)
    assert not words(store).append(day, Word("b", Decimal(2)), identity="same")
    assert store.objects == before


def test_kinds_do_not_mix():
    store = MemoryStore()
    day = date(2026, 11, 22)
    words(store).append(day, Word("a", Decimal(1)))
    words(store, "other").append(day, Word("b", Decimal(2)))
    assert [word.text for _, word in words(store).since(day)] == ["a"]


def test_an_unreadable_event_is_said_and_passed_over(caplog):
    store = MemoryStore()
    day = date(2026, 11, 22)
    words(store).append(day, Word("a", Decimal(1)))
    store.create(f"{PREFIX}{day}/word-{'0' * 32}.json", b"{half")
    store.create(f"{PREFIX}{day}/word-copy.json", b"{an editor's copy")
    assert [word.text for _, word in words(store).since(day)] == ["a"]
    assert "is not a readable event" in caplog.text
    assert "copy" not in caplog.text
