"""Pictures to images of a wanted size."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import numpy as np
from PIL import Image

from decouple.errors import ConfigError, ImageError, NamedChoice

MIN_SIDE = 8
# Below the size at which Pillow itself refuses, so that the refusal can name the shape.
MAX_PIXELS = 175_000_000


class Fit(NamedChoice):
    """How a picture of another shape meets the wanted size."""

    KEEP = "keep"
    """The shorter side becomes `size`; proportions are kept."""
    CROP = "crop"
    """The centre square is cut out, then becomes `size` x `size`; or the shape that is wanted."""
    SQUASH = "squash"
    """Both sides become `size`; or the shape that is wanted. Proportions are not kept."""


Size = int | tuple[int, int] | None


def checked_size(size: object) -> Size:
    """Return a valid `size`; raises ImageError if it is too small, else ConfigError."""
    if size is None:
        return None
    if isinstance(size, tuple):
        if len(size) != 2:
            raise ConfigError(f"size must be one number of pixels, or (height, width), not {size}")
        return _checked_side(size[0]), _checked_side(size[1])
    return _checked_side(size)


def _checked_side(size: object) -> int:
    if isinstance(size, bool) or not isinstance(size, Integral) or size <= 0:
        raise ConfigError(f"size must be a whole number of pixels above 0, not {size!r}")
    if size < MIN_SIDE:
        raise ImageError(f"size {size} is too small; the minimum is {MIN_SIDE} pixels a side")
    return int(size)


def fitted(picture: Image.Image, size: Size, fit: Fit, name: str) -> np.ndarray:
    """Crop, scale and round to the 8-bit grid.

    Parameters
    ----------
    picture
        In mode L, RGB or F, values 0 to 255.
    size, fit
        As of `load`.
    name
        What messages call the picture.

    Returns
    -------
    np.ndarray
        float32, (height, width, 3), RGB in [0, 1].

    Raises
    ------
    ImageError
        The result would have more than `MAX_PIXELS`.
    """
    box, target = _plan(picture.size, size, fit)
    if target[0] * target[1] > MAX_PIXELS:
        raise ImageError(
            f"size {size} would make {name} {target[0]}x{target[1]} pixels; "
            f"the limit is {MAX_PIXELS // 10**6} million: choose a smaller size"
        )
    bands = [band.convert("F") for band in picture.crop(box).split()]
    levels = np.clip(np.rint(_scaled(bands, target)), 0, 255)
    return np.broadcast_to(levels / np.float32(255), (*levels.shape[:2], 3)).copy()


def resized(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """An image of another size, by Lanczos with antialiasing; neither rounded nor clipped.

    Parameters
    ----------
    pixels : (H, W, 3), any range
    shape : height and width wanted

    Returns
    -------
    float32, (height, width, 3).
    """
    bands = [Image.fromarray(band) for band in np.moveaxis(np.asarray(pixels, np.float32), -1, 0)]
    return _scaled(bands, shape[::-1])


def _scaled(bands: Sequence[Image.Image], size: tuple[int, int]) -> np.ndarray:
    """Bands in mode F at another (width, height), as (height, width, bands).

    In floats, as Pillow's 8-bit resize rounds between its two passes.
    """
    return np.stack(
        [np.asarray(band.resize(size, Image.Resampling.LANCZOS)) for band in bands], axis=-1
    )


def _plan(
    shape: tuple[int, int], size: Size, fit: Fit
) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """The box to cut out (left, top, right, bottom) and the (width, height) to scale it to."""
    width, height = shape
    shorter = min(shape)
    wanted = size[::-1] if isinstance(size, tuple) else (size or shorter, size or shorter)
    if fit is Fit.CROP:
        # The largest part of the picture that has the wanted proportions.
        scale = min(width / wanted[0], height / wanted[1])
        across, down = round(wanted[0] * scale), round(wanted[1] * scale)
        left, top = (width - across) // 2, (height - down) // 2
        return (left, top, left + across, top + down), wanted
    if fit is Fit.SQUASH:
        return (0, 0, width, height), wanted
    size = min(wanted)
    return (0, 0, width, height), (round(width * size / shorter), round(height * size / shorter))
