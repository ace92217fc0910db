"""Noise: what features are measured on as a reference, and what a synthesis begins from."""

from __future__ import annotations

import numpy as np

from decouple.errors import ConfigError, unknown_name

# Of U(0, 1).
_DEVIATION = np.sqrt(1 / 12)

NOISES = ("uniform", "gaussian", "pink", "phase")
"""Noise to measure a reference on; see `noise_image`."""

STARTS = ("colours", "uniform", "gaussian")
"""Noise to begin from; see `noise_start`."""


def noise_image(
    height: int,
    width: int,
    seed: int,
    draw: int = 0,
    kind: str = "uniform",
    like: np.ndarray | None = None,
) -> np.ndarray:
    """Noise, float32 (height, width, 3); draw number `draw` of a seed.

    Parameters
    ----------
    kind : `uniform`, U(0, 1), in [0, 1]; and not clipped, of mean ½ and variance 1/12 as well,
        `gaussian`, independent from value to value, and `pink`, with amplitudes inversely
        proportional to the frequency, as photographs have them (Field, J. Opt. Soc. Am. A 4
        (1987)); `phase`, with the mean colour and all amplitudes of a picture, and random phases
        (Galerne, Gousseau & Morel, IEEE Trans. Image Process. 20 (2011)): it is periodic, and
        goes on beyond the picture's size
    like : (H, W, 3), the picture, of `phase`

    Raises
    ------
    ConfigError : no such noise, or none without a picture.

    Examples
    --------
    >>> import decouple as dc
    >>> dc.noise_image(24, 36, seed=0).shape
    (24, 36, 3)
    >>> dc.noise_image(24, 36, seed=0, kind="pink").shape
    (24, 36, 3)
    """
    if kind not in NOISES:
        raise ConfigError(unknown_name("noise", kind, NOISES))
    rng = np.random.default_rng([seed, draw])
    if kind == "uniform":
        return rng.random((height, width, 3), dtype=np.float32)
    if kind == "phase":
        if like is None:
            raise ConfigError("noise of kind phase needs a picture, whose amplitudes it has")
        noise = _with_random_phases(like, rng.standard_normal(like.shape[:2]))
        repeats = (-(-height // like.shape[0]), -(-width // like.shape[1]), 1)
        return np.tile(noise, repeats)[:height, :width].astype(np.float32)
    noise = rng.standard_normal((height, width, 3))
    if kind == "pink":
        noise = _pink(noise)
    return (0.5 + _DEVIATION * noise).astype(np.float32)


def _pink(normal: np.ndarray) -> np.ndarray:
    """What is white, (H, W, 3), with amplitudes over the frequency; of mean 0 and variance 1."""
    height, width = normal.shape[:2]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    frequency[0, 0] = np.inf  # of the mean
    spectrum = np.fft.fft2(normal, axes=(0, 1)) / frequency[..., None]
    noise = np.fft.ifft2(spectrum, axes=(0, 1)).real
    deviation = noise.std(axis=(0, 1))
    return np.asarray(noise / np.where(deviation > 0, deviation, 1.0))


def _with_random_phases(image: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """An image's mean colour and amplitudes, with the phases of noise (H, W), in all channels."""
    # Those of real noise, so that the image is real.
    phases = np.exp(1j * np.angle(np.fft.fft2(normal)))[..., None]
    pixels = np.asarray(image, np.float64)
    mean = pixels.mean((0, 1))
    amplitudes = np.fft.fft2(pixels - mean, axes=(0, 1))
    return np.asarray(mean + np.fft.ifft2(amplitudes * phases, axes=(0, 1)).real)


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
        return 0.5 + _DEVIATION * normal
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
        normal = _with_random_phases(image - np.mean(image, (0, 1)), normal[..., 0])
    return np.asarray(normal / np.sqrt(np.mean(normal**2)))
