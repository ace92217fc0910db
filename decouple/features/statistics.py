"""Spatial statistics of activations: what stays when positions are forgotten.

None of them changes when the positions of an activation are permuted, and with them the weights of
a region. All take activations (B, h, w, C) of any floating type and are differentiable. `weights`
(h, w), with the sum 1, are those of a region (`features.regions`); without any, all positions count
alike.
"""

from __future__ import annotations

import tensorflow as tf


def means(activation: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
    """Mean of each channel, (B, C) float64.

    Rows are summed up in float64: the way back of a noisification amplifies every rounding.
    """
    if weights is not None:
        return tf.einsum("bhwc,hw->bc", tf.cast(activation, tf.float64), weights)
    rows = tf.reduce_mean(activation, axis=2)
    return tf.reduce_mean(tf.cast(rows, tf.float64), axis=1)


def gram(activation: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
    """Gram matrix FᵀF, (B, C, C), summed over the h·w positions that are the rows of F.

    Of a region h·w times the weighted mean of the positions' products.

    Gatys, Ecker & Bethge 2016 (arXiv 1508.06576, equation 3), where F is transposed. Type of the
    activation.
    """
    return _self_product(_positions(_guided(activation, weights)))


def covariance(activation: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
    """Covariance of the channels over the positions, (B, C, C): FᵀF / (h·w) less that of the means.

    The sum is divided by h·w, and the means are subtracted before squaring, so that a large mean
    does not drown a small covariance. Type of the activation.
    """
    mean = tf.cast(means(activation, weights), activation.dtype)
    positions = _positions(_guided(activation - mean[:, None, None, :], weights))
    return _self_product(positions) / tf.cast(tf.shape(positions)[1], activation.dtype)


def _guided(activation: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    """Activations times the square roots of weights, whose mean square is 1."""
    if weights is None:
        return activation
    roots = tf.sqrt(weights * tf.cast(tf.size(weights), weights.dtype))
    return activation * tf.cast(roots, activation.dtype)[None, :, :, None]


def _positions(activation: tf.Tensor) -> tf.Tensor:
    """Activations (B, h, w, C) as (B, h·w, C)."""
    shape = tf.shape(activation)
    flat = tf.reshape(activation, [shape[0], shape[1] * shape[2], shape[3]])
    return tf.ensure_shape(flat, [activation.shape[0], None, activation.shape[3]])


@tf.custom_gradient
def _self_product(f: tf.Tensor) -> tuple[tf.Tensor, object]:
    """FᵀF with its gradient as one matrix product; the tape would make two and add them."""

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        return tf.matmul(f, upstream + tf.linalg.matrix_transpose(upstream))

    return tf.matmul(f, f, transpose_a=True), gradient
