"""3×3 convolutions of few channels and of many, with zero padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
import tensorflow as tf

from decouple.networks import winograd
from decouple.networks.fused import fused, on_cpu

Linear = Callable[[tf.Tensor], tf.Tensor]
Winograd = Callable[[tf.Tensor, Sequence[tf.Tensor]], tf.Tensor]

# A convolution to so few channels, an image's three, takes 2.5 times as long as a product with its
# nine positions (512 px).
_FEW = 4
# From so many pairs of channels and 2×2 positions on Winograd's way takes less time, enough to make
# up for what its programs take to begin with (experiments/benchmarks/convolutions.py).
_PAIRS, _TILES = 2**16, 48


class Filters:
    """Those of a layer: their convolution and its adjoint, each by the way that is the fastest.

    Parameters
    ----------
    kernel : (3, 3, C, C_out)
    dtype : of all computations

    Attributes
    ----------
    kernel, turned : (3, 3, C, C_out) and (3, 3, C_out, C); the adjoint of a 3×3 convolution with
        zero padding is the one with the kernel turned by 180° and its channels exchanged
    many : whether they are many enough for Winograd's way
    derived : how many numbers that keeps of them, which are made when it is first taken
    """

    def __init__(self, kernel: np.ndarray, dtype: str) -> None:
        self.kernel = tf.constant(kernel, dtype)
        self.turned = tf.constant(
            np.ascontiguousarray(kernel[::-1, ::-1].transpose(0, 1, 3, 2)), dtype
        )
        pairs = kernel.shape[2] * kernel.shape[3]
        # On a GPU cuDNN chooses among such ways by itself.
        self.many = pairs >= _PAIRS and on_cpu()
        self.derived = winograd.POSITIONS * pairs if self.many else 0

    def convolved(self, x: tf.Tensor) -> tf.Tensor:
        """Of `x` (B, H, W, C): (B, H, W, C_out)."""
        along = self._fastest(winograd.convolved, self.kernel)
        return tf.custom_gradient(lambda x: (along(x), self.adjoint))(x)

    def adjoint(self, g: tf.Tensor) -> tf.Tensor:
        """Of `g` (B, H, W, C_out): (B, H, W, C)."""
        back = self._fastest(winograd.adjoint, self.turned)
        return tf.custom_gradient(lambda g: (back(g), self.convolved))(g)

    def _fastest(self, way: Winograd, kernel: tf.Tensor) -> Linear:
        if not self.many:
            return partial(convolved, kernel=kernel)

        def called(x: tf.Tensor) -> tf.Tensor:
            if x.shape[:3].is_fully_defined() and winograd.tiles(x.shape) < _TILES:
                return convolved(x, kernel)
            program = _by_size(way, *kernel.shape[2:], kernel.dtype)
            y = program(x, kernel, self._transformed)
            y.set_shape([*x.shape[:3], kernel.shape[3]])
            return y

        return called

    @cached_property
    def _transformed(self) -> list[tf.Tensor]:
        return winograd.transformed(self.kernel)


@cache
def _by_size(way: Winograd, channels: int, filters: int, dtype: tf.DType) -> Callable[..., Any]:
    """Of `x`, a kernel, and what Winograd's way takes for it: by that way, or plainly.

    Programs that call it do not trace its many operations again.
    """

    def program(x: tf.Tensor, kernel: tf.Tensor, transformed: list[tf.Tensor]) -> tf.Tensor:
        return tf.cond(
            winograd.tiles(tf.shape(x)) >= _TILES,
            lambda: way(x, transformed),
            lambda: convolved(x, kernel),
        )

    x = tf.TensorSpec([None, None, None, channels], dtype)
    kernel = tf.TensorSpec([3, 3, channels, filters], dtype)
    # The adjoint has those of the layer, which it takes turned.
    sides = (filters, channels) if way is winograd.adjoint else (channels, filters)
    transformed = [tf.TensorSpec(sides, dtype)] * winograd.POSITIONS
    return tf.function(
        program,
        input_signature=[x, kernel, transformed],
        autograph=False,
        # Inlined, its operations would be optimized again with each program that calls it.
        experimental_attributes={"_noinline": True},
    )


def convolved_scaled(x: tf.Tensor, scales: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Convolve `x` (1, H, W, C), its channels scaled in B ways (B, 1, 1, C), to (B, H, W, C_out).

    The scales go into the kernel: one convolution to B times as many channels, which costs less
    than B convolutions to the three of an image.
    """
    # (3, 3, C, B, C_out)
    kernels = kernel[:, :, :, None, :] * tf.transpose(scales[:, 0, 0, :])[:, :, None]
    y = convolved(x, tf.reshape(kernels, [3, 3, kernel.shape[2], -1]))
    return side_by_side_to_batch(y, kernel.shape[3])


def side_by_side_to_batch(x: tf.Tensor, channels: int) -> tf.Tensor:
    """(1, H, W, B C) to (B, H, W, C)."""
    size = tf.shape(x)
    return tf.transpose(tf.reshape(x, [size[1], size[2], -1, channels]), [2, 0, 1, 3])


def convolved(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Convolve `x` (B, H, W, C) with a kernel (3, 3, C, C_out), with zero padding."""

    def to_many() -> tf.Tensor:
        return tf.nn.conv2d(x, kernel, strides=1, padding="SAME")

    def to_few() -> tf.Tensor:
        # Each position of the kernel by itself, in one matrix product to 9 times as many channels.
        positions = tf.reshape(tf.transpose(kernel, [2, 0, 1, 3]), [kernel.shape[2], -1])
        return _sum_shifted(tf.tensordot(x, positions, axes=1))

    channels = kernel.shape[3]
    if channels is None:  # known when it is run
        return tf.cond(tf.shape(kernel)[3] <= _FEW, to_few, to_many)
    return to_few() if channels <= _FEW else to_many()


@fused
def _sum_shifted(products: tf.Tensor) -> tf.Tensor:
    """Sum up what a kernel's 9 positions make of their neighbours: (B, H, W, 9 C) to C channels."""
    height, width = tf.shape(products)[1], tf.shape(products)[2]
    padded = tf.pad(products, [[0, 0], [1, 1], [1, 1], [0, 0]])
    return tf.add_n(
        [
            part[:, i // 3 : i // 3 + height, i % 3 : i % 3 + width]
            for i, part in enumerate(tf.split(padded, 9, axis=3))
        ]
    )
