"""Tables for people, by rich. Imported only by commands that print one, when they do.

Names come from bills, so they are shown as they are: no markup is read in them, and no control character
reaches the terminal. Amounts are rounded here and nowhere before.
"""

import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def printable(text: str) -> str:
    """A text without the characters that move a cursor, change colours or turn the direction of writing."""
    return "".join(char if char.isprintable() else " " if char.isspace() else "\ufffd" for char in text)


Cell = str | tuple[str, ...]
"""A text, or one for each line."""


def _text(cell: Cell) -> Text:
    return Text("\n".join(map(printable, (cell,) if isinstance(cell, str) else cell)))


def cents(amount: Decimal) -> str:
    """An amount for a column of a table: thousands separators, two decimals whatever its size, never '-0.00'."""
    text = format(amount, ",.2f")
    return "0.00" if text == "-0.00" else text


def console(*, stderr: bool = False) -> Console:
    """Where to print: stdout, or stderr. Colours only on a terminal, and not with NO_COLOR."""
    return Console(file=sys.stderr if stderr else sys.stdout, highlight=False, markup=False, emoji=False)


def table(
    headers: Sequence[Cell],
    names: int,
    rows: Iterable[Sequence[Cell]],
    footer: Sequence[str] = (),
) -> Table:
    """A table that fits the terminal: long names go over several lines, figures (right-aligned) stay whole.

    Args:
        headers: one cell for each column.
        names: how many columns, from the left, hold names; the others hold figures.
        rows: one cell for each column, already rounded.
        footer: a last row in bold under a line, such as the total; none if empty.
    """
    made = Table(
        box=box.SIMPLE_HEAD,
        show_footer=bool(footer),
        header_style="bold",
        footer_style="bold",
        pad_edge=False,
    )
    for place, header in enumerate(headers):
        made.add_column(
            _text(header),
            Text(printable(footer[place])) if footer else "",
            justify="left" if place < names else "right",
            no_wrap=place >= names,
            overflow="fold",
        )
    for row in rows:
        made.add_row(*map(_text, row))
    return made
