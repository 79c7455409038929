"""The ledger: every day's report, kept for good, with alerts and runs beside it.

``store`` is the port, ``folder`` and ``s3`` are its two homes; ``reports``, ``outbox`` and ``runs`` know what the
objects mean.
"""
