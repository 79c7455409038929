"""From futures to bounds: how wide an interval must be so that it holds as many months as it says."""

from collections.abc import Sequence
from statistics import fmean

LO80, LO95 = 0.1, 0.025
"""How often the lower bounds are fallen short of."""

WIDER80, WIDER95 = 1.08, 1.3
"""Times: the past is kinder than the future, for a forecast that is made again knows fewer changes and a shorter past.
Set so that the intervals cover on the development seeds."""

SUM80, SUM95 = 0.7, 0.8
"""The same, of a sum of many series over the next days: their errors even out more than draws of them do. Set on the
development seeds; further ahead, where what is unknown is the trend of all of them, sums are widened as others are."""

SOON = 16.0
"""Days to the middle of a period, up to which it is taken to be near: that of the running month at its beginning."""


def bounds(futures: Sequence[float]) -> tuple[float, float, float, float]:
    """The bounds of the 80 % and of the 95 % interval around the mean of these futures: lo80, hi80, lo95, hi95.

    The mean is within them, whatever the past says.

    Args:
        futures: less their mean.
    """
    return *_bounds(futures, LO80, WIDER80), *_bounds(futures, LO95, WIDER95)


def bounds_of_sum(
    alone: Sequence[float], in_common: Sequence[float], shares: tuple[float, float]
) -> tuple[float, float, float, float]:
    """The same, of a sum of series.

    Args:
        alone: futures of what the series do by themselves.
        in_common: of what is in all of them alike, which evens out in no sum.
        shares: of :func:`shares_of_sum`: what the 80 % and the 95 % interval have of the first.
    """
    for80, for95 = ([share * one + all_ for one, all_ in zip(alone, in_common, strict=True)] for share in shares)
    return *_bounds(for80, LO80, WIDER80), *_bounds(for95, LO95, WIDER95)


def _bounds(futures: Sequence[float], share: float, wider: float) -> tuple[float, float]:
    ordered = sorted(futures)
    # No future is lower than the lowest that was drawn: usage is not paid back.
    low = max(wider * min(quantile(ordered, share), 0.0), min(ordered[0], 0.0))
    return low, wider * max(quantile(ordered, 1 - share), 0.0)


def shares_of_sum(parts: Sequence[Sequence[float]], ahead: float, together: float) -> tuple[float, float]:
    """How wide the 80 % and the 95 % interval of a sum are, as a share of what its futures make of it.

    The more series of a like size are summed, the more :data:`SUM80` holds; a sum of one is that one.

    Args:
        parts: the futures of each of its parts.
        ahead: days to the middle of the period.
        together: how many times as far as independent series' sums those of the past were off.
    """
    spreads = [fmean(off * off for off in own) ** 0.5 for own in parts]
    total = sum(spreads)
    if ahead > SOON or not total:
        return together, together
    # One over the number of parts, if all were as large as each other.
    alone = sum(one * one for one in spreads) / total**2
    wide80, wide95 = (many + (one - many) * alone for one, many in ((WIDER80, SUM80), (WIDER95, SUM95)))
    return wide80 / WIDER80 * together, wide95 / WIDER95 * together


def quantile(ordered: Sequence[float], share: float) -> float:
    """Between the two nearest of sorted numbers."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
