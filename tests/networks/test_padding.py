"""Padding against NumPy's, and derivatives that stay exact with it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from decouple.errors import ConfigError, ImageError
from decouple.features import ChannelMeans, check_features
from decouple.networks import network
from decouple.networks.activations import Activation
from decouple.networks.architecture import VGG19
from decouple.networks.chain import Chain
from decouple.networks.convolution import convolved
from decouple.networks.padding import Padding
from decouple.networks.pooling import Pooling

TAPS = ("block1_conv1", "block1_conv2", "block2_conv1")
BEYOND = ["reflect", "circular"]
_NUMPY = {"reflect": "reflect", "circular": "wrap", "zero": "constant"}


@pytest.fixture(scope="module")
def padded(calibrated_weights):
    def build(padding, dtype="float64", pooling="average"):
        kinds = Activation.SOFTPLUS, Pooling.named(pooling), 0.1
        return Chain(VGG19, TAPS[-1], calibrated_weights, *kinds, dtype, Padding.named(padding))

    return build


def random(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def inner(a, b):
    return float(np.sum(np.asarray(a) * np.asarray(b)))


@pytest.mark.parametrize("size", [(6, 7), (2, 3), (2, 2)])
@pytest.mark.parametrize("filters", [3, 8])
@pytest.mark.parametrize("padding", [*BEYOND, "zero"])
def test_convolution_sees_what_numpy_pads_with(padding, filters, size):
    x, kernel = random(0, 2, *size, 5), random(1, 3, 3, 5, filters)
    around = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode=_NUMPY[padding])
    wanted = tf.nn.conv2d(around, kernel, 1, "VALID")
    found = Padding.named(padding).convolved(x, lambda y: convolved(y, tf.constant(kernel)))
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_circular_padding_of_one_position():
    x, kernel = random(0, 1, 1, 4, 5), random(1, 3, 3, 5, 8)
    around = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="wrap")
    found = Padding.CIRCULAR.convolved(x, lambda y: convolved(y, tf.constant(kernel)))
    np.testing.assert_allclose(found, tf.nn.conv2d(around, kernel, 1, "VALID"), atol=1e-12)


@pytest.mark.parametrize("pooling", ["average", "smooth_max", "max"])
@pytest.mark.parametrize("size", [(16, 12), (13, 9)])
@pytest.mark.parametrize("padding", BEYOND)
def test_jvp_vjp_and_secants_are_exact(padded, padding, size, pooling):
    net = padded(padding, pooling=pooling)
    image = np.random.default_rng(1).random((1, *size, 3))
    tangent = random(2, 1, *size, 3)
    activations, point, before = net.linearize(image, TAPS)
    cotangents = {t: random(3, *a.shape) for t, a in zip(TAPS, activations, strict=True)}
    changes = net.jvp(point, tangent, TAPS)
    pulled = net.vjp(point, cotangents)
    products = [inner(cotangents[t], c) for t, c in zip(TAPS, changes, strict=True)]
    scale = np.linalg.norm(pulled) * np.linalg.norm(tangent)
    assert abs(sum(products) - inner(pulled, tangent)) < 1e-12 * scale
    x = tf.constant(image)
    with tf.GradientTape() as tape:
        tape.watch(x)
        seen = zip(TAPS, net.forward(x, TAPS), strict=True)
        total = tf.add_n([tf.reduce_sum(cotangents[t] * a) for t, a in seen])
    np.testing.assert_allclose(pulled, tape.gradient(total, x), rtol=1e-9, atol=1e-9)
    moved, _ = net.secant(point, before, tf.constant(0.3 * tangent), TAPS)
    after = net.forward(image + 0.3 * tangent, TAPS)
    for change, one, other in zip(moved, after, activations, strict=True):
        np.testing.assert_allclose(change, one - other, atol=1e-9)


@pytest.mark.parametrize("padding", BEYOND)
def test_rows_of_the_jacobian_are_gradients(padded, padding):
    features = ChannelMeans(padded(padding, "float32"), 2)
    image = np.random.default_rng(1).random((16, 20, 3))
    check_features(features, image)
    point = features.linearize(image)
    matrix = features.normal_matrix(point)
    for which in (0, 70, 150):
        row = features.vjp(point, np.eye(features.size)[which])
        np.testing.assert_allclose(features.jvp(point, row), matrix[which], rtol=1e-3, atol=1e-7)


def test_features_on_a_torus_do_not_see_where_it_begins(padded, pink):
    image = pink(16, 24)
    moved = np.roll(image, (6, 10), axis=(0, 1))
    here, there = (ChannelMeans(padded("circular"), 2).measure(x) for x in (image, moved))
    np.testing.assert_allclose(here, there, rtol=1e-12)
    zero = ChannelMeans(padded("zero"), 2)
    assert np.abs(zero.measure(image) - zero.measure(moved)).max() > 1e-4


def test_it_belongs_to_the_networks_identity(padded):
    assert padded("circular").identity["padding"] == "circular"
    assert padded("circular").astype("float32").padding is Padding.CIRCULAR
    assert padded("reflect").until(TAPS[0]).identity["padding"] == "reflect"
    assert "padding" not in padded("zero").identity, "as before there was a choice"
    others = [ChannelMeans(padded(p), 2).signature for p in ("zero", *BEYOND)]
    assert len({str(sorted(other.items())) for other in others}) == 3


def test_wrong_requests(padded):
    with pytest.raises(ConfigError, match="did you mean 'circular'"):
        network("vgg19", "block1_conv1", "calibrated", padding="circlar")
    with pytest.raises(ImageError, match="at least 4"):
        padded("reflect").check_size("block2_conv1", 3, 9)
    padded("circular").check_size("block2_conv1", 3, 9)
