"""Noise: what features are measured on as a reference, and what a synthesis begins from."""

from __future__ import annotations

import numpy as np

from decouple.errors import ConfigError, unknown_name

STARTS = ("colours", "uniform", "gaussian")
"""Noise to begin from; see `noise_start`."""


def noise_image(height: int, width: int, seed: int, draw: int = 0) -> np.ndarray:
    """Uniform noise U(0, 1), float32 (height, width, 3); draw number `draw` of a seed.

    Examples
    --------
    >>> import decouple as dc
    >>> dc.noise_image(24, 36, seed=0).shape
    (24, 36, 3)
    """
    rng = np.random.default_rng([seed, draw])
    return rng.random((height, width, 3), dtype=np.float32)


def noise_start(
    kind: str, size: tuple[int, int], seed: int, source: np.ndarray | None = None
) -> np.ndarray:
    """Noise, independent from pixel to pixel, (height, width, 3) float64; not clipped.

    Parameters
    ----------
    kind : `uniform`, U(0, 1); `gaussian`, of the same mean and variance, ½ and 1/12; `colours`,
        Gaussian with the mean and covariance of the source's colours
    size : height and width
    seed : another seed, other noise
    source : (H, W, 3), of `colours`

    Raises
    ------
    ConfigError : no such noise.
    """
    if kind not in STARTS:
        raise ConfigError(unknown_name("noise", kind, STARTS))
    if kind == "uniform":
        return noise_image(*size, seed).astype(np.float64)
    normal = np.random.default_rng([seed, 0]).standard_normal((*size, 3))
    if kind == "gaussian" or source is None:
        return 0.5 + np.sqrt(1 / 12) * normal
    colours = np.asarray(source, np.float64).reshape(-1, 3)
    # A root that there is of a grey picture's covariance, too.
    values, vectors = np.linalg.eigh(np.cov(colours.T, bias=True))
    root = vectors * np.sqrt(np.maximum(values, 0))
    return np.asarray(colours.mean(0) + normal @ root.T)


DIRECTIONS = ("spectrum", "white")
"""Random directions in which an image can be changed; see `random_direction`."""


def random_direction(kind: str, image: np.ndarray, seed: int) -> np.ndarray:
    """A random change of an image, (H, W, 3) float64 of RMS 1 and, but for `white`, mean 0.

    Parameters
    ----------
    kind : `spectrum`, with the image's own amplitudes and colours at every frequency and random
        phases, common to its channels (random phase noise: Galerne, Gousseau & Morel, IEEE Trans.
        Image Process. 20 (2011)); `white`, Gaussian, independent from value to value
    image : (H, W, 3), not all of one colour
    seed : another seed, another direction

    Raises
    ------
    ConfigError : no such direction.
    """
    if kind not in DIRECTIONS:
        raise ConfigError(unknown_name("direction", kind, DIRECTIONS))
    height, width = image.shape[:2]
    normal = np.random.default_rng([seed, 0]).standard_normal((height, width, 3))
    if kind == "spectrum":
        # The phases of real noise, so that the direction is real.
        phases = np.exp(1j * np.angle(np.fft.fft2(normal[..., 0])))[..., None]
        pixels = np.asarray(image, np.float64)
        amplitudes = np.fft.fft2(pixels - pixels.mean((0, 1)), axes=(0, 1))
        normal = np.fft.ifft2(amplitudes * phases, axes=(0, 1)).real
    return np.asarray(normal / np.sqrt(np.mean(normal**2)))
