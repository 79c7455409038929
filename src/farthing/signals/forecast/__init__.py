"""The forecast: what a span of days will cost, of each group and in total, with intervals. Standard library only.

``outlook`` forecasts periods, ``units`` are the series that it goes on with one by one, ``usage`` tells how one goes
on, ``memory`` what comes once a month, ``unsettled`` what days that still fill up say; ``spread`` how far such
forecasts were off before, ``shared`` what the series have in common, ``intervals`` makes bounds of that. ``naive`` is
what they are held against. :func:`estimate` is all that a budget needs.
"""

from collections.abc import Collection, Mapping
from datetime import date

from farthing.model import Estimate, Period
from farthing.signals.forecast.outlook import COMPLETE, TOTAL, months_from, outlook
from farthing.signals.panel import Panel


def estimate(
    panel: Panel,
    as_of: date,
    period: Period,
    *,
    growth: Mapping[date, float] = COMPLETE,
    without: Collection[date] = (),
) -> Estimate | None:
    """What all the leaves of a panel cost over a period, in the newest currency.

    Args:
        panel: leaves over time; only days before ``as_of`` count.
        as_of: the first day that is not a fact. Days from it on are forecast, and so are gaps of the past where the
            period is not over.
        period: any span of up to a year; of one that ended before ``as_of`` all bounds are the fact.
        growth: by which factor a provisional day's figure is still expected to grow; 1 for a complete one.
        without: provisional days of which no factor is known: they are forecast, and count at least what they have.

    Returns:
        The sum and its bounds; None where fewer than ten days are known.
    """
    # A month is asked for among those that people are told of: what all share of a past is learned from all of them.
    months = months_from(as_of)
    told = outlook(panel, as_of, months if period in months else [period], growth=growth, without=without)
    rows = told.rows if told else ()
    return next((row.estimate for row in rows if row.group == TOTAL and row.period == period), None)
