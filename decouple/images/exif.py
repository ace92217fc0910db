"""Which way up a picture is."""

from __future__ import annotations

from PIL import Image

_EXIF_ORIENTATION = 0x0112
UPRIGHT = 1
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
TURNED = "turned upright as its EXIF orientation says"


def orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; damaged EXIF is no reason to refuse sound pixels."""
    try:
        value = picture.getexif().get(_EXIF_ORIENTATION, UPRIGHT)
    except Exception:
        return UPRIGHT
    return value if value in _TURNS else UPRIGHT


def upright(picture: Image.Image, turn: object) -> Image.Image:
    """The picture turned as an orientation of 1 to 8 says; others turn nothing."""
    return picture.transpose(_TURNS[turn]) if turn in _TURNS else picture
