"""Short ways to ask the simulated service, for its tests."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Protocol

TODAY = date(2026, 11, 23)
COSTS = ["UnblendedCost", "NetUnblendedCost", "AmortizedCost", "NetAmortizedCost", "BlendedCost"]
METRICS = [*COSTS, "UsageQuantity", "NormalizedUsageAmount"]


class Service(Protocol):
    def get_cost_and_usage(self, request: dict[str, Any], /) -> dict[str, Any]: ...


def by(*names: str) -> list[dict[str, str]]:
    """Groupings: 'SERVICE' is a dimension, 'tag:team' a tag, 'category:business-unit' a cost category."""
    kinds = {"tag": "TAG", "category": "COST_CATEGORY"}
    groups = []
    for name in names:
        kind, _, key = name.rpartition(":")
        groups.append({"Type": kinds.get(kind, "DIMENSION"), "Key": key})
    return groups


def asked(
    start: date | str,
    end: date | str,
    *groups: str,
    metrics: list[str] | None = None,
    granularity: str = "DAILY",
    **more: Any,
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "TimePeriod": {"Start": str(start), "End": str(end)},
        "Granularity": granularity,
        "Metrics": metrics or ["UnblendedCost"],
        **more,
    }
    if groups:
        request["GroupBy"] = by(*groups)
    return request


def pages(service: Service, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    while True:
        page = service.get_cost_and_usage(request)
        yield page
        if "NextPageToken" not in page:
            return
        request = {**request, "NextPageToken": page["NextPageToken"]}


def whole(service: Service, request: dict[str, Any]) -> list[dict[str, Any]]:
    """All pages' results, a day that was split put together again."""
    results: list[dict[str, Any]] = []
    for page in pages(service, request):
        for result in page["ResultsByTime"]:
            if results and results[-1]["TimePeriod"] == result["TimePeriod"]:
                results[-1]["Groups"] += result["Groups"]
            else:
                results.append(result)
    return results


def sums(results: list[dict[str, Any]], metric: str) -> dict[str, Decimal]:
    """Per period: the sum of its groups, or its total."""
    return {
        result["TimePeriod"]["Start"]: sum(
            (Decimal(group["Metrics"][metric]["Amount"]) for group in result["Groups"]), Decimal(0)
        )
        if result["Groups"]
        else Decimal(result["Total"][metric]["Amount"])
        for result in results
    }


def days_before(count: int, last: date = TODAY) -> list[date]:
    return [last - timedelta(days=number) for number in range(count, 0, -1)]
