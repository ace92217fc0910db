"""A layer's filters: convolution and adjoint are the same by whichever way they are computed."""

import numpy as np
import pytest
import tensorflow as tf

from decouple.networks import convolution, winograd
from decouple.networks.convolution import Filters

# With rows and columns left over by 2×2 tiles, and a single position.
SIZES = [(1, 1), (1, 2), (2, 3), (6, 6), (7, 5), (8, 9)]


def random(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def plain(x, kernel):
    return tf.nn.conv2d(x, kernel, 1, "SAME")


@pytest.fixture
def everywhere(monkeypatch):
    """Winograd's way for any number of channels and positions."""
    monkeypatch.setattr(convolution, "_PAIRS", 1)
    monkeypatch.setattr(convolution, "_TILES", 1)


class TestWinograd:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("batch", [1, 3])
    def test_is_the_convolution(self, size, batch):
        x, kernel = random(0, batch, *size, 5), tf.constant(random(1, 3, 3, 5, 4))
        found = winograd.convolved(tf.constant(x), winograd.transformed(kernel))
        np.testing.assert_allclose(found, plain(x, kernel), atol=1e-12)

    def test_of_any_size_in_one_program(self):
        kernel = tf.constant(random(1, 3, 3, 5, 4))
        signature = [tf.TensorSpec([None, None, None, 5], tf.float64)]
        # The transform is first asked for within the program.
        program = tf.function(
            lambda x: winograd.convolved(x, winograd.transformed(kernel)),
            input_signature=signature,
        )
        for size in SIZES:
            x = random(2, 2, *size, 5)
            np.testing.assert_allclose(program(x), plain(x, kernel), atol=1e-12)

    def test_rounds_less_than_products_added_one_after_the_other(self):
        """As plain convolutions do on some processors; on others they add in several sums."""
        x, kernel = np.maximum(random(0, 1, 32, 32, 128), 0), random(1, 3, 3, 128, 32)
        exact = plain(x, kernel)
        x, kernel = np.float32(x), np.float32(kernel)
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        one_by_one = np.zeros((1, 32, 32, 32), np.float32)
        for row, column, channel in np.ndindex(3, 3, 128):
            seen = padded[:, row : row + 32, column : column + 32, channel]
            one_by_one += seen[..., None] * kernel[row, column, channel]

        def error(found):
            return np.linalg.norm(np.asarray(found, np.float64) - exact) / np.linalg.norm(exact)

        found = winograd.convolved(tf.constant(x), winograd.transformed(tf.constant(kernel)))
        assert error(found) < error(one_by_one)


@pytest.mark.usefixtures("everywhere")
class TestFilters:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("channels", [3, 5])
    def test_adjoint(self, channels, size):
        filters = Filters(random(0, 3, 3, channels, 4), "float64")
        x, g = random(1, 2, *size, channels), random(2, 2, *size, 4)
        along = np.sum(filters.convolved(tf.constant(x)) * g)
        back = np.sum(x * filters.adjoint(tf.constant(g)))
        assert along == pytest.approx(back, rel=1e-12)

    def test_a_tape_takes_the_adjoint(self):
        filters = Filters(random(0, 3, 3, 5, 4), "float64")
        x, g = tf.constant(random(1, 2, 6, 7, 5)), tf.constant(random(2, 2, 6, 7, 4))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = filters.convolved(x)
        np.testing.assert_array_equal(tape.gradient(y, x, g), filters.adjoint(g))

    def test_a_gradient_has_a_gradient(self):
        filters = Filters(random(0, 3, 3, 5, 4), "float64")
        x = tf.constant(random(1, 1, 6, 7, 5))
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(filters.convolved(x) ** 2) / 2
            gradient = tape.gradient(loss, x)
        twice = filters.adjoint(filters.convolved(filters.adjoint(filters.convolved(x))))
        np.testing.assert_allclose(outer.gradient(gradient, x, gradient), twice, rtol=1e-9)

    def test_says_how_many_numbers_it_derives(self):
        filters = Filters(random(0, 3, 3, 5, 4), "float32")
        kept = filters._transformed
        assert filters.derived == sum(tensor.shape.num_elements() for tensor in kept)


@pytest.mark.parametrize("size", [(4, 4), (15, 14)])
@pytest.mark.parametrize("open_", [False, True])
def test_few_positions_and_many(size, open_, monkeypatch):
    """By which way it is computed, of a size that is known beforehand or not."""
    monkeypatch.setattr(winograd, "convolved", lambda x, _: tf.fill(tf.shape(x), np.float32(1)))
    filters = Filters(random(0, 3, 3, 256, 256), "float32")
    spec = tf.TensorSpec([None] * 3 + [256] if open_ else [1, *size, 256], tf.float32)
    program = tf.function(filters.convolved, input_signature=[spec])
    found = program(tf.zeros([1, *size, 256]))
    np.testing.assert_array_equal(found, np.full([1, *size, 256], size == (15, 14)))


def test_filters_of_few_channels_keep_nothing_more():
    filters = Filters(random(0, 3, 3, 64, 128), "float32")
    assert not filters.many
    assert filters.derived == 0


def test_on_a_gpu_cudnn_chooses(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: ["a GPU"])
    assert not Filters(random(0, 3, 3, 256, 256), "float32").many
