"""ICC profiles, gamma, and what EXIF says of colours, in sRGB."""

from io import BytesIO

import numpy as np
import pytest
import tifffile
from pictures import colours, grey, levels, stored, with_chunk
from PIL import Image, ImageCms
from profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    SRGB,
    from_light,
    of_cmyk,
    of_grey,
    of_rgb,
    to_light,
)

from decouple.images import load

TABLE = to_light(np.linspace(0, 1, 1024))
PROFILES = {
    "Display P3": of_rgb(DISPLAY_P3, TABLE, "Display P3"),
    "Adobe RGB (1998)": of_rgb(ADOBE_RGB, 563 / 256, "Adobe RGB (1998)"),
    "linear light": of_rgb(SRGB, 1.0, "linear light"),
}
# Muted, so that sRGB has them all, and none is clipped.
MUTED = (colours() // 4 + 90).astype(np.uint8)


def as_srgb(values, name):
    """The levels of `values` with one of the `PROFILES`, by its definition."""
    primaries = {"Display P3": DISPLAY_P3, "Adobe RGB (1998)": ADOBE_RGB}.get(name, SRGB)
    exponent = {"Adobe RGB (1998)": 563 / 256, "linear light": 1.0}.get(name)
    light = to_light(values / 255) if exponent is None else (values / 255) ** exponent
    return 255 * from_light(np.clip(light @ (np.linalg.inv(SRGB) @ primaries).T, 0, 1))


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
def test_a_profile_is_converted(tmp_path, suffix, name):
    options = {"webp": {"lossless": True}, "jpg": {"quality": 100, "subsampling": 0}}
    flat = np.broadcast_to(MUTED[:4, :4].repeat(5, 0).repeat(5, 1), (20, 20, 3))
    path = stored(
        tmp_path / f"a.{suffix}",
        flat,
        icc_profile=PROFILES[name],
        **options.get(suffix, {}),
    )
    plain = levels(load(stored(tmp_path / f"b.{suffix}", flat, **options.get(suffix, {}))))
    loaded = load(path)
    assert np.abs(levels(loaded) - as_srgb(plain, name)).max() <= 1.5
    assert np.abs(levels(loaded).astype(int) - plain).max() >= 5
    assert loaded.notes == (f"colours converted from {name} to sRGB",)


def test_a_red_of_known_levels(tmp_path):
    flat = np.full((16, 16, 3), (198, 44, 36), np.uint8)
    path = stored(tmp_path / "a.png", flat, icc_profile=PROFILES["Adobe RGB (1998)"])
    assert np.abs(levels(load(path))[0, 0].astype(int) - (230, 40, 30)).max() <= 2


@pytest.mark.parametrize("made_by", ["littlecms", "a table", "a coarser table"])
def test_a_profile_of_srgb_changes_no_value(tmp_path, made_by):
    profiles = {
        "littlecms": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        "a table": of_rgb(SRGB, TABLE, "sRGB IEC61966-2.1"),
        "a coarser table": of_rgb(SRGB.round(4), TABLE[:: 1023 // 93], "sRGB"),
    }
    loaded = load(stored(tmp_path / "a.png", colours(), icc_profile=profiles[made_by]))
    assert np.array_equal(levels(loaded), colours())
    assert loaded.notes == ()


@pytest.mark.parametrize("deep", [False, True])
def test_grey_with_a_profile_of_grey(tmp_path, deep):
    values = np.arange(256, dtype=np.uint8)[None].repeat(9, 0)
    path = stored(
        tmp_path / "a.png",
        values.astype(np.uint16) * 257 if deep else values,
        icc_profile=of_grey(1.8, "Grey 1.8"),
    )
    loaded = load(path)
    expected = 255 * from_light((values / 255) ** 1.8)
    assert np.abs(levels(loaded) - expected[..., None]).max() <= 1.5
    assert loaded.notes[-1] == "colours converted from Grey 1.8 to sRGB"


def test_grey_with_a_profile_of_srgb(tmp_path):
    profile = of_rgb(SRGB, TABLE, "sRGB")
    loaded = load(stored(tmp_path / "a.jpg", grey(), icc_profile=profile, quality=100))
    without = load(stored(tmp_path / "b.jpg", grey(), quality=100))
    assert np.array_equal(loaded.pixels, without.pixels)
    assert loaded.notes == ()


def test_the_alpha_of_a_converted_picture(tmp_path):
    values = np.concatenate([MUTED, colours(channels=1, seed=3)], axis=-1)
    loaded = load(stored(tmp_path / "a.png", values, icc_profile=PROFILES["Display P3"]))
    share = values[..., 3:] / 255
    expected = share * as_srgb(MUTED, "Display P3") + 255 * (1 - share)
    assert np.abs(levels(loaded) - expected).max() <= 2
    assert len(loaded.notes) == 2


def test_a_palette_with_a_profile(tmp_path):
    few = (MUTED // 64 * 64 + 20).astype(np.uint8)
    path = stored(tmp_path / "a.png", few, mode="P", icc_profile=PROFILES["Adobe RGB (1998)"])
    with Image.open(path) as picture:
        plain = np.asarray(picture.convert("RGB"))
    assert np.abs(levels(load(path)) - as_srgb(plain, "Adobe RGB (1998)")).max() <= 1.5


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("layout", ["contig", "separate"])
def test_a_profile_in_a_tiff_of_any_layout(tmp_path, depth, layout):
    values = MUTED.astype(f"u{depth // 8}") * (257 if depth == 16 else 1)
    values = values if layout == "contig" else np.ascontiguousarray(np.moveaxis(values, -1, 0))
    profile = PROFILES["Display P3"]
    options = {"photometric": "rgb", "planarconfig": layout, "iccprofile": profile}
    tifffile.imwrite(tmp_path / "a.tif", values, **options)
    loaded = load(tmp_path / "a.tif")
    assert np.abs(levels(loaded) - as_srgb(MUTED, "Display P3")).max() <= 1.5


@pytest.mark.parametrize("suffix", ["tif", "jpg"])
def test_cmyk_with_the_profile_of_a_press(tmp_path, suffix):
    def lab_of(cyan, magenta, yellow, black):
        return (20 if black else 60 if cyan or magenta or yellow else 100), 0, 0

    ink = np.zeros((16, 32, 4), np.uint8)
    ink[:, 16:, 0] = 255
    Image.frombytes("CMYK", (32, 16), ink.tobytes()).save(
        tmp_path / f"a.{suffix}", icc_profile=of_cmyk(lab_of, "Press"), quality=100
    )
    loaded = load(tmp_path / f"a.{suffix}")
    found = levels(loaded)
    # Paper is white, and what this press makes of cyan is a grey of L* = 60.
    assert found[8, 4].min() >= 253
    assert np.ptp(found[8, 28].astype(int)) <= 2
    assert abs(int(found[8, 28, 0]) - 145) <= 8
    assert loaded.notes == ("colours converted from Press to sRGB",)


NO_PROFILES = {
    "nothing": b"",
    "noise": bytes(range(256)) * 3,
    "cut": PROFILES["Display P3"][:300],
    "no tags": PROFILES["Display P3"][:128] + b"\0" * 4,
}


@pytest.mark.parametrize("name", NO_PROFILES)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_profile_that_cannot_be_read_is_said(tmp_path, name, mode):
    path = stored(tmp_path / "a.tif", colours(), mode=mode)
    without = load(path)
    with Image.open(path) as picture:
        picture.load()
    content = BytesIO()
    picture.save(content, format="TIFF", icc_profile=NO_PROFILES[name] or b"\0")
    path.write_bytes(content.getvalue())
    loaded = load(path)
    assert np.array_equal(loaded.pixels, without.pixels)
    assert "its colour profile cannot be read: values taken as they are" in loaded.notes


@pytest.mark.parametrize("name", PROFILES)
def test_a_damaged_profile_is_used_or_said(tmp_path, name):
    random = np.random.default_rng(2)
    for _ in range(40):
        damaged = bytearray(PROFILES[name])
        for place in random.integers(0, 400, 4):
            damaged[place] = random.integers(256)
        loaded = load(stored(tmp_path / "a.png", MUTED, icc_profile=bytes(damaged)))
        if not loaded.notes:
            assert np.array_equal(levels(loaded), MUTED)
        assert all("\n" not in note and note.isprintable() for note in loaded.notes)


def test_a_profile_that_pillow_cannot_unpack_is_said(tmp_path):
    path = with_chunk(stored(tmp_path / "a.png", colours()), b"iCCP", b"name\0\0no zlib stream")
    loaded = load(path)
    assert np.array_equal(levels(loaded), colours())
    assert loaded.notes == ("its colour profile cannot be read: values taken as they are",)


@pytest.mark.parametrize(
    ("mode", "profile", "words"),
    [
        ("RGB", of_grey(2.2, "Grey 2.2"), "its colour profile (Grey 2.2) is for grey, not RGB"),
        ("RGB", of_cmyk(lambda *_: (50, 0, 0), "Press"), "(Press) is for CMYK, not RGB"),
        ("CMYK", PROFILES["Display P3"], "(Display P3) is for RGB, not CMYK"),
        ("L", of_cmyk(lambda *_: (50, 0, 0), "Press"), "(Press) is for CMYK, not grey"),
    ],
)
def test_a_profile_for_other_colours_is_said(tmp_path, mode, profile, words):
    loaded = load(stored(tmp_path / "a.tif", colours(), mode=mode, icc_profile=profile))
    assert words in loaded.notes[0]
    without = load(stored(tmp_path / "b.tif", colours(), mode))
    assert np.array_equal(loaded.pixels, without.pixels)


@pytest.mark.parametrize("gamma", [1.0, 1 / 1.8])
@pytest.mark.parametrize("deep", [False, True])
def test_a_png_of_another_gamma(tmp_path, gamma, deep):
    values = np.arange(256, dtype=np.uint8)[None].repeat(9, 0)
    path = stored(tmp_path / "a.png", values.astype(np.uint16) * 257 if deep else values)
    with_chunk(path, b"gAMA", round(gamma * 100_000).to_bytes(4, "big"))
    loaded = load(path)
    expected = 255 * from_light((values / 255) ** (1 / gamma))
    assert np.abs(levels(loaded) - expected[..., None]).max() <= 0.51
    assert loaded.notes[-1].endswith("converted to sRGB's")


@pytest.mark.parametrize("more", [{}, {"srgb": True}])
@pytest.mark.parametrize("gamma", [45455, 45000, 47000])
def test_the_gamma_of_srgb_changes_nothing(tmp_path, gamma, more):
    path = stored(tmp_path / "a.png", colours())
    with_chunk(path, b"gAMA", gamma.to_bytes(4, "big"))
    if more:
        with_chunk(path, b"sRGB", b"\0")
    loaded = load(path)
    assert np.array_equal(levels(loaded), colours())
    assert loaded.notes == ()


def test_adobe_rgb_by_exif_alone_is_said(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    loaded = load(stored(tmp_path / "a.jpg", colours(), exif=exif))
    assert loaded.notes == ("its EXIF data says Adobe RGB, without a profile: taken as sRGB",)
