"""The terminal: where no other channel is configured, the message is shown instead of sent."""

from collections.abc import Callable, Sequence

from farthing.alerts.rendering import plain_text, test_text
from farthing.model import Alert


class TerminalChannel:
    """Shows each message through ``show`` (a function of one text)."""

    name = "terminal"

    def __init__(self, show: Callable[[str], None], environment: str, dashboard: str = "") -> None:
        self._show = show
        self._environment = environment
        self._dashboard = dashboard

    def send(self, alerts: Sequence[Alert]) -> None:
        """Shows the message."""
        self._show(plain_text(alerts, self._environment, self._dashboard))

    def send_test(self) -> None:
        """Shows the test message."""
        self._show(test_text(self._environment))
