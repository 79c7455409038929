"""Billing exports as a source: recognised, read and checked, as the columns of :mod:`farthing.focus`.

Loaded by the command line alone: DuckDB, which reads the files, has no place in the Lambda.
"""
