"""Shared costs, divided by rule among those who share them. Pure.

A rule takes the charges that its ``where`` matches away from where they stand and gives them to the values of a column
(accounts, teams by tag): evenly, in proportion to what each costs itself, or by fixed shares. What is given adds up to
what was taken, to the last of 18 decimals; the units that a division leaves over go to the largest remainders. Charges
without a value in the column stay without one: nobody is made to pay for what is untagged, and it stays to be seen.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any, Literal

import msgspec

from farthing.errors import AmountError, SettingsError, UsageError
from farthing.model import EXACT, ZERO, exact_difference, exact_sum, parse_amount, percent_of
from farthing.query.model import Filter, Key, Query, Result, Row, label_of, parse_by, parse_where, rows_in_order

Method = Literal["even", "proportional", "fixed"]
METHODS = ("even", "proportional", "fixed")
KEYS = ("name", "where", "to", "method", "shares")

UNIT = Decimal(1).scaleb(-18)
_DOWN = Context(prec=200, rounding=ROUND_DOWN)


class Rule(msgspec.Struct, frozen=True):
    """One rule. ``to`` is a column by its FOCUS name; ``shares`` are for ``fixed`` alone: value -> weight."""

    name: str
    where: tuple[Filter, ...]
    to: str
    method: Method
    shares: Mapping[str, Decimal] = {}


class Allocated(msgspec.Struct, frozen=True):
    """What a rule did: the amounts that it took, in the order of the result's metrics, and who was given which part.

    ``parts`` are of the first metric, in percent to a tenth, the largest first.
    """

    rule: Rule
    amounts: tuple[Decimal, ...]
    parts: Mapping[str, Decimal | None]


class Question(msgspec.Struct, frozen=True):
    """What has to be asked for one rule: its shared charges as the report groups them."""

    rule: Rule
    shared: Query


def parse_allocations(tables: Sequence[Any], where: str) -> tuple[Rule, ...]:
    """The ``[[allocations]]`` tables of farthing.toml.

    Raises:
        SettingsError: with everything that is wrong with them.
    """
    problems: list[str] = []
    rules = [
        rule
        for number, table in enumerate(tables, 1)
        if (rule := _rule(table, f"allocation {number} in {where}", problems))
    ]
    names = [rule.name for rule in rules]
    problems += [
        f"two allocations in {where} are named {name!r}" for name in sorted(set(names)) if names.count(name) > 1
    ]
    if problems:
        raise SettingsError(problems)
    return tuple(rules)


def _rule(table: Any, where: str, problems: list[str]) -> Rule | None:
    if not isinstance(table, Mapping):
        problems.append(f"{where} must be a table: write [[allocations]] above it")
        return None
    before = len(problems)
    problems += [f"{where} has an unknown key {key!r}: there are {', '.join(KEYS)}" for key in table if key not in KEYS]
    texts = {key: table.get(key) for key in ("name", "where", "to")}
    for key, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            problems.append(f"{where} needs {key}, a text in quotes")
    method = table.get("method")
    if method not in METHODS:
        problems.append(f"method of {where} must be {', '.join(METHODS[:-1])} or {METHODS[-1]}, not {method!r}")
    shares = _shares(table.get("shares"), where, problems)
    if method == "fixed" and not shares and len(problems) == before:
        problems.append(f"{where} is fixed and needs shares, such as shares = {{ core = 60, web = 40 }}")
    if method != "fixed" and "shares" in table:
        problems.append(f"{where} has shares, which only the method fixed goes by")
    if len(problems) > before:
        return None
    try:
        (column,) = parse_by([str(texts["to"])])
        filters = parse_where(str(texts["where"]))
    except (UsageError, ValueError) as error:
        problems.append(f"{where}: {error}")
        return None
    return Rule(str(texts["name"]), filters, column, method, shares)  # type: ignore[arg-type]


def _shares(value: Any, where: str, problems: list[str]) -> dict[str, Decimal]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not value:
        problems.append(f"shares of {where} must be a table of numbers, such as {{ core = 60, web = 40 }}")
        return {}
    found = {}
    for name, share in value.items():
        try:
            amount = parse_amount(str(share))
        except AmountError:
            amount = ZERO
        if isinstance(share, bool) or amount <= 0:
            problems.append(f"the share of {name!r} in {where} must be a number above zero, not {share!r}")
        else:
            found[str(name)] = amount
    return found


def questions(query: Query, rules: Sequence[Rule]) -> tuple[Question, ...]:
    """What has to be asked beside the query itself.

    Raises:
        UsageError: the query is not grouped by the column that a rule gives to.
    """
    for rule in rules:
        if rule.to not in query.group_by:
            raise UsageError(
                f"the allocation {rule.name!r} gives to each {label_of(rule.to).lower()}: group by it too "
                f"(--by {_spelled(rule.to)})"
            )
    whole = msgspec.structs.replace(query, top=None)
    return tuple(
        Question(rule, msgspec.structs.replace(whole, filters=(*query.filters, *rule.where))) for rule in rules
    )


def overlaps(query: Query, rules: Sequence[Rule]) -> tuple[tuple[Rule, Rule, Query], ...]:
    """Questions whose answer must have no row: two rules must not take the same charge."""
    bare = msgspec.structs.replace(query, group_by=(), top=None)
    return tuple(
        (one, other, msgspec.structs.replace(bare, filters=(*query.filters, *one.where, *other.where)))
        for place, one in enumerate(rules)
        for other in rules[place + 1 :]
    )


def allocate(whole: Result, shared: Sequence[tuple[Rule, Result]]) -> tuple[Result, tuple[Allocated, ...]]:
    """The result with every rule applied; its totals stay what they were.

    Args:
        whole: the query's answer, without ``top``.
        shared: for each rule, the answer about its shared charges: the same columns and metrics.

    Raises:
        UsageError: nobody is there to be given a rule's costs.
    """
    own: dict[tuple[Key, ...], tuple[Decimal, ...]] = {row.keys: row.amounts for row in whole.rows}
    for _, part in shared:
        for row in part.rows:
            left = tuple(map(exact_difference, own[row.keys], row.amounts))
            own[row.keys] = left
    for _, part in shared:
        for row in part.rows:
            if not any(own.get(row.keys, (ZERO,))):
                own.pop(row.keys, None)
    given = dict(own)
    done = []
    for rule, part in shared:
        done.append(_give(rule, part, own, given, whole))
    rows = rows_in_order(whole.columns, (Row(keys, amounts) for keys, amounts in given.items()))
    return msgspec.structs.replace(whole, rows=tuple(rows)), tuple(done)


def _give(
    rule: Rule,
    part: Result,
    own: Mapping[tuple[Key, ...], tuple[Decimal, ...]],
    given: dict[tuple[Key, ...], tuple[Decimal, ...]],
    whole: Result,
) -> Allocated:
    place = whole.columns.index(rule.to)
    weights = [_weights(rule, own, place, metric) for metric in range(len(whole.metrics))]
    if part.rows and any(not weight for weight in weights):
        raise UsageError(
            f"the allocation {rule.name!r} has nobody to give to: no {label_of(rule.to).lower()} has a cost of its own "
            f"in {whole.period}"
        )
    called = _names(whole)
    for row in part.rows:
        divided = [divide(amount, weights[metric]) for metric, amount in enumerate(row.amounts)]
        for name in dict.fromkeys(name for amounts in divided for name in amounts):
            keys = _with_value(row.keys, whole.columns, place, name, called)
            added = tuple(amounts.get(name, ZERO) for amounts in divided)
            given[keys] = tuple(map(EXACT.add, given.get(keys, (ZERO,) * len(added)), added))
    first = weights[0] if weights else {}
    total = exact_sum(first.values())
    largest_first = sorted(first.items(), key=lambda one: (-one[1], one[0]))
    parts = {name: percent_of(weight, total) for name, weight in largest_first}
    amounts = tuple(exact_sum(row.amounts[metric] for row in part.rows) for metric in range(len(whole.metrics)))
    return Allocated(rule, amounts, parts)


def _names(whole: Result) -> Mapping[Key, Key]:
    """What accounts are called, where they stand with id and name."""
    if not {"SubAccountId", "SubAccountName"} <= set(whole.columns):
        return {}
    id_, name = whole.columns.index("SubAccountId"), whole.columns.index("SubAccountName")
    return {row.keys[id_]: row.keys[name] for row in whole.rows}


def _with_value(
    keys: tuple[Key, ...], columns: Sequence[str], place: int, value: str, called: Mapping[Key, Key]
) -> tuple[Key, ...]:
    """A row's keys with another value in one column; an account's name goes with its id."""
    changed = list(keys)
    changed[place] = value
    if columns[place] == "SubAccountId" and "SubAccountName" in columns:
        changed[columns.index("SubAccountName")] = called.get(value)
    return tuple(changed)


def _weights(
    rule: Rule, own: Mapping[tuple[Key, ...], tuple[Decimal, ...]], place: int, metric: int
) -> dict[str, Decimal]:
    """Who shares, and how much of it; for ``proportional`` what each costs itself in the period, credits left out."""
    if rule.method == "fixed":
        return dict(rule.shares)
    costs: dict[str, Decimal] = {}
    for keys, amounts in own.items():
        name = keys[place]
        if name is not None and (amount := amounts[metric]) is not None:
            costs[str(name)] = EXACT.add(costs.get(str(name), ZERO), amount)
    if rule.method == "even":
        return dict.fromkeys(costs, Decimal(1))
    above = {name: cost for name, cost in costs.items() if cost > 0}
    return above or dict.fromkeys(costs, Decimal(1))


def largest_rows(result: Result, top: int) -> Result:
    """The largest rows of a whole result, the others added up in one."""
    if len(result.rows) <= top:
        return result
    ordered = sorted(result.rows, key=lambda row: row.amounts[0].copy_negate() if row.amounts else ZERO)
    rest = ordered[top:]
    amounts = tuple(exact_sum(row.amounts[place] for row in rest) for place in range(len(result.metrics)))
    kept = tuple(rows_in_order(result.columns, ordered[:top]))
    return msgspec.structs.replace(result, rows=kept, rest=Row((), amounts), rest_count=len(rest))


def divide(amount: Decimal, weights: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """An amount by weights, exact to the last of 18 decimals: the largest remainders get the units left over."""
    total = exact_sum(weights.values())
    size = amount.copy_abs()  # abs() would round to the 28 digits of the common context
    parts: dict[str, Decimal] = {}
    remainders: list[tuple[Decimal, str]] = []
    for name, weight in weights.items():
        share = _DOWN.divide(_DOWN.multiply(size, weight), total)
        kept = _DOWN.quantize(share, UNIT)
        parts[name] = kept
        remainders.append((_DOWN.subtract(share, kept), name))
    left = int(_DOWN.divide(exact_difference(size, exact_sum(parts.values())), UNIT))
    remainders.sort(key=lambda one: (-one[0], one[1]))
    for _, name in remainders[:left]:
        parts[name] = EXACT.add(parts[name], UNIT)
    return parts if amount >= 0 else {name: part.copy_negate() for name, part in parts.items()}


def _spelled(column: str) -> str:
    kind, slash, key = column.partition("/")
    return f"{'tag' if kind == 'Tags' else 'category'}:{key}" if slash else column
