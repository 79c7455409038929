"""The proof that the ledger tells what the bill says: stored totals against totals that were asked for independently.

Pure: frozen values in, frozen rows out. Every difference is exact, ``asked - stored``; amounts of two currencies are
named and never subtracted.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from farthing.model import ZERO, Period, exact_difference, exact_sum, is_filling, plain
from farthing.wording import several

State = Literal["equal", "rounding", "differs", "not in the ledger", "not answered", "other currency", "unreadable"]
"""How a stored figure stands to the asked one; ``rounding`` is said of a lens's day only."""

ROUNDING = Decimal("0.01")
"""In the currency. Cost Explorer rounds each group, so two groupings of one day may come to slightly different sums."""

COLLECT = "farthing collect"

JUST_NOW = timedelta(hours=1)
"""AWS refreshes billing data up to three times a day: what was asked for this lately has hardly been restated since."""


class StoredDay(msgspec.Struct, frozen=True):
    """A day's totals as the ledger has them.

    Attributes:
        day: the UTC day.
        currency: of the totals.
        totals: metric -> amount.
        collected_at: when these amounts were first seen.
        asked_at: when a run last asked for the day and found just these, None if no record tells.
        lens: the lens whose report it is, '' for the daily report.
    """

    day: date
    currency: str
    totals: Mapping[str, Decimal]
    collected_at: datetime
    asked_at: datetime | None = None
    lens: str = ""


class UnreadableDay(msgspec.Struct, frozen=True):
    """A report that cannot be read, or whose rows do not add up to its totals; ``problem`` names it and the way out."""

    day: date
    problem: str
    lens: str = ""


class AskedDay(msgspec.Struct, frozen=True):
    """A day's totals as the source adds them up itself; ``estimated``: its month is not invoiced yet."""

    day: date
    currency: str
    estimated: bool
    totals: Mapping[str, Decimal]


class RecordType(msgspec.Struct, frozen=True):
    """What one record type (Usage, Tax, Credit, ...; spelled as AWS does) comes to over a period, in one currency."""

    name: str
    currency: str
    totals: Mapping[str, Decimal]


class MetricProof(msgspec.Struct, frozen=True):
    """One metric of one day; ``difference`` is ``asked - stored`` where both are there."""

    metric: str
    state: State
    stored: Decimal | None
    asked: Decimal | None
    difference: Decimal | None


class DayProof(msgspec.Struct, frozen=True):
    """One day: its state is the worst of its metrics'. ``why`` and ``mend`` are '' where all is equal."""

    day: date
    state: State
    stored_currency: str | None
    asked_currency: str | None
    metrics: tuple[MetricProof, ...]
    why: str = ""
    mend: str = ""
    lens: str = ""


class LeftOut(msgspec.Struct, frozen=True):
    """What a scope leaves out of one record type; ``entirely``: nothing of it is within the scope."""

    name: str
    currency: str
    entirely: bool
    totals: Mapping[str, Decimal]


class SumProof(msgspec.Struct, frozen=True):
    """One metric over all days that the ledger and the source both have, in one currency."""

    metric: str
    currency: str
    stored: Decimal
    asked: Decimal
    difference: Decimal


class Proof(msgspec.Struct, frozen=True):
    """The whole comparison.

    Attributes:
        period: the days that were compared.
        days: one for each day, oldest first.
        lenses: the lens reports that do not tell the same as the day's report, those that only differ by rounding too.
        lenses_seen: how many lens reports were compared, by lens.
        sums: over the days that both sides have.
        record_types: what the asked total consists of.
        excluded: what the scope leaves out, None where there is no scope.
        contradictions: where the source's own answers do not agree, a sentence each.
    """

    period: Period
    days: tuple[DayProof, ...]
    lenses: tuple[DayProof, ...]
    lenses_seen: Mapping[str, int]
    sums: tuple[SumProof, ...]
    record_types: tuple[RecordType, ...]
    excluded: tuple[LeftOut, ...] | None
    contradictions: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether everything agrees to the last decimal, a lens with its day but for rounding."""
        lenses = all(one.state == "rounding" for one in self.lenses)
        return lenses and all(day.state == "equal" for day in self.days) and not self.contradictions


def prove(
    period: Period,
    stored: Iterable[StoredDay | UnreadableDay],
    asked: Mapping[date, AskedDay],
    record_types: Sequence[RecordType],
    whole: Sequence[RecordType] | None,
    *,
    now: datetime,
    collected: Period,
    lenses_collected: Mapping[str, Period],
) -> Proof:
    """Compares the ledger with what was asked.

    Args:
        period: the days in question.
        stored: the ledger's reports of the period and those of its lenses, in any order.
        asked: the source's own totals by day.
        record_types: what these consist of.
        whole: the same without the ledger's scope, None where it has none.
        now: for what still changes.
        collected: the days that ``farthing collect`` asks for, and so mends.
        lenses_collected: the same for each lens; one that is missing is not asked for any day.
    """
    stored = list(stored)
    daily = {one.day: one for one in stored if not one.lens}
    days = tuple(_explained(day, daily.get(day), asked.get(day), now, collected) for day in period)
    lenses = [one for one in stored if one.lens]
    lens_proofs = (
        _lens(one, daily.get(one.day), one.day in collected and one.day in lenses_collected.get(one.lens, ()))
        for one in lenses
    )
    seen: dict[str, int] = {}
    for one in lenses:
        seen[one.lens] = seen.get(one.lens, 0) + 1
    return Proof(
        period=period,
        days=days,
        lenses=tuple(sorted(filter(None, lens_proofs), key=lambda proof: (proof.day, proof.lens))),
        lenses_seen=dict(sorted(seen.items())),
        sums=sums(days),
        record_types=tuple(record_types),
        excluded=None if whole is None else left_out(whole, record_types),
        contradictions=contradictions(asked.values(), record_types),
    )


def compare(stored: StoredDay | None, asked: AskedDay | StoredDay | None) -> tuple[State, tuple[MetricProof, ...]]:
    """The state of a day and of each of its metrics, by name. Amounts in two currencies get no difference."""
    left: Mapping[str, Decimal] = stored.totals if stored else {}
    right: Mapping[str, Decimal] = asked.totals if asked else {}
    comparable = stored is None or asked is None or stored.currency == asked.currency
    metrics = []
    for metric in sorted({*left, *right}):
        here, there = left.get(metric), right.get(metric)
        difference = None
        state: State
        if here is None:
            state = "not in the ledger"
        elif there is None:
            state = "not answered"
        elif not comparable:
            state = "other currency"
        else:
            difference = exact_difference(there, here)
            state = "differs" if difference else "equal"
        metrics.append(MetricProof(metric, state, here, there, difference))
    if stored is None:
        return "not in the ledger", tuple(metrics)
    if asked is None:
        return "not answered", tuple(metrics)
    if not comparable:
        return "other currency", tuple(metrics)
    states = [proof.state for proof in metrics]
    worst: tuple[State, ...] = ("differs", "not in the ledger", "not answered")
    return next((state for state in worst if state in states), "equal"), tuple(metrics)


def sums(days: Iterable[DayProof]) -> tuple[SumProof, ...]:
    """Each metric over the days that have both sides, by currency: the differences of the days add up to its own."""
    parts: dict[tuple[str, str], list[MetricProof]] = {}
    for day in days:
        for proof in day.metrics:
            if proof.difference is not None and day.stored_currency is not None:
                parts.setdefault((proof.metric, day.stored_currency), []).append(proof)
    rows = []
    for (metric, currency), proofs in sorted(parts.items()):
        stored = exact_sum(proof.stored or ZERO for proof in proofs)
        asked = exact_sum(proof.asked or ZERO for proof in proofs)
        rows.append(SumProof(metric, currency, stored, asked, exact_difference(asked, stored)))
    return tuple(rows)


def left_out(whole: Sequence[RecordType], kept: Sequence[RecordType]) -> tuple[LeftOut, ...]:
    """What the scope leaves out of each record type of the whole bill; those wholly within it are not listed."""
    within = {(one.name, one.currency): one.totals for one in kept}
    rows = []
    for one in whole:
        inside = within.get((one.name, one.currency))
        outside = {
            metric: exact_difference(amount, (inside or {}).get(metric, ZERO)) for metric, amount in one.totals.items()
        }
        if inside is None or any(outside.values()):
            rows.append(LeftOut(one.name, one.currency, inside is None, outside))
    return tuple(rows)


def contradictions(asked: Iterable[AskedDay], record_types: Sequence[RecordType]) -> tuple[str, ...]:
    """Where the record types do not add up to the ungrouped total: mostly a bill that changed between two questions."""
    ungrouped: dict[tuple[str, str], list[Decimal]] = {}
    grouped: dict[tuple[str, str], list[Decimal]] = {}
    for day in asked:
        for metric, amount in day.totals.items():
            ungrouped.setdefault((metric, day.currency), []).append(amount)
    for one in record_types:
        for metric, amount in one.totals.items():
            grouped.setdefault((metric, one.currency), []).append(amount)
    sentences = []
    for metric, currency in sorted({*ungrouped, *grouped}):
        total = exact_sum(ungrouped.get((metric, currency), ()))
        parts = exact_sum(grouped.get((metric, currency), ()))
        if total != parts:
            sentences.append(
                f"the record types add up to {plain(parts)} {currency} {metric}, the ungrouped total is "
                f"{plain(total)} {currency}: the bill may have changed between the two questions; reconcile again"
            )
    return tuple(sentences)


def command_for(days: Sequence[date], *, reached: bool) -> str:
    """The command that brings these days up to what the source says: the daily run where it reaches them all."""
    if reached:
        return COLLECT
    return f"farthing backfill --start {min(days)} --end {max(days) + timedelta(days=1)}"


def command_for_all(proofs: Iterable[DayProof]) -> str:
    """One command for all that can be mended, '' if nothing can."""
    mendable = [one for one in proofs if one.mend]
    reached = all(one.mend == COLLECT for one in mendable)
    return command_for([one.day for one in mendable], reached=reached) if mendable else ""


def _explained(
    day: date, stored: StoredDay | UnreadableDay | None, asked: AskedDay | None, now: datetime, collected: Period
) -> DayProof:
    if isinstance(stored, UnreadableDay):
        _, metrics = compare(None, asked)
        return DayProof(day, "unreadable", None, asked.currency if asked else None, metrics, stored.problem)
    state, metrics = compare(stored, asked)
    why, mend = _reason(day, state, stored, asked, now), command_for([day], reached=day in collected)
    if state == "equal":
        why = mend = ""
    if state == "not answered" and asked is None:
        mend = ""
    return DayProof(
        day, state, stored.currency if stored else None, asked.currency if asked else None, metrics, why, mend
    )


def _reason(day: date, state: State, stored: StoredDay | None, asked: AskedDay | None, now: datetime) -> str:
    if asked is None:
        return "the source answered nothing for this day: what the ledger has cannot be proved now, reconcile it later"
    if stored is None:
        return "no run has brought this day into the ledger"
    if state == "other currency":
        return (
            f"the ledger has {stored.currency}, the source answers {asked.currency}: nothing was subtracted; the "
            "payer's billing currency may have changed"
        )
    if state != "differs":
        return "the report was written from an answer with other metrics"
    if is_filling(day, now):
        return "the day still fills up (it is younger than 48 h after its end), so later answers say more"
    asked_at = stored.asked_at or stored.collected_at
    age = now - asked_at
    if age < JUST_NOW:
        return (
            "a run asked for it less than an hour ago, too lately for a restatement to be likely: the report may have "
            "been changed by hand"
        )
    hours = int(age.total_seconds() // 3600)
    since = several(hours, "hour") if age < timedelta(days=2) else several(age.days, "day")
    invoiced = "; its month is not invoiced yet" if asked.estimated else ""
    return f"a run last asked for it {since} ago: most likely AWS has restated it since{invoiced}"


def _lens(one: StoredDay | UnreadableDay, daily: StoredDay | UnreadableDay | None, reached: bool) -> DayProof | None:
    """How a lens's report contradicts the day's; None where they tell the same or the day's cannot be read.

    ``stored`` is the day's amount here, ``asked`` the lens's.
    """
    mend = command_for([one.day], reached=reached)
    if isinstance(one, UnreadableDay):
        return DayProof(one.day, "unreadable", None, None, (), one.problem, lens=one.lens)
    if isinstance(daily, UnreadableDay):
        return None  # said with the day
    state, metrics = compare(daily, one)
    if state == "equal":
        return None
    if state == "differs" and all(
        proof.difference is not None and abs(proof.difference) < ROUNDING for proof in metrics
    ):
        why = f"less than {ROUNDING} {one.currency}: Cost Explorer rounds each group"
        return DayProof(one.day, "rounding", one.currency, one.currency, metrics, why, lens=one.lens)
    why = {
        "not in the ledger": "the lens has a report of a day that the ledger itself does not have",
        "other currency": f"the lens is in {one.currency}, the day's report in {daily.currency if daily else ''}",
    }.get(state, "the lens and the day's report were not written from the same state of the bill")
    return DayProof(one.day, state, daily.currency if daily else None, one.currency, metrics, why, mend, one.lens)
