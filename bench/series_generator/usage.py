"""What a series spends on an ordinary day: level, trend, week, holidays and noise."""

import math
from collections.abc import Sequence
from datetime import date
from random import Random

from bench.series_generator.calendar import holidays
from bench.series_generator.parameters import Parameters, Range


def log_uniform(random: Random, between: Range) -> float:
    """Drawn evenly in the logarithm."""
    return math.exp(random.uniform(math.log(between[0]), math.log(between[1])))


def week(random: Random, rhythm: str, parameters: Parameters) -> list[float]:
    """A factor for each weekday, Monday first; their mean is 1."""
    factors = [math.exp(random.gauss(0, parameters.weekday_jitter)) for _ in range(7)]
    if rhythm == "office":
        saturday = random.uniform(*parameters.weekend)
        factors[5], factors[6] = saturday, saturday * random.uniform(0.9, 1.05)
    elif rhythm == "leisure":
        factors[5], factors[6] = random.uniform(*parameters.leisure), random.uniform(*parameters.leisure)
    elif rhythm == "batch":
        factors[random.randrange(7)] *= random.uniform(*parameters.batch)
    mean = sum(factors) / 7
    return [factor / mean for factor in factors]


def noise(random: Random, days: int, sigma: float, parameters: Parameters) -> list[float]:
    """Factors around 1: Student's t with a memory of the day before; `sigma` is the logarithm's standard deviation."""
    freedom = random.uniform(*parameters.noise_tails)
    memory = random.uniform(*parameters.noise_memory)
    to_unit = math.sqrt((freedom - 2) / freedom)
    state = random.gauss(0, 1)
    factors = []
    for _ in range(days):
        shock = random.gauss(0, 1) / math.sqrt(random.gammavariate(freedom / 2, 2) / freedom) * to_unit
        state = memory * state + math.sqrt(1 - memory**2) * shock
        factors.append(math.exp(sigma * state))
    return factors


def trend(random: Random, days: int, parameters: Parameters) -> list[float]:
    """Factors that grow evenly, 1 on the first day."""
    fast = random.random() < parameters.fast_share
    rate = random.uniform(*(parameters.fast_growth if fast else parameters.growth))
    return [(1 + rate) ** (day / 30) for day in range(days)]


def dips(random: Random, calendar: Sequence[date], parameters: Parameters) -> list[float]:
    """Factors of a series that dips on public holidays; a weekend's holiday changes nothing."""
    depth = random.uniform(*parameters.holiday_dip)
    return [
        1 - depth * random.uniform(0.8, 1.2) if day in holidays(day.year) and day.weekday() < 5 else 1.0
        for day in calendar
    ]


def ordinary(
    random: Random, calendar: Sequence[date], level: float, sigma: float, rhythm: str, parameters: Parameters
) -> tuple[list[float], list[float]]:
    """What is spent on each day when nothing happens, and the level beneath it, without week and noise."""
    days = len(calendar)
    factors = week(random, rhythm, parameters)
    levels = [level * growth for growth in trend(random, days, parameters)]
    shaken = noise(random, days, sigma, parameters)
    dipped = rhythm == "office" and random.random() < parameters.holiday_share
    missing = dips(random, calendar, parameters) if dipped else [1.0] * days
    spent = [
        base * factors[day.weekday()] * one * rest
        for day, base, one, rest in zip(calendar, levels, shaken, missing, strict=True)
    ]
    return spent, levels


def tiny(random: Random, days: int) -> list[float]:
    """Cents: restless, with jumps to a multiple that are still cents."""
    level = log_uniform(random, (0.02, 0.4))
    jump = [random.uniform(2, 8) if random.random() < 0.05 else 1.0 for _ in range(days)]
    return [min(level * math.exp(random.gauss(0, 0.4)) * one, 4.0) for one in jump]


def sporadic(random: Random, days: int) -> list[float]:
    """Nothing on most days, and very different amounts on the others."""
    level, often = log_uniform(random, (2, 12)), random.uniform(0.1, 0.35)
    return [level * math.exp(random.gauss(0, 0.5)) if random.random() < often else 0.0 for _ in range(days)]
