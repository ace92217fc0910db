"""Channel means, the features that noisification decouples."""

from __future__ import annotations

import tensorflow as tf

from decouple.features.extractor import Extractor
from decouple.features.statistics import means


class ChannelMeans(Extractor):
    """The spatial mean of each channel (Miralles 2022, section 3).

    >>> import decouple as dc
    >>> dc.ChannelMeans(dc.vgg19(weights="calibrated", last="block2_conv1"), layers=2).sizes
    (64, 128)
    """

    one_a_channel = True

    @staticmethod
    def count(channels: int) -> int:
        """One mean for each channel."""
        return channels

    @staticmethod
    def of_activation(activation: tf.Tensor) -> tf.Tensor:
        """Means (B, C), see `statistics.means`."""
        return means(activation)

    @staticmethod
    def cotangent(features: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
        """Constant in space: each position holds 1 / (h·w) of the mean."""
        # No division: by a size that is known when the program is traced it would be compiled to
        # this product, and results would depend in their last bit on which sizes came before.
        share = tf.math.reciprocal(tf.cast(height * width, features.dtype))
        return (features * share)[:, None, None, :]
