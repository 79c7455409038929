"""The daily run: gathers, calls the pure core, applies, returns a RunResult. Nothing else knows the order.

    plan -> fetch -> store every new or changed day -> judge -> deliver what the outbox holds -> record

Store first, alert after: a run that dies anywhere leaves whole objects, and the next one completes the work.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice

import msgspec

from farthing.alerts.channels import Channel
from farthing.alerts.outbox import Outbox
from farthing.alerts.policy import Situation, alert_for, alert_id, may_repeat, suppression
from farthing.errors import CorruptError, FarthingError, RunError
from farthing.ledger.reports import Reports, require_same_source
from farthing.ledger.runs import Runs
from farthing.ledger.store import Store
from farthing.model import Alert, DailyReport, Period, RunRecord
from farthing.settings import Settings
from farthing.signals.thresholds import (
    KIND,
    DayAmounts,
    ThresholdRule,
    amounts_of,
    judge,
    names_in,
    total_rule,
    unmatched,
)
from farthing.sources import HISTORY_MONTHS, PRICE_PER_REQUEST, CostSource, OnPage
from farthing.wording import several

LEAST_WINDOW_DAYS = 3
"""Days: the request cap never shrinks the window below this, because the last two are still filling up."""

DEFAULT_WINDOW_DAYS = 14
"""Days that a daily run asks again by default, because AWS restates them."""

RESTATED_UNTIL_DAY = 15
"""Day of the month until which the window reaches back to the first of the month before: AWS restates it that long."""

RUNS_REMEMBERED = 10
"""Runs that are looked through for the page size last seen."""


def _quiet(*_: object) -> None:
    """Progress that nobody watches."""


class Workplace(msgspec.Struct, frozen=True):
    """What a run works with, wired by :mod:`farthing.app`. ``clock`` gives UTC; ``sleep`` takes seconds."""

    settings: Settings
    store: Store
    source: CostSource
    channels: tuple[Channel, ...]
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    log: logging.Logger

    @property
    def rules(self) -> tuple[ThresholdRule, ...]:
        """COST_THRESHOLD and the rules of farthing.toml, as far as thresholds are among the signals."""
        if "thresholds" not in self.settings.signals:
            return ()
        total = () if self.settings.cost_threshold is None else (total_rule(self.settings.cost_threshold),)
        return (*total, *self.settings.thresholds)


class Plan(msgspec.Struct, frozen=True):
    """What a query is going to ask and cost, as far as the ledger can tell.

    Attributes:
        period: the days to ask for.
        requests: billed requests expected, at least 1.
        groups_per_day: rows of the newest day in the ledger, 0 if it is empty.
        page_size: the largest page that was ever followed by another, 0 if none was yet.
        wanted: the period before the request cap shrank it; the same if it did not.
        cap: the most billed requests, None without one.
    """

    period: Period
    requests: int
    groups_per_day: int
    page_size: int
    wanted: Period
    cap: int | None = None

    @property
    def caution(self) -> str:
        """What the request cap does to this plan, for people; '' if nothing."""
        parts = []
        if self.period != self.wanted:
            parts.append(
                f"only {len(self.period)} of {len(self.wanted)} days are asked for ({self.period}), to stay within "
                f"{self.cap} billed requests"
            )
        if self.cap is not None and self.requests > self.cap:
            parts.append(f"even these need about {self.requests} requests, so the newest days will be missing")
        return f"{'; '.join(parts)}: raise FARTHING_MAX_BILLED_REQUESTS" if parts else ""

    @property
    def price(self) -> Decimal:
        """USD."""
        return self.requests * PRICE_PER_REQUEST

    @property
    def basis(self) -> str:
        """How sure the estimate is, for people."""
        if not self.groups_per_day:
            return "the ledger is empty, so this is the least it can be"
        rows = f"{self.groups_per_day:,} rows on the newest day"
        if not self.page_size:
            return f"{rows}; every answer so far fitted one page"
        return f"{rows}, {self.page_size:,} rows a page"


class RunResult(msgspec.Struct, frozen=True):
    """What a run did. ``alerts`` are those it created; ``over`` tells whether any judged day is over a threshold."""

    record: RunRecord
    newest: DailyReport | None
    alerts: tuple[Alert, ...]
    over: bool
    failures: tuple[FarthingError, ...]

    def require_success(self) -> None:
        """Raises what went wrong, if anything did.

        Raises:
            FarthingError: the one failure, or a RunError that lists several.
        """
        if len(self.failures) == 1:
            raise self.failures[0]
        if self.failures:
            raise RunError("; ".join(str(failure) for failure in self.failures)) from self.failures[0]


def first_of_month(day: date, months_back: int = 0) -> date:
    """The first day of the month that many months before the day's."""
    month = day.year * 12 + day.month - 1 - months_back
    return date(month // 12, month % 12 + 1, 1)


def window(today: date, window_days: int | None, known: Sequence[date]) -> Period:
    """The days that a daily run asks for: from the trailing window to yesterday.

    By default 14 days, and until the 15th back to the first of the month before; just ``window_days`` where that is
    set. Either way further back to the oldest gap in the ledger: within a page a longer window costs the same.
    """
    start = today - timedelta(days=window_days or DEFAULT_WINDOW_DAYS)
    if window_days is None and today.day <= RESTATED_UNTIL_DAY:
        start = min(start, first_of_month(today, 1))
    if known:
        present = set(known)
        oldest = max(min(known), first_of_month(today, HISTORY_MONTHS))
        gap = next((day for day in Period(min(oldest, start), start) if day >= oldest and day not in present), None)
        start = gap or start
    return Period(start, today)


def make_plan(period: Period, groups_per_day: int, page_size: int, cap: int | None = None) -> Plan:
    """How many requests a period takes, shrunk from its far end to ``cap`` of them."""

    def requests(days: int) -> int:
        return max(1, -(-groups_per_day * days // page_size)) if page_size else 1

    shrunk = period
    while cap is not None and requests(len(shrunk)) > cap and len(shrunk) > LEAST_WINDOW_DAYS:
        shrunk = Period(shrunk.start + timedelta(days=1), shrunk.end)
    return Plan(shrunk, requests(len(shrunk)), groups_per_day, page_size, period, cap)


def learned(reports: Reports, runs: Runs, today: date) -> tuple[int, int, DailyReport | None]:
    """What the ledger knows of the answers' size: rows a day, rows a page (0: unknown), and its newest report."""
    newest = reports.newest(today)
    recent = islice(runs.newest_first(), RUNS_REMEMBERED)
    page_size = next((run.page_size_seen for run in recent if run.page_size_seen), 0) if newest else 0
    return (len(newest.charges) if newest else 0), page_size, newest


def plan_daily(place: Workplace) -> Plan:
    """The plan of the daily run, from the ledger alone.

    Raises:
        ScopeError: the ledger holds another source or scope.
    """
    reports, runs = Reports(place.store), Runs(place.store)
    today = place.clock().date()
    groups, page_size, newest = learned(reports, runs, today)
    if newest is not None:
        require_same_source(newest.source, place.source.source)
    wanted = window(today, place.settings.window_days, reports.days())
    return make_plan(wanted, groups, page_size, place.settings.max_billed_requests)


class LedgerHistory(Mapping[date, DayAmounts]):
    """Earlier days for the signals, read from the ledger when asked for and kept for the run."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._read: dict[date, DayAmounts | None] = {}

    def __getitem__(self, day: date) -> DayAmounts:
        if day not in self._read:
            self._read[day] = None
            with _passing_over_corrupt():
                report = self._reports.read(day)
                self._read[day] = amounts_of(report) if report else None
        amounts = self._read[day]
        if amounts is None:
            raise KeyError(day)
        return amounts

    def __iter__(self) -> Iterator[date]:
        return iter(self._reports.days())

    def __len__(self) -> int:
        return len(self._reports.days())


@contextmanager
def _passing_over_corrupt() -> Iterator[None]:
    """A report that cannot be read is said and passed over: the others are judged all the same."""
    try:
        yield
    except CorruptError as error:
        logging.getLogger("farthing").warning(str(error))


class _Run:
    """A run under way: its record, and where that stands in the ledger."""

    def __init__(self, place: Workplace, record: RunRecord, invocation: str) -> None:
        self._place = place
        self._runs = Runs(place.store)
        self.record, self._etag = self._runs.start(record, invocation)

    def note(self, **changes: object) -> None:
        self.record = msgspec.structs.replace(self.record, **changes)

    def reach(self, stage: str) -> None:
        seconds = round((self._place.clock() - self.record.started_at).total_seconds(), 3)
        self.note(stage=stage, duration_seconds=max(0.0, seconds))
        self._etag = self._runs.update(self.record, self._etag)
        self._place.log.info(stage, extra={"run_id": self.record.id, "billed_requests": self.record.billed_requests})


def fetch_and_store(
    place: Workplace,
    run: "_Run",
    period: Period,
    *,
    max_requests: int,
    on_page: OnPage,
    on_day: Callable[[date], None],
) -> tuple[dict[date, Decimal], list[FarthingError]]:
    """Asks for the period and brings the ledger up to the answer; the daily run and the backfill share it.

    Returns:
        The total of each day that was stored, and what went wrong: an answer that is not whole, a stored report that
        cannot be read (it is left alone, the other days are stored).

    Raises:
        FarthingError: nothing was answered, or the ledger cannot be written; days stored before stay.
    """
    answer = place.source.fetch(period, max_requests=max_requests, on_page=on_page)
    run.note(
        billed_requests=answer.billed_requests,
        request_ids=tuple(answer.request_ids),
        groups=answer.groups,
        page_size_seen=answer.page_size_seen,
    )
    place.log.info("fetched", extra={"run_id": run.record.id, "pages": answer.billed_requests, "groups": answer.groups})
    reports = Reports(place.store)
    totals: dict[date, Decimal] = {}
    written: list[date] = []
    restated: list[date] = []
    failures: list[FarthingError] = [answer.failure] if answer.failure else []
    try:
        for fresh in answer.reports(place.clock()):
            if fresh.date not in period:
                continue
            try:
                outcome = reports.write(fresh).outcome
            except CorruptError as error:
                failures.append(error)
                continue
            totals[fresh.date] = fresh.total()
            if outcome != "unchanged":
                (written if outcome == "written" else restated).append(fresh.date)
            on_day(fresh.date)
        failures += answer.refused
    finally:
        run.note(
            days_written=tuple(written),
            days_restated=tuple(restated),
            days_unchanged=len(totals) - len(written) - len(restated),
            days_missing=() if failures else tuple(day for day in period if day not in totals),
        )
    return totals, failures


def collect(
    place: Workplace,
    *,
    invocation: str,
    on_page: OnPage = _quiet,
    on_day: Callable[[date], None] = _quiet,
) -> RunResult:
    """The daily run.

    Args:
        place: what to work with.
        invocation: what a retry of this very run has in common with it: one that already stored its data asks nothing
            again.
        on_page: progress of the query.
        on_day: progress of the writing.

    Returns:
        What was done, with every failure; :meth:`RunResult.require_success` raises them.

    Raises:
        FarthingError: the ledger cannot be used at all.
    """
    now = place.clock()
    runs = Runs(place.store)
    before = next((run for run in runs.of_invocation(invocation, now) if run.stage != "started"), None)
    first_since = _first_since(runs, now)
    record = RunRecord(
        id="",
        command="collect",
        started_at=now,
        stage="started",
        source=place.source.source,
        first=first_since is not None,
        window=before.window if before else None,
    )
    run = _Run(place, record, invocation)
    failures: list[FarthingError] = []
    alerts: list[Alert] = []
    over = 0
    newest: DailyReport | None = None
    try:
        totals: Mapping[date, Decimal | None]
        if before is not None and before.window is not None:
            place.log.info("resumed", extra={"run_id": run.record.id, "of": before.id})
            totals = dict.fromkeys(before.window)
        else:
            plan = plan_daily(place)
            run.note(window=plan.period)
            _say_plan(place, plan, run.record.id)
            totals, broken = fetch_and_store(
                place,
                run,
                plan.period,
                max_requests=place.settings.max_billed_requests,
                on_page=on_page,
                on_day=on_day,
            )
            failures += broken
        if not failures:
            run.reach("stored")
        alerts, over = _judge(place, totals, run.record.id, first_since)
        run.note(
            threshold_breaches=over,
            alerts_created=sum(alert.state != "suppressed" for alert in alerts),
            alerts_suppressed=sum(alert.state == "suppressed" for alert in alerts),
        )
        newest = Reports(place.store).read(max(totals)) if totals else None
        if not failures:
            run.reach("judged")
    except FarthingError as error:
        failures.append(error)
    failures += _deliver(place, run)
    run.note(errors=tuple(str(failure) for failure in failures))
    if not failures or run.record.stage == "judged":
        run.reach("finished")
    else:
        run.reach(run.record.stage)
    return RunResult(run.record, newest, tuple(alerts), over > 0, tuple(failures))


def _first_since(runs: Runs, now: datetime) -> datetime | None:
    """When the ledger's first daily run began, if no daily run has judged its days yet; None if one has."""
    since = now
    for run in runs.newest_first():
        if run.command != "collect":
            continue
        if run.stage in ("judged", "finished"):
            return None
        since = min(since, run.started_at)
    return since


def _say_plan(place: Workplace, plan: Plan, id_: str) -> None:
    details = {
        "run_id": id_,
        "window": str(plan.period),
        "requests_expected": plan.requests,
        "price_usd": str(plan.price),
    }
    place.log.info("planned", extra=details)
    if plan.caution:
        place.log.warning(plan.caution, extra=details)


def _judge(
    place: Workplace, totals: Mapping[date, Decimal | None], run_id: str, first_since: datetime | None
) -> tuple[list[Alert], int]:
    """Puts an alert for each new breach into the outbox; returns those, and how many breaches count."""
    rules = place.rules
    if not rules or not totals:
        if totals:
            place.log.warning("no threshold is set: set COST_THRESHOLD, or [[thresholds]] in farthing.toml")
        return [], 0
    reports = Reports(place.store)
    outbox = Outbox(place.store, place.clock, place.sleep)
    history = LedgerHistory(reports)
    situation = Situation(
        now=place.clock(),
        run_id=run_id,
        channels=tuple(channel.name for channel in place.channels),
        newest_day=max(totals),
        max_age_days=place.settings.alert_max_age_days,
        first_since=first_since,
    )
    created: list[Alert] = []
    over = 0
    judged: set[date] = set()
    found: set[str] = set()
    seen: set[str] = set()
    for day in sorted(totals):
        if _surely_quiet(rules, totals[day]):
            judged.add(day)
            continue
        report = None
        with _passing_over_corrupt():
            report = reports.read(day)
        if report is None:
            continue
        judged.add(day)
        seen |= names_in(report)
        for breach in judge(report, rules, history):
            over += suppression(report, situation) is None
            id_ = alert_id(KIND, breach.rule.name, breach.scope, day)
            found.add(id_)
            before = None
            with _passing_over_corrupt():
                before = outbox.read(day, id_)
            repeated = before is not None and may_repeat(before, breach)
            alert = alert_for(breach, report, history, situation, repeated=repeated)
            found.add(alert.id)
            if before is not None and not repeated:
                outbox.refresh(alert)
            elif outbox.offer(alert):
                created.append(alert)
                details = {"run_id": run_id, "alert": alert.id, "state": alert.state, "reason": alert.reason}
                place.log.info("alert", extra=details)
    outbox.withdraw(judged, found, run_id)
    for problem in unmatched(rules, seen):
        place.log.warning(problem)
    return created, over


def _surely_quiet(rules: Sequence[ThresholdRule], total: Decimal | None) -> bool:
    """Whether a day's total alone shows that no rule is broken: its rows need not be read then."""
    return total is not None and all(
        rule.amount is not None and rule.service is None and rule.account is None and total <= rule.amount
        for rule in rules
    )


def _deliver(place: Workplace, run: "_Run") -> list[FarthingError]:
    """Sends what the outbox holds, also after a failure: an alert from yesterday does not wait for Cost Explorer."""
    try:
        drained = Outbox(place.store, place.clock, place.sleep).drain(place.channels, run.record.id)
    except FarthingError as error:
        return [error]
    run.note(alerts_sent=drained.sent, alerts_failed=drained.failed)
    if drained.sent or drained.failed:
        place.log.info("delivered", extra={"run_id": run.record.id, "sent": drained.sent, "failed": drained.failed})
    if drained.waiting:
        place.log.warning(
            f"{several(drained.waiting, 'alert')} not sent by this run: another run is sending, or the channel is not "
            "configured any more"
        )
    return [RunError(problem) for problem in drained.problems]


def backfill(
    place: Workplace,
    period: Period,
    *,
    max_requests: int,
    invocation: str,
    on_page: OnPage = _quiet,
    on_day: Callable[[date], None] = _quiet,
) -> RunResult:
    """Brings history into the ledger. Never alerts. Arguments and result as :func:`collect`'s."""
    now = place.clock()
    newest = Reports(place.store).newest(now.date())
    if newest is not None:
        require_same_source(newest.source, place.source.source)
    record = RunRecord(
        id="",
        command="backfill",
        started_at=now,
        stage="started",
        source=place.source.source,
        window=period,
    )
    run = _Run(place, record, invocation)
    failures: list[FarthingError] = []
    try:
        _, broken = fetch_and_store(place, run, period, max_requests=max_requests, on_page=on_page, on_day=on_day)
        failures += broken
    except FarthingError as error:
        failures.append(error)
    run.note(errors=tuple(str(failure) for failure in failures))
    run.reach("started" if failures else "finished")
    return RunResult(run.record, None, (), False, tuple(failures))
