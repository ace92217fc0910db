"""Activations and their slopes.

The lift needs a slope that is continuous: ReLU's is not, and pixels then get stuck sliding along
the kinks (Filippov), so that the way back is lost however small the step. Softplus with a narrow
width keeps the shape of ReLU and is smooth.
"""

from __future__ import annotations

import tensorflow as tf

from decouple.errors import NamedChoice


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
