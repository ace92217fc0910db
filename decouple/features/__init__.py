"""Which numbers describe an image."""

from decouple.features.alive import alive_on
from decouple.features.channel_means import ChannelMeans, LayerStatistics
from decouple.features.distances import MeasuredStatistics, distances, layer_statistics
from decouple.features.extractor import Extractor
from decouple.features.features import Features, Linear, Point, Secant
from decouple.features.fidelity import Fidelity, fidelity

__all__ = [
    "ChannelMeans",
    "Extractor",
    "Features",
    "Fidelity",
    "LayerStatistics",
    "Linear",
    "MeasuredStatistics",
    "Point",
    "Secant",
    "alive_on",
    "distances",
    "fidelity",
    "layer_statistics",
]
