"""Channels: how a message reaches people. One file each."""

from collections.abc import Sequence
from typing import Protocol

from farthing.model import Alert


class Channel(Protocol):
    """A way to people. ``name`` is the key of its deliveries in the outbox."""

    name: str

    def send(self, alerts: Sequence[Alert]) -> None:
        """Sends one message about these alerts, all of one rule; returns once the service has confirmed it.

        Raises:
            DeliveryError: it was not taken; the error says whether a retry may help.
        """

    def send_test(self) -> None:
        """Sends a message that says it is a test; same errors."""
