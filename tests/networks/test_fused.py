"""Formulas give the same with and without a compiler."""

import numpy as np
import pytest
import tensorflow as tf

from decouple.networks import fused as module
from decouple.networks.activations import Activation
from decouple.networks.fused import fused


def hypotenuse(x, y):
    return tf.sqrt(x * x + y * y)


@pytest.fixture(params=["compiled", "GPU", "no XLA"])
def how(request, monkeypatch):
    """Each of the machines that there are; what was found out of this one is forgotten."""
    if request.param == "GPU":
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: ["a GPU"])
    if request.param == "no XLA":

        def refuse(*_args, **_options):
            def call(*_tensors):
                raise tf.errors.UnimplementedError(None, None, "no XLA here")

            return call

        monkeypatch.setattr(tf, "function", refuse)
    module._compiles.cache_clear()
    yield request.param
    module._compiles.cache_clear()


def test_only_where_there_is_a_compiler_and_no_gpu(how):
    assert module._compiles() == (how == "compiled")


def test_values_are_the_same_everywhere(how):
    x, y = np.random.default_rng(0).normal(size=(2, 1, 5, 7, 64)).astype(np.float32)
    found = fused(hypotenuse)(tf.constant(x), tf.constant(y))
    np.testing.assert_allclose(found, np.hypot(x, y), rtol=1e-6)


def test_within_a_program_of_open_shape():
    program = tf.function(
        lambda x: fused(hypotenuse)(x, 2 * x),
        input_signature=[tf.TensorSpec([None, None, 3], tf.float64)],
    )
    for shape in ((2, 4, 3), (5, 1, 3)):
        x = np.random.default_rng(1).random(shape)
        np.testing.assert_allclose(program(x), np.sqrt(5) * x, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softplus_has_its_slope_as_gradient(dtype):
    z = tf.constant(np.linspace(-3, 3, 61), dtype)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = Activation.SOFTPLUS.value_of(z, 0.2)
    slope = Activation.SOFTPLUS.slope_of(z, 0.2)
    np.testing.assert_allclose(tape.gradient(value, z), slope, rtol=1e-6)
    expected = np.logaddexp(0, z.numpy().astype(float) / 0.2) * 0.2
    # 15 widths below zero the argument of exp is rounded to 15 halves of epsilon.
    np.testing.assert_allclose(value, expected, rtol=15 * np.finfo(dtype).eps)
