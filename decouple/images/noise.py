"""Noise: what features are measured on as a reference, and what a synthesis begins from."""

from __future__ import annotations

import numpy as np

from decouple.errors import ConfigError, unknown_name

STARTS = ("colours", "uniform", "gaussian")
"""Noise to begin from; see `noise_start`."""


def noise_image(height: int, width: int, seed: int, draw: int = 0) -> np.ndarray:
    """Uniform noise U(0, 1), float32 (height, width, 3); draw number `draw` of a seed."""
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
