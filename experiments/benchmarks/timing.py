"""Time ways of doing the same, turn about, so that other load falls on all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from decouple.features import Features
from decouple.networks import Chain
from decouple.networks.architecture import Conv

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


def evaluation(extractor: Features, image: np.ndarray) -> Callable[[], object]:
    """What the lift's steps consist of: linearize, then, again and again, secant and VJP."""
    cotangent = np.ones(extractor.size)
    change = np.random.default_rng(0).normal(scale=1e-3, size=image.shape)

    def evaluate() -> np.ndarray:
        secant = extractor.secant(extractor.linearize(image), change)
        return extractor.vjp(secant, cotangent)

    return evaluate


def matrix_products(dtype: str = "float32") -> tuple[dict[str, Callable[[], object]], float]:
    """Products of matrices by TensorFlow and by numpy, to be timed; operations of each."""
    matrix = tf.random.normal((_MATRIX, _MATRIX), dtype=dtype)
    product, array = tf.function(lambda: tf.matmul(matrix, matrix)), matrix.numpy()
    ways = {
        "tensorflow's product": lambda: product()[0, 0].numpy(),
        "numpy's": lambda: array @ array,
    }
    return ways, 2 * _MATRIX**3


def operations(chain: Chain, pixels: int, grams: Container[str] = ()) -> float:
    """Multiplications and additions of the convolutions of one image, and of these Gram matrices.

    A way back through the chain has as many.
    """
    channels, total = 3, 0.0
    for layer in chain.layers:
        if isinstance(layer, Conv):
            total += 2 * 9 * channels * layer.filters * pixels
            channels = layer.filters
            total += 2 * channels**2 * pixels if layer.name in grams else 0
        else:
            pixels //= 4
    return total
