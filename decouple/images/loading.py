"""Files to images."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from decouple.images.decoding import decoded
from decouple.images.fitting import Fit, Size, checked_size, fitted
from decouple.images.locating import check_file, located


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """A picture ready for use.

    Attributes
    ----------
    pixels
        float32, (height, width, 3), sRGB in [0, 1], on the 8-bit grid.
    notes
        What had to be done to the file's values, each a phrase for people; empty if nothing.
    origin
        The file as it was named, or ``sample:NAME``.
    alpha
        float32, (height, width), 0 to 1, how opaque it was before it was laid on white; None where
        it was so everywhere.
    profile
        The file's ICC profile of sRGB; None where it has none, or another, from which its colours
        were converted.
    """

    pixels: np.ndarray
    notes: tuple[str, ...]
    origin: str
    alpha: np.ndarray | None = None
    profile: bytes | None = None


def load(source: str | os.PathLike, size: Size = None, fit: Fit | str = Fit.KEEP) -> LoadedImage:
    """Read a picture file, or a bundled sample, as RGB on the 8-bit grid.

    Parameters
    ----------
    source
        A JPEG, PNG, TIFF, WebP, BMP or GIF file (its content decides, not its extension), or
        ``sample:NAME`` with a name of `sample_names`. A path object is always a file. Colours are
        converted as an ICC profile in the file says; docs/pictures.md has every kind of samples.
    size
        Pixels of the shorter side afterwards (of both sides unless `fit` keeps proportions);
        None stands for the picture's own shorter side. (height, width) are what both sides become
        with `crop` and `squash`; `keep` takes the smaller as the shorter side.
    fit
        How other shapes are met. Scaling is Lanczos with antialiasing, on floats.

    Raises
    ------
    ImageError
        The picture cannot be found or read, a side is or would be shorter than `MIN_SIDE`, it has
        more than `MAX_PIXELS`, or its values are not finite or of unknown scale or meaning.
    ConfigError
        `source`, `size` or `fit` is not of the kind described above.

    Examples
    --------
    >>> import decouple as dc
    >>> dc.load("sample:chelsea", size=24).pixels.shape
    (24, 36, 3)
    >>> dc.load("sample:chelsea", size=24, fit="crop").pixels.shape
    (24, 24, 3)
    """
    size = checked_size(size)
    fit = Fit.named(fit)
    path, origin = located(source)
    name = repr(origin)
    check_file(path, name)
    picture, notes = decoded(path, name)
    pixels = fitted(picture, size, fit, name)
    if pixels.shape[0] * pixels.shape[1] > picture.width * picture.height:
        notes.append(f"enlarged from {picture.width}x{picture.height}")
    alpha = picture.info.get("alpha")
    if alpha is not None:
        alpha = fitted(alpha, size, fit, name)[..., 0]
    return LoadedImage(pixels, tuple(notes), origin, alpha, picture.info.get("icc_profile"))
