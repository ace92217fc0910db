"""Picture files to upright 8-bit or grey pictures, whatever was wrong with them in one line."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from decouple.errors import ImageError
from decouple.images.fitting import MAX_PIXELS, MIN_SIDE
from decouple.images.locating import one_line

# Named, because Pillow would otherwise also try formats that start other programs (EPS).
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF")

_EXIF_ORIENTATION = 0x0112
_UPRIGHT = 1
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decoded(path: Path, name: str) -> tuple[Image.Image, list[str]]:
    """Read the first frame, upright, in mode L, RGB or F (grey), values 0 to 255.

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
    with warnings.catch_warnings():
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
            raise ImageError(
                f"cannot decode {name} ({reason}); it may be cut short or damaged: "
                "copy it again, or convert it to PNG"
            ) from error


def _first_frame(file: object, name: str) -> tuple[Image.Image, list[str]]:
    picture: Image.Image
    with Image.open(file, formats=_FORMATS) as picture:  # type: ignore[arg-type]
        _check_shape(picture, name)
        notes = _frame_notes(picture)
        # Known only until the pixels are loaded.
        sixteen_bits = ";16" in str(getattr(picture, "tile", ""))
        # Pillow turns TIFFs by itself while loading, other formats never.
        turned = picture.format == "TIFF" and _orientation(picture) != _UPRIGHT
        picture.load()
        orientation = _orientation(picture)
        if turned or orientation != _UPRIGHT:
            notes.append("turned upright as its EXIF orientation says")
        upright = picture.transpose(_TURNS[orientation]) if orientation in _TURNS else picture
        if picture.mode == "F" or picture.mode.startswith("I"):
            return _grey_of_deep(upright, sixteen_bits, notes, name), notes
        if sixteen_bits:
            notes.append("16-bit colour reduced to 8 bits")
        return _flattened(upright, notes), notes


def _check_shape(picture: Image.Image, name: str) -> None:
    width, height = picture.size
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
    if picture.format == "TIFF":
        return [f"first of {count} pages used"]
    if picture.format == "MPO":
        return [f"first of {count} pictures in the file used"]
    return [f"animated: first of {count} frames used"]


def _orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; damaged EXIF is no reason to refuse sound pixels."""
    try:
        value = picture.getexif().get(_EXIF_ORIENTATION, _UPRIGHT)
    except Exception:
        return _UPRIGHT
    return value if value in _TURNS else _UPRIGHT


def _grey_of_deep(
    picture: Image.Image, sixteen_bits: bool, notes: list[str], name: str
) -> Image.Image:
    """Grey of more than 8 bits as mode F, values 0 to 255."""
    values = np.asarray(picture).astype(np.float32)
    if not np.isfinite(values).all():
        raise ImageError(f"{name} holds NaN or infinite values; replace them and save it again")
    sixteen_bits = sixteen_bits or picture.mode.startswith("I;16")
    peak = 65535 if sixteen_bits and values.min() >= 0 else _peak(values, name)
    kind = "float" if picture.mode == "F" else "16-bit" if sixteen_bits else "32-bit"
    scaled = f"divided by {peak} and " if peak != 1 else ""
    notes.append(f"{kind} grey values {scaled}rounded to 8 bits")
    transparent = picture.info.get("transparency")
    if isinstance(transparent, int):
        values[values == transparent] = peak
        notes.append("transparency composited on white")
    return Image.fromarray(values * np.float32(255 / peak))


def _peak(values: np.ndarray, name: str) -> int:
    """The value that stands for white, guessed only where the guess is safe."""
    low, high = float(values.min()), float(values.max())
    # Half an 8-bit step outside still rounds to black or white: rounding noise, not a scale.
    if low >= -0.5 / 255 and high <= 1 + 0.5 / 255:
        return 1
    if low >= 0 and high <= 65535 and np.array_equal(values, np.rint(values)):
        return 255 if high <= 255 else 65535
    raise ImageError(
        f"{name} holds values from {low:g} to {high:g}; scale them to 0-1, "
        "or to whole numbers in 0-255 or 0-65535"
    )


def _flattened(picture: Image.Image, notes: list[str]) -> Image.Image:
    """8-bit picture of any mode as L or RGB, transparency over white."""
    if picture.has_transparency_data:
        straight = picture.convert("LA") if picture.mode == "La" else picture
        layer = straight.convert("RGBA")
        if layer.getchannel("A").getextrema() != (255, 255):
            notes.append("transparency composited on white")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    if picture.mode in ("1", "L"):
        return picture.convert("L")
    if picture.mode not in ("P", "RGB"):
        notes.append(f"{picture.mode} converted to RGB")
    return picture.convert("RGB")
