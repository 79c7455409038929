"""Judging: what the signals find on the days of a run becomes alerts in the outbox. Nothing is sent here."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec

from farthing.alerts.outbox import Outbox
from farthing.alerts.policy import Situation, alert_for, alert_id, may_repeat, summary_for, suppression
from farthing.errors import CorruptError
from farthing.ledger.reports import Reports, lens_prefix
from farthing.model import (
    BILLED_COST,
    COST_BEFORE_CREDITS,
    SUMMARY,
    ZERO,
    Alert,
    DailyReport,
    Period,
    exact_difference,
    exact_sum,
)
from farthing.signals.thresholds import (
    BREAKDOWN_WEEKS,
    KIND,
    Breach,
    Credits,
    DayAmounts,
    ThresholdRule,
    amounts_of,
    before_credits,
    before_credits_name,
    credits_of,
    judge,
    names_in,
    net_name,
    report_before_credits,
    rules_before_credits,
    unmatched,
)
from farthing.sources.lenses import RECORD_TYPE
from farthing.workplace import Workplace

T = TypeVar("T")


class LedgerHistory(Mapping[date, DayAmounts]):
    """Earlier days for the signals, read from the ledger when asked for.

    Only the last ``kept`` are remembered: a day of a large organisation is megabytes, and days that are judged weekday
    by weekday share their history.
    """

    def __init__(self, reports: Reports, kept: int) -> None:
        self._reports = reports
        self._kept = kept
        self._read: OrderedDict[date, DayAmounts] = OrderedDict()
        self._lacking: set[date] = set()

    def __getitem__(self, day: date) -> DayAmounts:
        if day in self._lacking:
            raise KeyError(day)
        amounts = self._read.get(day)
        if amounts is None:
            report = _readable(lambda: self._reports.read(day))
            if report is None:
                self._lacking.add(day)
                raise KeyError(day)
            amounts = self._read[day] = amounts_of(report)
            if len(self._read) > self._kept:
                self._read.popitem(last=False)
        self._read.move_to_end(day)
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
    """Days without their credits and refunds, as far as the record-type lens knows them.

    The lens is believed only where it is about the same money as the day itself: it may be older, or of another
    currency, and what it says would then be added to figures that it does not belong to.

    Args:
        days: the days as they are.
        lens: the reports of the record-type lens.
    """

    def __init__(self, days: Mapping[date, DayAmounts], lens: Reports) -> None:
        self._days = days
        self._lens = lens
        self._told: dict[date, Credits | None] = {}
        self._gross: dict[date, DayAmounts] = {}

    def of(self, day: date, total: Decimal, currency: str | None = None) -> Credits | None:
        """The day's credits and refunds; None where the lens does not have the day, or has it with other figures.

        Args:
            day: the day.
            total: its BilledCost.
            currency: its currency, None where it is not known.
        """
        if day not in self._told:
            report = _readable(lambda: self._lens.read(day))
            self._told[day] = credits_of(report) if report else None
        told = self._told[day]
        if told is None or not told.same_money(total, currency):
            return None
        return told

    def note(self, report: DailyReport) -> None:
        """Takes in a report of the lens that was just told, so that it is not read again."""
        self._told[report.date] = credits_of(report)

    def __getitem__(self, day: date) -> DayAmounts:
        if day not in self._gross:
            amounts = self._days[day]
            told = self.of(day, exact_sum(amounts.leaves.values()), amounts.currency)
            if told is None:
                raise KeyError(day)
            self._gross[day] = before_credits(amounts, told)
        return self._gross[day]

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
        weeks = max((rule.weeks for rule in place.rules if rule.percent is not None), default=0)
        self._history = LedgerHistory(self._reports, kept=max(weeks, BREAKDOWN_WEEKS) + 1)
        self._credits: CreditsHistory | None = None
        self._credits_first_since = first_since
        if RECORD_TYPE.name in place.lenses:
            prefix = lens_prefix(RECORD_TYPE.name)
            self._credits = CreditsHistory(self._history, Reports(place.store, prefix))
            # The lens's own first run sees a whole window of days at once, like a ledger's.
            if first_since is None and not any(place.store.keys(prefix)):
                self._credits_first_since = place.clock()
        self._found: set[str] = set()
        self._superseded: set[str] = set()
        self._created: list[Alert] = []
        self._over: list[date] = []

    def note(self, lens: str, report: DailyReport) -> None:
        """Takes in a lens's report that was just told."""
        if self._credits is not None and lens == RECORD_TYPE.name:
            self._credits.note(report)

    def days(self, totals: Mapping[date, Decimal | None], *, whole: bool) -> Judgement:
        """Puts an alert for each new breach of these days into the outbox, and a summary if nothing is wrong.

        Args:
            totals: the days, with their BilledCost where the run knows it.
            whole: whether every question of the run was answered: only then a day can be called quiet.
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
        judged_before_credits: set[date] = set()
        seen: set[str] = set()
        # Weekday by weekday: days of one weekday have most of their history in common.
        for day in sorted(totals, key=lambda day: (day.weekday(), day)) if rules else ():
            if self._surely_quiet(rules, day, totals[day]):
                judged.add(day)
                if self._credits is not None:
                    judged_before_credits.add(day)
                continue
            report = self._read(day)
            if report is not None:
                judged.add(day)
                seen |= names_in(report)
                if self._judge(report, rules, situation):
                    judged_before_credits.add(day)
        if self._place.settings.daily_summary and whole:
            self._summarise(situation)

        def obsolete(alert: Alert) -> bool:
            if alert.kind == SUMMARY:
                return alert.day in totals
            return alert.day in (judged_before_credits if alert.metric == COST_BEFORE_CREDITS else judged)

        self._outbox.withdraw(min(totals), obsolete, self._found, self._superseded, self._run_id)
        for problem in unmatched(rules, seen):
            self._place.log.warning(problem)
        created = sorted(self._created, key=lambda alert: (alert.day, alert.rule))
        return Judgement(tuple(created), len(self._over))

    def _read(self, day: date) -> DailyReport | None:
        return _readable(lambda: self._reports.read(day))

    def _surely_quiet(self, rules: Sequence[ThresholdRule], day: date, total: Decimal | None) -> bool:
        """Whether a day's total alone shows that no rule is broken: its rows need not be read then."""
        if total is None:
            return False
        gross = total
        if self._credits is not None:
            told = self._credits.of(day, total)
            if told is None:
                return False
            gross = exact_difference(total, told.total)
        return all(
            rule.amount is not None
            and rule.service is None
            and rule.account is None
            and max(total, gross) <= rule.amount
            for rule in rules
        )

    def _judge(self, report: DailyReport, rules: Sequence[ThresholdRule], situation: Situation) -> bool:
        """One day, net and, where its credits are known, before credits: that tells only what net does not.

        Returns:
            Whether it was judged before credits too.
        """
        told = self._credits.of(report.date, report.total(), report.currency) if self._credits is not None else None
        if self._credits is not None and told is None:
            self._place.log.info("credits unknown", extra={"run_id": self._run_id, "day": str(report.date)})
        taken_off = told.total if told else None
        for breach in judge(report, rules, self._history):
            self._offer(breach, report, self._history, situation, metric=BILLED_COST, taken_off=taken_off)
            id_ = alert_id(KIND, before_credits_name(breach.rule.name), breach.scope, report.date)
            self._superseded.add(id_)
        if self._credits is None or told is None:
            return False
        situation = msgspec.structs.replace(situation, first_since=self._credits_first_since)
        gross = report_before_credits(report, told)
        for breach in judge(gross, rules_before_credits(rules), self._credits):
            id_ = alert_id(KIND, breach.rule.name, breach.scope, report.date)
            if id_ not in self._superseded and not self._told_already(breach):
                self._offer(breach, gross, self._credits, situation, metric=COST_BEFORE_CREDITS, taken_off=taken_off)
        return True

    def _told_already(self, breach: Breach) -> bool:
        """Whether the same rule's alert was sent when the day was over net of credits, with as much before them."""
        id_ = alert_id(KIND, net_name(breach.rule.name), breach.scope, breach.day)
        sent = _readable(lambda: self._outbox.read(breach.day, id_))
        if sent is None or sent.state != "sent":
            return False
        return exact_difference(sent.actual, sent.credits or ZERO) >= breach.actual

    def _offer(
        self,
        breach: Breach,
        report: DailyReport,
        history: Mapping[date, DayAmounts],
        situation: Situation,
        *,
        metric: str,
        taken_off: Decimal | None,
    ) -> None:
        """Offers a breach to the outbox."""
        if suppression(report, situation) is None:
            self._over.append(report.date)
        id_ = alert_id(KIND, breach.rule.name, breach.scope, report.date)
        self._found.add(id_)
        before = _readable(lambda: self._outbox.read(report.date, id_))
        repeated = before is not None and may_repeat(before, breach)
        alert = alert_for(breach, report, history, situation, metric=metric, taken_off=taken_off, repeated=repeated)
        self._found.add(alert.id)
        if before is not None and not repeated:
            self._outbox.refresh(alert)
        elif self._outbox.offer(alert):
            self._created.append(alert)
            details = {"run_id": self._run_id, "alert": alert.id, "state": alert.state, "reason": alert.reason}
            self._place.log.info("alert", extra=details)

    def _summarise(self, situation: Situation) -> None:
        """The message of a quiet day: yesterday is there, it is over nothing, and this run has nothing else to tell."""
        day = situation.newest_day
        news = any(alert.state != "suppressed" for alert in self._created)
        if news or day in self._over or day < situation.now.date() - timedelta(days=1):
            return
        report = self._read(day)
        if report is None:
            return
        month = Period(day.replace(day=1), day)
        earlier = [head for head in self._reports.heads(month) if head.currency == report.currency]
        amounts = [report.total(), *(head.totals.get(BILLED_COST, ZERO) for head in earlier)]
        summary = summary_for(
            report,
            self._history,
            situation,
            month_to_date=exact_sum(amounts),
            days_known=len(amounts),
            watched=bool(self._place.rules),
        )
        self._found.add(summary.id)
        if not self._outbox.offer(summary):
            self._outbox.refresh(summary)
