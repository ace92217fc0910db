"""Statistics of activations, and distances between images by them."""

import numpy as np
import pytest
import tensorflow as tf

from decouple.errors import ConfigError, ImageError
from decouple.features import distances, layer_statistics
from decouple.features.statistics import covariance, gram, means


def activation(batch=2):
    return np.random.default_rng(0).standard_normal((batch, 5, 7, 4)) + 3.0


def test_statistics_are_those_of_numpy():
    a = activation()
    for index, samples in enumerate(a.reshape(2, -1, 4)):
        np.testing.assert_allclose(means(a)[index], samples.mean(0))
        np.testing.assert_allclose(gram(a)[index], samples.T @ samples)
        np.testing.assert_allclose(covariance(a)[index], np.cov(samples.T, bias=True))


def test_gram_is_covariance_and_means():
    a = activation()
    m = means(a).numpy()
    products = covariance(a) + m[:, :, None] * m[:, None, :]
    np.testing.assert_allclose(gram(a) / 35, products)


@pytest.mark.parametrize("statistic", [means, gram, covariance])
def test_gradients_are_those_of_differences(statistic):
    a, direction = activation(), np.random.default_rng(1).standard_normal((2, 5, 7, 4))
    x = tf.constant(a)
    with tf.GradientTape() as tape:
        tape.watch(x)
        values = statistic(x)
        # Not symmetric, to tell a gradient from its transpose.
        weights = np.random.default_rng(2).standard_normal(values.shape)
        total = tf.reduce_sum(weights * values)
    slope = np.sum(tape.gradient(total, x) * direction)
    ahead, behind = (np.sum(weights * statistic(a + s * direction)) for s in (1e-5, -1e-5))
    assert (ahead - behind) / 2e-5 == pytest.approx(slope, rel=1e-7)


def test_a_small_covariance_is_not_drowned_by_a_large_mean():
    a = (activation() - 3.0).astype(np.float32)
    np.testing.assert_allclose(covariance(a + 1000), covariance(a), atol=1e-3)


def test_distances_of_images(chain, pink):
    net, layers = chain("block3_conv1"), ["block1_conv1", "block3_conv1"]
    image, other = pink(24, 20), pink(30, 16, seed=1)
    measured = distances(net, image, other, layers)
    assert set(measured) == {"gram", "means"}
    for kind in measured.values():
        assert list(kind) == layers
        assert all(0 < distance < 10 for distance in kind.values())
    same = distances(net, image, image, layers)
    assert all(distance == 0 for kind in same.values() for distance in kind.values())


def test_the_unit_is_the_size_of_the_reference(chain, pink):
    net = chain()
    a, b = (layer_statistics(net, pink(16, 16, seed), 1) for seed in (0, 1))
    for kind in ("gram", "means"):
        of_a, of_b = (getattr(s, kind)["block1_conv1"] for s in (a, b))
        expected = np.sqrt(np.sum((of_a - of_b) ** 2) / np.sum(of_b**2))
        assert a.distance_to(b, kind)["block1_conv1"] == pytest.approx(expected)


def test_wrong_requests(chain, pink):
    net = chain()
    one, two = (layer_statistics(net, pink(16, 16), layers) for layers in (1, 2))
    with pytest.raises(ConfigError, match="did you mean 'gram'"):
        one.distance_to(one, "grams")
    with pytest.raises(ConfigError, match="other layers"):
        one.distance_to(two, "gram")
    with pytest.raises(ConfigError, match="did you mean 'block1_conv1'"):
        layer_statistics(net, pink(16, 16), ["blok1_conv1"])
    with pytest.raises(ImageError, match="not \\(height, width, 3\\)"):
        layer_statistics(net, np.zeros((16, 16)), 1)
    with pytest.raises(ImageError, match="too small"):
        layer_statistics(net, np.zeros((1, 16, 3)), 2)
