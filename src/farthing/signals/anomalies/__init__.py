"""The detector: each leaf is judged by its own past, a day by the days before it. Standard library only.

``detect`` judges the leaves of a panel, ``screen`` passes over those that have nothing to tell, ``track`` follows one
leaf day by day: ``dense`` holds it against its ``model``, ``lows`` and ``slow`` are the two looks that take more than a
day, ``episodes`` keeps its departures, ``learning`` and ``fees`` are what it knows. ``limits`` are the parameters.
"""
