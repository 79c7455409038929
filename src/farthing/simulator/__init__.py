"""A deterministic AWS bill and a local Cost Explorer that answers from it.

Rooms, from pure to worldly: `organisation` (who spends), `bill` (what each day costs), `replay` (a recorded answer
instead), `cost_explorer` (the service's behaviour), `client` (in-process), `server` (over HTTP). Everything but
`client` needs the standard library only.
"""
