"""farthing: watches what an organisation spends on AWS."""

__version__ = "0.1.0"
