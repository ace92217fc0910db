"""Elementwise formulas as one loop over the elements instead of one for each operation."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import tensorflow as tf


def fused(formula: Callable[..., Any]) -> Callable[..., Any]:
    """`formula` of tensors, compiled by XLA where that is sure to be at hand: on a CPU.

    What a long formula costs operation by operation is the memory that each writes and the next
    one reads. Compiled once in a process for each shape and type, in about 0.1 s.

    On a machine with GPUs it is left as it is: XLA needs parts of the CUDA toolkit there that
    TensorFlow runs without.
    """
    compiled = tf.function(formula, jit_compile=True)

    @wraps(formula)
    def call(*tensors: tf.Tensor) -> Any:
        return compiled(*tensors) if _compiles() else formula(*tensors)

    return call


def on_cpu() -> bool:
    """Whether this machine has no GPU that TensorFlow can use."""
    return not tf.config.list_physical_devices("GPU")


@cache
def _compiles() -> bool:
    with tf.init_scope():  # also while a program is traced
        if not on_cpu():
            return False
        try:
            tf.function(tf.exp, jit_compile=True)(tf.zeros(1))
        except tf.errors.OpError:  # a build of TensorFlow without XLA
            return False
    return True
