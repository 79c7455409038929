"""What all series of an organisation have in common: how they outgrow their forecasts, and whether they do at once."""

from collections.abc import Sequence
from math import sqrt

FEW_SERIES = 5
"""With fewer series than that nothing is learned of how they drift together."""

MOST_DRIFT = 0.005
"""Share of the level, a day: more than that is not believed of all series together."""

UNLIKE = 8
"""Forecasts of the past that weigh as much as the belief that series move by themselves."""


def drift_of(sums: Sequence[Sequence[float]]) -> float:
    """By which share of the level, a day, all of the series together outgrew their forecasts.

    The less sure it is, as the series differ, the less of it is believed.
    """
    off, reach = sum(one[0] for one in sums), sum(one[1] for one in sums)
    if len(sums) < FEW_SERIES or reach <= 0:
        return 0.0
    drift = off / reach
    unsure = sum((one[0] - drift * one[1]) ** 2 for one in sums) / reach**2
    believed = drift * drift**2 / (drift**2 + unsure) if drift else 0.0
    return min(max(believed, -MOST_DRIFT), MOST_DRIFT)


def together_of(months: Sequence[Sequence[tuple[float, float]]], drift: float) -> float:
    """How many times as far the sum of all series was off, in these months, as if each had moved by itself.

    Errors of series that know nothing of each other add up as their squares do. A few months tell little of it, so
    that part of it is believed, and less than 1 never: the next organisation-wide rise may be the first.

    Args:
        months: of each the series' errors, each with what the drift is a share of.
        drift: what was taken out of them, a day.
    """
    whole = single = 0.0
    for month in months:
        errors = [off - drift * reach for off, reach in month]
        whole += sum(errors) ** 2
        single += sum(off * off for off in errors)
    if not single:
        return 1.0
    count = len(months)
    return max(1.0, sqrt((UNLIKE + count * whole / single) / (UNLIKE + count)))
