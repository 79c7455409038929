"""Pages as HTML: Jinja templates with every text escaped. The server and the static site use the same."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from hashlib import sha256
from itertools import groupby
from typing import Any

import jinja2
import msgspec
from markupsafe import Markup

from farthing.dashboard.frame import LABELS, Frame
from farthing.dashboard.views.cube import Cube
from farthing.dashboard.views.data import MEANINGS, DayTold
from farthing.jsontext import builtins
from farthing.model import Period
from farthing.wording import day_name, money, signed

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

EMPTY_LEDGER = Markup(
    "The ledger is empty. <code>farthing collect</code> asks AWS for the last days, <code>farthing backfill --months 13"
    "</code> brings history, and <code>farthing demo</code> shows a simulated organisation."
)


_NEGATIVE = re.compile(r"(?<![\w.)-])-(?=\d)")


class Month(msgspec.Struct, frozen=True):
    """A month of the calendar: ``blanks`` are the weekdays before its first day, from Monday."""

    label: str
    blanks: int
    days: tuple[DayTold, ...]


def render(page: str, frame: Frame, pages: Mapping[str, Any]) -> str:
    """One page.

    Args:
        page: its name, a key of LABELS.
        frame: what is around it.
        pages: the page data by page, those of other pages may be there too.
    """
    return _environment().get_template("page.html").render(page=page, title=LABELS[page], frame=frame, pages=pages)


def render_single(shown: Sequence[str], frame: Frame, pages: Mapping[str, Any], cube: Cube) -> str:
    """Several pages and their data as one document."""
    template = _environment().get_template("single.html")
    return template.render(shown=shown, page=shown[0], title=LABELS[shown[0]], frame=frame, pages=pages, cube=cube)


def render_waiting(page: str, frame: Frame) -> str:
    """The page that comes first where the figures take a while; its script fetches the other one."""
    return _environment().get_template("waiting.html").render(page=page, title=LABELS[page], frame=frame)


def render_error(frame: Frame, title: str, message: str) -> str:
    """A page that says what is wrong."""
    return _environment().get_template("error.html").render(page="", title=title, message=message, frame=frame)


def script_json(value: object) -> Markup:
    """A value as JSON that may stand in a script element: nothing in it ends the element."""
    text = msgspec.json.encode(builtins(value)).decode()
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)  # noqa: S704 - every character that HTML knows is escaped above


def inline_hash(text: str) -> str:
    """What a content security policy calls an inline script or style by."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def calendar(days: Sequence[DayTold]) -> list[Month]:
    """Days as months, the newest first."""
    found = []
    for (year, month), group in groupby(days, key=lambda one: (one.day.year, one.day.month)):
        told = tuple(group)
        found.append(Month(f"{MONTHS[month - 1]} {year}", told[0].day.weekday(), told))
    return found[::-1]


def span(period: Period) -> str:
    """A period with its last day."""
    last = period.end - timedelta(days=1)
    return day_name(period.start) if last == period.start else f"{day_name(period.start)} to {day_name(last)}"


def cents(amount: Decimal) -> str:
    """An amount to the cent, with thousands separators."""
    text = format(amount, ",.2f")
    return "0.00" if text == "-0.00" else typeset(text)


def typeset(text: str) -> str:
    """A text with the minus of figures, as the scripts of the pages write it, where it has a hyphen before a number.

    Names and dates keep their hyphens. Documents for programs and what the command line prints stay ASCII.
    """
    return _NEGATIVE.sub("\N{MINUS SIGN}", text)


def _time(moment: datetime) -> str:
    return f"{moment.day} {MONTHS[moment.month - 1][:3]} {moment:%H:%M}"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("farthing.dashboard"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "script_json": script_json,
        "day": lambda day: day_name(day) if isinstance(day, date) else day,
        "span": span,
        "money": lambda amount, currency: typeset(money(amount, currency or "")),
        "cents": cents,
        "signed": lambda amount: typeset(signed(amount)),
        "typeset": typeset,
        "inline_hash": inline_hash,
        "time": _time,
        "month": lambda day: f"{MONTHS[day.month - 1]} {day.year}",
        "percent": lambda part: typeset(f"{part:+,.1f} %"),
        "range": lambda period: f"{period.start}..{period.end}",
    }
    environment.globals |= {"calendar": calendar, "day_states": MEANINGS, "empty_ledger": EMPTY_LEDGER}
    return environment
