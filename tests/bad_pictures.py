"""Pictures that cannot be used, or look as if they could not."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from tests.images.pictures import colours, handmade_png, stored, with_chunk

Make = Callable[[Path], object]


def saved(array: np.ndarray, mode: str | None = None, **options: object) -> Make:
    return lambda path: stored(path, array, mode, **options)


def written(content: bytes) -> Make:
    return lambda path: path.write_bytes(content)


def truncated(path: Path) -> None:
    stored(path, colours())
    path.write_bytes(path.read_bytes()[:900])


def unreadable(path: Path) -> None:
    stored(path, colours())
    path.chmod(0)


def animated(path: Path) -> None:
    frames = [Image.fromarray(colours(seed=k)) for k in (1, 2)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def transparent_palette(path: Path) -> None:
    picture = Image.fromarray(colours()).convert("P")
    picture.save(path, transparency=0)


def tiff_of(value: float) -> Make:
    floats = np.random.default_rng(0).random((20, 20), np.float32)
    floats[3, 3] = value
    return saved(floats)


def tiff(array: np.ndarray, photometric: str | None = None) -> Make:
    colour = "rgb" if array.ndim == 3 else "minisblack"
    return lambda path: tifffile.imwrite(path, array, photometric=photometric or colour)


def planes_of_16_bits() -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(colours().astype(np.uint16) * 257, -1, 0))


def texts(megabytes: int) -> Make:
    text = b"a\0\0" + zlib.compress(bytes(megabytes * 2**20))
    return lambda path: with_chunk(stored(path, colours()), b"zTXt", text)


def constant_channel() -> np.ndarray:
    picture = colours()
    picture[..., 2] = 7
    return picture


# {name: (file name, how it is made, words of the refusal; none if it works)}
PICTURES: dict[str, tuple[str, Make, list[str]]] = {
    "missing": ("a.png", lambda path: None, ["no picture"]),
    "empty": ("a.png", written(b""), ["empty (0 bytes)"]),
    "truncated": ("a.png", truncated, ["a.png"]),
    "text": ("a.png", written(b"not a picture"), ["a.png"]),
    "HTML": ("a.jpg", written(b"<!doctype html><html><body>404</body></html>"), ["a.jpg"]),
    "zeros": ("a.bmp", written(b"\0" * 500), ["a.bmp"]),
    "PostScript": ("a.eps", written(b"%!PS-Adobe-3.0 EPSF-3.0\n"), ["a.eps"]),
    "directory": ("a.png", Path.mkdir, ["is a folder"]),
    "pipe": ("a.png", os.mkfifo, ["not a plain file"]),
    "1x1": ("a.png", saved(colours(1, 1)), ["1x1"]),
    "1x5000": ("a.png", saved(colours(5000, 1)), ["1x5000"]),
    "5000x1": ("a.png", saved(colours(1, 5000)), ["5000x1"]),
    "all black": ("a.png", saved(np.zeros((20, 20, 3), np.uint8)), ["all one colour"]),
    "all white": ("a.png", saved(np.full((20, 20, 3), 255, np.uint8)), ["all one colour"]),
    "NaN": ("a.tif", tiff_of(np.nan), ["a.tif"]),
    "infinite": ("a.tif", tiff_of(np.inf), ["a.tif"]),
    "floats of unknown scale": ("a.tif", tiff_of(1e9), ["a.tif"]),
    "decompression bomb": (
        "a.png",
        lambda path: handmade_png(path, 100_000, 100_000, 8, 2),
        ["a.png"],
    ),
    "signed numbers": ("a.tif", tiff(colours().astype(np.int16)), ["a.tif", "signed 16-bit"]),
    "complex numbers": ("a.tif", tiff(colours()[..., 0] * 1j), ["a.tif", "complex"]),
    "colours of a mosaic": ("a.tif", tiff(colours()[..., 0], "cfa"), ["a.tif", "CFA"]),
    "counts of unknown scale": ("a.tif", tiff(colours().astype(np.uint32) * 999), ["a.tif"]),
    "megabytes of text": ("a.png", texts(65), ["a.png", "64 MB of text"]),
    "a text of some length": ("a.png", texts(2), []),
    "16 bits in planes": ("a.tif", tiff(planes_of_16_bits()), []),
    "white is 0": ("a.tif", tiff(colours()[..., 0].astype(np.uint16), "miniswhite"), []),
    "float16": ("a.tif", tiff((colours() / 255).astype(np.float16)), []),
    "a profile that is none": ("a.png", saved(colours(), icc_profile=b"none"), []),
    "line break in its name": ("a\nb.png", written(b""), ["empty"]),
    "one channel constant": ("a.png", saved(constant_channel()), []),
    "16 bits": ("a.png", saved(257 * colours(channels=1)[..., 0].astype(np.uint16)), []),
    "CMYK": ("a.jpg", saved(colours(), "CMYK"), []),
    "palette with transparency": ("a.png", transparent_palette, []),
    "animated GIF": ("a.gif", animated, []),
    "wrong extension": ("a.png", lambda path: stored(path, colours(), format="BMP"), []),
    "no extension": ("a", lambda path: stored(path, colours(), format="PNG"), []),
    "1_2 for a name": ("1_2", lambda path: stored(path, colours(), format="PNG"), []),
    "blank in its name": ("my photo.png", saved(colours()), []),
    "quotes in its name": ("it's \"mine\".png", saved(colours()), []),
    "equals sign in its name": ("a=b.png", saved(colours()), []),
    "commas in its name": ("a,b.png", saved(colours()), []),
    "interpolation in its name": ("${seed}.png", saved(colours()), []),
    "unicode in its name": ("föö 絵.png", saved(colours()), []),
    "bytes in its name": ("caf\udce9.png", saved(colours()), []),
    "HTML in its name": ("<b>a.png", saved(colours()), []),
}  # fmt: skip
