"""Budgets, credits and restatements of a ledger: reads what the pure signals need, and nothing else.

Light enough for the Lambda: no engine, a report at a time, and through ``state/`` only the days that changed since the
last run.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from farthing.errors import CorruptError, MoneyError, SettingsError
from farthing.ledger.derived import Derived
from farthing.ledger.histories import histories
from farthing.ledger.reports import Reports, lens_prefix
from farthing.ledger.selected import Selected
from farthing.ledger.store import Store
from farthing.model import BILLED_COST, FILLING_HOURS, Period, is_filling
from farthing.settings import Settings
from farthing.signals.budget_tables import parse_budgets
from farthing.signals.budgets import (
    Budget,
    DaySpend,
    Forecast,
    Status,
    evaluate,
    period_of,
    periods_judged,
)
from farthing.signals.credit_tables import parse_credits
from farthing.signals.credits import LENS, Credit, CreditDay, Credits, credit_day, days_needed, runways
from farthing.signals.maturation import (
    COMPLETE_HOURS,
    LEARNING_DAYS,
    Curve,
    DayHistory,
    curve,
    filling_hours_of,
    growth,
    learned_from,
)
from farthing.signals.restatement import Restatement, restatements, steps

LOOKED_AT_DAYS = LEARNING_DAYS + COMPLETE_HOURS // 24 + 3
"""Days before today whose histories are read: those that teach, and the young ones. A run does not ask for older
days, so they are not restated."""

CREDITS_KEY = "state/credits.json"
CREDITS_SCHEMA = "farthing.credits/1"

NO_LENS = (
    f"the ledger does not keep the lens {LENS}, which tells credits: set FARTHING_LENSES={LENS} for the next runs, and "
    "`farthing backfill` brings its history ($0.01 a page)"
)

Forecasts = Callable[[Budget], Forecast | None]
"""Makes the forecast of a budget's scope, None where there is none."""


class Rules(msgspec.Struct, frozen=True):
    """What farthing.toml says of budgets and credits."""

    budgets: tuple[Budget, ...] = ()
    credits: tuple[Credit, ...] = ()


class Standing(msgspec.Struct, frozen=True):
    """How budgets stand, in the order of the file, periods oldest first; ``problems`` are those that could not be."""

    statuses: tuple[Status, ...]
    problems: tuple[str, ...] = ()


class CreditStanding(msgspec.Struct, frozen=True):
    """How credits stand; None where there are none, or it cannot be told. ``hint`` says what would tell it."""

    credits: Credits | None
    problems: tuple[str, ...] = ()
    hint: str = ""


def rules_of(settings: Settings) -> Rules:
    """The budgets and credits of the settings.

    Raises:
        SettingsError: with everything that is wrong with them.
    """
    problems: list[str] = []
    where = settings.toml_name
    rules = Rules(parse_budgets(settings.budgets, where, problems), parse_credits(settings.credits, where, problems))
    if problems:
        raise SettingsError(problems)
    return rules


def standings(
    store: Store,
    budgets: Sequence[Budget],
    now: datetime,
    *,
    as_of: date | None = None,
    back: bool = False,
    forecasts: Forecasts | None = None,
) -> Standing:
    """How each budget stands in the period of the ledger's newest day.

    Args:
        store: the ledger's home.
        budgets: the budgets.
        now: UTC.
        as_of: only days before this one are looked at; by default those before today.
        back: also the periods that ended in the last seven days.
        forecasts: of budgets.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    if not budgets:
        return Standing(())
    listed = Reports(store).etags()
    newest = max((day for day in listed if day < (as_of or now.date())), default=None)
    pairs = [(budget, period) for budget in budgets for period in _periods(budget, newest, as_of or now.date(), back)]
    wanted: dict[object, set[date]] = {}
    for budget, period in pairs:
        days = (day for day in listed if day in period and newest is not None and day <= newest)
        wanted.setdefault(budget.selection, set()).update(days)
    sums = Selected(store, listed).sums({budget.selection: sorted(wanted[budget.selection]) for budget in budgets})
    made = {budget.name: forecasts(budget) if forecasts else None for budget in budgets}
    statuses, problems = [], []
    for budget, period in pairs:
        known = sums[budget.selection]
        days_known = {day: DaySpend(one.currency, one.amount, one.charges) for day, one in known.items()}
        try:
            statuses.append(
                evaluate(
                    budget,
                    period,
                    {day: spend for day, spend in days_known.items() if day in period},
                    newest=newest,
                    filling=[day for day in known if is_filling(day, now)],
                    forecast=made[budget.name],
                )
            )
        except MoneyError as error:
            problems.append(str(error))
    return Standing(tuple(statuses), tuple(problems))


def _periods(budget: Budget, newest: date | None, today: date, back: bool) -> list[Period]:
    if newest is None:
        return [period_of(budget, today)]
    return periods_judged(budget, newest) if back else [period_of(budget, newest)]


def credit_standing(
    store: Store, entries: Sequence[Credit], now: datetime, *, as_of: date | None = None
) -> CreditStanding:
    """How long the credits last. Arguments as :func:`standings`'s.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    if not entries:
        return CreditStanding(None)
    reports = Reports(store, lens_prefix(LENS))
    listed = {day: etag for day, etag in reports.etags().items() if day < (as_of or now.date())}
    if not listed:
        return CreditStanding(None, hint=NO_LENS)
    first = days_needed(entries, max(listed))
    problems: list[str] = []
    days = _credit_days(store, reports, [day for day in listed if day >= first], listed, problems)
    try:
        # The first day that still fills up; every earlier one is settled.
        settled = min((day for day in days if is_filling(day, now)), default=date.max)
        return CreditStanding(runways(entries, days, settled=settled), tuple(problems))
    except MoneyError as error:
        return CreditStanding(None, (*problems, str(error)))


def _credit_days(
    store: Store, reports: Reports, wanted: Sequence[date], listed: Mapping[date, str], problems: list[str]
) -> dict[date, CreditDay]:
    kept = Derived(store, CREDITS_KEY, CREDITS_SCHEMA, CreditDay)
    known = kept.load(listed)
    lacking = [day for day in wanted if day not in known]
    for day, report in reports.read_many(lacking):
        if isinstance(report, CorruptError):
            problems.append(str(report))
        else:
            known[day] = credit_day(report)
    if lacking:
        kept.save(known, listed)
    return {day: known[day] for day in wanted if day in known}


def restated(store: Store, now: datetime, *, seen_since: datetime) -> list[Restatement]:
    """The settled days that changed beyond the floors, as far as that was first seen at ``seen_since`` or later.

    Only the days that did are read with their rows.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    known = _histories(store, now)
    hours = _filling_hours(known.values(), now)
    found = []
    reports = Reports(store)
    for day, history in known.items():
        changed = steps(day, history.states, filling_hours=hours)
        if any(history.states[step.after].seen_at >= seen_since for step in changed):
            report = reports.read(day)
            if report is not None:
                found += [one for one in restatements(report, filling_hours=hours) if one.seen_at >= seen_since]
    return found


def growth_of(store: Store, now: datetime, *, metric: str = BILLED_COST) -> dict[date, float]:
    """By what the amount of each provisional day has to be multiplied to be what it will usually become.

    Only of the days of which the ledger has learned it: the others are :func:`unsettled`.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    known = _histories(store, now, metric)
    return growth(known.values(), _looked_at(known.values(), now))


def unsettled(days: Iterable[date], now: datetime, growth: Mapping[date, float]) -> list[date]:
    """The provisional ones of some days, of which nobody knows by how much they still grow: they are forecast."""
    return [day for day in days if day not in growth and is_filling(day, now)]


def curve_of(store: Store, now: datetime, *, metric: str = BILLED_COST) -> Curve:
    """How days fill up in this ledger.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    known = _histories(store, now, metric)
    return curve(known.values(), _looked_at(known.values(), now))


def _histories(store: Store, now: datetime, metric: str = BILLED_COST) -> dict[date, DayHistory]:
    first, listed = now.date() - timedelta(days=LOOKED_AT_DAYS), Reports(store).etags()
    return histories(store, [day for day in listed if first <= day < now.date()], metric=metric, listed=listed)


def _looked_at(known: Iterable[DayHistory], now: datetime) -> datetime:
    """When the ledger last looked: no later than now, and no earlier than the newest amount was first seen."""
    return max((one.states[-1].seen_at for one in known if one.states and one.states[-1].seen_at <= now), default=now)


def _filling_hours(known: Iterable[DayHistory], now: datetime) -> float:
    learned = filling_hours_of(learned_from(list(known), now)) or 0.0
    return min(float(COMPLETE_HOURS), max(float(FILLING_HOURS), learned))
