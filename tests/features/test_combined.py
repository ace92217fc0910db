"""Linear combinations of features."""

import numpy as np
import pytest

from decouple.errors import ConfigError, FeaturesError
from decouple.features import (
    ChannelMeans,
    Combined,
    Moments,
    check_features,
    leading_directions,
)
from decouple.stages import noise_reference, round_trip

ONE, TWO = "block1_conv1", "block2_conv1"


@pytest.fixture(scope="module")
def means(chain):
    return ChannelMeans(chain(TWO, dtype="float64"), 2)


@pytest.fixture(scope="module")
def image(photograph):
    return photograph(24, 30)


def unit(features):
    return np.eye(features.size)


def turned_round(features):
    """The same, last group first."""
    rows = features.split(unit(features))
    return Combined(features, {layer: rows[layer] for layer in reversed(features.layers)})


def test_it_does_what_is_promised(means, image):
    rng = np.random.default_rng(0)
    some = Combined(
        means, {"a": rng.standard_normal((5, means.size)), "b": np.eye(means.size)[[3, 100]]}
    )
    assert some.sizes == (5, 2)
    found = check_features(some, image)
    assert found["derivative"] < 1e-6
    assert found["adjoint"] < 1e-12
    point = some.linearize(image)
    one_by_one = [some.jvp(point, some.vjp(point, unit)) for unit in np.eye(some.size)]
    np.testing.assert_allclose(some.normal_matrix(point), one_by_one, rtol=1e-9, atol=1e-15)


def test_groups_in_another_order_are_the_same_numbers(means, image):
    other = turned_round(means)
    assert other.layers == (TWO, ONE)
    own, expected = other.split(other.measure(image)), means.split(means.measure(image))
    for layer in means.layers:
        np.testing.assert_array_equal(own[layer], expected[layer])
    assert other.identity != means.identity
    assert other.identity["network"] == means.identity["network"]
    assert other.in_float64() is other


def test_last_group_first_comes_back():
    moments = Moments(orders=2)
    image = np.random.default_rng(1).uniform(0.2, 0.8, (12, 15, 3))
    other = turned_round(moments)
    done = round_trip(image, other, noise_reference(other, image.shape[:2]))
    assert list(done.noisified.features.values) == ["variance", "mean"]
    np.testing.assert_allclose(done.imposed.image, image, atol=1e-4)


@pytest.mark.parametrize(
    "matrix", [np.eye(4), np.ones(6), np.full((1, 6), np.nan)], ids=["wide", "row", "nan"]
)
def test_a_matrix_that_does_not_fit(matrix):
    with pytest.raises(FeaturesError, match="combines 6 features: a finite matrix"):
        Combined(Moments(orders=2), {"a": matrix})


def test_first_groups_look_no_further_than_they_must(means, image):
    some = Combined(means, {layer: rows[:3] for layer, rows in means.split(unit(means)).items()})
    first, shorter = some.first(1), means.first(1)
    assert some.first(2) is some
    point = first.linearize(image)
    np.testing.assert_array_equal(point.features, some.measure(image)[:3])
    assert point.linearization.features.size == shorter.size, "the second layer was not computed"
    part, cut = some.part(some.linearize(image), 1)
    np.testing.assert_array_equal(part.normal_matrix(cut), first.normal_matrix(point))
    assert first.signature.items() <= some.signature.items(), "what one measured the other takes"
    backwards = turned_round(means)
    assert backwards.first(1).measure(image).size == 128, "its first group is the last layer's"


def test_leading_directions_are_those_that_move_most(means, image, pink):
    few = leading_directions(means, [image], 3)
    assert (few.layers, few.sizes) == (means.layers, (3, 3))
    matrix = means.normal_matrix(means.linearize(image))
    own = few.normal_matrix(few.linearize(image))
    for group, of_all in enumerate((slice(0, 64), slice(64, 192))):
        held = own[3 * group : 3 * group + 3, 3 * group : 3 * group + 3]
        largest = np.linalg.eigvalsh(matrix[of_all, of_all])[:-4:-1]
        np.testing.assert_allclose(held, np.diag(largest), atol=1e-9 * largest[0])
    again = leading_directions(means, [0.5 * (image + image)], 3)
    np.testing.assert_array_equal(again.measure(image), few.measure(image))
    both = leading_directions(means, [image, pink(20, 20, seed=3)], 3)
    assert both.identity != few.identity
    assert leading_directions(means, [image], 100).sizes == (64, 100), "no more than there are"
    with pytest.raises(ConfigError, match="directions=0 must be at least 1"):
        leading_directions(means, [image], 0)


def test_leading_directions_come_back(means, image):
    few = leading_directions(means, [image], 4)
    done = round_trip(image, few, noise_reference(few, image.shape[:2]))
    np.testing.assert_allclose(done.imposed.image, image, atol=1e-4)
