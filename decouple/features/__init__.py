"""Which numbers describe an image."""

from decouple.features.alive import alive_on
from decouple.features.check import check_features
from decouple.features.combined import Combined, leading_directions
from decouple.features.distances import MeasuredStatistics, distances, layer_statistics
from decouple.features.extractor import Extractor
from decouple.features.features import Features, Linear, Point, Secant
from decouple.features.fidelity import Fidelity, fidelity
from decouple.features.function import FunctionFeatures
from decouple.features.joined import Joined
from decouple.features.moments import Moments
from decouple.features.of_layers import ChannelMeans, LayerStatistics
from decouple.features.region_means import RegionMeans

__all__ = [
    "ChannelMeans",
    "Combined",
    "Extractor",
    "Features",
    "Fidelity",
    "FunctionFeatures",
    "Joined",
    "LayerStatistics",
    "Linear",
    "MeasuredStatistics",
    "Moments",
    "Point",
    "RegionMeans",
    "Secant",
    "alive_on",
    "check_features",
    "distances",
    "fidelity",
    "layer_statistics",
    "leading_directions",
]
