"""Laws of the detector, over made-up series."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.signals.spend import EC2, START, every_month, judged, plus, replayed, times, usage

from farthing.model import exact_sum
from farthing.signals.anomalies.detect import OPEN
from farthing.signals.anomalies.limits import Limits
from farthing.signals.incidents import incidents_of

COUNT = 150


@st.composite
def series(draw):
    """A leaf with anything in it: noise, fees, credits, spikes, shifts, gaps, a late start, an end."""
    spend = usage(
        COUNT,
        draw(st.sampled_from([3.0, 40.0, 2000.0])),
        weekend=draw(st.sampled_from([1.0, 0.5])),
        noise=draw(st.sampled_from([0.02, 0.05, 0.15])),
        seed=draw(st.integers(0, 1000)),
    )
    level = max(spend.values())
    if draw(st.booleans()):
        spend = every_month(spend, {draw(st.integers(1, 28)): level * draw(st.floats(-2, 4))})
    for _ in range(draw(st.integers(0, 3))):
        since = START + timedelta(draw(st.integers(0, COUNT - 1)))
        until = since + timedelta(draw(st.integers(0, 40)))
        spend = times(spend, since, until, draw(st.sampled_from([0.0, 0.3, 1.4, 2.0, 5.0])))
    if draw(st.booleans()):
        day = START + timedelta(draw(st.integers(0, COUNT - 1)))
        spend = plus(spend, {day: -2 * level})
    missing = draw(st.sets(st.integers(0, COUNT - 1), max_size=5))
    return {day: amount for day, amount in spend.items() if (day - START).days not in missing}


leaves = st.dictionaries(
    st.tuples(
        st.sampled_from(["Amazon EC2", "Tax", "Amazon S3"]),
        st.sampled_from(["1", "2"]),
        st.sampled_from(["", "Usage", "Credit", "Purchase"]),
    ),
    series(),
    min_size=1,
    max_size=3,
)


@given(leaves)
@settings(max_examples=30, deadline=None)
def test_judging_twice_says_the_same(spend):
    assert replayed(spend) == replayed(spend)
    assert judged(spend, back=30) == judged(spend, back=30)


@given(leaves, st.integers(20, COUNT))
@settings(max_examples=40, deadline=None)
def test_later_days_change_no_earlier_line(spend, count):
    end = START + timedelta(count)
    first = {leaf: {day: amount for day, amount in one.items() if day < end} for leaf, one in spend.items()}

    known = [one.then for one in replayed({leaf: one for leaf, one in first.items() if one})]

    assert known == [one.then for one in replayed(spend) if one.then.raised_day < end]


@given(series(), st.sampled_from([2.0**-6, 0.5, 2.0, 1024.0]))
@settings(max_examples=40, deadline=None)
def test_another_unit_of_money_changes_amounts_and_nothing_else(spend, unit):
    small = Limits()
    large = Limits(min_amount=small.min_amount * unit, new_amount=small.new_amount * unit)

    one = replayed({EC2: spend}, limits=small)
    other = replayed({EC2: {day: amount * unit for day, amount in spend.items()}}, limits=large)

    assert [(a.then.raised_day, a.now.kind, a.now.state) for a in one] == [
        (b.then.raised_day, b.now.kind, b.now.state) for b in other
    ]


@given(leaves)
@settings(max_examples=30, deadline=None)
def test_one_leaf_has_no_two_incidents_at_once(spend):
    by_leaf = {}
    for one in replayed(spend):
        by_leaf.setdefault(one.then.leaf, []).append(one.now)
    for departures in by_leaf.values():
        days = [figures.day for departure in departures for figures in departure.days]
        assert len(days) == len(set(days))
        assert sum(departure.state == OPEN and departure.kind != "new" for departure in departures) <= 1


@given(leaves)
@settings(max_examples=30, deadline=None)
def test_a_departure_is_outside_its_band_and_above_the_floor(spend):
    for one in replayed(spend):
        figures = one.then.days[0]
        assert figures.lower <= figures.expected <= figures.upper
        assert figures.actual > figures.upper or figures.actual < figures.lower or one.then.kind == "new"
        floor = Limits().new_amount if one.then.kind == "new" else Limits().min_amount
        assert abs(figures.actual - figures.expected) >= floor
        assert one.then.rises == (figures.actual > figures.expected)
        assert one.then.first_day <= one.then.raised_day


@given(leaves)
@settings(max_examples=30, deadline=None)
def test_an_incident_adds_up(spend):
    departures = judged(spend, back=60).departures
    incidents = incidents_of(departures, "USD")

    assert sum(1 + one.others for one in incidents) <= len(departures)
    for incident in incidents:
        assert incident.excess == incident.actual - incident.expected
        assert incident.excess_month == incident.excess * 30
        assert incident.lower <= incident.expected <= incident.upper
        assert (incident.excess > 0) == incident.rises
        assert all(part.excess == part.actual - part.expected for part in incident.root_cause)
        explained = exact_sum(part.excess for part in incident.root_cause)
        assert abs(explained) >= abs(incident.excess) * Decimal("0.8")
        without_last = exact_sum(part.excess for part in incident.root_cause[:-1])
        assert abs(without_last) < abs(incident.excess) * Decimal("0.8")
        assert incident.actual == exact_sum(part.actual for part in incident.root_cause) + incident.others_actual
        assert incident.expected == exact_sum(part.expected for part in incident.root_cause) + incident.others_expected
        assert incident.excess_so_far == exact_sum(daily.excess for daily in incident.by_day)
        assert all(daily.excess == daily.actual - daily.expected for daily in incident.by_day)
        newest = incident.by_day[-1]
        assert (newest.day, newest.actual, newest.expected) == (incident.day, incident.actual, incident.expected)
