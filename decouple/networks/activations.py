"""Activations and their slopes.

The lift needs a slope that is continuous: ReLU's is not, and pixels then get stuck sliding along
the kinks (Filippov), so that the way back is lost however small the step. Softplus with a narrow
width keeps the shape of ReLU and is smooth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from decouple.errors import NamedChoice
from decouple.networks.fused import fused

# Added to changes in units of the width: at 0 there is no quotient, and so small it is the slope.
_NEXT_TO_NOTHING = 1e-20
# Changes, in units of the width, from which on a secant comes from its ends instead of its middle.
_FAR = 0.5


class Kept(NamedTuple):
    """What secants from a place need to know of it; shapes of the pre-activations.

    z, slope : pre-activations, and the activation's derivative there
    sigma, softplus : of unbiased softplus: softplus's slope, and softplus in units of the width
    """

    z: tf.Tensor
    slope: tf.Tensor
    sigma: tf.Tensor | None = None
    softplus: tf.Tensor | None = None


class Activation(NamedChoice):
    """What follows each convolution."""

    SOFTPLUS = "softplus"
    UNBIASED_SOFTPLUS = "unbiased_softplus"
    RELU = "relu"

    @property
    def smooth(self) -> bool:
        """Whether its slope is continuous."""
        return self is not Activation.RELU

    def value_of(self, z: tf.Tensor, width: float) -> tf.Tensor:
        """The activation of pre-activations `z` (any shape); `width` in units of z (softplus)."""
        if self is Activation.RELU:
            return tf.nn.relu(z)
        if self is Activation.UNBIASED_SOFTPLUS:
            return _unbiased(z, tf.constant(width, z.dtype))
        return _softplus(z, tf.constant(width, z.dtype))

    def slope_of(self, z: tf.Tensor, width: float) -> tf.Tensor:
        """The derivative at `z`, in [0, 1] (unbiased softplus: to 1.1); ReLU's at 0 is 0."""
        if self is Activation.RELU:
            return tf.cast(z > 0, z.dtype)
        if self is Activation.UNBIASED_SOFTPLUS:
            return _unbiased_slope(z, tf.constant(width, z.dtype))
        return tf.math.sigmoid(z / width)

    @property
    def kept(self) -> int:
        """How many numbers for each pre-activation `Kept` holds."""
        return 4 if self is Activation.UNBIASED_SOFTPLUS else 2

    def linearize(self, z: tf.Tensor, width: float) -> tuple[tf.Tensor, Kept]:
        """The activation at `z`, and what secants from there need, its slope among it."""
        if self is Activation.UNBIASED_SOFTPLUS:
            value, *known = _unbiased_linearized(z, tf.constant(width, z.dtype))
            return value, Kept(z, *known)
        return self.value_of(z, width), Kept(z, self.slope_of(z, width))

    def value_at(self, kept: Kept, width: float) -> tf.Tensor:
        """The activation where `kept` is from."""
        if self is Activation.UNBIASED_SOFTPLUS:
            return _unbiased_known(kept.softplus, kept.sigma, tf.constant(width, kept.z.dtype))
        return self.value_of(kept.z, width)

    def secant_of(self, kept: Kept, change: tf.Tensor, width: float) -> tuple[tf.Tensor, tf.Tensor]:
        """Activation at z + `change` minus activation at z, and the slope of the secant.

        That is the difference over `change`, and the slope at z where nothing changes. Nothing
        cancels: rounding errors are relative to the difference, however small.
        """
        z, slope = kept.z, kept.slope
        if self is Activation.RELU:
            moved = z + change
            fallen = tf.where(moved > 0, change, -z)
            difference = tf.where(z > 0, fallen, tf.nn.relu(moved))
            still = change == 0
            divisor = tf.where(still, tf.ones_like(change), change)
            return difference, tf.where(still, slope, difference / divisor)
        per_width = tf.constant(1.0 / width, z.dtype)
        if self is Activation.UNBIASED_SOFTPLUS:
            return _unbiased_secant(z, kept.sigma, kept.softplus, change, per_width)
        return _softplus_secant(z, slope, change, per_width)


@tf.custom_gradient
def _softplus(z: tf.Tensor, width: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
    """width log(1 + e^(z/width)), to be differentiated by z alone."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
        return upstream * tf.math.sigmoid(z / width), None

    # Not recorded: another program would run, whose last bits may differ.
    return _softplus_value(tf.stop_gradient(z), width), gradient


@fused
def _softplus_value(z: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    a = z / width
    return width * _unit_softplus(a, tf.exp(-tf.abs(a)))


def _unit_softplus(a: tf.Tensor, e: tf.Tensor) -> tf.Tensor:
    """log(1 + e^a), with e = e^-|a|."""
    # max(a, 0) + log1p(e), log1p(e) = 2 atanh(e / (2 + e)); |e / (2 + e)| is at most 1/3.
    return tf.nn.relu(a) + 2 * _atanh_of_small(e / (2 + e))


@tf.custom_gradient
def _unbiased(z: tf.Tensor, width: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
    """Softplus times its slope, to be differentiated by z alone.

    Softplus lies above ReLU everywhere, and the means of a deep network add that up. This, the
    derivative of half of softplus's square, is above ReLU near 0 and below it beyond, by as much in
    all: ∫ (h − ReLU) = 0. At the same distance from ReLU its bend may be a third wider.
    """

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
        return upstream * _unbiased_slope(z, width), None

    return _unbiased_value(tf.stop_gradient(z), width), gradient


@fused
def _unbiased_value(z: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    return _unbiased_parts(z, width)[0]


@fused
def _unbiased_slope(z: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    return _unbiased_parts(z, width)[1]


@fused
def _unbiased_linearized(z: tf.Tensor, width: tf.Tensor) -> tuple[tf.Tensor, ...]:
    return _unbiased_parts(z, width)


@fused
def _unbiased_known(softplus: tf.Tensor, sigma: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    return width * softplus * sigma


def _unbiased_parts(z: tf.Tensor, width: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Value, slope, and of softplus its slope and its value in widths: of one exponential."""
    a = z / width
    e = tf.exp(-tf.abs(a))
    larger = 1 / (1 + e)
    smaller = e * larger
    sigma = tf.where(a > 0, larger, smaller)
    softplus = _unit_softplus(a, e)
    slope = sigma * (sigma + softplus * tf.where(a > 0, smaller, larger))
    return width * softplus * sigma, slope, sigma, softplus


@fused
def _unbiased_secant(
    z: tf.Tensor, begin: tf.Tensor, softplus: tf.Tensor, change: tf.Tensor, per_width: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """By the product rule of secants, (p₁ − p₀)/b · (σ₀ + σ₁)/2 + (p₀ + p₁)/2 · (σ₁ − σ₀)/b.

    With p softplus and σ its slope at the ends (`softplus` and `begin` at the first), and b the
    change in widths. As exact as `_softplus_secant`, of which the first quotient is made.
    """
    a, b = z * per_width, change * per_width + _NEXT_TO_NOTHING
    c = a + b
    e = tf.exp(-tf.abs(c))
    larger = 1 / (1 + e)
    end = tf.where(c > 0, larger, e * larger)
    near = tf.abs(b) < _FAR
    sinh, cosh = _hyperbolic(tf.where(near, b / 2, tf.zeros_like(b)))
    risen = _unit_change(a, begin, b, near, sinh, cosh, e)
    # σ₁ − σ₀ = σ₁ (1 − σ₀) (1 − e^-b); where b is large the plain difference is exact enough. What
    # 1 − σ₀ loses by rounding is lost of p₀ (1 − σ₀), which is small beside σ₀ there.
    steeper = tf.where(near, end * (1 - begin) * 2 * sinh / (cosh + sinh), end - begin)
    unit = 1 / b  # before any product: a small one of small ones would be lost
    secant = risen * unit * (begin + end) / 2 + (softplus + risen / 2) * (steeper * unit)
    return secant * change, secant


@fused
def _softplus_secant(
    z: tf.Tensor, slope: tf.Tensor, change: tf.Tensor, per_width: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """(log(1 + e^(a+b)) − log(1 + e^a)) / b, with a and b the value and change in widths.

    Within a few roundings of 1 at every size, and the same from both ends. With the slope σ at a,
    and t = tanh(b/2), it is one of

        2/b atanh(v),                               v = σ t / (1 − t + σ t),
        (relu(a+b) − relu(a) + 2 atanh(v)) / b,     v = (r − 1) / (r + 1),

    with r = (1 + e) / (1 + e^-|a|) and e = e^-|a+b|: the first is log1p(σ expm1(b)), exact for a
    small b, the second for a large one. In both |v| is at most 1/3. Times `change`, and itself.
    """
    a, b = z * per_width, change * per_width + _NEXT_TO_NOTHING
    near = tf.abs(b) < _FAR
    sinh, cosh = _hyperbolic(b / 2)
    secant = _unit_change(a, slope, b, near, sinh, cosh, tf.exp(-tf.abs(a + b))) / b
    return secant * change, secant


def _unit_change(
    a: tf.Tensor,
    slope: tf.Tensor,
    b: tf.Tensor,
    near: tf.Tensor,
    sinh: tf.Tensor,
    cosh: tf.Tensor,
    e: tf.Tensor,
) -> tf.Tensor:
    """log(1 + e^(a+b)) − log(1 + e^a), with t = sinh / cosh and e as in `_softplus_secant`."""
    r = (1 + e) * tf.maximum(slope, 1 - slope)
    # Not relu(a+b) − relu(a), which loses digits where both are large.
    risen = tf.where(a > 0, tf.maximum(b, -a), tf.nn.relu(a + b))
    part = slope * sinh
    v = tf.where(near, part, r - 1) / tf.where(near, cosh - sinh + part, r + 1)
    return tf.where(near, tf.zeros_like(b), risen) + 2 * _atanh_of_small(v)


def _hyperbolic(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Two numbers whose quotient is tanh, to a rounding for |x| up to 1/4.

    Lambert's continued fraction x / (1 + x² / (3 + x² / (5 + … / 11))) as one quotient, which is
    left to be divided together with others.
    """
    y = x * x
    return x * (10395 + y * (1260 + y * 21)), 10395 + y * (4725 + y * (210 + y))


def _atanh_of_small(v: tf.Tensor) -> tf.Tensor:
    """Atanh to a rounding for |v| up to 1/3: its series."""
    y = v * v
    last = 17 if v.dtype == tf.float64 else 7
    series = tf.constant(1 / (2 * last + 1), v.dtype)
    for k in reversed(range(last)):
        series = series * y + 1 / (2 * k + 1)
    return v * series
