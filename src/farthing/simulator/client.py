"""An in-process stand-in for boto3's `ce` client: the same call, the same answer, the same errors, no network."""

from __future__ import annotations

import uuid
from typing import Any, NoReturn

from botocore.exceptions import ClientError

from farthing.simulator.cost_explorer import CostExplorerSimulator, ServiceError

OPERATION = "GetCostAndUsage"


class SimulatedClient:
    """Wraps a simulator as boto3 would answer: ResponseMetadata in every answer, ClientError for every refusal."""

    def __init__(self, simulator: CostExplorerSimulator) -> None:
        """`simulator` counts the requests that would have been billed."""
        self.simulator = simulator

    def get_cost_and_usage(self, **request: Any) -> dict[str, Any]:
        """One page of GetCostAndUsage. Raises botocore's ClientError with the service's code and message."""
        try:
            answer = self.simulator.get_cost_and_usage(request)
        except ServiceError as error:
            _refuse(error)
        return {**answer, "ResponseMetadata": _metadata(200)}

    def close(self) -> None:
        """Nothing to close; boto3's clients have it."""


def _metadata(status: int) -> dict[str, Any]:
    request_id = str(uuid.uuid4())
    return {
        "RequestId": request_id,
        "HTTPStatusCode": status,
        "HTTPHeaders": {"x-amzn-requestid": request_id, "content-type": "application/x-amz-json-1.1"},
        "RetryAttempts": 0,
    }


def _refuse(error: ServiceError) -> NoReturn:
    response = {
        "Error": {"Code": error.code, "Message": error.message},
        "ResponseMetadata": _metadata(error.status),
    }
    raise ClientError(response, OPERATION) from error  # type: ignore[arg-type]
