"""Activations and their slopes.

The lift needs a slope that is continuous: ReLU's is not, and pixels then get stuck sliding along
the kinks (Filippov), so that the way back is lost however small the step. Softplus with a narrow
width keeps the shape of ReLU and is smooth.
"""

from __future__ import annotations

import tensorflow as tf

from decouple.errors import NamedChoice

# Changes of this many widths are told apart from small ones; e^8 is far from overflow.
_LARGE = 8.0


class Activation(NamedChoice):
    """What follows each convolution."""

    SOFTPLUS = "softplus"
    RELU = "relu"

    def value_of(self, z: tf.Tensor, width: float) -> tf.Tensor:
        """The activation of pre-activations `z` (any shape); `width` in units of z (softplus)."""
        if self is Activation.RELU:
            return tf.nn.relu(z)
        return width * tf.nn.softplus(z / width)

    def slope_of(self, z: tf.Tensor, width: float) -> tf.Tensor:
        """The derivative at `z`, in [0, 1]; ReLU's at 0 is 0."""
        if self is Activation.RELU:
            return tf.cast(z > 0, z.dtype)
        return tf.math.sigmoid(z / width)

    def difference_of(
        self, z: tf.Tensor, slope: tf.Tensor, change: tf.Tensor, width: float
    ) -> tf.Tensor:
        """Activation at `z + change` minus activation at `z`, without cancellation.

        The rounding error is relative to the difference, however small it is. `slope` is the
        slope at `z`.
        """
        if self is Activation.RELU:
            moved = z + change
            fallen = tf.where(moved > 0, change, -z)
            return tf.where(z > 0, fallen, tf.nn.relu(moved))
        # log(1 + e^(a+b)) - log(1 + e^a) = log1p(sigmoid(a) expm1(b)).
        a, b = z / width, change / width
        small = tf.math.log1p(slope * tf.math.expm1(tf.clip_by_value(b, -_LARGE, _LARGE)))

        def with_large() -> tf.Tensor:
            # Where expm1 would overflow, the plain difference has nothing to lose.
            plain = tf.nn.softplus(a + b) - tf.nn.softplus(a)
            return tf.where(tf.abs(b) < _LARGE, small, plain)

        any_large = tf.reduce_max(tf.abs(b)) >= _LARGE
        return width * tf.cond(any_large, with_large, lambda: small)
