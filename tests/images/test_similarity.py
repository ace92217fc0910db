"""How much structure is left: known answers, and what each measure does not see."""

from __future__ import annotations

import numpy as np
import pytest

from decouple.errors import ImageError
from decouple.images.similarity import gradient_similarity, luminance_structure_change, ssim

ALL = (ssim, gradient_similarity, luminance_structure_change)


def test_a_picture_is_like_itself(photograph):
    image = photograph(32, 40)
    assert ssim(image, image) == pytest.approx(1)
    assert gradient_similarity(image, image) == pytest.approx(1)
    assert luminance_structure_change(image, image) == pytest.approx(0, abs=1e-6)


def test_noise_has_nothing_of_it(photograph):
    image, noise = photograph(48, 48), np.random.default_rng(1).random((48, 48, 3))
    assert abs(ssim(image, noise)) < 0.1
    assert abs(gradient_similarity(image, noise)) < 0.1
    assert luminance_structure_change(image, noise) > 0.7


def test_a_negative_has_all_edges_turned_round(photograph):
    image = photograph(32, 32)
    assert gradient_similarity(image, 1 - image) == pytest.approx(-1)
    assert luminance_structure_change(image, 1 - image) > 1.5


def test_contrast_and_brightness_are_not_structure(photograph):
    image = photograph(48, 48)
    faded = 0.2 + 0.6 * image
    assert gradient_similarity(image, faded) == pytest.approx(1)
    assert luminance_structure_change(image, faded) < 0.1
    assert ssim(image, faded) < 0.95


def test_colours_of_equal_luminance_are_not_structure(photograph):
    image = 0.3 + 0.2 * photograph(32, 32)
    change = np.array([0.05, -0.05 * 0.2125 / 0.7154, 0.0])
    assert luminance_structure_change(image, image + change) == pytest.approx(0, abs=1e-6)


def test_values_are_those_of_the_file(photograph):
    image = photograph(32, 32)
    outside = np.where(image > 0.6, 5.0, image)
    for measure in ALL:
        assert measure(image, outside) == measure(image, np.clip(outside, 0, 1))


def test_what_cannot_be_compared(photograph):
    for measure in ALL:
        with pytest.raises(ImageError, match="shapes"):
            measure(photograph(32, 32), photograph(32, 40))
        with pytest.raises(ImageError, match="11 pixels"):
            measure(photograph(10, 32), photograph(10, 32))
    assert np.isnan(gradient_similarity(photograph(32, 32), np.full((32, 32, 3), 0.5)))
