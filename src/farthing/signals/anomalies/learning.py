"""What some weeks of a leaf teach: its level, its weekdays, its noise, and the days that are out of the ordinary.

Medians throughout, so that a fee among the first days does no harm. Nothing here remembers anything.
"""

from collections.abc import Sequence

import msgspec

MEAN_TO_SIGMA = 1.2533
"""The standard deviation of a normal error whose mean absolute value is one: sqrt(pi / 2)."""

MEDIAN_TO_SIGMA = 1.4826
"""The same for a median absolute value of one."""

LEAST_UNIT = 0.3
"""Share of the level: an error is measured against what was expected, but never against less than this."""

PRIORS = 2
"""How many days a weekday's factor is taken to have been seen like the other working days, or weekends."""

HALF_WEEK = 3
"""Days on either side of a day that tell the level around it: seven in all, each weekday once."""

WEEKS_FROM = 14
"""Days: with fewer the level is one for all of them."""

SMOOTH = 5
"""Days on either side over which the level is smooth once the weekdays are taken out."""

LATE = 10
"""Days that the level now is learned from."""

FAR = 4
"""Standard deviations: a day further out is out of the ordinary and teaches nothing."""


class Learned(msgspec.Struct, frozen=True):
    """What the days taught; ``levels`` and ``bumps`` stand in their order.

    Attributes:
        level: money a day, at their end.
        levels: the level on each day.
        factors: each weekday's share of the level, Monday first.
        noise: the mean absolute error, as a share of what was expected.
        record: the largest one of an ordinary day.
        bumps: (day's index, money over what was expected) of those out of the ordinary.
    """

    level: float
    levels: tuple[float, ...]
    factors: tuple[float, ...]
    noise: float
    record: float
    bumps: tuple[tuple[int, float], ...]


def learn(values: Sequence[float], weekdays: Sequence[int], min_noise: float, min_share: float) -> Learned | None:
    """What these days teach; None where most of them have no spend.

    Args:
        values: money of each day, oldest first.
        weekdays: 0 is Monday.
        min_noise: the least standard deviation, as a share.
        min_share: a day out of the ordinary is at least this share off.
    """
    count = len(values)
    typical = median(values)
    if typical <= 0 or 2 * sum(value <= 0 for value in values) > count:
        return None
    around = _medians_around(values, HALF_WEEK) if count >= WEEKS_FROM else [typical] * count
    factors = _factors([v / m if m > 0 else 1.0 for v, m in zip(values, around, strict=True)], weekdays)
    shares = [factors[weekday] for weekday in weekdays]
    flat = [v / share if share > 0.05 else typical for v, share in zip(values, shares, strict=True)]
    levels = _medians_around(flat, SMOOTH)
    errors = [
        (v / level - 1) * min(1.0, share / LEAST_UNIT) if level > 0 else 0.0
        for v, level, share in zip(flat, levels, shares, strict=True)
    ]
    sizes = [abs(error) for error in errors]
    sigma = max(median(sizes) * MEDIAN_TO_SIGMA * (1 + 3 / count), min_noise)
    far = max(FAR * sigma, min_share)
    ordinary = [size for size in sizes if size <= far]
    late = [value for value, size in zip(flat, sizes, strict=True) if size <= far][-LATE:]
    return Learned(
        level=median(late) if late else typical,
        levels=tuple(levels),
        factors=tuple(factors),
        noise=max(sigma / MEAN_TO_SIGMA, sum(ordinary) / len(ordinary) if ordinary else 0.0),
        record=max(ordinary, default=0.0),
        bumps=tuple(
            (at, errors[at] * levels[at] * max(shares[at], LEAST_UNIT)) for at in range(count) if sizes[at] > far
        ),
    )


def median(values: Sequence[float]) -> float:
    """The middle one, or the mean of the middle two; statistics.median's checks would take as long again."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _medians_around(values: Sequence[float], sides: int) -> list[float]:
    """The median of each value and those on its sides, fewer at the ends."""
    whole = 2 * sides + 1
    inner = [sorted(values[start : start + whole])[sides] for start in range(len(values) - whole + 1)]
    if not inner:
        return [median(values[max(0, at - sides) : at + sides + 1]) for at in range(len(values))]
    before = [median(values[: at + sides + 1]) for at in range(sides)]
    after = [median(values[at - sides :]) for at in range(len(values) - sides, len(values))]
    return before + inner + after


def _factors(ratios: Sequence[float], weekdays: Sequence[int]) -> list[float]:
    """Each weekday's share of the level; few days of it are held to what working days, or weekends, have."""
    by_weekday: list[list[float]] = [[] for _ in range(7)]
    for ratio, weekday in zip(ratios, weekdays, strict=True):
        by_weekday[weekday].append(ratio)
    working = [ratio for own in by_weekday[:5] for ratio in own]
    weekend = [ratio for own in by_weekday[5:] for ratio in own]
    usual = median(working) if working else 1.0
    rest = median(weekend) if weekend else usual
    factors = [
        max(0.0, median([*own, *[usual if weekday < 5 else rest] * PRIORS])) for weekday, own in enumerate(by_weekday)
    ]
    mean = sum(factors) / 7
    return [factor / mean for factor in factors] if mean > 0 else [1.0] * 7
