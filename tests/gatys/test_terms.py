"""Each term against its formula, written out in numpy."""

import numpy as np
import pytest
import tensorflow as tf

from decouple.errors import ConfigError
from decouple.gatys import Content, Gram, MeanCovariance, Means

LAYER = "block2_conv1"
# Not (H // 2) * 2: the image has an odd side.
H, W, C = 5, 7, 6
PIXELS = 11 * 14
AGGREGATES = {"sum": np.sum, "mean": np.mean}


def activation(seed, height=H, width=W):
    return np.random.default_rng(seed).standard_normal((1, height, width, C)) + 0.5


def gram(a):
    return np.einsum("hwi,hwj->ij", a[0], a[0])


def value(term, a):
    return float(term.value(tf.constant(a), PIXELS))


@pytest.mark.parametrize("distance", AGGREGATES)
def test_content(distance):
    term = Content(LAYER, activation(0), distance)
    expected = AGGREGATES[distance]((activation(1) - activation(0)) ** 2)
    assert value(term, activation(1)) == pytest.approx(expected, rel=1e-12)
    assert value(term, activation(0)) == 0


@pytest.mark.parametrize("distance", AGGREGATES)
@pytest.mark.parametrize(
    ("normalization", "divisor"), [("raw", 1), ("hw", H * W), ("chw", C * H * W)]
)
def test_gram(normalization, divisor, distance):
    term = Gram.of(LAYER, activation(0), PIXELS, normalization, distance)
    difference = (gram(activation(1)) - gram(activation(0))) / divisor
    expected = AGGREGATES[distance](difference**2)
    assert value(term, activation(1)) == pytest.approx(expected, rel=1e-12)
    assert value(term, activation(0)) == 0


def test_keras_normalization_is_the_style_loss_of_the_reports():
    """Σ(S − C)² / (4·3²·(H·W)²), with H, W of the image and not of the layer."""
    term = Gram.of(LAYER, activation(0), PIXELS, "keras")
    s, c = gram(activation(0)), gram(activation(1))
    expected = np.sum((s - c) ** 2) / (4 * 3**2 * PIXELS**2)
    assert value(term, activation(1)) == pytest.approx(expected, rel=1e-12)


def test_chw_is_four_times_the_layer_loss_of_gatys():
    term = Gram.of(LAYER, activation(0), PIXELS, "chw")
    difference = gram(activation(1)) - gram(activation(0))
    gatys = np.sum(difference**2) / (4 * C**2 * (H * W) ** 2)
    assert value(term, activation(1)) == pytest.approx(4 * gatys, rel=1e-12)


@pytest.mark.parametrize("distance", AGGREGATES)
def test_means(distance):
    term = Means.of(LAYER, activation(0, 3, 4), distance)
    difference = activation(1).mean((0, 1, 2)) - activation(0, 3, 4).mean((0, 1, 2))
    expected = AGGREGATES[distance](difference**2)
    assert value(term, activation(1)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("distance", AGGREGATES)
def test_mean_and_covariance(distance):
    term = MeanCovariance.of(LAYER, activation(0, 3, 4), distance, factor=0.3)
    samples = [a.reshape(-1, C) for a in (activation(1), activation(0, 3, 4))]
    first, second = ((s.mean(0), np.cov(s.T, bias=True)) for s in samples)
    expected = AGGREGATES[distance]((first[0] - second[0]) ** 2)
    expected += 0.3 * AGGREGATES[distance]((first[1] - second[1]) ** 2)
    assert value(term, activation(1)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("factor", [-1.0, np.nan])
def test_factor_out_of_range(factor):
    with pytest.raises(ConfigError, match="factor"):
        MeanCovariance.of(LAYER, activation(0), factor=factor)


@pytest.mark.parametrize("kind", [Gram, Means, MeanCovariance])
def test_style_forgets_positions(kind):
    options = {"pixels": PIXELS} if kind is Gram else {}
    term = kind.of(LAYER, activation(0), **options)
    shuffled = activation(1).reshape(-1, C)
    np.random.default_rng(2).shuffle(shuffled)
    assert value(term, shuffled.reshape(1, H, W, C)) == pytest.approx(
        value(term, activation(1)), rel=1e-11
    )


def test_terms_do_not_follow_the_array_they_were_given():
    target = activation(0)
    term = Content(LAYER, target)
    target += 1
    assert value(term, activation(0)) == 0
