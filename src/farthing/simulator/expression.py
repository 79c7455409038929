"""Filters: an Expression as a predicate over leaves. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from farthing.simulator.errors import invalid
from farthing.simulator.organisation import Leaf

GROUP_DIMENSIONS = (
    "AZ",
    "INSTANCE_TYPE",
    "LINKED_ACCOUNT",
    "OPERATION",
    "PURCHASE_TYPE",
    "SERVICE",
    "USAGE_TYPE",
    "PLATFORM",
    "TENANCY",
    "RECORD_TYPE",
    "LEGAL_ENTITY_NAME",
    "INVOICING_ENTITY",
    "DEPLOYMENT_OPTION",
    "DATABASE_ENGINE",
    "CACHE_ENGINE",
    "INSTANCE_TYPE_FAMILY",
    "REGION",
    "BILLING_ENTITY",
    "RESERVATION_ID",
    "SAVINGS_PLANS_TYPE",
    "SAVINGS_PLAN_ARN",
    "OPERATING_SYSTEM",
)
FILTER_DIMENSIONS = (
    *GROUP_DIMENSIONS,
    "PAYER_ACCOUNT",
    "USAGE_TYPE_GROUP",
    "SUBSCRIPTION_ID",
    "PAYMENT_OPTION",
)
LEAF_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "SERVICE": "service",
        "LINKED_ACCOUNT": "account",
        "REGION": "region",
        "RECORD_TYPE": "record_type",
        "USAGE_TYPE": "usage_type",
    }
)
"""The dimensions that have a field of their own in a leaf."""

_ROOTS = ("And", "Or", "Not", "Dimensions", "Tags", "CostCategories")
_DEEPEST_FILTER = 50

Predicate = Callable[[Leaf], bool]


def dimension(leaf: Leaf, name: str) -> str:
    """The leaf's value, or AWS's name for none: NoRegion, NoInstanceType, ..."""
    field = LEAF_FIELDS.get(name)
    value: str = getattr(leaf, field) if field else dict(leaf.others).get(name, "")
    return value or "No" + "".join(word if word == "AZ" else word.capitalize() for word in name.split("_"))


def group_value(leaf: Leaf, kind: str, name: str) -> str:
    """The leaf's key in a grouping: a dimension's value, or 'name$value' for tags and cost categories."""
    if kind == "DIMENSION":
        return dimension(leaf, name)
    pairs = leaf.tags if kind == "TAG" else leaf.categories
    return f"{name}${dict(pairs).get(name, '')}"


def read_filter(
    expression: Mapping[str, Any] | None, allowed: Sequence[str] = FILTER_DIMENSIONS, depth: int = 0
) -> Predicate | None:
    """The predicate of a filter whose shape was checked; None without a filter.

    Raises ServiceError for what the service refuses; `allowed` are the dimensions that the operation filters by.
    """
    return None if expression is None else _read(expression, allowed, depth)


def _read(expression: Mapping[str, Any], allowed: Sequence[str], depth: int) -> Predicate:
    if "ProductAttributes" in expression:
        raise invalid("ProductAttributes is not simulated")
    if len(expression) != 1:
        count = "more than one roots" if expression else "zero roots"
        raise invalid(
            f"Expression has {count}. Only one root operator is allowed for each expression: " + ", ".join(_ROOTS)
        )
    if depth > _DEEPEST_FILTER:
        raise invalid("Expression is nested too deeply")
    ((root, part),) = expression.items()
    match root:
        case "And" | "Or":
            operands = [_read(item, allowed, depth + 1) for item in part]
            if len(operands) < 2:
                raise invalid(f"{root} expression must have at least 2 operands")
            combine = all if root == "And" else any
            return lambda leaf: combine(operand(leaf) for operand in operands)
        case "Not":
            operand = _read(part, allowed, depth + 1)
            return lambda leaf: not operand(leaf)
        case "Dimensions":
            return _read_dimension(part, allowed)
        case _:
            return _read_pairs(part, root)


def _read_values(part: Mapping[str, Any], root: str, allowed: tuple[str, ...]) -> tuple[frozenset[str], bool]:
    """(values, whether ABSENT was asked for). The operation's documentation says which match options are valid."""
    options = part.get("MatchOptions", ())
    for option in options:
        if option not in allowed:
            names = ", ".join(allowed)
            raise invalid(f"Match option {option} is not supported for {root}. Valid values are {names}")
    return frozenset(part.get("Values", ())), "ABSENT" in options


def _read_dimension(part: Mapping[str, Any], allowed: Sequence[str]) -> Predicate:
    key = part.get("Key", "null")
    if key not in allowed:
        raise invalid(f"Dimension {key} is not allowed.")
    values, _ = _read_values(part, "Dimensions", ("EQUALS", "CASE_SENSITIVE"))
    if not values:
        raise invalid(f"Values must not be empty for dimension {key}")
    return lambda leaf: dimension(leaf, key) in values


def _read_pairs(part: Mapping[str, Any], root: str) -> Predicate:
    """Tags and cost categories. Without values, or with ABSENT, the absence of the key (or of any) counts."""
    values, absent = _read_values(part, root, ("EQUALS", "ABSENT", "CASE_SENSITIVE"))
    key = part.get("Key")
    if absent and values:
        raise invalid("Values must be empty with the ABSENT match option")
    if values and key is None:
        raise invalid(f"{root} filter needs a Key for its Values")

    def pairs(leaf: Leaf) -> dict[str, str]:
        return dict(leaf.tags if root == "Tags" else leaf.categories)

    if key is None:
        return lambda leaf: not pairs(leaf)
    if not values:
        return lambda leaf: not pairs(leaf).get(key)
    return lambda leaf: pairs(leaf).get(key, "") in values
