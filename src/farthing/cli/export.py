"""`farthing export`: imported charges as a FOCUS file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from farthing.jsontext import builtins, pretty
from farthing.periods import UNDERSTOOD, resolve
from farthing.wording import money, several

if TYPE_CHECKING:
    from farthing.exporting import Version

DEFAULT_PERIOD = "last-month"


@click.command("export", short_help="Write imported charges as FOCUS: Parquet or CSV.")
@click.argument("dest", metavar="DEST", type=click.Path(path_type=Path))
@click.option("--period", metavar="WHEN", help=f"{UNDERSTOOD}, or all. Default: {DEFAULT_PERIOD}.")
@click.option("--start", metavar="DAY", help="The first day, YYYY-MM-DD.")
@click.option("--end", metavar="DAY", help="The day after the last, YYYY-MM-DD. Default: today.")
@click.option("--where", multiple=True, metavar="TERMS", help="Only what matches, as for `farthing report`.")
@click.option(
    "--focus-version",
    type=click.Choice(["1.2", "1.0"]),
    default="1.2",
    show_default=True,
    help="Whose columns are written; columns with x_ follow them.",
)
@click.option("--force", is_flag=True, help="Replace DEST if it is there.")
@click.option("--json", "as_json", is_flag=True, help="What was written, as JSON.")
def command(
    dest: Path,
    period: str | None,
    start: str | None,
    end: str | None,
    where: tuple[str, ...],
    focus_version: "Version",
    force: bool,
    as_json: bool,
) -> None:
    """Write the charges of imported billing exports, row by row, as one FOCUS file.

    DEST ends in .parquet, .csv or .csv.gz. What was written is read back and must add up to the last decimal. Days that
    only daily reports tell of are not written, and named: Cost Explorer does not know enough of them for FOCUS.
    """
    from farthing.asking import Question, open_engine
    from farthing.cli._context import current_app
    from farthing.errors import UsageError
    from farthing.exported import exported_days
    from farthing.exporting import days_with_reports_alone, export
    from farthing.ledger.reports import Reports
    from farthing.query.accounts import by_id, needs_names
    from farthing.query.model import Query, parse_where

    app = current_app()
    days = None
    if (period or "").strip().lower() == "all" and not start and not end:
        days = exported_days(app)
        if days is None:
            raise UsageError("the ledger has no imported billing export: import one (`farthing import PATH`)")
    days = days or resolve(period, start, end, today=app.today, default=DEFAULT_PERIOD)
    question = Question(app, days, only="exports")
    slices = question.slices(local=True)
    query = Query(days, (), parse_where(" ".join(where)))
    if needs_names(query):
        with open_engine(question) as engine:
            query = by_id(query, engine.names())
    done = export(slices, query, dest.expanduser(), version=focus_version, force=force)
    if as_json:
        click.echo(pretty(builtins(done)))
    else:
        totals = ", ".join(money(sums["BilledCost"], currency) for currency, sums in done.sums.items())
        click.echo(f"{done.path}: {several(done.rows, 'row')}, {totals}, FOCUS {done.version}")
    if done.lacking:
        click.echo(f"warning: the source left cells empty that FOCUS wants: {', '.join(done.lacking)}", err=True)
    left_out = days_with_reports_alone(slices, Reports(app.store).days(), days)
    if left_out:
        click.echo(
            f"warning: {several(left_out, 'day')} of {days} known from daily reports alone: not written", err=True
        )
