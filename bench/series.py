"""Reading 400 days of one metric for the signals: from `state/series`, against decoding the daily reports.

Both are processes of their own over one ledger in a local folder, taken in turns; each has every leaf's numbers in its
hands once, as a detector would. Wall, CPU and peak memory include the interpreter and the imports. The page cache is
warm for both. The first reader of all finds no series and makes it from the reports: that is measured once.
"""

import os
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from bench.daily_run import Measured, measure, median

TODAY = date(2026, 11, 23)
DAYS = 387
"""All whole months that begin within 400 days before TODAY, up to yesterday: what a signal is given as days."""

LEAVES = {"small": (5, 12), "medium": (12, 30), "large": (200, 100)}
"""Accounts x services, each pair of them in use: 60, 360, 20,000."""

LEFT_OUT = 20
"""Every month another one in 20 leaves is not used, so that the months' leaves differ as they do in life."""

FROM_SERIES = """
import sys
from datetime import date
from pathlib import Path
from farthing.ledger.folder import FolderStore
from farthing.ledger.series import Series
table = Series(FolderStore(Path(sys.argv[1]))).load("BilledCost", date.fromisoformat(sys.argv[2])).daily
numbers = 0
for place in range(len(table.leaves)):
    numbers += len(table.values(place))
assert numbers == int(sys.argv[3]), numbers
"""

FROM_REPORTS = """
import sys
from array import array
from pathlib import Path
from farthing.ledger.folder import FolderStore
from farthing.ledger.reports import Reports
reports = Reports(FolderStore(Path(sys.argv[1])))
days = reports.days()
leaves = {}
for number, (day, report) in enumerate(reports.read_many(days)):
    index = report.metrics.index("BilledCost")
    for charge in report.charges:
        values = leaves.get(charge.keys)
        if values is None:
            values = leaves[charge.keys] = array("d", bytes(8 * len(days)))
        values[number] = charge.amounts[index]
assert sum(map(len, leaves.values())) == int(sys.argv[3])
"""


def make_ledger(home: Path, accounts: int, services: int) -> None:
    """Daily reports of the real format, a month's days with the same rows; straight into the folder, for speed."""
    from farthing.ledger.reports import encode_report, key_of
    from farthing.model import Charge, Source, daily_report

    leaves = [
        (f"Amazon Service {service:03}", f"{account:012}") for service in range(services) for account in range(accounts)
    ]
    metrics = ("BilledCost", "EffectiveCost", "x_AmortizedCost", "x_BlendedCost", "x_UnblendedCost")
    days = [TODAY - timedelta(days=back) for back in range(DAYS, 0, -1)]
    (home / key_of(TODAY)).parent.mkdir(parents=True)
    template: list[bytes] = []
    month = 0
    for day in days:
        if day.month != month:
            month = day.month
            report = daily_report(
                day,
                currency="USD",
                estimated=True,
                collected_at=datetime(2026, 11, 23, 8, tzinfo=UTC),
                metrics=metrics,
                charges=[
                    Charge(leaf, f"account-{leaf[1]}", (Decimal(number * 37 % 100_003 + 1).scaleb(-4),) * len(metrics))
                    for number, leaf in enumerate(leaves)
                    if (number + month) % LEFT_OUT
                ],
                source=Source("cost-explorer", ("ServiceName", "SubAccountId")),
            )
            template = encode_report(report).split(f'"date":"{day}"'.encode())
        (home / key_of(day)).write_bytes(f'"date":"{day}"'.encode().join(template))


def compare(size: str, rounds: int) -> tuple[Measured, Measured, Measured]:
    """The medians of reading the reports and of reading the series, and what it took to make the series."""
    reports: list[Measured] = []
    series: list[Measured] = []
    accounts, services = LEAVES[size]
    environment = dict(os.environ)
    with tempfile.TemporaryDirectory() as home:
        # In a process of its own: what is measured inherits the peak memory of whoever started it.
        make = "import sys; from pathlib import Path; from bench.series import make_ledger; "
        make += "make_ledger(Path(sys.argv[1]), *map(int, sys.argv[2:]))"
        subprocess.run([sys.executable, "-c", make, home, str(accounts), str(services)], check=True)
        arguments = [home, TODAY.isoformat(), str(accounts * services * DAYS)]
        made = measure([sys.executable, "-c", FROM_SERIES, *arguments], environment)
        for _ in range(rounds):
            reports.append(measure([sys.executable, "-c", FROM_REPORTS, *arguments], environment))
            series.append(measure([sys.executable, "-c", FROM_SERIES, *arguments], environment))
    return median(reports), median(series), made


def main(sizes: tuple[str, ...], rounds: int) -> None:
    """Prints the table. The large organisation's reports take long to read, so that is done once."""
    print(f"{DAYS} days of one metric from state/series against the daily reports, medians of {rounds} (large: 1)")
    print(f"{'size':8} {'':10} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}")
    for size in sizes:
        reports, series, made = compare(size, 1 if size == "large" else rounds)
        for name, one in (("reports", reports), ("series", series)):
            print(f"{size:8} {name:10} {one.wall:8.2f} {one.cpu:8.2f} {one.memory:8.0f}")
        ratios = (mine / theirs for mine, theirs in zip(series, reports, strict=True))
        print(f"{size:8} {'ratio':10} " + " ".join(f"{ratio:8.3f}" for ratio in ratios))
        print(f"{size:8} {'made anew':10} {made.wall:8.2f} {made.cpu:8.2f} {made.memory:8.0f}", flush=True)
