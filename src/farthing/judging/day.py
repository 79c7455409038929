"""What a run knows when it judges: gathered once, and only what some signal asks for."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property

from farthing.errors import CorruptError
from farthing.ledger.events import Events
from farthing.ledger.reports import Reports
from farthing.ledger.series import MAX_DAYS, Series, Table
from farthing.ledger.store import Store
from farthing.model import BILLED_COST, EFFECTIVE_COST, ZERO, Alert, Estimate, is_filling
from farthing.settings import Settings
from farthing.signals.feedback import Decision
from farthing.signals.panel import Leaf

DECISION = "decision"
DECISION_SCHEMA = "farthing.decision/1"

DECISIONS_DAYS = 400
"""Days for which a decision is looked for: an expectation may be that long, and no signal looks further back."""


def decisions_in(store: Store) -> Events[Decision]:
    """What people decided, in a ledger."""
    return Events(store, DECISION, DECISION_SCHEMA, Decision)


class Day:
    """The gathered day: what signals are functions of. What nobody asks for is not read.

    Args:
        settings: of the run.
        store: the ledger's home.
        now: the run's time, UTC.
        newest_day: the newest UTC day that the run has.
        told: the alerts of the last months, oldest first.
        metric: what to look at; by default EffectiveCost, or BilledCost where nobody tells it.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        now: datetime,
        newest_day: date,
        told: Sequence[Alert],
        metric: str = EFFECTIVE_COST,
    ) -> None:
        self._wanted = metric
        self.settings = settings
        self.store = store
        self.now = now
        self.newest_day = newest_day
        self.told = told
        self.month = date.min
        """The first day of the month that ``month_end`` is about."""
        self.month_end: Estimate | None = None
        """What all costs of the running month are expected to come to, once that was worked out."""
        self.problems: list[str] = []
        """What could not be judged; the run fails for it at its end."""
        self.hints: list[str] = []
        """What somebody should know of the settings."""
        self._flags: dict[date, bool] = {}

    @property
    def today(self) -> date:
        """The UTC day of the run."""
        return self.now.date()

    @property
    def oldest_news(self) -> date:
        """The first day that may still be news."""
        return self.today - timedelta(days=self.settings.alert_max_age_days)

    @cached_property
    def _window(self) -> tuple[str, Table]:
        metric, table = self._loaded()
        self._flags = dict(zip(table.dates, table.estimated, strict=True))
        return metric, table

    def release(self) -> None:
        """Lets the panel go: the numbers of a large organisation are most of a small machine's memory."""
        self.__dict__.pop("_window", None)

    def _loaded(self) -> tuple[str, Table]:
        series, since = Series(self.store), self.today - timedelta(days=MAX_DAYS)
        table = series.load(self._wanted, self.today, since).daily
        if table.leaves or not table.dates or self._wanted == BILLED_COST:
            return self._wanted, table
        # A source need not tell it.
        return BILLED_COST, series.load(BILLED_COST, self.today, since).daily

    @property
    def panel(self) -> Table:
        """At most 400 days before today, by service and account, of :attr:`metric`."""
        return self._window[1]

    @property
    def metric(self) -> str:
        """EffectiveCost, which spreads the fees of commitments over their days; BilledCost where nobody tells it."""
        return self._window[0]

    @property
    def currency(self) -> str:
        """That of the panel's newest day, '' without any."""
        return self.panel.currencies[-1] if self.panel.currencies else ""

    @property
    def filling(self) -> list[date]:
        """The panel's days that still fill up."""
        return [day for day in self.panel.dates[-7:] if is_filling(day, self.now)]

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """What people decided, oldest first."""
        found = decisions_in(self.store).since(self.today - timedelta(days=DECISIONS_DAYS))
        return tuple(sorted((decision for _, decision in found), key=lambda one: one.at))

    def estimated(self, day: date) -> bool:
        """Whether AWS marked a day Estimated; one that no panel had counts so."""
        return self._flags.get(day, True)


def exact_amounts(
    store: Store, metric: str, days: Iterable[date], leaves: set[Leaf]
) -> tuple[dict[tuple[Leaf, date], Decimal], Mapping[str, str | None]]:
    """Exact amounts from the reports, and the accounts' names; a report that cannot be read gives none.

    Args:
        store: the ledger's home.
        metric: of which amounts.
        days: the UTC days wanted.
        leaves: of which services and accounts; one without a charge on a day has a zero.
    """
    found: dict[tuple[Leaf, date], Decimal] = {}
    names: dict[str, str | None] = {}
    for day, report in Reports(store).read_many(sorted(days)):
        if isinstance(report, CorruptError):
            continue
        found.update({(leaf, day): ZERO for leaf in leaves})
        for charge in report.charges:
            if charge.keys in leaves:
                found[charge.keys, day] = report.amount(charge, metric)
                names[charge.sub_account_id] = charge.sub_account_name
    return found, names
