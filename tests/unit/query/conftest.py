"""A ledger in a temporary folder, written by hand: independent of the code that writes real ones."""

import json
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from farthing.ledger.report_files import ReportFiles, files_in

Charge = tuple[str, str, str | None, dict[str, str]]
WriteDay = Callable[..., Path]
EXACTLY = Context(prec=200)


def report(day: date, charges: Iterable[Charge], currency: str = "USD", /, **changes: Any) -> dict[str, Any]:
    rows = [
        {"ServiceName": service, "SubAccountId": account, "SubAccountName": name, **amounts}
        for service, account, name, amounts in charges
    ]
    totals: dict[str, Decimal] = {}
    for *_, amounts in charges:
        for metric, amount in amounts.items():
            totals[metric] = EXACTLY.add(totals.get(metric, Decimal(0)), Decimal(amount))
    return {
        "schema": "farthing.daily-report/1",
        "date": str(day),
        "currency": currency,
        "estimated": False,
        "collected_at": f"{day}T08:00:00Z",
        "totals": {metric: format(total, "f") for metric, total in totals.items()},
        "charges": rows,
        "revisions": [{"seen_at": "x", "totals": {"BilledCost": "1"}, "charges": [{"BilledCost": "oh"}]}],
        "source": {"kind": "cost-explorer", "group_by": ["ServiceName", "SubAccountId"], "scope": None},
        **changes,
    }


def with_copies(folder: Path, copies: Path) -> ReportFiles:
    """A folder's reports, each with its state, and where copies of them go."""
    bare = files_in(folder)
    states = {day: (folder / f"{day}.json").stat() for day in bare.etags}
    etags = {day: f"{state.st_mtime_ns:x}-{state.st_size:x}-{state.st_ino:x}" for day, state in states.items()}
    return msgspec.structs.replace(bare, etags=etags, copies=copies)


@pytest.fixture
def write_day(tmp_path: Path) -> WriteDay:
    """Writes one day's report into ``tmp_path``; keyword arguments overwrite keys of the document."""

    def write(day: date, charges: Iterable[Charge], currency: str = "USD", /, **changes: Any) -> Path:
        path = tmp_path / f"{day}.json"
        path.write_text(json.dumps(report(day, list(charges), currency, **changes)))
        return path

    return write
