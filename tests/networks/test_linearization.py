"""The chain's derivatives against definitions that do not share its code."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
import tensorflow as tf

from decouple.errors import ConfigError
from decouple.networks.activations import Activation
from decouple.networks.pooling import Pooling, pool_jvp, pool_vjp

LAST = "block3_conv1"
TAPS = ("block1_conv1", "block2_conv1", "block3_conv1")
KINDS = [(a, p) for a in ("softplus", "relu") for p in ("average", "max", "l2")]


def random_images(seed, batch, height, width, dtype):
    return np.random.default_rng(seed).random((batch, height, width, 3)).astype(dtype)


def random_cotangents(seed, activations, batch=1):
    rng = np.random.default_rng(seed)
    return {
        tap: rng.standard_normal((batch, *a.shape[1:])).astype(a.dtype.name)
        for tap, a in zip(TAPS, activations, strict=True)
    }


def inner(a, b):
    return float(np.sum(np.asarray(a, np.float64) * np.asarray(b, np.float64)))


@pytest.mark.parametrize(("dtype", "relative"), [("float64", 1e-13), ("float32", 1e-5)])
@pytest.mark.parametrize("size", [(16, 16), (19, 26), (13, 9)])
@pytest.mark.parametrize(("activation", "pooling"), KINDS)
def test_vjp_is_the_adjoint_of_jvp(chain, activation, pooling, size, dtype, relative):
    net = chain(LAST, activation, pooling, dtype)
    activations, point, _ = net.linearize(random_images(1, 1, *size, dtype), TAPS)
    tangent = random_images(2, 1, *size, dtype) - 0.5
    cotangents = random_cotangents(3, activations)
    changes = net.jvp(point, tangent, TAPS)
    products = [inner(cotangents[tap], c) for tap, c in zip(TAPS, changes, strict=True)]
    pulled = net.vjp(point, cotangents)
    assert pulled.shape == tangent.shape
    # Relative to the size of the factors: the products themselves may cancel.
    scale = np.linalg.norm(pulled) * np.linalg.norm(tangent)
    assert scale > 0
    assert abs(sum(products) - inner(pulled, tangent)) < relative * scale


@pytest.mark.parametrize(("activation", "pooling"), KINDS)
def test_linearize_and_forward_agree(chain, activation, pooling):
    net = chain(LAST, activation, pooling, "float32")
    image = random_images(4, 1, 17, 12, "float32")
    for a, b in zip(net.linearize(image, TAPS)[0], net.forward(image, TAPS), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("activation", "pooling"), KINDS)
@pytest.mark.parametrize("size", [(16, 16), (19, 26)])
def test_vjp_is_the_gradient_of_the_tape(chain, activation, pooling, size):
    """Random images have no ties and no pre-activation at a kink, so the gradient is unique."""
    net = chain(LAST, activation, pooling, "float64")
    image = tf.constant(random_images(5, 1, *size, "float64"))
    activations, point, _ = net.linearize(image, TAPS)
    means = {
        tap: np.full(a.shape, 1.0 / (a.shape[1] * a.shape[2]))
        for tap, a in zip(TAPS, activations, strict=True)
    }
    with tf.GradientTape() as tape:
        tape.watch(image)
        taken = net.forward(image, TAPS)
        total = tf.add_n([tf.reduce_sum(tf.reduce_mean(a, axis=(1, 2))) for a in taken])
    expected = tape.gradient(total, image).numpy()
    np.testing.assert_allclose(
        net.vjp(point, means), expected, rtol=0, atol=1e-12 * np.abs(expected).max()
    )


@pytest.mark.parametrize("pooling", ["average", "l2"])
def test_jvp_is_the_limit_of_differences(chain, pooling):
    net = chain(LAST, "softplus", pooling, "float64")
    image = random_images(6, 1, 15, 18, "float64")
    tangent = random_images(7, 1, 15, 18, "float64") - 0.5
    changes = net.jvp(net.linearize(image, TAPS)[1], tangent, TAPS)
    h = 1e-5
    ahead, behind = net.forward(image + h * tangent, TAPS), net.forward(image - h * tangent, TAPS)
    for change, a, b in zip(changes, ahead, behind, strict=True):
        difference = (a.numpy() - b.numpy()) / (2 * h)
        assert np.linalg.norm(difference - change) < 1e-6 * np.linalg.norm(difference)


@pytest.mark.parametrize("size", [1e-2, 0.5])
@pytest.mark.parametrize(("activation", "pooling"), KINDS)
def test_secants_take_one_image_to_the_other(chain, activation, pooling, size):
    """And are the same from both ends."""
    net = chain(LAST, activation, pooling, "float64")
    image = random_images(15, 1, 15, 18, "float64")
    change = size * (random_images(16, 1, 15, 18, "float64") - 0.5)
    (before, *here), (after, *there) = (
        net.linearize(image, TAPS),
        net.linearize(image + change, TAPS),
    )
    changes, secants = net.secant(*here, change, TAPS)
    for a, b, found in zip(before, after, changes, strict=True):
        np.testing.assert_allclose(found, b - a, rtol=0, atol=1e-13)
    back, turned = net.secant(*there, -change, TAPS)
    cotangents = random_cotangents(17, before)
    pulled = net.vjp(secants, cotangents)
    np.testing.assert_allclose(net.vjp(turned, cotangents), pulled, rtol=0, atol=1e-11)
    for found, other in zip(changes, back, strict=True):
        np.testing.assert_allclose(other, -found, rtol=0, atol=1e-13)
    if pooling != "max":  # whose routes jump
        for found, pushed in zip(changes, net.jvp(secants, change, TAPS), strict=True):
            np.testing.assert_allclose(pushed, found, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("activation", "pooling"), KINDS)
def test_batches_equal_one_at_a_time(chain, activation, pooling):
    net = chain(LAST, activation, pooling, "float64")
    activations, point, _ = net.linearize(random_images(8, 1, 14, 11, "float64"), TAPS)
    tangents = random_images(9, 3, 14, 11, "float64")
    together = net.jvp(point, tangents, TAPS)
    for k in range(3):
        for many, one in zip(together, net.jvp(point, tangents[k : k + 1], TAPS), strict=True):
            np.testing.assert_allclose(many[k], one[0], rtol=1e-10, atol=1e-12)
    cotangents = random_cotangents(10, activations, batch=3)
    together = net.vjp(point, cotangents)
    assert together.shape == tangents.shape
    for k in range(3):
        one = net.vjp(point, {tap: c[k : k + 1] for tap, c in cotangents.items()})
        np.testing.assert_allclose(together[k], one[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 3])
def test_cotangents_may_be_constant_in_space_and_leave_layers_out(chain, batch):
    net = chain(LAST, "softplus", "average", "float64")
    activations, point, _ = net.linearize(random_images(11, 1, 12, 12, "float64"), TAPS)
    shape = activations[2].shape
    values = np.random.default_rng(12).standard_normal((batch, 1, 1, shape[3]))
    short = net.vjp(point, {LAST: values})
    full = net.vjp(point, {LAST: np.broadcast_to(values, (batch, *shape[1:]))})
    assert short.shape == full.shape == (batch, 12, 12, 3)
    np.testing.assert_allclose(short, full, rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", ["softplus", "relu"])
def test_max_pooling_ties_are_adjoint_on_a_flat_image(chain, activation):
    """Away from the border every window of a flat image ties."""
    net = chain(LAST, activation, "max", "float64")
    image = np.full((1, 19, 26, 3), 0.25)
    activations, point, _ = net.linearize(image, TAPS)
    tangent = random_images(13, 1, 19, 26, "float64") - 0.5
    cotangents = random_cotangents(14, activations)
    pushed = net.jvp(point, tangent, TAPS)
    left = sum(inner(cotangents[tap], c) for tap, c in zip(TAPS, pushed, strict=True))
    pulled = net.vjp(point, cotangents)
    scale = np.linalg.norm(pulled) * np.linalg.norm(tangent)
    assert abs(left - inner(pulled, tangent)) < 1e-13 * scale


class TestPooling:
    def test_ties_go_to_the_first_pixel_in_every_direction(self):
        x = np.zeros((1, 5, 4, 2))
        routes = Pooling.MAX.linearize(tf.constant(x))[1]
        first = np.zeros((5, 4))
        first[0:4:2, 0:4:2] = 1
        # JVP: the change of the output is the change of the first pixel.
        tangent = np.random.default_rng(0).standard_normal(x.shape)
        pushed = pool_jvp(routes, tf.constant(tangent))
        np.testing.assert_allclose(pushed, tangent[:, 0:4:2, 0:4:2], rtol=1e-15)
        # VJP: all of the cotangent lands on the first pixel, none in the dropped row.
        pulled = pool_vjp(routes, tf.ones([1, 2, 2, 2], tf.float64), tf.constant([1, 5, 4, 2]))
        np.testing.assert_array_equal(pulled[0, :, :, 0], first)

    @pytest.mark.parametrize("kind", list(Pooling))
    @pytest.mark.parametrize("size", [(6, 8), (7, 5)])
    def test_values_are_those_of_the_windows(self, kind, size):
        x = np.random.default_rng(1).random((2, *size, 3)) + 0.1
        rows, columns = size[0] // 2, size[1] // 2
        cut = x[:, : 2 * rows, : 2 * columns]
        windows = cut.reshape(2, rows, 2, columns, 2, 3)
        expected = {
            Pooling.AVERAGE: windows.mean((2, 4)),
            Pooling.MAX: windows.max((2, 4)),
            Pooling.L2: np.sqrt((windows**2).mean((2, 4))),
            Pooling.SMOOTH_MAX: 1.09 * (windows**16).mean((2, 4)) ** (1 / 16),
        }[kind]
        # l2 pooling adds a floor under the root.
        np.testing.assert_allclose(kind.value_of(tf.constant(x)), expected, rtol=1e-4)

    def test_max_routes_pick_what_the_forward_pass_picked(self):
        """A quarter of the sum of routed values is the pooled value, ties or not."""
        x = np.random.default_rng(2).integers(0, 3, (2, 9, 8, 4)).astype(np.float64)
        routes = Pooling.MAX.linearize(tf.constant(x))[1]
        pooled = pool_jvp(routes, tf.constant(x))
        np.testing.assert_array_equal(pooled, Pooling.MAX.value_of(tf.constant(x)))

    @pytest.mark.parametrize("level", [0.0, 0.2])
    @pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
    def test_the_smooth_maximum_has_an_exact_secant(self, size, level):
        """Whatever the scale and however much a window changes; the same from both ends."""
        rng = np.random.default_rng(4)
        a, b = (size * rng.random((1, 7, 8, 5)) ** power for power in (6, 3))
        kind, values = Pooling.SMOOTH_MAX, [tf.constant(x) for x in (a, b)]
        change, routes = kind.secant_of(values[0], values[1] - values[0], level)
        expected = kind.value_of(values[1], level) - kind.value_of(values[0], level)
        np.testing.assert_allclose(change, expected, rtol=0, atol=1e-14 * (size + level))
        back, turned = kind.secant_of(values[1], values[0] - values[1], level)
        np.testing.assert_allclose(turned, routes, rtol=1e-12)
        np.testing.assert_allclose(back, -change, rtol=0, atol=1e-14 * size)

    def test_the_smooth_maximum_averages_what_is_small(self):
        """Far below the level, values weigh alike; far above it, as if there were none."""
        x = np.random.default_rng(5).random((1, 2, 2, 50))
        small, large = (Pooling.SMOOTH_MAX.value_of(tf.constant(f * x), 1.0) for f in (1e-3, 1e3))
        np.testing.assert_allclose(small, 1.09e-3 * x.mean((1, 2), keepdims=True), rtol=5e-3)
        plain = Pooling.SMOOTH_MAX.value_of(tf.constant(1e3 * x))
        np.testing.assert_allclose(large, plain, rtol=5e-2)

    def test_the_smooth_maximum_of_nothing_is_nothing(self):
        x = tf.zeros([1, 4, 4, 1])
        np.testing.assert_array_equal(Pooling.SMOOTH_MAX.value_of(x), np.zeros((1, 2, 2, 1)))
        np.testing.assert_array_equal(Pooling.SMOOTH_MAX.linearize(x)[1], x)

    def test_l2_has_a_finite_slope_at_zero(self):
        x = tf.zeros([1, 4, 4, 1], tf.float64)
        assert np.isfinite(Pooling.L2.linearize(x)[1]).all()

    def test_unknown_names_get_a_hint(self):
        with pytest.raises(ConfigError, match="did you mean 'average'"):
            Pooling.named("avrage")


class TestActivation:
    @pytest.mark.parametrize("kind", list(Activation))
    def test_slope_is_the_derivative(self, kind):
        z = np.array([-3.0, -0.4, -0.02, 0.03, 0.5, 2.0])
        width, h = 0.1, 1e-6
        ahead, behind = (kind.value_of(tf.constant(z + d), width).numpy() for d in (h, -h))
        slope = kind.slope_of(tf.constant(z), width).numpy()
        np.testing.assert_allclose(slope, (ahead - behind) / (2 * h), atol=1e-8)
        assert slope.min() >= 0
        assert slope.max() <= (1.1 if kind is Activation.UNBIASED_SOFTPLUS else 1)

    @pytest.mark.parametrize("kind", list(Activation))
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_what_is_kept_for_secants_is_the_activation(self, kind, dtype):
        z, width = tf.constant(np.linspace(-4, 4, 81), dtype), 0.1
        value, kept = kind.linearize(z, width)
        bound = 4 * np.finfo(dtype).eps
        for found in (value, kind.value_at(kept, width)):
            np.testing.assert_allclose(found, kind.value_of(z, width), rtol=bound)
        np.testing.assert_allclose(kept.slope, kind.slope_of(z, width), rtol=bound)
        stored = [x for x in kept if x is not None]
        assert len(stored) == kind.kept

    def test_unbiased_softplus_has_relus_integral(self):
        z = np.linspace(-8, 8, 160001)
        over = Activation.UNBIASED_SOFTPLUS.value_of(tf.constant(z), 0.2).numpy() - np.maximum(z, 0)
        assert abs(np.trapezoid(over, z)) < 1e-9
        assert over.max() > 0.06

    def test_softplus_narrows_to_relu(self):
        z = tf.constant(np.linspace(-2, 2, 41))
        relu = Activation.RELU.value_of(z, 0.1)
        gaps = [np.max(Activation.SOFTPLUS.value_of(z, w) - relu) for w in (0.2, 0.1, 0.05)]
        np.testing.assert_allclose(gaps, np.log(2) * np.array([0.2, 0.1, 0.05]), rtol=1e-12)

    def test_far_values_neither_overflow_nor_vanish(self):
        z = tf.constant([-1e6, 1e6], tf.float32)
        np.testing.assert_array_equal(Activation.SOFTPLUS.value_of(z, 0.1), [0.0, 1e6])
        np.testing.assert_array_equal(Activation.SOFTPLUS.slope_of(z, 0.1), [0.0, 1.0])

    @pytest.mark.parametrize("kind", list(Activation))
    @pytest.mark.parametrize(("dtype", "relative"), [(np.float64, 1e-14), (np.float32, 1e-6)])
    @pytest.mark.parametrize("together", [True, False])
    def test_secants_are_exact_at_every_size(self, kind, dtype, relative, together):
        """Against 60 digits, for changes from nothing to many widths, up and down.

        All at once, and each size alone: the formula depends on the largest change.
        """
        width = 0.1
        unbiased = kind is Activation.UNBIASED_SOFTPLUS
        relative *= 5 if unbiased else 1  # a sum of two products of secants
        sizes = [s * size for size in (1e-9, 1e-3, 0.09, 0.3, 1.1, 7.9, 8.1, 30) for s in (1, -1)]
        z, change = np.meshgrid([-6, -3, -0.5, -0.01, 0.02, 0.4, 2.5, 6], sizes)
        z, change = z.astype(dtype), change.astype(dtype)

        def exact(value):
            if kind is Activation.RELU:
                return max(value, Decimal(0))
            grown = (value / Decimal(width)).exp()
            softplus = Decimal(width) * (1 + grown).ln()
            return softplus * grown / (1 + grown) if unbiased else softplus

        with localcontext() as context:
            context.prec = 60
            expected = np.vectorize(
                lambda a, b: float(
                    exact(Decimal(float(a)) + Decimal(float(b))) - exact(Decimal(float(a)))
                )
            )(z, change)
        for part in [slice(None)] if together else range(len(sizes)):
            before = tf.constant(z[part])
            _, kept = kind.linearize(before, width)
            found, secant = kind.secant_of(kept, tf.constant(change[part]), width)
            # What is next to nothing beside the change may be lost.
            np.testing.assert_allclose(secant * change[part], found, rtol=1e-6)
            np.testing.assert_array_less(
                np.abs(found - expected[part]), relative * np.abs(change[part])
            )

    @pytest.mark.parametrize("kind", list(Activation))
    def test_where_nothing_changes_a_secant_has_the_slope(self, kind):
        z = tf.constant([-3.0, -0.4, 0.0, 0.03, 2.0])
        _, kept = kind.linearize(z, 0.1)
        difference, secant = kind.secant_of(kept, tf.zeros(5), 0.1)
        np.testing.assert_array_equal(difference, np.zeros(5))
        np.testing.assert_allclose(secant, kept.slope, rtol=1e-6)
