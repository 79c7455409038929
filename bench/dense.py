"""A dense ledger: every account uses every service every day, and no two amounts of a leaf are alike.

The simulator's large organisation is as sparse as real ones; this is the most that a ledger of so many accounts and
services can hold. Reports of the real format, straight into the folder, for speed.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from farthing.jsontext import encode
from farthing.ledger.reports import SCHEMA, key_of
from farthing.model import Source

TODAY = date(2026, 11, 28)
"""The UTC day of the ledger: the newest report is of the day before."""

LARGE = (200, 100, 366)
"""Accounts, services, days: 7.3 million cells."""

METRICS = ("BilledCost", "EffectiveCost", "x_AmortizedCost", "x_BlendedCost", "x_UnblendedCost")
COMMITTED = ("EffectiveCost", "x_AmortizedCost")
"""Metrics that differ from the others in every fourth leaf: commitments are spread there."""

DECIMALS = 10
"""Of each amount, as Cost Explorer gives."""


def make(home: Path, accounts: int, services: int, days: int) -> None:
    """Writes the ledger into an empty folder."""
    leaves = [
        (f"Amazon Service {service:03}", f"{100_000_000_000 + account * 7_919}")
        for service in range(services)
        for account in range(accounts)
    ]
    folder = (home / key_of(TODAY)).parent
    folder.mkdir(parents=True)
    source = encode(Source("cost-explorer", ("ServiceName", "SubAccountId"))).decode()
    for back in range(days, 0, -1):
        day = TODAY - timedelta(days=back)
        (home / key_of(day)).write_text(_report(day, leaves, source))


def _report(day: date, leaves: list[tuple[str, str]], source: str) -> str:
    totals = dict.fromkeys(METRICS, 0)
    rows = []
    for (service, account), amounts in zip(leaves, _amounts(day, len(leaves)), strict=True):
        cells = []
        for metric, amount in zip(METRICS, amounts, strict=True):
            totals[metric] += amount
            cells.append(f'"{metric}":"{_plain(amount)}"')
        name = f'"SubAccountName":"account-{account}"'
        rows.append(
            f'{{{cells[0]},{cells[1]},"ServiceName":"{service}","SubAccountId":"{account}",{name},{",".join(cells[2:])}}}'
        )
    sums = ",".join(f'"{metric}":"{_plain(total)}"' for metric, total in totals.items())
    seen = datetime(TODAY.year, TODAY.month, TODAY.day, 6, tzinfo=UTC).isoformat().replace("+00:00", "Z")
    return (
        f'{{"charges":[{",".join(rows)}],"collected_at":"{seen}","currency":"USD","date":"{day}","estimated":true,'
        f'"revisions":[],"schema":"{SCHEMA}","source":{source},"totals":{{{sums}}}}}\n'
    )


def _amounts(day: date, count: int) -> Iterator[tuple[int, ...]]:
    """For each leaf its metrics' amounts, in units of the last decimal: a level of its own, a week, and noise."""
    week = 7 if day.weekday() < 5 else 4
    state = day.toordinal() * 2_654_435_761 % 2**32
    for leaf in range(count):
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        level = 10**DECIMALS * (1 + leaf * 37 % 1_009) // 100
        amount = level * week // 7 + level * (state >> 8) // 2**27
        spread = amount * 7 // 10 if leaf % 4 == 0 else amount
        yield tuple(spread if metric in COMMITTED else amount for metric in METRICS)


def _plain(amount: int) -> str:
    units, rest = divmod(amount, 10**DECIMALS)
    decimals = f"{rest:0{DECIMALS}}".rstrip("0")
    return f"{units}.{decimals}" if decimals else str(units)
