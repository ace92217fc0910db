"""Means of a layer's channels in regions of the image."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from decouple.errors import ConfigError
from decouple.features.extractor import Extractor
from decouple.features.regions import region_weights
from decouple.features.statistic import Statistic
from decouple.networks.network import Network

# Of the normalized weights of regions: the square of the smallest singular value over that of the
# largest, below which their means are taken for the same.
_APART = 1e-2


class WeightedMeans(Statistic):
    """The means of each channel with weights over the positions, region after region.

    They are linear in the activations as plain means are, and so as exact.

    Parameters
    ----------
    masks : (R, H, W) in [0, 1], none of them 0 everywhere; the mean over the pixels that fall to a
        position is its weight there (see `features.regions`)
    """

    uniform = False

    def __init__(self, masks: np.ndarray) -> None:
        self.masks = np.asarray(masks, np.float64)

    @property
    def identity(self) -> str:
        """How many regions, and which."""
        digest = hashlib.sha256(self.masks.tobytes() + str(self.masks.shape).encode()).hexdigest()
        return f"{self.name} in {len(self.masks)} regions ({digest[:8]})"

    def count(self, channels: int) -> int:
        """See `Statistic.count`."""
        return len(self.masks) * channels

    def of(self, activation: tf.Tensor) -> tf.Tensor:
        """See `Statistic.of`."""
        size = tf.shape(activation)
        weights = region_weights(self.masks, size[1], size[2])
        # A matrix product in float64: the way back amplifies every rounding.
        flat = tf.reshape(weights, [len(self.masks), -1])
        positions = tf.cast(tf.reshape(activation, [size[0], -1, size[3]]), tf.float64)
        return tf.reshape(tf.matmul(flat, positions), [size[0], -1])

    def alive(self, slope: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """See `Statistic.alive`; of positions that count in part, as many as would do the same."""
        _, height, width, channels = slope.shape
        weights = region_weights(self.masks, height, width).numpy()
        positions = 1 / np.sum(np.square(weights), axis=(1, 2))
        return self.of(slope)[0].numpy(), np.repeat(positions, channels)

    def change(self, at: tf.Tensor | None, tangent: tf.Tensor) -> tf.Tensor:
        """See `Statistic.change`."""
        return self.of(tangent)

    def pull(
        self, at: tf.Tensor | None, cotangent: tf.Tensor, height: tf.Tensor, width: tf.Tensor
    ) -> tf.Tensor:
        """See `Statistic.pull`."""
        count = len(self.masks)
        flat = tf.reshape(region_weights(self.masks, height, width), [count, -1])
        size = tf.shape(cotangent)
        own = tf.reshape(cotangent, [size[0], count, size[1] // count])
        pulled = tf.matmul(tf.cast(flat, cotangent.dtype), own, transpose_a=True)
        return tf.reshape(pulled, [size[0], height, width, size[1] // count])


class RegionMeans(Extractor):
    """The means of each channel in regions of an image.

    A layer's features are those of the first region, then those of the second, and so on. Gatys et
    al. 2017 (arXiv 1611.07865, section 3) guide Gram matrices so.

    Parameters
    ----------
    network, layers : see `Extractor`
    masks : (H, W) each, in [0, 1], of any size: how much of a pixel belongs to a region

    Raises
    ------
    ConfigError : no masks, one that is 0 everywhere or not finite, or masks so much alike at some
        layer that their features cannot be moved apart.

    Examples
    --------
    >>> import decouple as dc
    >>> import numpy as np
    >>> left = np.zeros((24, 32))
    >>> left[:, :16] = 1
    >>> network = dc.vgg19(weights="calibrated", last="block2_conv1")
    >>> dc.RegionMeans(network, 2, [left, 1 - left]).sizes
    (128, 256)
    """

    def __init__(
        self, network: Network, layers: int | str | Sequence[str], masks: Sequence[np.ndarray]
    ) -> None:
        if not len(masks) or len({np.shape(mask) for mask in masks}) > 1:
            raise ConfigError("regions need masks (H, W), all of one size")
        held = np.stack([np.asarray(mask, np.float64) for mask in masks])
        if held.ndim != 3 or not np.isfinite(held).all() or held.min() < 0:
            raise ConfigError("a mask is (H, W), of finite numbers that are not negative")
        for number, mask in enumerate(held, start=1):
            if not mask.any():
                raise ConfigError(f"mask {number} is 0 everywhere")
        super().__init__(network, layers, WeightedMeans(held))


def check_apart(features: Extractor, height: int, width: int) -> None:
    """Raise ConfigError if regions are the same, or nearly, where a layer sees them.

    Parameters
    ----------
    features : `RegionMeans`
    height, width : of the image
    """
    statistic = features.statistic
    assert isinstance(statistic, WeightedMeans)
    image = np.zeros((height, width, 3))
    sizes = features.network.positions(features.linearize(image).linearization[0], features.layers)
    for layer, size in zip(features.layers, sizes, strict=True):
        weights = region_weights(statistic.masks, *size).numpy().reshape(len(statistic.masks), -1)
        weights /= np.linalg.norm(weights, axis=1, keepdims=True)
        values = np.linalg.eigvalsh(weights @ weights.T)
        if values[0] < _APART * values[-1]:
            raise ConfigError(f"regions overlap so far that {layer} cannot tell them apart")
