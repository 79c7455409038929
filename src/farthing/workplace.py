"""What a run works with, wired by :mod:`farthing.app`."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from farthing.alerts.channels import Channel
from farthing.ledger.store import Store
from farthing.settings import Settings
from farthing.signals.thresholds import ThresholdRule, total_rule
from farthing.sources import CostSource


class Workplace(msgspec.Struct, frozen=True):
    """The world as one run sees it.

    ``clock`` gives UTC; ``sleep`` takes seconds; ``lenses`` are further questions about the same bill, by the name of
    their folder in the ledger.
    """

    settings: Settings
    store: Store
    source: CostSource
    channels: tuple[Channel, ...]
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    log: logging.Logger
    lenses: Mapping[str, CostSource] = {}

    @property
    def rules(self) -> tuple[ThresholdRule, ...]:
        """COST_THRESHOLD and the rules of farthing.toml, as far as thresholds are among the signals."""
        if "thresholds" not in self.settings.signals:
            return ()
        total = () if self.settings.cost_threshold is None else (total_rule(self.settings.cost_threshold),)
        return (*total, *self.settings.thresholds)
