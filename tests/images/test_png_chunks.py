"""What lies beside a PNG's pixels is no reason to refuse them."""

import zlib

import numpy as np
import pytest
from pictures import colours, levels, refusal, stored, with_chunk
from PIL import Image, PngImagePlugin
from profiles import DISPLAY_P3, SRGB, of_rgb, to_light

from decouple.images import load

MEGABYTES = 3 * 2**19  # one and a half
WORDS = b"a prompt's history " * (MEGABYTES // 19 + 1)
BIG = {
    "tEXt": (b"tEXt", b"workflow\0" + WORDS),
    "zTXt": (b"zTXt", b"workflow\0\0" + zlib.compress(WORDS)),
    "iTXt": (b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(WORDS)),
    "iTXt, not compressed": (b"iTXt", b"workflow\0\0\0\0\0" + WORDS),
}


@pytest.mark.parametrize("name", BIG)
@pytest.mark.parametrize("at_the_end", [False, True])
def test_a_long_text(tmp_path, name, at_the_end):
    path = with_chunk(stored(tmp_path / "a.png", colours()), *BIG[name], at_the_end=at_the_end)
    loaded = load(path)
    assert np.array_equal(levels(loaded), colours())
    assert loaded.notes == ()


@pytest.mark.parametrize("space", ["sRGB", "Display P3"])
def test_a_large_profile(tmp_path, space):
    private = np.random.default_rng(0).bytes(MEGABYTES)
    primaries = {"sRGB": SRGB, "Display P3": DISPLAY_P3}[space]
    profile = of_rgb(primaries, to_light(np.linspace(0, 1, 1024)), space, private)
    loaded = load(stored(tmp_path / "a.png", colours(), icc_profile=profile))
    same = space == "sRGB"
    assert np.array_equal(levels(loaded), colours()) == same
    assert loaded.notes == (() if same else ("colours converted from Display P3 to sRGB",))


def test_many_texts(tmp_path):
    path = stored(tmp_path / "a.png", colours())
    for _ in range(45):
        with_chunk(path, *BIG["zTXt"])
    assert np.array_equal(levels(load(path)), colours())


def test_the_orientation_in_a_text_is_still_seen(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    text = f"\nexif\n      {len(exif.tobytes())}\n{exif.tobytes().hex()}\n".encode()
    path = with_chunk(stored(tmp_path / "a.png", colours()), *BIG["zTXt"])
    with_chunk(path, b"tEXt", b"Raw profile type exif\0" + text)
    assert np.array_equal(levels(load(path)), np.rot90(colours(), -1))


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_a_bomb_is_refused_as_that(tmp_path, kind):
    bomb = zlib.compress(bytes(65 * 2**20), 1)
    message = refusal(with_chunk(stored(tmp_path / "a.png", colours()), kind, b"a\0\0" + bomb))
    assert "more than 64 MB of text" in message
    assert "damaged" not in message


def test_pillow_keeps_its_limits_for_others(tmp_path):
    before = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    load(with_chunk(stored(tmp_path / "a.png", colours()), *BIG["zTXt"]))
    (tmp_path / "b.png").write_bytes(b"no picture")
    refusal(tmp_path / "b.png")
    assert before == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)
