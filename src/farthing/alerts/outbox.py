"""The outbox: alerts kept in the ledger before they are sent, and sent once.

Each step of a delivery is a conditional write: pending -> claimed -> sent | failed; suppressed ones are only recorded.
A run claims before it sends. A claim is respected for 60 s; after that its run is taken for dead and the next one
sends. What failed is tried again by the next run.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

import msgspec

from farthing.alerts.channels import Channel
from farthing.alerts.policy import MUTED, TOLD_WITH, grouped
from farthing.errors import ConflictError, CorruptError, DeliveryError, FarthingError, LedgerError
from farthing.jsontext import builtins, encode
from farthing.ledger.store import Store, Stored
from farthing.model import SUMMARY, Alert, Delivery, DeliveryState
from farthing.signals.thresholds import KIND
from farthing.wording import several

SCHEMA = "farthing.alert/1"
PREFIX = "cost_data/alerts/"
CLAIM_SECONDS = 60
"""Seconds for which a claim of another run is respected; a run sends well within it."""

ATTEMPTS = 3
"""How often one run tries a message that may pass later."""

LONGEST_PAUSE_SECONDS = 10.0
"""The longest that a run waits between two tries; a service that asks for more is left to the next run. Three tries of
at most 10 s each and two pauses stay below a claim's time."""

KEPT_DAYS = 31
"""Days: how far back an alert that could not be sent is still tried."""

WITHDRAWN = "no longer over its threshold"
"""Why an alert was suppressed whose day was restated before anybody was sent it."""

GONE = "no longer found"
"""The same for an alert that is not a threshold's."""

SUPERSEDED = "told by another alert: the day is over the threshold net of credits too"
"""Why an alert before credits was suppressed that nobody was sent."""

MARK_TRIES = 5
_KEY = re.compile(rf"{PREFIX}\d{{4}}-\d\d-\d\d/[0-9a-f]{{32}}\.json")
"""What an alert is called; an editor's copy beside it is none."""


class Drained(msgspec.Struct, frozen=True):
    """What a run delivered: counts of alerts by channel deliveries, and a sentence for each message that failed."""

    sent: int
    failed: int
    waiting: int
    problems: tuple[str, ...]


class _Open(msgspec.Struct, frozen=True):
    alert: Alert
    etag: str


def key_of(day: date, id_: str) -> str:
    """Where an alert stands."""
    return f"{PREFIX}{day.isoformat()}/{id_}.json"


def encode_alert(alert: Alert) -> bytes:
    """The alert's bytes; ``state`` is its deliveries' in one word."""
    return encode({"schema": SCHEMA, "state": alert.state, **builtins(alert)}) + b"\n"


class Outbox:
    """The alerts of one ledger.

    Args:
        store: the ledger's home.
        clock: gives the time, UTC.
        sleep: waits some seconds between two tries.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime], sleep: Callable[[float], None]) -> None:
        self._store = store
        self._clock = clock
        self._sleep = sleep

    def offer(self, alert: Alert) -> bool:
        """Keeps a new alert; False if the ledger has it already."""
        try:
            self._store.create(key_of(alert.day, alert.id), encode_alert(alert))
        except ConflictError:
            return False
        return True

    def refresh(self, alert: Alert, *, quieted: bool = False) -> Alert | None:
        """Brings an alert that nobody was sent yet up to the figures of now; what was sent stays as it was sent.

        One that was withdrawn is found again, one that was muted or told with another may have to be told after all,
        one that was suppressed at a time still to come was so by a clock that was wrong: these start anew.

        Args:
            alert: as it would be made now.
            quieted: somebody decided meanwhile that nobody is to be told, or another message tells it: it is not sent.

        Returns:
            The alert as it stands then, None where there is none that can be read.
        """
        try:
            opened = self._open(key_of(alert.day, alert.id))
        except CorruptError:
            return None  # the drain says it
        if opened is None:
            return None
        before = opened.alert
        now = self._clock()
        if all(_to_start_anew(delivery, now) for delivery in before.deliveries.values()):
            if _reasons(before) == _reasons(alert):
                return before
            kept = msgspec.structs.replace(alert, created_at=min(before.created_at, alert.created_at))
        elif _unsent(before):
            deliveries = alert.deliveries if quieted else before.deliveries
            kept = msgspec.structs.replace(alert, deliveries=deliveries, created_at=before.created_at)
        else:
            return before
        if kept != before and not self._replace_quietly(kept, opened.etag):
            opened = self._open(key_of(alert.day, alert.id))
            return opened.alert if opened else None
        return kept

    def withdraw(
        self, since: date, obsolete: Callable[[Alert], bool], found: set[str], superseded: set[str], run_id: str
    ) -> None:
        """Suppresses alerts that nobody was sent yet and that this run would not make any more.

        Args:
            since: the first day that the run is about.
            obsolete: whether the run knows enough of an alert's day to say so.
            found: the ids of the alerts that it would make.
            superseded: the ids of those that another alert tells instead.
            run_id: the run.
        """
        for opened in self._opened(self._keys(since), []):
            if opened.alert.id in found or not _unsent(opened.alert) or not obsolete(opened.alert):
                continue
            reason = SUPERSEDED if opened.alert.id in superseded else _withdrawal(opened.alert)
            now = Delivery("suppressed", self._clock(), run_id, reason=reason)
            deliveries = dict.fromkeys(opened.alert.deliveries, now)
            self._replace_quietly(msgspec.structs.replace(opened.alert, deliveries=deliveries), opened.etag)

    def _replace_quietly(self, alert: Alert, etag: str) -> bool:
        """Whether it was replaced; if not, another run has just claimed it: then it is being sent."""
        try:
            self._store.replace(key_of(alert.day, alert.id), encode_alert(alert), etag)
        except ConflictError:
            return False
        return True

    def read(self, day: date, id_: str) -> Alert | None:
        """An alert, None if the ledger has none of this id."""
        opened = self._open(key_of(day, id_))
        return opened.alert if opened else None

    def since(self, day: date) -> Iterator[Alert]:
        """Every alert about ``day`` and later, oldest first."""
        return (opened.alert for key in self._keys(day) if (opened := self._open(key)) is not None)

    def readable_since(self, day: date) -> list[Alert]:
        """The same without those that cannot be read: the drain says these."""
        return [opened.alert for opened in self._opened(self._keys(day), [])]

    def drain(self, channels: Sequence[Channel], run_id: str, also: Iterable[Alert] = ()) -> Drained:
        """Sends what is due, one message for each channel and rule; a channel that fails does not stop another.

        Args:
            channels: where to.
            run_id: the run.
            also: alerts filed under a day further back than is looked through, such as a year's budget.
        """
        sent = failed = 0
        problems: list[str] = []
        since = self._clock().date() - timedelta(days=KEPT_DAYS)
        older = sorted(key_of(alert.day, alert.id) for alert in also if alert.day < since)
        opened = list(self._opened([*older, *self._keys(since)], problems))
        for channel in channels:
            due = [one.alert for one in opened if self._is_due(one.alert, channel.name)]
            for group in grouped(due):
                claimed = [alert for alert in group if self._claim(alert, channel.name, run_id)]
                if not claimed:
                    continue
                try:
                    self._deliver(channel, claimed)
                except FarthingError as error:  # also a secret that cannot be read: the alert waits, unclaimed
                    failed += len(claimed)
                    problems.append(
                        f"{several(len(claimed), 'alert')} of the rule {claimed[0].rule!r} not delivered to "
                        f"{channel.name}: {error}; kept, the next run tries again"
                    )
                    self._mark(claimed, channel.name, "failed", run_id, str(error))
                else:
                    sent += len(claimed)
                    self._mark(claimed, channel.name, "sent", run_id, None)
        names = {channel.name for channel in channels}
        waiting = sum(
            (delivery.state in ("pending", "failed") and name not in names)
            or (delivery.state == "claimed" and not self._is_due(one.alert, name))
            for one in opened
            for name, delivery in one.alert.deliveries.items()
        )
        return Drained(sent, failed, waiting, tuple(problems))

    def _keys(self, day: date) -> Iterator[str]:
        return filter(_KEY.fullmatch, self._store.keys(PREFIX, PREFIX + day.isoformat()))

    def _opened(self, keys: Iterable[str], problems: list[str]) -> Iterator[_Open]:
        """These alerts, as far as they are there; one that cannot be read is one of the problems."""
        keys = list(keys)
        for key, stored in zip(keys, self._store.read_many(keys), strict=True):
            if stored is not None:
                try:
                    yield self._decoded(key, stored)
                except CorruptError as error:
                    problems.append(str(error))

    def _open(self, key: str) -> _Open | None:
        stored = self._store.read(key)
        return None if stored is None else self._decoded(key, stored)

    def _decoded(self, key: str, stored: Stored) -> _Open:
        try:
            return _Open(msgspec.json.decode(stored.data, type=Alert), stored.etag)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CorruptError(
                f"{self._store.locate(key)} is not a readable alert ({error}): move it away and run again"
            ) from error

    def _is_due(self, alert: Alert, channel: str) -> bool:
        delivery = alert.deliveries.get(channel)
        if delivery is None:
            return False
        if delivery.state == "claimed":
            # A claim from the future is a clock that was set back; it would otherwise hold for ever.
            age = abs((self._clock() - delivery.at).total_seconds())
            return age >= CLAIM_SECONDS
        return delivery.state in ("pending", "failed")

    def _claim(self, alert: Alert, channel: str, run_id: str) -> bool:
        """Whether the alert is now this run's to send."""
        key = key_of(alert.day, alert.id)
        opened = self._open(key)
        if opened is None or not self._is_due(opened.alert, channel):
            return False
        before = opened.alert.deliveries[channel]
        claim = Delivery("claimed", self._clock(), run_id, before.attempts + 1)
        try:
            self._store.replace(key, encode_alert(_with(opened.alert, channel, claim)), opened.etag)
        except ConflictError:
            # Another run was quicker; or the write took effect, its answer was lost, and the retry met its own claim.
            opened = self._open(key)
            return opened is not None and opened.alert.deliveries.get(channel) == claim
        return True

    def _deliver(self, channel: Channel, alerts: Sequence[Alert]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                channel.send(alerts)
                return
            except DeliveryError as error:
                pause = error.retry_after if error.retry_after is not None else float(attempt)
                if not error.retryable or attempt == ATTEMPTS or pause > LONGEST_PAUSE_SECONDS:
                    raise
                self._sleep(pause)

    def _mark(
        self, alerts: Sequence[Alert], channel: str, state: DeliveryState, run_id: str, reason: str | None
    ) -> None:
        for alert in alerts:
            self._mark_one(alert, channel, state, run_id, reason)

    def _mark_one(self, alert: Alert, channel: str, state: DeliveryState, run_id: str, reason: str | None) -> None:
        key = key_of(alert.day, alert.id)
        for _ in range(MARK_TRIES):
            opened = self._open(key)
            if opened is None:
                return  # somebody took it away by hand
            attempts = opened.alert.deliveries[channel].attempts
            marked = _with(opened.alert, channel, Delivery(state, self._clock(), run_id, attempts, reason))
            try:
                self._store.replace(key, encode_alert(marked), opened.etag)
                return
            except ConflictError:
                continue  # another channel's step came in between
        raise LedgerError(f"{self._store.locate(key)} is being written by others all the time; run again")


def _unsent(alert: Alert) -> bool:
    """Whether no channel has been sent it, or is being sent it."""
    return all(delivery.state in ("pending", "failed") for delivery in alert.deliveries.values())


def _to_start_anew(delivery: Delivery, now: datetime) -> bool:
    if delivery.state != "suppressed":
        return False
    reason = delivery.reason or ""
    liftable = reason in (WITHDRAWN, GONE, SUPERSEDED) or reason.startswith((MUTED, TOLD_WITH))
    return liftable or delivery.at > now


def _withdrawal(alert: Alert) -> str:
    return WITHDRAWN if alert.kind in (KIND, SUMMARY) else GONE


def _reasons(alert: Alert) -> set[str | None]:
    """Why it is suppressed; something else for each delivery that is not."""
    return {
        delivery.reason if delivery.state == "suppressed" else delivery.state for delivery in alert.deliveries.values()
    }


def _with(alert: Alert, channel: str, delivery: Delivery) -> Alert:
    return msgspec.structs.replace(alert, deliveries={**alert.deliveries, channel: delivery})
