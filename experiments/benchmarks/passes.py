"""What a pass through the network costs, in units of its bare convolutions.

    [DECOUPLE_IMAGENET_VGG16=FILE] python experiments/benchmarks/passes.py [pixels a side, 128]

Each kind of pass that the lift is made of, and the bare convolutions of the same network (no
activation, no pooling, no means) on random numbers, turn about in one process. Printed and written
to `reports/passes.md`; of ImageNet's filters where their file is named.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

import numpy as np
import tensorflow as tf

import decouple as dc
from decouple.errors import NamedChoice
from decouple.features import Extractor
from decouple.networks.architecture import Conv
from decouple.networks.chain import Chain
from experiments.benchmarks.timing import Timed, matrix_products, operations, turn_about
from experiments.common import FILTERS, REPORTS, markdown_table

ROUNDS = 9
DEPTHS = (2, 5)
HEADER = [
    "layers",
    "precision",
    "pass",
    "by the clock",
    "of the time computing",
    "of the matrix rate",
]


def main(size: int = 128) -> None:
    """Measure and write."""
    image = dc.load("sample:astronaut", size=size, fit="crop").pixels.astype(float)
    chains = {"VGG-19, calibrated random filters": dc.vgg19(weights="calibrated")}
    if trained := os.environ.get(FILTERS):
        chains["VGG-16, ImageNet's filters"] = dc.vgg16(weights=trained)
    text = f"""# What a pass costs

Made by `{FILTERS}=FILE python experiments/benchmarks/passes.py {size}`, with {size} px. The first
two columns of figures are ratios to the bare convolutions of one image through the same layers, in
the same precision, computed plainly, where passes take Winograd's way from 256 channels on; a row
of the Jacobian is one of a batch. The last is what the products of plain convolutions, over the
time, are of the rate at which this machine multiplies matrices in it. Least of {ROUNDS} rounds,
turn about in one process.
"""
    for name, chain in chains.items():
        rows = []
        for depth in DEPTHS:
            extractor = dc.ChannelMeans(chain, layers=depth)
            for precision in (extractor, extractor.in_float64()):
                rows += _measured(precision, image)
        between = f"{_words(chain.activation)}, {_words(chain.pooling)} pooling"
        text += f"\n## {name}, {between}\n\n{markdown_table(HEADER, rows)}"
    (REPORTS / "passes.md").write_text(text, encoding="utf-8")


def _words(choice: NamedChoice) -> str:
    return choice.value.replace("_", " ")


def _measured(extractor: Extractor, image: np.ndarray) -> list[list[str]]:
    point = extractor.linearize(image)
    tangent = np.random.default_rng(0).normal(size=image.shape) * 1e-3
    cotangent = np.ones(extractor.size)
    # The rows of the last layer: each needs a pass through the whole chain.
    last = dc.ChannelMeans(extractor.network, extractor.layers[-1:])
    there = last.linearize(image)
    batch = len(next(last.jacobian_rows(there)))
    passes: dict[str, tuple[Callable[[], object], int]] = {
        "bare convolutions": (bare_convolutions(extractor, image.shape, 1), 1),
        f"bare convolutions, {batch} at a time": (
            bare_convolutions(extractor, image.shape, batch),
            batch,
        ),
        "measure": (lambda: extractor.measure(image), 1),
        "linearize": (lambda: extractor.linearize(image), 1),
        "secant": (lambda: extractor.secant(point, tangent), 1),
        "JVP": (lambda: extractor.jvp(point, tangent), 1),
        "VJP": (lambda: extractor.vjp(point, cotangent), 1),
        f"a Jacobian's rows, {batch} at a time": (lambda: next(last.jacobian_rows(there)), batch),
    }
    products, of_product = matrix_products(extractor.dtype)
    timed = turn_about({**{name: run for name, (run, _) in passes.items()}, **products}, ROUNDS)
    rate = of_product / min(timed[name].least for name in products)
    chain = extractor.network
    assert isinstance(chain, Chain)
    work = operations(chain, image.shape[0] * image.shape[1])
    bare = timed["bare convolutions"]
    lines = []
    for name, (_, count) in passes.items():
        own = timed[name]
        of = Timed(own.least / count, own.median / count, own.computing / count)
        share = work / of.least / rate
        ratios = f"{of.least / bare.least:.2f}", f"{of.computing / bare.computing:.2f}"
        lines.append([str(len(extractor.layers)), extractor.dtype, name, *ratios, f"{share:.0%}"])
        print(" ".join(lines[-1]), flush=True)
    return lines


def bare_convolutions(
    extractor: Extractor, shape: tuple[int, ...], batch: int
) -> Callable[[], object]:
    """The convolutions alone, each on numbers of its own."""
    height, width, channels = shape
    inputs, kernels, chain = [], [], extractor.network
    assert isinstance(chain, Chain)
    for layer in chain.layers:
        if not isinstance(layer, Conv):
            height, width = height // 2, width // 2
            continue
        inputs.append(tf.random.normal((batch, height, width, channels), dtype=extractor.dtype))
        kernels.append(tf.constant(chain.weights.kernels[layer.name], extractor.dtype))
        channels = layer.filters

    @tf.function
    def convolutions() -> tf.Tensor:
        # One value of each, so that none is left out.
        made = [tf.nn.conv2d(x, k, 1, "SAME") for x, k in zip(inputs, kernels, strict=True)]
        return tf.add_n([z[0, 0, 0, 0] for z in made])

    return lambda: convolutions().numpy()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
