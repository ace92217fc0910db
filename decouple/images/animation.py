"""Images to an animated picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from decouple.errors import ImageError
from decouple.files import written_aside
from decouple.images.rounding import to_8bit

FORMATS: dict[str, dict[str, Any]] = {"gif": {}, "webp": {"lossless": True}}
"""{ending of a file's name: how it is written}; a GIF has 256 colours in each frame."""


def save_animation(
    frames: Sequence[np.ndarray], path: str | os.PathLike, milliseconds: int
) -> None:
    """Write images as a GIF or WebP that begins anew for ever.

    The file appears whole or not at all, and replaces one of the same name.

    Parameters
    ----------
    frames : (H, W, 3) each, of one size, RGB; values outside [0, 1] are clipped
    path : where to; the name ends in `.gif` or `.webp` and the folder exists
    milliseconds : that each frame is shown; of a GIF in steps of ten

    Raises
    ------
    ImageError : no frames, or a name with another ending.
    RunFolderError : the file cannot be written.
    """
    path = Path(path)
    ending = path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise ImageError(f"cannot save {str(path)!r}: animations end in .gif or .webp")
    if not frames:
        raise ImageError(f"cannot save {str(path)!r}: there are no frames")
    first, *rest = [Image.fromarray(to_8bit(frame)) for frame in frames]
    with written_aside(path) as aside:
        first.save(
            aside,
            format=ending.upper(),
            save_all=True,
            append_images=rest,
            duration=milliseconds,
            loop=0,
            **FORMATS[ending],
        )
