"""Which features an image can move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from decouple.errors import ConfigError
from decouple.features.extractor import Extractor
from decouple.networks.architecture import Conv


def mean_slopes(extractor: Extractor, image: np.ndarray) -> dict[str, np.ndarray]:
    """Mean activation slope of each channel, {layer: (C,)}, 0 to 1: how alive it is.

    For ReLU this is the share of positions at which the channel is active.
    """
    names = [layer.name for layer in extractor.chain.layers if isinstance(layer, Conv)]
    slopes = extractor.linearize(image).linearization.slopes
    return {
        layer: tf.reduce_mean(slopes[names.index(layer)], axis=(0, 1, 2)).numpy()
        for layer in extractor.layers
    }


def alive_on(
    extractor: Extractor, images: Sequence[np.ndarray], min_slope: float
) -> dict[str, np.ndarray]:
    """Which features can be moved: those whose mean slope exceeds `min_slope` on every image.

    A channel that is dead on the noise or on an image (its mean and its gradient vanish) would
    make K = J Jᵀ singular (Miralles 2022, section 4.4).

    Raises
    ------
    ConfigError : no feature of some layer is left.
    """
    alive = {layer: kept.copy() for layer, kept in extractor.alive.items()}
    for image in images:
        for layer, slopes in mean_slopes(extractor, image).items():
            alive[layer] &= slopes > min_slope
    for layer, kept in alive.items():
        if not kept.any():
            raise ConfigError(
                f"no channel of {layer} can be moved on this image: lower mask.min_slope "
                f"({min_slope:g}), take another image or fewer layers"
            )
    return alive
