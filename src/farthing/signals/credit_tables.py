"""The ``[[credits]]`` tables of farthing.toml. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from farthing.signals.credits import DEFAULT_WARN, Credit
from farthing.signals.tables import TableReader, same_names, tables_in

KEYS = ("name", "balance", "as_of", "expires", "where", "currency", "warn")


def parse_credits(tables: Sequence[Any], where: str, problems: list[str]) -> tuple[Credit, ...]:
    """The ``[[credits]]`` tables of farthing.toml; what is wrong with them is added to ``problems``."""
    entries = [
        credit
        for called, table in tables_in(tables, "credits", where, problems)
        if (credit := _credit(table, called, problems))
    ]
    same_names([credit.name for credit in entries], "credits", where, problems)
    return tuple(entries)


def _credit(table: Mapping[str, Any], called: str, problems: list[str]) -> Credit | None:
    reader = TableReader(table, called, KEYS, problems)
    scope, filters = reader.filters("where", ("ServiceName",))
    balance, as_of, expires = reader.amount("balance"), reader.day("as_of", required=True), reader.day("expires")
    if "balance" not in table:
        reader.problem(f"{called} needs balance, what was left at the start of as_of")
    warn = reader.numbers("warn", DEFAULT_WARN)
    if any(mark != mark.to_integral_value() for mark in warn):
        reader.problem(f"warn of {called} must be whole days")
    if as_of and expires and expires < as_of:
        reader.problem(f"{called} expires on {expires}, before its as_of, {as_of}")
    name, currency = reader.text("name", required=True), reader.currency("currency")
    if not reader.is_fine or name is None or balance is None or as_of is None:
        return None
    return Credit(
        name=name,
        balance=balance,
        as_of=as_of,
        expires=expires,
        where=scope,
        filters=filters,
        currency=currency,
        warn=warn,
    )
