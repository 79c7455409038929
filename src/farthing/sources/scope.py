"""Scopes: which part of the bill a ledger is about, as people write it and as Cost Explorer's Filter.

    account:111122223333,444455556666 tag:team=core,web category:Product=Shop

Terms are separated by spaces and all of them hold; the values of one term are separated by commas and any of them
does. A value with a space stands in quotes: ``"category:Cost centre=R and D"``.
"""

import re
import shlex
from typing import Any

import msgspec

KINDS = ("account", "tag", "category")
_ACCOUNT = re.compile(r"\d{12}")


class Term(msgspec.Struct, frozen=True, order=True):
    """One condition: ``kind`` of :data:`KINDS`, ``key`` of a tag or cost category ('' for accounts), sorted values."""

    kind: str
    key: str
    values: tuple[str, ...]


def parse_scope(text: str) -> str:
    """A scope in its canonical spelling: the same scope is recorded with the same words, however it was typed.

    Raises:
        ValueError: it is not a scope; the message says what is wrong.
    """
    return " ".join(shlex.quote(_spelled(term)) for term in _terms(text))


def scope_filter(scope: str) -> dict[str, Any]:
    """Cost Explorer's Filter for a canonical scope: an Expression has exactly one root operator."""
    expressions = [_expression(term) for term in _terms(scope)]
    return expressions[0] if len(expressions) == 1 else {"And": expressions}


def _terms(text: str) -> list[Term]:
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"has an open quote ({error})") from None
    terms = sorted(_term(part) for part in parts)
    names = [(term.kind, term.key) for term in terms]
    for kind, key in names:
        if names.count((kind, key)) > 1:
            raise ValueError(f"names {kind}{f':{key}' if key else ''} twice: separate its values by commas")
    return terms


def _term(part: str) -> Term:
    kind, _, rest = part.partition(":")
    key, equals, listed = rest.partition("=") if kind in ("tag", "category") else ("", "=", rest)
    values = tuple(sorted({value.strip() for value in listed.split(",") if value.strip()}))
    if kind not in KINDS or not equals or not values or (kind != "account" and not key):
        raise ValueError(f"has {part!r}: write account:ID,ID or tag:KEY=VALUE,VALUE or category:NAME=VALUE")
    for value in values:
        if kind == "account" and not _ACCOUNT.fullmatch(value):
            raise ValueError(f"has the account {value!r}: an account's id has 12 digits")
    return Term(kind, key, values)


def _spelled(term: Term) -> str:
    return f"{term.kind}:{f'{term.key}=' if term.key else ''}{','.join(term.values)}"


def _expression(term: Term) -> dict[str, Any]:
    values = list(term.values)
    if term.kind == "account":
        return {"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": values}}
    kind = "Tags" if term.kind == "tag" else "CostCategories"
    return {kind: {"Key": term.key, "Values": values}}
