"""Baselines in plain Python: a mean with its deviation, and a weekday's median with its MAD.

Both judge a day by the days before it alone.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta

from bench.detection.scoring import Alarm
from bench.series_generator import Row, SeriesKey

FLOOR_MONEY = 10.0
"""In the currency, a day: what differs by less is no alarm, for every baseline."""

FLOOR_SHARE = 0.10
"""Share of the expected amount: the same."""

MEAN_DAYS = 28
"""Days before the judged one that make its mean."""

DEVIATIONS = 3.0
"""Standard deviations."""

WEEKS = 8
"""Weeks before the judged day that make the weekdays' medians; fewer at the beginning, but at least three."""

MAD_TIMES = 5.0
"""Median absolute deviations, each made a standard deviation by `NORMAL`."""

NORMAL = 1.4826
"""Standard deviations of a normal distribution in one of its MAD."""

FEE_DAYS = (1, 2, 3)
"""Days of the month on which the masked form is silent."""

Judge = Callable[[Sequence[float], int], tuple[float, float] | None]
"""Gets a series and the number of a day; gives what is expected on it and how far from that it may be, None to pass."""


def mean_and_deviation(values: Sequence[float], day: int) -> tuple[float, float] | None:
    """Mean and three standard deviations of the last four weeks."""
    before = values[max(0, day - MEAN_DAYS) : day]
    if len(before) < MEAN_DAYS:
        return None
    return statistics.fmean(before), DEVIATIONS * statistics.pstdev(before)


def weekday_median(values: Sequence[float], day: int) -> tuple[float, float] | None:
    """The weekday's median in the last weeks, and the MAD of all their days around their weekdays' medians."""
    length = min(day // 7, WEEKS) * 7
    if length < 21:
        return None
    # Counted back from the judged day: every seventh is of its weekday.
    weekdays = [values[day - length + number : day : 7] for number in range(7)]
    medians = [statistics.median(same) for same in weekdays]
    around = zip(weekdays, medians, strict=True)
    mad = statistics.median(abs(value - middle) for same, middle in around for value in same)
    return medians[0], MAD_TIMES * NORMAL * mad


def dense(rows: Sequence[Row], first_day: date, days: int) -> dict[SeriesKey, list[float]]:
    """Each series' amount on every day, all categories together, 0 where there is none."""
    series: dict[SeriesKey, list[float]] = {}
    for row in rows:
        series.setdefault(row.key, [0.0] * days)[(row.day - first_day).days] += float(row.amount)
    return series


def alarms(series: Mapping[SeriesKey, Sequence[float]], first_day: date, judge: Judge) -> Iterator[Alarm]:
    """The days on which a series is not as the judge expects, by more than the floors."""
    for key, values in series.items():
        for day, value in enumerate(values):
            expectation = judge(values, day)
            if expectation is not None and is_alarm(value, *expectation):
                yield Alarm(key, first_day + timedelta(days=day), value > expectation[0])


def is_alarm(actual: float, expected: float, band: float) -> bool:
    """Whether it is farther from what is expected than the band and both floors."""
    return abs(actual - expected) > max(band, FLOOR_MONEY, FLOOR_SHARE * abs(expected))


def without_fee_days(raised: Iterator[Alarm]) -> Iterator[Alarm]:
    """The masked form: blind on the first days of a month."""
    return (alarm for alarm in raised if alarm.day.day not in FEE_DAYS)
