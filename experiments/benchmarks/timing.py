"""Time ways of doing the same, turn about, so that other load falls on all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

_MATRIX = 3072


@dataclass(frozen=True)
class Timed:
    """What one way took, in seconds.

    Attributes
    ----------
    least, median : of all rounds, by the clock
    computing : the least that its threads computed (user and system), which other load leaves
        nearly alone
    """

    least: float
    median: float
    computing: float


def turn_about(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timed]:
    """Time each way once a round, after a first call that does not count."""
    for run in ways.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    computing: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            began, busy = time.perf_counter(), time.process_time()
            run()
            seconds[name].append(time.perf_counter() - began)
            computing[name].append(time.process_time() - busy)
    return {
        name: Timed(min(values), float(np.median(values)), min(computing[name]))
        for name, values in seconds.items()
    }


def matrix_products() -> tuple[dict[str, Callable[[], object]], float]:
    """Products of float32 matrices by TensorFlow and by numpy, to be timed; operations of each."""
    matrix = tf.random.normal((_MATRIX, _MATRIX))
    product, array = tf.function(lambda: tf.matmul(matrix, matrix)), matrix.numpy()
    ways = {"tensorflow's product": lambda: product()[0, 0].numpy(), "numpy's": lambda: array @ array}
    return ways, 2 * _MATRIX**3
