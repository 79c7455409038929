"""What a budget's scope will have cost: the forecast of those leaves of the series that the budget is about."""

from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Protocol

import msgspec

from farthing.budgeting import Forecasts, growth_of, unsettled
from farthing.ledger.reports import Reports
from farthing.ledger.series import MAX_DAYS, Series
from farthing.ledger.store import Store
from farthing.model import Estimate, Period
from farthing.query.selection import passes
from farthing.signals.budgets import Budget, Forecast
from farthing.signals.panel import Leaf, Panel

ACCOUNT_COLUMNS = ("SubAccountId", "SubAccountName")
"""Filters on these need the accounts' names, which the newest report tells."""


class Estimator(Protocol):
    """``farthing.signals.forecast.estimate``."""

    def __call__(
        self, panel: Panel, as_of: date, period: Period, *, growth: Mapping[date, float], without: Collection[date]
    ) -> Estimate | None:
        """What a panel will have cost in a period, the days before ``as_of`` included as they are known."""


class Part(msgspec.Struct, frozen=True):
    """Some leaves of a panel, as a panel; ``places`` tells where each stands in the whole."""

    whole: Panel
    places: tuple[int, ...]

    @property
    def dates(self) -> Sequence[date]:
        """The UTC days."""
        return self.whole.dates

    @property
    def currencies(self) -> Sequence[str]:
        """What each day's numbers are in."""
        return self.whole.currencies

    @property
    def estimated(self) -> Sequence[bool]:
        """Whether AWS marked the day Estimated."""
        return self.whole.estimated

    @property
    def leaves(self) -> Sequence[Leaf]:
        """Those that are left."""
        return tuple(self.whole.leaves[place] for place in self.places)

    def values(self, place: int) -> "array[float]":
        """The numbers of ``leaves[place]``."""
        return self.whole.values(self.places[place])


def part_of(panel: Panel, budget: Budget, account_names: Mapping[str, str | None]) -> Panel:
    """The leaves that a budget is about; the series know accounts by their ids, ``account_names`` says the rest."""
    if not budget.filters:
        return panel
    inside = [
        place
        for place, leaf in enumerate(panel.leaves)
        if passes(budget.filters, leaf[0], leaf[1], account_names.get(leaf[1]))
    ]
    return Part(panel, tuple(inside))


def forecasts_of(
    store: Store,
    now: datetime,
    estimate: Estimator,
    *,
    as_of: date | None = None,
    panels: Callable[[str], Panel] | None = None,
) -> Forecasts:
    """Makes forecasts of budgets; the series and the growth are read when the first one is asked for.

    Args:
        store: the ledger's home.
        now: UTC.
        estimate: ``farthing.signals.forecast.estimate``.
        as_of: only days before this one are known; by default those before today.
        panels: the series by metric, where a run has them already.
    """
    today = as_of or now.date()

    @cache
    def panel(metric: str) -> Panel:
        if panels is not None:
            return panels(metric)
        return Series(store).load(metric, today, today - timedelta(days=MAX_DAYS)).daily

    @cache
    def growth(metric: str) -> Mapping[date, float]:
        return growth_of(store, now, metric=metric)

    @cache
    def account_names() -> Mapping[str, str | None]:
        newest = Reports(store).newest(today)
        return {one.sub_account_id: one.sub_account_name for one in newest.charges} if newest else {}

    def of(budget: Budget) -> Forecast | None:
        def forecast(period: Period) -> Estimate | None:
            whole = panel(budget.metric)
            named = any(term.column in ACCOUNT_COLUMNS for term in budget.filters)
            part = part_of(whole, budget, account_names() if named else {})
            if not part.leaves:
                return None
            known = growth(budget.metric)
            without = unsettled(whole.dates, now, known)
            return estimate(part, whole.dates[-1] + timedelta(days=1), period, growth=known, without=without)

        return forecast

    return of
