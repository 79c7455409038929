"""Answers what `farthing report` asks: for the command line, and for the dashboard, which say it in their own way."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

from msgspec.structs import replace

from farthing.app import App
from farthing.asking import Question
from farthing.errors import UsageError
from farthing.exported import export_slices, exported_days
from farthing.ledger.reports import PREFIX, lens_prefix
from farthing.model import Period
from farthing.periods import resolve
from farthing.query.allocation import Allocated, Rule, largest_rows, overlaps, parse_allocations, questions
from farthing.query.allocation import allocate as allocated_of
from farthing.query.engines import Engine
from farthing.query.model import Query, Result, label_of
from farthing.query.sources import EXPORTS, REPORTS, ExportSlice, SourceName
from farthing.settings import nearest
from farthing.sources.lenses import Lens, lens_of

DEFAULT_PERIOD = "30d"
FIRST_DAY = date(2006, 1, 1)
"""Before any AWS bill: where ``--period all`` starts to look."""


def question_of(
    app: App,
    reach: Period,
    columns: Sequence[str],
    only: SourceName | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Question:
    """What an engine is to be opened for, so that it can tell these columns in these days.

    Raises:
        UsageError: nothing in the ledger tells them together.
    """
    slices = () if only == REPORTS else export_slices(app, reach, local=False)
    # A lens is asked where no export can tell its column: exports know more, and it beside other columns.
    lens = None if slices and told_by(slices, columns) else lens_for(app, columns)
    question = Question(app, reach, only=only, tell=tell)
    if lens:
        question = replace(question, key=lens.column, prefix=lens_prefix(lens.name), with_exports=False)
    return question


def days_of(
    app: App, period: str | None, start: str | None, end: str | None, columns: Iterable[str], only: SourceName | None
) -> Period:
    """The period that is asked for; all of it is what the ledger has, of reports and of exports."""
    if period is None or period.strip().lower() != "all" or start or end:
        return resolve(period, start, end, today=app.today, default=DEFAULT_PERIOD)
    everything = Period(FIRST_DAY, app.today)
    exported = None if only == REPORTS else exported_days(app)
    lenses = [] if exported else [lens for lens in map(lens_of, dict.fromkeys(columns)) if lens]
    found: list[date] = []
    if only != EXPORTS:
        prefix = lens_prefix(lenses[0].name) if len(lenses) == 1 else PREFIX
        found = [day for day in app.report_files(prefix).etags if day in everything]
    firsts = [*found[:1], *([exported.start] if exported else [])]
    lasts = [*(day + timedelta(days=1) for day in found[-1:]), *([exported.end] if exported else [])]
    return Period(min(firsts), max(lasts)) if firsts else Period(app.today, app.today)


def rules(app: App, names: Sequence[str]) -> tuple[Rule, ...]:
    """The allocations that are asked for.

    Raises:
        SettingsError: what farthing.toml says of them is wrong.
        UsageError: there is none of that name.
    """
    if not names:
        return ()
    rules = {rule.name: rule for rule in parse_allocations(app.settings.allocations, app.settings.toml_name)}
    if names == ("all",) and rules:
        return tuple(rules.values())
    for name in names:
        if name not in rules:
            known = f": there are {', '.join(rules)}" if rules else ": farthing.toml has no [[allocations]]"
            raise UsageError(f"there is no allocation {name!r}{nearest(name, list(rules)) or known}")
    return tuple(rules[name] for name in dict.fromkeys(names))


def answered(engine: Engine, query: Query, rules: Sequence[Rule]) -> tuple[Result, tuple[Allocated, ...]]:
    """The answer, with shared costs divided by the rules.

    Raises:
        UsageError: two rules take the same charges, or one has nobody to give to.
    """
    if not rules:
        return engine.run(query), ()
    asked = questions(query, rules)
    whole = engine.run(Query(query.period, query.group_by, query.filters, query.metrics))
    for one, other, both in overlaps(query, rules):
        if engine.run(both).rows:
            raise UsageError(
                f"the allocations {one.name!r} and {other.name!r} take the same charges: make one leave out the other's"
            )
    exact = [Query(query.period, query.group_by, one.shared.filters, whole.metrics) for one in asked]
    shared = [(one.rule, engine.run(part)) for one, part in zip(asked, exact, strict=True)]
    result, allocated = allocated_of(whole, shared)
    return (result if query.top is None else largest_rows(result, query.top)), allocated


def lens_for(app: App, columns: Iterable[str]) -> Lens | None:
    """The lens that has all these columns, None if the daily reports have them.

    Raises:
        UsageError: no reports have all of them, or the ledger does not keep the lens.
    """
    named = dict.fromkeys(columns)
    lenses = list(filter(None, map(lens_of, named)))
    if not lenses:
        return None
    accounts = [column for column in named if column in ("SubAccountId", "SubAccountName")]
    if len(lenses) > 1 or accounts:
        others = [*(lens.spelled for lens in lenses), *(label_of(column).lower() for column in accounts)]
        raise UsageError(
            f"no report tells {' and '.join(others)} together: Cost Explorer groups by two keys, and one of them is "
            "the service; ask for one of them at a time"
        )
    (lens,) = lenses
    if not any(app.store.keys(lens_prefix(lens.name))):
        raise UsageError(
            f"the ledger does not keep the lens {lens.spelled}: set FARTHING_LENSES={lens.spelled} for the next runs, "
            "and `farthing backfill` brings its history ($0.01 a page)"
        )
    return lens


def told_by(slices: Sequence[ExportSlice], columns: Iterable[str]) -> bool:
    """Whether some export tells each of these columns."""
    return all(any(one.has(column) for one in slices) for column in columns)
