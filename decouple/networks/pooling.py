"""2×2 poolings with stride 2, and their linearizations.

Every pooling here is, at a point, a weighted sum over its window. With the weights stored at the
point (the *routes*), its JVP and VJP are a product and an average pooling (or its adjoint), and
the same routes serve the forward pass, JVP and VJP, so that ties are broken alike in all three.
"""

from __future__ import annotations

import tensorflow as tf

from decouple.errors import NamedChoice

# Keeps the gradient of l2 pooling finite where a window is all zero.
_L2_FLOOR = 1e-6


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


def _first_maximum(x: tf.Tensor) -> tf.Tensor:
    """1 at the first maximum of each window (row by row), 0 elsewhere; same shape as `x`."""
    shape = tf.shape(x)
    rows, columns = shape[1] // 2 * 2, shape[2] // 2 * 2
    corners = tf.stack([x[:, i:rows:2, j:columns:2] for i in (0, 1) for j in (0, 1)], axis=-1)
    chosen = tf.one_hot(tf.argmax(corners, axis=-1), depth=4, dtype=x.dtype)
    windows = tf.reshape(
        tf.transpose(
            tf.reshape(chosen, tf.concat([tf.shape(chosen)[:4], [2, 2]], 0)), [0, 1, 4, 2, 5, 3]
        ),
        [shape[0], rows, columns, shape[3]],
    )
    return tf.pad(windows, [[0, 0], [0, shape[1] - rows], [0, shape[2] - columns], [0, 0]])


class Pooling(NamedChoice):
    """How a block hands its activations to the next."""

    AVERAGE = "average"
    MAX = "max"
    L2 = "l2"

    def value_of(self, x: tf.Tensor) -> tf.Tensor:
        """Pool `x`, shape (B, H, W, C), to (B, H // 2, W // 2, C)."""
        if self is Pooling.MAX:
            return tf.nn.max_pool2d(x, ksize=2, strides=2, padding="VALID")
        if self is Pooling.L2:
            return tf.sqrt(_mean(tf.square(x)) + _L2_FLOOR)
        return _mean(x)

    def routes_of(self, x: tf.Tensor) -> tf.Tensor:
        """The derivative of each output with respect to its window, times 4.

        Shape of `x`, or a scalar 1 for average pooling.
        """
        if self is Pooling.MAX:
            return 4.0 * _first_maximum(x)
        if self is Pooling.L2:
            return tf.math.divide_no_nan(x, _upsample(self.value_of(x), tf.shape(x)))
        return tf.ones([], x.dtype)

    def secant_of(
        self, before: tf.Tensor, after: tf.Tensor, change: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """How pooled values change, and routes that take `change` = after - before there.

        `change` is exact where the difference has lost digits, and nothing cancels. Max pooling has
        no such routes that do not jump: for it the difference is a plain one, and the routes are
        the mean of those at both ends.
        """
        if self is Pooling.MAX:
            difference = self.value_of(after) - self.value_of(before)
            return difference, (self.routes_of(before) + self.routes_of(after)) / 2
        if self is Pooling.L2:
            total = self.value_of(after) + self.value_of(before)
            routes = tf.math.divide_no_nan(before + after, _upsample(total, tf.shape(before)))
            return pool_jvp(routes, change), routes
        return _mean(change), self.routes_of(before)


def pool_jvp(routes: tf.Tensor, tangent: tf.Tensor) -> tf.Tensor:
    """Push tangents (B, H, W, C) through a pooling with the given routes."""
    return _mean(routes * tangent)


def pool_vjp(routes: tf.Tensor, cotangent: tf.Tensor, input_shape: tf.Tensor) -> tf.Tensor:
    """Pull cotangents (B, H // 2, W // 2, C) back to `input_shape` (4 integers)."""
    return routes * _mean_adjoint(cotangent, input_shape)
