"""Colours that are kept, in arrays."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2yiq

from decouple.errors import ImageError
from decouple.images import to_8bit
from decouple.images.chrominance import (
    luminance,
    matched_colours,
    matched_luminance,
    with_chrominance,
)

RNG = np.random.default_rng(0)
TARGET = (RNG.integers(0, 256, (12, 10, 3)) / 255).astype(np.float32)
SOURCE = RNG.uniform(size=(9, 14, 3)) ** 2 @ np.array([[0.8, 0.1, 0], [0.2, 0.5, 0], [0.1, 0, 1]])


def test_chrominance_is_the_targets_and_luminance_the_images() -> None:
    """In float, and in the file, although the image leaves [0, 1] by far."""
    image = luminance(TARGET) + RNG.normal(scale=0.4, size=(12, 10, 1))
    made = with_chrominance(image, TARGET)
    assert made.min() >= 0
    assert made.max() <= 1
    of_file = to_8bit(made) / 255
    for held in (made, of_file):
        apart = rgb2yiq(held)[..., 1:] - rgb2yiq(TARGET.astype(float))[..., 1:]
        assert np.abs(apart).max() < 1e-6
    inside = (made.min(axis=2) > 0) & (made.max(axis=2) < 1)
    assert 0.1 < inside.mean() < 0.9
    wanted = luminance(image)[inside][:, 0]
    np.testing.assert_allclose(rgb2yiq(made)[inside][:, 0], wanted, atol=1e-6)


def test_mean_and_covariance_are_the_targets() -> None:
    made, wanted = (x.reshape(-1, 3) for x in (matched_colours(SOURCE, TARGET), TARGET))
    np.testing.assert_allclose(made.mean(axis=0), wanted.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(np.cov(made.T), np.cov(wanted.T), atol=1e-6)


def test_colours_that_match_already_stay() -> None:
    np.testing.assert_allclose(matched_colours(SOURCE, SOURCE), SOURCE, atol=1e-9)


def test_luminance_is_matched_in_mean_and_deviation() -> None:
    made, wanted = matched_luminance(SOURCE, TARGET), luminance(TARGET)
    assert np.ptp(made, axis=2).max() == 0
    assert (made.mean(), made.std()) == pytest.approx((wanted.mean(), wanted.std()))


def test_what_cannot_be_matched_is_refused() -> None:
    grey = np.repeat(SOURCE[..., :1], 3, axis=2)
    with pytest.raises(ImageError, match="grey"):
        matched_colours(grey, TARGET)
    with pytest.raises(ImageError, match="one luminance"):
        matched_luminance(np.full((4, 4, 3), 0.3), TARGET)
