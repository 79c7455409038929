from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.errors import AmountError, CurrencyError
from farthing.model import Period, exact_sum, is_filling, parse_amount, percent_of, plain, same_currency

AMOUNTS = st.decimals(min_value=-(10**19), max_value=10**19, places=18, allow_nan=False, allow_infinity=False)


@given(AMOUNTS)
def test_an_amount_survives_its_plain_spelling(amount):
    text = plain(amount)
    assert parse_amount(text) == amount
    assert "E" not in text
    assert text != "-0"
    assert not ("." in text and text.endswith("0"))


@given(st.lists(AMOUNTS, max_size=60))
def test_a_sum_is_exact_in_any_order(amounts):
    assert exact_sum(amounts) == exact_sum(reversed(amounts))
    assert Fraction(exact_sum(amounts)) == sum(map(Fraction, amounts))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1E-7", "0.0000001"),
        ("-0", "0"),
        ("-0.000", "0"),
        ("1.50", "1.5"),
        ("1E+3", "1000"),
        ("0E-30", "0"),
        ("5", "5"),
    ],
)
def test_spellings_of_a_source(text, value):
    assert plain(parse_amount(text)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "INF",
        "NAN",
        "1_000",
        "\uff11\uff10",
        " 5 ",
        "+-1",
        ".",
        "NaN",
        "nan",
        "inf",
        "-Infinity",
        "1E-19",
        "0.1234567890123456789",
        "1E20",
        "9" * 21,
        "1e999999",
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(text):
    with pytest.raises(AmountError, match=r"amount"):
        parse_amount(text)


def test_two_currencies_are_named():
    assert same_currency([], "here") is None
    assert same_currency(["USD", "USD"], "here") == "USD"
    with pytest.raises(CurrencyError, match=r"here: amounts in EUR and USD"):
        same_currency(["USD", "EUR"], "here")


def test_percentages():
    assert percent_of(Decimal(1), Decimal(3)) == Decimal("33.3")
    assert percent_of(Decimal(1), Decimal(0)) is None
    assert percent_of(Decimal("1E+17"), Decimal("1E-18")) == Decimal("1E+37")


def test_a_period_is_half_open():
    period = Period(date(2026, 2, 27), date(2026, 3, 2))
    assert list(period) == [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]
    assert len(period) == 3
    assert date(2026, 3, 2) not in period
    with pytest.raises(ValueError, match="cannot end"):
        Period(date(2026, 3, 2), date(2026, 3, 1))


def test_a_day_fills_until_48_hours_after_its_end():
    day = date(2026, 11, 20)
    end = datetime(2026, 11, 21, tzinfo=UTC)
    assert is_filling(day, end + timedelta(hours=48) - timedelta(seconds=1))
    assert not is_filling(day, end + timedelta(hours=48))
