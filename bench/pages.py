"""Tables in Markdown, and their place in a page."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def put(page: Path, name: str, text: str) -> None:
    """Replaces what stands between the markers `<!-- name -->` and `<!-- /name -->` of a page.

    Raises:
        ValueError: the page has no such markers.
    """
    old = page.read_text(encoding="utf-8")
    place = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)", re.DOTALL)
    new, times = place.subn(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", old)
    if times != 1:
        raise ValueError(f"{page} needs the markers of {name} once, it has them {times} times")
    page.write_text(new, encoding="utf-8")


def picture(page: Path, name: str, alt: str, drawn: str) -> str:
    """Writes a picture beside a page; gives the Markdown that shows it."""
    (page.parent / name).write_text(drawn, encoding="utf-8")
    return f"![{alt}]({name})"
