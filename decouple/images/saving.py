"""Images to files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from decouple.errors import ImageError
from decouple.files import written_aside
from decouple.images.rounding import to_8bit
from decouple.legible import legible


def save(
    pixels: np.ndarray,
    path: str | os.PathLike,
    text: Mapping[str, str] | None = None,
    profile: bytes | None = None,
) -> float:
    """Write an image as an 8-bit PNG, rounded; the only place where values are clipped for good.

    The file appears whole or not at all, and replaces one of the same name.

    Parameters
    ----------
    pixels
        Floats, (height, width, 3), RGB; [0, 1] is the range of the file.
    path
        Where to; the name ends in ``.png`` and the folder exists.
    text
        Text chunks to store in the file.
    profile
        An ICC profile of sRGB to store in it.

    Returns
    -------
    float
        The share of values outside [0, 1], hence clipped: 0 to 1.

    Raises
    ------
    ImageError
        Wrong shape or dtype, NaN or infinite values, or a name that does not end in ``.png``.
    RunFolderError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clipped = dc.save(image, f"{folder}/copy.png")
    ...     copy = dc.load(f"{folder}/copy.png").pixels
    >>> clipped, dc.psnr_db(copy, image)
    (0.0, inf)
    """
    path = Path(path)
    pixels = np.asarray(pixels)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ImageError(f"cannot save {str(path)!r}: its shape is {pixels.shape}, not (H, W, 3)")
    if path.suffix.lower() != ".png":
        raise ImageError(f"cannot save {str(path)!r}: pictures are PNG, end the name in .png")
    picture = Image.fromarray(to_8bit(pixels))
    chunks = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        chunks.add_text(key, legible(value))
    with written_aside(path) as aside:
        picture.save(aside, format="PNG", pnginfo=chunks, icc_profile=profile)
    return float(np.mean((pixels < 0) | (pixels > 1)))
