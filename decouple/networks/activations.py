"""Activations and their slopes.

The lift needs a slope that is continuous: ReLU's is not, and pixels then get stuck sliding along
the kinks (Filippov), so that the way back is lost however small the step. Softplus with a narrow
width keeps the shape of ReLU and is smooth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from decouple.errors import NamedChoice
from decouple.networks.fused import fused

# Added to changes in units of the width: at 0 there is no quotient, and so small it is the slope.
_NEXT_TO_NOTHING = 1e-20
# Changes, in units of the width, from which on a secant comes from its ends instead of its middle.
_FAR = 0.5


class Activation(NamedChoice):
    """What follows each convolution."""

    SOFTPLUS = "softplus"
    RELU = "relu"

    def value_of(self, z: tf.Tensor, width: float) -> tf.Tensor:
        """The activation of pre-activations `z` (any shape); `width` in units of z (softplus)."""
        if self is Activation.RELU:
            return tf.nn.relu(z)
        return _softplus(z, tf.constant(width, z.dtype))

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
        secant = _softplus_secant(z, slope, change, tf.constant(1.0 / width, z.dtype))
        return secant * change, secant


@tf.custom_gradient
def _softplus(z: tf.Tensor, width: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
    """width log(1 + e^(z/width)), to be differentiated by z alone."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
        return upstream * tf.math.sigmoid(z / width), None

    # Not recorded: another program would run, whose last bits may differ.
    return _softplus_value(tf.stop_gradient(z), width), gradient


@fused
def _softplus_value(z: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    # max(z, 0) + width log1p(e), log1p(e) = 2 atanh(e / (2 + e)); |e / (2 + e)| is at most 1/3.
    e = tf.exp(-tf.abs(z) / width)
    return tf.nn.relu(z) + 2 * width * _atanh_of_small(e / (2 + e))


@fused
def _softplus_secant(
    z: tf.Tensor, slope: tf.Tensor, change: tf.Tensor, per_width: tf.Tensor
) -> tf.Tensor:
    """(log(1 + e^(a+b)) − log(1 + e^a)) / b, with a and b the value and change in widths.

    Within a few roundings of 1 at every size, and the same from both ends. With the slope σ at a,
    and t = tanh(b/2), it is one of

        2/b atanh(v),                               v = σ t / (1 − t + σ t),
        (relu(a+b) − relu(a) + 2 atanh(v)) / b,     v = (r − 1) / (r + 1),

    with r = (1 + e^-|a+b|) / (1 + e^-|a|): the first is log1p(σ expm1(b)), exact for a small b, the
    second for a large one. In both |v| is at most 1/3.
    """
    a, b = z * per_width, change * per_width + _NEXT_TO_NOTHING
    near = tf.abs(b) < _FAR
    t = _tanh_of_small(b / 2)
    r = (1 + tf.exp(-tf.abs(a + b))) * tf.maximum(slope, 1 - slope)
    # Not relu(a+b) − relu(a), which loses digits where both are large.
    risen = tf.where(a > 0, tf.maximum(b, -a), tf.nn.relu(a + b))
    v = tf.where(near, slope * t, r - 1) / tf.where(near, 1 - t + slope * t, r + 1)
    return (tf.where(near, tf.zeros_like(b), risen) + 2 * _atanh_of_small(v)) / b


def _tanh_of_small(x: tf.Tensor) -> tf.Tensor:
    """Tanh to a rounding for |x| up to 1/4: Lambert's continued fraction."""
    y = x * x
    return x / (1 + y / (3 + y / (5 + y / (7 + y / (9 + y / 11)))))


def _atanh_of_small(v: tf.Tensor) -> tf.Tensor:
    """Atanh to a rounding for |v| up to 1/3: its series."""
    y = v * v
    last = 17 if v.dtype == tf.float64 else 7
    series = tf.constant(1 / (2 * last + 1), v.dtype)
    for k in reversed(range(last)):
        series = series * y + 1 / (2 * k + 1)
    return v * series
