"""`farthing simulate`: the local Cost Explorer."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from farthing.simulator.bill import Bill
    from farthing.simulator.cost_explorer import CostExplorerSimulator, Source

DEFAULT_PORT = 8399
_DAY = click.DateTime(["%Y-%m-%d"])


@click.command("simulate", short_help="A local Cost Explorer that needs no AWS.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="0 picks a free one.",
)
@click.option(
    "--size", type=click.Choice(["small", "medium", "large"]), default="medium", show_default=True,
    help="5 accounts x 24 services, 12 x 60, or 200 x 100.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True,
    help="Another seed, another organisation.",
)  # fmt: skip
@click.option("--today", type=_DAY, metavar="YYYY-MM-DD", help="The simulated UTC day.  [default: the clock's]")
@click.option(
    "--anchor", type=_DAY, metavar="YYYY-MM-DD",
    help="Where the history ends; keep it and move --today to see the same organisation later.  [default: today]",
)  # fmt: skip
@click.option("--page-size", type=click.IntRange(1), default=5000, show_default=True, help="Groups on a page.")
@click.option(
    "--history-months", type=click.IntRange(0), default=13, show_default=True,
    help="Whole months before this one that may be asked for; 0: no limit.",
)  # fmt: skip
@click.option("--replay", type=click.Path(path_type=Path), metavar="FILE", help="A recorded answer instead.")
@click.option(
    "--from", "focus", type=click.Path(path_type=Path), metavar="PATH",
    help="A FOCUS export instead: .csv, .csv.gz, .parquet or a folder of them.",
)  # fmt: skip
@click.option("--hourly", is_flag=True, help="Answer by the hour too, as an account does that pays for it.")
@click.option(
    "--fault", "faults", multiple=True, metavar="KIND[:KEY=VALUE,...]",
    help="What goes wrong, such as throttle:times=3; can be given again. docs/simulator.md lists them.",
)  # fmt: skip
@click.option("--truth", type=click.Path(path_type=Path), metavar="FILE", help="Write the labelled incidents here.")
def command(
    host: str,
    port: int,
    size: str,
    seed: int,
    today: datetime | None,
    anchor: datetime | None,
    page_size: int,
    history_months: int,
    replay: Path | None,
    focus: Path | None,
    hourly: bool,
    faults: tuple[str, ...],
    truth: Path | None,
) -> None:
    """Serve a simulated AWS bill with Cost Explorer's own protocol, on this machine only.

    The first line on stdout is the URL. Point any AWS SDK or the AWS CLI to it with AWS_ENDPOINT_URL_COST_EXPLORER.
    """
    import signal

    from farthing.simulator.cost_explorer import CostExplorerSimulator
    from farthing.simulator.server import make_server

    _check_loopback(host)
    if hourly and (replay or focus):
        raise _Misused("--hourly needs the generated bill: --replay and --from tell nothing of hours")
    source = _focus(focus, today, anchor, replay, truth) if focus else _bill(size, seed, today, anchor, replay, truth)
    simulator = CostExplorerSimulator(
        source,
        page_size=page_size,
        history_months=history_months or None,
        hourly=hourly,
    )
    _set(simulator, faults)
    # Before the URL is printed: whoever waits for it may end us at once.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        server = make_server(simulator, host, port)
    except OSError as error:
        reason = error.strerror or str(error)
        raise _Failed(
            f"cannot listen on {host} port {port}: {reason}. Choose another --port, or 0 for a free one."
        ) from error
    try:
        click.echo(server.url)
        click.echo(_hint(server.url, source), err=True)
        server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


def _focus(
    path: Path, today: datetime | None, anchor: datetime | None, replay: Path | None, truth: Path | None
) -> Source:
    from farthing.simulator.focus import FocusError, read

    if replay is not None or anchor is not None or truth is not None:
        raise _Misused("--from brings its own bill and no truth: leave out --replay, --anchor and --truth")
    try:
        return read(path, today.date() if today else None)
    except FocusError as error:
        raise _Misused(str(error)) from error


def _set(simulator: CostExplorerSimulator, faults: tuple[str, ...]) -> None:
    from farthing.simulator.faults import FaultError, parse_fault

    try:
        simulator.set_faults(*map(parse_fault, faults))
    except FaultError as error:
        raise _Misused(f"--fault: {error}") from error


def _bill(
    size: str,
    seed: int,
    today: datetime | None,
    anchor: datetime | None,
    replay: Path | None,
    truth: Path | None,
) -> Source:
    from farthing.simulator.bill import Bill
    from farthing.simulator.replay import ReplayError, read

    if replay is not None:
        if truth is not None or today is not None or anchor is not None:
            raise _Misused("--replay brings its own days and no truth: leave out --today, --anchor and --truth")
        try:
            return read(replay)
        except ReplayError as error:
            raise _Misused(str(error)) from error
    try:
        bill = Bill(
            size,
            seed,
            today=today.date() if today else _utc_today(),
            anchor=anchor.date() if anchor else None,
        )
    except (ValueError, OverflowError) as error:
        raise _Misused(str(error)) from error
    if truth is not None:
        _write_truth(bill, truth)
    return bill


def _write_truth(bill: Bill, path: Path) -> None:
    """Whole or not at all: written beside the target, then moved over it."""
    import os
    import tempfile

    from farthing.simulator.bill import truth

    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(truth(bill))
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise _Failed(f"cannot write {path}: {error.strerror or error}") from error


def _check_loopback(host: str) -> None:
    import ipaddress

    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback or ":" in host:
        raise _Misused(f"--host {host} is not an IPv4 loopback address: the simulator serves this machine only")


def _utc_today() -> date:
    from datetime import UTC

    return datetime.now(UTC).date()


def _hint(url: str, source: Source) -> str:
    return (
        f"A simulated Cost Explorer, its today is {source.today}. Ctrl-C ends it. In another terminal:\n"
        f"  export AWS_ENDPOINT_URL_COST_EXPLORER={url}\n"
        "  export AWS_ACCESS_KEY_ID=simulated AWS_SECRET_ACCESS_KEY=simulated\n"
        # boto3 and the AWS CLI 1 read the one, the other SDKs and the AWS CLI 2 the other.
        "  export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1"
    )


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt


class _Failed(click.ClickException):
    """One line on stderr; something outside is in the way."""

    exit_code = 1


class _Misused(click.ClickException):
    """One line on stderr; the command was asked for something that cannot be."""

    exit_code = 2
