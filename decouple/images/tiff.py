"""TIFF pages that Pillow does not know, or whose samples it takes for something else.

A TIFF's tags say how many bits a sample has, whether they are a whole number, with or without a
sign, or a float, whether 0 is black or white, and how the samples of a pixel lie. Pillow looks at
some of these; tifffile, which scikit-image brings along, at all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image

from decouple.errors import ImageError
from decouple.images.exif import TURNED, upright
from decouple.images.scaling import scaled

if TYPE_CHECKING:
    from tifffile import TiffPage

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTATION, _ICC_PROFILE = 274, 34675
_UNCOMPRESSED, _CONTIGUOUS, _PLANAR = 1, 1, 2
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_NUMBERS = {_UNSIGNED: "unsigned", _SIGNED: "signed", _FLOAT: "float", 5: "complex", 6: "complex"}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK = 0, 1, 2, 5
_MODES = {_WHITE_IS_ZERO: "L", _BLACK_IS_ZERO: "L", _RGB: "RGB", _CMYK: "CMYK"}
# What follows the colours: an alpha that has multiplied them, or one that has not.
_ALPHA = {1: "a", 2: "A"}
_KNOWN = ("L", "La", "LA", "RGB", "RGBa", "RGBA", "CMYK")


@contextmanager
def quiet() -> Iterator[None]:
    """What tifffile logs about damaged files is for its developers; what it raises, for us."""
    logger = logging.getLogger("tifffile")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def first_page(file: BinaryIO) -> TiffPage | None:
    """The first page and its tags; None where the file is no TIFF, or damaged before its samples.

    The page reads from `file`, which is to stay open.
    """
    magic = file.read(4)
    file.seek(0)
    if magic not in _MAGIC:
        return None
    from tifffile import TiffFile  # only here: most pictures are none

    try:
        return TiffFile(file).pages.first
    # Broad on purpose: Pillow is asked next, and its errors have words.
    except Exception:
        return None
    finally:
        file.seek(0)


def pillow_reads_right(page: TiffPage) -> bool:
    """Whether Pillow, if it knows such pages, takes their samples for what they are."""
    bits, numbers, grey = page.bitspersample, page.sampleformat, page.samplesperpixel == 1
    if page.imagedepth > 1:
        return False
    if numbers == _UNSIGNED and bits <= 8:
        # Grey and its alpha in planes: alpha is lost.
        return page.planarconfig == _CONTIGUOUS or page.samplesperpixel != 2
    if grey and page.photometric == _BLACK_IS_ZERO:
        if numbers == _UNSIGNED and bits <= 16:
            return True
        # Its decompressed samples are swapped twice.
        native = page.parent.byteorder == "<" or page.compression == _UNCOMPRESSED
        return native and bits == 32 and numbers in (_SIGNED, _FLOAT)
    colours = page.photometric in (_RGB, _CMYK) and page.planarconfig == _CONTIGUOUS
    return colours and numbers == _UNSIGNED and bits == 16


def page_notes(page: TiffPage) -> list[str]:
    """What people should know of the page that is used."""
    count = len(page.parent.pages)
    notes = [f"first of {count} pages used"] if count > 1 else []
    return [*notes, "its first page is a preview of the picture"] if page.is_reduced else notes


def read(page: TiffPage, name: str, notes: list[str]) -> Image.Image:
    """A page's picture, upright, with its ICC profile in `info`.

    Parameters
    ----------
    page
        The page, whose size is known to be reasonable.
    name
        What messages call the file.
    notes
        Gets what was done to the values.

    Returns
    -------
    Image.Image
        Grey in mode F, 0 to 255; grey with alpha, RGB and CMYK in 8 bits.

    Raises
    ------
    ImageError
        The samples are of a kind that is not known to be a colour, or of unknown scale; a part of
        the file is missing, or the package that decompresses it.
    """
    mode = _mode(page, name)
    what = "grey" if mode.startswith("L") else "colour"
    levels = scaled(_samples(page, name), page.bitspersample, what, name, notes)
    if page.photometric == _WHITE_IS_ZERO:
        levels = 255 - levels
    picture = _as_picture(levels, mode)
    profile = page.tags.valueof(_ICC_PROFILE)
    if profile is not None:
        picture.info["icc_profile"] = profile
    turned = upright(picture, page.tags.valueof(_ORIENTATION))
    if turned is not picture:
        notes.append(TURNED)
    return turned


def _mode(page: TiffPage, name: str) -> str:
    """Pillow's word for the page's samples; raises ImageError where there is none."""
    mode = _MODES.get(page.photometric, "?")
    alpha = "".join(_ALPHA.get(extra, "?") for extra in page.extrasamples)
    numbers, bits = page.sampleformat, page.bitspersample
    if numbers == _SIGNED and bits != 32:
        raise ImageError(
            f"{name} is {_described(page)}, and nothing says which number is white; "
            "save it with unsigned numbers"
        )
    # What a float of alpha or ink stands for would be one more guess.
    plain = mode in ("L", "RGB") and not alpha
    if not (
        mode + alpha in _KNOWN
        and (plain or page.photometric != _WHITE_IS_ZERO)
        and page.samplesperpixel == len(mode + alpha)
        and page.axes in ("YX", "YXS", "SYX")
        and numbers in ((_UNSIGNED, _SIGNED, _FLOAT) if plain else (_UNSIGNED,))
        and (bits <= 32 or numbers == _FLOAT)
    ):
        raise ImageError(f"{name} is {_described(page)}, which cannot be read; convert it to PNG")
    return mode + alpha


def _described(page: TiffPage) -> str:
    """What a page is, for a refusal."""
    mode = _MODES.get(page.photometric)
    numbers = _NUMBERS.get(page.sampleformat, f"format-{page.sampleformat:d}")
    colours = {"L": "grey", None: _named(page.photometric)}.get(mode, mode)
    planar = "planar " if page.planarconfig == _PLANAR and page.samplesperpixel > 1 else ""
    each = f", {page.samplesperpixel} a pixel" if page.samplesperpixel > 1 else ""
    volume = ", in a volume" if page.axes.strip("S") != "YX" else ""
    return f"a {planar}TIFF of {numbers} {page.bitspersample}-bit {colours} samples{each}{volume}"


def _named(value: object) -> str:
    return getattr(value, "name", str(value))


def _samples(page: TiffPage, name: str) -> np.ndarray:
    """The page's numbers, (height, width, samples a pixel)."""
    size = page.parent.filehandle.size
    ends = np.add(page.dataoffsets, page.databytecounts, dtype=np.int64)
    if not len(ends) or ends.max() > size:
        raise ImageError(f"{name} is cut short: it ends before its pixels do; copy it again")
    try:
        values = page.asarray()
    # tifffile raises the one for compressions, the other for numbers of odd lengths.
    except (ValueError, NotImplementedError) as error:
        if "imagecodecs" not in str(error):
            raise
        raise ImageError(
            f"{name} is {_described(page)} (compression: {_named(page.compression)}), which only "
            "the package imagecodecs reads: python -m pip install imagecodecs, or convert it to PNG"
        ) from error
    if page.axes == "SYX":
        return np.moveaxis(values, 0, -1)
    return values[..., None] if page.axes == "YX" else values


def _as_picture(levels: np.ndarray, mode: str) -> Image.Image:
    if mode == "L":
        return Image.fromarray(levels[..., 0])
    whole = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return Image.merge(mode, [Image.fromarray(band) for band in np.moveaxis(whole, -1, 0)])
