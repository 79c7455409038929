"""The protocol's shapes, as botocore's own model of Cost Explorer has them: what a request may hold at all.

The model is read once, when the first request comes. What the members mean is judged in `request`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from farthing.simulator.errors import ServiceError, invalid, violated

if TYPE_CHECKING:
    from botocore.model import ServiceModel, StructureShape

OPERATIONS: Mapping[str, str] = MappingProxyType(
    {
        "GetCostAndUsage": "get_cost_and_usage",
        "GetCostForecast": "get_cost_forecast",
        "GetDimensionValues": "get_dimension_values",
        "GetTags": "get_tags",
    }
)
"""What is simulated: the operation's name and its method's."""

_DEEPEST = 200  # nested structures and lists; the deepest filter that is answered has far fewer


@cache
def service_model() -> ServiceModel:
    """Botocore's model of Cost Explorer."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model("ce", "service-2"), "ce")


def input_shape(operation: str) -> StructureShape:
    """What botocore allows in the operation's request."""
    shape = service_model().operation_model(operation).input_shape
    if shape is None:
        raise ValueError(f"{operation} takes no input")
    return shape


def output_shape(operation: str) -> StructureShape:
    """What botocore reads of the operation's answer."""
    shape = service_model().operation_model(operation).output_shape
    if shape is None:
        raise ValueError(f"{operation} has no output")
    return shape


def check(operation: str, request: object) -> dict[str, Any]:
    """The request without its nulls, which the JSON protocol takes for absent.

    Raises ServiceError: SerializationException for a wrong type or an unknown member, ValidationException for a
    member that is missing, too short, too long or not of its enum.
    """
    from botocore.validate import ParamValidator

    shape = input_shape(operation)
    given: Any = _without_nulls(request, 0)
    report = ParamValidator().validate(given, shape)
    if report.has_errors():
        text = report.generate_report()
        malformed, missing = _findings(text)
    else:
        text, malformed, missing = "", [], []
    if malformed or not isinstance(given, dict):
        raise ServiceError("SerializationException", malformed[0] if malformed else "The request must be a structure")
    if violations := [*missing, *_constraints(given, shape, "")]:
        raise violated(violations)
    if text:
        raise invalid(text.splitlines()[0])
    return given


def _findings(report: str) -> tuple[list[str], list[str]]:
    """(what is malformed, what is missing), out of botocore's report and worded as the service would."""
    malformed = [
        f"{where} must be {_KINDS.get(kinds.split(',')[0], kinds)}" for where, kinds in _WRONG_TYPE.findall(report)
    ]
    malformed += [f"{where} has no member {name[:80]}" for where, name in _UNKNOWN.findall(report)]
    missing = [
        f"Value null at '{_member(name if where == 'input' else f'{where}.{name}')}' failed to satisfy constraint: "
        "Member must not be null"
        for where, name in _MISSING.findall(report)
    ]
    return malformed, missing


_WRONG_TYPE = re.compile(
    r"^Invalid type for parameter ([^\n]*?), value: .*?, type: <class [^\n]*>, valid types: ([^\n]*)$",
    re.MULTILINE | re.DOTALL,
)
_UNKNOWN = re.compile(r'^Unknown parameter in ([^\n]*?): "(.*?)", must be one of: ', re.MULTILINE | re.DOTALL)
_MISSING = re.compile(r'^Missing required parameter in ([^\n]*?): "([^\n]*)"$', re.MULTILINE)
_KINDS = {
    "<class 'str'>": "a string",
    "<class 'int'>": "an integer",
    "<class 'dict'>": "a structure",
    "<class 'list'>": "a list",
}


def _without_nulls(value: object, depth: int) -> object:
    if depth > _DEEPEST:
        raise invalid("Expression is nested too deeply")
    if isinstance(value, Mapping):
        return {key: _without_nulls(part, depth + 1) for key, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(part, depth + 1) for part in value]
    return value


def _constraints(value: Any, shape: Any, where: str) -> Iterator[str]:
    """Enums, lengths and ranges: botocore leaves all but the least of them to the service."""
    match shape.type_name, value:
        case "structure", dict():
            for name, member in shape.members.items():
                if name in value:
                    yield from _constraints(value[name], member, f"{where}.{name}")
        case "list", list():
            for place, part in enumerate(value, 1):
                yield from _constraints(part, shape.member, f"{where}.{place}.member")
            yield from _limits(value, len(value), shape, "length", where)
        case "string", str():
            if shape.enum and value not in shape.enum:
                yield _violation(value, where, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
            yield from _limits(value, len(value), shape, "length", where)
        case "integer", int():
            yield from _limits(value, value, shape, "value", where)


def _limits(value: object, size: int, shape: Any, what: str, where: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield _violation(value, where, f"Member must have {what} greater than or equal to {least}")
    if most is not None and size > most:
        yield _violation(value, where, f"Member must have {what} less than or equal to {most}")


def _violation(value: object, where: str, constraint: str) -> str:
    return f"Value '{str(value)[:200]}' at '{_member(where)}' failed to satisfy constraint: {constraint}"


def _member(where: str) -> str:
    """'.GroupBy[0].Type' and '.GroupBy.1.member.Type' as the service spells them: 'groupBy.1.member.type'."""
    numbered = re.sub(r"\[(\d+)\]", lambda found: f".{int(found[1]) + 1}.member", where)
    return ".".join(part[:1].lower() + part[1:] for part in numbered.split(".") if part)
