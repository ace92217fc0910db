"""Pictures to load, and what must hold of a load."""

import zlib

import numpy as np
import pytest
from PIL import Image

from decouple.errors import ImageError
from decouple.images import load


def colours(height=20, width=30, channels=3, seed=0):
    """Random bytes: no orientation, channel order or value is mistaken for another."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def grey(height=20, width=30):
    return colours(height, width, 1)[..., 0]


def stored(path, array, mode=None, **options):
    picture = Image.fromarray(array)
    if mode is not None:
        picture = picture.convert(mode)
    picture.save(path, **options)
    return path


def levels(loaded):
    """The 8-bit levels of an image that has to lie exactly on the 8-bit grid."""
    assert loaded.pixels.dtype == np.float32
    assert loaded.pixels.ndim == 3
    assert loaded.pixels.shape[2] == 3
    whole = np.rint(loaded.pixels * 255)
    assert np.array_equal(whole.astype(np.float32) / np.float32(255), loaded.pixels)
    assert whole.min() >= 0
    assert whole.max() <= 255
    return whole.astype(np.uint8)


def refusal(source, *arguments, error=ImageError, **options):
    """The message of a load that must fail: one line."""
    with pytest.raises(error) as caught:
        load(source, *arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def png_chunk(kind, data):
    body = kind + data
    return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")


def handmade_png(path, width, height, depth, colour_type, rows=b"", transparent=b""):
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    header = size + bytes([depth, colour_type, 0, 0, 0])
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    if transparent:
        chunks.insert(1, (b"tRNS", transparent))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks))
    return path
