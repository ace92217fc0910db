"""From floats to the 8 bits of a picture file."""

from __future__ import annotations

import numpy as np

from decouple.errors import ImageError


def to_8bit(pixels: np.ndarray) -> np.ndarray:
    """Round floats to 8 bits: uint8 of the same shape, values outside [0, 1] clipped.

    Raises
    ------
    ImageError
        Values are not floats (0-255 integers would all turn white), or not all finite.

    Examples
    --------
    >>> to_8bit(np.array([-0.1, 0.25, 0.999, 1.2])).tolist()
    [0, 64, 255, 255]
    """
    pixels = np.asarray(pixels)
    if not np.issubdtype(pixels.dtype, np.floating):
        raise ImageError(f"an image holds floats in 0-1, not {pixels.dtype}; divide by its peak")
    if not np.isfinite(pixels).all():
        raise ImageError("the image holds NaN or infinite values, which no picture can show")
    return np.clip(np.rint(pixels * 255), 0, 255).astype(np.uint8)
