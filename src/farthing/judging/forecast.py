"""The signal `forecast`: what the running month will cost, kept for the scorecard and said in every message."""

from farthing.budgeting import growth_of, unsettled
from farthing.forecasting import keep
from farthing.judging.day import Day
from farthing.model import Signal
from farthing.signals.forecast.outlook import TOTAL, months_from, outlook


def find(day: Day) -> list[Signal]:
    """Works out the day's forecast and keeps it. It is no news by itself: messages say it."""
    if not day.panel.dates:
        return []
    growth = growth_of(day.store, day.now, metric=day.metric)
    without = unsettled(day.panel.dates, day.now, growth)
    told = outlook(day.panel, day.today, months_from(day.today), growth=growth, without=without)
    if told is None:
        return []
    keep(day.store, day.metric, told, day.now, growth=growth, table=day.panel)
    running = next(row for row in told.rows if row.group == TOTAL and day.today in row.period)
    day.month, day.month_end = running.period.start, running.estimate
    return []
