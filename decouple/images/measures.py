"""How far two images are apart."""

from __future__ import annotations

import hashlib
import math

import numpy as np

from decouple.errors import ImageError
from decouple.images.rounding import to_8bit


def psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio, -10 log10(mean((a - b)²)) dB, peak 1; inf for equal images.

    Computed in float64, unclipped. NaN where an image holds NaN.

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> round(dc.psnr_db(image + 0.1, image), 3)
    20.0
    """
    mean_square = float(np.mean(_difference(a, b) ** 2))
    return math.inf if mean_square == 0 else -10 * math.log10(mean_square)


def rms(values: np.ndarray) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def max_error_8bit(a: np.ndarray, b: np.ndarray) -> float:
    """Largest absolute difference of any value, unclipped and unrounded, in units of 1/255."""
    return float(np.max(np.abs(_difference(a, b))) * 255)


def differing_pixels_8bit(a: np.ndarray, b: np.ndarray) -> float:
    """Share (0 to 1) of values that differ after rounding both images to 8 bits."""
    return float(np.mean(_difference(to_8bit(a), to_8bit(b)) != 0))


def digest(image: np.ndarray) -> str:
    """SHA-256 of an image's values, in hexadecimal: equal for images that are equal to the bit."""
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if np.shape(a) != np.shape(b):
        raise ImageError(f"images of shapes {np.shape(a)} and {np.shape(b)} cannot be compared")
    with np.errstate(invalid="ignore"):
        return np.asarray(a, np.float64) - np.asarray(b, np.float64)
