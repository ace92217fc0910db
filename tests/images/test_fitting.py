import math

import numpy as np
import pytest
from pictures import colours, levels, refusal, stored

from decouple.errors import ConfigError
from decouple.images import Fit, load, resized


@pytest.mark.parametrize(
    ("fit", "size", "shape"),
    [
        (Fit.KEEP, None, (20, 30)),
        (Fit.KEEP, 10, (10, 15)),
        (Fit.KEEP, 40, (40, 60)),
        ("keep", np.int64(9), (9, 14)),
        (Fit.CROP, None, (20, 20)),
        (Fit.CROP, 12, (12, 12)),
        ("crop", 32, (32, 32)),
        (Fit.SQUASH, None, (20, 20)),
        (Fit.SQUASH, 12, (12, 12)),
    ],
)
def test_shapes(tmp_path, fit, size, shape):
    path = stored(tmp_path / "a.png", colours())
    upright = stored(tmp_path / "b.png", colours().transpose(1, 0, 2))
    loaded = load(path, size, fit)
    assert levels(loaded).shape == (*shape, 3)
    assert levels(load(upright, size, fit)).shape == (*shape[::-1], 3)
    assert any("enlarged" in note for note in loaded.notes) == (shape[0] > 20)


@pytest.mark.parametrize(
    ("fit", "size", "shape"),
    [
        (Fit.KEEP, (10, 40), (10, 15)),
        (Fit.CROP, (10, 40), (10, 40)),
        (Fit.CROP, (40, 10), (40, 10)),
        (Fit.SQUASH, (12, 9), (12, 9)),
    ],
)
def test_a_wanted_shape(tmp_path, fit, size, shape):
    assert load(stored(tmp_path / "a.png", colours()), size, fit).pixels.shape == (*shape, 3)


def test_a_shape_is_cut_from_the_middle_and_not_squashed(tmp_path):
    path = stored(tmp_path / "a.png", colours())  # 20 x 30
    assert np.array_equal(levels(load(path, (20, 12), Fit.CROP)), colours()[:, 9:21])
    assert np.array_equal(levels(load(path, (10, 30), Fit.CROP)), colours()[5:15])
    assert np.array_equal(levels(load(path, (20, 30), Fit.SQUASH)), colours())


@pytest.mark.parametrize("size", [(10,), (10, 10, 3), (10, 0), ("10", 10)])
def test_a_bad_shape_is_refused(tmp_path, size):
    with pytest.raises(ConfigError, match="size"):
        load(stored(tmp_path / "a.png", colours()), size)


def test_the_same_size_changes_nothing(tmp_path):
    path = stored(tmp_path / "a.png", colours())
    assert np.array_equal(levels(load(path, 20)), colours())
    assert np.array_equal(levels(load(path, 20, Fit.CROP)), colours()[:, 5:25])


def test_scaling_is_antialiased(tmp_path):
    stripes = np.tile(np.uint8([0, 255]), (64, 32))
    found = levels(load(stored(tmp_path / "a.png", stripes), 16))
    assert np.abs(found[2:-2, 2:-2] - 127.5).max() <= 2


def test_scaling_keeps_a_ramp(tmp_path):
    ramp = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    found = levels(load(stored(tmp_path / "a.png", ramp), 32))[16, 4:-4, 0]
    assert np.abs(found - (2 * np.arange(4, 124) + 0.5)).max() <= 0.5


@pytest.mark.parametrize("fit", list(Fit))
def test_overshoot_of_scaling_stays_in_range(tmp_path, fit):
    edge = np.zeros((20, 30), np.uint8)
    edge[:, 15:] = 255
    found = levels(load(stored(tmp_path / "a.png", edge), 64, fit))
    assert (found.min(), found.max()) == (0, 255)


@pytest.mark.parametrize("size", [0, -3, 2.5, 16.0, "16", True, math.nan])
def test_size_of_a_wrong_kind(tmp_path, size):
    message = refusal(stored(tmp_path / "a.png", colours()), size, error=ConfigError)
    assert repr(size) in message


@pytest.mark.parametrize("size", [1, 7])
def test_size_below_the_minimum(tmp_path, size):
    message = refusal(stored(tmp_path / "a.png", colours()), size)
    assert "minimum is 8" in message
    assert str(size) in message


def test_size_that_would_fill_the_memory(tmp_path):
    path = stored(tmp_path / "a.png", colours(8, 4000))
    message = refusal(path, 4000)
    assert "2000000x4000" in message
    assert "a.png" in message


def test_unknown_fit(tmp_path):
    path = stored(tmp_path / "a.png", colours())
    message = refusal(path, 16, "squish", error=ConfigError)
    assert "did you mean 'squash'" in message
    assert "keep, crop, squash" in message


def test_images_are_scaled_as_pictures_are(tmp_path):
    """But for rounding and clipping, which are left to the save."""
    path = stored(tmp_path / "a.png", colours())
    whole = load(path).pixels
    scaled = resized(whole, (10, 15))
    assert scaled.shape == (10, 15, 3)
    assert scaled.dtype == np.float32
    half_a_level = 0.501 / 255
    np.testing.assert_allclose(np.clip(scaled, 0, 1), load(path, 10).pixels, atol=half_a_level)
    np.testing.assert_allclose(resized(3 * whole - 1, (10, 15)), 3 * scaled - 1, atol=1e-5)
    np.testing.assert_array_equal(resized(whole, whole.shape[:2]), whole)
