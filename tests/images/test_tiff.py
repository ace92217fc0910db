"""TIFFs whose samples Pillow does not know, beyond the kinds in test_formats.py."""

import numpy as np
import pytest
import tifffile
from pictures import colours, grey, levels, refusal, refusals_of_damaged
from PIL import Image

from decouple.images import load

DEEP = colours().astype(np.uint16) * 257
PLANES = np.ascontiguousarray(np.moveaxis(DEEP, -1, 0))
PLANAR = {"photometric": "rgb", "planarconfig": "separate"}
# {name: (array, options of tifffile.imwrite)}; what they show is colours() or grey()
KINDS = {
    "planes of 16 bits": (PLANES, PLANAR),
    "compressed planes": (PLANES, {**PLANAR, "compression": "zlib"}),
    "tiles": (PLANES, {**PLANAR, "tile": (16, 16)}),
    "white is 0": (65535 - grey().astype(np.uint16) * 257, {"photometric": "miniswhite"}),
    "float16": (np.float16(grey() / 255), {"photometric": "minisblack"}),
    "float colours": (np.float32(colours() / 255), {"photometric": "rgb", "compression": "zlib"}),
}


def written(path, kind, **more):
    array, options = KINDS[kind]
    tifffile.imwrite(path, array, **options, **more)
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("big", [False, True])
def test_what_they_show(tmp_path, kind, big):
    found = levels(load(written(tmp_path / "a.tif", kind, bigtiff=big)))
    shown = colours() if KINDS[kind][0].ndim == 3 else grey()[..., None]
    assert np.array_equal(found, np.broadcast_to(shown, found.shape))


@pytest.mark.parametrize("kind", ["planes of 16 bits", "float16"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path, kind, orientation):
    upright = load(written(tmp_path / "a.tif", kind)).pixels
    tag = (274, "H", 1, orientation, True)
    loaded = load(written(tmp_path / "b.tif", kind, extratags=[tag]))
    turned = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, -1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright),
    }
    assert np.array_equal(loaded.pixels, turned[orientation])
    assert any("EXIF" in note for note in loaded.notes) == (orientation != 1)


@pytest.mark.parametrize("deep", [True, False])
def test_pages_and_previews_are_said(tmp_path, deep):
    first, kind = (PLANES, PLANAR) if deep else (colours(), {"photometric": "rgb"})
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(first, subfiletype=1, **kind)
        file.write(colours(40, 60), photometric="rgb")
    loaded = load(tmp_path / "a.tif")
    assert np.array_equal(levels(loaded), colours())
    assert loaded.notes[:2] == (
        "first of 2 pages used",
        "its first page is a preview of the picture",
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.float32(colours()) * 1.5, "from 0 to 382.5; scale them"),
        (np.float64(colours()) - 20, "from -20 to 235"),
        (np.full((9, 9, 3), np.nan, np.float16), "NaN or infinite"),
        (colours().astype(np.uint32) * 1000, "from 0 to 255000"),
        (colours().astype(np.int32) - 5, "from -5 to 250"),
    ],
)
@pytest.mark.parametrize("grey_only", [False, True])
def test_numbers_of_unknown_scale(tmp_path, values, words, grey_only):
    # The first channel has the extremes, too.
    values[0, 0], values[0, 1] = values.min(), values.max()
    kind = {"photometric": "minisblack"} if grey_only else {"photometric": "rgb"}
    tifffile.imwrite(tmp_path / "a.tif", values[..., 0] if grey_only else values, **kind)
    assert words in refusal(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("array", "kind", "words"),
    [
        (np.int8(grey() // 2), "minisblack", "signed 8-bit grey samples, and nothing says"),
        (np.int16(colours()), "rgb", "signed 16-bit RGB samples, 3 a pixel, and nothing says"),
        (np.uint64(grey()), "minisblack", "unsigned 64-bit grey samples, which cannot be read"),
        (np.complex64(grey()), "minisblack", "complex 64-bit grey samples, which cannot"),
        (DEEP, "cielab", "unsigned 16-bit CIELAB samples, 3 a pixel, which cannot"),
        (grey(), "cfa", "unsigned 8-bit CFA samples, which cannot"),
        (colours(), "minisblack", "unsigned 8-bit grey samples, 3 a pixel, which cannot"),
    ],
)
def test_what_has_no_meaning_is_refused_by_what_it_is(tmp_path, array, kind, words):
    options = {"planarconfig": "contig"} if array.ndim == 3 else {}
    tifffile.imwrite(tmp_path / "a.tif", array, photometric=kind, **options)
    assert f"is a TIFF of {words}" in refusal(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_cut_short(tmp_path, kind, share):
    whole = written(tmp_path / "whole.tif", kind).read_bytes()
    path = tmp_path / "cut.tif"
    path.write_bytes(whole[: int(len(whole) * share)])
    message = refusal(path)
    assert "cut.tif" in message
    assert "cut short" in message or "damaged" in message


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_fail_in_one_line_or_load(tmp_path, caplog, kind):
    whole = written(tmp_path / "whole.tif", kind).read_bytes()
    assert refusals_of_damaged(whole, tmp_path, "tif", bytes_=3, up_to=300, times=100)
    assert caplog.records == []


def test_huge_pages_are_refused_from_their_tags(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(PLANES, **PLANAR)
    with tifffile.TiffFile(path, mode="r+") as file:
        for name in ("ImageWidth", "ImageLength"):
            file.pages.first.tags[name].overwrite(60_000)
    assert "60000x60000 pixels" in refusal(path)


@pytest.mark.parametrize("kind", ["planes of 16 bits", "float16"])
def test_small_pages_are_refused(tmp_path, kind):
    array, options = KINDS[kind]
    tifffile.imwrite(tmp_path / "a.tif", array[..., :7], **options)
    assert "is 7x20 pixels" in refusal(tmp_path / "a.tif")


def test_what_other_packages_decompress_is_said(tmp_path, monkeypatch):
    def lacking(*_arguments, **_options):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", lacking)
    message = refusal(written(tmp_path / "a.tif", "compressed planes"))
    assert "a planar TIFF of unsigned 16-bit RGB samples" in message
    assert "compression: ADOBE_DEFLATE" in message
    assert "python -m pip install imagecodecs" in message


def test_floats_of_big_endian_files_that_are_compressed(tmp_path):
    # Pillow swaps their bytes once too often: what it shows is NaN.
    shades = np.random.default_rng(0).random((20, 30), np.float32)
    options = {"byteorder": ">", "compression": "zlib", "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", shades, **options)
    assert np.array_equal(levels(load(tmp_path / "a.tif"))[..., 0], np.rint(shades * 255))
    with Image.open(tmp_path / "a.tif") as picture:
        assert not np.allclose(np.asarray(picture), shades, equal_nan=False)
