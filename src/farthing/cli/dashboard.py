"""`farthing dashboard`: the ledger in a browser."""

import secrets
import threading
import webbrowser
from typing import TYPE_CHECKING

import click

from farthing.cli._context import current_app
from farthing.errors import UsageError

if TYPE_CHECKING:
    from types import FrameType

    from farthing.app import App
    from farthing.settings import Secret

HOST, PORT = "127.0.0.1", 8321
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command("dashboard", short_help="The ledger in a browser.")
@click.option(
    "--host", default=HOST, show_default=True, help="The address to listen on; beyond this machine it asks for a token."
)
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 picks a free one.")
@click.option(
    "--allow-host",
    "names",
    multiple=True,
    metavar="NAME",
    help="A further name that readers may know this server by. Repeat it.",
)
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
def command(host: str, port: int, names: tuple[str, ...], no_open: bool) -> int:
    """Show the costs in the ledger in a browser, until Ctrl-C. Reads only, and asks AWS's Cost Explorer nothing.

    On another address than this machine's own it asks every reader for a token: FARTHING_DASHBOARD_TOKEN, or one that
    it makes and prints.
    """
    serve(current_app(), host, port, names, open_browser=not no_open)
    return 0


def serve(app: "App", host: str, port: int, names: tuple[str, ...] = (), *, open_browser: bool) -> None:
    """Serves until it is stopped.

    Raises:
        UsageError: the address cannot be listened on.
    """
    import socket

    import uvicorn

    from farthing.dashboard.assets import TYPES, asset
    from farthing.dashboard.pages import Pages
    from farthing.dashboard.reading import Reading
    from farthing.dashboard.server import application

    for name in TYPES:
        asset(name)
    token = _token(app.settings.dashboard_token, host)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)  # whoever opens the printed address waits, instead of being refused
    except OSError as error:
        listening.close()
        raise UsageError(
            f"{host}:{port} cannot be listened on ({error.strerror or error}): take another --port"
        ) from error
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listening.getsockname()[1]}/"
    reading = Reading(app)
    hosts = frozenset({*LOOPBACK, host.lower(), *(name.lower() for name in names)})
    pages = Pages(reading)
    application_ = application(pages, hosts=hosts, token=token)

    class Server(uvicorn.Server):
        """uvicorn's, which says when it is to end: questions that run would hold it up."""

        def handle_exit(self, sig: int, frame: "FrameType | None") -> None:
            application_.state.working.end()
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        application_,
        log_config=None,
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=16_384,
        timeout_graceful_shutdown=2,
    )
    address = f"{url}?token={token}" if token else url
    click.echo(f"farthing's dashboard: {address}  (Ctrl-C ends it)")
    reading.behind(lambda: _warm(pages))
    if open_browser:
        threading.Timer(0.3, webbrowser.open, [address]).start()
    try:
        Server(config).run(sockets=[listening])
    finally:
        listening.close()
        reading.close()


def _token(given: "Secret | None", host: str) -> str | None:
    if given is not None:
        return given.reveal()
    return None if host in LOOPBACK else secrets.token_urlsafe(24)


def _warm(pages: object) -> None:
    """Makes what the first page asks for; what is wrong is said by that page."""
    from farthing.dashboard.api import CubeAsked, cube
    from farthing.dashboard.pages import Pages
    from farthing.errors import FarthingError

    assert isinstance(pages, Pages)  # noqa: S101
    try:
        source = pages.source("live")
        days = {"start": source["start"], "end": source["end"]}
        metric = tuple(source["base"])
        cube(pages, CubeAsked(**days, by=tuple(source["baseColumns"]), metric=metric))
        for column in source["apart"]:
            cube(pages, CubeAsked(**days, by=(column,), metric=metric[:1]))
        pages.told("overview")
    except FarthingError:
        return
