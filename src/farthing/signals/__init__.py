"""Signals: what in the figures is worth a word. Pure, standard library only.

:data:`SIGNALS` is the explicit registry: a new signal is one file and one line here.
"""

SIGNALS = ("thresholds",)
