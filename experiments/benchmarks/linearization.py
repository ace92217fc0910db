"""What the chain's stored slopes spare VGG beside automatic differentiation.

    python experiments/benchmarks/linearization.py [pixels a side, 96]

The same features, channel means of VGG-19 with calibrated filters, in float64: as `ChannelMeans` of
the chain, and as `FunctionFeatures` of the function that the chain computes. An evaluation of the
lift (linearize, secant, pull back) and K = J Jᵀ, turn about in one process. Printed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

import numpy as np
import tensorflow as tf

import decouple as dc
from decouple.features.statistics import means
from experiments.benchmarks.timing import evaluation, turn_about
from experiments.common import markdown_table

LAYERS, ROUNDS = 2, 5


def main(size: int = 96) -> None:
    """Measure and print."""
    image = dc.load("sample:astronaut", size=size, fit="crop").pixels.astype(float)
    stored = dc.ChannelMeans(dc.vgg19(weights="calibrated", dtype="float64"), layers=LAYERS)
    chain, layers = stored.network, stored.layers

    def of_layers(image: tf.Tensor) -> list[tf.Tensor]:
        return [means(activation)[0] for activation in chain.forward(image[None], layers)]

    automatic = dc.FunctionFeatures(of_layers, dict(zip(layers, stored.sizes, strict=True)))
    far = np.abs(stored.measure(image) - automatic.measure(image)).max()
    ways = {"stored slopes": stored, "automatic": automatic}
    rows = []
    for what, run in (
        ("evaluation", lambda features: evaluation(features, image)),
        ("K", lambda features: lambda: features.normal_matrix(features.linearize(image))),
    ):
        took = turn_about({name: run(features) for name, features in ways.items()}, ROUNDS)
        one, other = (took[name].median for name in ways)
        rows.append([what, f"{one:.3f}", f"{other:.3f}", f"{other / one:.1f}"])
    print(f"{LAYERS} layers, {size} px; features differ by {far:.0e}")
    print(markdown_table(["", *(f"{name}, s" for name in ways), "ratio"], rows))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
