"""What a picture's EXIF data says: which way up it is, and which colours it has."""

from __future__ import annotations

from PIL import Image

_EXIF_ORIENTATION = 0x0112
_EXIF_INTEROPERABILITY = 0xA005
UPRIGHT = 1
# Not Pillow's exif_transpose: it writes the EXIF data anew without the orientation, which fails
# where some other entry is damaged, and it knows no orientation of a TIFF page.
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


def says_adobe_rgb(picture: Image.Image) -> bool:
    """Whether a camera says that the colours are Adobe RGB's, by the name DCF has for them."""
    try:
        return picture.getexif().get_ifd(_EXIF_INTEROPERABILITY).get(1) == "R03"
    except Exception:
        return False
