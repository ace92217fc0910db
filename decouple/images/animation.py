"""Images to an animated picture, or to a film."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from decouple.errors import ImageError
from decouple.files import written_aside
from decouple.images.rounding import to_8bit

FORMATS = ("gif", "webp", "mp4")
"""Endings of names; a GIF has 256 colours in each frame, an MP4 takes ffmpeg."""

_LOSSY_QUALITY = 85


def can_write_mp4() -> bool:
    """Whether ffmpeg is at hand."""
    return shutil.which("ffmpeg") is not None


def save_animation(
    frames: Sequence[np.ndarray],
    path: str | os.PathLike,
    milliseconds: int,
    *,
    lossless: bool = True,
) -> None:
    """Write images as a GIF or WebP that begins anew for ever, or as an MP4.

    The file appears whole or not at all, and replaces one of the same name.

    Parameters
    ----------
    frames : (H, W, 3) each, of one size, RGB: floats, of which values outside [0, 1] are clipped,
        or 8 bits. An MP4 has even sides: a last row or column is black where theirs are odd
    path : where to; the name ends in `.gif`, `.webp` or `.mp4` and the folder exists
    milliseconds : that each frame is shown; of a GIF in steps of ten
    lossless : of a WebP; it is ten times as large as one that is not

    Raises
    ------
    ImageError : no frames, a name with another ending, or what ffmpeg says.
    RunFolderError : the file cannot be written.
    """
    path = Path(path)
    ending = path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise ImageError(f"cannot save {str(path)!r}: animations end in .gif, .webp or .mp4")
    if not frames:
        raise ImageError(f"cannot save {str(path)!r}: there are no frames")
    levels = [frame if frame.dtype == np.uint8 else to_8bit(frame) for frame in frames]
    with written_aside(path) as aside:
        if ending == "mp4":
            _film(levels, aside, milliseconds, str(path))
            return
        first, *rest = map(Image.fromarray, levels)
        quality = {"lossless": True} if lossless else {"quality": _LOSSY_QUALITY}
        first.save(
            aside,
            format=ending.upper(),
            save_all=True,
            append_images=rest,
            duration=milliseconds,
            loop=0,
            **(quality if ending == "webp" else {}),
        )


def _film(frames: Sequence[np.ndarray], aside: Path, milliseconds: int, name: str) -> None:
    height, width = frames[0].shape[:2]
    command = [
        *("ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"),
        *("-s", f"{width}x{height}", "-r", f"{1000 / milliseconds:g}", "-i", "-"),
        # Half as many colours as pixels each way, which is what players know.
        *("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p"),
        *("-movflags", "+faststart", "-map_metadata", "-1", "-fflags", "+bitexact"),
        *("-f", "mp4", os.fspath(aside)),
    ]
    try:
        done = subprocess.run(
            command,
            input=b"".join(map(np.ndarray.tobytes, frames)),
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise ImageError(f"cannot save {name!r}: ffmpeg is not installed") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1] if said else f"exit code {done.returncode}"
        raise ImageError(f"cannot save {name!r}: ffmpeg says: {why}")


class Frames:
    """Images as they come about, of which a bounded number is kept, evenly chosen, and the last.

    Parameters
    ----------
    height, width : of the images; what has other proportions is no frame, what is of another size
        is scaled
    most : so many frames; when there are more, every other one goes
    side : pixels of a frame's longer side, at most

    Examples
    --------
    >>> frames = Frames(1, 1, most=4)
    >>> for level in range(10):
    ...     frames.add(np.full((1, 1, 3), level / 255))
    >>> [int(frame[0, 0, 0]) for frame in frames.kept]
    [0, 4, 8, 9]
    """

    def __init__(self, height: int, width: int, most: int = 96, side: int = 512) -> None:
        scale = min(side / max(height, width), 1.0)
        self._proportions = height / width
        self._size = max(round(width * scale), 1), max(round(height * scale), 1)
        self._most = most
        self._kept: list[np.ndarray] = []
        self._every, self._count = 1, 0
        self._last: np.ndarray | None = None

    def add(self, image: np.ndarray) -> None:
        """Look at an image (H, W, 3), floats; one that no picture can show is passed over."""
        height, width = image.shape[:2]
        # As far as whole pixels tell.
        alike = abs(height - width * self._proportions) <= 1
        if not (alike and np.isfinite(image).all()):
            return
        self._last = None
        if self._count % self._every == 0:
            self._kept.append(self._frame(image))
        else:
            self._last = image.copy()  # it is not ours
        self._count += 1
        if len(self._kept) > self._most:
            if (len(self._kept) - 1) % 2:
                self._last = image.copy()
            self._kept = self._kept[::2]
            self._every *= 2

    @property
    def kept(self) -> list[np.ndarray]:
        """Frames (H, W, 3) of 8 bits, in their order."""
        return self._kept + ([] if self._last is None else [self._frame(self._last)])

    def _frame(self, image: np.ndarray) -> np.ndarray:
        levels = to_8bit(image)
        if levels.shape[1::-1] == self._size:
            return levels
        return np.asarray(Image.fromarray(levels).resize(self._size, Image.Resampling.LANCZOS))
