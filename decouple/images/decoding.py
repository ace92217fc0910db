"""Picture files to upright 8-bit or grey pictures, whatever was wrong with them in one line."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

from decouple.errors import ImageError
from decouple.images import tiff
from decouple.images.colour import in_srgb, lab_in_srgb, with_gamma_of_srgb
from decouple.images.exif import TURNED, UPRIGHT, orientation, says_adobe_rgb, upright
from decouple.images.fitting import MAX_PIXELS, MIN_SIDE
from decouple.images.locating import one_line
from decouple.images.scaling import scaled

if TYPE_CHECKING:
    from tifffile import TiffPage

# Named, because Pillow would otherwise also try formats that start other programs (EPS).
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF")

# A text chunk may hold a whole scene or a prompt's history, an ICC profile a printer's tables: they
# are no reason to refuse the pixels beside them. Bounded still, as a bomb is unpacked like them.
_MOST_TEXT_IN_A_CHUNK = 64 * 2**20
_MOST_TEXT = 4 * _MOST_TEXT_IN_A_CHUNK
_TOO_MUCH_TEXT = ("decompressed data too large", "used in text chunks")
# What Pillow calls what a file says about its colours.
_COLOUR_INFO = ("icc_profile", "srgb", "gamma")


def decoded(path: Path, name: str) -> tuple[Image.Image, list[str]]:
    """Read the first frame, upright, in mode L, RGB or F (grey), values 0 to 255.

    In its `info` are `alpha` (mode L), where it is transparent anywhere, and `icc_profile`, where
    that is one of sRGB, so that its values are what they were.

    Parameters
    ----------
    path
        A plain file.
    name
        What messages call it.

    Returns
    -------
    tuple
        The picture, and the notes of `LoadedImage`.

    Raises
    ------
    ImageError
        The file is no picture, is damaged, too small or too large, or its values are not finite
        or of unknown scale.
    """
    with _pillow_errors(name), path.open("rb") as file:
        return _first_frame(file, name)


@contextmanager
def _pillow_errors(name: str) -> Iterator[None]:
    """Everything that decoding can raise, as one line; everything it warns about, silent."""
    with warnings.catch_warnings(), tiff.quiet(), _room_for_text():
        warnings.simplefilter("ignore")
        try:
            yield
        except ImageError:
            raise
        except PermissionError as error:
            raise ImageError(f"no permission to read {name}; change its rights") from error
        except Image.UnidentifiedImageError as error:
            raise ImageError(
                f"{name} is not a picture that can be read (JPEG, PNG, TIFF, WebP, BMP, GIF), "
                "or its header is damaged; convert it to PNG"
            ) from error
        except Image.DecompressionBombError as error:
            raise ImageError(
                f"{name} has more than {MAX_PIXELS // 10**6} million pixels; make it smaller first"
            ) from error
        # Broad on purpose: damaged files make Pillow raise SyntaxError, EOFError, struct.error,
        # zlib.error, ValueError, IndexError, ...
        except Exception as error:
            reason = one_line(str(error)) or type(error).__name__
            if any(words in reason.lower() for words in _TOO_MUCH_TEXT):
                raise ImageError(
                    f"{name} has more than {_MOST_TEXT_IN_A_CHUNK // 2**20} MB of text or of a "
                    "colour profile beside its pixels; save it without them"
                ) from error
            raise ImageError(
                f"cannot decode {name} ({reason}); it may be cut short or damaged: "
                "copy it again, or convert it to PNG"
            ) from error


@contextmanager
def _room_for_text() -> Iterator[None]:
    """Pillow's limits of a PNG's texts and profile, which it has as variables of its module."""
    limits = {"MAX_TEXT_CHUNK": _MOST_TEXT_IN_A_CHUNK, "MAX_TEXT_MEMORY": _MOST_TEXT}
    before = {limit: getattr(PngImagePlugin, limit) for limit in limits}
    for limit, bytes_ in limits.items():
        setattr(PngImagePlugin, limit, max(bytes_, before[limit]))
    try:
        yield
    finally:
        for limit, bytes_ in before.items():
            setattr(PngImagePlugin, limit, bytes_)


def _first_frame(file: BinaryIO, name: str) -> tuple[Image.Image, list[str]]:
    page = tiff.first_page(file)
    if page is None:
        with Image.open(file, formats=_FORMATS) as picture:
            return _by_pillow(picture, None, name)
    if tiff.pillow_reads_right(page):
        with suppress(Image.UnidentifiedImageError), Image.open(file, formats=("TIFF",)) as picture:
            return _by_pillow(picture, page, name)
    _check_shape((page.imagewidth, page.imagelength), name)
    notes = tiff.page_notes(page)
    return _plain(tiff.read(page, name, notes), notes), notes


def _by_pillow(
    picture: Image.Image, page: TiffPage | None, name: str
) -> tuple[Image.Image, list[str]]:
    _check_shape(picture.size, name)
    notes = tiff.page_notes(page) if page is not None else _frame_notes(picture)
    # Known only until the pixels are loaded.
    sixteen_bits = ";16" in str(getattr(picture, "tile", ""))
    # Pillow turns TIFFs by itself while loading, other formats never.
    turned = picture.format == "TIFF" and orientation(picture) != UPRIGHT
    picture.load()
    turn = orientation(picture)
    if turned or turn != UPRIGHT:
        notes.append(TURNED)
    right_way_up = upright(picture, turn)
    if picture.mode == "F" or picture.mode.startswith("I"):
        in_32_bits = picture.format == "TIFF" and picture.mode in ("F", "I")
        bits = page.bitspersample if page is not None else 32 if in_32_bits else 16
        right_way_up = _grey_of_deep(right_way_up, bits, notes, name)
    elif sixteen_bits:
        notes.append("16-bit colour reduced to its upper 8 bits")
    if "icc_profile" not in picture.info and says_adobe_rgb(picture):
        notes.append("its EXIF data says Adobe RGB, without a profile: taken as sRGB")
    return _plain(right_way_up, notes), notes


def _check_shape(size: tuple[int, int], name: str) -> None:
    width, height = size
    shape = f"{name} is {width}x{height} pixels (width x height)"
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{shape}; each side must have at least {MIN_SIDE}: use a larger picture")
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{shape}; the limit is {MAX_PIXELS // 10**6} million: make it smaller first"
        )


def _frame_notes(picture: Image.Image) -> list[str]:
    count = getattr(picture, "n_frames", 1)
    if count == 1:
        return []
    if picture.format == "MPO":
        return [f"first of {count} pictures in the file used"]
    return [f"animated: first of {count} frames used"]


def _grey_of_deep(picture: Image.Image, bits: int, notes: list[str], name: str) -> Image.Image:
    """Grey of more than 8 bits as mode F, values 0 to 255."""
    values = np.asarray(picture)
    if bits <= 16:
        values = values.astype(np.uint16)  # Pillow before 11 has a PNG's in 32 bits
    levels = scaled(values, bits, "grey", name, notes)
    transparent = picture.info.get("transparency")
    if isinstance(transparent, int):
        levels[values == transparent] = 255
        notes.append("transparency composited on white")
    grey = Image.fromarray(levels)
    grey.info = {key: picture.info[key] for key in _COLOUR_INFO if key in picture.info}
    return grey


def _plain(picture: Image.Image, notes: list[str]) -> Image.Image:
    """A picture of any mode as L, RGB or F, in sRGB, transparency over white."""
    colours, alpha = _parted(picture)
    profile = None
    if colours.mode not in ("L", "F", "RGB", "CMYK", "LAB"):
        colours = colours.convert("RGB")
    if colours.mode == "LAB":
        notes.append("CIELAB converted to sRGB")
        colours = lab_in_srgb(colours)
    elif "icc_profile" in picture.info:
        before, said = colours, len(notes)
        colours = in_srgb(colours, picture.info["icc_profile"], notes)
        if colours is before and len(notes) == said and colours.mode == "RGB":
            profile = picture.info["icc_profile"]
    elif "srgb" not in picture.info:
        colours = with_gamma_of_srgb(colours, picture.info.get("gamma"), notes)
    if colours.mode == "CMYK":
        notes.append("CMYK converted to RGB")
        colours = colours.convert("RGB")
    kept: dict[Any, Any] = {} if profile is None else {"icc_profile": profile}
    if alpha is not None and alpha.getextrema() != (255, 255):
        notes.append("transparency composited on white")
        layer = colours.convert("RGB")
        layer.putalpha(alpha)
        white = Image.new("RGBA", layer.size, "white")
        colours = Image.alpha_composite(white, layer).convert("RGB")
        kept["alpha"] = alpha
    colours.info = kept
    return colours


def _parted(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colours, grey as L, and alpha, if there is one."""
    if not picture.has_transparency_data:
        return picture.convert("L") if picture.mode == "1" else picture, None
    if picture.mode in ("1", "L", "LA", "La"):
        grey, alpha = picture.convert("LA").split()
        return grey, alpha
    layer = picture.convert("RGBA")
    return layer.convert("RGB"), layer.getchannel("A")
