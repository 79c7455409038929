"""A table of farthing.toml, read key by key: what is wrong is added to a list, so that all of it is told at once."""

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from farthing.errors import AmountError, UsageError
from farthing.model import parse_amount
from farthing.query.model import Filter
from farthing.query.selection import parse_selection

_CURRENCY = re.compile(r"[A-Z]{3}")


class TableReader:
    """One table.

    Args:
        table: what stands there.
        where: what it is called in a sentence: 'budget 2 in farthing.toml'.
        keys: those that it may have.
        problems: takes what is wrong, a sentence each.
    """

    def __init__(self, table: Mapping[str, Any], where: str, keys: Sequence[str], problems: list[str]) -> None:
        self._table = table
        self.where = where
        self._problems = problems
        self._before = len(problems)
        for key in table:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, n=1)
                hint = f" (did you mean {near[0]}?)" if near else f": there are {', '.join(keys)}"
                self.problem(f"{where} has an unknown key {key!r}{hint}")

    def problem(self, sentence: str) -> None:
        """Adds what is wrong."""
        self._problems.append(sentence)

    @property
    def is_fine(self) -> bool:
        """Whether nothing was wrong with this table so far."""
        return len(self._problems) == self._before

    def text(self, key: str, *, required: bool = False) -> str | None:
        """A text that is not empty."""
        value = self._table.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is not None:
            self.problem(f"{key} of {self.where} must be a text in quotes, not {value!r}")
        elif required:
            self.problem(f"{self.where} needs {key}, a text in quotes")
        return None

    def currency(self, key: str) -> str | None:
        """A currency's three letters."""
        text = self.text(key)
        if text is not None and not _CURRENCY.fullmatch(text):
            self.problem(f"{key} of {self.where} must be three letters such as USD, not {text!r}")
        return text

    def choice(self, key: str, choices: Collection[str], default: str) -> str:
        """One of some words."""
        value = self._table.get(key, default)
        if not isinstance(value, str) or value not in choices:
            near = difflib.get_close_matches(str(value), choices, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            self.problem(f"{key} of {self.where} must be one of {', '.join(choices)}, not {value!r}{hint}")
            return default
        return str(value)

    def amount(self, key: str) -> Decimal | None:
        """An amount of money above zero."""
        return self.above_zero(self._table[key], f"{key} of {self.where}") if key in self._table else None

    def above_zero(self, value: object, what: str) -> Decimal | None:
        """A value as an amount above zero; a sentence begins with ``what`` where it is none."""
        try:
            if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
                raise AmountError(f"{value!r} is not an amount")
            amount = parse_amount(str(value))
        except AmountError as error:
            self.problem(f"{what}: {error}")
            return None
        if amount <= 0:
            self.problem(f"{what} must be above zero, not {value}")
            return None
        return amount

    def amounts(self, key: str) -> dict[str, Decimal]:
        """A table of amounts above zero."""
        value = self._table.get(key, {})
        if not isinstance(value, Mapping):
            self.problem(f'{key} of {self.where} must be a table, such as {{ "2026-11" = 900 }}')
            return {}
        found = {name: self.above_zero(part, f"{key} {name} of {self.where}") for name, part in value.items()}
        return {name: amount for name, amount in found.items() if amount is not None}

    def whole(self, key: str, least: int, most: int) -> int | None:
        """A whole number between two, both included."""
        value = self._table.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and least <= value <= most):
            return value
        self.problem(f"{key} of {self.where} must be a whole number from {least} to {most}, not {value!r}")
        return None

    def day(self, key: str, *, required: bool = False) -> date | None:
        """A day, as TOML writes it or as a text."""
        value = self._table.get(key)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        if value is not None or required:
            said = f", not {value!r}" if value is not None else ""
            self.problem(f"{key} of {self.where} must be a day like 2026-11-23{said}")
        return None

    def numbers(self, key: str, default: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
        """A list of numbers above zero, in ascending order, each once; it may be empty."""
        if key not in self._table:
            return default
        value = self._table[key]
        if not isinstance(value, list):
            self.problem(f"{key} of {self.where} must be a list of numbers, such as [80, 100]")
            return default
        found = [self.above_zero(part, f"{key} of {self.where}") for part in value]
        return tuple(sorted({number for number in found if number is not None}))

    def filters(self, key: str, columns: tuple[str, ...]) -> tuple[str, tuple[Filter, ...]]:
        """A text in the grammar of ``--where`` on these columns, and the filters that it spells."""
        text = self.text(key)
        if text is None:
            return "", ()
        try:
            return text, parse_selection(text, columns)
        except UsageError as error:
            self.problem(f"{key} of {self.where}: {error}")
            return text, ()


def tables_in(value: Sequence[Any], name: str, where: str, problems: list[str]) -> list[tuple[str, Mapping[str, Any]]]:
    """Each table of an array of tables with what it is called in a sentence.

    Args:
        value: what stands in the file.
        name: of one of them: 'budget'.
        where: the file's name.
        problems: takes what is no table.
    """
    found = []
    for number, table in enumerate(value, 1):
        if isinstance(table, Mapping):
            found.append((f"{name} {number} in {where}", table))
        else:
            plural = name if name.endswith("s") else f"{name}s"
            problems.append(f"{name} {number} in {where} must be a table: write [[{plural}]] above it")
    return found


def same_names(names: Sequence[str], what: str, where: str, problems: list[str]) -> None:
    """Adds a sentence for each name that stands there twice, in whatever case."""
    folded = [name.casefold() for name in names]
    for name in sorted({name for name in names if folded.count(name.casefold()) > 1}, key=str.casefold):
        problems.append(f"two {what} in {where} are named {name!r}: a name tells alerts apart, give each its own")
