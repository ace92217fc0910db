"""3×3 convolutions with 4 products where plain ones take 9: Winograd's F(2×2, 3×3).

Lavin & Gray 2016 (arXiv 1509.09308), section 4.1. Each 2×2 of the result comes from a 4×4 tile of
what is convolved: Aᵀ [(G k Gᵀ) ⊙ (Bᵀ d B)] A, with a kernel k, a tile d and ⊙ position by position,
where each of the 16 positions is a matrix product over the channels, of all tiles at once. B and A
are sums and differences alone. In float32 its rounding errors are 0.7 of those of a plain
convolution that adds its products one after the other, since there are fewer. Where a processor's
code adds them in several sums (without AVX-512), a plain one's are 0.4 of those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

POSITIONS = 16
_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])


# Those of a kernel turned by 180° are the same in another order: the first and the last of G's
# sums are exchanged, and those between stay where they are.
_TURNED = tuple(4 * i + j for i in (3, 1, 2, 0) for j in (3, 1, 2, 0))


def transformed(kernel: tf.Tensor) -> list[tf.Tensor]:
    """G k Gᵀ of kernels (3, 3, C, C_out): 16 of (C, C_out), row by row."""
    with tf.init_scope():  # also while a program is traced
        numbers = kernel.numpy()
        flat = np.kron(_G, _G) @ numbers.reshape(9, -1).astype(np.float64)
        return [tf.constant(one.reshape(numbers.shape[2:]), kernel.dtype) for one in flat]


def convolved(x: tf.Tensor, kernels: Sequence[tf.Tensor]) -> tf.Tensor:
    """Convolve `x` (B, H, W, C), with zero padding, to (B, H, W, C_out)."""
    pairs = zip(_to_tiles(x), kernels, strict=True)
    return _from_tiles([tf.matmul(tile, kernel) for tile, kernel in pairs], x)


def adjoint(g: tf.Tensor, kernels: Sequence[tf.Tensor]) -> tf.Tensor:
    """The adjoint of `convolved`: cotangents (B, H, W, C_out) to (B, H, W, C)."""
    pairs = zip(_to_tiles(g), [kernels[k] for k in _TURNED], strict=True)
    return _from_tiles([tf.matmul(tile, kernel, transpose_b=True) for tile, kernel in pairs], g)


def tiles(shape: Any) -> Any:
    """How many 2×2 of the result there are; `shape` is a tensor's or a tensor, (B, H, W, …)."""
    return shape[0] * ((shape[1] + 1) // 2) * ((shape[2] + 1) // 2)


def _to_tiles(x: tf.Tensor) -> list[tf.Tensor]:
    """Bᵀ d B: 16 of (tiles, C), row by row."""
    images, height, width = tf.unstack(tf.shape(x)[:3])
    rows, columns, channels = (height + 1) // 2, (width + 1) // 2, x.shape[3]
    padded = tf.pad(x, [[0, 0], [1, 2 * rows + 1 - height], [1, 2 * columns + 1 - width], [0, 0]])
    pairs = tf.reshape(padded, [images, rows + 1, 2, columns + 1, 2, channels])
    return [
        tf.reshape(tile, [-1, channels])
        for row in _differences(pairs[:, :, 0], pairs[:, :, 1], 1)
        for tile in _differences(row[:, :, :, 0], row[:, :, :, 1], 2)
    ]


def _differences(even: tf.Tensor, odd: tf.Tensor, axis: int) -> list[tf.Tensor]:
    """Bᵀ of windows of four along an axis, which overlap by two: even, odd, even, odd."""
    first, second = ((*[slice(None)] * axis, part) for part in (slice(-1), slice(1, None)))
    a, b, c, d = even[first], odd[first], even[second], odd[second]
    return [a - c, b + c, c - b, b - d]


def _from_tiles(products: Sequence[tf.Tensor], like: tf.Tensor) -> tf.Tensor:
    """Aᵀ m A of 16 of (tiles, C_out): (B, H, W, C_out), of `like` but for the channels."""
    images, height, width = tf.unstack(tf.shape(like)[:3])
    rows, columns = (height + 1) // 2, (width + 1) // 2
    square = [images, rows, columns, products[0].shape[1]]
    m = [tf.reshape(product, square) for product in products]
    by_row = [_sums(m[4 * i : 4 * i + 4], axis=3) for i in range(4)]
    y = _sums(by_row, axis=2)
    whole = tf.reshape(y, [images, 2 * rows, 2 * columns, square[3]])
    return whole[:, :height, :width]


def _sums(four: Sequence[tf.Tensor], axis: int) -> tf.Tensor:
    """Aᵀ of four, the two results beside one another."""
    a, b, c, d = four
    return tf.stack([a + b + c, b - c - d], axis=axis)
