"""Pictures to load, and what must hold of a load."""

import struct
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


def handmade_png(path, width, height, depth, colour_type, rows=b"", interlaced=False, **chunks):
    """A PNG of `rows`; `chunks` (tRNS=, PLTE=) follow its header in their order."""
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    header = (b"IHDR", size + bytes([depth, colour_type, 0, 0, interlaced]))
    more = [(kind.encode(), data) for kind, data in chunks.items()]
    ends = [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    content = b"".join(png_chunk(*chunk) for chunk in [header, *more, *ends])
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    return path


def with_chunk(path, kind, data, *, at_the_end=False):
    """The PNG with one more chunk, behind its header or before its end."""
    content = path.read_bytes()
    place = len(content) - 12 if at_the_end else 33
    path.write_bytes(content[:place] + png_chunk(kind, data) + content[place:])
    return path


def png_rows(values, depth):
    """Rows of a PNG, none filtered: (height, width) or (height, width, samples) whole numbers."""
    return b"".join(b"\0" + packed(row, depth) for row in values)


def refusals_of_damaged(whole, folder, suffix, bytes_, up_to, times):
    """What is said of a file with `bytes_` random bytes before its byte number `up_to`.

    One line for each of so many `times` that it is refused; else it has to load.
    """
    random, path, said = np.random.default_rng(1), folder / f"damaged.{suffix}", []
    for _ in range(times):
        damaged = bytearray(whole)
        for place in random.integers(4, min(len(whole), up_to), bytes_):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        try:
            levels(load(path))
        except ImageError as error:
            said.append(str(error))
    assert said
    assert all(path.name in message and "\n" not in message for message in said)
    return said


def packed(row, depth):
    """Whole numbers as so many bits each, the highest first, filled up to a byte."""
    bits = np.asarray(row).reshape(-1, 1) >> np.arange(depth)[::-1] & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()


def handmade_tiff(path, values, bits, photometric=1, **tags):
    """A little-endian TIFF of one strip; `values` as for `png_rows`, `tags` by tN=number."""
    height, width = values.shape[:2]
    data = b"".join(packed(row, bits) for row in values)
    entries = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8}
    entries |= {277: values.size // (height * width), 278: height, 279: len(data)}
    entries |= {int(name[1:]): number for name, number in tags.items()}
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, entries[tag]) for tag in sorted(entries))
    header = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    path.write_bytes(header + data + struct.pack("<H", len(entries)) + directory + b"\0" * 4)
    return path


def handmade_bmp(path, values):
    """A BMP of RGB with 5 bits each: (height, width, 3), the width even, as rows are not padded."""
    height, width = values.shape[:2]
    red, green, blue = np.moveaxis(values.astype("<u2"), -1, 0)
    data = (red << 10 | green << 5 | blue)[::-1].tobytes()
    header = struct.pack("<2sIII", b"BM", 54 + len(data), 0, 54)
    header += struct.pack("<IiiHHIIiiII", 40, width, height, 1, 16, 0, len(data), 0, 0, 0, 0)
    path.write_bytes(header + data)
    return path
