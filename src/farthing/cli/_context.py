"""What the commands share: the app of this call, messages on the screen, progress."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

import click

from farthing.app import App, open_app

if TYPE_CHECKING:
    from rich.console import Console


def current_app(*, required: tuple[str, ...] = (), previews_to_stderr: bool = False) -> App:
    """The app of this call, opened from its flags, environment and farthing.toml when first asked for."""
    state = click.get_current_context().find_root().obj
    if "app" not in state:
        preview = _shown_on_stderr if previews_to_stderr else _shown_on_stdout
        state["app"] = open_app(state["environment"], preview=preview, required=required)
    app: App = state["app"]
    return app


def use_app(environment: dict[str, str]) -> App:
    """Opens the app of this call from another environment: for commands that bring their own."""
    state = click.get_current_context().find_root().obj
    state["environment"] = environment
    state.pop("app", None)
    return current_app()


def _shown_on_stdout(text: str) -> None:
    show_message(text, console())


def _shown_on_stderr(text: str) -> None:
    show_message(text, console(stderr=True))


def console(*, stderr: bool = False) -> "Console":
    """A rich console; NO_COLOR and a pipe switch colours off."""
    from rich.console import Console

    return Console(file=sys.stderr if stderr else sys.stdout, highlight=False, soft_wrap=False)


def show_message(text: str, to: "Console") -> None:
    """A message as it would be sent, in a frame."""
    from rich.panel import Panel
    from rich.text import Text

    to.print(Panel(Text(text), title="what would be sent (no Slack webhook is set)", title_align="left", expand=False))


@contextmanager
def progress(
    description: str, days: int | None = None
) -> Iterator[tuple[Callable[[int, int], None], Callable[[date], None]]]:
    """A progress bar on stderr while a run works; silent where stderr is no terminal.

    Yields:
        The run's two callbacks: after each page, and after each day.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    to = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=to, transient=True, disable=not to.is_terminal) as bar:
        task = bar.add_task(description, total=days)

        def on_page(pages: int, groups: int) -> None:
            bar.update(task, description=f"{description}: {pages} page(s), {groups:,} rows")

        def on_day(day: date) -> None:
            bar.update(task, advance=1, description=f"{description}: {day}")

        yield on_page, on_day
