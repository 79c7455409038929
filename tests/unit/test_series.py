"""The series say what the reports say, whatever happened to either; they are made anew where they do not."""

import json
import logging
import threading
import tracemalloc
from array import array
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from math import fsum, inf, nan
from struct import pack
from zlib import crc32

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws
from tests.fakes import DEV, EC2, PROD, S3, TODAY, MemoryStore, ago, report

from farthing.errors import AccessError, CorruptError, LedgerError
from farthing.ledger.folder import FolderStore
from farthing.ledger.reports import Reports
from farthing.ledger.reports import key_of as report_key
from farthing.ledger.s3 import S3Store
from farthing.ledger.series import MAX_DAYS, METRICS, SCHEMA, Series, day_column, key_of
from farthing.model import Charge, Source, daily_report

OLD = date(2025, 9, 1)
"""Begins more than 400 days before TODAY: kept as sums."""


class Counting(MemoryStore):
    """Lists what was read."""

    def __init__(self):
        super().__init__()
        self.reads = []

    def read(self, key):
        self.reads.append(key)
        return super().read(key)

    def entries(self, prefix):
        # The fake's listing would read, and count.
        quiet = MemoryStore()
        quiet.objects = self.objects
        return quiet.entries(prefix)

    def forget(self):
        self.reads.clear()
        self.writes.clear()

    def read_below(self, prefix):
        return sorted(key for key in self.reads if key.startswith(prefix))

    @property
    def series_written(self):
        return [key for key in self.writes if key.startswith("state/")]


def put(store, day, amounts, **changes):
    """Writes a report; returns its column."""
    written = Reports(store).write(report(day, amounts, **changes))
    return day_column(written.report, written.etag, {})


def ledger(days, store=None):
    """A ledger with a report for each of these days, the amount told by the day."""
    store = store if store is not None else Counting()
    for day in days:
        put(store, day, {(EC2, PROD): f"{day.day}.25", (S3, DEV): "0.1"})
    return store


def daily(window):
    """Day -> (currency, estimated, leaf -> number), without zeros."""
    table = window.daily
    rows = {leaf: table.values(place) for place, leaf in enumerate(table.leaves)}
    assert set(table.counts) <= {1}
    assert all(len(row) == len(table.dates) for row in rows.values())
    assert list(table.leaves) == sorted(table.leaves)
    assert all(any(row) for row in rows.values())
    return {
        day: (
            table.currencies[index],
            table.estimated[index],
            {leaf: row[index] for leaf, row in rows.items() if row[index]},
        )
        for index, day in enumerate(table.dates)
    }


def monthly(window):
    """(Month, currency) -> (days, estimated, leaf -> sum), without zeros."""
    table = window.monthly
    rows = {leaf: table.values(place) for place, leaf in enumerate(table.leaves)}
    return {
        (month, table.currencies[index]): (
            table.counts[index],
            table.estimated[index],
            {leaf: row[index] for leaf, row in rows.items() if row[index]},
        )
        for index, month in enumerate(table.dates)
    }


def truth(store, metric, today, since=date.min):
    """The same from the reports alone."""
    days, months = {}, defaultdict(list)
    for day, found in Reports(store).read_many(Reports(store).days()):
        if isinstance(found, CorruptError) or day.replace(day=1) >= today:
            continue
        numbers = {row.keys: float(found.amount(row, metric)) for row in found.charges if found.amount(row, metric)}
        month = day.replace(day=1)
        if month >= today - timedelta(days=MAX_DAYS):
            if since <= day < today:
                days[day] = (found.currency, found.estimated, numbers)
        elif month >= since.replace(day=1):
            months[month, found.currency].append((found.estimated, numbers))
    return days, {
        key: (
            len(columns),
            any(estimated for estimated, _ in columns),
            {
                leaf: total
                for leaf in {leaf for _, numbers in columns for leaf in numbers}
                if (total := fsum(numbers.get(leaf, 0.0) for _, numbers in columns))
            },
        )
        for key, columns in months.items()
    }


def agrees(store, metric="EffectiveCost", today=TODAY, since=None):
    """Loads with a reader of its own, which must say what the reports say; returns the window."""
    window = Series(store).load(metric, today, since)
    assert (daily(window), monthly(window)) == truth(store, metric, today, since or date.min)
    return window


def series_objects(store):
    return {key: data for key, data in store.objects.items() if key.startswith("state/series/")}


# What is loaded


def test_an_empty_ledger_has_an_empty_window():
    store = Counting()
    window = agrees(store)
    assert (window.daily.dates, window.daily.leaves, window.monthly.dates) == ((), (), ())
    assert store.writes == []


def test_days_leaves_gaps_and_numbers():
    store = Counting()
    put(store, ago(4), {(S3, DEV): "2.5"}, currency="EUR", estimated=False)
    put(store, ago(2), {(EC2, PROD): "0.1", (S3, DEV): "-3"})
    put(store, ago(1), {})
    table = agrees(store).daily
    assert table.dates == (ago(4), ago(2), ago(1))
    assert table.currencies == ("EUR", "USD", "USD")
    assert table.estimated == (False, True, True)
    assert table.leaves == ((EC2, PROD), (S3, DEV))
    assert [table.values(place) for place in (0, 1)] == [array("d", [0, 0.1, 0]), array("d", [2.5, -3, 0])]


@pytest.mark.parametrize("first", [OLD, ago(9)], ids=["of an old month", "of a new one"])
def test_an_empty_day_is_a_day(first):
    store = Counting()
    for offset, bill in enumerate(({}, {(EC2, PROD): "1"}, {}, {(S3, DEV): "2"})):
        put(store, first + timedelta(days=offset), bill)
    window = agrees(store)
    assert sum((*window.daily.counts, *window.monthly.counts)) == 4


def test_today_and_later_are_not_part_of_it():
    store = ledger([ago(1), TODAY, TODAY + timedelta(days=1), TODAY + timedelta(days=40)])
    assert agrees(store).daily.dates == (ago(1),)
    assert store.series_written == ["state/series/EffectiveCost/2026-11", "state/series/BilledCost/2026-11"]
    assert agrees(store, today=TODAY + timedelta(days=1)).daily.dates == (ago(1), TODAY)


def test_a_report_without_the_metric_counts_as_zero():
    store = Counting()
    source = Source("cost-explorer", ("ServiceName", "SubAccountId"))
    charge = Charge((EC2, PROD), None, (Decimal(7),))
    arguments = {"currency": "USD", "estimated": True, "collected_at": report(TODAY, {}).collected_at, "source": source}
    Reports(store).write(daily_report(ago(2), metrics=("BilledCost",), charges=[charge], **arguments))
    put(store, ago(1), {(EC2, PROD): "5"})
    assert list(agrees(store).daily.values(0)) == [0, 5]
    assert list(agrees(store, "BilledCost").daily.values(0)) == [7, 5]


def test_a_month_is_days_while_it_begins_within_400_days_and_a_sum_after():
    days = [date(2025, 11, 1), date(2025, 11, 30), ago(1)]
    store = ledger(days)
    within = date(2025, 11, 1) + timedelta(days=MAX_DAYS)
    window = agrees(store, today=within)
    assert window.daily.dates == tuple(days)
    assert window.monthly.dates == ()
    store.forget()
    window = agrees(store, today=within + timedelta(days=1))
    assert window.daily.dates == (ago(1),)
    assert (window.monthly.dates, window.monthly.counts) == ((date(2025, 11, 1),), (2,))
    place = window.monthly.leaves.index((EC2, PROD))
    assert list(window.monthly.values(place)) == [31.5]
    assert len(store.series_written) == 1


def test_at_most_400_days_are_given_out():
    store = ledger([ago(offset) for offset in range(420, 0, -1)])
    for offset in range(32):
        today = TODAY + timedelta(days=offset)
        assert 365 < (today - Series(store).load("BilledCost", today).daily.dates[0]).days <= MAX_DAYS


def test_crossing_the_border_reads_no_report():
    store = ledger([OLD + timedelta(days=offset) for offset in range(30)])
    agrees(store, today=OLD + timedelta(days=MAX_DAYS))
    store.forget()
    Series(store).load("EffectiveCost", TODAY)
    assert store.read_below("cost_data/daily/") == []
    assert list(agrees(store).monthly.counts) == [30]


def test_a_clock_that_goes_back_finds_the_days_of_a_sum_again():
    store = ledger([OLD, OLD + timedelta(days=1)])
    agrees(store)
    window = agrees(store, today=OLD + timedelta(days=MAX_DAYS))
    assert window.daily.dates == (OLD, OLD + timedelta(days=1))
    agrees(store)


def test_a_month_of_two_currencies_has_two_sums():
    store = Counting()
    put(store, OLD, {(EC2, PROD): "1"})
    put(store, OLD + timedelta(days=1), {(EC2, PROD): "2"}, currency="EUR")
    put(store, OLD + timedelta(days=2), {(EC2, PROD): "4"})
    assert agrees(store).monthly.currencies == ("USD", "EUR")
    assert list(agrees(store).monthly.values(0)) == [5, 2]


def test_since_reads_only_the_months_it_needs():
    store = ledger([OLD, ago(80), ago(30), ago(25), ago(20), ago(1)])
    Series(store).load("EffectiveCost", TODAY)
    store.forget()
    assert agrees(store, since=ago(27)).daily.dates == (ago(25), ago(20), ago(1))
    assert store.read_below("state/") == ["state/series/EffectiveCost/2026-10", "state/series/EffectiveCost/2026-11"]
    assert store.series_written == []


# Only what is needed is read and written


def test_nothing_is_read_from_reports_and_nothing_written_when_all_is_fresh():
    store = ledger([OLD, *(ago(offset) for offset in range(70, 0, -1))])
    agrees(store)
    store.forget()
    for metric in METRICS:
        Series(store).load(metric, TODAY)
    assert store.read_below("cost_data/") == []
    assert store.writes == []


def test_the_reports_that_one_metric_needed_are_not_read_again_for_the_other():
    store = ledger([ago(40), ago(2), ago(1)])
    series = Series(store)
    series.load("BilledCost", TODAY)
    assert len(store.read_below("cost_data/")) >= 3
    store.forget()
    Series(store).load("EffectiveCost", TODAY)
    assert store.read_below("cost_data/") == []
    assert store.writes == []


def test_what_a_run_wrote_is_taken_in_without_reading_a_report():
    store = ledger([ago(40), ago(30), ago(2)])
    agrees(store)
    columns = [put(store, ago(2), {(S3, DEV): "8"}), put(store, ago(1), {(EC2, PROD): "9"})]
    store.forget()
    Series(store).update(columns)
    assert sorted(set(store.reads)) == [f"state/series/{metric}/2026-11" for metric in METRICS]
    assert store.writes == [f"state/series/{metric}/2026-11" for metric in METRICS]
    store.forget()
    Series(store).load("EffectiveCost", TODAY)
    assert store.read_below("cost_data/") == []
    agrees(store)


def test_an_update_that_changes_nothing_writes_nothing():
    store = Counting()
    columns = [put(store, ago(2), {(EC2, PROD): "1"}), put(store, OLD, {(EC2, PROD): "1"})]
    Series(store).update(columns)
    Series(store).load("EffectiveCost", TODAY)
    Series(store).load("BilledCost", TODAY)
    store.forget()
    Series(store).update(columns)
    Series(store).update([])
    assert store.writes == []


def test_an_unchanged_day_of_an_old_month_keeps_its_sum():
    store = Counting()
    columns = [put(store, OLD + timedelta(days=offset), {(EC2, PROD): "1"}) for offset in range(3)]
    Series(store).load("EffectiveCost", TODAY)
    before = series_objects(store)["state/series/EffectiveCost/2025-09"]
    Series(store).update(columns[:1])
    assert series_objects(store)["state/series/EffectiveCost/2025-09"] == before


def test_the_columns_of_many_days_share_their_leaves():
    known = {}
    one, other = (day_column(report(ago(n), {("A service", "1" * 12): "1"}), "x", known) for n in (1, 2))
    assert one.leaves[0] is other.leaves[0]


# What changes is noticed


def _homes(tmp_path):
    return {"memory": MemoryStore(), "folder": FolderStore(tmp_path)}


@pytest.mark.parametrize("home", ["memory", "folder"])
def test_a_restated_day_is_noticed_by_its_etag(tmp_path, home):
    store = ledger([ago(40), ago(3), ago(2), ago(1)], _homes(tmp_path)[home])
    agrees(store)
    put(store, ago(2), {(EC2, PROD): "1000"})
    window = agrees(store)
    assert window.daily.values(window.daily.leaves.index((EC2, PROD)))[2] == 1000


def test_only_a_restated_day_is_read_again():
    store = ledger([ago(40), ago(3), ago(2), ago(1)])
    agrees(store)
    put(store, ago(2), {(EC2, PROD): "1000"})
    store.forget()
    Series(store).load("EffectiveCost", TODAY)
    assert store.read_below("cost_data/") == [report_key(ago(2))]
    assert store.series_written == ["state/series/EffectiveCost/2026-11", "state/series/BilledCost/2026-11"]


@pytest.mark.parametrize("offset", [1, 9], ids=["restated", "backfilled"])
@pytest.mark.parametrize("told", [True, False], ids=["told", "not told"])
def test_a_change_of_an_old_month_is_noticed(offset, told):
    store = ledger([OLD, OLD + timedelta(days=1), OLD + timedelta(days=2)])
    agrees(store)
    column = put(store, OLD + timedelta(days=offset), {(EC2, PROD): "1000"})
    if told:
        Series(store).update([column])
    window = agrees(store)
    assert window.monthly.values(window.monthly.leaves.index((EC2, PROD)))[0] > 1000
    store.forget()
    for metric in METRICS:
        Series(store).load(metric, TODAY)
    assert store.read_below("cost_data/") == []


def test_a_report_that_was_moved_away_is_gone():
    store = ledger([OLD, OLD + timedelta(days=1), ago(3), ago(2)])
    agrees(store)
    del store.objects[report_key(ago(3))]
    del store.objects[report_key(OLD)]
    assert agrees(store).daily.dates == (ago(2),)


def test_a_leaf_that_is_gone_is_not_listed_any_more():
    store = ledger([ago(2)])
    agrees(store)
    put(store, ago(2), {(EC2, PROD): "1"})
    assert agrees(store).daily.leaves == ((EC2, PROD),)


def test_a_report_that_is_rewritten_while_it_is_read_is_noticed_the_next_time():
    class Rewriting(MemoryStore):
        """The report is rewritten after it was listed, before it is read."""

        def __init__(self):
            super().__init__()
            self.meanwhile: Callable[[], object] | None = None

        def read(self, key):
            if key == report_key(ago(1)) and self.meanwhile is not None:
                act, self.meanwhile = self.meanwhile, None
                act()
            return super().read(key)

    store = ledger([ago(1)], Rewriting())
    store.meanwhile = lambda: put(store, ago(1), {(EC2, PROD): "77"})
    assert list(Series(store).load("EffectiveCost", TODAY).daily.values(0)) == [77]
    put(store, ago(1), {(EC2, PROD): "78"})
    assert list(agrees(store).daily.values(0)) == [78]


def test_a_run_that_dies_between_report_and_series_is_made_up_for():
    store = ledger([ago(3), ago(2)])
    agrees(store)
    put(store, ago(2), {(EC2, PROD): "5"})
    put(store, ago(1), {(EC2, PROD): "6"})
    assert list(agrees(store, "BilledCost").daily.dates) == [ago(3), ago(2), ago(1)]


# Reports that cannot be read


def test_a_corrupt_report_is_left_out_and_said_once(caplog):
    store = ledger([OLD, OLD + timedelta(days=1), ago(3), ago(2)])
    for day in (OLD, ago(3)):
        store.objects[report_key(day)] = b"{"
    series = Series(store)
    for metric in (*METRICS, *METRICS):
        window = series.load(metric, TODAY)
        assert window.daily.dates == (ago(2),)
        assert window.monthly.counts == (1,)
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [f"memory:{report_key(day)}" in text for day, text in zip((OLD, ago(3)), said, strict=True)] == [True, True]
    store.forget()
    Series(store).load("EffectiveCost", TODAY)
    assert store.read_below("cost_data/") == [report_key(OLD), report_key(ago(3))]
    assert store.writes == []


def test_a_corrupt_report_that_was_mended_is_taken_in():
    store = ledger([OLD, OLD + timedelta(days=1), ago(3), ago(2)])
    good = dict(store.objects)
    for day in (OLD, ago(3)):
        store.objects[report_key(day)] = b"{"
    agrees(store)
    for day in (OLD, ago(3)):
        store.objects[report_key(day)] = good[report_key(day)]
    window = agrees(store)
    assert window.daily.dates == (ago(3), ago(2))
    assert window.monthly.counts == (2,)


# Series that cannot be read


def _parts(data):
    text, _, rest = data.partition(b"\n")
    return json.loads(text), rest[:-4]


def _object(header, numbers):
    body = json.dumps(header).encode() + b"\n" + numbers
    return body + crc32(body).to_bytes(4, "little")


def _changed(**changes):
    def change(data):
        header, numbers = _parts(data)
        return _object({**header, **changes}, numbers)

    return change


def _number(value):
    def change(data):
        header, numbers = _parts(data)
        return _object(header, numbers[:8] + pack("<d", value) + numbers[16:])

    return change


def _claiming(count):
    """More columns than there are numbers."""

    def change(data):
        header, numbers = _parts(data)
        return _object({**header, "columns": [*header["columns"], *header["columns"][:1] * count]}, numbers)

    return change


def _leaves(change_leaves):
    def change(data):
        header, numbers = _parts(data)
        return _object({**header, "leaves": change_leaves(header["leaves"])}, numbers)

    return change


def _columns(change_columns):
    def change(data):
        header, numbers = _parts(data)
        return _object({**header, "columns": change_columns(header["columns"])}, numbers)

    return change


def _flipped(at):
    def change(data):
        at_ = at % len(data)
        return data[:at_] + bytes([data[at_] ^ 1]) + data[at_ + 1 :]

    return change


DAMAGE = {
    "empty": lambda data: b"",
    "three bytes": lambda data: b"abc",
    "not JSON": lambda data: _object({}, b"")[1:],
    "no header": lambda data: bytes(100) + crc32(bytes(100)).to_bytes(4, "little"),
    "a list": lambda data: b"[]\n" + crc32(b"[]\n").to_bytes(4, "little"),
    "truncated by a byte": lambda data: data[:-1],
    "truncated by a number": lambda data: data[:-8],
    "only the header": lambda data: data[: data.index(b"\n") + 1],
    "half": lambda data: data[: len(data) // 2],
    "longer": lambda data: data + bytes(8),
    "a bit of a number": _flipped(-20),
    "a bit of the header": _flipped(40),
    "a bit of the checksum": _flipped(-1),
    "an older version": _changed(schema="farthing.series/0"),
    "a newer version": _changed(schema="farthing.series/2", more=True),
    "no version": _changed(schema=None),
    "another metric": _changed(metric="BilledCost"),
    "another month": _changed(month="2026-10"),
    "fewer columns than numbers": _changed(columns=[]),
    "more columns than numbers": _claiming(1),
    "many more columns than numbers": _claiming(2000),
    "a column without a day": _columns(lambda columns: [{**columns[0], "etags": {}}, *columns[1:]]),
    "a day of another month": _columns(lambda columns: [{**columns[0], "etags": {"2026-10-31": "x"}}, *columns[1:]]),
    "no such day": _columns(lambda columns: [{**columns[0], "etags": {"2026-11-31": "x"}}, *columns[1:]]),
    "columns in another order": _columns(lambda columns: columns[::-1]),
    "a day twice": _columns(lambda columns: [columns[0], columns[0]]),
    "leaves in another order": _leaves(lambda leaves: dict(reversed(leaves.items()))),
    "a leaf twice": _leaves(lambda leaves: {name: accounts * 2 for name, accounts in list(leaves.items())[:1]}),
    "a leaf that is no text": _leaves(lambda leaves: {name: [1] for name in leaves}),
    "a number that is none": _number(nan),
    "an infinite number": _number(inf),
    "a number beyond any amount": _number(-1.7e308),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_object_is_made_anew(caplog, damage):
    store = ledger([ago(3), ago(2)])
    agrees(store)
    key = key_of("EffectiveCost", ago(2).replace(day=1))
    good = store.objects[key]
    store.objects[key] = damage(good)
    assert store.objects[key] != good
    Series(store).load("EffectiveCost", TODAY)
    assert store.objects[key] == good
    assert [f"memory:{key}" in record.getMessage() for record in caplog.records] == [True]
    agrees(store)


@pytest.mark.parametrize("metric", METRICS)
def test_a_missing_object_is_made_anew(metric):
    store = ledger([OLD, ago(40), ago(2)])
    agrees(store)
    good = series_objects(store)
    del store.objects[key_of(metric, date(2026, 11, 1))]
    del store.objects[key_of(metric, OLD)]
    agrees(store, metric)
    agrees(store, "EffectiveCost")
    agrees(store, "BilledCost")
    assert series_objects(store).keys() == good.keys()


def test_a_damaged_object_is_replaced_by_an_update_too():
    store = ledger([ago(3)])
    agrees(store)
    store.objects["state/series/EffectiveCost/2026-11"] = b"nonsense"
    Series(store).update([put(store, ago(2), {(EC2, PROD): "1"})])
    agrees(store)


def test_lengths_that_a_header_claims_allocate_nothing():
    store = ledger([ago(3), ago(2)])
    agrees(store)
    key = "state/series/EffectiveCost/2026-11"
    header, _ = _parts(store.objects[key])
    column = header["columns"][0]
    etags = {f"2026-11-{day:02}": "x" for day in range(1, 23)}
    columns = [{**column, "etags": {day: "x"}} for day in etags]
    leaves = {f"s{service}": [f"{account:03}" for account in range(400)] for service in range(500)}
    store.objects[key] = _object({**header, "columns": columns, "leaves": dict(sorted(leaves.items()))}, bytes(8))
    claimed = 8 * len(columns) * 400 * 500
    series = Series(store)
    tracemalloc.start()
    try:
        series.load("EffectiveCost", TODAY)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < claimed
    agrees(store)


def test_a_ledger_where_series_stand_that_cannot_be_read_is_read_from_its_reports(caplog):
    class Locked(Counting):
        def read(self, key):
            if key.startswith("state/"):
                raise AccessError("no permission for s3:GetObject")
            return super().read(key)

    store = ledger([OLD, ago(40), ago(2)], Locked())
    agrees(store)
    assert store.series_written == []
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "s3:GetObject" in said[0]


# Writes that fail, and writers that meet


class Full(Counting):
    """Takes reports, but nothing below ``state/``."""

    full = True

    def _write(self, key, data, etag):
        if self.full and key.startswith("state/"):
            raise LedgerError("the disk is full")
        return super()._write(key, data, etag)


def test_a_disk_that_is_full_fails_no_reader(caplog):
    store = ledger([OLD, ago(40), ago(2)], Full())
    agrees(store)
    Series(store).update([put(store, ago(1), {(EC2, PROD): "1"})])
    said = [record.getMessage() for record in caplog.records]
    assert [("the disk is full" in text, "\n" in text) for text in said] == [(True, False)] * 2
    assert series_objects(store) == {}


def test_what_stands_is_read_also_while_nothing_can_be_written():
    store = ledger([ago(80), ago(40), ago(2)], Full())
    store.full = False
    agrees(store)
    store.full = True
    put(store, ago(80), {(EC2, PROD): "1"})
    store.forget()
    Series(store).load("EffectiveCost", TODAY)
    assert store.read_below("cost_data/") == [report_key(ago(80))]


def test_a_failing_listing_fails_a_load_but_no_update(caplog):
    class Unlisted(MemoryStore):
        def entries(self, prefix):
            raise LedgerError("no listing")

    store = Unlisted()
    column = put(store, ago(1), {(EC2, PROD): "1"})
    Series(store).update([column])
    assert "no listing" in caplog.text
    with pytest.raises(LedgerError, match="no listing"):
        Series(store).load("EffectiveCost", TODAY)


class Meeting(Counting):
    """Another writer comes first, as often as there is something in ``before``."""

    def __init__(self):
        super().__init__()
        self.before = []

    def _write(self, key, data, etag):
        if key.startswith("state/") and self.before:
            self.before.pop(0)()
        return super()._write(key, data, etag)


def test_two_writers_of_one_month_keep_both_days():
    store = Meeting()
    one = put(store, ago(2), {(EC2, PROD): "1"})
    other = put(store, ago(1), {(S3, DEV): "2"})
    store.before.append(lambda: Series(store).update([other], ["BilledCost"]))
    Series(store).update([one], ["BilledCost"])
    store.forget()
    Series(store).load("BilledCost", TODAY)
    assert store.read_below("cost_data/") == []
    agrees(store, "BilledCost")


def test_of_two_columns_for_a_day_the_one_that_the_report_has_stays():
    store = Meeting()
    earlier = put(store, ago(1), {(EC2, PROD): "1"})

    def restate():
        Series(store).update([put(store, ago(1), {(EC2, PROD): "2"})], ["BilledCost"])

    store.before.append(restate)
    Series(store).update([earlier], ["BilledCost"])
    store.forget()
    assert list(Series(store).load("BilledCost", TODAY).daily.values(0)) == [2]
    assert store.read_below("cost_data/") == []
    Series(store).update([earlier], ["BilledCost"])
    store.forget()
    Series(store).load("BilledCost", TODAY)
    assert store.read_below("cost_data/") == []


def test_a_reader_that_rebuilds_keeps_what_a_run_wrote_meanwhile():
    store = Meeting()
    ledger([ago(9), ago(8)], store)

    def run():
        Series(store).update([put(store, ago(1), {(S3, DEV): "2"})], ["EffectiveCost"])

    store.before.append(run)
    Series(store).load("EffectiveCost", TODAY)
    store.forget()
    Series(store).load("EffectiveCost", TODAY)
    assert store.read_below("cost_data/") == []
    assert agrees(store).daily.dates == (ago(9), ago(8), ago(1))


def test_a_month_that_others_write_all_the_time_is_left_to_them(caplog):
    store = Meeting()
    column = put(store, ago(1), {(EC2, PROD): "1"})
    key = "state/series/BilledCost/2026-11"
    tries = iter(range(100))

    def other():
        store.objects[key] = b"other %d" % next(tries)

    store.before += [other] * 50
    Series(store).update([column], ["BilledCost"])
    assert 0 < next(tries) < 10
    assert store.objects[key].startswith(b"other")
    store.before.clear()
    agrees(store, "BilledCost")


def test_many_writers_and_readers_of_one_folder(tmp_path):
    store = FolderStore(tmp_path)
    columns = [
        put(store, ago(offset), {(EC2, PROD): f"{offset}", (S3, str(offset)): "1"}) for offset in range(8, 0, -1)
    ]
    start = threading.Barrier(len(columns))

    def work(column):
        start.wait()
        Series(store).update([column])
        return daily(Series(store).load("BilledCost", TODAY))

    with ThreadPoolExecutor(len(columns)) as pool:
        seen = list(pool.map(work, columns))
    expected, _ = truth(store, "BilledCost", TODAY)
    assert all(window == expected for window in seen)
    agrees(store)


# The bytes


def test_the_bytes_follow_from_the_reports_alone():
    days = [OLD, OLD + timedelta(days=1), ago(40), ago(3), ago(2)]
    one, other = MemoryStore(), MemoryStore()
    for day in days:
        put(one, day, {(EC2, PROD): "1", (S3, DEV): "2"})
        agrees(one)
        column = put(one, day, {(EC2, PROD): f"{day.day}.1"}, estimated=False)
        Series(one).update([column])
        agrees(one)
    other.objects = {key: data for key, data in one.objects.items() if key.startswith("cost_data/")}
    for store, metric in product((one, other), METRICS):
        Series(store).load(metric, TODAY)
    assert len(series_objects(one)) == 6
    assert series_objects(one) == series_objects(other)


def test_an_object_is_a_line_of_json_then_doubles_by_day_then_a_checksum():
    store = Counting()
    put(store, ago(2), {(EC2, PROD): "0.1", (S3, DEV): "-2"}, estimated=False)
    put(store, ago(1), {(S3, DEV): "3"}, currency="EUR")
    agrees(store)
    data = store.objects["state/series/EffectiveCost/2026-11"]
    header, numbers = _parts(data)
    etags = Reports(store).etags()
    assert header == {
        "schema": SCHEMA,
        "metric": "EffectiveCost",
        "month": "2026-11",
        "columns": [
            {"currency": "USD", "estimated": False, "etags": {"2026-11-21": etags[ago(2)]}},
            {"currency": "EUR", "estimated": True, "etags": {"2026-11-22": etags[ago(1)]}},
        ],
        "leaves": {EC2: [PROD], S3: [DEV]},
    }
    assert numbers == pack("<4d", 0.1, -2, 0, 3)
    assert int.from_bytes(data[-4:], "little") == crc32(data[:-4])


def test_a_zero_has_no_sign():
    charge = Charge((EC2, PROD), None, (Decimal("-0"), Decimal("-0.0")))
    one = report(ago(1), {})
    column = day_column(
        daily_report(
            ago(1),
            currency="USD",
            estimated=True,
            collected_at=one.collected_at,
            metrics=one.metrics,
            charges=[charge],
            source=one.source,
        ),
        "x",
        {},
    )
    assert [column.amounts[metric].tobytes() for metric in METRICS] == [bytes(8), bytes(8)]


# On S3


def test_series_on_s3():
    with mock_aws():
        client = boto3.client(
            "s3", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        client.create_bucket(Bucket="ledger")
        store = S3Store(client, "ledger", "team/a/")
        ledger([OLD, ago(40), ago(3)], store)
        agrees(store)
        Series(store).update([put(store, ago(3), {(EC2, PROD): "5"}), put(store, ago(2), {(EC2, PROD): "6"})])
        agrees(store)
        agrees(store, "BilledCost")
        client.put_object(Bucket="ledger", Key="team/a/state/series/BilledCost/2026-11", Body=b"damaged")
        agrees(store, "BilledCost")
        put(store, ago(2), {(S3, DEV): "7"})
        window = agrees(store, "BilledCost")
        assert window.daily.values(window.daily.leaves.index((S3, DEV)))[-1] == 7


# Whatever happens


AMOUNTS = st.sampled_from(["0", "1", "-1", "0.1", "1e-7", "12345678901234567890", "0.3", "-0.000000000000000001"])
LEAVES = st.tuples(st.sampled_from(["A", "B", "Ä"]), st.sampled_from(["1", "2"]))
# February and the days around it, the border of 400 days, this month and today itself.
DAYS = st.sampled_from(
    [
        *(date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 28), date(2026, 3, 1)),
        *(date(2025, 9, 1), date(2025, 9, 2), date(2025, 9, 30), date(2025, 10, 1), date(2025, 10, 31)),
        *(date(2025, 11, 1), date(2024, 2, 29), ago(2), ago(1), TODAY),
    ]
)
BILLS = st.dictionaries(LEAVES, AMOUNTS, max_size=4)
WRITING = st.tuples(st.just("write"), DAYS, BILLS, st.sampled_from(["USD", "USD", "EUR"]), st.booleans(), st.booleans())
LOADING = st.tuples(st.just("load"), st.sampled_from(METRICS), st.integers(-40, 40), st.none() | DAYS)
SPOILING = st.tuples(st.sampled_from(["corrupt", "remove"]), DAYS)
DAMAGING = st.tuples(st.just("damage"), st.integers(0, 30), st.integers(0, 10**6))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(WRITING, WRITING, LOADING, LOADING, SPOILING, DAMAGING), max_size=25))
def test_whatever_happens_series_say_what_the_reports_say(events):
    logging.getLogger("farthing").disabled = True
    try:
        store = MemoryStore()
        for event in events:
            _happens(store, *event)
        for metric in METRICS:
            agrees(store, metric)
        anew = MemoryStore()
        anew.objects = {key: data for key, data in store.objects.items() if key.startswith("cost_data/")}
        for metric in METRICS:
            agrees(anew, metric)
        assert series_objects(anew).items() <= series_objects(store).items()
    finally:
        logging.getLogger("farthing").disabled = False


def _happens(store, what, *details):
    if what == "write":
        day, bill, currency, estimated, told = details
        if store.objects.get(report_key(day)) == b"{":
            del store.objects[report_key(day)]
        column = put(store, day, bill, currency=currency, estimated=estimated)
        if told:
            Series(store).update([column])
    elif what == "load":
        metric, offset, since = details
        agrees(store, metric, TODAY + timedelta(days=offset), since)
    elif what == "damage":
        which, at = details
        keys = sorted(series_objects(store))
        if keys:
            key = keys[which % len(keys)]
            store.objects[key] = _flipped(at)(store.objects[key])
    elif report_key(details[0]) in store.objects:
        if what == "corrupt":
            store.objects[report_key(details[0])] = b"{"
        else:
            del store.objects[report_key(details[0])]
