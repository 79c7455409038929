"""A day's charges by hour: usage follows the working day, fees stand in their day's first hour. Pure and exact."""

from __future__ import annotations

from itertools import accumulate

from farthing.simulator.source import Amounts

_BY_HOUR = (
    *(30, 28, 27, 27, 28, 30, 34, 40),
    *(47, 53, 56, 58, 57, 58, 59, 58),
    *(55, 51, 47, 43, 40, 37, 34, 32),
)
"""How a day's usage is spread over its hours (UTC), in shares of their sum."""

HOURS_OF_TODAY = 8
"""The current day is known up to this hour: it is about a third there."""

_BY_THE_HOUR = frozenset(
    {"", "Usage", "DiscountedUsage", "SavingsPlanCoveredUsage", "SavingsPlanNegation", "SavingsPlanRecurringFee"}
)
_SUMS = (0, *accumulate(_BY_HOUR))


def hour_of(amounts: Amounts, record_type: str, hour: int, known: int) -> Amounts | None:
    """What falls into the hour (0 to 23) of a day of which the first `known` hours are known; None: nothing.

    The hours of a day add up to `amounts` to the last unit.
    """
    if record_type not in _BY_THE_HOUR:
        return amounts if hour == 0 else None
    if hour >= known:
        return None
    before, after, whole = _SUMS[hour], _SUMS[hour + 1], _SUMS[known]
    a, b, c, d, e, f, g = (amount * after // whole - amount * before // whole for amount in amounts)
    return (a, b, c, d, e, f, g) if a or b or c or d or e or f or g else None
