"""`colour=`: whose colours a result has, and what of the pictures is seen for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from decouple.errors import ImageError
from decouple.images import LoadedImage
from decouple.images.chrominance import (
    luminance,
    matched_colours,
    matched_luminance,
    with_chrominance,
)

# How a source is changed for it.
_OF_SOURCE: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "target": matched_luminance,
    "matched": matched_colours,
}


def seen(colour: str, pictures: Mapping[str, LoadedImage]) -> dict[str, np.ndarray]:
    """{role: pixels (H, W, 3), float32}, what the network is shown of each picture.

    Parameters
    ----------
    colour : the setting
    pictures : by their roles, the target among them unless `colour` is `source`

    Raises
    ------
    ImageError : colours, or a luminance, that cannot be matched.
    """
    pixels = {role: picture.pixels for role, picture in pictures.items()}
    if colour == "source":
        return pixels
    target = pixels["target"]
    for role, shown in pixels.items():
        if role.startswith("source"):
            try:
                pixels[role] = _OF_SOURCE[colour](shown, target).astype(np.float32)
            except ImageError as error:
                raise ImageError(f"colour={colour}: {pictures[role].origin}: {error}") from error
        elif colour == "target":
            pixels[role] = luminance(shown).astype(np.float32)
    return pixels


def finished(colour: str, image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """An image (H, W, 3) that was made of what is seen, in the colours that it is to have.

    Parameters
    ----------
    colour : the setting
    image : (H, W, 3)
    target : (H, W, 3) in [0, 1], in its own colours
    """
    return with_chrominance(image, target) if colour == "target" else image


def looked_at(colour: str, image: np.ndarray) -> np.ndarray:
    """What the network is shown of a finished image, to measure it as the pictures are."""
    return luminance(image) if colour == "target" else image
