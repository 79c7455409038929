"""Which charges of daily reports a rule is about: filters in the grammar of ``--where``, and one metric. Pure."""

from collections.abc import Iterable

import msgspec

from farthing.errors import UsageError
from farthing.model import BILLED_COST
from farthing.query.model import Filter, label_of, matches, parse_where

REPORT_COLUMNS = ("ServiceName", "SubAccountId", "SubAccountName")
"""What a daily report tells of a charge."""


class Selection(msgspec.Struct, frozen=True):
    """The charges that pass every filter, and what is added up of them."""

    filters: tuple[Filter, ...] = ()
    metric: str = BILLED_COST


def parse_selection(text: str, columns: tuple[str, ...] = REPORT_COLUMNS) -> tuple[Filter, ...]:
    """The filters that a text spells, limited to these columns.

    Raises:
        UsageError: it cannot be read, or asks for what the reports in question do not tell.
    """
    filters = parse_where(text)
    for term in filters:
        if term.column not in columns:
            known = ", ".join(dict.fromkeys(label_of(column).lower() for column in columns))
            raise UsageError(f"{label_of(term.column).lower()} is not told here; ask by {known}")
    return filters


def passes(
    filters: Iterable[Filter], service: str, account: str | None = None, account_name: str | None = None
) -> bool:
    """Whether a charge passes every filter; an account is looked for by its id and by its name."""
    texts = {"ServiceName": service, "SubAccountId": account, "SubAccountName": account_name}
    # An exclusion holds for the account only if neither its id nor its name is what is excluded.
    return all(
        (all if term.exclude else any)(matches(term, texts.get(column)) for column in term.columns) for term in filters
    )
