"""Replay: the policy over the past, day by day, with what was known then. Nothing is written or sent.

``view`` is the ledger as of a moment, ``days`` runs the very judging of the daily run over it, ``suggest`` looks for
thresholds that give a wished-for number of alerts.
"""

from farthing.replaying.days import Replayed, ReplayedDay, replay
from farthing.replaying.suggest import Suggestion, suggest

__all__ = ["Replayed", "ReplayedDay", "Suggestion", "replay", "suggest"]
