"""What goes wrong: where in a series, how large, and what it does to the days."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from bench.series_generator.labels import Kind
from bench.series_generator.parameters import Parameters
from bench.series_generator.usage import log_uniform

TRIES = 40
"""How often a place is looked for before an event is left out."""

MOST_MISSING = 0.97
"""Share of the level: a drop that had to be larger to be seen is left out."""


class Planned(NamedTuple):
    """An event in day numbers of the history; `share` is of the level on the day before, below zero for less."""

    kind: Kind
    first: int
    last: int
    share: float
    lasting: bool


def _kind(random: Random, parameters: Parameters) -> Kind:
    weights = {
        Kind.SPIKE: parameters.spike_share,
        Kind.SHIFT: parameters.shift_share,
        Kind.RAMP: parameters.ramp_share,
        Kind.DROP: parameters.drop_share,
    }
    return random.choices(list(weights), list(weights.values()))[0]


def _shape(random: Random, kind: Kind, parameters: Parameters) -> tuple[int, float, bool]:
    """How many days to its last, the share of the level that it changes, whether it stays."""
    if kind is Kind.SPIKE:
        length = random.choices(range(1, len(parameters.spike_days) + 1), parameters.spike_days)[0]
        return length, log_uniform(random, parameters.spike_size), False
    if kind is Kind.SHIFT:
        return parameters.lasting_days, log_uniform(random, parameters.shift_size), True
    if kind is Kind.RAMP:
        fixed = random.random() < parameters.ramp_fixed
        return round(random.uniform(*parameters.ramp_days)), log_uniform(random, parameters.ramp_size), not fixed
    lasting = random.random() < parameters.drop_lasting
    length = parameters.lasting_days if lasting else round(random.uniform(*parameters.drop_days))
    return length, -random.uniform(*parameters.drop_size), lasting


def plan(random: Random, levels: Sequence[float], sigma: float, parameters: Parameters) -> list[Planned]:
    """The events of one series, in order, none nearer to another than they may be, each large enough to be meant.

    Args:
        random: of this series.
        levels: what it spends beneath week and noise, per day.
        sigma: its noise, as a share of the level.
        parameters: sizes and shares.
    """
    wanted = random.choices(range(len(parameters.events)), parameters.events)[0]
    placed: list[tuple[int, int, Kind, float, bool]] = []
    for _ in range(wanted):
        kind = _kind(random, parameters)
        length, share, lasting = _shape(random, kind, parameters)
        for _ in range(TRIES):
            first = random.randrange(parameters.warm_up, parameters.days)
            last = first + length - 1
            free = all(last + parameters.apart < start or end + parameters.apart < first for start, end, *_ in placed)
            if free and last < parameters.days:
                placed.append((first, last, kind, share, lasting))
                break
    return _large_enough(sorted(placed), levels, sigma, parameters)


def _large_enough(
    placed: Sequence[tuple[int, int, Kind, float, bool]], levels: Sequence[float], sigma: float, parameters: Parameters
) -> list[Planned]:
    events = []
    changed = 1.0
    for first, last, kind, share, lasting in placed:
        least = max(parameters.smallest_money / (levels[first] * changed), parameters.smallest_sigmas * sigma)
        size = max(abs(share), least)
        if kind is Kind.DROP:
            if size > MOST_MISSING:
                continue
            size = -size
        events.append(Planned(kind, first, last, size, lasting))
        if lasting:
            changed *= 1 + size
    return events


def apply(events: Sequence[Planned], spent: list[float], levels: Sequence[float]) -> tuple[list[float], list[float]]:
    """The days with the events in them, and each event's size at its largest, in the currency a day.

    A spike adds the same to each of its days; all else changes the level, so the week goes on within it.
    """
    spent = list(spent)
    days = len(spent)
    sizes = []
    changed = 1.0
    for event in events:
        level = levels[event.first] * changed
        sizes.append(event.share * level)
        if event.kind is Kind.SPIKE:
            for day in range(event.first, event.last + 1):
                spent[day] += event.share * level
            continue
        length = event.last - event.first + 1
        for day in range(event.first, days if event.lasting else event.last + 1):
            grown = min((day - event.first + 1) / length, 1.0) if event.kind is Kind.RAMP else 1.0
            spent[day] *= 1 + event.share * grown
        if event.lasting:
            changed *= 1 + event.share
    return spent, sizes


def begin(random: Random, spent: Sequence[float], parameters: Parameters) -> tuple[list[float], Planned]:
    """A service that is new in the midst of the history and reaches its level in some days."""
    first = random.randrange(parameters.warm_up, parameters.days - parameters.lasting_days)
    slow = round(random.uniform(*parameters.new_days))
    days = [0.0] * first
    days += [one * min((number + 1) / (slow + 1), 1.0) for number, one in enumerate(spent[first:])]
    return days, Planned(Kind.NEW, first, first + parameters.lasting_days - 1, 1.0, lasting=True)


def end(random: Random, spent: Sequence[float], parameters: Parameters) -> tuple[list[float], Planned]:
    """A service that is retired in the midst of the history."""
    first = random.randrange(parameters.warm_up, parameters.days - parameters.lasting_days)
    days = [*spent[:first], *[0.0] * (len(spent) - first)]
    return days, Planned(Kind.GONE, first, first + parameters.lasting_days - 1, -1.0, lasting=True)
