"""Statistics of layers beside their means: values, derivatives, secants, and how many there are."""

import numpy as np
import pytest

from decouple.errors import ConfigError
from decouple.features import ChannelMeans, LayerStatistics, check_features

ONE, TWO = "block1_conv1", "block2_conv1"


@pytest.fixture(scope="module")
def image(pink):
    return pink(14, 19, seed=1)


def activations(chain, image):
    taken = chain(TWO, dtype="float64").forward(image[None], [ONE, TWO])
    return [a.numpy()[0].reshape(-1, a.shape[3]) for a in taken]


def triangle(square):
    return square[np.triu_indices(len(square))]


def test_moments_are_means_and_mean_squares(chain, image):
    features = LayerStatistics(chain(TWO, dtype="float64"), 2, "moments")
    assert features.sizes == (128, 256)
    expected = [
        np.concatenate([a.mean(axis=0), (a**2).mean(axis=0)]) for a in activations(chain, image)
    ]
    np.testing.assert_allclose(features.measure(image), np.concatenate(expected), rtol=1e-12)


def test_gram_is_that_of_the_chosen_channels_over_the_positions(chain, image):
    features = LayerStatistics(chain(TWO, dtype="float64"), 2, "gram", most=60)
    assert features.sizes == (55, 55)  # of 10 channels
    for channels, a, own in zip(
        (64, 128), activations(chain, image), features.split(features.measure(image)).values()
        , strict=True,
    ):  # fmt: skip
        some = a[:, np.linspace(0, channels - 1, 10).astype(int)]
        np.testing.assert_allclose(own, triangle(some.T @ some / len(a)), rtol=1e-11)


def test_covariances_come_after_all_means(chain, image):
    features = LayerStatistics(chain(TWO, dtype="float64"), [TWO], "covariance", most=150)
    assert features.sizes == (128 + 21,)  # 6 channels; 7 would have 28
    a = activations(chain, image)[1]
    some = a[:, np.linspace(0, 127, 6).astype(int)]
    expected = np.concatenate([a.mean(axis=0), triangle(np.cov(some.T, bias=True))])
    np.testing.assert_allclose(features.measure(image), expected, rtol=1e-10)


def test_a_layer_that_fits_is_taken_whole(chain):
    whole = LayerStatistics(chain(TWO), [ONE], "gram", most=64 * 65 // 2)
    assert whole.sizes == (2080,)
    assert LayerStatistics(chain(TWO), [ONE], "gram", most=2079).sizes == (63 * 64 // 2,)


@pytest.mark.parametrize("name", ["means", "moments", "covariance", "gram"])
def test_derivatives_and_secants_are_what_they_should_be(chain, image, name):
    features = LayerStatistics(chain(TWO, dtype="float64"), 2, name, most=150)
    found = check_features(features, image)
    assert found["derivative"] < 1e-6
    assert found["adjoint"] < 1e-13
    # Exact, not to the second order, for products as well.
    assert found["secant"] < 1e-12
    assert found["way back"] < 1e-11


def test_means_are_channel_means(chain, image):
    own = LayerStatistics(chain(TWO), 2, "means")
    other = ChannelMeans(chain(TWO), 2)
    np.testing.assert_array_equal(own.measure(image), other.measure(image))
    assert own.identity == other.identity


def test_the_first_groups_and_a_mask_know_their_activations(chain, image):
    features = LayerStatistics(chain(TWO, dtype="float64"), 2, "moments")
    point = features.linearize(image)
    first, part = features.part(point, 1)
    cotangent = np.random.default_rng(0).standard_normal(128)
    np.testing.assert_allclose(
        first.vjp(part, cotangent),
        features.vjp(point, np.concatenate([cotangent, np.zeros(256)])),
        atol=1e-14,
    )
    kept = {ONE: np.arange(128) % 2 == 0, TWO: np.arange(256) % 3 == 0}
    masked = features.masked(kept)
    rows = np.concatenate(list(masked.jacobian_rows(masked.linearize(image))))
    every = np.concatenate(list(features.jacobian_rows(point)))
    np.testing.assert_allclose(rows, every[np.concatenate(list(kept.values()))], atol=1e-15)


@pytest.mark.parametrize(
    ("name", "most", "message"), [("mean", 9, "did you mean 'means'"), ("gram", 0, "too small")]
)
def test_what_there_is_not_is_refused(chain, name, most, message):
    with pytest.raises(ConfigError, match=message):
        LayerStatistics(chain(TWO), 1, name, most)
