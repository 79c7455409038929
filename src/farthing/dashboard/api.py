"""The HTTP API: the parameters of each address, its answers, and the OpenAPI document made from both."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, get_args, get_type_hints

import msgspec

from farthing import __version__
from farthing.dashboard.pages import BASE_COLUMNS, MOST_CELLS, NewDecision, Pages
from farthing.dashboard.reading import Progress
from farthing.dashboard.views.budgets import BudgetsPage
from farthing.dashboard.views.cube import Cube
from farthing.dashboard.views.data import DataPage
from farthing.dashboard.views.incidents import IncidentsPage
from farthing.dashboard.views.overview import Overview
from farthing.errors import UsageError
from farthing.jsontext import encode
from farthing.model import BILLED_COST, Period
from farthing.periods import resolve
from farthing.query.compare import PREVIOUS, compared, previous
from farthing.query.documents import as_json_text, compared_as_json
from farthing.query.model import Filter, Query, parse_by, parse_metrics, parse_where
from farthing.query.sources import SourceName
from farthing.reporting import days_of
from farthing.settings import nearest
from farthing.signals.explain import Equalise

SURELY = 1.5
"""An estimate of so many times the cells that are allowed is not wrong about there being too many."""


DEFAULT_DAYS = 30
"""Days of a cube that is asked for without any."""


class ReportAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As the options of `farthing report`; what may be repeated there may be repeated here."""

    period: str | None = None
    start: str | None = None
    end: str | None = None
    by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    metric: tuple[str, ...] = ()
    compare: str | None = None
    source: SourceName | None = None


class CubeAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Costs by day and the columns ``by``, in a coding that adds up exactly; without days, of the newest thirty."""

    start: str | None = None
    end: str | None = None
    period: str | None = None
    by: tuple[str, ...] = BASE_COLUMNS
    where: tuple[str, ...] = ()
    metric: tuple[str, ...] = ()


class ExplainAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As the arguments of `farthing explain`."""

    period: str = "last-month"
    against: str = PREVIOUS
    by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    metric: str | None = None
    equalise: Equalise | None = None


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""


class LedgerState(msgspec.Struct, frozen=True):
    """Names the ledger's state: it changes when there are new figures.

    ``preparing`` tells how far the server is with reading a ledger that it has not seen before.
    """

    version: str
    preparing: Progress | None = None


class Problem(msgspec.Struct, frozen=True):
    """What is wrong, where, and what to do, in one line."""

    error: str


class Route(msgspec.Struct, frozen=True):
    """An address of the API: what it takes, what it answers (None: see ``says``), and who answers."""

    path: str
    says: str
    asked: type[msgspec.Struct]
    answers: type[msgspec.Struct] | None
    answer: Callable[[Pages, Any], bytes]


def report(pages: Pages, asked: ReportAsked) -> bytes:
    """Exactly what `farthing report --json` answers."""
    app = pages.reading.app
    group_by = parse_by(asked.by) or ("ServiceName",)
    filters = parse_where(" ".join(asked.where))
    metrics = parse_metrics(asked.metric)
    columns = [*group_by, *(term.column for term in filters)]
    days = days_of(app, asked.period, asked.start, asked.end, columns, asked.source)
    query = Query(days, group_by, filters, metrics)
    ask = pages.reading.ask
    if asked.compare is None:
        return (as_json_text(ask(query, asked.source)) + "\n").encode()
    against = asked.compare.strip().lower()
    other = previous(days) if against == PREVIOUS else resolve(asked.compare, today=app.today, default="")
    before = Query(other, group_by, filters, metrics)
    return (compared_as_json(compared(ask(query, asked.source), ask(before, asked.source))) + "\n").encode()


def cube(pages: Pages, asked: CubeAsked) -> bytes:
    """A cube for the page."""

    def make() -> bytes:
        everything = pages.reading.everything()
        # Without days the newest ones that there are: an export of long ago has none in the last thirty.
        newest = f"{everything.end - timedelta(days=DEFAULT_DAYS)}..{everything.end}"
        period = resolve(asked.period, asked.start, asked.end, today=pages.reading.app.today, default=newest)
        start = min(max(period.start, everything.start), everything.end)
        inside = Period(start, max(start, min(period.end, everything.end)))
        columns = tuple(name for name in parse_by(asked.by) if name != "ChargePeriodStart")
        filters, metrics = parse_where(" ".join(asked.where)), parse_metrics(asked.metric)

        def answer() -> bytes:
            return _cube(pages, inside, columns, metrics, filters)

        # What every page starts with is there at the next start of the server too.
        name = None if filters else pages.beginning_name(inside, columns, metrics)
        return answer() if name is None else pages.reading.kept_bytes_on_disk(name, answer)

    return pages.reading.kept(("cube", asked), make)


def _cube(
    pages: Pages, period: Period, columns: tuple[str, ...], metrics: tuple[str, ...] | None, filters: tuple[Filter, ...]
) -> bytes:
    if len(columns) == 1 and columns != BASE_COLUMNS[:1]:
        return msgspec.json.encode(pages.largest(period, columns[0], metrics, filters))
    # Far too many are refused before they are read, a few too many when they are counted.
    if pages.cells(period, columns, filters) <= SURELY * MOST_CELLS:
        made = pages.cube(period, columns, metrics, filters)
        if sum(made.cells) <= MOST_CELLS:
            return msgspec.json.encode(made)
    raise UsageError(
        f"by {' and '.join(columns)} there are more than {MOST_CELLS:,} amounts in {period}: ask for fewer "
        "days, one column, or a filter"
    )


def explained(pages: Pages, asked: ExplainAsked) -> bytes:
    """What `farthing explain --json` answers, and beside it the notes that it gives."""

    def make() -> bytes:
        today = pages.reading.app.today
        after = resolve(asked.period, today=today, default="")
        spelled = asked.against.strip().lower()
        before = previous(after) if spelled == PREVIOUS else resolve(asked.against, today=today, default="")
        columns = parse_by(asked.by) or ("ServiceName",)
        metrics = parse_metrics([asked.metric]) if asked.metric else None
        filters = parse_where(" ".join(asked.where))
        metric = metrics[0] if metrics else BILLED_COST
        return encode(pages.explained(after, before, columns, filters, metric, asked.equalise))

    return pages.reading.kept(("explain", asked), make)


def overview(pages: Pages, asked: Nothing) -> bytes:
    """What the Overview shows."""
    del asked
    return encode(pages.overview())


def incidents(pages: Pages, asked: Nothing) -> bytes:
    """What the Incidents page shows."""
    del asked
    return encode(pages.incidents())


def decided(pages: Pages, id_: str, body: bytes) -> bytes:
    """Keeps a decision about an incident.

    Raises:
        UsageError: it is no such decision, or there is no such incident.
    """
    try:
        said = msgspec.json.decode(body, type=NewDecision)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"this is no decision: {error}") from error
    pages.decide(id_, said)
    return encode(LedgerState(pages.reading.version()))


def budgets(pages: Pages, asked: Nothing) -> bytes:
    """What the Budgets page shows."""
    del asked
    return encode(pages.budgets())


def data(pages: Pages, asked: Nothing) -> bytes:
    """What the Data page shows."""
    del asked
    return encode(pages.data())


def state(pages: Pages, asked: Nothing) -> bytes:
    """Whether anything changed, and how far the reading of the ledger is."""
    del asked
    return encode(LedgerState(pages.reading.version(), pages.reading.progress()))


DECISIONS = "/api/v1/incidents/{incident}/decisions"
"""Where a decision is posted."""

ROUTES: tuple[Route, ...] = (
    Route("/api/v1/report", "What `farthing report --json` answers", ReportAsked, None, report),
    Route("/api/v1/cube", "Costs by day for a page to group by itself", CubeAsked, Cube, cube),
    Route("/api/v1/explain", "What `farthing explain --json` answers, and its notes", ExplainAsked, None, explained),
    Route("/api/v1/overview", "The month, yesterday, what moved", Nothing, Overview, overview),
    Route("/api/v1/incidents", "What went otherwise than expected", Nothing, IncidentsPage, incidents),
    Route("/api/v1/budgets", "Budgets and credits", Nothing, BudgetsPage, budgets),
    Route("/api/v1/data", "Coverage, restatements, runs", Nothing, DataPage, data),
    Route("/api/v1/state", "The state of the ledger", Nothing, LedgerState, state),
)


def parsed(pairs: Sequence[tuple[str, str]], type_: type[msgspec.Struct]) -> Any:
    """An address's parameters as its struct.

    Raises:
        UsageError: one is unknown, is given twice, or is not what it should be.
    """
    hints = get_type_hints(type_)
    found: dict[str, Any] = {}
    for name, text in pairs:
        if name not in hints:
            listed = ", ".join(hints) or "none"
            raise UsageError(f"{name!r} is no parameter here{nearest(name, list(hints)) or f': there are {listed}'}")
        if "tuple" in str(hints[name]):
            found.setdefault(name, []).append(text)
        elif name in found:
            raise UsageError(f"{name!r} is given twice")
        else:
            found[name] = text
    try:
        return msgspec.convert(found, type_)
    except msgspec.ValidationError as error:
        raise UsageError(str(error)) from error


def openapi() -> dict[str, Any]:
    """The OpenAPI document of :data:`ROUTES`."""
    types = [route.answers for route in ROUTES if route.answers] + [Problem, NewDecision]
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {"title": "farthing", "version": __version__, "description": "What the ledger tells. Reads only."},
        "paths": {**{route.path: {"get": _operation(route)} for route in ROUTES}, DECISIONS: {"post": _deciding()}},
        "components": {"schemas": components},
    }


def _operation(route: Route) -> dict[str, Any]:
    answer: Mapping[str, Any] = {"type": "object"}
    if route.answers:
        answer = {"$ref": f"#/components/schemas/{route.answers.__name__}"}
    problem = {
        "description": "What is wrong",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    fields = msgspec.structs.fields(route.asked)
    return {
        "operationId": route.path.rsplit("/", 1)[-1],
        "summary": route.says,
        "parameters": [
            {
                "name": field.name,
                "in": "query",
                "required": False,
                "schema": _parameter(field.type),
                **({"explode": True, "style": "form"} if "tuple" in str(field.type) else {}),
            }
            for field in fields
        ],
        "responses": {
            "200": {"description": route.says, "content": {"application/json": {"schema": answer}}},
            "400": problem,
            "422": problem,
            "503": problem,
        },
    }


def _deciding() -> dict[str, Any]:
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        "operationId": "decide",
        "summary": "Keeps a decision about an incident, in the ledger's events",
        "parameters": [{"name": "incident", "in": "path", "required": True, "schema": {"type": "string"}}],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewDecision"}}},
        },
        "responses": {
            "200": {
                "description": "It is kept",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/LedgerState"}}},
            },
            **{code: {"description": "What is wrong", "content": problem} for code in ("400", "403", "415", "503")},
        },
    }


def _parameter(type_: Any) -> dict[str, Any]:
    if "tuple" in str(type_):
        return {"type": "array", "items": {"type": "string"}}
    for choices, names in ((SourceName | None, get_args(SourceName)), (Equalise | None, get_args(Equalise))):
        if type_ == choices:
            return {"type": "string", "enum": list(names)}
    return {"type": "string"}
