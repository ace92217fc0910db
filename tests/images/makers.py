"""Files of every kind, each with the levels that it means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from pictures import handmade_png, handmade_tiff, png_rows, stored
from PIL import Image
from profiles import D50, SRGB, from_light

# A maker writes its file and returns the levels, 0-255, not rounded: (H, W) or (H, W, 3).
Maker = Callable[[Path], np.ndarray]


def over_white(values: np.ndarray, alpha: np.ndarray, peak: int) -> np.ndarray:
    share = alpha.astype(float) / peak
    return 255 * (values.astype(float) / peak * share + 1 - share)


def joined(values: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Samples and their alpha, (H, W[, samples]) and (H, W, 1), as one array."""
    return np.concatenate([values.reshape(*alpha.shape[:2], -1), alpha], axis=-1)


def png(values: np.ndarray, depth: int, kind: int, expected: np.ndarray, **chunks: bytes) -> Maker:
    def make(path: Path) -> np.ndarray:
        height, width = values.shape[:2]
        handmade_png(path, width, height, depth, kind, png_rows(values, depth), **chunks)
        return expected

    return make


def written(array: np.ndarray, expected: np.ndarray | None = None, **options: object) -> Maker:
    """By Pillow."""

    def make(path: Path) -> np.ndarray:
        stored(path, array, **options)
        return array if expected is None else expected

    return make


def interlaced_png(values: np.ndarray) -> Maker:
    """After Adam7, by hand, since Pillow writes none; (H, W, 3)."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    passes.append((1, 0, 2, 1))
    rows = b"".join(
        png_rows(values[top::down, left::right], 8) for top, left, down, right in passes
    )
    height, width = values.shape[:2]
    return lambda path: (handmade_png(path, width, height, 8, 2, rows, interlaced=True), values)[1]


def palette_png(indices: np.ndarray, depth: int, palette: np.ndarray) -> Maker:
    return png(indices, depth, 3, palette[indices], PLTE=palette.tobytes())


def transparent_gif(values: np.ndarray) -> Maker:
    """Of few colours, that of the first pixel transparent."""

    def make(path: Path) -> np.ndarray:
        picture = Image.fromarray(values).quantize(9)
        index = picture.getpixel((0, 0))
        picture.save(path, transparency=index)
        return np.where((np.asarray(picture) == index)[..., None], 255, values)

    return make


def tiffs(values: np.ndarray, expected: np.ndarray | None, **options: object) -> list[Maker]:
    """By tifffile: in both byte orders, compressed or not, in strips and in tiles."""

    def maker(**more: object) -> Maker:
        def make(path: Path) -> np.ndarray:
            tifffile.imwrite(path, values, **options, **more)
            return expected

        return make

    return [
        maker(byteorder=order, compression=compression, tile=tile)
        for order in "<>"
        for compression in (None, "zlib")
        for tile in (None, (16, 16))
    ]


def of_grey(values: np.ndarray, expected: np.ndarray | None, **options: object) -> list[Maker]:
    return tiffs(values, expected, photometric="minisblack", **options)


def of_white(values: np.ndarray, expected: np.ndarray) -> list[Maker]:
    return tiffs(values, expected, photometric="miniswhite")


def chunky(
    values: np.ndarray, expected: np.ndarray | None, kind: str = "rgb", **options: object
) -> list[Maker]:
    return tiffs(values, expected, photometric=kind, planarconfig="contig", **options)


def planes(
    values: np.ndarray, expected: np.ndarray | None, kind: str = "rgb", **options: object
) -> list[Maker]:
    values = np.ascontiguousarray(np.moveaxis(values, -1, 0))
    return tiffs(values, expected, photometric=kind, planarconfig="separate", **options)


def both(*arguments: object, **options: object) -> list[Maker]:
    return chunky(*arguments, **options) + planes(*arguments, **options)


def with_alpha(values: np.ndarray, alpha: np.ndarray, peak: int) -> list[Maker]:
    """Alpha that has not multiplied the colours, and one that has."""
    kind = "rgb" if values.ndim == 3 else "minisblack"
    expected = over_white(values.reshape(*alpha.shape[:2], -1), alpha, peak)
    makers = both(joined(values, alpha), expected, kind, extrasamples=["unassalpha"])
    if kind == "rgb":
        # Few alphas: dividing small numbers by small ones is nobody's reading.
        half = np.full_like(alpha, peak // 2)
        multiplied = np.rint(values * (half / peak)).astype(values.dtype)
        expected = over_white(values, half, peak)
        makers += chunky(joined(multiplied, half), expected, extrasamples=["assocalpha"])
    return makers


def lzw(array: np.ndarray, expected: np.ndarray) -> Maker:
    return written(array, expected, compression="tiff_lzw")


def odd(bits: int, values: np.ndarray, expected: np.ndarray, photometric: int = 1) -> Maker:
    return lambda path: (handmade_tiff(path, values, bits, photometric), expected)[1]


def of_ycbcr(values: np.ndarray) -> np.ndarray:
    y, blue, red = np.moveaxis(values.astype(float), -1, 0) - np.array([0, 128, 128])[:, None, None]
    rgb = [y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue]
    return np.clip(np.stack(rgb, -1), 0, 255)


def of_lab(values: np.ndarray) -> np.ndarray:
    """CIELAB (D50) in a TIFF's 8 bits: L by 255/100, a and b with a sign."""
    light = (values[..., 0] / 2.55 + 16) / 116
    a, b = (values[..., band].view(np.int8).astype(float) for band in (1, 2))
    xyz = np.stack([light + a / 500, light, light - b / 200], axis=-1)
    xyz = np.where(xyz > 6 / 29, xyz**3, 3 * (6 / 29) ** 2 * (xyz - 4 / 29)) * D50
    return 255 * from_light(np.clip(xyz @ np.linalg.inv(SRGB).T, 0, 1))


def of_cmyk(values: np.ndarray, peak: int) -> np.ndarray:
    ink = values.astype(float) / peak
    return 255 * (1 - ink[..., :3]) * (1 - ink[..., 3:])
