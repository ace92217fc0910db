"""Shares of brackets that lie outside the gradients' span, where they are known."""

import numpy as np
import pytest
import tensorflow as tf

from decouple.errors import ConfigError
from decouple.features import FunctionFeatures, Moments
from decouple.stages import bracket_shares

SHAPE = (8, 9)


def neighbours(x):
    return tf.reduce_mean(x[:-1] * x[1:])


def weighted(x):
    rows = tf.cast(tf.range(SHAPE[0]), x.dtype)[:, None, None]
    return tf.reduce_mean(rows * tf.square(x))


def gradient_of(function, pixels):
    x = tf.Variable(pixels)
    with tf.GradientTape() as tape:
        value = function(x)
    return tape.gradient(value, x).numpy().ravel()


def matrix_of(function, size):
    """The Hessian of a quadratic form: its gradient at each unit vector."""
    units = np.eye(size).reshape(size, *SHAPE, 3)
    return np.stack([gradient_of(function, unit) for unit in units])


@pytest.fixture
def image(grained):
    return grained(*SHAPE)


def test_of_two_quadratic_forms_it_is_what_linear_algebra_says(image):
    features = FunctionFeatures(
        lambda x: {"weighted": [weighted(x)], "neighbours": [neighbours(x)]},
        {"weighted": 1, "neighbours": 1},
        dtype="float64",
    )
    x = image.astype(np.float64).ravel()
    a, b = (matrix_of(function, x.size) for function in (weighted, neighbours))
    gradients = np.stack([a @ x, b @ x])
    bracket = b @ a @ x - a @ b @ x
    inside = gradients.T @ np.linalg.lstsq(gradients.T, bracket, rcond=None)[0]
    expected = np.linalg.norm(bracket - inside) / np.linalg.norm(bracket)
    assert 0.1 < expected < 0.999
    found = bracket_shares(image, features, directions=2)
    assert found[0, 1] == pytest.approx(expected, rel=1e-5)
    assert found[0, 0] == found[1, 1] == 0, "a feature has no bracket with itself"
    assert np.isnan(found[1, 0])


def test_moments_up_to_the_third_close_under_brackets(image):
    shares = bracket_shares(image, Moments(orders=3), directions=3)
    assert shares[np.triu_indices(3)].max() < 1e-3


def test_of_a_network_they_do_not(grained, extractor):
    shares = bracket_shares(grained(16, 20), extractor(2), directions=2)
    pairs = shares[np.triu_indices(len(shares))]
    assert ((pairs > 0.01) & (pairs <= 1)).all()


def test_no_directions_are_refused(image):
    with pytest.raises(ConfigError, match="directions=0"):
        bracket_shares(image, Moments(orders=2), directions=0)
