"""Judging: what the signals find on the days of a run becomes alerts in the outbox. Nothing is sent here.

``day`` gathers once, ``findings`` has the registry of signals and asks them, one file each turns what the pure signals
say into Signals; ``thresholds`` judges every day of the window; ``judge`` makes alerts of it all through the policy and
``offers`` them.
"""

from farthing.judging.judge import Judge, Judgement

__all__ = ["Judge", "Judgement"]
