"""Scores the forecaster and its baselines on months that are known; `python -m bench.forecast`."""
