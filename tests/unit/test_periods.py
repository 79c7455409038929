from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.errors import UsageError
from farthing.model import Period
from farthing.periods import parse_period, resolve

TODAY = date(2026, 10, 4)
DAYS = st.dates(date(2001, 1, 1), date(2900, 1, 1))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("mtd", "2026-10-01", "2026-10-04"),
        ("MTD ", "2026-10-01", "2026-10-04"),
        ("last-month", "2026-09-01", "2026-10-01"),
        ("ytd", "2026-01-01", "2026-10-04"),
        ("yesterday", "2026-10-03", "2026-10-04"),
        ("1d", "2026-10-03", "2026-10-04"),
        ("30d", "2026-09-04", "2026-10-04"),
        ("1m", "2026-09-01", "2026-10-01"),
        ("13m", "2025-09-01", "2026-10-01"),
        ("2026", "2026-01-01", "2027-01-01"),
        ("2026-Q1", "2026-01-01", "2026-04-01"),
        ("2026-q4", "2026-10-01", "2027-01-01"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("2024-02-29", "2024-02-29", "2024-03-01"),
        ("2026-10-01..2026-10-08", "2026-10-01", "2026-10-08"),
    ],
)
def test_every_spelling(text, start, end):
    assert parse_period(text, TODAY) == Period(date.fromisoformat(start), date.fromisoformat(end))


def test_last_month_in_january_is_december():
    assert parse_period("last-month", date(2026, 1, 31)) == Period(date(2025, 12, 1), date(2026, 1, 1))


def test_the_first_of_a_month_has_no_complete_day_yet():
    assert len(parse_period("mtd", date(2026, 10, 1))) == 0


@pytest.mark.parametrize(
    "text",
    ["", "0d", "-3d", "3w", "2026-13", "2026-02-30", "2026-Q5", "2026-Q0", "0000", "9999", "9999-12", "20261004",
     "999999d", "99999m", "٣d", "1_0d", "all", "2026-10-01..", "2026-10-01...2026-10-02", "x'; DROP"],
)  # fmt: skip
def test_anything_else_is_an_error_of_one_line_with_what_is_understood(text):
    with pytest.raises(UsageError) as raised:
        parse_period(text, TODAY)
    assert "\n" not in str(raised.value)
    assert "2026-Q4" in str(raised.value)


def test_a_slip_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean last-month"):
        parse_period("lastmonth", TODAY)


@pytest.mark.parametrize("text", ["2026-10-08..2026-10-01", "2026-10-01..2026-10-01"])
def test_a_range_that_ends_before_it_starts(text):
    with pytest.raises(UsageError, match="must end after it starts"):
        parse_period(text, TODAY)


def test_start_and_end_are_half_open():
    assert resolve(None, "2026-09-01", "2026-09-03", today=TODAY, default="30d") == Period(
        date(2026, 9, 1), date(2026, 9, 3)
    )


def test_without_an_end_it_is_until_today():
    assert resolve(start="2026-10-01", today=TODAY, default="30d") == Period(date(2026, 10, 1), TODAY)


def test_nothing_is_the_default():
    assert resolve(today=TODAY, default="7d") == parse_period("7d", TODAY)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("mtd", "2026-10-01", None), "use one of them"),
        (("mtd", None, "2026-10-01"), "use one of them"),
        ((None, None, "2026-10-01"), "--end needs --start"),
        ((None, "2026-10-02", "2026-10-01"), "must end after"),
        ((None, "2026-10-02", "2026-10-02"), "must end after"),
        ((None, "2026-10-04", None), "must end after"),
        ((None, "2026-02-30", "2026-10-02"), "--start '2026-02-30' is not a day"),
        ((None, "2026-02-01", "tomorrow"), "--end 'tomorrow' is not a day"),
        (("", None, None), "'' is not a period"),
    ],
)
def test_wrong_ranges(arguments, says):
    with pytest.raises(UsageError, match=says):
        resolve(*arguments, today=TODAY, default="30d")


@given(today=DAYS, count=st.integers(1, 3000))
def test_n_days_are_n_days_and_end_before_today(today, count):
    period = parse_period(f"{count}d", today)
    assert len(period) == count
    assert period.end == today


@given(today=DAYS, count=st.integers(1, 100))
def test_n_months_are_whole_months_and_adjoin_this_one(today, count):
    period = parse_period(f"{count}m", today)
    assert (period.start.day, period.end.day) == (1, 1)
    assert period.end <= today
    assert (period.end.year - period.start.year) * 12 + period.end.month - period.start.month == count


@given(day=DAYS)
def test_a_year_is_its_quarters_is_its_months(day):
    def days(*texts: str) -> list[date]:
        return [one for text in texts for one in parse_period(text, TODAY)]

    year = f"{day.year:04d}"
    assert (
        days(year) == days(*(f"{year}-Q{n}" for n in range(1, 5))) == days(*(f"{year}-{n:02d}" for n in range(1, 13)))
    )
    assert parse_period(str(day), TODAY) == Period(day, day + timedelta(days=1))
