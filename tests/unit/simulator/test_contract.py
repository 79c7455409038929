"""Requests and answers against botocore's own model of the service."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.validate import ParamValidator
from tests.unit.simulator.asking import COSTS, METRICS, TODAY, asked

from farthing.simulator.bill import Bill
from farthing.simulator.contract import OPERATIONS, check, output_shape, service_model
from farthing.simulator.cost_explorer import CostExplorerSimulator
from farthing.simulator.errors import ServiceError

BILL = Bill("small", 1, today=TODAY)
PERIOD = {"Start": "2026-11-01", "End": "2026-11-23"}
AHEAD = {"Start": str(TODAY), "End": str(TODAY + timedelta(days=10))}
VALUES = {"TimePeriod": PERIOD, "Dimension": "SERVICE"}
FORECAST = {"TimePeriod": AHEAD, "Metric": "UNBLENDED_COST", "Granularity": "DAILY"}
NAME = "x" * 1025


def refused(operation: str, request: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        check(operation, request)
    return caught.value


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("GetCostAndUsage", asked("2026-11-10", "2026-11-12", metrics=METRICS)),
        ("GetCostAndUsage", asked("2026-11-10", "2026-11-12", "SERVICE", "LINKED_ACCOUNT", metrics=COSTS)),
        ("GetCostAndUsage", asked("2026-10-10", "2026-11-12", "tag:team", granularity="MONTHLY")),
        ("GetCostAndUsage", asked("2026-11-22T00:00:00Z", "2026-11-22T03:00:00Z", "SERVICE", granularity="HOURLY")),
        ("GetDimensionValues", VALUES),
        ("GetDimensionValues", {**VALUES, "Dimension": "LINKED_ACCOUNT"}),
        ("GetDimensionValues", {**VALUES, "Dimension": "USAGE_TYPE", "SortBy": [{"Key": "UnblendedCost"}]}),
        ("GetDimensionValues", {**VALUES, "Dimension": "REGION", "Context": "SAVINGS_PLANS"}),
        ("GetTags", {"TimePeriod": PERIOD}),
        ("GetTags", {"TimePeriod": PERIOD, "TagKey": "team"}),
        ("GetCostForecast", FORECAST),
        ("GetCostForecast", {**FORECAST, "Granularity": "MONTHLY", "PredictionIntervalLevel": 80}),
    ],
)
def test_every_answer_has_modelled_members_only_and_all_that_are_required(operation, request_):
    simulator = CostExplorerSimulator(BILL, page_size=7, hourly=True)
    reply = simulator.reply(operation, request_)
    assert reply.error is None
    report = ParamValidator().validate(reply.answer, output_shape(operation))
    assert report.generate_report() == ""


def test_the_check_of_answers_would_find_a_member_that_is_not_modelled():
    report = ParamValidator().validate(
        {"Tags": [], "ReturnSize": 0, "TotalSize": 0, "Colour": 1}, output_shape("GetTags")
    )
    assert 'Unknown parameter in input: "Colour"' in report.generate_report()


def test_the_model_is_read_once():
    assert service_model() is service_model()


@pytest.mark.parametrize(
    ("operation", "change", "message"),
    [
        ("GetCostAndUsage", {"Metrics": None}, "1 validation error detected: Value null at 'metrics'"),
        ("GetCostAndUsage", {"TimePeriod": {}}, "2 validation errors detected: Value null at 'timePeriod.start'"),
        ("GetCostAndUsage", {"GroupBy": [{"Type": "TAGS", "Key": "a"}]}, "Value 'TAGS' at 'groupBy.1.member.type'"),
        ("GetCostAndUsage", {"GroupBy": [{"Type": "TAG", "Key": NAME}]}, "length less than or equal to 1024"),
        ("GetCostAndUsage", {"Filter": {"CostCategories": {"Key": ""}}}, "length greater than or equal to 1"),
        ("GetCostAndUsage", {"Filter": {"Not": {"Dimensions": {"Key": "COLOUR"}}}}, "'filter.not.dimensions.key'"),
        ("GetCostAndUsage", {"NextPageToken": "x" * 8193}, "length less than or equal to 8192"),
    ],
)
def test_members_that_break_a_constraint_are_named_as_aws_names_them(operation, change, message):
    error = refused(operation, {**asked("2026-11-10", "2026-11-12"), **change})
    assert error.code == "ValidationException"
    assert message in error.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"PredictionIntervalLevel": 50}, "value greater than or equal to 51"),
        ({"PredictionIntervalLevel": 100}, "value less than or equal to 99"),
        ({"Metric": "UnblendedCost"}, "enum value set: ["),
    ],
)
def test_numbers_and_enums_of_a_forecast(change, message):
    assert message in refused("GetCostForecast", {**FORECAST, **change}).message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Metrics": "UnblendedCost"}, "Metrics must be a list"),
        ({"TimePeriod": {"Start": 20261110, "End": "2026-11-12"}}, "TimePeriod.Start must be a string"),
        ({"Colour": "blue"}, "has no member Colour"),
        ({"Filter": {"Nor": []}}, "Filter has no member Nor"),
        ({"Metrics": ["a\nInvalid type for parameter x"], "Filter": 5}, "Filter must be a structure"),
    ],
)
def test_wrong_types_and_unknown_members_are_serialization_errors(change, message):
    error = refused("GetCostAndUsage", {**asked("2026-11-10", "2026-11-12"), **change})
    assert error.code == "SerializationException"
    assert message in error.message


def test_null_is_the_same_as_absent():
    request = {**asked("2026-11-10", "2026-11-12"), "Filter": None, "NextPageToken": None}
    assert check("GetCostAndUsage", request) == asked("2026-11-10", "2026-11-12")


def test_nesting_without_end_is_refused_not_a_crash():
    matches: dict[str, Any] = {"Tags": {}}
    for _ in range(5000):
        matches = {"Not": matches}
    assert "too deeply" in refused("GetCostAndUsage", {**asked("2026-11-10", "2026-11-12"), "Filter": matches}).message


def test_every_operation_is_known_to_the_model_and_to_the_simulator():
    for operation, method in OPERATIONS.items():
        assert service_model().operation_model(operation).name == operation
        assert callable(getattr(CostExplorerSimulator, method))
