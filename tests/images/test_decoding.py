import struct
import zlib

import numpy as np
import pytest
from pictures import colours, grey, handmade_png, levels, refusal, refusals_of_damaged, stored
from PIL import Image

from decouple.images import load

# Formats


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
def test_lossless_formats_keep_every_byte(tmp_path, suffix):
    options = {"lossless": True} if suffix == "webp" else {}
    path = stored(tmp_path / f"a.{suffix}", colours(), **options)
    loaded = load(path)
    assert np.array_equal(levels(loaded), colours())
    assert loaded.notes == ()
    assert loaded.origin == str(path)


def test_jpeg(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 40, dtype=np.uint8)[None, :, None], (24, 1, 3))
    loaded = load(str(stored(tmp_path / "a.jpg", ramp, quality=95)))
    assert np.abs(levels(loaded).astype(int) - ramp).max() <= 4
    assert loaded.notes == ()


def test_gif_keeps_its_palette(tmp_path):
    few = (colours() // 128 * 255).astype(np.uint8)
    loaded = load(stored(tmp_path / "a.gif", few))
    assert np.array_equal(levels(loaded), few)
    assert loaded.notes == ()


def test_content_decides_not_extension(tmp_path):
    path = stored(tmp_path / "really_png.jpg", colours(), format="PNG")
    assert np.array_equal(levels(load(path)), colours())


# Modes


def test_grey_becomes_three_equal_channels(tmp_path):
    loaded = load(stored(tmp_path / "a.png", grey()))
    assert np.array_equal(levels(loaded), np.repeat(grey()[..., None], 3, axis=2))
    assert loaded.notes == ()


def test_one_bit(tmp_path):
    bits = grey() > 127
    found = levels(load(stored(tmp_path / "a.png", bits)))
    assert np.array_equal(found[..., 1], bits * np.uint8(255))


def test_palette_without_transparency(tmp_path):
    path = stored(tmp_path / "a.png", (colours() // 128 * 255).astype(np.uint8), mode="P")
    with Image.open(path) as picture:
        assert picture.mode == "P"
        expected = np.asarray(picture.convert("RGB"))
    loaded = load(path)
    assert np.array_equal(levels(loaded), expected)
    assert loaded.notes == ()


def test_palette_with_transparency(tmp_path):
    picture = Image.fromarray((np.arange(600).reshape(20, 30) % 2).astype(np.uint8))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.save(tmp_path / "a.png", transparency=0)
    loaded = load(tmp_path / "a.png")
    assert levels(loaded)[0, :2].tolist() == [[255, 255, 255], [200, 100, 50]]
    assert any("transparency" in note and "white" in note for note in loaded.notes)


@pytest.mark.parametrize("channels", [2, 4])
def test_transparency_is_composited_on_white(tmp_path, channels):
    values = colours(channels=channels)
    loaded = load(stored(tmp_path / "a.png", values))
    alpha = values[..., -1:] / 255
    expected = values[..., :-1] * alpha + 255 * (1 - alpha)
    assert np.abs(levels(loaded) - expected).max() <= 1
    assert any("transparency" in note and "white" in note for note in loaded.notes)


def test_opaque_alpha_is_not_worth_a_note(tmp_path):
    values = colours(channels=4)
    values[..., 3] = 255
    loaded = load(stored(tmp_path / "a.png", values))
    assert np.array_equal(levels(loaded), values[..., :3])
    assert loaded.notes == ()


def test_transparent_colour_of_rgb_png(tmp_path):
    values = np.full((10, 12, 3), 40, np.uint8)
    values[0, 0] = (1, 2, 3)
    loaded = load(stored(tmp_path / "a.png", values, transparency=(1, 2, 3)))
    assert levels(loaded)[0, 0].tolist() == [255, 255, 255]
    assert levels(loaded)[0, 1].tolist() == [40, 40, 40]
    assert len(loaded.notes) == 1


@pytest.mark.parametrize("suffix", ["tif", "jpg"])
def test_cmyk(tmp_path, suffix):
    flat = np.full((20, 30, 3), (200, 100, 50), np.uint8)
    loaded = load(stored(tmp_path / f"a.{suffix}", flat, mode="CMYK"))
    assert np.abs(levels(loaded).astype(int) - flat).max() <= 3
    assert loaded.notes == ("CMYK converted to RGB",)


@pytest.mark.parametrize(("suffix", "dtype"), [("png", "<u2"), ("tif", "<u2"), ("tif", ">u2")])
def test_16_bit_grey_is_scaled_and_rounded(tmp_path, suffix, dtype):
    values = np.linspace(0, 65535, 600).reshape(20, 30).astype(dtype)
    loaded = load(stored(tmp_path / f"a.{suffix}", values))
    assert np.array_equal(levels(loaded)[..., 0], np.rint(values / 257))
    assert loaded.notes == ("16-bit grey values divided by 65535 and rounded to 8 bits",)


def test_dark_16_bit_picture_stays_dark(tmp_path):
    values = np.full((20, 30), 257, "<u2")
    values[0, 0] = 200
    assert levels(load(stored(tmp_path / "a.png", values))).max() == 1


def test_transparent_16_bit_grey(tmp_path):
    values = np.full((10, 12), 2570, ">u2")
    values[0, 0] = 77
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    loaded = load(handmade_png(tmp_path / "a.png", 12, 10, 16, 0, rows, tRNS=b"\0\x4d"))
    assert levels(loaded)[0, :2, 0].tolist() == [255, 10]
    assert any("white" in note for note in loaded.notes)


def test_16_bit_colour(tmp_path):
    values = (colours(8, 9).astype(">u2") * 257).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    loaded = load(handmade_png(tmp_path / "a.png", 9, 8, 16, 2, rows))
    assert np.array_equal(levels(loaded), colours(8, 9))
    assert loaded.notes == ("16-bit colour reduced to its upper 8 bits",)


@pytest.mark.parametrize("peak", [1, 255, 65535])
def test_float_tiff_of_a_known_scale(tmp_path, peak):
    steps = np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)
    values = steps if peak == 1 else np.rint(steps * peak)
    loaded = load(stored(tmp_path / "a.tif", values.astype(np.float32)))
    assert np.abs(loaded.pixels[..., 2] - steps).max() <= 0.5 / 255 + 1e-5
    assert levels(loaded).max() == 255
    assert ("divided by" in loaded.notes[0]) == (peak != 1)
    assert "rounded to 8 bits" in loaded.notes[0]


def test_float_tiff_may_overshoot_by_rounding_noise(tmp_path):
    values = np.tile(np.float32([-1e-6, 1 + 1e-6]), (20, 10))
    assert np.unique(levels(load(stored(tmp_path / "a.tif", values)))).tolist() == [0, 255]


@pytest.mark.parametrize(
    ("low", "high"), [(-1.0, 1.0), (0.0, 3.25), (0.5, 200.25), (-20.0, 200.0), (0.0, 70000.0)]
)
def test_float_tiff_of_unknown_scale(tmp_path, low, high):
    values = np.full((20, 30), low, np.float32)
    values[3, 4] = high
    message = refusal(stored(tmp_path / "a.tif", values))
    assert f"from {low:g} to {high:g}" in message
    assert "a.tif" in message


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("everywhere", [True, False])
def test_float_tiff_with_values_that_are_not_finite(tmp_path, bad, everywhere):
    values = np.full((20, 30), bad if everywhere else 0.5, np.float32)
    values[1, 1] = bad
    message = refusal(stored(tmp_path / "a.tif", values))
    assert "NaN or infinite" in message
    assert "a.tif" in message


def test_32_bit_integers(tmp_path):
    values = np.linspace(0, 65535, 600).reshape(20, 30).astype(np.int32)
    loaded = load(stored(tmp_path / "a.tif", values))
    assert np.array_equal(levels(loaded)[..., 0], np.rint(values / 257))
    assert "-5 to" in refusal(stored(tmp_path / "b.tif", values - 5))


def test_one_colour_is_allowed(tmp_path):
    loaded = load(stored(tmp_path / "a.png", np.full((9, 9, 3), 7, np.uint8)), size=12)
    assert np.unique(levels(loaded)).tolist() == [7]


# Orientation and frames


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, suffix, orientation):
    raw = np.zeros((16, 32), np.uint8)
    raw[:8, :16] = 255
    raw[8:, :16] = 120
    turned = {
        1: raw,
        2: raw[:, ::-1],
        3: raw[::-1, ::-1],
        4: raw[::-1],
        5: raw.T,
        6: np.rot90(raw, -1),
        7: raw[::-1, ::-1].T,
        8: np.rot90(raw),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    loaded = load(stored(tmp_path / f"a.{suffix}", raw, exif=exif))
    found = levels(loaded)[..., 0].astype(int)
    assert found.shape == turned[orientation].shape
    assert np.abs(found - turned[orientation]).max() <= 12
    assert any("EXIF" in note for note in loaded.notes) == (orientation != 1)


def test_damaged_exif_is_ignored(tmp_path):
    path = stored(tmp_path / "a.png", colours(), exif=b"Exif\0\0MM\0*\0\0\xff\xff" + b"\xff" * 9)
    assert np.array_equal(levels(load(path)), colours())


@pytest.mark.parametrize(
    "damaged",
    [
        struct.pack("<HHII", 0x010F, 5, 1, 50),  # the maker's name as a fraction
        struct.pack("<HHII", 0x011A, 2, 5, 50),  # the resolution as text
        struct.pack("<HHII", 0x8769, 4, 1, 0xFFFFFFF0),  # more data behind the end
    ],
)
def test_the_orientation_holds_whatever_else_is_damaged(tmp_path, damaged):
    upright = struct.pack("<HHII", 0x0112, 3, 1, 6)
    entries = struct.pack("<H", 2) + upright + damaged + bytes(40)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + entries
    path = stored(tmp_path / "a.png", colours(), exif=exif)
    assert np.array_equal(levels(load(path)), np.rot90(colours(), -1))


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_first_frame_of_an_animation(tmp_path, suffix):
    frames = [Image.new("RGB", (20, 16), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if suffix == "webp" else {}
    path = tmp_path / f"a.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50, **options)
    loaded = load(path)
    assert levels(loaded)[5, 5].tolist() == [255, 0, 0]
    assert loaded.notes == ("animated: first of 3 frames used",)


def test_first_page(tmp_path):
    pages = [Image.new("RGB", (20, 16), colour) for colour in ("lime", "red")]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    loaded = load(tmp_path / "a.tif")
    assert levels(loaded)[5, 5].tolist() == [0, 255, 0]
    assert loaded.notes == ("first of 2 pages used",)


# Bad files


@pytest.mark.parametrize("shape", [(1, 1), (5000, 1), (1, 5000), (7, 8)])
def test_too_small_pictures(tmp_path, shape):
    path = stored(tmp_path / "a.png", colours(*shape))
    for size in (None, 64):
        message = refusal(path, size)
        assert f"{shape[1]}x{shape[0]} pixels" in message
        assert "at least 8" in message
        assert "a.png" in message


def test_the_smallest_picture(tmp_path):
    path = stored(tmp_path / "a.png", colours(8, 8))
    assert np.array_equal(levels(load(path, 8)), colours(8, 8))


@pytest.mark.parametrize("content", [b"not a picture", b"<html></html>", b"\0" * 500, b"GIF89a"])
def test_not_a_picture(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    message = refusal(tmp_path / "a.jpg")
    assert "a.jpg" in message
    assert "PNG" in message


def test_postscript_is_not_executed(tmp_path):
    Image.fromarray(colours()).save(tmp_path / "a.eps")
    assert "not a picture that can be read" in refusal(tmp_path / "a.eps")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp", "gif"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9])
def test_truncated(tmp_path, suffix, share):
    whole = stored(tmp_path / f"whole.{suffix}", colours(60, 60)).read_bytes()
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(whole[: int(len(whole) * share)])
    message = refusal(path)
    assert f"cut.{suffix}" in message
    assert "damaged" in message


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp", "gif"])
def test_damaged_files_fail_in_one_line_or_load(tmp_path, suffix):
    whole = stored(tmp_path / f"a.{suffix}", colours(16, 16)).read_bytes()
    assert refusals_of_damaged(whole, tmp_path, suffix, bytes_=4, up_to=120, times=60)


@pytest.mark.parametrize("error", [SyntaxError, EOFError, MemoryError, zlib.error, KeyError])
def test_whatever_the_decoder_raises(tmp_path, monkeypatch, error):
    path = stored(tmp_path / "a.png", colours())

    def fail(*_args, **_options):
        raise error("first\nsecond")

    monkeypatch.setattr(Image, "open", fail)
    message = refusal(path)
    assert "a.png" in message
    assert "first" in message


@pytest.mark.parametrize("side", [10_000, 13_300, 100_000])
def test_huge_pictures_are_refused_from_the_header(tmp_path, side):
    path = handmade_png(tmp_path / "a.png", side, 18_000, 8, 2)
    message = refusal(path)
    assert "a.png" in message
    assert "175 million" in message


def test_large_pictures_below_the_limit_do_not_warn(tmp_path, recwarn):
    # Above the size at which Pillow warns; the missing pixels are what fails then.
    message = refusal(handmade_png(tmp_path / "a.png", 10_000, 10_000, 1, 0))
    assert "million" not in message
    assert "damaged" in message
    assert len(recwarn) == 0
