"""The table of docs/pictures.md, row by row, with pictures whose values are known from arrays."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import tifffile
from makers import (
    Maker,
    both,
    chunky,
    interlaced_png,
    joined,
    lzw,
    odd,
    of_cmyk,
    of_grey,
    of_lab,
    of_white,
    of_ycbcr,
    over_white,
    palette_png,
    planes,
    png,
    tiffs,
    transparent_gif,
    with_alpha,
    written,
)
from pictures import colours, grey, handmade_bmp, levels, refusal

from decouple.images import load

PAGE = Path(__file__).parents[2] / "docs" / "pictures.md"
HAS_IMAGECODECS = importlib.util.find_spec("imagecodecs") is not None

random = np.random.default_rng(7)
GREY, RGB, ALPHA = grey(), colours(seed=1), colours(channels=1, seed=2)
DEEP = random.integers(0, 65536, (20, 30, 3), np.uint16)
DEEP_ALPHA = random.integers(0, 65536, (20, 30, 1), np.uint16)
FULL = random.integers(0, 2**32, (20, 30, 3), np.uint32)
SHADES = random.random((20, 30, 3), np.float32)
SMOOTH = np.add.outer(np.arange(24), np.arange(40))[..., None] * np.array([3, 2, 1]) + (20, 60, 9)


def lab() -> np.ndarray:
    """Colours that sRGB has, too."""
    light = random.integers(60, 200, (20, 30, 1), np.uint8)
    chroma = random.integers(-20, 20, (20, 30, 2), np.int8).view(np.uint8)
    return np.concatenate([light, chroma], axis=-1)


CMYK, DEEP_CMYK, LAB = joined(RGB, ALPHA), joined(DEEP, DEEP_ALPHA), lab()
WHOLE = 255 / (2**32 - 1)
IN_ORDER, EITHER = "one after the other", "one after the other, or planes"
PALETTE = random.integers(0, 256, (256, 3), np.uint8)
COLORMAP = PALETTE.T.astype(np.uint16) * 257

# {(format, a sample, colours, layout, read): makers}
ROWS: dict[tuple[str, str, str, str, str], list[Maker]] = {
    ("PNG", "1, 2, 4 or 8 bits", "grey", IN_ORDER, "exact"): [
        png(GREY >> 8 - depth, depth, 0, (GREY >> 8 - depth) * (255 // (2**depth - 1)))
        for depth in (1, 2, 4, 8)
    ],
    ("PNG", "1, 2, 4 or 8 bits", "palette", IN_ORDER, "exact"): [
        palette_png(GREY >> 8 - depth, depth, PALETTE[: 2**depth]) for depth in (1, 2, 4, 8)
    ],
    ("PNG", "8 bits", "RGB", IN_ORDER + ", or interlaced", "exact"): [
        written(RGB),
        interlaced_png(RGB),
    ],
    ("PNG", "8 bits", "grey or RGB, with alpha or one transparent colour", IN_ORDER, "converted"): [
        written(joined(GREY, ALPHA), over_white(GREY[..., None], ALPHA, 255)),
        written(joined(RGB, ALPHA), over_white(RGB, ALPHA, 255)),
        written(GREY, np.where(GREY[0, 0] == GREY, 255, GREY), transparency=int(GREY[0, 0])),
        written(
            RGB,
            np.where((RGB[0, 0] == RGB).all(-1, keepdims=True), 255, RGB),
            transparency=tuple(map(int, RGB[0, 0])),
        ),
    ],
    ("PNG", "16 bits", "grey", IN_ORDER, "rounded"): [
        png(DEEP[..., 0], 16, 0, DEEP[..., 0] / 257),
    ],
    ("PNG", "16 bits", "RGB", IN_ORDER, "upper 8 bits"): [png(DEEP, 16, 2, DEEP / 257)],
    ("PNG", "16 bits", "grey or RGB with alpha", IN_ORDER, "converted"): [
        png(joined(DEEP[..., 0], DEEP_ALPHA), 16, 4, over_white(DEEP[..., :1], DEEP_ALPHA, 65535)),
        png(joined(DEEP, DEEP_ALPHA), 16, 6, over_white(DEEP, DEEP_ALPHA, 65535)),
    ],
    ("JPEG", "8 bits", "grey, RGB or YCbCr", "baseline or progressive", "decoded"): [
        written(array, quality=95, progressive=progressive, **more)
        for array in (SMOOTH[..., 0].astype(np.uint8), SMOOTH.astype(np.uint8))
        for progressive in (False, True)
        for more in ({}, {"keep_rgb": True})
    ],
    ("JPEG", "8 bits", "CMYK", "baseline", "decoded"): [
        written(SMOOTH.astype(np.uint8), mode="CMYK", quality=95),
    ],
    ("WebP", "8 bits", "RGB", "lossless", "exact"): [written(RGB, lossless=True)],
    ("WebP", "8 bits", "RGB", "lossy", "decoded"): [written(SMOOTH.astype(np.uint8), quality=95)],
    ("WebP", "8 bits", "RGB with alpha", "lossless", "converted"): [
        written(joined(RGB, ALPHA), over_white(RGB, ALPHA, 255), lossless=True, exact=True),
    ],
    ("GIF", "8 bits", "palette", IN_ORDER + ", or interlaced", "exact"): [
        written(RGB // 128 * 255, interlace=False),
        written(RGB // 128 * 255, interlace=True),
    ],
    ("GIF", "8 bits", "palette with a transparent colour", IN_ORDER, "converted"): [
        transparent_gif(RGB // 128 * 255),
    ],
    ("BMP", "1 or 8 bits", "grey or palette", IN_ORDER, "exact"): [
        written(GREY > 127, (GREY > 127) * 255),
        written(GREY),
        written(RGB // 128 * 255, mode="P"),
    ],
    ("BMP", "8 bits", "RGB, with or without a fourth byte", IN_ORDER, "exact"): [
        written(RGB),
        written(RGB, mode="RGBA"),
    ],
    ("BMP", "5 bits", "RGB", IN_ORDER, "converted"): [
        lambda path: (handmade_bmp(path, RGB >> 3), (RGB >> 3) * (255 / 31))[1],
    ],
    ("TIFF", "1, 2, 4 or 8 bits", "grey, 0 black or white", IN_ORDER, "exact"): [
        *of_grey(GREY, GREY),
        *of_white(255 - GREY, GREY),
        *of_grey(GREY > 127, (GREY > 127) * 255),
        *of_white(GREY <= 127, (GREY > 127) * 255),
        odd(2, GREY >> 6, (GREY >> 6) * 85),
        odd(2, 3 - (GREY >> 6), (GREY >> 6) * 85, photometric=0),
        odd(4, GREY >> 4, (GREY >> 4) * 17),
        odd(4, 15 - (GREY >> 4), (GREY >> 4) * 17, photometric=0),
        lzw(GREY, GREY),
    ],
    ("TIFF", "8 bits", "RGB", EITHER, "exact"): [*both(RGB, RGB), lzw(RGB, RGB)],
    ("TIFF", "8 bits", "palette", IN_ORDER, "exact"): tiffs(
        GREY, PALETTE[GREY], photometric="palette", colormap=COLORMAP
    ),
    ("TIFF", "8 bits", "grey or RGB with alpha", EITHER, "converted"): [
        *with_alpha(GREY, ALPHA, 255),
        *with_alpha(RGB, ALPHA, 255),
    ],
    ("TIFF", "8 bits", "YCbCr", IN_ORDER, "decoded"): chunky(RGB, of_ycbcr(RGB), "ycbcr"),
    ("TIFF", "8 bits", "CMYK or CIELAB", IN_ORDER, "converted"): [
        *chunky(CMYK, of_cmyk(CMYK, 255), "separated"),
        *chunky(LAB, of_lab(LAB), "cielab"),
    ],
    ("TIFF", "12 bits", "grey, 0 black", IN_ORDER, "rounded"): [
        odd(12, DEEP[..., 0] >> 4, (DEEP[..., 0] >> 4) * (255 / 4095)),
    ],
    ("TIFF", "16 bits", "grey, 0 black or white", IN_ORDER, "rounded"): [
        *of_grey(DEEP[..., 0], DEEP[..., 0] / 257),
        *of_white(65535 - DEEP[..., 0], DEEP[..., 0] / 257),
        lzw(DEEP[..., 0], DEEP[..., 0] / 257),
    ],
    ("TIFF", "16 bits", "RGB", IN_ORDER, "upper 8 bits"): chunky(DEEP, DEEP / 257),
    ("TIFF", "16 bits", "RGB", "planes", "rounded"): planes(DEEP, DEEP / 257),
    ("TIFF", "16 bits", "grey or RGB with alpha, CMYK", EITHER, "converted"): [
        *with_alpha(DEEP[..., 0], DEEP_ALPHA, 65535),
        *with_alpha(DEEP, DEEP_ALPHA, 65535),
        *both(DEEP_CMYK, of_cmyk(DEEP_CMYK, 65535), "separated"),
    ],
    ("TIFF", "32 bits, unsigned", "grey or RGB", EITHER, "rounded"): [
        *of_grey(FULL[..., 0], FULL[..., 0] * WHOLE),
        *of_grey(DEEP[..., 0].astype(np.uint32), DEEP[..., 0] / 257),
        *both(FULL, FULL * WHOLE),
    ],
    ("TIFF", "32 bits, signed", "grey or RGB", EITHER, "rounded"): [
        *of_grey(DEEP[..., 0].astype(np.int32), DEEP[..., 0] / 257),
        *of_grey(GREY.astype(np.int32), GREY),
        *both(DEEP.astype(np.int32), DEEP / 257),
        lzw(DEEP[..., 0].astype(np.int32), DEEP[..., 0] / 257),
    ],
    ("TIFF", "float of 16, 32 or 64 bits", "grey, 0 black or white", IN_ORDER, "rounded"): [
        *of_grey(np.float16(SHADES[..., 0]), np.float16(SHADES[..., 0]) * 255.0),
        *of_grey(SHADES[..., 0], SHADES[..., 0] * 255.0),
        *of_grey(np.float64(DEEP[..., 0]), DEEP[..., 0] / 257),
        *of_white(1 - SHADES[..., 0], SHADES[..., 0] * 255.0),
        lzw(SHADES[..., 0], SHADES[..., 0] * 255.0),
    ],
    ("TIFF", "float of 16, 32 or 64 bits", "RGB", EITHER, "rounded"): [
        *both(np.float16(SHADES), np.float16(SHADES) * 255.0),
        *both(SHADES, SHADES * 255.0),
        *both(np.float64(SHADES), SHADES * 255.0),
    ],
    ("TIFF", "10, 12 or 14 bits", "grey or RGB", IN_ORDER, "with imagecodecs"): [
        odd(bits, values >> 16 - bits, (values >> 16 - bits) * (255 / (2**bits - 1)), photometric)
        for bits in (10, 12, 14)
        for values, photometric in ((DEEP[..., 0], 1), (DEEP, 2))
        if photometric == 2 or bits != 12
    ],
    ("TIFF", "8 or 16 bits, signed", "grey or RGB", EITHER, "refused"): [
        *of_grey(GREY.view(np.int8), None),
        *of_grey(GREY.astype(np.int16), None),
        *both(RGB.astype(np.int16), None),
    ],
    ("TIFF", "64 bits, complex", "grey", IN_ORDER, "refused"): [
        *of_grey(GREY.astype(np.uint64), None),
        *of_grey(GREY.astype(np.int64), None),
        *of_grey(GREY.astype(np.complex64), None),
    ],
    ("TIFF", "float", "grey or RGB with alpha", IN_ORDER, "refused"): [
        *of_grey(joined(SHADES[..., 0], SHADES[..., :1]), None, extrasamples=["unassalpha"]),
        *chunky(joined(SHADES, SHADES[..., :1]), None, extrasamples=["unassalpha"]),
    ],
    ("TIFF", "16 bits", "palette, CIELAB, filter mosaic, linear raw", IN_ORDER, "refused"): [
        *tiffs(
            DEEP[..., 0],
            None,
            photometric="palette",
            colormap=random.integers(0, 65536, (3, 65536), np.uint16),
        ),
        *chunky(DEEP, None, "cielab"),
        *tiffs(DEEP[..., 0], None, photometric="cfa"),
        *chunky(DEEP, None, "linear_raw"),
    ],
    ("TIFF", "8 or 16 bits", "3 samples of grey, volumes", IN_ORDER, "refused"): [
        *chunky(RGB, None, "minisblack"),
        *chunky(DEEP, None, "minisblack"),
        lambda path: tifffile.imwrite(path, np.zeros((16, 32, 48), np.uint16), volumetric=True),
    ],
}
CASES = [
    pytest.param(row, maker, id="-".join([*row, str(number)]))
    for row, makers in ROWS.items()
    for number, maker in enumerate(makers)
]
# What TensorFlow decodes too, without alpha and CMYK.
DECODED_BY_TENSORFLOW = [
    case
    for case in CASES
    if case.values[0][0] in ("PNG", "JPEG", "GIF")
    and case.values[0][2] != "CMYK"
    and case.values[0][4] != "converted"
]
# How far a level may be from the one that is expected, before rounding.
MOST = {"exact": 0, "rounded": 0.501, "converted": 2, "decoded": 5}


@pytest.mark.skipif(not PAGE.is_file(), reason="only a checkout has the page")
def test_the_page_has_these_rows() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[2:]]
    assert rows == list(ROWS)


@pytest.mark.parametrize(("row", "make"), CASES)
def test_a_row(tmp_path: Path, row: tuple[str, ...], make: Maker) -> None:
    kind, _, colour, _, outcome = row
    path = tmp_path / f"a.{kind.lower()}"
    expected = make(path)
    if outcome == "refused" or (outcome == "with imagecodecs" and not HAS_IMAGECODECS):
        message = refusal(path)
        assert "TIFF of" in message
        assert ("pip install imagecodecs" in message) == (outcome != "refused")
        return
    loaded = load(path)
    found = levels(loaded).astype(int)
    expected = np.broadcast_to(expected if expected.ndim == 3 else expected[..., None], found.shape)
    if outcome == "upper 8 bits":
        assert np.array_equal(found, np.rint(expected * 257).astype(int) >> 8)
    else:
        assert np.abs(found - expected).max() <= MOST.get(outcome, MOST["rounded"])
    # What changes a value is said.
    silent = outcome in ("exact", "decoded") or kind == "BMP"
    assert (loaded.notes == ()) == (silent and colour != "CMYK")


@pytest.mark.parametrize(("row", "make"), DECODED_BY_TENSORFLOW)
def test_a_second_reader_sees_the_same(tmp_path: Path, row: tuple[str, ...], make: Maker) -> None:
    import tensorflow as tf

    kind, sample, *_, outcome = row
    path = tmp_path / f"a.{kind.lower()}"
    make(path)
    content = path.read_bytes()
    if sample == "16 bits":
        deep = tf.io.decode_png(content, channels=3, dtype=tf.uint16).numpy().astype(int)
        expected = deep >> 8 if outcome == "upper 8 bits" else np.rint(deep / 257)
    else:
        expected = tf.io.decode_image(content, channels=3, expand_animations=False).numpy()
    assert (
        np.abs(levels(load(path)).astype(int) - expected).max()
        <= MOST["decoded" if kind == "JPEG" else "exact"]
    )
