"""Step 0: measure the features of noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from decouple.errors import ConfigError
from decouple.features.extractor import Extractor


@dataclass(frozen=True)
class Reference:
    """The features to which every image is moved.

    Attributes
    ----------
    features : {layer: (C_k,) float64}, v_k of METHOD.md
    height, width : of the noise images, in pixels
    seed, draws : which noise, and over how many images its features were averaged
    """

    features: Mapping[str, np.ndarray]
    height: int
    width: int
    seed: int
    draws: int

    def vector(self, extractor: Extractor) -> np.ndarray:
        """Features (C,) of the extractor's layers."""
        return extractor.join(self.features)


def noise_image(height: int, width: int, seed: int, draw: int = 0) -> np.ndarray:
    """Uniform noise U(0, 1), float32 (height, width, 3); draw number `draw` of a seed."""
    rng = np.random.default_rng([seed, draw])
    return rng.random((height, width, 3), dtype=np.float32)


def noise_reference(
    extractor: Extractor, size: tuple[int, int], seed: int = 0, draws: int = 1
) -> Reference:
    """Mean features of `draws` noise images of `size` (height, width).

    Measured best at the size of the images to be moved: zero padding changes the means of small
    maps (METHOD.md, section 3).

    Raises
    ------
    ConfigError : `draws` is below 1.
    ImageError : the size is too small for the layers.
    """
    if draws < 1:
        raise ConfigError(f"noise.draws must be at least 1, not {draws}")
    extractor.check_size(*size)
    measured = [extractor.measure(noise_image(*size, seed, draw)) for draw in range(draws)]
    return Reference(extractor.split(np.mean(measured, axis=0)), *size, seed, draws)
