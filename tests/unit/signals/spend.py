"""Made-up spend for the tests of signals: deterministic, with a weekly rhythm and a little noise."""

import random
from datetime import date, timedelta

from farthing.signals.anomalies.detect import judge, replay
from farthing.signals.panel import panel_of

START = date(2026, 1, 1)
EC2 = ("Amazon EC2", "111122223333")


def days(count, start=START):
    return [start + timedelta(days=n) for n in range(count)]


def usage(count, level=100.0, *, start=START, weekend=0.7, noise=0.03, seed=1):
    """An amount for each day."""
    chance = random.Random(seed)
    return {
        day: level * (weekend if day.weekday() >= 5 else 1.0) * (1 + max(-3, min(3, chance.gauss(0, 1))) * noise)
        for day in days(count, start)
    }


def times(spend, since, until, factor):
    """The same with the days from ``since`` to ``until``, both included, multiplied."""
    return {day: amount * (factor if since <= day <= until else 1.0) for day, amount in spend.items()}


def plus(spend, extra):
    """The same with amounts added on some days."""
    return {day: amount + extra.get(day, 0.0) for day, amount in spend.items()}


def every_month(spend, amounts):
    """The same with (day of the month -> amount) added in every month."""
    return {day: amount + amounts.get(day.day, 0.0) for day, amount in spend.items()}


def told(spend, leaf=EC2, **arguments):
    """What a replay of one series tells, as (day, kind)."""
    return [(one.then.raised_day, one.then.kind) for one in replayed({leaf: spend}, **arguments)]


def replayed(leaves, **arguments):
    """What a replay tells of {leaf: {day: amount}}."""
    rows = [(leaf, day, amount) for leaf, spend in leaves.items() for day, amount in spend.items()]
    present = {}
    for leaf, day, _ in rows:
        present.setdefault(leaf[:2], set()).add(day)
    currency = arguments.pop("currency", "USD")
    return replay(panel_of(rows, currency=currency), present, **arguments).told


def judged(leaves, on=None, **arguments):
    """The judgement of {leaf: {day: amount}}."""
    rows = [(leaf, day, amount) for leaf, spend in leaves.items() for day, amount in spend.items()]
    currency = arguments.pop("currency", "USD")
    return judge(panel_of(rows, currency=currency), on, **arguments)
