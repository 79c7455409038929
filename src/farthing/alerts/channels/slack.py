"""Slack, through an incoming webhook."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from farthing.alerts.rendering import SlackMessage, slack_message, slack_test_message
from farthing.errors import DeliveryError
from farthing.model import Alert
from farthing.settings import Secret

TIMEOUT_SECONDS = 10
LONGEST_CONFIRMATION = 200
"""Characters; Slack confirms with two."""

# https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: what Slack says, and what a person can do.
FINAL = {
    "no_service": "the webhook was revoked or never existed: make a new one and set it",
    "no_service_id": "the webhook was revoked or never existed: make a new one and set it",
    "no_team": "the webhook's workspace is gone: make a new webhook",
    "team_disabled": "the webhook's workspace is disabled",
    "invalid_token": "the webhook was revoked or mistyped: make a new one and set it",
    "channel_not_found": "the webhook's channel is gone: make a new webhook",
    "channel_is_archived": "the webhook's channel is archived: unarchive it or make a new webhook",
    "action_prohibited": "an administrator does not allow this webhook to post",
    "posting_to_general_channel_denied": "this webhook may not post to #general",
}


class SlackChannel:
    """Posts Block Kit messages.

    Args:
        url: gives the webhook's URL when the first message is sent (it may come from Secrets Manager).
        environment: named in each message.
        dashboard: the address that messages link to, '' for none.
    """

    name = "slack"

    def __init__(self, url: Callable[[], Secret], environment: str, dashboard: str = "") -> None:
        self._url = url
        self._environment = environment
        self._dashboard = dashboard

    def send(self, alerts: Sequence[Alert]) -> None:
        """Sends one message; see the port."""
        self._post(slack_message(alerts, self._environment, self._dashboard))

    def send_test(self) -> None:
        """Sends the test message; see the port."""
        self._post(slack_test_message(self._environment))

    def _post(self, message: SlackMessage) -> None:
        try:
            self._request({"text": message.text, "blocks": list(message.blocks)})
        except _BlocksRefusedError:
            # The text alone says the same; better a plain message than none.
            self._request({"text": message.text})

    def _request(self, body: dict[str, Any]) -> None:
        from slack_sdk.webhook import WebhookClient

        # No handler of slack_sdk's own: the outbox retries, for every channel alike and within its claim's time.
        client = WebhookClient(self._url().reveal(), timeout=TIMEOUT_SECONDS, retry_handlers=[])
        try:
            answer = client.send_dict(body)
        except Exception as error:  # slack_sdk lets urllib's, http.client's and socket's errors through
            raise DeliveryError(
                f"Slack cannot be reached ({_kind(error)}): check the network and the webhook", retryable=True
            ) from None
        said = " ".join((answer.body or "").split())[:80]
        if answer.status_code == 200:
            # Slack says 'ok'. A page is a proxy's or a log-in's, reached by a redirect: nobody was told.
            if "<" in said or len(answer.body or "") > LONGEST_CONFIRMATION:
                raise DeliveryError("something else than Slack answered (a page): check the webhook", retryable=False)
            return
        if answer.status_code == 400 and said in ("invalid_blocks", "invalid_blocks_format") and "blocks" in body:
            raise _BlocksRefusedError
        if answer.status_code == 429 or answer.status_code >= 500:
            raise DeliveryError(
                f"Slack is busy or failing (HTTP {answer.status_code})",
                retryable=True,
                retry_after=_seconds(answer.headers),
            )
        hint = FINAL.get(said, "check the webhook")
        raise DeliveryError(f"Slack refuses the message (HTTP {answer.status_code} {said}): {hint}", retryable=False)


class _BlocksRefusedError(Exception):
    """Slack did not take the blocks."""


def _kind(error: Exception) -> str:
    """What went wrong, without the text of an error that might hold the URL."""
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, Exception) else error).__name__


def _seconds(headers: Any) -> float | None:
    value = next((value for name, value in dict(headers or {}).items() if name.lower() == "retry-after"), None)
    try:
        seconds = float(value if isinstance(value, str | int) else value[0]) if value is not None else -1.0
    except (TypeError, ValueError, IndexError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
