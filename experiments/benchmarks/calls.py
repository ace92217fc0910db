"""What it spares that passes are called by their tensors, beside `tf.function`'s own search.

    python experiments/benchmarks/calls.py [weights, calibrated]

An iteration of the lift's steps, a secant and a pull-back, through the first layer of VGG-16 and
through two, on small images and on one of 150 px; turn about in one process. Printed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

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
        passes = compiled(features.network, features.layers, features.statistic, features.sizes)
        ways = {
            "by tensors": (passes["secant"], passes["vjp"]),
            "searched": (passes["secant"].function, passes["vjp"].function),
        }
        for size in SIZES:
            image = dc.load("sample:astronaut", size=size, fit="crop").pixels[None]
            _, *point = passes["linearize"](image)
            took = turn_about(
                {name: iterations(*way, point, image.shape) for name, way in ways.items()}, ROUNDS
            )
            one, other = (1e3 / TIMES * took[name].least for name in ways)
            numbers = (f"{value:.2f}" for value in (one, other, other / one))
            rows.append([str(layers), str(size), *numbers])
    print(f"{weights}; milliseconds an iteration, the least of {ROUNDS} times {TIMES}")
    print(markdown_table(["layers", "px", *ways, "ratio"], rows))


def iterations(
    secant: Callable[..., Any], vjp: Callable[..., Any], point: list[Any], shape: tuple[int, ...]
) -> Callable[[], None]:
    """So many secants and pull-backs at a linearization with its activations."""
    change = tf.random.stateless_normal(shape, (0, 0), stddev=1e-3)

    def run() -> None:
        for _ in range(TIMES):
            changed, moved = secant(*point, change)
            vjp(moved, tf.cast(changed, change.dtype)).numpy()

    return run


if __name__ == "__main__":
    main(*sys.argv[1:])
