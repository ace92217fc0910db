"""Which features an image can move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from decouple.errors import ConfigError
from decouple.features.features import Features


def alive_on(
    features: Features, images: Sequence[np.ndarray], min_slope: float
) -> dict[str, np.ndarray]:
    """Which features can be moved on every image; see `Features.movable`.

    A channel that is dead on the noise or on an image (its mean and its gradient vanish) would
    make K = J Jᵀ singular (Miralles 2022, section 4.4).

    Raises
    ------
    ConfigError : no feature of some layer is left.
    """
    alive = {layer: kept.copy() for layer, kept in features.alive.items()}
    for image in images:
        for layer, moved in features.movable(image, min_slope).items():
            alive[layer] &= moved
    for layer, kept in alive.items():
        if not kept.any():
            raise ConfigError(
                f"no channel of {layer} can be moved on this image: lower min_slope "
                f"({min_slope:g}), take another image or fewer layers"
            )
    return alive
