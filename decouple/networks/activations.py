"""Activations and their slopes.

The lift needs a slope that is continuous: ReLU's is not, and pixels then get stuck sliding along
the kinks (Filippov), so that the way back is lost however small the step. Softplus with a narrow
width keeps the shape of ReLU and is smooth.
"""

from __future__ import annotations

import tensorflow as tf

from decouple.errors import NamedChoice

# In units of the width: a fall by more loses digits when it is computed from its upper end, where
# the slope is near 1; and e to the power of the other is near float32's overflow.
_FAR_DOWN, _OVERFLOW = 1.0, 80.0
# Added to changes in units of the width: at 0 there is no quotient, and so small it is the slope.
_NEXT_TO_NOTHING = 1e-20


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

    def secant_of(
        self, z: tf.Tensor, slope: tf.Tensor, change: tf.Tensor, width: float
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Activation at `z + change` minus activation at `z`, and the slope of the secant.

        That is the difference over `change`, and `slope`, which is the slope at `z`, where nothing
        changes. Nothing cancels: rounding errors are relative to the difference, however small.
        """
        if self is Activation.RELU:
            moved = z + change
            fallen = tf.where(moved > 0, change, -z)
            difference = tf.where(z > 0, fallen, tf.nn.relu(moved))
            still = change == 0
            divisor = tf.where(still, tf.ones_like(change), change)
            return difference, tf.where(still, slope, difference / divisor)
        # log(1 + e^(a+b)) - log(1 + e^a) = log1p(sigmoid(a) expm1(b)).
        b = change * (1.0 / width) + _NEXT_TO_NOTHING
        lowest, highest = tf.reduce_min(b), tf.reduce_max(b)

        def upwards() -> tf.Tensor:
            # From the lower of the two ends, where nothing cancels however far it is.
            up = tf.abs(b)
            lower = tf.math.sigmoid(z * (1.0 / width) + tf.minimum(b, 0.0))
            return tf.math.log1p(lower * tf.math.expm1(up)) / up

        def plain() -> tf.Tensor:
            # Where expm1 would overflow, the plain difference has nothing to lose.
            a = z * (1.0 / width)
            far = (tf.nn.softplus(a + b) - tf.nn.softplus(a)) / b
            near = tf.abs(b) < _OVERFLOW
            return tf.where(near, upwards(), far)

        secant = tf.cond(
            (lowest > -_FAR_DOWN) & (highest < _OVERFLOW),
            lambda: tf.math.log1p(slope * tf.math.expm1(b)) / b,
            lambda: tf.cond(tf.maximum(-lowest, highest) < _OVERFLOW, upwards, plain),
        )
        return secant * change, secant
