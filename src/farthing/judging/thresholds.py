"""Thresholds on the days of a run: each breach becomes an alert, and says the incident behind it where there is one."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import msgspec

from farthing.alerts.policy import Situation, alert_for, alert_id, explaining, may_repeat, suppression, told_with
from farthing.judging.findings import Findings
from farthing.judging.history import CreditsHistory, LedgerHistory, readable
from farthing.judging.offers import Offers
from farthing.ledger.reports import Reports, lens_prefix
from farthing.model import (
    BILLED_COST,
    COST_BEFORE_CREDITS,
    ZERO,
    Alert,
    DailyReport,
    exact_difference,
)
from farthing.signals.thresholds import (
    BREAKDOWN_WEEKS,
    KIND,
    Breach,
    DayAmounts,
    ThresholdRule,
    before_credits_name,
    judge,
    names_in,
    net_name,
    report_before_credits,
    rules_before_credits,
    unmatched,
)
from farthing.sources.lenses import RECORD_TYPE
from farthing.workplace import Workplace


class Thresholds:
    """Judges days against the rules.

    Args:
        place: what the run works with.
        offers: where the alerts go.
        run_id: the run.
        first_since: the start of the ledger's first daily run while that is still under way, else None.
    """

    def __init__(self, place: Workplace, offers: Offers, run_id: str, first_since: datetime | None) -> None:
        self._place = place
        self._offers = offers
        self._run_id = run_id
        self._reports = Reports(place.store)
        weeks = max((rule.weeks for rule in place.rules if rule.percent is not None), default=0)
        self.history = LedgerHistory(self._reports, kept=max(weeks, BREAKDOWN_WEEKS) + 1)
        self._credits: CreditsHistory | None = None
        self._credits_first_since = first_since
        if RECORD_TYPE.name in place.lenses:
            prefix = lens_prefix(RECORD_TYPE.name)
            self._credits = CreditsHistory(self.history, Reports(place.store, prefix))
            # The lens's own first run sees a whole window of days at once, like a ledger's.
            if first_since is None and not any(place.store.keys(prefix)):
                self._credits_first_since = place.clock()
        self._findings = Findings()
        self._judged: set[date] = set()
        self._judged_before_credits: set[date] = set()
        self.over: list[date] = []

    def note(self, lens: str, report: DailyReport) -> None:
        """Takes in a lens's report that was just told."""
        if self._credits is not None and lens == RECORD_TYPE.name:
            self._credits.note(report)

    def judge(self, totals: Mapping[date, Decimal | None], situation: Situation, findings: Findings) -> None:
        """Offers an alert for each breach of these days.

        Args:
            totals: the days, with their BilledCost where the run knows it.
            situation: what the policy knows of the run.
            findings: what the other signals found.
        """
        rules = self._place.rules
        self._findings = findings
        if not rules:
            self._place.log.warning("no threshold is set: set COST_THRESHOLD, or [[thresholds]] in farthing.toml")
            return
        seen: set[str] = set()
        # Weekday by weekday: days of one weekday have most of their history in common.
        for day in sorted(totals, key=lambda day: (day.weekday(), day)):
            if self._surely_quiet(rules, day, totals[day]):
                self._judged.add(day)
                if self._credits is not None:
                    self._judged_before_credits.add(day)
                continue
            report = readable(lambda day=day: self._reports.read(day))  # type: ignore[misc]
            if report is not None:
                self._judged.add(day)
                seen |= names_in(report)
                if self._judge(report, rules, situation):
                    self._judged_before_credits.add(day)
        for problem in unmatched(rules, seen):
            self._place.log.warning(problem)

    def knows(self, alert: Alert) -> bool:
        """Whether this run judged what an alert of a threshold is about."""
        return alert.day in (self._judged_before_credits if alert.metric == COST_BEFORE_CREDITS else self._judged)

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
        for breach in judge(report, rules, self.history):
            self._offer(breach, report, self.history, situation, metric=BILLED_COST, taken_off=taken_off)
            id_ = alert_id(KIND, before_credits_name(breach.rule.name), breach.scope, report.date)
            self._offers.superseded.add(id_)
        if self._credits is None or told is None:
            return False
        situation = msgspec.structs.replace(situation, first_since=self._credits_first_since)
        gross = report_before_credits(report, told)
        for breach in judge(gross, rules_before_credits(rules), self._credits):
            id_ = alert_id(KIND, breach.rule.name, breach.scope, report.date)
            if id_ not in self._offers.superseded and not self._told_already(breach):
                self._offer(breach, gross, self._credits, situation, metric=COST_BEFORE_CREDITS, taken_off=taken_off)
        return True

    def _told_already(self, breach: Breach) -> bool:
        """Whether the same rule's alert was sent when the day was over net of credits, with as much before them."""
        id_ = alert_id(KIND, net_name(breach.rule.name), breach.scope, breach.day)
        sent = readable(lambda: self._offers.outbox.read(breach.day, id_))
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
            self.over.append(report.date)
        before = self._offers.before(report.date, alert_id(KIND, breach.rule.name, breach.scope, report.date))
        repeated = before is not None and may_repeat(before, breach)
        alert = alert_for(breach, report, history, situation, metric=metric, taken_off=taken_off, repeated=repeated)
        cause = explaining(self._findings.signals, breach) if metric == BILLED_COST else None
        forecast = self._findings.forecast_of(report.date, report.currency)
        if cause is not None:
            alert = told_with(alert, cause)
        if forecast is not None:
            alert = msgspec.structs.replace(alert, forecast=forecast, forecast_metric=self._findings.metric)
        self._offers.offer(alert, None if repeated else before)
