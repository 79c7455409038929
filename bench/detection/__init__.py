"""Scores the detector and its baselines on histories of which every event is known; `python -m bench.detection`."""
