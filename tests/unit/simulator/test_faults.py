"""Faults in process: how they are written, which request they meet, what a client sees."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ParamValidationError
from tests.unit.simulator.asking import COSTS, TODAY, asked, sums, whole

from farthing.simulator.bill import Bill
from farthing.simulator.client import SimulatedClient
from farthing.simulator.cost_explorer import CostExplorerSimulator
from farthing.simulator.faults import KINDS, FaultError, parse_fault, read_fault

BILL = Bill("small", 1, today=TODAY)
REQUEST = asked("2026-11-10", "2026-11-12", "SERVICE")
TAGS = {"TimePeriod": {"Start": "2026-11-01", "End": "2026-11-08"}}


def client(*faults: str, sleep: Callable[[float], object] = lambda seconds: None) -> SimulatedClient:
    simulator = CostExplorerSimulator(BILL, page_size=7, faults=[parse_fault(text) for text in faults])
    return SimulatedClient(simulator, sleep=sleep)


def meets(simulated: SimulatedClient, request: dict[str, Any] = REQUEST) -> str:
    """In a word, what the next request meets."""
    try:
        answer = simulated.get_cost_and_usage(**request)
    except ClientError as error:
        return error.response["Error"]["Code"]
    except ConnectionClosedError:
        return "reset"
    return "answer" if "ResultsByTime" in answer else "nothing"


# -- how they are written --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("throtle", f"'throtle' is no fault; there are {', '.join(sorted(KINDS))}"),
        ("", "'' is no fault"),
        ("throttle:", "'' is not KEY=VALUE"),
        ("throttle:3", "'3' is not KEY=VALUE"),
        ("throttle:time=3", "throttle has no 'time'; it takes operation, on, times"),
        ("throttle:seconds=3", "throttle has no 'seconds'"),
        ("throttle:times=0", "times is '0', not a whole number from 1 on, or forever"),
        ("throttle:times=-1", "not a whole number"),
        ("throttle:times=1,times=2", "times is given twice"),
        ("status-503:on=first", "on is 'first', not a whole number from 1"),
        ("latency:seconds=601", "seconds is '601', not a number from 0 to 600"),
        ("latency:seconds=nan", "not a number"),
        ("garbage:status=99", "status is '99', not a whole number from 200 to 599"),
        ("restatement:factor=1e3", "not a number from 0 to 1000 with at most 6 decimals"),
        ("restatement:times=1", "restatement has no 'times'; it takes on, factor, older-than"),
        ("reset:operation=GetAnomalies", "not one of GetCostAndUsage, GetCostForecast, GetDimensionValues, GetTags"),
    ],
)
def test_wrong_faults_are_refused_in_one_line_that_says_what_can_be(text, message):
    with pytest.raises(FaultError) as caught:
        parse_fault(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_fault_can_be_written_by_its_name_alone_and_read_back(kind):
    fault = parse_fault(kind)
    assert parse_fault(str(fault)) == fault


def test_a_fault_in_json_is_the_same_as_in_text():
    given = {"kind": "latency", "seconds": 0.5, "times": 3, "operation": None}
    assert read_fault(given) == parse_fault("latency:seconds=0.5,times=3")
    assert read_fault({"kind": "restatement", "older-than": 5, "factor": "1.25"}).older_than == 5
    assert read_fault("throttle") == parse_fault("throttle")


@pytest.mark.parametrize("value", [None, 5, [], {}, {"kind": 5}, {"kind": "throttle", "times": True}, {"times": 3}])
def test_what_is_no_fault_in_json_is_refused(value):
    with pytest.raises(FaultError):
        read_fault(value)


# -- which request they meet -----------------------------------------------------------------------------------


def seen(simulated: SimulatedClient, count: int) -> list[str]:
    return [meets(simulated) for _ in range(count)]


def test_a_fault_that_a_retry_cures_happens_once_unless_asked_otherwise():
    assert seen(client("throttle"), 3) == ["ThrottlingException", "answer", "answer"]
    assert seen(client("throttle:times=2"), 4) == ["ThrottlingException"] * 2 + ["answer"] * 2
    assert seen(client("reset:times=forever"), 4) == ["reset"] * 4


def test_a_fault_that_nothing_cures_lasts():
    assert seen(client("expired-token"), 3) == ["ExpiredTokenException"] * 3
    assert seen(client("access-denied:times=1"), 2) == ["AccessDeniedException", "answer"]


def test_a_fault_waits_for_its_request():
    assert seen(client("status-503:on=2"), 3) == ["answer", "ServiceUnavailableException", "answer"]


def test_faults_happen_one_after_the_other_in_their_order():
    simulated = client("limit-exceeded", "status-500", "reset:on=4")
    assert seen(simulated, 5) == ["LimitExceededException", "InternalServerException", "answer", "reset", "answer"]


def test_a_fault_of_one_operation_counts_and_meets_only_that():
    simulated = client("throttle:operation=GetTags,on=2")
    assert seen(simulated, 3) == ["answer"] * 3
    simulated.get_tags(**TAGS)
    with pytest.raises(ClientError, match="ThrottlingException"):
        simulated.get_tags(**TAGS)
    assert meets(simulated) == "answer"


def test_faults_can_be_set_and_cleared_while_it_runs():
    simulated = client()
    assert meets(simulated) == "answer"
    simulated.simulator.set_faults(parse_fault("access-denied"))
    assert meets(simulated) == "AccessDeniedException"
    assert simulated.simulator.faults() == [{"fault": "access-denied:on=1,times=forever", "happened": 1}]
    simulated.simulator.clear_faults()
    assert meets(simulated) == "answer"
    assert simulated.simulator.faults() == []


def test_there_is_an_end_to_faults():
    simulator = CostExplorerSimulator(BILL)
    simulator.set_faults(*[parse_fault("throttle")] * 100)
    with pytest.raises(FaultError, match="more than 100"):
        simulator.set_faults(parse_fault("throttle"))


def test_the_core_by_itself_has_no_faults():
    simulator = CostExplorerSimulator(BILL, faults=[parse_fault("access-denied")])
    assert simulator.get_cost_and_usage(REQUEST)["ResultsByTime"]


# -- what a client sees ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "meeting", "billed"),
    [
        ("throttle", "ThrottlingException", 0),
        ("limit-exceeded", "LimitExceededException", 0),
        ("status-500", "InternalServerException", 0),
        ("status-503", "ServiceUnavailableException", 0),
        ("expired-token", "ExpiredTokenException", 0),
        ("access-denied", "AccessDeniedException", 0),
        ("data-unavailable", "DataUnavailableException", 0),
        ("request-changed", "RequestChangedException", 0),
        ("latency", "answer", 1),
        ("truncated", "nothing", 1),
        ("garbage", "nothing", 0),
        ("garbage:status=502", "502", 0),
        ("reset", "reset", 0),
        ("repeat-page", "answer", 1),
        ("restatement", "answer", 1),
    ],
)
def test_what_is_answered_is_billed_and_what_is_refused_is_not(fault, meeting, billed):
    simulated = client(fault)
    assert meets(simulated) == meeting
    counts = (simulated.simulator.billed_requests, simulated.simulator.failed_requests)
    assert counts == (billed, 1 - billed)


def test_every_fault_has_a_row_above():
    rows = test_what_is_answered_is_billed_and_what_is_refused_is_not.pytestmark[0].args[1]
    assert {row[0].partition(":")[0] for row in rows} == set(KINDS)


def test_modelled_errors_are_the_clients_own_exceptions():
    simulated = client("data-unavailable", "limit-exceeded")
    with pytest.raises(simulated.exceptions.DataUnavailableException, match="Data is not available"):
        simulated.get_cost_and_usage(**REQUEST)
    with pytest.raises(simulated.exceptions.LimitExceededException):
        simulated.get_cost_and_usage(**REQUEST)


def test_access_is_denied_to_the_operation_that_was_asked():
    with pytest.raises(
        ClientError, match="perform: ce:GetTags on resource: arn:aws:ce:us-east-1:000000000000:/GetTags"
    ):
        client("access-denied").get_tags(**TAGS)


def test_latency_waits_and_answers():
    waited: list[float] = []
    simulated = client("latency:seconds=2", "latency:seconds=0.5,times=1", sleep=waited.append)
    assert seen(simulated, 2) == ["answer", "answer"]
    assert waited == [2.5, 2.0]


def test_latency_comes_on_top_of_a_refusal():
    waited: list[float] = []
    assert meets(client("latency:seconds=2", "throttle", sleep=waited.append)) == "ThrottlingException"
    assert waited == [2.0]


def test_a_page_comes_again_with_the_token_that_asked_for_the_next():
    simulated = client("repeat-page")
    first = simulated.get_cost_and_usage(**REQUEST)
    token = first["NextPageToken"]
    again = simulated.get_cost_and_usage(**REQUEST, NextPageToken=token)
    assert again["NextPageToken"] == token
    assert again["ResultsByTime"] == first["ResultsByTime"]
    after = simulated.get_cost_and_usage(**REQUEST, NextPageToken=token)
    assert after["NextPageToken"] != token
    assert simulated.simulator.billed_requests == 3


def test_a_repeated_page_waits_until_there_is_one():
    simulated = client("repeat-page")
    assert seen(simulated, 3) == ["answer"] * 3
    assert simulated.simulator.faults()[0]["happened"] == 0


def costs(simulated: SimulatedClient, metric: str = "UnblendedCost") -> dict[str, Decimal]:
    class Core:
        def get_cost_and_usage(self, request: dict[str, Any], /) -> dict[str, Any]:
            return simulated.get_cost_and_usage(**request)

    return sums(whole(Core(), asked("2026-11-16", "2026-11-23", "SERVICE", metrics=COSTS)), metric)


def test_a_restatement_changes_old_days_and_leaves_young_ones():
    simulated = client()
    before = costs(simulated)
    simulated.simulator.set_faults(parse_fault("restatement:factor=1.5,older-than=4"))
    after = costs(simulated)
    for day in before:
        old = day <= "2026-11-19"  # four days before the 23rd
        # Exact in each line; a line's last decimal is cut off.
        assert abs(after[day] - before[day] * (Decimal("1.5") if old else 1)) < Decimal("1e-6")
        assert (after[day] != before[day]) == old
    assert costs(simulated) == after
    simulated.simulator.clear_faults()
    assert costs(simulated) == before


def test_a_restatement_adds_up_however_it_is_asked():
    simulated = client("restatement:factor=0.333333,older-than=0")
    results = [
        whole(simulated.simulator, asked("2026-11-10", "2026-11-12", *groups))
        for groups in ([], ["SERVICE"], ["REGION"])
    ]
    meets(simulated)  # the restatement begins with the first request that a client makes
    restated = [
        whole(simulated.simulator, asked("2026-11-10", "2026-11-12", *groups))
        for groups in ([], ["SERVICE"], ["REGION"])
    ]
    for each in (results, restated):
        assert len({str(sorted(sums(found, "UnblendedCost").items())) for found in each}) == 1
    assert sums(restated[0], "UnblendedCost") != sums(results[0], "UnblendedCost")


def test_restatements_multiply_and_may_begin_later():
    simulated = client()
    before = costs(simulated)
    pages = simulated.simulator.billed_requests
    simulated.simulator.set_faults(
        parse_fault("restatement:factor=2,older-than=0"),
        parse_fault(f"restatement:factor=3,older-than=0,on={pages + 1}"),
    )
    assert costs(simulated) == {day: 2 * cost for day, cost in before.items()}
    assert costs(simulated) == {day: 6 * cost for day, cost in before.items()}


def test_the_same_faults_happen_the_same_way_every_time():
    faults = ["throttle:times=2,on=2", "truncated", "latency", "reset:on=6", "garbage:status=503"]
    assert seen(client(*faults), 12) == seen(client(*faults), 12)


def test_a_request_that_boto3_would_not_send_is_not_sent():
    simulated = client("throttle")
    with pytest.raises(ParamValidationError, match='Unknown parameter in input: "Colour"'):
        simulated.get_cost_and_usage(**REQUEST, Colour="blue")
    assert simulated.simulator.failed_requests == 0
    assert simulated.simulator.faults()[0]["happened"] == 0


def test_every_fault_and_key_is_documented():
    page = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")
    table = page.partition("| kind | what the client gets |")[2].partition("### ")[0]
    for kind, known in KINDS.items():
        assert f"`{kind}`" in table
        assert [key for key in known.keys if f"`{key}`" not in table] == []
