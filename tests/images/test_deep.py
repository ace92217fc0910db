"""Results for other programs: what is in the files that they open."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image, ImageCms

from decouple import images
from decouple.errors import ConfigError, ImageError
from decouple.images.deep import Output, save_result

RAMP = np.linspace(-0.1, 1.1, 24 * 16 * 3).reshape(16, 24, 3)
ALPHA = np.linspace(0, 1, 24 * 16, dtype=np.float32).reshape(16, 24)
MINE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + b"\0" * 4


@pytest.mark.parametrize("alpha", [None, ALPHA])
@pytest.mark.parametrize(("output", "largest"), [("png", 255), ("png16", 65535)])
def test_a_png(output: str, largest: int, alpha: np.ndarray | None, tmp_path: Path) -> None:
    path = tmp_path / "result.png"
    save_result(RAMP, path, output, alpha, MINE)
    kind = tf.uint8 if largest == 255 else tf.uint16
    levels = tf.io.decode_png(path.read_bytes(), dtype=kind).numpy()
    assert levels.shape == (16, 24, 3 if alpha is None else 4)
    np.testing.assert_array_equal(levels[..., :3], np.rint(np.clip(RAMP, 0, 1) * largest))
    if alpha is not None:
        np.testing.assert_array_equal(levels[..., 3], np.rint(alpha.astype(float) * largest))
    with Image.open(path) as picture:
        assert picture.size == (24, 16)
        assert picture.info["icc_profile"] == MINE
        picture.verify()


@pytest.mark.parametrize("alpha", [None, ALPHA])
def test_a_tiff_has_the_very_values(alpha: np.ndarray | None, tmp_path: Path) -> None:
    save_result(RAMP, tmp_path / "result.tif", Output.TIFF, alpha)
    with tifffile.TiffFile(tmp_path / "result.tif") as file:
        page = file.pages.first
        values = page.asarray()
        assert page.photometric == tifffile.PHOTOMETRIC.RGB
        profile = page.tags.valueof(34675)
    np.testing.assert_array_equal(values[..., :3], RAMP.astype(np.float32))
    if alpha is not None:
        np.testing.assert_array_equal(values[..., 3], alpha)
    # One of sRGB, made here.
    opened = ImageCms.ImageCmsProfile(BytesIO(profile))
    assert "sRGB" in ImageCms.getProfileDescription(opened)


def test_what_no_file_can_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="NaN"):
        save_result(np.full((8, 8, 3), np.nan), tmp_path / "a.tif", "tiff")
    with pytest.raises(ConfigError, match="png16"):
        save_result(RAMP, tmp_path / "a.png", "png15")
    assert not list(tmp_path.iterdir())


def picture(path: Path, mode: str = "RGBA", **saved: object) -> Path:
    levels = np.arange(40 * 30 * 4, dtype=np.uint32).reshape(30, 40, 4) % 251
    Image.fromarray(levels.astype(np.uint8), "RGBA").convert(mode).save(path, **saved)
    return path


def test_a_picture_remembers_its_alpha_and_its_profile(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = picture(tmp_path / "a.png", icc_profile=profile)
    found = images.load(path)
    assert found.profile == profile
    with Image.open(path) as opened:
        np.testing.assert_array_equal(np.rint(found.alpha * 255), opened.getchannel("A"))
    half = images.load(path, 15)
    assert half.alpha.shape == half.pixels.shape[:2] == (15, 20)
    plain = images.load(picture(tmp_path / "b.png", "RGB"))
    assert (plain.alpha, plain.profile) == (None, None)


def test_a_profile_from_which_colours_were_converted_is_not_kept(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    found = images.load(picture(tmp_path / "a.png", "RGB", icc_profile=lab))
    assert found.profile is None
    assert found.notes
