"""The cube adds up to what the report says, to the last decimal, as a browser would add it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.dashboard.views.cube import LIMB_DIGITS, Cube, cube_of, limbs_of, question
from farthing.errors import AmountError
from farthing.model import MAX_DECIMALS, Period, exact_sum
from farthing.query.model import Day, Row, result

START = date(2026, 11, 1)
PERIOD = Period(START, date(2026, 11, 8))
NOW = datetime(2026, 11, 9, tzinfo=UTC)

amounts = st.decimals(min_value=Decimal(-(10**10)), max_value=Decimal(10**10), allow_nan=False, places=18)
rows = st.dictionaries(
    st.tuples(st.integers(0, 6), st.sampled_from(["EC2", "S3", None]), st.sampled_from(["1", "2"])),
    st.tuples(amounts, amounts),
    max_size=30,
)


def made(found, metrics=("BilledCost", "EffectiveCost")):
    query = question(PERIOD, ("ServiceName", "SubAccountId"))
    days = [Day(day, "USD", metrics) for day in PERIOD]
    told = [Row((START + timedelta(days=key[0]), *key[1:]), values) for key, values in found.items()]
    return result(query, metrics, told, currency="USD", days=days, now=NOW)


def read(cube: Cube):
    """The amounts by metric and keys, from the coding alone, each limb as a double."""
    document = msgspec.json.decode(msgspec.json.encode(cube))
    columns = {}
    for one in document["amounts"]:
        limbs = [list(map(float, limb)) for limb in one["limbs"]]
        if "like" in one:
            base = columns[one["like"]]
            width = max(len(base), len(limbs))
            whole = [list(base[place]) if place < len(base) else [0.0] * sum(cube.cells) for place in range(width)]
            cell = 0
            for index, step in enumerate(one.get("at", ())):
                cell += step
                for place in range(width):
                    whole[place][cell] = limbs[place][index] if place < len(limbs) else 0.0
            limbs = whole
        columns[one["metric"]] = limbs
    found = {}
    for metric, limbs in columns.items():
        cell = 0
        for leaf, count in enumerate(document["cells"]):
            keys = tuple(
                dimension["values"][places[leaf]]
                for dimension, places in zip(document["dimensions"], document["leaves"], strict=True)
            )
            for offset in range(count):
                day = document["first"][leaf] + offset
                found[metric, day, *keys] = [limb[cell] for limb in limbs]
                cell += 1
    return found


def added(cells):
    """As the browser does: each limb's doubles first, carries at the end."""
    sums = [0.0] * 4
    for limbs in cells:
        for place, limb in enumerate(limbs):
            sums[place] += limb
    return exact_sum(Decimal(int(value)).scaleb(-LIMB_DIGITS * place) for place, value in enumerate(sums))


@given(amounts)
def test_an_amount_is_its_limbs(amount):
    limbs = limbs_of(amount)
    assert exact_sum(Decimal(limb).scaleb(-LIMB_DIGITS * place) for place, limb in enumerate(limbs)) == amount
    assert all(limb <= 0 for limb in limbs) or all(limb >= 0 for limb in limbs)
    assert all(abs(limb) < 10**LIMB_DIGITS for limb in limbs[1:])


@given(rows, st.sampled_from(["EC2", "S3", None]))
def test_sums_in_doubles_are_exact(found, service):
    told = made(found)
    cells = read(cube_of(told, NOW.date()))
    for place, metric in enumerate(told.metrics):
        wanted = exact_sum(values[place] for values in found.values())
        assert added(limbs for key, limbs in cells.items() if key[0] == metric) == wanted == told.total(metric)
        part = exact_sum(values[place] for key, values in found.items() if key[1] == service)
        assert added(limbs for key, limbs in cells.items() if key[0] == metric and key[2] == service) == part


@given(rows)
def test_a_metric_like_another_is_read_back(found):
    same = {
        key: (values[0], values[0] if index % 3 else values[1]) for index, (key, values) in enumerate(found.items())
    }
    told = made(same)
    cells = read(cube_of(told, NOW.date()))
    for key, values in same.items():
        assert [added([cells[metric, *key]]) for metric in told.metrics] == list(values)


def test_what_is_written_like_another_metric_is_short():
    found = {(day, "EC2", str(account)): (Decimal(day + 1), Decimal(day + 1)) for day in range(7) for account in (1, 2)}
    found[3, "EC2", "1"] = (Decimal(4), Decimal("4.5"))
    cube = cube_of(made(found), NOW.date())
    assert cube.amounts[1].like == "BilledCost"
    assert cube.amounts[1].limbs == ((4,), (500000,))


def test_days_without_a_report_and_days_that_fill_are_named():
    query = question(PERIOD, ("ServiceName",))
    days = [Day(day, "USD", ("BilledCost",)) for day in PERIOD if day != date(2026, 11, 3)]
    told = result(query, ("BilledCost",), [], currency="USD", days=days, now=NOW)
    cube = cube_of(told, NOW.date())
    assert cube.missing == (2,)
    assert cube.provisional == (6,)
    assert cube.cells == ()


def test_accounts_have_their_names():
    cube = cube_of(made({(0, "EC2", "1"): (Decimal(1), Decimal(1))}), NOW.date(), {"1": "prod", "2": "test"})
    assert cube.dimensions[1].names == {"1": "prod"}
    assert cube.dimensions[0].names == {}


def test_amounts_that_doubles_cannot_count_are_refused():
    huge = {(0, "EC2", "1"): (Decimal(10**16), Decimal(1))}
    with pytest.raises(AmountError, match=r"BilledCost come to more than .*ask for a shorter period"):
        cube_of(made(huge), NOW.date())


def test_the_limbs_hold_every_decimal_that_an_amount_may_have():
    assert LIMB_DIGITS * 3 == MAX_DECIMALS
