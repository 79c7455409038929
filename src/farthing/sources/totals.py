"""The bill asked again in other ways, to prove the ledger by: ungrouped totals, and what they consist of.

The ledger's days are sums of rows by service and account. Here Cost Explorer adds up by itself, so a row that was lost,
doubled or changed on the way shows as a difference.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from farthing.aws import AWS_ERRORS, explain
from farthing.errors import AmountError, AnswerError, RequestCapError
from farthing.model import GROUP_BY, Period, Source, exact_sum, parse_amount, same_currency
from farthing.reconcile import AskedDay, RecordType
from farthing.sources.cost_explorer import COLUMNS, COST_METRICS, IAM_ACTIONS, CostExplorerClient
from farthing.sources.scope import scope_filter
from farthing.wording import several

RECORD_TYPES = 15
"""Record types that a day of an ordinary bill has at most: what an answer by record type is priced with."""

_SERVICE = "Cost Explorer"


class TotalsSource:
    """Cost Explorer, asked for totals. Counts what it was billed, also where a question fails midway.

    Args:
        client: boto3's ``ce`` client, or one that answers like it.
        kind: how the ledger's reports name this source.
        billing_view_arn: asks for this billing view.
        scope: of the ledger that is proved; canonical, it becomes the filter.
    """

    def __init__(
        self,
        client: CostExplorerClient,
        *,
        kind: str = "cost-explorer",
        billing_view_arn: str | None = None,
        scope: str | None = None,
    ) -> None:
        self._client = client
        self._billing_view_arn = billing_view_arn
        self.source = Source(kind=kind, group_by=GROUP_BY, scope=scope)
        self.billed_requests = 0
        self.request_ids: list[str] = []

    def days(self, period: Period, *, max_requests: int) -> dict[date, AskedDay]:
        """Each day's ungrouped totals, within the scope; a day that was not answered is missing.

        Args:
            period: the days to ask for.
            max_requests: the most billed requests of this source, over all its questions.

        Raises:
            SourceError: the question was refused, or the answer is not whole or contradicts itself.
            AmountError: an amount that cannot be kept exactly.
            CurrencyError: one day has two currencies.
        """
        found: dict[date, AskedDay] = {}
        for result in self._results(self._request(period, scoped=True), max_requests):
            day, told = _day_of(result), result.get("Total") or {}
            if day in found:
                raise AnswerError(f"{_SERVICE} answered the total of {day} twice: run again")
            if any(metric in told for metric in COST_METRICS):
                currency, totals = _amounts(told, str(day))
                found[day] = AskedDay(day, currency, bool(result.get("Estimated")), totals)
        return found

    def record_types(self, period: Period, *, scoped: bool, max_requests: int) -> tuple[RecordType, ...]:
        """What the period's total consists of, by name; arguments and errors as :meth:`days`.

        ``scoped``: within the ledger's scope, or the whole bill.
        """
        request = self._request(period, scoped=scoped)
        request["GroupBy"] = [{"Type": "DIMENSION", "Key": "RECORD_TYPE"}]
        rows: dict[tuple[str, str], list[Mapping[str, Decimal]]] = {}
        seen: set[tuple[date, str]] = set()
        for result in self._results(request, max_requests):
            day = _day_of(result)
            for name, metrics in _groups(result):
                if (day, name) in seen:
                    raise AnswerError(f"{_SERVICE} answered the record type {name} of {day} twice: run again")
                seen.add((day, name))
                currency, totals = _amounts(metrics, f"{name} on {day}")
                rows.setdefault((name, currency), []).append(totals)
        return tuple(
            RecordType(
                name,
                currency,
                {
                    column: exact_sum(totals[column] for totals in parts if column in totals)
                    for column in COLUMNS
                    if any(column in totals for totals in parts)
                },
            )
            for (name, currency), parts in sorted(rows.items())
        )

    def _request(self, period: Period, *, scoped: bool) -> dict[str, Any]:
        request: dict[str, Any] = {
            "TimePeriod": {"Start": period.start.isoformat(), "End": period.end.isoformat()},
            "Granularity": "DAILY",
            "Metrics": list(COST_METRICS),
        }
        if self._billing_view_arn:
            request["BillingViewArn"] = self._billing_view_arn
        if scoped and self.source.scope:
            request["Filter"] = scope_filter(self.source.scope)
        return request

    def _results(self, request: Mapping[str, Any], max_requests: int) -> Iterator[Mapping[str, Any]]:
        """The results of all pages. A part of an answer proves nothing, so whatever breaks is raised."""
        tokens: set[str] = set()
        token: str | None = None
        while True:
            if self.billed_requests >= max_requests:
                free = self.source.kind == "simulated"
                noun, price = ("free request", "") if free else ("billed request", " ($0.01 each)")
                raise RequestCapError(
                    f"more than {several(max_requests, noun)} would be needed, and nothing is proved by a part of an "
                    f"answer: ask for a shorter period, or raise FARTHING_MAX_BILLED_REQUESTS{price}"
                )
            try:
                page = self._client.get_cost_and_usage(**request, **({"NextPageToken": token} if token else {}))
            except AWS_ERRORS as error:
                raise explain(error, _SERVICE, IAM_ACTIONS[0]) from error
            self.billed_requests += 1
            request_id = page.get("ResponseMetadata", {}).get("RequestId")
            self.request_ids += [request_id] if request_id else []
            results = page.get("ResultsByTime")
            if not isinstance(results, list):
                raise AnswerError(f"{_SERVICE} answered a page without ResultsByTime: run again")
            yield from results
            token = page.get("NextPageToken")
            if not token:
                return
            if token in tokens:
                raise AnswerError(f"{_SERVICE} answered the same page twice: run again")
            tokens.add(token)


def _day_of(result: Mapping[str, Any]) -> date:
    try:
        return date.fromisoformat(result["TimePeriod"]["Start"])
    except (KeyError, TypeError, ValueError) as error:
        raise AnswerError(f"{_SERVICE} answered a result without a day ({error!r}): run again") from error


def _groups(result: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for group in result.get("Groups", []):
        try:
            (name,) = group["Keys"]
            metrics = group["Metrics"]
        except (KeyError, TypeError, ValueError) as error:
            raise AnswerError(f"{_SERVICE} answered a group without the documented fields ({error!r})") from error
        yield str(name), metrics


def _amounts(told: Mapping[str, Any], where: str) -> tuple[str, dict[str, Decimal]]:
    """The currency and each of FOCUS's columns that the answer has a metric for."""
    totals: dict[str, Decimal] = {}
    units: set[str] = set()
    try:
        for column, metrics in COLUMNS.items():
            metric = next((metric for metric in metrics if metric in told), None)
            if metric is not None:
                totals[column] = parse_amount(told[metric]["Amount"])
                units.add(told[metric]["Unit"])
    except AmountError as error:
        raise AmountError(f"{_SERVICE}, {where}: {error}") from error
    except (KeyError, TypeError) as error:
        raise AnswerError(f"{_SERVICE} answered {where} without the documented fields ({error!r})") from error
    return same_currency(units, f"{_SERVICE}, {where}") or "USD", totals
