"""JSON as farthing writes it: sorted keys, plain decimals, UTC times; the same value gives the same bytes."""

from decimal import Decimal
from typing import Any

import msgspec

from farthing.model import plain


def _plainly(value: Any) -> Any:
    """Decimals become strings without exponent; msgspec's own spelling of 1E-7 would keep it."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict):
        return {key: _plainly(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plainly(part) for part in value]
    return value


def builtins(value: object) -> Any:
    """Frozen values as dicts, lists and strings, the way they stand in JSON."""
    return _plainly(msgspec.to_builtins(value, builtin_types=(Decimal,), str_keys=True))


def encode(value: object) -> bytes:
    """Deterministic JSON of any value of the model, or of dicts and lists of them."""
    return msgspec.json.encode(builtins(value), order="sorted")


def pretty(value: object) -> str:
    """The same for a person's eyes: indented."""
    return msgspec.json.format(encode(value), indent=2).decode()
