"""Signals: what in the figures is worth a word. Pure, standard library only.

:data:`SIGNALS` names those that a daily run computes; ``farthing.judging.findings`` has a function for each.
"""

SIGNALS = ("thresholds", "anomalies", "forecast", "budgets", "credits", "restatement")
