"""A deterministic AWS bill and a local Cost Explorer that answers from it.

Rooms, from pure to worldly: `organisation` (who spends), `bill` (what each day costs), `replay` (a recorded answer
instead), `request`, `expression`, `hours`, `forecast`, `faults`, `tokens` (what is asked and what becomes of it),
`contract` (botocore's model of the protocol), `cost_explorer` (the service's behaviour), `client` (in-process),
`server` (over HTTP). `focus` reads FOCUS files with DuckDB and is loaded by the command line alone: all else runs in
the Lambda too.
"""
