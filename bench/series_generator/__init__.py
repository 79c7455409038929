"""Daily spend that looks like an organisation's, with every event that should be found labelled.

Written apart from the detector and the forecaster that it judges: nothing of farthing is imported here, and nothing of
this is imported there. Everything follows from a seed and the `Parameters`.
"""

from bench.series_generator.files import write_series
from bench.series_generator.labels import Dataset, Event, Kind, Occurrence, Row, SeriesKey
from bench.series_generator.make import make_dataset
from bench.series_generator.parameters import Parameters

__all__ = ["Dataset", "Event", "Kind", "Occurrence", "Parameters", "Row", "SeriesKey", "make_dataset", "write_series"]
