import pytest
from botocore.exceptions import ClientError
from tests.unit.simulator.asking import TODAY, asked

from farthing.simulator.bill import Bill
from farthing.simulator.client import SimulatedClient
from farthing.simulator.cost_explorer import CostExplorerSimulator


def client() -> SimulatedClient:
    return SimulatedClient(CostExplorerSimulator(Bill("small", 1, today=TODAY)))


def test_it_answers_as_boto3_does():
    answer = client().get_cost_and_usage(**asked("2026-11-10", "2026-11-11", "SERVICE"))
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36
    assert answer["ResultsByTime"][0]["Groups"]


def test_what_is_changed_in_an_answer_does_not_come_back():
    simulated = client()
    request = asked("2026-11-10", "2026-11-11", "SERVICE")
    first = simulated.get_cost_and_usage(**request)
    first["ResultsByTime"][0]["Groups"].clear()
    assert simulated.get_cost_and_usage(**request)["ResultsByTime"][0]["Groups"]


def test_a_refusal_is_a_client_error_and_is_not_billed():
    simulated = client()
    with pytest.raises(ClientError, match="calling the GetCostAndUsage operation: Start date") as caught:
        simulated.get_cost_and_usage(**asked("2026-11-11", "2026-11-10"))
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert simulated.simulator.billed_requests == 0
