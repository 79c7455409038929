"""What holds of every forecast, whatever the series."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from farthing.model import Period
from farthing.signals.forecast import estimate
from farthing.signals.forecast.outlook import months_from, outlook
from farthing.signals.panel import panel_of

START = date(2026, 1, 1)
LONGEST = 120

leaves = st.tuples(
    st.sampled_from(["Amazon EC2", "Tax", "Amazon S3"]),
    st.sampled_from(["1", "2"]),
    st.sampled_from(["", "Usage", "Credit", "Purchase"]),
)
amounts = st.one_of(st.just(0), st.integers(-50, 50), st.integers(900, 1100), st.integers(-(10**6), 10**6))


@st.composite
def spends(draw):
    """Leaves with quarters of a currency's unit, some of them steady; days may be missing."""
    count = draw(st.integers(10, LONGEST))
    found = {}
    for leaf in draw(st.lists(leaves, min_size=1, max_size=4, unique=True)):
        usual = draw(st.integers(0, 4000))
        odd = draw(st.dictionaries(st.integers(0, count - 1), amounts, max_size=20))
        found[leaf] = [odd.get(at, usual) / 4 for at in range(count)]
    gaps = draw(st.sets(st.integers(1, count - 1), max_size=count - 10))
    return count, {leaf: {at: a for at, a in enumerate(own) if at not in gaps} for leaf, own in found.items()}


def panel(spend, scale=1.0):
    rows = [(leaf, START + timedelta(at), amount * scale) for leaf, own in spend.items() for at, amount in own.items()]
    return panel_of(rows)


@given(spends(), st.sampled_from(["service", "account", "leaf"]), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_the_parts_add_up_to_the_total_and_means_lie_in_their_intervals(made, by, later):
    count, spend = made
    as_of = START + timedelta(count + later)
    told = outlook(panel(spend), as_of, months_from(as_of), by=by)
    for period in months_from(as_of):
        total, *parts = [row for row in told.rows if row.period == period]
        assert not total.group
        assert total.estimate.mean == sum((part.estimate.mean for part in parts), Decimal(0))
        assert total.fact == sum((part.fact for part in parts), Decimal(0))
        for one in (row.estimate for row in (total, *parts)):
            assert one.lo95 <= one.lo80 <= one.mean <= one.hi80 <= one.hi95


@given(spends(), st.sampled_from([2.0**-3, 2.0, 2.0**10]))
@settings(max_examples=30, deadline=None)
def test_another_unit_of_money_changes_the_amounts_and_nothing_else(made, unit):
    count, spend = made
    as_of = START + timedelta(count)
    told, scaled = (outlook(panel(spend, scale), as_of, months_from(as_of)) for scale in (1.0, unit))
    for one, other in zip(told.rows, scaled.rows, strict=True):
        for bound in ("mean", "lo80", "hi80", "lo95", "hi95"):
            before, after = float(getattr(one.estimate, bound)), float(getattr(other.estimate, bound))
            assert abs(after - before * unit) <= 1e-4 * max(1.0, unit)


@given(spends(), st.integers(0, LONGEST), st.integers(0, LONGEST))
@settings(max_examples=30, deadline=None)
def test_what_is_over_is_a_fact(made, start, length):
    count, spend = made
    as_of = START + timedelta(count)
    period = Period(START + timedelta(start), START + timedelta(start + length))
    if period.end > as_of:
        period = Period(min(period.start, as_of), as_of)
    told = estimate(panel(spend), as_of, period)
    fact = sum(a for own in spend.values() for at, a in own.items() if START + timedelta(at) in period)
    assert told.lo95 == told.lo80 == told.mean == told.hi80 == told.hi95
    assert abs(float(told.mean) - fact) < 1e-5


@given(spends(), st.data())
@settings(max_examples=20, deadline=None)
def test_later_days_change_nothing(made, data):
    count, spend = made
    as_of = START + timedelta(data.draw(st.integers(1, count)))
    before = {leaf: {at: a for at, a in own.items() if START + timedelta(at) < as_of} for leaf, own in spend.items()}
    assert outlook(panel(spend), as_of, months_from(as_of)) == outlook(panel(before), as_of, months_from(as_of))
