"""`farthing import`: the bill itself, from FOCUS and CUR exports."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from farthing.cli._context import console, current_app
from farthing.errors import UsageError
from farthing.exported import exports_of, rejects_folder, s3_client
from farthing.importing import Imported, Importer
from farthing.jsontext import pretty
from farthing.ledger.exports import Slice
from farthing.ledger.workplaces import abandoned, workplace
from farthing.model import exact_sum, plain
from farthing.sources.exports.deliveries import Delivery, deliveries
from farthing.wording import money, several

if TYPE_CHECKING:
    from farthing.app import App
    from farthing.sources.exports.bucket import RemoteDelivery


FETCHED = "farthing-fetched-"
"""What names of folders with a bucket's files begin with, in the folder for temporary files."""


@click.command("import", short_help="Bring a billing export (FOCUS, CUR) into the ledger.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...|s3://...")
@click.option("--allow-rejects", is_flag=True, help="Take the other rows in where some cannot be read.")
@click.option("--dry-run", is_flag=True, help="Only say what would be read.")
@click.option("--json", "as_json", is_flag=True, help="What was read and kept, as JSON.")
def command(paths: tuple[str, ...], allow_rejects: bool, dry_run: bool, as_json: bool) -> int:
    """Read a billing export and keep it as Parquet, exactly. Never alerts.

    A file, several, a folder, or what AWS delivers below an s3:// URL. FOCUS 1.0 to 1.4 of any provider, CUR 2.0 and
    the legacy Cost and Usage Report; CSV, CSV in gzip, Parquet. A month that is delivered again replaces itself; files
    that have not changed are not read again. Ends with 1 if a row cannot be read, and then leaves the ledger as it was
    unless --allow-rejects is given.
    """
    app = current_app()
    remote = [path for path in paths if path.startswith("s3://")]
    if remote and len(paths) > 1:
        raise UsageError("import one s3:// URL at a time")
    importer = Importer(exports_of(app), rejects_folder(app), app.clock)
    outcomes: list[Imported] = []
    unchanged: list[str] = []
    for delivery in _deliveries(app, paths, remote, dry_run=dry_run, importer=importer, unchanged=unchanged):
        if dry_run:
            size = sum(source.size for source in delivery.sources)
            click.echo(f"{delivery.name}: {several(len(delivery.sources), 'file')}, {size / 1e6:,.1f} MB")
            continue
        with _shown(delivery.name, importer) as on_step:
            outcome = importer.run(delivery, allow_rejects=allow_rejects, on_step=on_step)
        outcomes.append(outcome)
        if not as_json:
            _say(outcome)
    if dry_run:
        for name in unchanged:
            click.echo(f"{name}: unchanged")
        return 0
    if as_json:
        click.echo(pretty(_document(outcomes, unchanged)))
    else:
        for name in unchanged:
            click.echo(f"{name}: unchanged, not read again")
    return 0 if all(one.committed and (allow_rejects or not one.rows_rejected) for one in outcomes) else 1


def _deliveries(
    app: "App", paths: Sequence[str], remote: Sequence[str], *, dry_run: bool, importer: Importer, unchanged: list[str]
) -> Iterator[Delivery]:
    """What is to be imported, one after the other; what is in a bucket is fetched when its turn comes."""
    if not remote:
        found = deliveries([Path(path).expanduser() for path in paths])
        _warn(found.left_out)
        for delivery in found.deliveries:
            if importer.is_unchanged(delivery):
                unchanged.append(delivery.name)
            else:
                yield delivery
        return
    from farthing.sources.exports.bucket import fetched, remote_deliveries

    client = s3_client(app)
    there, left_out = remote_deliveries(client, remote[0])
    _warn(left_out)
    for one in there:
        delivery = Delivery(one.name, (), one.sources)
        if importer.is_unchanged(delivery):
            unchanged.append(one.name)
        elif dry_run:
            yield delivery
        else:
            parent = Path(tempfile.gettempdir())
            for left in abandoned(parent, FETCHED):
                shutil.rmtree(left, ignore_errors=True)
            with workplace(parent, FETCHED) as folder, _fetching(one) as on_bytes:
                yield fetched(client, one, folder, on_bytes)


def _warn(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        click.echo(f"warning: {sentence}", err=True)


def _say(outcome: Imported) -> None:
    """One delivery, for people."""
    read = f"{several(outcome.rows_read, 'row')} read"
    kept = f"{outcome.rows_kept:,} kept, {outcome.rows_rejected:,} rejected"
    click.echo(f"{outcome.delivery}: {outcome.format.upper()}, {read}, {kept}")
    for one in outcome.slices:
        click.echo(f"  {one}: {several(one.rows, 'row')}, {_cost(one)}{_before(one, outcome.replaced)}")
    if outcome.rounded:
        click.echo(
            f"  {several(outcome.rounded, 'cost')} came as doubles with more than 18 decimals and were rounded to 18",
            err=True,
        )
    if outcome.rows_rejected:
        for example in outcome.examples:
            click.echo(f"  {example.file}, line {example.line}: {example.reason}", err=True)
        click.echo(f"  all rejected rows: {outcome.rejects}", err=True)
    if not outcome.committed:
        click.echo(
            f"farthing: {outcome.delivery}: {several(outcome.rows_rejected, 'row')} cannot be read, so nothing of it "
            "was imported; mend the file, or take the others in with --allow-rejects",
            err=True,
        )


def _cost(one: Slice) -> str:
    return " + ".join(money(sums["BilledCost"], currency) for currency, sums in sorted(one.sums.items()))


def _before(one: Slice, replaced: Sequence[Slice]) -> str:
    earlier = next((other for other in replaced if other.identity == one.identity), None)
    return "" if earlier is None else f" (replaces {several(earlier.rows, 'row')}, {_cost(earlier)})"


def _document(outcomes: Sequence[Imported], unchanged: Sequence[str]) -> dict[str, Any]:
    """What ``--json`` prints: the whole, then each delivery."""
    currencies = sorted({currency for one in outcomes for currency in one.sums})
    costs = {
        currency: sorted({cost for one in outcomes for cost in one.sums.get(currency, ())}) for currency in currencies
    }
    sums = {
        currency: {
            cost: plain(exact_sum(one.sums[currency][cost] for one in outcomes if cost in one.sums.get(currency, ())))
            for cost in costs[currency]
        }
        for currency in currencies
    }
    return {
        "rows_read": sum(one.rows_read for one in outcomes),
        "rows_kept": sum(one.rows_kept for one in outcomes),
        "rows_rejected": sum(one.rows_rejected for one in outcomes),
        "sums": sums,
        "committed": all(one.committed for one in outcomes),
        "rejects": [one.rejects for one in outcomes if one.rejects],
        "unchanged": list(unchanged),
        "deliveries": [
            {
                "name": one.delivery,
                "format": one.format,
                "rows_read": one.rows_read,
                "rows_kept": one.rows_kept,
                "rows_rejected": one.rows_rejected,
                "rounded": one.rounded,
                "committed": one.committed,
                "slices": [
                    {
                        "ProviderName": part.provider,
                        "BillingAccountId": part.billing_account,
                        "BillingPeriodStart": str(part.period),
                        "rows": part.rows,
                        "sums": {
                            currency: {cost: plain(amount) for cost, amount in by_cost.items()}
                            for currency, by_cost in part.sums.items()
                        },
                    }
                    for part in one.slices
                ],
            }
            for one in outcomes
        ],
    }


@contextmanager
def _shown(name: str, importer: Importer) -> Iterator[Callable[[str, int], None]]:
    """What is done now, how much of it and how fast, on stderr; silent where that is no terminal."""
    from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
    from rich.text import Text

    to = console(stderr=True)
    state: dict[str, Any] = {"rows": 0, "since": monotonic()}

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            del task
            done = importer.progress()
            rows = int(state["rows"] * done)
            seconds = max(monotonic() - state["since"], 0.1)
            speed = f", {rows / seconds:,.0f} rows/s" if rows else ""
            return Text(f"{100 * done:.0f} %{speed}" if done else "")

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        Speed(),
        TimeElapsedColumn(),
        console=to,
        transient=True,
        disable=not to.is_terminal,
    ) as bar:
        task = bar.add_task(name, total=None)

        def on_step(what: str, rows: int) -> None:
            state.update(rows=rows, since=monotonic())
            bar.update(task, description=f"{name}: {what}" + (f" {several(rows, 'row')}" if rows else ""))

        yield on_step


@contextmanager
def _fetching(remote: "RemoteDelivery") -> Iterator[Callable[[int], None]]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    to = console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=to, transient=True, disable=not to.is_terminal) as bar:
        task = bar.add_task(f"{remote.name}: fetching", total=sum(source.size for source in remote.sources))
        yield lambda count: bar.update(task, advance=count)
