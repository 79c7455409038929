"""The past as it was known then: the inverse of what was written, and the daily run over it."""

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import DEV, EC2, NOW, PROD, S3, TODAY, MemoryStore, ago, report
from tests.unit.test_judging import Watch, steady

from farthing.collect import backfill
from farthing.judging.deciding import record
from farthing.ledger.reports import Reports, key_of
from farthing.ledger.states import seen_at, state_at, states_of
from farthing.model import Charge, DailyReport, Period, daily_report
from farthing.replaying import replay, suggest
from farthing.replaying.suggest import amount_for, rounded_up
from farthing.replaying.view import View
from farthing.settings import Settings
from farthing.signals import SIGNALS

AMOUNT = st.sampled_from(["0", "1", "2.5", "-3", "0.000001"])
KEYS = st.sampled_from([(EC2, PROD), (EC2, DEV), (S3, PROD), ("Tax", "")])
METRICS = st.sampled_from([("BilledCost",), ("BilledCost", "EffectiveCost")])


@st.composite
def histories(draw):
    """What a source said of one day, one answer after the other."""
    found = []
    for hour in range(draw(st.integers(1, 5))):
        metrics = draw(METRICS)
        rows = draw(st.dictionaries(KEYS, st.tuples(*(AMOUNT for _ in metrics)), max_size=4))
        found.append(
            daily_report(
                ago(1),
                currency=draw(st.sampled_from(["USD", "EUR"])),
                estimated=draw(st.booleans()),
                collected_at=NOW + timedelta(hours=hour),
                metrics=metrics,
                charges=[Charge(key, None, tuple(map(Decimal, amounts))) for key, amounts in rows.items()],
                source=report(ago(1), {}).source,
            )
        )
    return found


def without_zeros(state: DailyReport) -> DailyReport:
    """A row without any amount says nothing: revisions do not tell it from one that was not there."""
    return msgspec.structs.replace(state, charges=tuple(row for row in state.charges if any(row.amounts)))


@given(histories())
@settings(max_examples=150)
def test_the_states_of_a_report_are_what_was_written(answers):
    reports = Reports(MemoryStore())
    written = []
    for answer in answers:
        done = reports.write(answer, answer.collected_at)
        if done.outcome != "unchanged":
            written.append(done.report)
    states = states_of(written[-1])
    assert [without_zeros(state) for state in states] == [without_zeros(state) for state in written]
    assert [state.collected_at for state in states] == list(seen_at(written[-1]))
    for state in states:
        assert state.totals == {
            metric: sum(row.amounts[place] for row in state.charges) for place, metric in enumerate(state.metrics)
        }


@given(histories(), st.integers(-1, 6))
def test_a_ledger_as_of_a_moment_is_what_its_reader_read_then(answers, hour):
    store = MemoryStore()
    at = NOW + timedelta(hours=hour)
    then = None
    for answer in answers:
        done = Reports(store).write(answer, answer.collected_at)
        if answer.collected_at <= at:
            then = done.report
    view = View(store, ago(10))
    view.at = at
    seen = Reports(view).read(ago(1))
    if then is None or seen is None:
        assert then is None
        assert seen is None
    else:
        # A change of the estimated flag alone has no time of its own: it may show earlier.
        known = msgspec.structs.replace(without_zeros(seen), estimated=then.estimated, revisions=())
        assert known == msgspec.structs.replace(without_zeros(then), revisions=())


def test_the_newest_state_of_a_moment():
    times = (NOW, NOW + timedelta(days=1))
    assert [state_at(times, NOW + timedelta(hours=hours)) for hours in (-1, 0, 23, 24, 99)] == [None, 0, 0, 1, 1]


def test_a_view_is_never_written_through():
    store = MemoryStore()
    Reports(store).write(report(ago(3), {(EC2, PROD): "1"}))
    before = dict(store.objects)
    view = View(store, ago(10))
    view.at = NOW
    Reports(view).write(report(ago(3), {(EC2, PROD): "2"}, collected_at=NOW + timedelta(hours=1)))
    assert Reports(view).read(ago(3)).total() == 2
    assert store.objects == before


def lived(**settings):
    """A ledger that daily runs have filled for two weeks: an incident, a restatement, a breach."""
    watch = Watch(cost_threshold=Decimal(300), **settings)
    watch.run()
    for ahead in range(1, 14):
        watch.bills(ahead, "400" if ahead in (4, 5) else "100")
        if ahead == 8:
            watch.client.bill[ago(1 - 6)][(S3, PROD)] = "60"
        if ahead == 10:
            watch.client.bill[ago(1 - 9)][(EC2, PROD)] = "600"
        watch.run(days_later=1)
    return watch


def sent(watch):
    return [
        (alert.kind, alert.rule, alert.day, alert.repeated, alert.actual)
        for message in watch.slack.sent
        for alert in message
    ]


def test_a_replay_tells_what_the_daily_runs_told_and_writes_nothing():
    watch = lived()
    told = sorted(sent(watch))
    assert {kind for kind, *_ in told} == {"threshold", "anomaly"}
    before = dict(watch.store.objects)
    period = Period(TODAY, TODAY + timedelta(days=14))
    replayed = replay(watch.store, watch.place.settings, period)
    again = [(one.kind, one.rule, one.day, one.repeated, one.actual) for one in replayed.fired]
    assert sorted(again) == told
    assert (replayed.late, replayed.problems) == ((), ())
    assert watch.store.objects == before
    assert len(replayed.days) == 14


def test_a_replay_with_what_is_known_now_would_tell_it_otherwise():
    # The day that was restated is 400 days ahead of nothing: only its revision says that it was quiet at first.
    watch = lived()
    day = TODAY + timedelta(days=8)
    replayed = replay(watch.store, watch.place.settings, Period(TODAY, TODAY + timedelta(days=14)))
    runs = [one.day for one in replayed.days if any(alert.day == day for alert in one.fired)]
    assert runs == [TODAY + timedelta(days=10)]


def test_other_rules_give_other_alerts():
    watch = lived()
    other = msgspec.structs.replace(watch.place.settings, cost_threshold=Decimal(5000), signals=("thresholds",))
    assert replay(watch.store, other, Period(TODAY, TODAY + timedelta(days=14))).fired == []


def test_days_that_were_backfilled_are_taken_as_they_were_seen():
    watch = Watch(steady(d3="400"), first=False)
    watch.store.objects.clear()
    backfill(watch.place, Period(ago(40), TODAY), max_requests=10, invocation="b")
    replayed = replay(watch.store, Settings(signals=SIGNALS), Period(ago(5), TODAY))
    assert [(one.day, alert.day) for one in replayed.days for alert in one.fired] == [(ago(2), ago(3))]
    assert replayed.late == (ago(6), ago(5), ago(4), ago(3))


def test_decisions_count_from_the_day_on_which_they_were_made():
    watch = Watch(steady(d1="300"))
    watch.run()
    (alert,) = watch.slack.sent[0]
    record(watch.app, alert.incident.id[:12], "acknowledge", by="ada")
    watch.bills(1, "900")
    watch.run(days_later=1)
    period = Period(TODAY, TODAY + timedelta(days=2))
    assert len(replay(watch.store, watch.place.settings, period).fired) == 1
    for key in [key for key in watch.store.objects if key.startswith("cost_data/events/")]:
        del watch.store.objects[key]
    assert len(replay(watch.store, watch.place.settings, period).fired) == 2


def test_a_report_that_cannot_be_read_is_said():
    watch = lived()
    watch.store.objects[key_of(TODAY)] = b"half of"
    replayed = replay(watch.store, watch.place.settings, Period(TODAY, TODAY + timedelta(days=14)))
    assert len(replayed.problems) == 1
    assert TODAY.isoformat() in replayed.problems[0]


def test_suggestions_are_what_a_replay_would_give():
    watch = lived()
    period = Period(TODAY, TODAY + timedelta(days=14))
    suggestions = suggest(watch.store, watch.place.settings, period, Decimal(4))
    assert any(one.now and one.amount == 300 for one in suggestions)
    assert [one.amount for one in suggestions] == sorted({one.amount for one in suggestions})
    assert [one.alerts for one in suggestions] == sorted((one.alerts for one in suggestions), reverse=True)
    for one in suggestions:
        tried = msgspec.structs.replace(
            watch.place.settings, cost_threshold=one.amount, signals=("thresholds",), thresholds=()
        )
        assert len(replay(watch.store, tried, period).fired) == one.alerts


@given(st.lists(st.decimals(0, 10**6, places=3), min_size=1, max_size=30), st.integers(0, 40))
def test_no_more_days_are_above_a_suggested_amount_than_were_wished_for(amounts, wish):
    assert sum(amount > amount_for(amounts, Decimal(wish)) for amount in amounts) <= wish


@pytest.mark.parametrize(
    ("amount", "rounded"), [("1234.567", "1240"), ("0.0123456", "0.0124"), ("100", "100"), ("0", "0")]
)
def test_suggested_amounts_are_round(amount, rounded):
    assert rounded_up(Decimal(amount)) == Decimal(rounded)
