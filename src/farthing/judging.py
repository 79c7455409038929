"""Judging: what the signals find on the days of a run becomes alerts in the outbox. Nothing is sent here."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

import msgspec

from farthing.alerts.outbox import Outbox
from farthing.alerts.policy import Situation, alert_for, alert_id, may_repeat, summary_for, suppression
from farthing.errors import CorruptError
from farthing.ledger.reports import Reports, lens_prefix
from farthing.model import BILLED_COST, COST_BEFORE_CREDITS, ZERO, Alert, DailyReport, Period, exact_sum
from farthing.signals.thresholds import (
    KIND,
    DayAmounts,
    ThresholdRule,
    amounts_of,
    before_credits,
    credits_by_service,
    judge,
    names_in,
    rules_before_credits,
    unmatched,
)
from farthing.sources.lenses import RECORD_TYPE
from farthing.workplace import Workplace

T = TypeVar("T")


class LedgerHistory(Mapping[date, DayAmounts]):
    """Earlier days for the signals, read from the ledger when asked for and kept for the run."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._read: dict[date, DayAmounts | None] = {}

    def __getitem__(self, day: date) -> DayAmounts:
        if day not in self._read:
            report = _readable(lambda: self._reports.read(day))
            self._read[day] = amounts_of(report) if report else None
        amounts = self._read[day]
        if amounts is None:
            raise KeyError(day)
        return amounts

    def __iter__(self) -> Iterator[date]:
        return iter(self._reports.days())

    def __len__(self) -> int:
        return len(self._reports.days())


def _readable(read: Callable[[], T | None]) -> T | None:
    """What is read, None if it cannot be: that is said, and the others are judged all the same."""
    try:
        return read()
    except CorruptError as error:
        logging.getLogger("farthing").warning(str(error))
        return None


class CreditsHistory(Mapping[date, DayAmounts]):
    """Earlier days without their credits and refunds, as far as the record-type lens knows them.

    Args:
        reports: the daily reports.
        lens: the reports of the record-type lens.
    """

    def __init__(self, reports: Reports, lens: Reports) -> None:
        self._reports = reports
        self._lens = lens
        self._taken: dict[date, Mapping[str, Decimal] | None] = {}

    def taken_off(self, day: date) -> Mapping[str, Decimal] | None:
        """What credits and refunds took off each service; None where the lens does not have the day."""
        if day not in self._taken:
            report = _readable(lambda: self._lens.read(day))
            self._taken[day] = credits_by_service(report) if report else None
        return self._taken[day]

    def note(self, report: DailyReport) -> None:
        """Takes in a report of the lens that was just told, so that it is not read again."""
        self._taken[report.date] = credits_by_service(report)

    def __getitem__(self, day: date) -> DayAmounts:
        taken = self.taken_off(day)
        report = None if taken is None else _readable(lambda: self._reports.read(day))
        if taken is None or report is None:
            raise KeyError(day)
        return amounts_of(before_credits(report, taken))

    def __iter__(self) -> Iterator[date]:
        return iter(self._lens.days())

    def __len__(self) -> int:
        return len(self._lens.days())


class Judgement(msgspec.Struct, frozen=True):
    """What was found: the alerts that are new in the outbox, and how many breaches count."""

    created: tuple[Alert, ...] = ()
    over: int = 0


class Judge:
    """Judges the days of one run.

    Args:
        place: what the run works with.
        run_id: the run.
        first_since: the start of the ledger's first daily run while that is still under way, else None.
    """

    def __init__(self, place: Workplace, run_id: str, first_since: datetime | None) -> None:
        self._place = place
        self._run_id = run_id
        self._first_since = first_since
        self._reports = Reports(place.store)
        self._outbox = Outbox(place.store, place.clock, place.sleep)
        self._history = LedgerHistory(self._reports)
        self._credits: CreditsHistory | None = None
        if RECORD_TYPE.name in place.lenses:
            self._credits = CreditsHistory(self._reports, Reports(place.store, lens_prefix(RECORD_TYPE.name)))
        self._found: set[str] = set()
        self._created: list[Alert] = []
        self._over = 0

    def note(self, lens: str, report: DailyReport) -> None:
        """Takes in a lens's report that was just told."""
        if self._credits is not None and lens == RECORD_TYPE.name:
            self._credits.note(report)

    def days(self, totals: Mapping[date, Decimal | None]) -> Judgement:
        """Puts an alert for each new breach of these days into the outbox, and a summary if nothing is wrong.

        Args:
            totals: the days, with their BilledCost where the run knows it.
        """
        if not totals:
            return Judgement()
        rules = self._place.rules
        if not rules:
            self._place.log.warning("no threshold is set: set COST_THRESHOLD, or [[thresholds]] in farthing.toml")
        situation = Situation(
            now=self._place.clock(),
            run_id=self._run_id,
            channels=tuple(channel.name for channel in self._place.channels),
            newest_day=max(totals),
            max_age_days=self._place.settings.alert_max_age_days,
            first_since=self._first_since,
        )
        judged: set[date] = set()
        seen: set[str] = set()
        for day in sorted(totals) if rules else ():
            if self._surely_quiet(rules, day, totals[day]):
                judged.add(day)
                continue
            report = self._read(day)
            if report is not None:
                judged.add(day)
                seen |= names_in(report)
                self._judge(report, rules, situation)
        if self._place.settings.daily_summary and not self._over:
            self._summarise(situation)
        self._outbox.withdraw(judged, self._found, self._run_id)
        for problem in unmatched(rules, seen):
            self._place.log.warning(problem)
        return Judgement(tuple(self._created), self._over)

    def _read(self, day: date) -> DailyReport | None:
        return _readable(lambda: self._reports.read(day))

    def _surely_quiet(self, rules: Sequence[ThresholdRule], day: date, total: Decimal | None) -> bool:
        """Whether a day's total alone shows that no rule is broken: its rows need not be read then."""
        if total is None:
            return False
        taken = self._credits.taken_off(day) if self._credits else None
        gross = exact_sum([total, *(-amount for amount in (taken or {}).values())])
        return all(
            rule.amount is not None
            and rule.service is None
            and rule.account is None
            and max(total, gross) <= rule.amount
            for rule in rules
        )

    def _judge(self, report: DailyReport, rules: Sequence[ThresholdRule], situation: Situation) -> None:
        """One day, net and, where its credits are known, before credits: that tells only what net does not."""
        taken = self._credits.taken_off(report.date) if self._credits else None
        taken_off = None if taken is None else exact_sum(taken.values())
        told = self._offer(report, rules, self._history, situation, metric=BILLED_COST, taken_off=taken_off)
        if self._credits is None or not taken:
            return
        hidden = [rule for rule in rules if rule.name not in told]
        gross = before_credits(report, taken)
        self._offer(
            gross,
            rules_before_credits(hidden),
            self._credits,
            situation,
            metric=COST_BEFORE_CREDITS,
            taken_off=taken_off,
        )

    def _offer(
        self,
        report: DailyReport,
        rules: Sequence[ThresholdRule],
        history: Mapping[date, DayAmounts],
        situation: Situation,
        *,
        metric: str,
        taken_off: Decimal | None,
    ) -> set[str]:
        """Offers the day's breaches to the outbox; returns the names of the rules that are broken."""
        breaches = judge(report, rules, history)
        for breach in breaches:
            self._over += suppression(report, situation) is None
            id_ = alert_id(KIND, breach.rule.name, breach.scope, report.date)
            self._found.add(id_)
            before = _readable(lambda id_=id_: self._outbox.read(report.date, id_))  # type: ignore[misc]
            repeated = before is not None and may_repeat(before, breach)
            alert = alert_for(breach, report, history, situation, metric=metric, taken_off=taken_off, repeated=repeated)
            self._found.add(alert.id)
            if before is not None and not repeated:
                self._outbox.refresh(alert)
            elif self._outbox.offer(alert):
                self._created.append(alert)
                details = {"run_id": self._run_id, "alert": alert.id, "state": alert.state, "reason": alert.reason}
                self._place.log.info("alert", extra=details)
        return {breach.rule.name for breach in breaches}

    def _summarise(self, situation: Situation) -> None:
        day = situation.newest_day
        report = self._read(day)
        if report is None:
            return
        month = Period(day.replace(day=1), day)
        earlier = [head for head in self._reports.heads(month) if head.currency == report.currency]
        amounts = [report.total(), *(head.totals.get(BILLED_COST, ZERO) for head in earlier)]
        summary = summary_for(report, self._history, situation, month_to_date=exact_sum(amounts))
        self._found.add(summary.id)
        if not self._outbox.offer(summary):
            self._outbox.refresh(summary)
