"""The daily run: gathers, calls the pure core, applies, returns a RunResult. Nothing else knows the order.

    plan -> fetch -> store every new or changed day -> the lenses likewise -> judge -> deliver what the outbox holds
    -> record

Store first, alert after: a run that dies anywhere leaves whole objects, and the next one completes the work.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec

from farthing.alerts.outbox import Outbox
from farthing.budgeting import rules_of
from farthing.errors import CorruptError, FarthingError, LedgerError, RequestCapError, RunError
from farthing.fetching import Asked, SeriesOfRun, fetch_and_store
from farthing.judging import Judge
from farthing.ledger.reports import Reports, Written, lens_prefix, require_same_source
from farthing.ledger.runs import Runs
from farthing.model import Alert, DailyReport, LensRun, Period, RunRecord
from farthing.planning import Plan, plan_daily, plan_lenses
from farthing.sources import OnPage
from farthing.sources.lenses import spelled
from farthing.wording import several
from farthing.workplace import Workplace

NEW_SIGNAL_DAYS = 31
"""Days without a run that computed it, after which a signal begins anew: what it finds then is mostly no news."""


def _quiet(*_: object) -> None:
    """Progress that nobody watches."""


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


def _ask_daily(
    place: Workplace, run: "_Run", period: Period, *, max_requests: int, on_page: OnPage, on_day: Callable[[date], None]
) -> Asked:
    """The daily question, noted in the run's record however it ends."""
    asked = Asked()
    series = SeriesOfRun(place)

    def on_written(written: Written) -> None:
        series.take(written)
        on_day(written.report.date)

    try:
        fetch_and_store(
            place,
            place.source,
            Reports(place.store),
            period,
            asked,
            max_requests=max_requests,
            on_page=on_page,
            on_written=on_written,
        )
    finally:
        series.flush()
        run.note(
            billed_requests=asked.billed_requests,
            request_ids=asked.request_ids,
            groups=asked.groups,
            page_size_seen=asked.page_size_seen,
            days_written=tuple(asked.written),
            days_restated=tuple(asked.restated),
            days_unchanged=asked.unchanged,
            days_missing=() if asked.failures else tuple(day for day in period if day not in asked.totals),
        )
    details = {"run_id": run.record.id, "pages": asked.billed_requests, "groups": asked.groups}
    place.log.info("fetched", extra=details)
    return asked


def _ask_lenses(
    place: Workplace,
    run: "_Run",
    periods: Mapping[str, Period],
    *,
    max_requests: int,
    on_page: OnPage,
    on_report: Callable[[str, DailyReport], None],
) -> list[FarthingError]:
    """The lenses' questions, one after the other; one that fails does not stop the others.

    Args:
        place: what the run works with.
        run: where they are noted.
        periods: the days to ask for, by lens.
        max_requests: of the whole run; the first lens gets what is left but one for each that waits.
        on_page: progress.
        on_report: called with the lens and each of its reports that is in the ledger now.
    """
    failures: list[FarthingError] = []
    for place_in_line, (name, period) in enumerate(periods.items()):
        asked = Asked()
        left = max_requests - run.record.billed_requests
        waiting = len(periods) - place_in_line - 1
        try:
            if left < 1:
                raise RequestCapError(
                    f"the cap of {several(max_requests, 'billed request')} leaves none for it: raise "
                    "FARTHING_MAX_BILLED_REQUESTS, or --max-requests of `farthing backfill`"
                )
            fetch_and_store(
                place,
                place.lenses[name],
                Reports(place.store, lens_prefix(name)),
                period,
                asked,
                max_requests=max(1, left - waiting),
                on_page=on_page,
                on_written=lambda written, name=name: on_report(name, written.report),  # type: ignore[misc]
            )
        except FarthingError as error:
            asked.failures.append(error)
        for failure in asked.failures:
            wrapped = RunError(f"the lens {spelled(place.lenses[name])}: {failure}")
            wrapped.__cause__ = failure
            failures.append(wrapped)
        lens = LensRun(
            name=name,
            whole=not asked.failures,
            window=period,
            billed_requests=asked.billed_requests,
            groups=asked.groups,
            page_size_seen=asked.page_size_seen,
            days_written=tuple(asked.written),
            days_restated=tuple(asked.restated),
            days_unchanged=asked.unchanged,
        )
        run.note(
            billed_requests=run.record.billed_requests + asked.billed_requests,
            request_ids=run.record.request_ids + asked.request_ids,
            lenses=(*run.record.lenses, lens),
        )
        details = {"run_id": run.record.id, "lens": name, "pages": lens.billed_requests, "groups": lens.groups}
        place.log.info("lens", extra=details)
        if any(type(failure) is LedgerError for failure in asked.failures):
            break  # the home cannot be written: another answer would be paid for and lost
    return failures


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
    rules_of(place.settings)  # a wrong budget stops the run before anything is asked
    now = place.clock()
    runs = Runs(place.store)
    before = [run for run in runs.of_invocation(invocation, now) if run.stage != "started"]
    first_since = _first_since(runs, now)
    record = RunRecord(
        id="",
        command="collect",
        started_at=now,
        stage="started",
        source=place.source.source,
        first=first_since is not None,
        window=before[0].window if before else None,
    )
    run = _Run(place, record, invocation)
    judge = Judge(place, run.record.id, first_since, _new_signals(runs, now, place.settings.signals))
    failures: list[FarthingError] = []
    alerts: tuple[Alert, ...] = ()
    newest: DailyReport | None = None
    over = 0
    judged: tuple[Alert, ...] = ()
    try:
        totals, broken = _gather(place, run, before, judge, on_page=on_page, on_day=on_day)
        failures += broken
        found = judge.days(totals, whole=not broken)
        alerts, over = found.created, found.over
        judged = found.offered
        failures += found.failures
        run.note(
            threshold_breaches=over,
            signals=found.signals,
            alerts_created=sum(alert.state != "suppressed" for alert in alerts),
            alerts_suppressed=sum(alert.state == "suppressed" for alert in alerts),
        )
        newest = Reports(place.store).read(max(totals)) if totals else None
        if run.record.stage == "stored":
            run.reach("judged")
    except FarthingError as error:
        failures.append(error)
    failures += _deliver(place, run, judged)
    run.note(errors=tuple(str(failure) for failure in failures))
    run.reach("finished" if run.record.stage == "judged" else run.record.stage)
    return RunResult(run.record, newest, alerts, over > 0, tuple(failures))


def _gather(
    place: Workplace,
    run: "_Run",
    before: list[RunRecord],
    judge: Judge,
    *,
    on_page: OnPage,
    on_day: Callable[[date], None],
) -> tuple[Mapping[date, Decimal | None], list[FarthingError]]:
    """Asks what this invocation has not stored yet, and stores it.

    Returns:
        The days to judge, with their totals where the answer told them, and what went wrong.
    """
    cap = place.settings.max_billed_requests
    totals: Mapping[date, Decimal | None]
    failures: list[FarthingError] = []
    if before and before[0].window is not None:
        place.log.info("resumed", extra={"run_id": run.record.id, "of": before[0].id})
        window = before[0].window
        known = set(Reports(place.store).days(after=window.start - timedelta(days=1)))
        totals = dict.fromkeys(day for day in window if day in known)
        plan = Plan(window, 0, 0, 0, window)
    else:
        plan = plan_daily(place)
        run.note(window=plan.period)
        _say_plan(place, plan, run.record.id)
        asked = _ask_daily(place, run, plan.period, max_requests=cap, on_page=on_page, on_day=on_day)
        totals = asked.totals
        failures = asked.failures
        if not asked.whole:
            return totals, failures
    if not _asked_again_may_help(failures):
        run.reach("stored")
    done = {lens.name for earlier in before for lens in earlier.lenses if lens.whole}
    try:
        plans = {name: lens for name, lens in plan_lenses(place, plan).items() if name not in done}
    except FarthingError as error:  # the day itself is stored and is judged all the same
        return totals, [*failures, error]
    for lens in plans.values():
        _say_plan(place, lens, run.record.id)
    periods = {name: lens.period for name, lens in plans.items()}
    failures += _ask_lenses(place, run, periods, max_requests=cap, on_page=on_page, on_report=judge.note)
    return totals, failures


def _asked_again_may_help(failures: list[FarthingError]) -> bool:
    """Whether a retry of the same run should ask again: not where only a stored report cannot be read."""
    return not all(isinstance(failure, CorruptError) for failure in failures)


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


def _new_signals(runs: Runs, now: datetime, names: Sequence[str]) -> frozenset[str]:
    """Those of these signals that no daily run of the last month has computed: just switched on, or just brought."""
    # Thresholds have been there from the first version on; its records do not name them.
    missing = {name for name in names if name != "thresholds"}
    for run in runs.newest_first():
        if not missing or run.started_at < now - timedelta(days=NEW_SIGNAL_DAYS):
            break
        if run.command == "collect" and run.stage in ("judged", "finished"):
            missing -= set(run.signals)
    return frozenset(missing)


def _say_plan(place: Workplace, plan: Plan, id_: str) -> None:
    details = {
        "run_id": id_,
        "window": str(plan.period),
        "requests_expected": plan.requests,
        "price_usd": str(plan.price),
        **({"lens": plan.lens} if plan.lens else {}),
    }
    place.log.info("planned", extra=details)
    if plan.caution:
        place.log.warning(plan.caution, extra=details)


def _deliver(place: Workplace, run: "_Run", judged: Sequence[Alert]) -> list[FarthingError]:
    """Sends what the outbox holds, also after a failure: an alert from yesterday does not wait for Cost Explorer."""
    try:
        outbox = Outbox(place.store, place.clock, place.sleep)
        drained = outbox.drain(place.channels, run.record.id, also=judged)
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
    """Brings history into the ledger, the lenses' too. Never alerts. Arguments and result as :func:`collect`'s."""
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
        asked = _ask_daily(place, run, period, max_requests=max_requests, on_page=on_page, on_day=on_day)
        failures += asked.failures
        if asked.whole:
            periods = dict.fromkeys(place.lenses, period)
            failures += _ask_lenses(place, run, periods, max_requests=max_requests, on_page=on_page, on_report=_quiet)
    except FarthingError as error:
        failures.append(error)
    run.note(errors=tuple(str(failure) for failure in failures))
    run.reach("started" if failures else "finished")
    return RunResult(run.record, None, (), False, tuple(failures))
