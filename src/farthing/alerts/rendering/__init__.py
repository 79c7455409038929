"""What an alert says: in words, in Slack's blocks and as a message of SNS. Pure.

``sentences`` and ``found`` word it, ``plain``, ``slack`` and ``sns`` put it into a form, ``trial`` is a test message.
"""

from farthing.alerts.rendering.plain import plain_text
from farthing.alerts.rendering.sentences import title
from farthing.alerts.rendering.slack import SlackMessage, slack_message, slack_test_message
from farthing.alerts.rendering.sns import SNS_ALERTS_LIMIT, SnsMessage, sns_message, sns_test_message
from farthing.alerts.rendering.trial import test_text

__all__ = [
    "SNS_ALERTS_LIMIT",
    "SlackMessage",
    "SnsMessage",
    "plain_text",
    "slack_message",
    "slack_test_message",
    "sns_message",
    "sns_test_message",
    "test_text",
    "title",
]
