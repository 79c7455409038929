import contextlib
import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.simulator.asking import METRICS, TODAY, asked, pages, sums, whole

from farthing.simulator.bill import Bill
from farthing.simulator.cost_explorer import CostExplorerSimulator, ServiceError
from farthing.simulator.expression import FILTER_DIMENSIONS, GROUP_DIMENSIONS

BILL = Bill("small", 1, today=TODAY)
SERVICE = CostExplorerSimulator(BILL, history_months=None)
EC2 = "Amazon Elastic Compute Cloud - Compute"
GROUPS = [*GROUP_DIMENSIONS, "tag:team", "tag:environment", "tag:nobody-uses-it", "category:business-unit"]
PERIODS = [("2026-11-01", "2026-11-04"), ("2026-01-01", "2026-01-03"), ("2026-11-20", "2026-11-26")]

groupings = st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2, unique=True)
periods = st.sampled_from(PERIODS)


def dimension(key: str, *values: str) -> dict[str, Any]:
    return {"Dimensions": {"Key": key, "Values": list(values)}}


def tag(key: str, *values: str) -> dict[str, Any]:
    return {"Tags": {"Key": key, "Values": list(values)}}


leaf_filters = st.one_of(
    st.builds(dimension, st.just("SERVICE"), st.sampled_from([EC2, "EC2 - Other", "Tax", "nothing"])),
    st.builds(dimension, st.just("LINKED_ACCOUNT"), st.sampled_from(sorted(BILL.account_names))),
    st.builds(dimension, st.just("RECORD_TYPE"), st.sampled_from(["Usage", "Tax", "Credit"])),
    st.builds(dimension, st.sampled_from(FILTER_DIMENSIONS), st.just("us-east-1")),
    st.builds(tag, st.just("team"), st.sampled_from(["data", "", "platform"])),
    st.just({"Tags": {"Key": "team", "MatchOptions": ["ABSENT"]}}),
    st.just({"CostCategories": {"Key": "business-unit", "Values": ["Retail"]}}),
)
filters = st.recursive(
    leaf_filters,
    lambda inner: st.one_of(
        st.builds(lambda part: {"Not": part}, inner),
        st.builds(lambda parts: {"And": parts}, st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda parts: {"Or": parts}, st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=5,
)


def refused(request: Any, simulator: CostExplorerSimulator = SERVICE) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        simulator.get_cost_and_usage(request)
    assert caught.value.status == 400
    return caught.value


# -- laws ------------------------------------------------------------------------------------------------------


@given(groups=groupings, period=periods)
@settings(max_examples=40, deadline=None)
def test_any_grouping_adds_up_to_the_ungrouped_total_to_the_last_decimal(groups, period):
    grouped = whole(SERVICE, asked(*period, *groups, metrics=METRICS))
    ungrouped = whole(SERVICE, asked(*period, metrics=METRICS))
    for metric in METRICS:
        assert sums(grouped, metric) == sums(ungrouped, metric)


@given(groups=groupings, period=periods, page_size=st.integers(1, 90))
@settings(max_examples=30, deadline=None)
def test_any_page_size_gives_the_same_answer(groups, period, page_size):
    request = asked(*period, *groups, metrics=["NetUnblendedCost", "UsageQuantity"])
    small = CostExplorerSimulator(BILL, page_size=page_size)
    parts = list(pages(small, request))
    assert whole(small, request) == whole(SERVICE, request)
    sizes = [sum(len(result["Groups"]) for result in part["ResultsByTime"]) for part in parts]
    assert all(size == page_size for size in sizes[:-1])
    assert sizes[-1] <= page_size
    assert small.billed_requests == 2 * len(parts)


@given(matches=filters, period=periods)
@settings(max_examples=60, deadline=None)
def test_a_filter_and_its_opposite_are_the_whole(matches, period):
    parts = [
        sums(whole(SERVICE, asked(*period, metrics=METRICS[:1], Filter=part)), "UnblendedCost")
        for part in (matches, {"Not": matches})
    ]
    everything = sums(whole(SERVICE, asked(*period)), "UnblendedCost")
    assert {day: parts[0][day] + parts[1][day] for day in everything} == everything


@given(start=st.dates(date(2025, 11, 1), date(2026, 11, 10)), length=st.integers(1, 70), groups=st.sampled_from(GROUPS))
@settings(max_examples=15, deadline=None)
def test_a_month_is_the_sum_of_its_days_and_cut_to_what_was_asked(start, length, groups):
    end = min(start + timedelta(days=length), date(2026, 12, 1))
    monthly = whole(SERVICE, asked(start, end, groups, granularity="MONTHLY"))
    daily = sums(whole(SERVICE, asked(start, end, groups)), "UnblendedCost")
    assert monthly[0]["TimePeriod"]["Start"] == str(start)
    assert monthly[-1]["TimePeriod"]["End"] == str(end)
    for month in monthly:
        inside = [day for day in daily if month["TimePeriod"]["Start"] <= day < month["TimePeriod"]["End"]]
        assert len({day[:7] for day in inside}) == 1
        assert sums([month], "UnblendedCost").popitem()[1] == sum(daily[day] for day in inside)


# -- shapes ----------------------------------------------------------------------------------------------------


def test_a_grouped_answer_has_the_protocols_shape():
    answer = SERVICE.get_cost_and_usage(asked("2026-11-10", "2026-11-11", "SERVICE", "LINKED_ACCOUNT"))
    assert answer["GroupDefinitions"] == [
        {"Type": "DIMENSION", "Key": "SERVICE"},
        {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"},
    ]
    (day,) = answer["ResultsByTime"]
    assert day["TimePeriod"] == {"Start": "2026-11-10", "End": "2026-11-11"}
    assert day["Total"] == {}
    assert day["Estimated"] is True
    assert [group["Keys"] for group in day["Groups"]] == sorted(group["Keys"] for group in day["Groups"])
    amount = day["Groups"][0]["Metrics"]["UnblendedCost"]
    assert amount["Unit"] == "USD"
    assert set(amount["Amount"]) <= set("0123456789.-")
    assert {entry["Value"]: entry["Attributes"]["description"] for entry in answer["DimensionValueAttributes"]} == (
        BILL.account_names
    )


def test_names_are_given_for_the_accounts_of_the_page_only():
    first = CostExplorerSimulator(BILL, page_size=2).get_cost_and_usage(
        asked("2026-11-10", "2026-11-12", "LINKED_ACCOUNT")
    )
    on_page = {group["Keys"][0] for result in first["ResultsByTime"] for group in result["Groups"]}
    assert {entry["Value"] for entry in first["DimensionValueAttributes"]} == on_page
    assert len(on_page) == 2
    assert SERVICE.get_cost_and_usage(asked("2026-11-10", "2026-11-11", "SERVICE"))["DimensionValueAttributes"] == []


def test_a_day_may_be_split_over_two_pages():
    parts = list(pages(CostExplorerSimulator(BILL, page_size=7), asked("2026-11-10", "2026-11-12", "SERVICE")))
    starts = [[result["TimePeriod"]["Start"] for result in part["ResultsByTime"]] for part in parts]
    assert starts[0] == ["2026-11-10"] == starts[1]
    assert ["2026-11-10", "2026-11-11"] in starts
    assert all(result["Total"] == {} for part in parts for result in part["ResultsByTime"])


def test_an_ungrouped_answer_has_totals_and_no_groups():
    answer = SERVICE.get_cost_and_usage(asked("2026-11-10", "2026-11-11", metrics=METRICS))
    assert "GroupDefinitions" not in answer
    (day,) = answer["ResultsByTime"]
    assert day["Groups"] == []
    assert set(day["Total"]) == set(METRICS)
    assert day["Total"]["UsageQuantity"]["Unit"] == "N/A"


def test_days_to_come_are_empty_and_estimated():
    results = whole(SERVICE, asked(TODAY, "2026-12-01", "SERVICE", metrics=["UnblendedCost", "UsageQuantity"]))
    assert len(results) == 8
    assert results[0]["Groups"]
    for result in results[1:]:
        assert result["Groups"] == []
        assert result["Total"] == {
            "UnblendedCost": {"Amount": "0", "Unit": "USD"},
            "UsageQuantity": {"Amount": "0", "Unit": "N/A"},
        }
        assert result["Estimated"] is True


def test_estimated_of_a_month_is_that_of_any_of_its_days():
    results = whole(SERVICE, asked("2026-09-01", "2026-12-01", granularity="MONTHLY"))
    assert [result["Estimated"] for result in results] == [False, False, True]


def test_a_group_without_cost_is_absent_not_zero():
    names = {
        day: [group["Keys"][0] for group in result["Groups"]]
        for day in ("2026-11-01", "2026-11-12")
        for result in whole(SERVICE, asked(day, date.fromisoformat(day) + timedelta(days=1), "SERVICE"))
    }
    assert "Tax" in names["2026-11-01"]
    assert "Tax" not in names["2026-11-12"]


def test_a_quantity_has_a_unit_where_all_of_it_is_counted_in_it():
    by_type = whole(SERVICE, asked("2026-11-10", "2026-11-11", "USAGE_TYPE", metrics=["UsageQuantity"]))
    units = {group["Keys"][0]: group["Metrics"]["UsageQuantity"]["Unit"] for group in by_type[0]["Groups"]}
    assert units["BoxUsage:m6i.xlarge"] == "Hrs"
    by_service = whole(SERVICE, asked("2026-11-10", "2026-11-11", "SERVICE", metrics=["UsageQuantity"]))
    units = {group["Keys"][0]: group["Metrics"]["UsageQuantity"]["Unit"] for group in by_service[0]["Groups"]}
    assert units["EC2 - Other"] == "N/A"


def test_tags_and_categories_come_as_key_and_value():
    by_team = whole(SERVICE, asked("2026-11-10", "2026-11-11", "tag:team"))[0]["Groups"]
    assert [group["Keys"] for group in by_team] == [["team$"], ["team$data"], ["team$platform"], ["team$storefront"]]
    by_unit = whole(SERVICE, asked("2026-11-10", "2026-11-11", "category:business-unit"))[0]["Groups"]
    assert [group["Keys"][0] for group in by_unit] == [
        "business-unit$Analytics",
        "business-unit$Corporate",
        "business-unit$Retail",
    ]


def test_a_dimension_that_does_not_apply_has_awss_name_for_none():
    found = {
        name: whole(SERVICE, asked("2026-11-01", "2026-11-02", name))[0]["Groups"][0]["Keys"][0]
        for name in ("AZ", "DATABASE_ENGINE")
    }
    assert found == {"AZ": "NoAZ", "DATABASE_ENGINE": "NoDatabaseEngine"}
    regions = whole(SERVICE, asked("2026-11-01", "2026-11-02", "REGION"))[0]["Groups"]
    assert "NoRegion" in [group["Keys"][0] for group in regions]


def test_both_spellings_of_a_metric_are_taken_and_the_answer_has_one():
    answers = [
        whole(SERVICE, asked("2026-11-10", "2026-11-11", metrics=metrics))
        for metrics in (["NetUnblendedCost", "UsageQuantity"], ["NET_UNBLENDED_COST", "USAGE_QUANTITY"])
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("matches", "services"),
    [
        (dimension("SERVICE", EC2), {EC2}),
        ({"And": [dimension("SERVICE", EC2, "Tax"), {"Not": dimension("RECORD_TYPE", "Usage")}]}, {EC2, "Tax"}),
        ({"And": [dimension("SERVICE", EC2), dimension("SERVICE", "Tax")]}, set()),
        ({"Or": [dimension("SERVICE", EC2), dimension("RECORD_TYPE", "Tax")]}, {EC2, "Tax"}),
        (dimension("SERVICE", EC2.lower()), set()),
        ({"Tags": {"Key": "nobody-uses-it", "Values": ["x"]}}, set()),
    ],
)
def test_the_filter_language(matches, services):
    results = whole(SERVICE, asked("2026-11-01", "2026-11-02", "SERVICE", Filter=matches))
    assert {group["Keys"][0] for group in results[0]["Groups"]} == services


def test_absent_is_the_same_as_the_empty_value():
    untagged: list[dict[str, Any]] = [
        {"Tags": {"Key": "team", "MatchOptions": ["ABSENT"]}},
        {"Tags": {"Key": "team"}},
        {"Tags": {}},
        {"Tags": {"Key": "team", "Values": [""]}},
    ]
    amounts = [
        sums(whole(SERVICE, asked("2026-11-10", "2026-11-11", Filter=matches)), "UnblendedCost") for matches in untagged
    ]
    assert amounts[0]["2026-11-10"] > 0
    assert all(amount == amounts[0] for amount in amounts)


# -- refusals --------------------------------------------------------------------------------------------------

GOOD = asked("2026-11-10", "2026-11-12", "SERVICE")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"TimePeriod": {"Start": "2026-11-12", "End": "2026-11-12"}}, "Start date (and hour) should be before end"),
        ({"TimePeriod": {"Start": "2026-11-13", "End": "2026-11-12"}}, "Start date (and hour) should be before end"),
        ({"TimePeriod": {"Start": "2026-11-1", "End": "2026-11-12"}}, "Start time 2026-11-1 is invalid. Valid format"),
        ({"TimePeriod": {"Start": "2026-11-01", "End": "2026-11-31"}}, "End time 2026-11-31 is invalid."),
        ({"TimePeriod": {"Start": "2026-11-01T00:00:00Z", "End": "2026-11-03T00:00:00Z"}}, "Valid format is: yyyy"),
        ({"TimePeriod": {"Start": "2026-11-01", "End": "2026-12-02"}}, "end date past the beginning of next month"),
        ({"TimePeriod": {"Start": "2026-11-24", "End": "2026-11-25"}}, "start date past the current date"),
        ({"TimePeriod": {"Start": "2025-09-30", "End": "2026-11-01"}}, "historical data beyond 14 months"),
        ({"TimePeriod": {"Start": "2026-11-01"}}, "Value null at 'timePeriod.end'"),
        ({"TimePeriod": None}, "Value null at 'timePeriod'"),
        ({"Granularity": None}, "Value null at 'granularity'"),
        ({"Granularity": "WEEKLY"}, "Value 'WEEKLY' at 'granularity' failed to satisfy constraint: Member must satisfy enum"),
        ({"Granularity": "HOURLY"}, "hourly"),
        ({"Metrics": None}, "Value null at 'metrics'"),
        ({"Metrics": []}, "Value null at 'metrics'"),
        ({"Metrics": ["UnblendedCosts"]}, "AMORTIZED_COST, BLENDED_COST, NET_AMORTIZED_COST"),
        ({"GroupBy": asked("a", "b", "SERVICE", "REGION", "AZ")["GroupBy"]}, "Only two values for GroupBy"),
        ({"GroupBy": asked("a", "b", "SERVICE", "SERVICE")["GroupBy"]}, "unique"),
        ({"GroupBy": [{"Type": "DIMENSION", "Key": "COLOUR"}]}, "Group Definition dimension is invalid. Valid values"),
        ({"GroupBy": [{"Type": "DIMENSION", "Key": "RESOURCE_ID"}]}, "Group Definition dimension is invalid"),
        ({"GroupBy": [{"Type": "TAGS", "Key": "team"}]}, "[DIMENSION, TAG, COST_CATEGORY, PRODUCT_ATTRIBUTE]"),
        ({"GroupBy": [{"Type": "TAG"}]}, "key is required"),
        ({"Filter": {}}, "zero roots. Only one root operator is allowed"),
        ({"Filter": {**dimension("SERVICE", "x"), "Not": dimension("AZ", "x")}}, "Expression has more than one roots"),
        ({"Filter": {"And": [dimension("SERVICE", "x")]}}, "And expression must have at least 2 operands"),
        ({"Filter": {"Not": {"Or": []}}}, "Or expression must have at least 2 operands"),
        ({"Filter": dimension("RESOURCE_ID", "x")}, "Dimension RESOURCE_ID is not allowed."),
        ({"Filter": dimension("SERVICE")}, "Values must not be empty"),
        ({"Filter": {"Dimensions": {"Key": "AZ", "Values": ["x"], "MatchOptions": ["ABSENT"]}}}, "not supported"),
        ({"Filter": {"Tags": {"Key": "a", "Values": ["x"], "MatchOptions": ["CONTAINS"]}}}, "not supported"),
        ({"Filter": {"Tags": {"Key": "a", "Values": ["x"], "MatchOptions": ["LIKE"]}}}, "enum value set"),
        ({"Filter": {"Tags": {"Key": "a", "Values": ["x"], "MatchOptions": ["ABSENT"]}}}, "Values must be empty"),
        ({"Filter": {"Tags": {"Values": ["x"]}}}, "needs a Key"),
        ({"GroupBy": [{"Key": "team"}]}, "Value null at 'groupBy.member.type'"),
        ({"BillingViewArn": "view"}, "'billingViewArn' failed to satisfy constraint: Member must have length greater"),
        ({"BillingViewArn": "arn:aws:billing::1234:billingview/x"}, "regular expression"),
    ],
)  # fmt: skip
def test_the_same_mistakes_are_refused_as_aws_refuses_them(change, message):
    simulator = CostExplorerSimulator(BILL)
    error = refused({**GOOD, **change}, simulator)
    assert error.code == "ValidationException"
    assert message in error.message
    assert (simulator.billed_requests, simulator.failed_requests) == (0, 1)


@pytest.mark.parametrize(
    "request_",
    [
        [], "text", None, 7,
        {**GOOD, "Metrics": "UnblendedCost"},
        {**GOOD, "Metrics": [1]},
        {**GOOD, "TimePeriod": "2026-11"},
        {**GOOD, "TimePeriod": {"Start": 20261110, "End": "2026-11-12"}},
        {**GOOD, "GroupBy": {"Type": "TAG", "Key": "x"}},
        {**GOOD, "GroupBy": ["SERVICE"]},
        {**GOOD, "Filter": []},
        {**GOOD, "Filter": {"And": {}}},
        {**GOOD, "Filter": {"Nor": []}},
        {**GOOD, "Filter": {"Dimensions": {"Key": "AZ", "Values": [None]}}},
        {**GOOD, "NextPageToken": 5},
    ],
)  # fmt: skip
def test_what_is_not_of_the_protocols_shape_is_a_serialization_error(request_):
    assert refused(request_).code == "SerializationException"


def test_a_filter_without_end_is_refused_not_a_crash():
    matches = dimension("SERVICE", "x")
    for _ in range(60):
        matches = {"Not": matches}
    assert "too deeply" in refused({**GOOD, "Filter": matches}).message


def test_the_history_limit_is_the_thirteenth_month_before_or_off():
    SERVICE.get_cost_and_usage(asked(BILL.first_day, "2026-11-01", granularity="MONTHLY"))
    limited = CostExplorerSimulator(BILL)
    limited.get_cost_and_usage(asked("2025-10-01", "2025-10-02"))
    refused(asked("2025-09-30", "2025-10-02"), limited)


def test_a_token_belongs_to_its_request_and_cannot_be_changed():
    simulator = CostExplorerSimulator(BILL, page_size=3)
    token = simulator.get_cost_and_usage(GOOD)["NextPageToken"]
    assert refused({**GOOD, "NextPageToken": "nonsense"}, simulator).code == "InvalidNextTokenException"
    assert refused({**GOOD, "NextPageToken": ""}, simulator).code == "InvalidNextTokenException"
    assert refused({**GOOD, "NextPageToken": "é"}, simulator).code == "InvalidNextTokenException"
    for place in range(0, len(token), 5):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert refused({**GOOD, "NextPageToken": changed}, simulator).code == "InvalidNextTokenException"
    other = asked("2026-11-10", "2026-11-12", "REGION", NextPageToken=token)
    assert refused(other, simulator).code == "RequestChangedException"
    simulator.get_cost_and_usage({**dict(reversed(GOOD.items())), "NextPageToken": token})  # order is no change


def test_a_token_outlives_the_server():
    before, after = (CostExplorerSimulator(BILL, page_size=3) for _ in range(2))
    token = before.get_cost_and_usage(GOOD)["NextPageToken"]
    second = after.get_cost_and_usage({**GOOD, "NextPageToken": token})
    assert second["ResultsByTime"] == before.get_cost_and_usage({**GOOD, "NextPageToken": token})["ResultsByTime"]


@given(
    request=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(list(GOOD.values())),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([*GOOD, "Filter", "NextPageToken", "And", "Not", "Tags", "Key", "Values", "Start"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
@settings(max_examples=200, deadline=None)
def test_nothing_that_json_can_say_makes_it_crash(request):
    for attempt in (request, {**GOOD, "Filter": request}, {**GOOD, "GroupBy": request}, {**GOOD, "Metrics": request}):
        with contextlib.suppress(ServiceError):
            json.dumps(SERVICE.get_cost_and_usage(attempt))


def test_a_page_size_must_be_possible():
    with pytest.raises(ValueError, match="at least 1"):
        CostExplorerSimulator(BILL, page_size=0)


def test_amounts_are_spelled_as_aws_spells_them():
    from farthing.simulator.cost_explorer import plain

    assert [plain(amount) for amount in (0, 10**10, -(10**10), 33 * 10**9, 1, -1, 551724144, 10**21)] == [
        "0", "1", "-1", "3.3", "0.0000000001", "-0.0000000001", "0.0551724144", "100000000000",
    ]  # fmt: skip
    assert Decimal(plain(-123456789)) == Decimal("-0.0123456789")
