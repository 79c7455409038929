"""Cost Explorer: one GetCostAndUsage query, all its pages, all cost metrics, by service and account (or a lens)."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Protocol

import msgspec

from farthing.aws import AWS_ERRORS, explain
from farthing.errors import AmountError, AnswerError, FarthingError, MoneyError, RequestCapError, SourceError
from farthing.model import (
    GROUP_BY,
    Charge,
    DailyReport,
    Period,
    Source,
    daily_report,
    parse_amount,
    same_currency,
)
from farthing.sources import OnPage
from farthing.sources.lenses import Lens
from farthing.sources.scope import scope_filter

IAM_ACTIONS = ("ce:GetCostAndUsage",)

COST_METRICS = ("AmortizedCost", "BlendedCost", "NetAmortizedCost", "NetUnblendedCost", "UnblendedCost")

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "BilledCost": ("NetUnblendedCost", "UnblendedCost"),
    "EffectiveCost": ("NetAmortizedCost", "AmortizedCost"),
    "x_AmortizedCost": ("AmortizedCost",),
    "x_BlendedCost": ("BlendedCost",),
    "x_UnblendedCost": ("UnblendedCost",),
}
"""FOCUS's columns and the metrics they come from, the first that the answer has. FOCUS costs include all discounts, so
the net metrics are the nearest; the gross ones stand in where net is absent, and are kept themselves under x_."""

_SERVICE = "Cost Explorer"


class CostExplorerClient(Protocol):
    """The one call that is made; boto3's ``ce`` client has it, and so has the simulator's."""

    @property
    def get_cost_and_usage(self) -> Callable[..., Any]:
        """One page of the answer; keyword arguments as boto3's."""


class CostExplorerSource:
    """Cost Explorer behind the source port.

    Args:
        client: boto3's ``ce`` client, or one that answers like it.
        kind: how reports name this source.
        billing_view_arn: asks for this billing view.
        scope: limits the question to it; canonical, see :mod:`farthing.sources.scope`.
        lens: groups by its key instead of the account.
    """

    def __init__(
        self,
        client: CostExplorerClient,
        *,
        kind: str = "cost-explorer",
        billing_view_arn: str | None = None,
        scope: str | None = None,
        lens: Lens | None = None,
    ) -> None:
        self._client = client
        self._billing_view_arn = billing_view_arn
        self._lens = lens
        group_by = GROUP_BY if lens is None else (GROUP_BY[0], lens.column)
        self.source = Source(kind=kind, group_by=group_by, scope=scope)

    def fetch(self, period: Period, *, max_requests: int, on_page: OnPage) -> "CostExplorerAnswer":
        """Asks for the period; see the port for the errors."""
        answer = CostExplorerAnswer(self.source, self._lens)
        request = self._request(period)
        token: str | None = None
        while True:
            if answer.billed_requests >= max_requests:
                answer.fail(
                    RequestCapError(
                        f"the answer has more than {max_requests} pages of about {answer.page_size_seen:,} rows: the "
                        "complete days are kept; allow more requests ($0.01 each) by FARTHING_MAX_BILLED_REQUESTS, or "
                        "--max-requests of `farthing backfill`"
                    )
                )
                return answer
            try:
                page = self._client.get_cost_and_usage(**request, **({"NextPageToken": token} if token else {}))
                following = page.get("NextPageToken")
                answer.add(page, last=not following)
                if following and following == token:
                    raise AnswerError(f"{_SERVICE} answered the same page twice: nothing is lost, run again")
            except AWS_ERRORS as error:
                failure = explain(error, _SERVICE, IAM_ACTIONS[0])
                if not answer.billed_requests or not isinstance(failure, SourceError):
                    raise failure from error
                failure.__cause__ = error
                answer.fail(failure)
                return answer
            except SourceError as error:
                if not answer.billed_requests:
                    raise
                answer.fail(error, keep_days=False)
                return answer
            on_page(answer.billed_requests, answer.groups)
            if not following:
                return answer
            token = following

    def _request(self, period: Period) -> dict[str, Any]:
        request: dict[str, Any] = {
            "TimePeriod": {"Start": period.start.isoformat(), "End": period.end.isoformat()},
            "Granularity": "DAILY",
            "Metrics": list(COST_METRICS),
            "GroupBy": [
                {"Type": "DIMENSION", "Key": "SERVICE"},
                {"Type": self._lens.kind, "Key": self._lens.key}
                if self._lens
                else {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"},
            ],
        }
        if self._billing_view_arn:
            request["BillingViewArn"] = self._billing_view_arn
        if self.source.scope:
            request["Filter"] = scope_filter(self.source.scope)
        return request


class _Day:
    """A day while its pages come in. Rows wait packed, page by page: a large bill would not fit as objects."""

    def __init__(self) -> None:
        self.estimated = False
        self.currencies: set[str] = set()
        self.packed: list[bytes] = []


_Row = tuple[str, str, list[str]]
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[_Row]).decode


class CostExplorerAnswer:
    """The pages of one question, put together by day, whatever the order and wherever a page ends."""

    def __init__(self, source: Source, lens: Lens | None = None) -> None:
        self._lens = lens
        self.billed_requests = 0
        self.request_ids: list[str] = []
        self.groups = 0
        self.page_size_seen = 0
        self.failure: SourceError | None = None
        self.refused: list[FarthingError] = []
        self._source = source
        self._days: dict[date, _Day] = {}
        self._names: dict[str, str] = {}
        self._metrics: tuple[str, ...] | None = None
        self._in_order = True
        self._newest: date | None = None

    def fail(self, failure: SourceError, *, keep_days: bool = True) -> None:
        """Ends the answer before its last page: only days that were complete by then are reported, if any at all."""
        self.failure = failure
        if not keep_days:
            self._days.clear()

    def add(self, page: Mapping[str, Any], *, last: bool) -> None:
        """Takes a page in.

        Raises:
            AnswerError: it contradicts the protocol's documentation, or an earlier page.
            AmountError: an amount that cannot be kept exactly; the message names the row.
        """
        self.billed_requests += 1
        request_id = page.get("ResponseMetadata", {}).get("RequestId")
        if request_id:
            self.request_ids.append(request_id)
        for attribute in page.get("DimensionValueAttributes", []):
            name = attribute.get("Attributes", {}).get("description")
            if name:
                self._names[attribute["Value"]] = name
        try:
            size = sum(self._add_day(result) for result in page["ResultsByTime"])
        except (KeyError, TypeError, ValueError) as error:
            # Also what botocore makes of half an answer, or of a proxy's page with status 200.
            raise AnswerError(
                f"{_SERVICE} answered a page without the documented fields ({error!r}): it was cut off, or a proxy "
                "answered; nothing was kept of it, run again"
            ) from error
        self.groups += size
        if not last:
            self.page_size_seen = max(self.page_size_seen, size)

    def _add_day(self, result: Mapping[str, Any]) -> int:
        day = date.fromisoformat(result["TimePeriod"]["Start"])
        if self._newest is not None and day < self._newest:
            self._in_order = False
        self._newest = max(day, self._newest or day)
        state = self._days.setdefault(day, _Day())
        state.estimated = state.estimated or bool(result["Estimated"])
        rows: list[_Row] = []
        for group in result.get("Groups", []):
            service, account = group["Keys"]
            if self._lens is not None:
                account = self._lens.value(account)
            metrics = group["Metrics"]
            present = tuple(metric for metric in COST_METRICS if metric in metrics)
            if self._metrics is None:
                self._metrics = present
            if present != self._metrics:
                raise AnswerError(
                    f"{_SERVICE} answered {service} in {account} on {day} with the metrics "
                    f"{', '.join(present) or 'none'}, "
                    f"other rows with {', '.join(self._metrics)}"
                )
            rows.append((service, account, [metrics[metric]["Amount"] for metric in present]))
            state.currencies.update(metrics[metric]["Unit"] for metric in present)
        if not rows:
            state.currencies.update(
                total["Unit"] for metric, total in result.get("Total", {}).items() if metric in COST_METRICS
            )
        else:
            state.packed.append(_pack(rows))
        return len(rows)

    def reports(self, collected_at: datetime) -> Iterator[DailyReport]:
        """The complete days as reports, oldest first.

        A day with a row that came twice, an amount that cannot be kept or two currencies is left out and ``refused``.

        Raises:
            AnswerError: no page says what was billed.
        """
        days = sorted(self._days)
        if self.failure:
            # In time order every day before the newest one seen is complete; in any other order nothing is certain.
            days = [day for day in days if self._in_order and self._newest is not None and day < self._newest]
        columns = self._columns()
        fallback = self._only_currency()
        for day in days:
            try:
                report = self._report(day, columns, fallback, collected_at)
            except (AnswerError, MoneyError) as error:
                self.refused.append(error)
                continue
            yield report

    def _columns(self) -> dict[str, int]:
        """Each column that the answer has, with the place of its metric in a packed row."""
        present = self._metrics if self._metrics is not None else COST_METRICS
        columns = {}
        for column, metrics in COLUMNS.items():
            metric = next((metric for metric in metrics if metric in present), None)
            if metric is not None:
                columns[column] = present.index(metric)
        if "BilledCost" not in columns:
            raise AnswerError(f"{_SERVICE} answered neither NetUnblendedCost nor UnblendedCost: no day can be kept")
        return columns

    def _only_currency(self) -> str:
        """For days without any row: the answer's currency; AWS bills in USD where it says nothing at all."""
        known = set().union(*(day.currencies for day in self._days.values())) if self._days else set()
        return known.pop() if len(known) == 1 else "USD"

    def _report(self, day: date, columns: Mapping[str, int], fallback: str, collected_at: datetime) -> DailyReport:
        state = self._days[day]
        currency = same_currency(state.currencies, f"{_SERVICE}, {day}") or fallback
        charges: list[Charge] = []
        keys: set[tuple[str, str]] = set()
        for packed in state.packed:
            for service, account, texts in _unpack(packed):
                if (service, account) in keys:
                    raise AnswerError(
                        f"{_SERVICE} answered {service} in {account} on {day} twice: nothing was kept of it, run again"
                    )
                keys.add((service, account))
                try:
                    amounts = [parse_amount(text) for text in texts]
                except AmountError as error:
                    raise AmountError(f"{service} in {account} on {day}: {error}") from error
                charges.append(
                    Charge(
                        (service, account),
                        self._names.get(account),
                        tuple(amounts[place] for place in columns.values()),
                    )
                )
        return daily_report(
            day,
            currency=currency,
            estimated=state.estimated,
            collected_at=collected_at,
            metrics=tuple(columns),
            charges=charges,
            source=self._source,
        )
