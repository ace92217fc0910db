"""Which numbers describe an image."""

from decouple.features.alive import alive_on, mean_slopes
from decouple.features.channel_means import ChannelMeans
from decouple.features.distances import LayerStatistics, distances, layer_statistics
from decouple.features.extractor import Extractor, Point
from decouple.features.fidelity import Fidelity, fidelity

__all__ = [
    "ChannelMeans",
    "Extractor",
    "Fidelity",
    "LayerStatistics",
    "Point",
    "alive_on",
    "distances",
    "fidelity",
    "layer_statistics",
    "mean_slopes",
]
