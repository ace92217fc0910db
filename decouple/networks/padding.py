"""What a 3×3 convolution sees beyond the border of an image, with the exact adjoint of each kind.

A convolution is padding by one position to each side, P, and then the convolution C with zeros
beyond that, of which the outermost positions are cut off. So its adjoint is that of C of a
cotangent with zeros around it, and then Pᵀ, which adds what lies beyond the border to where it was
taken from.
"""

from __future__ import annotations

import tensorflow as tf

from decouple.errors import NamedChoice
from decouple.networks.convolution import Linear


class Padding(NamedChoice):
    """zero (as VGG was trained), reflect (about the outermost positions) or circular (a torus)."""

    ZERO = "zero"
    REFLECT = "reflect"
    CIRCULAR = "circular"

    @property
    def identity(self) -> dict[str, str]:
        """Nothing of zeros, so that what was kept before there was a choice is the same."""
        return {} if self is Padding.ZERO else {"padding": self.value}

    @property
    def least(self) -> int:
        """Positions that a side must have."""
        return 2 if self is Padding.REFLECT else 1

    def convolved(self, x: tf.Tensor, convolve: Linear) -> tf.Tensor:
        """Convolve `x` (B, h, w, C), where `convolve` pads with zeros."""
        if self is Padding.ZERO:
            return convolve(x)
        return convolve(self._around(self._around(x, 1), 2))[:, 1:-1, 1:-1]

    def adjoint(self, g: tf.Tensor, convolve: Linear) -> tf.Tensor:
        """The adjoint of `convolved`, where `convolve` is that of the one with zeros."""
        if self is Padding.ZERO:
            return convolve(g)
        y = convolve(tf.pad(g, [[0, 0], [1, 1], [1, 1], [0, 0]]))
        return self._folded(self._folded(y, 1), 2)

    def _around(self, x: tf.Tensor, axis: int) -> tf.Tensor:
        """One position more at both ends of an axis."""
        first, last = self._sources(tf.shape(x)[axis])
        ends = [tf.gather(x, [place], axis=axis) for place in (first, last)]
        return tf.concat([ends[0], x, ends[1]], axis)

    def _folded(self, y: tf.Tensor, axis: int) -> tf.Tensor:
        """The adjoint of `_around`."""
        size = tf.shape(y)[axis] - 2
        before, inside, after = tf.split(y, [1, size, 1], axis)
        first, last = self._sources(size)
        shape = [1, 1, 1, 1]
        shape[axis] = -1
        places = [tf.reshape(tf.one_hot(k, size, dtype=y.dtype), shape) for k in (first, last)]
        return inside + places[0] * before + places[1] * after

    def _sources(self, size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Which positions of a side stand beyond its first one, and beyond its last."""
        if self is Padding.CIRCULAR:
            return size - 1, tf.zeros_like(size)
        return tf.ones_like(size), size - 2
