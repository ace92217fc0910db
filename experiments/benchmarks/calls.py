"""What it spares that passes are called by their tensors, beside `tf.function`'s own search.

    python experiments/benchmarks/calls.py [weights, calibrated]

An iteration of the lift's steps, a secant and a pull-back, through the first layer of VGG-16 and
through two, on small images and on one of 150 px; turn about in one process. Printed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

import numpy as np
import tensorflow as tf

import decouple as dc
from decouple.features.programs import compiled
from experiments.benchmarks.timing import turn_about
from experiments.common import markdown_table

SIZES, LAYERS, TIMES, ROUNDS = (24, 64, 150), (1, 2), 20, 15


def main(weights: str = "calibrated") -> None:
    """Measure and print."""
    rows = []
    for layers in LAYERS:
        features = dc.ChannelMeans(dc.vgg16(weights=weights, last=f"block{layers}_conv1"), layers)
        for size in SIZES:
            ways = {
                "by tensors": _iterations(features, size, lambda program: program),
                "searched": _iterations(features, size, lambda program: program.function),
            }
            took = turn_about(ways, ROUNDS)
            one, other = (1e3 / TIMES * took[name].least for name in ways)
            rows.append(
                [f"{layers}", f"{size}", f"{one:.2f}", f"{other:.2f}", f"{other / one:.2f}"]
            )
    print(f"{weights}; milliseconds an iteration, the least of {ROUNDS} times {TIMES}")
    print(markdown_table(["layers", "px", "by tensors", "searched", "ratio"], rows))


def _iterations(
    features: dc.ChannelMeans, size: int, of: Callable[..., Callable[..., object]]
) -> Callable[[], object]:
    """So many secants and pull-backs of one image, by a program or what it wraps."""
    network, layers = features.network, features.layers
    made = compiled(network, layers, features.statistic, features.sizes)
    secant, vjp = of(made["secant"]), of(made["vjp"])
    image = dc.load("sample:astronaut", size=size, fit="crop").pixels
    change = np.random.default_rng(0).normal(scale=1e-3, size=(1, *image.shape)).astype(np.float32)
    _, linear, at = made["linearize"](image[None])
    return partial(
        _repeat, secant, vjp, linear, at, change, np.ones((1, features.size), np.float32)
    )


def _repeat(
    secant: Callable[..., object],
    vjp: Callable[..., object],
    linear: object,
    at: object,
    change: np.ndarray,
    cotangent: np.ndarray,
) -> None:
    for _ in range(TIMES):
        _, moved = secant(linear, at, tf.constant(change))
        vjp(moved, tf.constant(cotangent)).numpy()


if __name__ == "__main__":
    main(*sys.argv[1:])
