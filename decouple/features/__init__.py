"""Which numbers describe an image."""

from decouple.features.channel_means import ChannelMeans
from decouple.features.extractor import Extractor, Point, alive_on, mean_slopes

__all__ = ["ChannelMeans", "Extractor", "Point", "alive_on", "mean_slopes"]
