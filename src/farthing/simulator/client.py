"""An in-process stand-in for boto3's `ce` client: the same calls, the same answers, the same errors, no network."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from functools import cached_property
from typing import Any

from botocore.errorfactory import ClientExceptionsFactory
from botocore.exceptions import ConnectionClosedError
from botocore.parsers import create_parser
from botocore.validate import validate_parameters

from farthing.simulator.contract import input_shape, output_shape, service_model
from farthing.simulator.cost_explorer import CostExplorerSimulator, Reply
from farthing.simulator.faults import Effect, Fault
from farthing.simulator.wire import AWS_JSON, cut, encode, garbage, refusal

ENDPOINT = "simulated:"


class SimulatedClient:
    """Wraps a simulator as boto3 would answer: ResponseMetadata in every answer, botocore's exception for every error.

    Faults happen here too, each as the exception that boto3 makes of it. There are no retries: every request is made
    once. `sleep` waits for a latency's seconds.
    """

    def __init__(self, simulator: CostExplorerSimulator, *, sleep: Callable[[float], object] = time.sleep) -> None:
        """`simulator` counts the requests that would have been billed."""
        self.simulator = simulator
        self._sleep = sleep

    def get_cost_and_usage(self, **request: Any) -> dict[str, Any]:
        """One page of GetCostAndUsage.

        Raises what boto3 raises: ParamValidationError, ClientError, and ConnectionClosedError where a fault asks for
        it.
        """
        return self._call("GetCostAndUsage", request)

    def get_dimension_values(self, **request: Any) -> dict[str, Any]:
        """One page of GetDimensionValues. Raises as `get_cost_and_usage`."""
        return self._call("GetDimensionValues", request)

    def get_tags(self, **request: Any) -> dict[str, Any]:
        """One page of GetTags. Raises as `get_cost_and_usage`."""
        return self._call("GetTags", request)

    def get_cost_forecast(self, **request: Any) -> dict[str, Any]:
        """GetCostForecast. Raises as `get_cost_and_usage`."""
        return self._call("GetCostForecast", request)

    @cached_property
    def exceptions(self) -> Any:
        """The service's exceptions, as boto3's client has them."""
        return ClientExceptionsFactory().create_client_exceptions(service_model())

    def close(self) -> None:
        """Nothing to close; boto3's clients have it."""

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        validate_parameters(request, input_shape(operation))
        reply = self.simulator.reply(operation, request)
        if reply.seconds:
            self._sleep(reply.seconds)
        if reply.fault is not None:
            return self._lost(operation, reply, reply.fault)
        if reply.error is not None:
            raise self._error(operation, reply.error.code, reply.error.message, reply.error.status) from reply.error
        return {**(reply.answer or {}), "ResponseMetadata": _metadata(200)}

    def _lost(self, operation: str, reply: Reply, fault: Fault) -> dict[str, Any]:
        """What boto3 makes of an answer that does not arrive as it was sent.

        Its parser takes a body of status 200 that is no JSON for an answer without any member, and so does this.
        """
        if fault.effect is Effect.RESET:
            raise ConnectionClosedError(endpoint_url=ENDPOINT)
        if fault.effect is Effect.GARBAGE:
            status, kind, body = fault.status, "text/html", garbage()
        elif reply.error is not None:
            status, kind, body = reply.error.status, AWS_JSON, cut(refusal(reply.error))
        else:
            status, kind, body = 200, AWS_JSON, cut(encode(reply.answer))
        response = {"status_code": status, "headers": {"content-type": kind}, "body": body}
        parsed: dict[str, Any] = create_parser("json").parse(response, output_shape(operation))
        if status >= 300:
            error = parsed.get("Error", {})
            raise self._error(operation, error.get("Code", ""), error.get("Message", ""), status)
        return {**parsed, "ResponseMetadata": _metadata(status)}

    def _error(self, operation: str, code: str, message: str, status: int) -> Exception:
        response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": _metadata(status)}
        error: Exception = self.exceptions.from_code(code)(response, operation)
        return error


def _metadata(status: int) -> dict[str, Any]:
    request_id = str(uuid.uuid4())
    return {
        "RequestId": request_id,
        "HTTPStatusCode": status,
        "HTTPHeaders": {"x-amzn-requestid": request_id, "content-type": AWS_JSON},
        "RetryAttempts": 0,
    }
