"""2×2 poolings with stride 2, and their linearizations.

Every pooling here is, at a point, a weighted sum over its window. With the weights stored at the
point (the *routes*), its JVP and VJP are a product and an average pooling (or its adjoint), and
the same routes serve the forward pass, JVP and VJP, so that ties are broken alike in all three.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import mul
from typing import Any

import tensorflow as tf

from decouple.errors import NamedChoice
from decouple.networks.fused import fused

# Keeps the gradient of l2 pooling finite where a window is all zero.
_L2_FLOOR = 1e-6
# The smooth maximum is the power mean of order 2^4 = 16, a little larger: it lies between
# 4^(-1/16) = 0.92 of the window's maximum, where that stands alone, and all of it, where the window
# is even. The larger the order, the nearer to the maximum, and the more it bends where values are
# small: its second derivative is about 15/4 over the value. So it is taken of values raised by
# `LEVEL` of their standard deviation before the activation, which costs next to no likeness to the
# maximum (correlation of the channel means, at least .994 against .994 without) and makes errors
# grow by 71 dB where it was 126 (rocket, 150 px, two layers).
_DOUBLINGS = 4
_SCALE = 1.09
LEVEL = 0.3


def _mean(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.avg_pool2d(x, ksize=2, strides=2, padding="VALID")


def _mean_adjoint(cotangent: tf.Tensor, input_shape: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.AvgPoolGrad(
        orig_input_shape=input_shape,
        grad=cotangent,
        ksize=[1, 2, 2, 1],
        strides=[1, 2, 2, 1],
        padding="VALID",
    )


def _upsample(x: tf.Tensor, input_shape: tf.Tensor) -> tf.Tensor:
    """Repeat each value over its window; zeros in a dropped odd row or column."""
    return 4.0 * _mean_adjoint(x, input_shape)


def _maximum_routes(x: tf.Tensor) -> tf.Tensor:
    """4 at the first maximum of each window (row by row), 0 elsewhere; same shape as `x`."""
    return _routes_to(_first_maximum(x), x)


@fused
def _first_maximum(x: tf.Tensor) -> tf.Tensor:
    """Which of a window's four values that is, 0 to 3."""
    largest, *others = _corners(x)
    first = tf.zeros_like(largest)
    for place, other in enumerate(others, 1):
        larger = other > largest
        first = tf.where(larger, tf.constant(place, x.dtype), first)
        largest = tf.where(larger, other, largest)
    return first


@fused
def _routes_to(places: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    windows = tf.shape(places)
    own = tf.reshape(tf.range(4, dtype=places.dtype), [1, 1, 2, 1, 2, 1])
    chosen = tf.cast(places[:, :, None, :, None] == own, places.dtype)
    routes = tf.reshape(4 * chosen, [windows[0], 2 * windows[1], 2 * windows[2], windows[3]])
    return _with_dropped(routes, tf.shape(like))


def _corners(x: tf.Tensor) -> list[tf.Tensor]:
    """The four values of every window, each (B, H // 2, W // 2, C)."""
    shape = tf.shape(x)
    rows, columns = shape[1] // 2 * 2, shape[2] // 2 * 2
    return [x[:, i:rows:2, j:columns:2] for i in (0, 1) for j in (0, 1)]


def _with_dropped(x: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """With zeros in a dropped odd row or column: of `shape`."""
    rows, columns = tf.unstack(shape[1:3] - tf.shape(x)[1:3])
    return tf.pad(x, [[0, 0], [0, rows], [0, columns], [0, 0]])


def _power_mean(corners: list[tf.Tensor]) -> tf.Tensor:
    """(mean x¹⁶)^(1/16) of four values, each at least 0, that may be as small as a number can."""
    largest = reduce(tf.maximum, corners)
    root = tf.add_n([_powers(tf.math.divide_no_nan(x, largest))[-1] for x in corners]) / 4
    for _ in range(_DOUBLINGS):
        root = tf.sqrt(root)
    return largest * root


def _powers(x: tf.Tensor) -> list[tf.Tensor]:
    """x, x², x⁴, …, x¹⁶."""
    powers = [x]
    for _ in range(_DOUBLINGS):
        powers.append(tf.square(powers[-1]))
    return powers


def _times_sums_of_powers(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """(x + y)(x² + y²)(x⁴ + y⁴)(x⁸ + y⁸), which is (x¹⁶ − y¹⁶) / (x − y) also where x is y."""
    pairs = zip(_powers(x)[:-1], _powers(y)[:-1], strict=True)
    return reduce(mul, [a + b for a, b in pairs])


@tf.custom_gradient
def _smooth_maximum(x: tf.Tensor, level: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], Any]]:
    """`_SCALE` times the power mean of each window of x + level, which is nowhere below 0."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
        return pool_vjp(_smooth_linearized(x, level)[1], upstream, tf.shape(x)), None

    # Not recorded: another program would run, whose last bits may differ.
    return _smooth_value(tf.stop_gradient(x), level), gradient


@fused
def _smooth_value(x: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    return _SCALE * _power_mean(_corners(x + level))


# Derivatives and secants take two loops, over windows and over their values: in one, each value
# would choose among the four corners, and the processor could not take several at a time (2.3 times
# as long).


def _smooth_linearized(x: tf.Tensor, level: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """What `_smooth_maximum` is, and its derivative as weights of the values, times 4."""
    value, *of_windows = _windows_at(x, level)
    return value, _routes_at(x, level, *of_windows)


@fused
def _windows_at(x: tf.Tensor, level: tf.Tensor) -> tuple[tf.Tensor, ...]:
    y = _power_mean(_corners(x + level))
    return _SCALE * y, *_unit_and_whole(y, y)


@fused
def _routes_at(x: tf.Tensor, level: tf.Tensor, unit: tf.Tensor, whole: tf.Tensor) -> tf.Tensor:
    raised = x + level
    return _routes_of_values(raised, raised, unit, whole)


def _smooth_secant(before: tf.Tensor, change: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """The smooth maximum's secant, as weights of differences, times 4.

    By the chain rule of secants, y_b − y_a = ¼ Σ (b_i − a_i) q(a_i, b_i) / q(y_a, y_b) with
    q(a, b) = (b¹⁶ − a¹⁶) / (b − a), a product of sums: nothing cancels, and where nothing
    changes it is the derivative. q is homogeneous: everything is measured in the larger value.
    """
    return _routes_between(before, change, level, *_windows_between(before, change, level))


def _ends(before: tf.Tensor, change: tf.Tensor, level: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    # No activation is below 0, but this sum may be by a rounding.
    return before + level, tf.nn.relu(before + change) + level


@fused
def _windows_between(
    before: tf.Tensor, change: tf.Tensor, level: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    a, b = _ends(before, change, level)
    return _unit_and_whole(_power_mean(_corners(a)), _power_mean(_corners(b)))


@fused
def _routes_between(
    before: tf.Tensor, change: tf.Tensor, level: tf.Tensor, unit: tf.Tensor, whole: tf.Tensor
) -> tf.Tensor:
    return _routes_of_values(*_ends(before, change, level), unit, whole)


def _unit_and_whole(y_a: tf.Tensor, y_b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Of each window, what its values are measured in, to be divided by, and 1 / q(y_a, y_b)."""
    unit = tf.math.reciprocal_no_nan(tf.maximum(y_a, y_b))
    whole = _times_sums_of_powers(unit * y_a, unit * y_b)
    return unit, _SCALE * tf.math.reciprocal_no_nan(whole)


def _routes_of_values(a: tf.Tensor, b: tf.Tensor, unit: tf.Tensor, whole: tf.Tensor) -> tf.Tensor:
    shape, windows = tf.shape(a), tf.shape(unit)
    rows, columns = 2 * windows[1], 2 * windows[2]
    square = [windows[0], windows[1], 2, windows[2], 2, windows[3]]
    a, b = (tf.reshape(x[:, :rows, :columns], square) for x in (a, b))
    unit, whole = (x[:, :, None, :, None] for x in (unit, whole))
    routes = whole * _times_sums_of_powers(unit * a, unit * b)
    routes = tf.reshape(routes, [windows[0], rows, columns, windows[3]])
    return _with_dropped(routes, shape)


class Pooling(NamedChoice):
    """How a block hands its activations to the next."""

    AVERAGE = "average"
    MAX = "max"
    L2 = "l2"
    SMOOTH_MAX = "smooth_max"

    def value_of(self, x: tf.Tensor, level: float = 0.0) -> tf.Tensor:
        """Pool `x`, shape (B, H, W, C), to (B, H // 2, W // 2, C).

        Values below `level`, in units of x, are averaged rather than compared (smooth maximum).
        """
        if self is Pooling.MAX:
            return tf.nn.max_pool2d(x, ksize=2, strides=2, padding="VALID")
        if self is Pooling.L2:
            return tf.sqrt(_mean(tf.square(x)) + _L2_FLOOR)
        if self is Pooling.SMOOTH_MAX:
            return _smooth_maximum(x, tf.cast(level, x.dtype)) - tf.cast(_SCALE * level, x.dtype)
        return _mean(x)

    def linearize(self, x: tf.Tensor, level: float = 0.0) -> tuple[tf.Tensor, tf.Tensor]:
        """`value_of`, and the derivative of each output with respect to its window, times 4.

        The latter of the shape of `x`, or a scalar 1 for average pooling.
        """
        if self is Pooling.SMOOTH_MAX:
            value, routes = _smooth_linearized(x, tf.cast(level, x.dtype))
            return value - tf.cast(_SCALE * level, x.dtype), routes
        value = self.value_of(x)
        if self is Pooling.MAX:
            return value, _maximum_routes(x)
        if self is Pooling.L2:
            return value, tf.math.divide_no_nan(x, _upsample(value, tf.shape(x)))
        return value, tf.ones([], x.dtype)

    def secant_of(
        self,
        before: tf.Tensor,
        change: tf.Tensor,
        level: float = 0.0,
        after: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """How pooled values change with `change`, and routes that take it there.

        `change` is exact where the difference of values has lost digits, and nothing cancels. Max
        pooling has no such routes that do not jump: for it the difference is a plain one, and the
        routes are the mean of those at both ends.

        Parameters
        ----------
        before, change : of the shape (B, H, W, C)
        level : see `value_of`
        after : the values afterwards to the last digit, which max pooling compares; by default
            before + change, and not below 0
        """
        if self is Pooling.SMOOTH_MAX:
            routes = _smooth_secant(before, change, tf.cast(level, before.dtype))
            return pool_jvp(routes, change), routes
        if self is Pooling.AVERAGE:
            return _mean(change), tf.ones([], change.dtype)
        if after is None:
            after = tf.nn.relu(before + change)
        if self is Pooling.MAX:
            (first, begin), (last, end) = self.linearize(before), self.linearize(after)
            return last - first, (begin + end) / 2
        total = self.value_of(after) + self.value_of(before)
        routes = tf.math.divide_no_nan(before + after, _upsample(total, tf.shape(before)))
        return pool_jvp(routes, change), routes


def pool_jvp(routes: tf.Tensor, tangent: tf.Tensor) -> tf.Tensor:
    """Push tangents (B, H, W, C) through a pooling with the given routes."""
    return _mean(routes * tangent)


def pool_vjp(routes: tf.Tensor, cotangent: tf.Tensor, input_shape: tf.Tensor) -> tf.Tensor:
    """Pull cotangents (B, H // 2, W // 2, C) back to `input_shape` (4 integers)."""
    return routes * _mean_adjoint(cotangent, input_shape)
