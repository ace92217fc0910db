"""Matching features in a metric that is formed anew where the image is, beside the first one alone.

    DECOUPLE_IMAGENET_VGG16=FILE python experiments/benchmarks/metric.py

From noise to the means of three layers, ImageNet's filters: of a texture, to a thousandth of their
size, and of a photograph, to a relative MSE of 3e-10 (as metamers are made). Turn about in one
process; prints a table.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

import numpy as np

import decouple as dc
from decouple.flows import matching
from decouple.flows.matching import Matching
from decouple.flows.optimizers import Lbfgs
from decouple.flows.stopping import StopRule, StopRules
from decouple.images.noise import noise_start
from decouple.stages import MatchingFactors
from experiments.benchmarks.timing import turn_about
from experiments.common import CORES, imagenet, markdown_table

LAYERS, ROUNDS = 3, 1
# Picture, pixels a side, how near, and L-BFGS's memory, as runs have it.
CASES = (("brick", 192, 1e-6, 10), ("coffee", 96, 3e-10, 200))
HEADER = ["", "pixels", "iterations, first metric alone", "formed anew", "time, alone / anew"]


def main() -> None:
    """Measure and print."""
    extractor = dc.ChannelMeans(imagenet().chain(LAYERS), LAYERS)
    rows = [
        [name, str(side), *_measured(extractor, name, side, enough, memory)]
        for name, side, enough, memory in CASES
    ]
    print(f"{CORES} core{'s' if CORES > 1 else ''}")
    print(markdown_table(HEADER, rows))


def _measured(
    extractor: dc.ChannelMeans, name: str, side: int, enough: float, memory: int
) -> list[str]:
    picture = dc.load(f"sample:{name}", size=side, fit="crop").pixels.astype(np.float64)
    start = noise_start("colours", picture.shape[:2], 1, picture)
    wanted = extractor.split(extractor.measure(picture))
    reference = dc.noise_reference(extractor, (side, side))
    nearby = MatchingFactors(extractor, reference, picture, picture.size).of(picture.size)
    nearby()
    rule = StopRule(max_iterations=1000, stagnation=0.0)
    flow = Matching(Lbfgs(memory=memory), StopRules(rule), enough)
    iterations = {}

    def made(way: str) -> None:
        done = dc.match(start, extractor, wanted, reference, flow, 1e-9, nearby=nearby)
        iterations[way] = done.trace.steps

    def alone() -> None:
        with mock.patch.object(matching._When, "pays", return_value=False):
            made("alone")

    ways: dict[str, Callable[[], object]] = {"alone": alone, "anew": lambda: made("anew")}
    timed = turn_about(ways, ROUNDS)
    ratio = timed["alone"].median / timed["anew"].median
    return [str(iterations["alone"]), str(iterations["anew"]), f"{ratio:.2f}"]


if __name__ == "__main__":
    main()
