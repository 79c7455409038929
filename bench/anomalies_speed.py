"""Judging one day of a large organisation: 20,000 leaves x 400 days, one core, standard library alone.

Three quarters of the leaves cost more than the floor; all have a weekly rhythm, noise of 2 to 8 percent and a trend,
one in twenty a fee at the start of each month, one in a hundred an incident that is going on, one in five begins and
one in ten ends within the days. The named reference is the plain robust rule in the same process: the median and MAD of
the same weekday. The day is judged in a process of its own that reads the numbers from a file, so that the peak memory
is that of the judging.
"""

import json
import random
import subprocess
import sys
import tempfile
from array import array
from datetime import date, timedelta
from pathlib import Path

LEAVES = 20_000
DAYS = 400
FIRST = date(2025, 10, 20)
"""So that the last of 400 days is the 23rd of a month; the month's first is judged too."""

JUDGE = """
import gc, json, resource, sys, time
from array import array
from datetime import date, timedelta
from statistics import median
from farthing.signals.anomalies.detect import judge
from farthing.signals.panel import MemoryPanel
path, leaves, days, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), date.fromisoformat(sys.argv[4])
on = date.fromisoformat(sys.argv[5])
numbers = []
with open(path, "rb") as file:
    for _ in range(leaves):
        values = array("d")
        values.fromfile(file, days)
        numbers.append(values)
dates = tuple(first + timedelta(days=n) for n in range(days))
panel = MemoryPanel(dates, ("USD",) * days, (False,) * days,
                    tuple((f"service {n // 100:03}", f"{n % 100:012}") for n in range(leaves)), tuple(numbers))
at = dates.index(on)
clock = time.process_time()
found = 0
for values in numbers:
    same = values[at % 7 : at : 7][-8:]
    middle = median(same)
    spread = median([abs(value - middle) for value in same])
    found += abs(values[at] - middle) > 5 * 1.4826 * max(spread, 0.02 * middle)
plain = time.process_time() - clock
clock = time.process_time()
judgement = judge(panel, on)
cpu = time.process_time() - clock
print(json.dumps({"cpu": cpu, "plain": plain, "plain_found": found, "looked": judgement.looked,
    "departures": len(judgement.departures), "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def leaf(chance: random.Random, day: int) -> "array[float]":
    """One leaf's numbers; ``day`` is the one around which incidents are."""
    base = chance.lognormvariate(1.2, 1.8)
    weekend = chance.choice((1.0, 0.9, 0.6))
    noise = chance.choice((0.02, 0.03, 0.05, 0.08))
    growth = chance.uniform(-0.0005, 0.001)
    start = chance.randrange(DAYS // 2) if chance.random() < 0.2 else 0
    end = chance.randrange(start, DAYS) if chance.random() < 0.1 else DAYS
    fee = base * chance.uniform(1, 10) if chance.random() < 0.05 else 0.0
    incident = chance.uniform(1.5, 4) if chance.random() < 0.01 else 1.0
    since = day - chance.randrange(6)
    values = array("d", bytes(8 * DAYS))
    level = base
    for place in range(start, end):
        today = FIRST + timedelta(days=place)
        level *= 1 + growth
        amount = level * (weekend if today.weekday() >= 5 else 1.0) * max(0.0, chance.gauss(1, noise))
        if since <= place <= day:
            amount *= incident
        values[place] = amount + (fee if today.day == 1 else 0.0)
    return values


def main(leaves: int = LEAVES) -> None:
    """Prints a line for a day in mid-month and one for a first of the month."""
    print(f"judging one day of {leaves:,} leaves x {DAYS} days, CPU seconds of one core and peak memory of the process")
    for title, on in (("mid-month", FIRST + timedelta(days=DAYS - 1)), ("first of the month", date(2026, 11, 1))):
        chance = random.Random(1)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "numbers"
            with path.open("wb") as file:
                for _ in range(leaves):
                    leaf(chance, (on - FIRST).days).tofile(file)
            arguments = [sys.executable, "-c", JUDGE, str(path), str(leaves), str(DAYS), str(FIRST), str(on)]
            told = json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)
        mine = f"{told['cpu']:6.2f} s  {told['peak_mb']:4.0f} MB  {told['departures']:,} departures"
        plain = f"weekday median and MAD: {told['plain']:.2f} s, {told['plain_found']:,}"
        print(f"{title:18} {mine} ({told['looked']:,} leaves followed closely); {plain}", flush=True)


if __name__ == "__main__":
    main()
