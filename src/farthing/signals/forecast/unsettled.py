"""The days that still fill up: what they have beyond what was expected is spent already, and may go on."""

from collections.abc import Sequence
from datetime import date, timedelta

from farthing.model import Period
from farthing.signals.anomalies.fees import MOVES
from farthing.signals.anomalies.learning import median
from farthing.signals.forecast.memory import expected
from farthing.signals.forecast.spread import Outcome
from farthing.signals.forecast.units import Known, Unit
from farthing.signals.forecast.usage import LEAST_STEP, STAYS, Course

ONE_DAY = timedelta(days=1)


def beyond(unit: Unit, one: Outcome, place: int, known: Known, period: Period) -> float:
    """What the unsettled days of a period have already beyond their forecast: it is spent, and is not taken to go on.

    Of a series with spend on most days only what stands out of its noise counts, and a fee of these days that came
    early is not counted twice. Of others, what the period is expected to come to in all is the least that is there.
    """
    there = [(day, amount) for day, amount in zip(known.unsettled, unit.seen, strict=True) if day in period]
    if not there:
        return 0.0
    course, have = one.course, sum(amount for _, amount in there)
    if not course.dense or not one.scales[place]:
        return max(0.0, have - max(0.0, one.means[place]))
    return max(0.0, sum(_over(course, there)) - _fees_due(unit, course, known, [day for day, _ in there]))


def going_on(unit: Unit, course: Course, known: Known) -> tuple[float, float]:
    """What the newest unsettled days have beyond what was expected, money a day, and how likely that goes on.

    The mean does not count on it, for a spike is more common; the interval reaches there. (0, 0) where there is none,
    and for what is below what was expected: such a day may still fill up.
    """
    there = list(zip(known.unsettled, unit.seen, strict=True))
    if not course.dense or not there:
        return 0.0, 0.0
    over = _over(course, there)
    run = len(over) - next((at for at in range(len(over), 0, -1) if not over[at - 1]), 0)
    newest = over[len(over) - run :]
    if not run or sum(newest) <= _fees_due(unit, course, known, [day for day, _ in there]):
        return 0.0, 0.0
    return median(newest), STAYS[min(run, len(STAYS) - 1)]


def _over(course: Course, there: Sequence[tuple[date, float]]) -> list[float]:
    """By how much each of these days stands out of the series' noise, upwards."""
    least = max(LEAST_STEP, 3 * course.noise) * course.level
    due = course.amounts([day for day, _ in there])
    return [off if (off := amount - one) > least else 0.0 for (_, amount), one in zip(there, due, strict=True)]


def _fees_due(unit: Unit, course: Course, known: Known, days: Sequence[date]) -> float:
    """What comes once a month, and may have come on these days, a little early too."""
    soon = [days[0] + ONE_DAY * ahead for ahead in range((days[-1] - days[0]).days + 1 + MOVES)]
    fees = expected(course.charges, known.days[0], known.days[-1] + ONE_DAY, soon, fee=unit.fee)
    return sum(max(0.0, fee.amount) for fee in fees)
