"""Alerts: who is told, how loud, and exactly once.

``policy`` decides, ``rendering`` words it (both pure), ``outbox`` keeps and delivers, ``channels`` send.
"""
