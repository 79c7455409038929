"""An SNS topic: e-mail, queues, functions and web hooks, by what is subscribed to it."""

from collections.abc import Callable, Sequence
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from farthing.alerts.rendering import SnsMessage, sns_message, sns_test_message
from farthing.aws import AWS_ERRORS, CONFIG_WITHIN_CLAIM, error_code, explain
from farthing.errors import DeliveryError, FarthingError, UnreachableError
from farthing.model import Alert

IAM_ACTIONS = ("sns:Publish",)

CLIENT_CONFIG = CONFIG_WITHIN_CLAIM.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
"""No retries of botocore's own: the outbox retries, for every channel alike."""

_KEY = "the topic's KMS key"
FINAL = {
    "NotFound": "there is no such topic: set FARTHING_SNS_TOPIC_ARN to one that exists",
    "AuthorizationError": (
        "allow sns:Publish on it to this identity; for another account's topic, in the topic's policy too"
    ),
    "InvalidParameter": "is FARTHING_SNS_TOPIC_ARN a standard topic's ARN?",
    "KMSAccessDenied": f"allow kms:Decrypt and kms:GenerateDataKey on {_KEY} to this identity, in the key's policy too",
    "KMSDisabled": f"enable {_KEY}",
    "KMSInvalidState": f"{_KEY} cannot be used in its state (is it to be deleted?): mend it or give the topic another",
    "KMSNotFound": f"{_KEY} is gone: give the topic another",
    "KMSOptInRequired": f"this account has no access to {_KEY}",
}
"""What a person can do, by SNS's error code (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html)."""

BUSY = ("KMSThrottling", "Throttled")
"""SNS's own words for 'later'; AWS's common ones are known to :mod:`farthing.aws`."""


class SnsChannel:
    """Publishes readable text, with the alerts as JSON and what filter policies go by as attributes.

    Args:
        client: gives boto3's SNS client, for the topic's region, with :data:`CLIENT_CONFIG`.
        topic_arn: the topic.
        environment: named in each message.
        dashboard: the address that messages link to, '' for none.
    """

    name = "sns"

    def __init__(self, client: Callable[[], Any], topic_arn: str, environment: str, dashboard: str = "") -> None:
        self._client = client
        self._topic = topic_arn
        self._environment = environment
        self._dashboard = dashboard

    def send(self, alerts: Sequence[Alert]) -> None:
        """Sends one message; see the port."""
        self._publish(sns_message(alerts, self._environment, self._dashboard))

    def send_test(self) -> None:
        """Sends the test message; see the port."""
        self._publish(sns_test_message(self._environment))

    def _publish(self, message: SnsMessage) -> None:
        attributes = {
            name: {"DataType": kind, "StringValue": text} for name, (kind, text) in message.attributes.items()
        }
        try:
            self._client().publish(
                TopicArn=self._topic, Subject=message.subject, Message=message.text, MessageAttributes=attributes
            )
        except AWS_ERRORS as error:
            raise delivery_error(error, self._topic) from error


def region_of_topic(arn: str) -> str:
    """Where a topic is: its client must ask there, wherever farthing runs."""
    return arn.split(":")[3]


def explained(error: Exception, topic: str, action: str) -> FarthingError:
    """What SNS said about a topic, as one sentence with the way out; for a delivery and for doctor."""
    code = error_code(error).removesuffix("Exception") if isinstance(error, ClientError) else ""
    service = f"SNS (topic {topic})"
    if code in BUSY:
        return UnreachableError(f"{service} is busy ({code}): run again in some minutes")
    if code in FINAL:
        said = " ".join(str(error).split())[:200].rstrip(".")
        return DeliveryError(f"{service} refuses ({said}): {FINAL[code]}", retryable=False)
    return explain(error, service, action)


def delivery_error(error: Exception, topic: str) -> DeliveryError:
    """The same as a failed delivery. Throttling, failures of the service and of the network may pass; nothing else."""
    reason = explained(error, topic, IAM_ACTIONS[0])
    return DeliveryError(str(reason), retryable=isinstance(reason, UnreachableError))
