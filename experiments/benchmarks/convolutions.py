"""Winograd's way for convolutions of many channels, beside plain ones.

    python experiments/benchmarks/convolutions.py [pixels a side, 128 256]

Each convolution of VGG-16's first five blocks that has enough channels, and its adjoint, at a
picture of so many pixels; then the loss and gradient of the Gram matrices of five layers, ReLU and
average pooling, in which all of them take part. Turn about in one process. Prints a table.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

import tensorflow as tf

import decouple as dc
from decouple.gatys import Objective, style
from decouple.networks import Chain, convolution
from decouple.networks.architecture import Conv
from decouple.networks.convolution import Filters
from experiments.benchmarks.timing import turn_about
from experiments.common import CORES, markdown_table

LAYERS, ROUNDS = 5, 7
HEADER = ["", "positions a side", "plain, ms", "Winograd, ms", "ratio"]
# So many pairs of channels has none.
_PLAIN = mock.patch.object(convolution, "_PAIRS", 2**40)


def main(*sides: int) -> None:
    """Measure and print."""
    for side in sides or (128, 256):
        winograd = network()
        with _PLAIN:
            plain = network()
        rows = [*convolutions(plain, winograd, side), gradient(plain, winograd, side)]
        print(f"{side} px, {CORES} core{'s' if CORES > 1 else ''}")
        print(markdown_table(HEADER, rows))


def network() -> Chain:
    """Of calibrated filters: what they are makes no difference here."""
    return dc.vgg16(weights="calibrated", activation="relu", last=f"block{LAYERS}_conv1")


def convolutions(plain: Chain, winograd: Chain, side: int) -> list[list[str]]:
    """A line for each size of layer that Winograd's way serves, there and back."""
    lines: dict[str, list[str]] = {}
    for layer in plain.layers:
        if not isinstance(layer, Conv):
            side //= 2
            continue
        both = [chain._filters[layer.name] for chain in (plain, winograd)]
        if both[1].many:
            ways = [there_and_back(filters, side) for filters in both]
            shape = " to ".join(map(str, both[0].kernel.shape[2:]))
            lines.setdefault(f"{shape}, {side}", line(f"{shape} channels", side, *ways))
    return list(lines.values())


def there_and_back(filters: Filters, side: int) -> Callable[[], object]:
    """A convolution of so many positions a side, and the adjoint of what it gives."""
    x = tf.random.normal([1, side, side, filters.kernel.shape[2]])
    passes = tf.function(lambda: tf.reduce_sum(filters.adjoint(filters.convolved(x))))
    return lambda: passes().numpy()


def gradient(plain: Chain, winograd: Chain, side: int) -> list[str]:
    """A line for the Gram matrices' loss."""
    texture = dc.load("sample:brick", size=side, fit="crop").pixels
    start = tf.random.uniform([1, side, side, 3])

    def of(chain: Chain) -> Callable[[], object]:
        objective = Objective(chain, {"style": 1.0 * style(chain, texture, LAYERS)})
        return lambda: objective.loss_and_gradient(start)[1].numpy()

    return line(f"Gram matrices of {LAYERS} layers, gradient", side, of(plain), of(winograd))


def line(what: str, side: int, *ways: Callable[[], object]) -> list[str]:
    """Both times and their ratio."""
    took = turn_about(dict(zip(("plain", "winograd"), ways, strict=True)), ROUNDS)
    one, other = (1e3 * timed.median for timed in took.values())
    return [what, str(side), f"{one:.1f}", f"{other:.1f}", f"{one / other:.2f}"]


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
