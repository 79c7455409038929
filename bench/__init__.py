"""Benchmarks: speed and memory, each against a named reference in the same run."""
