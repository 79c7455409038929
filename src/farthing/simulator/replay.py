"""A recorded GetCostAndUsage answer as a source: the simulator says again what AWS once said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

from farthing.simulator.expression import LEAF_FIELDS
from farthing.simulator.organisation import Leaf
from farthing.simulator.source import METRICS, Amounts, RecordedAmount

NO_ACCOUNT = "000000000000"
_DAY = timedelta(days=1)


DECIMALS = 30
_EXACT = Context(prec=400)
_LARGEST_EXPONENT = 30
_NUMBER = re.compile(r"[+-]?([0-9]{1,100}(\.[0-9]{0,100})?|\.[0-9]{1,100})([eE][+-]?[0-9]{1,4})?")


class ReplayError(ValueError):
    """The file cannot be replayed; the message names it and says what is wrong."""


class Replay:
    """A recorded DAILY answer. `today` is its last End; days that were not recorded are not answered.

    Amounts may have DECIMALS decimals: more than farthing keeps, so that refusing them can be tried.

    Dimensions that were not recorded do not apply, except the account, which is NO_ACCOUNT for all.
    """

    decimals: int = DECIMALS

    def __init__(
        self,
        today: date,
        metrics: Sequence[str],
        leaves: Sequence[Leaf],
        account_names: Mapping[str, str],
        days: Mapping[date, tuple[bool, Sequence[tuple[int, Amounts]]]],
        currency: str = "USD",
    ) -> None:
        """See the class; `days` holds (Estimated, lines) per recorded day. Use `read` or `parse` to make one."""
        self.today = today
        self.metrics = tuple(metrics)
        self.leaves = tuple(leaves)
        self.account_names = dict(account_names)
        self._days = dict(days)
        self.currency = currency

    @property
    def first_day(self) -> date:
        """The first recorded day."""
        return min(self._days)

    def recorded(self, day: date) -> bool:
        """Whether the file has this day."""
        return day in self._days

    def estimated(self, day: date) -> bool:
        """As recorded."""
        return self._days[day][0]

    def amounts(self, day: date) -> Iterator[tuple[int, Amounts]]:
        """The day's lines, each amount with its recorded spelling."""
        yield from self._days[day][1] if day in self._days else ()


def read(path: Path) -> Replay:
    """Read a file: one answer, a list of pages, or one page per line. Raises ReplayError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ReplayError(f"{path}: cannot be read: {reason}") from error
    try:
        return parse(text)
    except ReplayError as error:
        raise ReplayError(f"{path}: {error}") from error


def parse(text: str) -> Replay:
    """The same for text; messages do not name a file. Raises ReplayError."""
    pages = _pages(text)
    maker = _Maker()
    for number, page in enumerate(pages, 1):
        try:
            maker.take(page)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise ReplayError(f"page {number} is not a GetCostAndUsage answer ({_reason(error)})") from error
    return maker.finish()


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _pages(text: str) -> list[Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            document = [json.loads(line) for line in lines]
        except (ValueError, RecursionError):
            document = []
        if not document:
            raise ReplayError(f"not JSON: {error}") from error
    pages = document if isinstance(document, list) else [document]
    if not pages or not all(isinstance(page, dict) and "ResultsByTime" in page for page in pages):
        raise ReplayError("no ResultsByTime: not a GetCostAndUsage answer")
    return pages


class _Maker:
    """Collects pages; a day may come in parts, a group of a day only once."""

    def __init__(self) -> None:
        self._leaves: dict[tuple[str, ...], int] = {}
        self._made: list[Leaf] = []
        self._names: dict[str, str] = {}
        self._lines: dict[date, dict[int, tuple[dict[str, RecordedAmount], str]]] = {}
        self._estimated: dict[date, bool] = {}
        self._metrics: set[str] | None = None
        self._currency: str | None = None
        self._shape: tuple[tuple[str, str], ...] | None = None

    def take(self, page: Mapping[str, Any]) -> None:
        given = page.get("GroupDefinitions") or None
        shape = tuple((str(item["Type"]), str(item["Key"])) for item in given) if given else None
        for item in page.get("DimensionValueAttributes") or ():
            if name := item.get("Attributes", {}).get("description"):
                self._names[item["Value"]] = name
        for result in page["ResultsByTime"]:
            self._take_day(result, shape)

    def _take_day(self, result: Mapping[str, Any], shape: tuple[tuple[str, str], ...] | None) -> None:
        start, end = (_date(result["TimePeriod"][name]) for name in ("Start", "End"))
        if end - start != _DAY:
            raise ReplayError(f"{start} to {end} is not one day: only a DAILY answer can be replayed")
        lines = self._lines.setdefault(start, {})
        self._estimated[start] = bool(result.get("Estimated", False)) or self._estimated.get(start, False)
        groups = result.get("Groups") or []
        if not groups and not shape and result.get("Total"):
            groups = [{"Keys": [], "Metrics": result["Total"]}]
        for group in groups:
            keys = tuple(group["Keys"])
            if not all(isinstance(key, str) for key in keys):
                raise ReplayError(f"{start}: a group's Keys are not strings")
            if shape is not None and len(shape) != len(keys):
                raise ReplayError(f"{start}: a group has {len(keys)} keys, not the {len(shape)} of GroupDefinitions")
            leaf = self._leaf(keys, shape or tuple(_guess(key) for key in keys))
            if leaf in lines:
                raise ReplayError(f"{start}: {', '.join(keys) or 'the total'} is recorded twice")
            lines[leaf] = self._read_metrics(group["Metrics"], f"{start}, {', '.join(keys) or 'total'}")

    def _read_metrics(self, metrics: Mapping[str, Any], where: str) -> tuple[dict[str, RecordedAmount], str]:
        amounts = {name: _amount(metrics[name]["Amount"], f"{where}, {name}") for name in metrics}
        if unknown := set(amounts) - set(METRICS):
            raise ReplayError(f"{where}: unknown metric {min(unknown)}")
        if self._metrics is None:
            self._metrics = set(amounts)
        if self._metrics != set(amounts):
            raise ReplayError(f"{where}: has not the same metrics as the groups before")
        for name in METRICS[:5]:
            unit = metrics[name].get("Unit", "USD") if name in metrics else self._currency
            if self._currency is not None and unit != self._currency:
                raise ReplayError(
                    f"{where}: in {unit}, the groups before in {self._currency}; one answer has one currency"
                )
            self._currency = unit
        return amounts, str(metrics.get("UsageQuantity", {}).get("Unit", "N/A"))

    def _leaf(self, keys: tuple[str, ...], shape: tuple[tuple[str, str], ...]) -> int:
        if self._shape is not None and keys and len(self._shape) != len(shape):
            raise ReplayError("the pages are not grouped alike")
        self._shape = shape or self._shape
        if keys not in self._leaves:
            self._leaves[keys] = len(self._made)
            self._made.append(_make_leaf(keys, shape))
        return self._leaves[keys]

    def finish(self) -> Replay:
        if not self._lines:
            raise ReplayError("ResultsByTime is empty")
        metrics = [name for name in METRICS if name in (self._metrics or ())]
        days = {}
        for day, lines in self._lines.items():
            made = []
            for leaf, (amounts, unit) in lines.items():
                row = tuple(amounts.get(name, 0) for name in METRICS)
                made.append((leaf, row))
                self._made[leaf] = replace(self._made[leaf], unit=unit)
            days[day] = (self._estimated[day], made)
        return Replay(max(days) + _DAY, metrics, self._made, self._names, days, self._currency or "USD")  # type: ignore[arg-type]


def _guess(key: str) -> tuple[str, str]:
    """What a key without GroupDefinitions stands for: twelve digits are an account, all else a service."""
    return ("DIMENSION", "LINKED_ACCOUNT" if re.fullmatch("[0-9]{12}", key) else "SERVICE")


def _make_leaf(keys: tuple[str, ...], shape: tuple[tuple[str, str], ...]) -> Leaf:
    fields: dict[str, str] = {"account": NO_ACCOUNT}
    tags: list[tuple[str, str]] = []
    categories: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for key, (kind, name) in zip(keys, shape, strict=True):
        if kind in ("TAG", "COST_CATEGORY"):
            value = key.partition("$")[2]
            if value:
                (tags if kind == "TAG" else categories).append((name, value))
        elif name in LEAF_FIELDS:
            fields[LEAF_FIELDS[name]] = key
        else:
            others.append((name, key))
    return Leaf(tags=tuple(tags), categories=tuple(categories), others=tuple(others), **fields)


def _date(text: Any) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise ReplayError(f"{text!r} is not a day: only a DAILY answer can be replayed") from None


def _amount(text: Any, where: str) -> RecordedAmount:
    if not isinstance(text, str):
        raise ReplayError(f"{where}: amount {text!r} is not a decimal string")
    try:
        return RecordedAmount(scaled(text), text)
    except ValueError as error:
        raise ReplayError(f"{where}: amount {text!r} is not {error}") from None


def scaled(text: str) -> int:
    """An amount as an integer of 10**-DECIMALS, exactly.

    Raises ValueError, which says what an amount has to be.
    """
    if not _NUMBER.fullmatch(text):
        raise ValueError("a decimal number")
    value = Decimal(text)
    if value.adjusted() > _LARGEST_EXPONENT:
        raise ValueError(f"below 10**{_LARGEST_EXPONENT + 1}")
    whole = value.scaleb(DECIMALS, _EXACT)
    if whole != whole.to_integral_value(context=_EXACT):
        raise ValueError(f"of at most {DECIMALS} decimals")
    return int(whole)
