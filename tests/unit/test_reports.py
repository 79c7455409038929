import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import DEV, EC2, NOW, PROD, S3, MemoryStore, report

from farthing.errors import ConflictError, CorruptError, ScopeError
from farthing.ledger.reports import Reports, decode_report, encode_report, key_of, merge
from farthing.model import Charge, DailyReport, Source, daily_report, exact_sum, plain
from farthing.schemas import NAMES, schema

DAY = date(2026, 11, 20)
LATER = NOW + timedelta(days=1)
AMOUNT = st.decimals(min_value=-(10**9), max_value=10**9, places=18, allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
METRICS = st.lists(st.sampled_from(["BilledCost", "EffectiveCost", "x_UnblendedCost"]), unique=True, max_size=3).map(
    lambda names: tuple(sorted(names))
)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))  # noqa: DTZ001


@st.composite
def reports(draw, day=DAY):
    metrics = draw(METRICS)
    keys = draw(st.lists(st.tuples(TEXT, TEXT), unique=True, max_size=6))
    charges = [
        Charge((service, account), draw(st.none() | TEXT), tuple(draw(AMOUNT) for _ in metrics))
        for service, account in keys
    ]
    return daily_report(
        day,
        currency=draw(st.sampled_from(["USD", "EUR"])),
        estimated=draw(st.booleans()),
        collected_at=draw(TIMES),
        metrics=metrics,
        charges=charges,
        source=Source("cost-explorer", ("ServiceName", "SubAccountId"), None),
    )


@given(st.lists(reports(), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_a_report_survives_its_bytes_with_all_its_revisions(states):
    current = states[0]
    for fresh in states[1:]:
        current = merge(current, fresh) or current
    data = encode_report(current)
    again = decode_report(data, "here")
    assert again == current
    assert encode_report(again) == data
    jsonschema.validate(json.loads(data), schema("daily-report"))
    for index, metric in enumerate(again.metrics):
        assert again.totals[metric] == exact_sum(charge.amounts[index] for charge in again.charges)


def _earlier(later: DailyReport) -> dict[tuple[str, str], Decimal]:
    """The state before the newest one, put together from the revision."""
    rows = {charge.keys: later.amount(charge) for charge in later.charges}
    for charge in later.revisions[-1].charges:
        rows[charge.keys] = charge.amounts[0]
    return {key: amount for key, amount in rows.items() if amount}


@given(st.dictionaries(st.sampled_from("abcd"), AMOUNT), st.dictionaries(st.sampled_from("abcd"), AMOUNT))
@settings(deadline=None)
def test_the_state_before_can_be_put_together_from_the_revision(before, after):
    old = report(DAY, {(name, PROD): plain(amount) for name, amount in before.items()})
    new = report(DAY, {(name, PROD): plain(amount) for name, amount in after.items()}, collected_at=LATER)
    merged = merge(old, new)
    if before == after:
        assert merged is None
    else:
        assert merged.revisions[-1].seen_at == NOW
        assert merged.revisions[-1].totals == old.totals
        assert _earlier(merged) == {(name, PROD): amount for name, amount in before.items() if amount}


def test_only_what_differs_makes_a_revision():
    old = report(DAY, {(EC2, PROD): "10", (S3, PROD): "1"})
    same = report(DAY, {(EC2, PROD): "10.00", (S3, PROD): "1"}, collected_at=LATER)
    assert merge(old, same) is None
    renamed = msgspec.structs.replace(
        same, charges=tuple(msgspec.structs.replace(c, sub_account_name="new name") for c in same.charges)
    )
    assert merge(old, renamed) is None
    settled = msgspec.structs.replace(same, estimated=False)
    assert merge(old, settled).revisions[-1].charges == ()
    in_euro = msgspec.structs.replace(same, currency="EUR")
    assert merge(old, in_euro).revisions[-1].currency == "USD"
    shifted = report(DAY, {(EC2, PROD): "9", (S3, PROD): "2"}, collected_at=LATER)
    assert shifted.totals == old.totals
    assert len(merge(old, shifted).revisions[-1].charges) == 2


def test_bytes_are_as_published():
    data = encode_report(report(DAY, {(S3, PROD): "0.1000", (EC2, DEV): "-0", (EC2, PROD): "1E-7"}))
    text = data.decode()
    assert text == text.strip() + "\n"
    document = json.loads(text)
    assert list(document) == sorted(document)
    assert [(row["ServiceName"], row["SubAccountId"]) for row in document["charges"]] == [
        (EC2, PROD),
        (EC2, DEV),
        (S3, PROD),
    ]
    assert [row["BilledCost"] for row in document["charges"]] == ["0.0000001", "0", "0.1"]
    assert document["totals"]["BilledCost"] == "0.1000001"
    assert document["collected_at"] == "2026-11-23T08:00:00Z"


def _broken(change):
    document = json.loads(encode_report(report(DAY, {(EC2, PROD): "10"})))
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"\xff\xfe", "malformed"),
        (b"[]", "object"),
        (_broken(lambda d: d.update(schema="farthing.daily-report/9")), "schema"),
        (_broken(lambda d: d["totals"].update(BilledCost="11")), "add up to 10 BilledCost"),
        (_broken(lambda d: d["charges"][0].pop("BilledCost")), "lacks 'BilledCost'"),
        (_broken(lambda d: d["charges"][0].update(BilledCost="ten")), "not an amount"),
        (_broken(lambda d: d["charges"][0].update(ServiceName=None)), "no ServiceName"),
        (_broken(lambda d: d.update(date="2026-11-19")), "holds 2026-11-19"),
        (_broken(lambda d: d.pop("source")), "source"),
    ],
)
def test_a_corrupt_report_is_named_and_left_alone(data, reason):
    store = MemoryStore()
    store.create(key_of(DAY), data)
    for act in (lambda: Reports(store).read(DAY), lambda: Reports(store).write(report(DAY, {(EC2, PROD): "12"}))):
        with pytest.raises(CorruptError) as caught:
            act()
        assert key_of(DAY) in str(caught.value)
        assert reason in str(caught.value)
        assert "farthing backfill" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert store.objects[key_of(DAY)] == data


@pytest.mark.parametrize("source", [Source("simulated", ()), Source("cost-explorer", (), "account:1")])
def test_a_ledger_never_mixes_sources_or_scopes(source):
    store = MemoryStore()
    Reports(store).write(report(DAY, {(EC2, PROD): "10"}))
    before = dict(store.objects)
    with pytest.raises(ScopeError, match="never mixes"):
        Reports(store).write(report(DAY, {(EC2, PROD): "12"}, source=source))
    assert store.objects == before


class _Interrupted(MemoryStore):
    """Another writer comes in between the reading and the writing, once."""

    def __init__(self, other: DailyReport) -> None:
        super().__init__()
        self._other: DailyReport | None = other

    def create(self, key: str, data: bytes) -> str:
        if self._other is not None:
            other, self._other = self._other, None
            super().create(key, encode_report(other))
            raise ConflictError("in between")
        return super().create(key, data)


def test_a_conflict_is_read_again_and_merged():
    store = _Interrupted(report(DAY, {(EC2, PROD): "10"}))
    written = Reports(store).write(report(DAY, {(EC2, PROD): "12"}, collected_at=LATER))
    outcome, now = written.outcome, written.report
    assert outcome == "restated"
    assert now.total() == 12
    assert Reports(store).read(DAY).revisions[0].totals["BilledCost"] == 10


def test_the_newer_of_two_answers_stays():
    store = _Interrupted(report(DAY, {(EC2, PROD): "12"}, collected_at=LATER))
    assert Reports(store).write(report(DAY, {(EC2, PROD): "10"})).outcome == "unchanged"
    assert Reports(store).read(DAY).total() == 12


def test_days_and_the_newest():
    store = MemoryStore()
    ledger = Reports(store)
    assert ledger.newest(DAY) is None
    for day in (date(2026, 1, 5), date(2026, 1, 4)):
        ledger.write(report(day, {(EC2, PROD): "1"}))
    store.create("cost_data/daily/notes.txt", b"x")
    assert ledger.days() == [date(2026, 1, 4), date(2026, 1, 5)]
    assert ledger.newest(DAY).date == date(2026, 1, 5)


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_schemas(name):
    jsonschema.Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("amount", ["1E-7", "-0", "1.0", "01", ".5", "1.", "", "+1"])
def test_the_schema_refuses_amounts_that_are_not_plain(amount):
    document = json.loads(encode_report(report(DAY, {(EC2, PROD): "10"})))
    document["totals"]["BilledCost"] = amount
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema("daily-report"))
