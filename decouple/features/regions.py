"""Regions of an image, as weights over the positions of a layer.

A mask (H, W) says how much of a pixel belongs to a region. At a layer, a position has the mean of
the mask over the pixels' area that falls to it, whatever the mask's size; divided by their sum
these are the weights with which the region's means are taken. Gatys et al. 2017 (arXiv 1611.07865,
section 3) call their square roots guidance channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


def region_weights(masks: np.ndarray, height: Any, width: Any) -> tf.Tensor:
    """Weights over the positions of a layer, whose sum is 1.

    Parameters
    ----------
    masks : (..., H, W), not negative, none of them zero everywhere
    height, width : of the layer, numbers or scalar tensors

    Returns
    -------
    (..., height, width) float64.
    """
    held = tf.constant(masks, tf.float64)
    down = _shares(np.shape(masks)[-2], height)
    across = _shares(np.shape(masks)[-1], width)
    means = tf.einsum("ij,...jk,lk->...il", down, held, across)
    return means / tf.reduce_sum(means, axis=(-2, -1), keepdims=True)


def _shares(pixels: int, positions: Any) -> tf.Tensor:
    """(positions, pixels), the share of each pixel that falls to a position, on a line."""
    count = tf.cast(positions, tf.float64)
    ends = tf.range(count + 1.0, dtype=tf.float64)[: positions + 1] * (pixels / count)
    starts = tf.range(pixels, dtype=tf.float64)
    overlap = tf.minimum(ends[1:, None], starts + 1) - tf.maximum(ends[:-1, None], starts)
    return tf.nn.relu(overlap)
