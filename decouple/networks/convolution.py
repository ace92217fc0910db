"""3×3 convolutions of few channels and of many, with zero padding."""

from __future__ import annotations

import tensorflow as tf

from decouple.networks.fused import fused

# A convolution to so few channels, an image's three, takes 2.5 times as long as a product with its
# nine positions (512 px).
_FEW = 4


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
