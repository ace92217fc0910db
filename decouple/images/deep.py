"""Results for other programs: more than 8 bits, transparency, a colour profile."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ImageCms

from decouple.errors import ImageError, NamedChoice
from decouple.files import written_aside

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_CHUNK = 12 + 13  # of every PNG: length, name and checksum, and 13 bytes
_UNASSOCIATED_ALPHA, _ICC_PROFILE = 2, 34675  # TIFF's ExtraSamples and its tag of the profile


class Output(NamedChoice):
    """What a result is kept as, beside `images/result.png`."""

    PNG = "png"
    """8 bits a sample."""
    PNG16 = "png16"
    """16 bits a sample."""
    TIFF = "tiff"
    """Floats of 32 bits: nothing is rounded to levels, and nothing is clipped."""

    @property
    def ending(self) -> str:
        """Of a file's name."""
        return "tif" if self is Output.TIFF else "png"


def save_result(
    pixels: np.ndarray,
    path: str | os.PathLike,
    output: Output | str,
    alpha: np.ndarray | None = None,
    profile: bytes | None = None,
) -> None:
    """Write an image as it is kept for other programs; the file appears whole or not at all.

    Parameters
    ----------
    pixels
        Floats, (height, width, 3), sRGB; a PNG clips to [0, 1].
    path
        Where to; its ending is that of `output`.
    output
        How the samples are written.
    alpha
        (height, width), 0 to 1, of each pixel, whose colours it has not multiplied; None for
        opaque ones.
    profile
        An ICC profile of sRGB; None for one that is made here.

    Raises
    ------
    ImageError
        Values are not finite.
    RunFolderError
        The file cannot be written.
    """
    output = Output.named(output)
    pixels = np.asarray(pixels)
    if not np.isfinite(pixels).all():
        raise ImageError("the image holds NaN or infinite values, which no picture can show")
    samples = pixels if alpha is None else np.dstack([pixels, alpha])
    if profile is None:
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with written_aside(Path(path)) as aside:
        if output is Output.TIFF:
            _write_tiff(samples, aside, profile)
        else:
            kind = np.uint16 if output is Output.PNG16 else np.uint8
            aside.write_bytes(_png(samples, kind, profile))


def _png(samples: np.ndarray, kind: Any, profile: bytes) -> bytes:
    import tensorflow as tf  # takes seconds; Pillow writes no colours of 16 bits

    largest = np.iinfo(kind).max
    levels = np.clip(np.rint(samples.astype(np.float64) * largest), 0, largest).astype(kind)
    png = tf.io.encode_png(levels).numpy()
    begin = len(_SIGNATURE) + _HEADER_CHUNK
    return png[:begin] + _chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(profile)) + png[begin:]


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def _write_tiff(samples: np.ndarray, path: Path, profile: bytes) -> None:
    from tifffile import imwrite  # only here: most results are none

    imwrite(
        path,
        samples.astype(np.float32),
        photometric="rgb",
        extrasamples=[_UNASSOCIATED_ALPHA] if samples.shape[2] == 4 else None,
        extratags=[(_ICC_PROFILE, 7, len(profile), profile, True)],
        metadata=None,
    )
