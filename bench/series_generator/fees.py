"""What is charged besides usage, and when: monthly fees, credits, refunds, upfront payments, tax and support."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from bench.series_generator.calendar import months
from bench.series_generator.parameters import Parameters
from bench.series_generator.usage import log_uniform


class Charge(NamedTuple):
    """One charge of a series; see `Occurrence`."""

    what: str
    day: date
    amount: float
    category: str


def monthly(
    random: Random, what: str, category: str, amount: float, calendar: Sequence[date], parameters: Parameters
) -> list[Charge]:
    """A charge on day 1, 2 or 3 of every month; some begin late, some come a day earlier or later."""
    begins = months(calendar[0], calendar[-1])
    if random.random() < parameters.late_fee_share:
        begins = begins[random.randrange(1, max(2, len(begins) - 1)) :]
    usual = random.choice((1, 1, 2, 3))
    wanders = random.random() < parameters.fee_wanders
    charges = []
    for begin in begins:
        day = min(max(usual + random.choice((-1, 0, 1)), 1), 3) if wanders else usual
        changed = amount * (1 + random.gauss(0, parameters.fee_change))
        charges.append(Charge(what, begin + timedelta(days=day - 1), changed, category))
    return [charge for charge in charges if charge.day <= calendar[-1]]


def besides(random: Random, level: float, calendar: Sequence[date], parameters: Parameters) -> list[Charge]:
    """All that one series of usage is charged besides, at random."""
    charges = []
    if random.random() < parameters.fee_share:
        charges += monthly(
            random, "fee", "Purchase", level * log_uniform(random, parameters.fee_size), calendar, parameters
        )
    if random.random() < parameters.credit_share:
        credit = -level * log_uniform(random, parameters.credit_size)
        charges += monthly(random, "credit", "Credit", credit, calendar, parameters)
    for what, category, share, size, sign in (
        ("refund", "Adjustment", parameters.refund_share, parameters.refund_size, -1),
        ("purchase", "Purchase", parameters.purchase_share, parameters.purchase_size, 1),
    ):
        if random.random() < share:
            charges.append(Charge(what, random.choice(calendar), sign * level * log_uniform(random, size), category))
    if random.random() < parameters.month_end_share:
        job = level * random.uniform(*parameters.month_end_job)
        ends = [day for day in calendar if (day + timedelta(days=1)).day == 1]
        charges += [Charge("month-end", day, job * random.uniform(0.9, 1.1), "Usage") for day in ends]
    return charges


def of_the_account(
    random: Random, what: str, spent: Mapping[date, float], calendar: Sequence[date], parameters: Parameters
) -> list[Charge]:
    """Tax on the 1st, or support on the 6th or 7th: a share of what the account was charged in the month before.

    A month of which the history has only a part counts as if it had gone on like that.
    """
    tax = what == "tax"
    rate = random.uniform(*(parameters.tax_rate if tax else parameters.support_rate))
    charges = []
    for begin in months(calendar[0], calendar[-1]):
        day = begin if tax else begin + timedelta(days=random.choice((5, 6)))
        before = (begin - timedelta(days=1)).replace(day=1)
        known = [one for one in calendar if before <= one < begin]
        if not known or day > calendar[-1]:
            continue
        whole = sum(spent.get(one, 0.0) for one in known) / len(known) * (begin - before).days
        charges.append(Charge(what, day, rate * whole, "Tax" if tax else "Usage"))
    return charges
