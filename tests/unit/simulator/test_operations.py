"""GetDimensionValues, GetTags, GetCostForecast and hours."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from statistics import NormalDist, mean, stdev
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.simulator.asking import COSTS, METRICS, TODAY, asked, pages, sums, whole

from farthing.simulator.bill import Bill
from farthing.simulator.cost_explorer import CostExplorerSimulator
from farthing.simulator.errors import ServiceError
from farthing.simulator.expression import GROUP_DIMENSIONS
from farthing.simulator.hours import HOURS_OF_TODAY, hour_of
from farthing.simulator.replay import parse
from farthing.simulator.request import VALUE_DIMENSIONS

BILL = Bill("small", 1, today=TODAY)
SERVICE = CostExplorerSimulator(BILL, hourly=True)
PERIOD = {"Start": "2026-11-01", "End": "2026-11-08"}
EC2 = {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon Elastic Compute Cloud - Compute"]}}


def values(request: dict[str, Any], simulator: CostExplorerSimulator = SERVICE) -> dict[str, Any]:
    return simulator.get_dimension_values({"TimePeriod": PERIOD, "Dimension": "SERVICE", **request})


def names(answer: dict[str, Any]) -> list[str]:
    return [each["Value"] for each in answer["DimensionValues"]]


def by_group(name: str, **more: Any) -> dict[str, Decimal]:
    """Each group's cost over the period, out of GetCostAndUsage."""
    found: dict[str, Decimal] = {}
    for result in whole(SERVICE, asked(PERIOD["Start"], PERIOD["End"], name, **more)):
        for group in result["Groups"]:
            amount = Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
            found[group["Keys"][0]] = found.get(group["Keys"][0], Decimal(0)) + amount
    return found


def refused(operation: str, request: dict[str, Any], simulator: CostExplorerSimulator = SERVICE) -> ServiceError:
    billed = simulator.billed_requests
    with pytest.raises(ServiceError) as caught:
        getattr(simulator, operation)(request)
    assert simulator.billed_requests == billed
    return caught.value


# -- GetDimensionValues ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimension", sorted({*VALUE_DIMENSIONS["COST_AND_USAGE"]} & {*GROUP_DIMENSIONS}))
def test_the_values_are_the_groups_of_the_costs(dimension):
    answer = values({"Dimension": dimension})
    assert names(answer) == sorted(by_group(dimension))
    assert answer["ReturnSize"] == answer["TotalSize"] == len(answer["DimensionValues"])


def test_values_may_be_filtered():
    assert names(values({"Dimension": "REGION", "Filter": EC2})) == sorted(by_group("REGION", Filter=EC2))


def test_accounts_come_with_their_names_and_usage_types_with_their_units():
    accounts = values({"Dimension": "LINKED_ACCOUNT"})["DimensionValues"]
    assert {each["Value"]: each["Attributes"]["description"] for each in accounts} == BILL.account_names
    types = {each["Value"]: each["Attributes"] for each in values({"Dimension": "USAGE_TYPE"})["DimensionValues"]}
    assert types["BoxUsage:m6i.xlarge"] == {"unit": "Hrs"}


def test_a_search_finds_parts_of_values_in_any_case():
    found = names(values({"SearchString": "elastic COMPUTE"}))
    assert found == ["Amazon Elastic Compute Cloud - Compute"]
    assert names(values({"SearchString": "nothing has this"})) == []


@pytest.mark.parametrize("size", [1, 3, 10, 1000])
def test_any_page_size_gives_the_same_values_and_each_page_is_billed(size):
    simulator = CostExplorerSimulator(BILL, page_size=size)
    found: list[str] = []
    request: dict[str, Any] = {}
    while True:
        answer = values(request, simulator)
        assert answer["ReturnSize"] == len(answer["DimensionValues"]) <= size
        found += names(answer)
        if "NextPageToken" not in answer:
            break
        request = {"NextPageToken": answer["NextPageToken"]}
    assert found == names(values({}))
    assert answer["TotalSize"] == len(found)
    assert simulator.billed_requests == -(-len(found) // size)


def test_values_are_sorted_by_what_they_cost():
    costs = by_group("SERVICE")
    order = [{"Key": "UnblendedCost", "SortOrder": "DESCENDING"}]
    dearest = values({"SortBy": order, "MaxResults": 3})
    assert names(dearest) == sorted(costs, key=lambda name: -costs[name])[:3]
    assert (dearest["ReturnSize"], dearest["TotalSize"]) == (3, len(costs))
    assert "NextPageToken" not in dearest
    cheapest = values({"SortBy": [{"Key": "UNBLENDED_COST", "SortOrder": "ASCENDING"}]})
    assert names(cheapest) == sorted(costs, key=lambda name: costs[name])


def test_the_other_contexts_speak_of_what_is_committed():
    regions = names(values({"Dimension": "REGION", "Context": "RESERVATIONS"}))
    reserved = {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["DiscountedUsage", "RIFee"]}}
    assert regions == sorted(by_group("REGION", Filter=reserved))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Dimension": "RESOURCE_ID"}, "Dimension RESOURCE_ID is not allowed"),
        ({"Dimension": "LINKED_ACCOUNT_NAME"}, "not allowed"),
        ({"Dimension": "PRODUCT_ATTRIBUTE"}, "not allowed"),
        ({"Context": "SAVINGS_PLANS"}, "Dimension SERVICE is not allowed in the context SAVINGS_PLANS"),
        ({"SortBy": [{"Key": "UnblendedCost"}], "SearchString": "x"}, "not supported with SortBy"),
        ({"SortBy": [{"Key": "UnblendedCost"}], "NextPageToken": "x"}, "not supported with SortBy"),
        ({"SortBy": [{"Key": "UnblendedCost"}], "MaxResults": 1001}, "at most 1000"),
        ({"SortBy": [{"Key": "UnblendedCost"}], "MaxResults": 0}, "value greater than or equal to 1"),
        ({"SortBy": [{"Key": "Price"}]}, "Metric Price is invalid"),
        ({"SortBy": [{"Key": "UnblendedCost"}, {"Key": "BlendedCost"}]}, "Only one value for SortBy"),
        ({"TimePeriod": {"Start": "2026-11-08", "End": "2026-11-08"}}, "Start date (and hour) should be before"),
        ({"TimePeriod": {"Start": "2020-11-08", "End": "2026-11-08"}}, "historical data beyond 14 months"),
    ],
)
def test_what_get_dimension_values_refuses(change, message):
    error = refused("get_dimension_values", {"TimePeriod": PERIOD, "Dimension": "SERVICE", **change})
    assert error.code == "ValidationException"
    assert message in error.message


def test_a_token_of_one_operation_is_none_of_another():
    simulator = CostExplorerSimulator(BILL, page_size=1)
    token = simulator.get_tags({"TimePeriod": PERIOD})["NextPageToken"]
    request = {"TimePeriod": PERIOD, "Dimension": "SERVICE", "NextPageToken": token}
    assert refused("get_dimension_values", request, simulator).code == "RequestChangedException"
    request["NextPageToken"] = "nonsense"
    assert refused("get_dimension_values", request, simulator).code == "InvalidNextTokenException"


# -- GetTags ---------------------------------------------------------------------------------------------------


def test_tags_are_keys_or_the_values_of_a_key():
    assert SERVICE.get_tags({"TimePeriod": PERIOD})["Tags"] == ["environment", "team"]
    of_team = SERVICE.get_tags({"TimePeriod": PERIOD, "TagKey": "team"})
    assert of_team["Tags"] == [name.removeprefix("team$") for name in sorted(by_group("tag:team"))]
    assert of_team["TotalSize"] == of_team["ReturnSize"] == 4
    assert SERVICE.get_tags({"TimePeriod": PERIOD, "TagKey": "nobody-uses-it"})["Tags"] == [""]
    assert SERVICE.get_tags({"TimePeriod": PERIOD, "SearchString": "TEA"})["Tags"] == ["team"]


def test_tag_values_are_sorted_by_what_they_cost():
    costs = {name.removeprefix("team$"): cost for name, cost in by_group("tag:team").items()}
    order = [{"Key": "UnblendedCost", "SortOrder": "DESCENDING"}]
    answer = SERVICE.get_tags({"TimePeriod": PERIOD, "TagKey": "team", "SortBy": order, "MaxResults": 2})
    assert answer["Tags"] == sorted(costs, key=lambda name: -costs[name])[:2]


# -- GetCostForecast -------------------------------------------------------------------------------------------

AHEAD = {"Start": "2026-11-23", "End": "2026-12-07"}
FORECAST = {"TimePeriod": AHEAD, "Metric": "UNBLENDED_COST", "Granularity": "DAILY", "PredictionIntervalLevel": 90}


def known_days() -> dict[date, Decimal]:
    """The eight weeks up to the day before yesterday's eve, asked as anyone would."""
    end = TODAY - timedelta(days=2)
    costs = sums(whole(SERVICE, asked(end - timedelta(days=56), end)), "UnblendedCost")
    return {date.fromisoformat(day): cost for day, cost in costs.items()}


def test_a_forecast_is_the_mean_of_the_same_weekdays_and_their_spread():
    answer = SERVICE.get_cost_forecast(FORECAST)
    deviations = Decimal(str(round(NormalDist().inv_cdf(0.95), 3)))
    known = known_days()
    assert len(answer["ForecastResultsByTime"]) == 14
    for result in answer["ForecastResultsByTime"]:
        day = date.fromisoformat(result["TimePeriod"]["Start"])
        same = [cost for other, cost in known.items() if other.weekday() == day.weekday()]
        assert len(same) == 8
        assert abs(Decimal(result["MeanValue"]) - mean(same)) < Decimal("1e-9")
        half = stdev(same) * deviations
        assert abs(Decimal(result["PredictionIntervalUpperBound"]) - mean(same) - half) < Decimal("1e-6")
        assert abs(mean(same) - Decimal(result["PredictionIntervalLowerBound"]) - half) < Decimal("1e-6")
    total = sum(Decimal(result["MeanValue"]) for result in answer["ForecastResultsByTime"])
    assert answer["Total"] == {"Amount": format(total.normalize(), "f"), "Unit": "USD"}


def test_a_higher_level_has_a_wider_interval_and_no_level_none():
    def width(level: int) -> Decimal:
        result = SERVICE.get_cost_forecast({**FORECAST, "PredictionIntervalLevel": level})["ForecastResultsByTime"][0]
        return Decimal(result["PredictionIntervalUpperBound"]) - Decimal(result["PredictionIntervalLowerBound"])

    assert 0 < width(51) < width(80) < width(99)
    without = {key: value for key, value in FORECAST.items() if key != "PredictionIntervalLevel"}
    for result in SERVICE.get_cost_forecast(without)["ForecastResultsByTime"]:
        assert set(result) == {"TimePeriod", "MeanValue"}


def test_months_are_the_sums_of_their_days_and_cut_to_what_was_asked():
    daily = SERVICE.get_cost_forecast({**FORECAST, "TimePeriod": {"Start": "2026-11-23", "End": "2027-02-05"}})
    monthly = SERVICE.get_cost_forecast(
        {**FORECAST, "Granularity": "MONTHLY", "TimePeriod": {"Start": "2026-11-23", "End": "2027-02-05"}}
    )
    assert [result["TimePeriod"] for result in monthly["ForecastResultsByTime"]] == [
        {"Start": "2026-11-23", "End": "2026-12-01"},
        {"Start": "2026-12-01", "End": "2027-01-01"},
        {"Start": "2027-01-01", "End": "2027-02-01"},
        {"Start": "2027-02-01", "End": "2027-02-05"},
    ]
    assert monthly["Total"] == daily["Total"]


def test_a_forecast_may_be_filtered():
    parts = [
        Decimal(SERVICE.get_cost_forecast({**FORECAST, "Filter": matches})["Total"]["Amount"])
        for matches in (EC2, {"Not": EC2})
    ]
    everything = Decimal(SERVICE.get_cost_forecast(FORECAST)["Total"]["Amount"])
    assert abs(sum(parts) - everything) < Decimal("1e-7")
    assert all(part > 0 for part in parts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"TimePeriod": {"Start": "2026-11-22", "End": "2026-12-01"}}, "must not be before the current date"),
        (
            {"TimePeriod": {"Start": "2026-12-01", "End": "2026-12-01"}},
            "Start: 2026-12-01 must be before requested End",
        ),
        ({"TimePeriod": {"Start": "2026-11-23", "End": "2027-02-24"}}, "more than 3 months ahead for DAILY"),
        ({"TimePeriod": {"Start": "soon", "End": "2027-02-24"}}, "Start time soon is invalid"),
        ({"Granularity": "HOURLY"}, "Granularity should be either 'MONTHLY' or 'DAILY'"),
        ({"Metric": "USAGE_QUANTITY"}, "Metric USAGE_QUANTITY is invalid"),
        ({"Filter": {"Dimensions": {"Key": "CACHE_ENGINE", "Values": ["Redis"]}}}, "CACHE_ENGINE is not allowed"),
    ],
)
def test_what_get_cost_forecast_refuses(change, message):
    error = refused("get_cost_forecast", {**FORECAST, **change})
    assert error.code == "ValidationException"
    assert message in error.message


def test_months_may_be_forecast_further_ahead_than_days():
    far = {**FORECAST, "Granularity": "MONTHLY", "TimePeriod": {"Start": "2026-11-23", "End": "2028-05-23"}}
    assert len(SERVICE.get_cost_forecast(far)["ForecastResultsByTime"]) == 19
    far["TimePeriod"] = {"Start": "2026-11-23", "End": "2028-05-24"}
    assert "more than 18 months ahead" in refused("get_cost_forecast", far).message


def test_a_young_account_has_no_forecast():
    newborn = CostExplorerSimulator(Bill("small", 1, today=date(2025, 6, 20), anchor=date(2026, 11, 23)))
    request = {**FORECAST, "TimePeriod": {"Start": "2025-06-20", "End": "2025-06-30"}}
    error = refused("get_cost_forecast", request, newborn)
    assert (error.code, error.message) == ("DataUnavailableException", "Insufficient amount of historical data.")


def test_a_metric_that_was_not_recorded_has_no_forecast():
    days = ",".join(
        f'{{"TimePeriod":{{"Start":"{day}","End":"{day + timedelta(days=1)}"}},'
        '"Total":{"UnblendedCost":{"Amount":"2.50","Unit":"EUR"}}}'
        for day in (date(2026, 1, 1) + timedelta(days=number) for number in range(40))
    )
    simulator = CostExplorerSimulator(parse(f'{{"ResultsByTime":[{days}]}}'))
    request = {**FORECAST, "TimePeriod": {"Start": "2026-02-10", "End": "2026-02-12"}}
    answer = simulator.get_cost_forecast(request)
    assert answer["Total"] == {"Amount": "5", "Unit": "EUR"}
    assert answer["ForecastResultsByTime"][0]["PredictionIntervalLowerBound"] == "2.5"
    error = refused("get_cost_forecast", {**request, "Metric": "AMORTIZED_COST"}, simulator)
    assert error.code == "DataUnavailableException"


# -- hours -----------------------------------------------------------------------------------------------------


def hourly(day: str, *groups: str, hours: int = 24, **more: Any) -> dict[str, Any]:
    start = date.fromisoformat(day)
    end = f"{start}T{hours:02}:00:00Z" if hours < 24 else f"{start + timedelta(days=1)}T00:00:00Z"
    return asked(f"{day}T00:00:00Z", end, *groups, granularity="HOURLY", **more)


@pytest.mark.parametrize("day", ["2026-11-09", "2026-11-10", "2026-11-21", "2026-11-22", str(TODAY)])
@pytest.mark.parametrize("groups", [[], ["SERVICE"], ["RECORD_TYPE", "LINKED_ACCOUNT"]])
def test_hours_add_up_to_their_day_to_the_last_decimal(day, groups):
    by_day = whole(SERVICE, asked(day, date.fromisoformat(day) + timedelta(days=1), *groups, metrics=METRICS))
    by_hour = whole(SERVICE, hourly(day, *groups, metrics=METRICS))
    assert len(by_hour) == 24
    for metric in METRICS:
        assert sum(sums(by_hour, metric).values()) == sum(sums(by_day, metric).values())


def test_hours_are_named_to_the_second_and_follow_the_working_day():
    results = whole(SERVICE, hourly("2026-11-12"))
    assert results[0]["TimePeriod"] == {"Start": "2026-11-12T00:00:00Z", "End": "2026-11-12T01:00:00Z"}
    assert results[-1]["TimePeriod"] == {"Start": "2026-11-12T23:00:00Z", "End": "2026-11-13T00:00:00Z"}
    costs = list(sums(results, "UnblendedCost").values())
    assert min(costs) > 0
    assert costs[12] > costs[3]


def test_fees_stand_in_the_first_hour_of_their_day():
    simulator = CostExplorerSimulator(Bill("small", 1, today=date(2026, 11, 10), anchor=TODAY), hourly=True)
    tax = {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Tax"]}}
    costs = list(sums(whole(simulator, hourly("2026-11-01", Filter=tax)), "UnblendedCost").values())
    assert costs[0] > 0
    assert set(costs[1:]) == {0}


def test_today_is_known_up_to_its_eighth_hour():
    usage = {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Usage"]}}
    costs = list(sums(whole(SERVICE, hourly(str(TODAY), Filter=usage)), "UnblendedCost").values())
    assert [cost > 0 for cost in costs] == [hour < HOURS_OF_TODAY for hour in range(24)]


@given(
    amounts=st.tuples(*[st.integers(-(10**30), 10**30)] * 7),
    known=st.integers(1, 24),
    kind=st.sampled_from(["", "Usage", "Tax", "SavingsPlanNegation"]),
)
@settings(deadline=None)
def test_any_amount_is_shared_out_exactly(amounts, known, kind):
    parts = [part for hour in range(24) if (part := hour_of(amounts, kind, hour, known)) is not None]
    assert tuple(map(sum, zip(*parts, strict=True))) == amounts or not any(amounts)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("2026-11-12", "2026-11-13", "Valid format is: yyyy-MM-ddTHH:mm:ssZ"),
        ("2026-11-12T00:30:00Z", "2026-11-13T00:00:00Z", "Start time 2026-11-12T00:30:00Z is invalid"),
        ("2026-11-12T24:00:00Z", "2026-11-13T00:00:00Z", "is invalid"),
        ("2026-11-12T05:00:00Z", "2026-11-12T05:00:00Z", "Start date (and hour) should be before end date (and hour)"),
        ("2026-11-08T23:00:00Z", "2026-11-10T00:00:00Z", "Start date is more than 14 days ago for hourly granularity"),
        ("2026-11-23T00:00:00Z", "2026-12-01T01:00:00Z", "end date past the beginning of next month"),
        ("2026-11-12T05:00:00Z", "9999-12-31T23:00:00Z", "end date past the beginning of next month"),
        ("2026-11-24T00:00:00Z", "2026-11-24T01:00:00Z", "start date past the current date"),
    ],
)
def test_what_hourly_requests_are_refused_for(start, end, message):
    error = refused("get_cost_and_usage", asked(start, end, granularity="HOURLY"))
    assert error.code == "ValidationException"
    assert message in error.message


def test_the_fourteenth_day_before_is_the_oldest_with_hours():
    assert whole(SERVICE, hourly("2026-11-09", hours=1))[0]["Total"]["UnblendedCost"]["Amount"] != "0"


def test_hours_are_off_unless_they_are_switched_on():
    error = refused("get_cost_and_usage", hourly("2026-11-12"), CostExplorerSimulator(BILL))
    assert error.message == "You haven't enabled hourly granularity data."


def test_hours_come_in_pages_too():
    small = CostExplorerSimulator(BILL, page_size=13, hourly=True)
    request = hourly("2026-11-12", "SERVICE", metrics=COSTS)
    assert whole(small, request) == whole(SERVICE, request)
    assert all(_sizes(pages(small, request)))


def _sizes(parts: Iterator[dict[str, Any]]) -> Iterator[bool]:
    for part in parts:
        yield sum(len(result["Groups"]) for result in part["ResultsByTime"]) <= 13
