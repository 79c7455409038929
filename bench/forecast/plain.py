"""Baselines in plain Python. Each knows the month to date and goes on with a rate; none tells an interval."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

from bench.forecast.scoring import Asked, Forecast, months_from
from bench.series_generator.calendar import next_month

Rate = Callable[[Sequence[float], int, int], float]
"""Gets the days before, how many of them are the month's, and how many days ahead; gives that day's amount."""


def run_rate(before: Sequence[float], known: int, ahead: int) -> float:
    """The month's mean so far."""
    del ahead
    return sum(before[-known:]) / known


def last_week(before: Sequence[float], known: int, ahead: int) -> float:
    """The mean of the last seven days."""
    del known, ahead
    return sum(before[-7:]) / 7


def seasonal_naive(before: Sequence[float], known: int, ahead: int) -> float:
    """The last day of the same weekday."""
    del known
    return before[-7 + ahead % 7]


def forecasts(groups: Mapping[str, Sequence[float]], first: date, asked: Asked, rate: Rate) -> Iterator[Forecast]:
    """The running month and the next three, of every group that had spend before."""
    today = (asked.as_of - first).days
    for group, values in groups.items():
        before = values[:today]
        if not any(before):
            continue
        for month in months_from(asked.as_of):
            actual = sum(before[(month - first).days :]) if month < asked.as_of else 0.0
            left = range(max((month - first).days, today), (next_month(month) - first).days)
            rest = sum(rate(before, asked.known, day - today) for day in left)
            yield Forecast(month, group, actual + rest)


PLAIN: Mapping[str, Rate] = {
    "run-rate": run_rate,
    "last-7 average": last_week,
    "seasonal naive (week)": seasonal_naive,
}
