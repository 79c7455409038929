"""The Lambda entry: the same daily run, with structured logs and metrics (EMF).

The handler raises when the run did not do all it should, so that retries, dead-letter queue and alarms see it; a retry
of the same invocation asks Cost Explorer nothing again once the data is stored.
"""

import logging
import os
from typing import Any, Protocol

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from farthing.app import open_app
from farthing.collect import RunResult, collect
from farthing.errors import UsageError
from farthing.jsontext import builtins
from farthing.model import ZERO, DailyReport, exact_sum
from farthing.settings import LAMBDA_REQUIRED

NAMESPACE = "Farthing"
LARGEST_SERVICES = 10
"""Services that get a metric of their own ($0.30 a month each)."""


TALKATIVE = ("botocore", "slack_sdk", "urllib3")
"""Libraries that log requests and answers at DEBUG, secrets and all: the function's log level is not theirs."""

POWERTOOLS = ("POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_METRICS_DISABLED")
"""Variables that would give the metrics another dimension or name, or none: the alarms look at these metrics."""


class Context(Protocol):
    """What is used of Lambda's context."""

    aws_request_id: str


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Runs the daily run once.

    Args:
        event: anything; EventBridge's schedule sends its own.
        context: Lambda's; ``aws_request_id`` stays the same over retries of an asynchronous invocation.

    Returns:
        The run record.

    Raises:
        FarthingError: the run failed, wholly or in part; the ledger holds what was done.
    """
    del event
    for name in POWERTOOLS:
        os.environ.pop(name, None)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)
    environment = os.environ.get("ENVIRONMENT") or "unknown"
    logger = Logger(service="farthing-daily-run", utc=True)
    logger.append_keys(environment=environment, request_id=context.aws_request_id)
    metrics = Metrics(namespace=NAMESPACE)  # no service: it would become a second dimension
    succeeded = False
    try:
        _require_conditional_writes()
        app = open_app(os.environ, preview=logger.info, required=() if _on_a_laptop() else LAMBDA_REQUIRED)
        if app.settings.today and _watches_a_real_bill(app.settings.source):
            raise UsageError("FARTHING_TODAY stops the clock: no real bill can be watched with it; unset it")
        result = collect(app.workplace(_stdlib(logger)), invocation=context.aws_request_id)
        _emit(metrics, environment, result)
        result.require_success()
        succeeded = True
        return dict(builtins(result.record))
    except Exception as error:
        logger.exception("failed", extra={"problem": str(error)})
        raise
    finally:
        with single_metric("RunSucceeded", MetricUnit.Count, float(succeeded), namespace=NAMESPACE) as metric:
            metric.add_dimension("Environment", environment)


def _on_a_laptop() -> bool:
    """Whether the handler was called outside of Lambda, where a local ledger is fine."""
    return "AWS_LAMBDA_FUNCTION_NAME" not in os.environ


def _require_conditional_writes() -> None:
    """The zip leaves boto3 to the runtime, so that an old one is possible; the run loads it anyway.

    Raises:
        UsageError: two runs could overwrite each other in the bucket.
    """
    if not os.environ.get("BUCKET_NAME"):
        return
    import boto3

    from farthing.aws import LEAST_BOTO3, writes_conditionally

    if not writes_conditionally(boto3.__version__):
        raise UsageError(
            f"this runtime's boto3 {boto3.__version__} cannot write to S3 conditionally: update the function's runtime "
            f"(python3.11 or newer, not pinned to an old version), or add a layer with boto3 {LEAST_BOTO3} or newer"
        )


def _watches_a_real_bill(source: str) -> bool:
    """Whether this is a function that asks AWS itself, not a simulator or somebody's trial."""
    return source != "simulated" and not _on_a_laptop() and "AWS_ENDPOINT_URL_COST_EXPLORER" not in os.environ


def _stdlib(logger: Logger) -> Any:
    """Powertools' logger answers the standard library's calls; its type does not say so."""
    return logger


def _emit(metrics: Metrics, environment: str, result: RunResult) -> None:
    record = result.record
    metrics.set_default_dimensions(Environment=environment)
    metrics.add_metric("ThresholdBreaches", MetricUnit.Count, record.threshold_breaches)
    metrics.add_metric("AlertsSent", MetricUnit.Count, record.alerts_sent)
    metrics.add_metric("AlertsFailed", MetricUnit.Count, record.alerts_failed)
    billed = 0 if record.source.kind == "simulated" else record.billed_requests
    metrics.add_metric("BilledRequests", MetricUnit.Count, billed)
    metrics.add_metric("RunDuration", MetricUnit.Seconds, record.duration_seconds)
    if result.newest is not None:
        # A metric is a double by CloudWatch's own definition; money that people see comes from the reports.
        metrics.add_metric("DailyCost", MetricUnit.NoUnit, float(result.newest.total()))
    metrics.flush_metrics()
    for service, amount in largest_services(result.newest) if result.newest else []:
        with single_metric("ServiceCost", MetricUnit.NoUnit, amount, namespace=NAMESPACE) as metric:
            metric.add_dimension("Environment", environment)
            metric.add_dimension("ServiceName", service)


def largest_services(report: DailyReport) -> list[tuple[str, float]]:
    """The day's ten largest services and their BilledCost, the largest first."""
    parts: dict[str, list[Any]] = {}
    for charge in report.charges:
        parts.setdefault(charge.service_name, []).append(report.amount(charge))
    sums = {service: exact_sum(amounts) for service, amounts in parts.items()}
    largest = sorted((item for item in sums.items() if item[1] > ZERO), key=lambda item: (-item[1], item[0]))
    return [(service, float(amount)) for service, amount in largest[:LARGEST_SERVICES]]
