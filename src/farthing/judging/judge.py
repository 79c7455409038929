"""Judging the days of a run: what the signals find becomes alerts in the outbox. Nothing is sent here."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec

from farthing.alerts.outbox import KEPT_DAYS, Outbox
from farthing.alerts.policy import (
    TOLD_WITH,
    Situation,
    alert_for_signal,
    alert_id,
    may_repeat_signal,
    signal_suppression,
    summary_for,
)
from farthing.errors import FarthingError
from farthing.judging.day import Day
from farthing.judging.findings import Findings, compute
from farthing.judging.history import readable
from farthing.judging.offers import Offers
from farthing.judging.thresholds import Thresholds
from farthing.ledger.reports import Reports
from farthing.model import BILLED_COST, SUMMARY, ZERO, Alert, DailyReport, Period, Signal, exact_sum
from farthing.signals.thresholds import KIND as THRESHOLD
from farthing.workplace import Workplace

KNOWN_DAYS = 92
"""Days for which an incident that was told is known again: longer than any of them goes on before it is what is
expected."""


class Judgement(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        created: the alerts that are new in the outbox.
        offered: all that the run would tell, new or not.
        over: how many breaches of thresholds count.
        signals: the signals that were computed, with how many things each found.
        failures: the signals that failed.
    """

    created: tuple[Alert, ...] = ()
    offered: tuple[Alert, ...] = ()
    over: int = 0
    signals: Mapping[str, int] = {}
    failures: tuple[FarthingError, ...] = ()


class Judge:
    """Judges the days of one run.

    Args:
        place: what the run works with.
        run_id: the run.
        first_since: the start of the ledger's first daily run while that is still under way, else None.
        new_signals: signals that no run of late has computed: what they find for the first time is mostly old.
    """

    def __init__(
        self, place: Workplace, run_id: str, first_since: datetime | None, new_signals: frozenset[str] = frozenset()
    ) -> None:
        self._place = place
        self._run_id = run_id
        self._first_since = first_since
        self._new_signals = new_signals
        self._reports = Reports(place.store)
        self._offers = Offers(Outbox(place.store, place.clock, place.sleep), run_id, place.log)
        self._thresholds = Thresholds(place, self._offers, run_id, first_since)

    def note(self, lens: str, report: DailyReport) -> None:
        """Takes in a lens's report that was just told."""
        self._thresholds.note(lens, report)

    def days(self, totals: Mapping[date, Decimal | None], *, whole: bool) -> Judgement:
        """Puts an alert for all that is new about these days into the outbox, and a summary if nothing is wrong.

        Args:
            totals: the days, with their BilledCost where the run knows it.
            whole: whether every question of the run was answered: only then a day can be called quiet.
        """
        if not totals:
            return Judgement()
        settings = self._place.settings
        situation = Situation(
            now=self._place.clock(),
            run_id=self._run_id,
            channels=tuple(channel.name for channel in self._place.channels),
            newest_day=max(totals),
            max_age_days=settings.alert_max_age_days,
            first_since=self._first_since,
        )
        told, findings = self._findings(situation)
        self._thresholds.judge(totals, situation, findings)
        for signal in findings.signals:
            self._offer(signal, situation, findings, told)
        if settings.daily_summary and whole and not findings.failures:
            self._summarise(situation)

        def obsolete(alert: Alert) -> bool:
            if alert.kind == SUMMARY:
                return alert.day in totals
            if alert.kind == THRESHOLD:
                return self._thresholds.knows(alert)
            return findings.computed(alert.kind) and alert.about >= findings.since

        since = min(min(totals), situation.now.date() - timedelta(days=KEPT_DAYS)) if findings.counts else min(totals)
        self._offers.withdraw(since, obsolete)
        counts = dict(findings.counts)
        if "thresholds" in settings.signals:
            counts["thresholds"] = len(self._thresholds.over)
        return Judgement(
            created=self._offers.in_order,
            offered=tuple(self._offers.offered),
            over=len(self._thresholds.over),
            signals=counts,
            failures=findings.failures,
        )

    def _findings(self, situation: Situation) -> tuple[list[Alert], Findings]:
        """What was told before, and what the signals find now. The numbers that they read are let go afterwards."""
        names = [name for name in self._place.settings.signals if name != "thresholds"]
        if not names:
            return [], Findings()
        told = self._offers.outbox.readable_since(situation.now.date() - timedelta(days=KNOWN_DAYS))
        day = Day(self._place.settings, self._place.store, situation.now, situation.newest_day, told)
        return told, compute(day, names, self._place.log, self._run_id)

    def _offer(self, signal: Signal, situation: Situation, findings: Findings, told: list[Alert]) -> None:
        """Offers a signal to the outbox, under the id that it was first told by."""
        if findings.name_of(signal.kind) in self._new_signals:
            situation = msgspec.structs.replace(situation, first_since=situation.now)
        first = next((alert for alert in told if _is_same(alert, signal)), None)
        if first is not None:
            # Its first day may have moved, or its root cause grown: it is the same all the same.
            signal = msgspec.structs.replace(signal, since=first.day, scope=first.scope)
        before = self._offers.before(signal.since, alert_id(signal.kind, signal.rule, signal.scope, signal.since))
        repeated = before is not None and may_repeat_signal(before, signal)
        by = self._told_by(signal, told)
        quieted = bool(signal.quiet) or by is not None
        alert = alert_for_signal(
            signal,
            situation,
            estimated=findings.is_estimated(signal.day),
            source_kind=self._place.source.source.kind,
            why_not=f"{TOLD_WITH}{by!r}" if by is not None else signal_suppression(signal, situation),
            forecast=findings.forecast_of(signal.day, signal.currency),
            forecast_metric=findings.metric,
            repeated=repeated,
        )
        self._offers.offer(alert, None if repeated else before, quieted=quieted)

    def _told_by(self, signal: Signal, told: list[Alert]) -> str | None:
        """The rule of the threshold whose message says this incident, None if none does."""
        if signal.known is None:
            return None
        ours = {alert.id for alert in self._offers.offered}
        # One that is about to be withdrawn tells nobody.
        stays = [
            alert
            for alert in told
            if alert.id not in ours and not (alert.state in ("pending", "failed") and self._thresholds.knows(alert))
        ]
        for alert in (*stays, *self._offers.offered):
            same = alert.incident is not None and alert.incident.id == signal.known.id
            if alert.kind == THRESHOLD and same and alert.state != "suppressed":
                return alert.rule
        return None

    def _summarise(self, situation: Situation) -> None:
        """The message of a quiet day: yesterday is there, it is over nothing, and this run has nothing else to tell."""
        day = situation.newest_day
        news = any(alert.state != "suppressed" for alert in self._offers.created)
        if news or day in self._thresholds.over or day < situation.now.date() - timedelta(days=1):
            return
        report = readable(lambda: self._reports.read(day))
        if report is None:
            return
        month = Period(day.replace(day=1), day)
        earlier = [head for head in self._reports.heads(month) if head.currency == report.currency]
        amounts = [report.total(), *(head.totals.get(BILLED_COST, ZERO) for head in earlier)]
        summary = summary_for(
            report,
            self._thresholds.history,
            situation,
            month_to_date=exact_sum(amounts),
            days_known=len(amounts),
            watched=bool(self._place.rules),
        )
        self._offers.found.add(summary.id)
        if not self._offers.outbox.offer(summary):
            self._offers.outbox.refresh(summary)


def _is_same(alert: Alert, signal: Signal) -> bool:
    """Whether an alert is the first about the very incident of a signal."""
    return (
        signal.known is not None
        and alert.kind == signal.kind
        and not alert.repeated
        and alert.incident is not None
        and alert.incident.id == signal.known.id
    )
