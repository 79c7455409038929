"""Gathers what each page shows: asks the ledger, calls the pure views."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from farthing import __version__
from farthing.budget_forecasts import forecasts_of
from farthing.budgeting import credit_standing, growth_of, rules_of, standings
from farthing.dashboard.frame import LABELS, Frame, Link
from farthing.dashboard.incidents import Looked, looked
from farthing.dashboard.reading import Reading
from farthing.dashboard.views import cube as cubes
from farthing.dashboard.views.budgets import BudgetsPage, budgets_page
from farthing.dashboard.views.data import DataPage, ProofTold, UnequalTold, billed, data_page
from farthing.dashboard.views.incidents import IncidentsPage, incidents_page
from farthing.dashboard.views.incidents import question as incidents_question
from farthing.dashboard.views.overview import Overview, overview, questions
from farthing.dashboard.views.why import beginning
from farthing.errors import UsageError
from farthing.explaining import document_of, sides_of
from farthing.exported import export_slices, made_up_columns
from farthing.forecasting import forecast
from farthing.judging.deciding import record
from farthing.ledger.proofs import SOURCES, Reconciled
from farthing.ledger.reports import lens_prefix
from farthing.model import BILLED_COST, EFFECTIVE_COST, Estimate, Period
from farthing.query.model import METRICS, Filter, Query, label_of
from farthing.query.sources import REPORTS
from farthing.signals.budgets import Status
from farthing.signals.explain import Equalise, explain
from farthing.signals.feedback import Action
from farthing.signals.forecast import estimate
from farthing.signals.forecast.outlook import TOTAL
from farthing.sources.lenses import parse_lens
from farthing.wording import day_name, several

BASE_COLUMNS = ("ServiceName", "SubAccountId")
"""What the cube of a page tells apart."""

BASE_METRICS = (BILLED_COST, EFFECTIVE_COST)
"""What it holds from the start; the others come when they are asked for."""

BASE_DAYS = 400
"""Days of the cube that a live page starts with: thirteen months; older ones are asked for."""

MOST_CELLS = 400_000
"""Cells of a cube; above it a browser would wait, and the columns are asked for one at a time."""

MOST_VALUES = 2_000
"""Values of a column that is asked for by itself, the largest; what the others cost is added up."""

SAMPLE_DAYS = 3
"""Days from which the number of cells is estimated."""

FURTHER = (
    "RegionId",
    "x_RecordType",
    "x_UsageType",
    "ChargeCategory",
    "ResourceId",
    "SkuId",
    "ServiceCategory",
    "BillingAccountId",
    "ProviderName",
)
"""Columns that the Explorer offers where something in the ledger tells them."""


class NewDecision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decision about an incident, as somebody sends it."""

    action: Action
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    until: date | None = None
    note: Annotated[str, msgspec.Meta(max_length=500)] = ""


class Month(msgspec.Struct, frozen=True):
    """What a month is expected to cost; None where too little is known."""

    estimate: Estimate | None


class Pages:
    """The pages over one ledger."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading

    def base_period(self) -> Period:
        """The days of the page's own cube."""
        everything = self.reading.everything()
        return Period(max(everything.start, everything.end - timedelta(days=BASE_DAYS)), everything.end)

    def metrics(self) -> tuple[str, ...]:
        """The metrics that the ledger's newest days have."""

        def read() -> tuple[str, ...]:
            period = self.base_period()
            return self.reading.metrics(Query(period, ())) if period else ()

        return self.reading.kept("metrics", read)

    def cube(
        self,
        period: Period,
        columns: Sequence[str] = BASE_COLUMNS,
        metrics: Sequence[str] | None = None,
        filters: Sequence[Filter] = (),
    ) -> cubes.Cube:
        """A cube; see :func:`farthing.dashboard.views.cube.cube_of`."""
        result, rows = self.reading.bare_rows(cubes.question(period, columns, filters, metrics))
        names = self.reading.names() if "SubAccountId" in columns else {}
        return cubes.cube_of(result, self.reading.app.today, names, self.reading.version(), rows)

    def largest(
        self, period: Period, column: str, metrics: Sequence[str] | None = None, filters: Sequence[Filter] = ()
    ) -> cubes.Cube:
        """A cube by one column, of as many values as a browser can take: the rest is added up as one, exactly."""
        if column == "SubAccountId" and len(self.reading.names()) * len(period) <= MOST_CELLS:
            return self.cube(period, (column,), metrics, filters)
        most = min(MOST_VALUES, max(1, MOST_CELLS // max(1, len(period)) - 1))
        told = self.reading.ask(
            Query(period, (column,), tuple(filters), None if metrics is None else tuple(metrics), most)
        )
        if not told.rest_count:
            return self.cube(period, (column,), metrics, filters)
        named = tuple(str(row.keys[0]) for row in told.rows if row.keys[0] is not None)
        # No value matches what has no name: where it is among the largest it is asked for by itself.
        terms = [Filter(column, named, whole=True)]
        terms += [Filter(column, ("*",), exclude=True)] if len(named) < len(told.rows) else []
        rows: list[tuple[Any, ...]] = []
        for term in terms:
            result, found = self.reading.bare_rows(cubes.question(period, (column,), (*filters, term), told.metrics))
            rows += found
        _, days = self.reading.bare_rows(cubes.question(period, (), filters, told.metrics))
        rows += cubes.rest_of(days, rows)
        names = self.reading.names() if column == "SubAccountId" else {}
        version = self.reading.version()
        return cubes.cube_of(result, self.reading.app.today, names, version, rows, rest=told.rest_count)

    def _month(self) -> Month:
        """What all of the newest day's month is expected to cost, as `farthing forecast --metric billed` tells it."""

        def read() -> Month:
            app = self.reading.app
            newest = self.reading.everything().end - timedelta(days=1)
            growth = growth_of(app.store, app.now, metric=BILLED_COST)
            told = forecast(app.store, BILLED_COST, app.now, growth=growth)
            rows = told.rows if told else ()
            return Month(next((row.estimate for row in rows if row.group == TOTAL and newest in row.period), None))

        return self.reading.kept_on_disk("month", Month, read)

    def data(self) -> DataPage:
        """The Data page."""

        def read() -> DataPage:
            app = self.reading.app
            days = (
                (
                    one.day,
                    one.currency,
                    one.estimated,
                    one.collected_at,
                    [*(billed(totals) for _, totals in one.earlier), billed(one.totals)],
                )
                for one in self.reading.outlines()
            )
            proofs = list(map(_proof, self.reading.proofs()))
            return data_page(days, self.reading.runs(), app.now, proofs, self._exported())

        return self.reading.kept("data page", read)

    def _exported(self) -> set[date]:
        """The days of imported bills, as their catalog tells them: no charge is read for that."""
        slices = export_slices(self.reading.app, self.reading.everything(), local=False)
        return {day for one in slices for day in one.days}

    def overview(self, *, whole: bool = True) -> Overview | None:
        """The Overview; None on an empty ledger. Unless ``whole``, without the forecast where that takes a while."""

        def read() -> Overview | None:
            everything = self.reading.everything()
            if not everything:
                return None
            newest = everything.end - timedelta(days=1)
            answers = {name: self.reading.ask(query) for name, query in questions(newest).items()}
            return overview(newest, answers, self.reading.names(), self.reading.app.now)

        told = self.reading.kept("overview", read)
        if told is None or told.month_state != "running":
            return told
        month = self._month() if whole else self.month_soon()
        return msgspec.structs.replace(told, forecast=month.estimate) if month else told

    def month_soon(self) -> Month | None:
        """The forecast of the newest day's month; None while a large organisation's is still being made."""
        return self.reading.soon("month page", self._month)

    def budgets(self) -> BudgetsPage:
        """How budgets and credits stand, as `farthing budgets` tells it."""
        return self.reading.kept("budgets", self._budgets)

    def _budgets(self) -> BudgetsPage:
        app = self.reading.app
        rules = rules_of(app.settings)
        forecasts = forecasts_of(app.store, app.now, estimate)
        standing = standings(app.store, rules.budgets, app.now, forecasts=forecasts)
        lasting = credit_standing(app.store, rules.credits, app.now)
        problems = [*standing.problems, *lasting.problems, *filter(None, [lasting.hint])]
        return budgets_page(standing.statuses, list(map(self._spent, standing.statuses)), lasting.credits, problems)

    def looked(self) -> Looked:
        """The ledger's incidents, and what was decided."""
        return self.reading.kept_on_disk("incidents", Looked, lambda: looked(self.reading.app))

    def incidents(self) -> IncidentsPage:
        """The Incidents page."""
        return self.reading.kept("incidents page", self._incidents)

    def incidents_soon(self) -> IncidentsPage | None:
        """The Incidents page; None while a large organisation's days are still being judged."""
        return self.reading.soon("incidents page", self._incidents)

    def _incidents(self) -> IncidentsPage:
        found, everything = self.looked(), self.reading.everything()
        newest = everything.end - timedelta(days=1)
        asked = incidents_question(found.incidents, found.metric, newest) if everything else None
        costs = self.reading.ask(asked, REPORTS) if asked else None
        names = self.reading.names() if costs else {}
        today = self.reading.app.today
        return incidents_page(
            found.incidents, found.decisions, costs, names, found.metric, today, found.learning, found.told
        )

    def decide(self, id_: str, said: NewDecision) -> None:
        """Keeps what somebody decided, as an event in the ledger.

        Raises:
            UsageError: there is no such incident, or action and end do not fit.
        """
        record(self.reading.app, id_, said.action, by=said.by, until=said.until, note=said.note)
        self.reading.look_again()

    def _spent(self, status: Status) -> Mapping[date, Decimal]:
        """What a budget's scope cost on each day of its period: of daily reports, as budgets are judged."""
        budget = status.budget
        asked = cubes.question(status.period, (), budget.filters, (budget.metric,))
        if status.newest is None:
            return {}
        rows = self.reading.ask(asked, REPORTS).rows
        return {row.keys[0]: row.amounts[0] for row in rows if isinstance(row.keys[0], date)}

    def explained(
        self,
        after: Period,
        before: Period,
        columns: Sequence[str],
        filters: Sequence[Filter],
        metric: str,
        equalise: Equalise | None,
    ) -> dict[str, Any]:
        """What `farthing explain --json` says, with the notes that it gives."""
        app, opened = self.reading.app, self.reading.opened
        sides, currency, notes = sides_of(app, before, after, columns, filters, metric, equalise, opened=opened)
        told = document_of(explain(*sides, equalise=equalise), before, after, columns, metric, currency)
        return {**told, "notes": notes}

    def explained_ahead(self) -> tuple[dict[str, Any], ...]:
        """What a copy of the page Why tells as the live one does: what it begins with, by column and metric."""
        compared = beginning(self.reading.app.today, self.base_period())
        if compared is None:
            return ()
        metrics = [name for name in BASE_METRICS if name in self.metrics()]
        try:
            return tuple(
                {**self.explained(*compared, (column,), (), metric, None), "by": column}
                for column in self.base_columns()
                for metric in metrics
            )
        except UsageError:  # it lies in a gap: the page says that of every comparison that does
            return ()

    def told(self, name: str, *, whole: bool = True) -> Mapping[str, Any]:
        """The data of a page, as its template wants it.

        Args:
            name: the page's.
            whole: waits for all of it; else what takes long is None, and the page asks for it when it is there.
        """
        make: Mapping[str, Callable[[], Any]] = {
            "overview": self.overview,
            "incidents": self.incidents if whole else self.incidents_soon,
            "budgets": self.budgets,
            "data": self.data,
        }
        if name != "overview":
            return {name: make[name]()} if name in make else {}
        told: dict[str, Any] = {
            "overview": self.overview(whole=whole),
            "data": self.data(),
            "incidents": make["incidents"](),
            "budgets": self.budgets() if whole else self.reading.soon("budgets", self._budgets),
        }
        running = told["overview"] is not None and told["overview"].month_state == "running"
        lacks_month = not whole and running and self.month_soon() is None
        waits = {"incidents": told["incidents"] is None, "budgets": told["budgets"] is None, "overview": lacks_month}
        return {**told, "waits": tuple(name for name, lacking in waits.items() if lacking)}

    def frame(
        self,
        *,
        href: Callable[[str], str],
        asset: Callable[[str], str],
        source: Mapping[str, Any],
        single: bool = False,
        shown: Sequence[str] = tuple(LABELS),
    ) -> Frame:
        """What is around every page."""
        app = self.reading.app
        return Frame(
            links=tuple(Link(name, label, href(name)) for name, label in LABELS.items() if name in shown),
            version=__version__,
            ledger=app.store.locate("cost_data").removesuffix("cost_data"),
            freshness=self.freshness(),
            has_days=bool(self.reading.everything()),
            made=f"made {day_name(app.today)}, {app.now:%H:%M} UTC",
            source=source,
            single=single,
            asset=asset,
        )

    def freshness(self) -> str:
        """How new the newest day is, in words."""
        everything = self.reading.everything()
        if not everything:
            return "no data yet"
        newest = everything.end - timedelta(days=1)
        behind = (self.reading.app.today - newest).days
        late = f", {several(behind, 'day')} ago" if behind > 1 else ""
        return f"Data to {day_name(newest)}{late}"

    def source(self, mode: str) -> dict[str, Any]:
        """What the script is told of the figures."""
        period, everything = self.base_period(), self.reading.everything()
        return {
            "mode": mode,
            "version": self.reading.version(),
            "start": str(period.start),
            "end": str(period.end),
            "firstDay": (everything.start - _EPOCH).days,
            "base": self.base_metrics(),
            "metrics": [
                {"value": name, "label": METRICS[name].label if name in METRICS else name} for name in self.metrics()
            ],
            "baseColumns": list(self.base_columns()),
            "apart": [name for name in BASE_COLUMNS if name not in self.base_columns()] if mode == "live" else [],
            "columns": [{"value": name, "label": label_of(name)} for name in self.columns(mode)],
        }

    def columns(self, mode: str) -> tuple[str, ...]:
        """What the Explorer groups by."""
        return (*BASE_COLUMNS, *self.further()) if mode == "live" else self.base_columns()

    def further(self) -> tuple[str, ...]:
        """Columns beyond the base that something in the ledger tells."""
        app = self.reading.app
        slices = export_slices(app, self.reading.everything(), local=False)
        told = [name for name in FURTHER if any(one.has(name) for one in slices)]
        lenses = [parse_lens(name) for name in app.settings.lenses]
        kept = sorted({lens.column for lens in lenses if any(app.store.keys(lens_prefix(lens.name)))})
        made_up = self.reading.kept("made-up columns", lambda: made_up_columns(app))
        return tuple(dict.fromkeys([*told, *made_up, *kept]))

    def beginning_name(self, period: Period, columns: tuple[str, ...], metrics: tuple[str, ...] | None) -> str | None:
        """What a cube that a page starts with is called; None for any other."""
        base = tuple(self.base_metrics())
        if period != self.base_period() or not period or metrics not in (base, base[:1]):
            return None
        if columns == self.base_columns() or (len(columns) == 1 and columns[0] in BASE_COLUMNS):
            return "-".join(("cube", *columns, *metrics))
        return None

    def base_metrics(self) -> list[str]:
        """What the page's own cube adds up."""
        return [name for name in BASE_METRICS if name in self.metrics()] or list(self.metrics()[:1])

    def cells(self, period: Period, columns: Sequence[str], filters: Sequence[Filter] = ()) -> int:
        """About how many cells the cube of these columns has, told by the period's last days."""
        sample = Period(max(period.start, period.end - timedelta(days=SAMPLE_DAYS)), period.end)
        if not sample:
            return 0
        rows = self.reading.ask(cubes.question(sample, columns, filters, (BILLED_COST,))).rows
        return len(rows) * len(period) // len(sample)

    def base_columns(self) -> tuple[str, ...]:
        """What the page's own cube tells apart: less where there are too many services and accounts."""

        def read() -> tuple[str, ...]:
            return BASE_COLUMNS if self.cells(self.base_period(), BASE_COLUMNS) <= MOST_CELLS else BASE_COLUMNS[:1]

        return self.reading.kept("base columns", read)


def _proof(found: Reconciled) -> ProofTold:
    unequal = tuple(UnequalTold(one.day, one.state, one.why) for one in found.unequal)
    against = SOURCES[found.against]
    return ProofTold(against, found.at, found.period, found.equal, found.verdict, unequal, found.mend)


_EPOCH = date(1970, 1, 1)
