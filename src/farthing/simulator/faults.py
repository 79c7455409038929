"""Faults on request: what goes wrong, with which request, and how often. Deterministic, no I/O, no clock.

A fault is written `KIND` or `KIND:KEY=VALUE,...`, for instance `throttle:times=3` or `latency:seconds=2`; `KINDS`
has them all. Faults wait in the order in which they were set: of those that replace the answer, the first that is due
happens, the others stay for a later request. Latency and restatements come on top.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any

from farthing.simulator.errors import ServiceError

FOREVER = "forever"
OPERATIONS = ("GetCostAndUsage", "GetCostForecast", "GetDimensionValues", "GetTags")
LONGEST_SECONDS = 600
MOST_FAULTS = 100


class FaultError(ValueError):
    """A fault that cannot be; the message is one line and names what can be."""


class Effect(Enum):
    """What a fault does to a request."""

    REFUSE = "an error instead of an answer"
    DELAY = "the answer comes later"
    TRUNCATE = "the answer ends before its Content-Length"
    GARBAGE = "an HTML page instead of an answer"
    RESET = "the connection is reset before an answer"
    REPEAT = "the page before is answered again"
    RESTATE = "old days cost something else from now on"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: its effect, whether it lasts unless `times` is given, and the keys that it takes."""

    effect: Effect
    lasts: bool = False
    keys: tuple[str, ...] = ("operation", "on", "times")
    error: tuple[str, str, int] | None = None


def _refusal(code: str, message: str, status: int = 400, *, lasts: bool = False) -> Kind:
    return Kind(Effect.REFUSE, lasts, error=(code, message, status))


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "throttle": _refusal("ThrottlingException", "Rate exceeded"),
        "limit-exceeded": _refusal("LimitExceededException", "Rate limit exceeded"),
        "status-500": _refusal("InternalServerException", "An internal server error occurred.", 500),
        "status-503": _refusal("ServiceUnavailableException", "Service is unavailable. Please try again later.", 503),
        "expired-token": _refusal(
            "ExpiredTokenException", "The security token included in the request is expired", lasts=True
        ),
        "access-denied": _refusal(
            "AccessDeniedException",
            "User: arn:aws:iam::000000000000:user/simulated is not authorized to perform: ce:{operation} on resource: "
            "arn:aws:ce:us-east-1:000000000000:/{operation} because no identity-based policy allows the "
            "ce:{operation} action",
            lasts=True,
        ),
        "data-unavailable": _refusal(
            "DataUnavailableException",
            "Data is not available. Please try to adjust the time period. If just enabled Cost Explorer, data might "
            "not be ingested yet",
        ),
        "request-changed": _refusal("RequestChangedException", "The request parameters changed between pages."),
        "latency": Kind(Effect.DELAY, lasts=True, keys=("operation", "on", "times", "seconds")),
        "truncated": Kind(Effect.TRUNCATE),
        "garbage": Kind(Effect.GARBAGE, keys=("operation", "on", "times", "status")),
        "reset": Kind(Effect.RESET),
        "repeat-page": Kind(Effect.REPEAT),
        "restatement": Kind(Effect.RESTATE, lasts=True, keys=("on", "factor", "older-than")),
    }
)
"""Every fault by its name."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as it was asked for.

    Args:
        kind: its name in KINDS.
        on: the first request that it may happen to, counted from 1 since it was set.
        times: how often it happens; None: always.
        operation: the only operation that it happens to and counts; None: any.
        seconds: how long a latency is.
        status: the HTTP status of garbage.
        factor: what a restatement multiplies costs and quantities by.
        older_than: the least age in days of a day that is restated.
    """

    kind: str
    on: int = 1
    times: int | None = 1
    operation: str | None = None
    seconds: Decimal = Decimal(1)
    status: int = 200
    factor: Decimal = Decimal("1.1")
    older_than: int = 3

    @property
    def effect(self) -> Effect:
        """What it does."""
        return KINDS[self.kind].effect

    def __str__(self) -> str:
        """As it would be written, with every key that its kind takes."""
        values: dict[str, object] = {
            "operation": self.operation,
            "on": self.on,
            "times": FOREVER if self.times is None else self.times,
            "seconds": self.seconds,
            "status": self.status,
            "factor": self.factor,
            "older-than": self.older_than,
        }
        shown = [f"{key}={values[key]}" for key in KINDS[self.kind].keys if values[key] is not None]
        return f"{self.kind}:{','.join(shown)}"

    def refusal(self, operation: str) -> ServiceError:
        """The error of a fault that refuses."""
        code, message, status = KINDS[self.kind].error or ("InternalFailure", self.kind, 500)
        return ServiceError(code, message.replace("{operation}", operation), status)


def parse_fault(text: str) -> Fault:
    """A fault out of `KIND:KEY=VALUE,...`. Raises FaultError."""
    kind, colon, rest = text.partition(":")
    options: dict[str, str] = {}
    for part in rest.split(",") if colon else ():
        key, equals, value = part.partition("=")
        if not equals:
            raise FaultError(f"{text!r}: {part!r} is not KEY=VALUE")
        if key in options:
            raise FaultError(f"{text!r}: {key} is given twice")
        options[key] = value
    return _make(kind, options, text)


def read_fault(value: object) -> Fault:
    """A fault out of JSON: the text, or an object with `kind` and the same keys. Raises FaultError."""
    if isinstance(value, str):
        return parse_fault(value)
    if isinstance(value, dict) and isinstance(value.get("kind"), str):
        options = {str(key): _plain(part) for key, part in value.items() if key != "kind" and part is not None}
        return _make(value["kind"], options, value["kind"])
    raise FaultError("a fault is a text such as 'throttle:times=3', or an object with a kind")


def _plain(value: object) -> str:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else repr(value)


def _make(kind: str, options: Mapping[str, str], text: str) -> Fault:
    if kind not in KINDS:
        raise FaultError(f"{kind!r} is no fault; there are {', '.join(sorted(KINDS))}")
    known = KINDS[kind].keys
    values: dict[str, Any] = {"times": None} if KINDS[kind].lasts else {}
    for key, value in options.items():
        if key not in known:
            raise FaultError(f"{text!r}: {kind} has no {key!r}; it takes {', '.join(known)}")
        try:
            values[key.replace("-", "_")] = _READERS[key](value)
        except ValueError as error:
            raise FaultError(f"{text!r}: {key} is {value!r}, not {error}") from None
    return Fault(kind, **values)


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return read


def _decimal(least: str, most: str) -> Callable[[str], Decimal]:
    def read(text: str) -> Decimal:
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) or not Decimal(least) <= Decimal(text) <= Decimal(most):
            raise ValueError(f"a number from {least} to {most} with at most 6 decimals")
        return Decimal(text)

    return read


def _read_times(text: str) -> int | None:
    if text == FOREVER:
        return None
    try:
        return _whole(1, 10**9)(text)
    except ValueError:
        raise ValueError(f"a whole number from 1 on, or {FOREVER}") from None


def _read_operation(text: str) -> str:
    if text not in OPERATIONS:
        raise ValueError(f"one of {', '.join(OPERATIONS)}")
    return text


_READERS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "operation": _read_operation,
        "on": _whole(1, 10**9 - 1),
        "times": _read_times,
        "seconds": _decimal("0", str(LONGEST_SECONDS)),
        "status": _whole(200, 599),
        "factor": _decimal("0", "1000"),
        "older-than": _whole(0, 10**5),
    }
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to happen to one request: the fault that takes its answer's place (if any), and how long it waits."""

    fault: Fault | None = None
    seconds: float = 0.0


class _Waiting:
    """A fault with what it has seen."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.happened = 0

    @property
    def due(self) -> bool:
        times = self.fault.times
        return self.seen >= self.fault.on and (times is None or self.happened < times)


class Faults:
    """The faults that are set. Not safe to share between threads by itself: the simulator asks under its own lock."""

    def __init__(self) -> None:
        self.version = 0
        """Another number, other amounts: it counts restatements that began or were taken away."""
        self._waiting: list[_Waiting] = []

    def set(self, faults: Sequence[Fault]) -> None:
        """Adds faults after those that are there. Raises FaultError for more than MOST_FAULTS."""
        if len(self._waiting) + len(faults) > MOST_FAULTS:
            raise FaultError(f"more than {MOST_FAULTS} faults are set: clear them first")
        self._waiting += [_Waiting(fault) for fault in faults]

    def clear(self) -> None:
        """Takes every fault away, and every restatement back."""
        self._waiting.clear()
        self.version += 1

    def listed(self) -> list[dict[str, Any]]:
        """Every fault that is set, as JSON: how it is written, and how often it happened."""
        return [{"fault": str(each.fault), "happened": each.happened} for each in self._waiting]

    def next(self, operation: str, *, repeatable: bool) -> Verdict:
        """Counts a request and says what happens to it. `repeatable`: there is a page that can come again."""
        chosen: Fault | None = None
        seconds = Decimal(0)
        for each in self._waiting:
            fault = each.fault
            if fault.operation not in (None, operation):
                continue
            each.seen += 1
            if not each.due:
                continue
            if fault.effect is Effect.RESTATE:
                self.version += not each.happened
                each.happened = 1
            elif fault.effect is Effect.DELAY:
                each.happened += 1
                seconds += fault.seconds
            elif chosen is None and (repeatable or fault.effect is not Effect.REPEAT):
                each.happened += 1
                chosen = fault
        return Verdict(chosen, min(float(seconds), float(LONGEST_SECONDS)))

    def factor(self, age: int) -> tuple[int, int]:
        """What a day of this age in days is multiplied by now, as numerator and denominator."""
        above, below = 1, 1
        for each in self._waiting:
            fault = each.fault
            if fault.effect is Effect.RESTATE and each.happened and age >= fault.older_than:
                numerator, denominator = fault.factor.as_integer_ratio()
                above, below = above * numerator, below * denominator
        return above, below
