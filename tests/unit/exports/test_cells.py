"""Cells as SQL against Python's own reading of the same: shortcuts for speed must change no amount and no time."""

import json
import math
import struct
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from functools import cache

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from farthing.sources.exports import cells

UNIT = Decimal(1).scaleb(-18)


@cache
def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": "1"})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def ask(expression: str, type_: str, values: list[object]) -> list[object]:
    sql = f"SELECT {expression} FROM (SELECT unnest(CAST(? AS {type_}[])) AS c)"
    return [row[0] for row in database().execute(sql, [values]).fetchall()]


def near(amount: Decimal) -> set[Decimal]:
    """What an amount with more than 18 decimals may become."""
    with localcontext(prec=400):
        return {amount.quantize(UNIT, rounding) for rounding in (ROUND_HALF_EVEN, ROUND_HALF_UP)}


def double_of(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


amounts_of_bills = st.builds(lambda n, power: n / 10**power, st.integers(-(10**15), 10**15), st.integers(0, 14))
doubles = st.one_of(
    amounts_of_bills,
    st.floats(-1e6, 1e6),
    st.integers(0, 2**63 - 1).map(double_of).filter(math.isfinite),
    st.sampled_from([8999.99999999999, 9000.0, 9000.000000000001, 899999999.999999, 9e8, 1e-11, 1e-6, 0.1 + 0.2, -0.0]),
)


class TestDoubles:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(doubles, min_size=40, max_size=60))
    def test_each_is_its_shortest_decimal(self, values):
        kept = [value for value in values if abs(value) < 1e19]
        for value, read in zip(kept, ask(cells.amount("c", "DOUBLE"), "DOUBLE", kept), strict=True):
            assert read in near(Decimal(repr(value))), value

    def test_each_decimal_of_eleven_places_comes_back(self):
        """What AWS writes: amounts that were decimals with up to 11 places once."""
        decimals = [Decimal(place * 7919 + 13).scaleb(-11) * (1 if place % 2 else -1) for place in range(200_000)]
        assert ask(cells.amount("c", "DOUBLE"), "DOUBLE", [float(one) for one in decimals]) == decimals

    def test_the_neighbours_of_a_short_decimal_are_not_taken_for_it(self):
        values = [math.nextafter(place / 100, math.inf) for place in range(1, 5_000)]
        assert ask(cells.amount("c", "DOUBLE"), "DOUBLE", values) == [
            Decimal(repr(value)).quantize(UNIT) for value in values
        ]

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e20, -1e300])
    def test_what_is_no_amount_is_none(self, value):
        assert ask(cells.amount("c", "DOUBLE"), "DOUBLE", [value]) == [None]


digits = st.text("0123456789", min_size=0, max_size=20)
plain_numbers = st.builds(
    lambda sign, whole, point, places: f"{sign}{whole}{point}{places}",
    *(st.sampled_from(["", "-", "+"]), digits, st.sampled_from([".", ""]), digits),
)
scientific = st.builds(
    lambda number, letter, power: f"{number}{letter}{power}",
    *(plain_numbers, st.sampled_from("eE"), st.integers(-30, 12).map(str) | st.sampled_from(["-07", "+3", "-0"])),
)
nonsense = st.text("0123456789.,-+eE_ xinfaN$€", min_size=1, max_size=12)


def python_amount(text: str) -> set[Decimal | None]:
    """What an amount in text may be read as: exactly, rounded where a double was written, or not at all."""
    bare = text.strip(" ")
    if not bare.isascii() or any(char not in "0123456789.+-eE" for char in bare):
        return {None}
    try:
        amount = Decimal(bare)
    except ArithmeticError:
        return {None}
    with localcontext(prec=400):
        if abs(amount) >= Decimal(10) ** 20:
            return {None}
        mantissa, exponent, _ = bare.lower().partition("e")
        shown = "".join(char for char in mantissa if char.isdigit()).lstrip("0")
        if amount == amount.quantize(UNIT):
            # Nobody writes 22 digits and an exponent: to refuse it is no loss.
            return {amount, None} if exponent and len(shown) > 20 else {amount}
        return near(amount) | ({None} if len(shown) >= 15 else set()) if len(shown) <= 17 else {None}


class TestTexts:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.one_of(plain_numbers, scientific, nonsense), min_size=30, max_size=50))
    @example(["4.5e-07", "-4.5E-7", "1e-19", "1_000", "0x1F", "1e5", ".5", "5.", "00012.50", "1.2.3", "--1", "+-1"])
    @example(["0.1234567890123456789", "12345678901234567890.123456789012345678", "1e-400", "inf", "nan", " 7 "])
    def test_an_amount_is_exact_or_refused(self, values):
        values = [value for value in values if value not in cells.NOTHING]
        for value, read in zip(values, ask(cells.amount("c", cells.CLEAN), "VARCHAR", values), strict=True):
            assert read in python_amount(value), (value, read)

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.datetimes(datetime(1991, 1, 1), datetime(2199, 1, 1)).map(lambda one: one.replace(microsecond=0)),  # noqa: DTZ001 - zones are the test's matter
                st.sampled_from(["", "Z", " UTC", "+00:00", "+05:30", "-08:00", "+02"]),
                st.sampled_from(" T"),
            ),
            min_size=20,
            max_size=30,
        )
    )
    def test_a_time_is_in_utc(self, values):
        texts, expected = [], []
        for moment, zone, between in values:
            texts.append(f"{moment:%Y-%m-%d}{between}{moment:%H:%M:%S}{zone}")
            sign, hours, minutes = zone[:1], zone[1:3], zone[4:6] or "0"
            offset = timedelta(hours=int(hours), minutes=int(minutes)) if sign in ("+", "-") else timedelta()
            zone_ = timezone(offset if sign != "-" else -offset)
            expected.append(moment.replace(tzinfo=zone_).astimezone(UTC).replace(tzinfo=None))
        assert ask(cells.time("c", cells.CLEAN), "VARCHAR", texts) == expected

    @pytest.mark.parametrize(
        "text",
        ["2026-10-05 Europe/Berlin", "2026-13-01", "05.10.2026", "2026-10-05T25:00:00Z", "yesterday", "1759622400"],
    )
    def test_what_is_no_time_is_none(self, text):
        assert ask(cells.time("c", cells.CLEAN), "VARCHAR", [text]) == [None]

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.one_of(
                st.dictionaries(st.text(max_size=6), st.text(max_size=6), max_size=4).map(json.dumps),
                st.text('{}[]":,ab \\1', min_size=1, max_size=14),
                st.just('{"a":"1","a":"2"}'),
            ),
            min_size=10,
            max_size=20,
        )
    )
    def test_a_plain_map_can_be_read(self, values):
        """The cheap test for good tags says yes only where the reading succeeds."""
        values = [value for value in values if "\\u0000" not in value]
        plain = ask(cells.is_plain_map("c"), "VARCHAR", values)
        read = ask(cells.mapping("c", cells.CLEAN), "VARCHAR", values)
        for value, certain, map_ in zip(values, plain, read, strict=True):
            assert not certain or map_ is not None, value
