"""The detector: each leaf is judged by its own past, a day by the days before it. Standard library only.

``detect`` judges the leaves of a panel, ``screen`` passes over those that surely have nothing to tell, ``track``
follows one leaf day by day, ``learning`` and ``fees`` are what it knows, ``limits`` the parameters.
"""
