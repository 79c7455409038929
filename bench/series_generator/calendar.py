"""Days: public holidays, months, weeks."""

from datetime import date, timedelta
from functools import cache

ONE_DAY = timedelta(days=1)


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar, by the algorithm of Meeus, Jones and Butcher."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    j = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 19 * j) // 433
    month = (h + j - 7 * m + 90) // 25
    return date(year, month, (h + j - 7 * m + 33 * month + 19) % 32)


def weekday_of_month(year: int, month: int, weekday: int, number: int) -> date:
    """For instance the fourth Thursday of November; weekday 0 is Monday, number counts from 1."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))


@cache
def holidays(year: int) -> frozenset[date]:
    """Days on which many offices are closed, in Europe or in the United States."""
    spring = easter(year)
    thanksgiving = weekday_of_month(year, 11, 3, 4)
    return frozenset(
        {
            date(year, 1, 1),
            spring - 2 * ONE_DAY,
            spring + ONE_DAY,
            date(year, 5, 1),
            date(year, 7, 4),
            weekday_of_month(year, 9, 0, 1),
            thanksgiving,
            thanksgiving + ONE_DAY,
            *(date(year, 12, day) for day in (24, 25, 26, 31)),
        }
    )


def months(first: date, last: date) -> list[date]:
    """The first day of every month that begins on or after `first` and not after `last`."""
    found = []
    day = first.replace(day=1)
    while day <= last:
        if day >= first:
            found.append(day)
        day = next_month(day)
    return found


def next_month(day: date) -> date:
    """The first day of the month after the day's."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
