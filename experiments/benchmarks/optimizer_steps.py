"""What an optimizer's step costs beside the forward and backward pass that it needs anyway.

    python experiments/benchmarks/optimizer_steps.py [pixels a side, 150] [layers, 2]

Each optimizer descends the feature MSEs of a photograph; before each of its rounds the bare passes
are timed on images of the same size, so that other load falls on both alike. Printed and written
to `reports/optimizer_steps.md` are the medians' ratios, per forward and backward pass: L-BFGS's
line search may take several a step.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

import numpy as np

import decouple as dc
from decouple.flows import optimizer
from decouple.flows.optimizers import KERAS
from experiments.common import REPORTS, markdown_table

ROUNDS, STEPS = 7, 20
HEADER = ["optimizer", "a step's pass (ms)", "bare pass (ms)", "ratio"]


def main(size: int = 150, layers: int = 2) -> None:
    """Measure and write."""
    extractor = dc.ChannelMeans(dc.vgg19(weights="calibrated"), layers=layers)
    image = dc.load("sample:astronaut", size=size, fit="crop").pixels.astype(float)
    target = dc.noise_reference(extractor, image.shape[:2], 0).vector(extractor)
    weights = np.repeat([1.0 / c for c in extractor.sizes], extractor.sizes)
    passes = 0

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal passes
        passes += 1
        features, gradient = extractor.squared_error(x, target, weights)
        return float(weights @ np.square(features - target)), gradient

    rows = []
    for name in (*KERAS, "lbfgs"):
        descent = optimizer(name).begin(image.shape)
        descent.run(loss, image, after(2))  # traces its programs
        bare, own = [], []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for _ in range(STEPS):
                loss(image)
            bare.append((time.perf_counter() - began) / STEPS)
            began, before = time.perf_counter(), passes
            descent.run(loss, image, after(STEPS))
            own.append((time.perf_counter() - began) / (passes - before))
        ratio = float(np.median(np.array(own) / np.array(bare)))
        rows.append([name, *(f"{1e3 * np.median(t):.1f}" for t in (own, bare)), f"{ratio:.3f}"])
        print(" ".join(rows[-1]), flush=True)
    text = f"""# What an optimizer's step costs

Made by `python experiments/benchmarks/optimizer_steps.py {size} {layers}`: VGG-19, calibrated
random filters, {layers} layers, {size} px. A step's time per forward and backward pass, beside that
of the bare pass, timed in turns; the ratio is the median of {ROUNDS} rounds of {STEPS} steps.

{markdown_table(HEADER, rows)}
"""
    (REPORTS / "optimizer_steps.md").write_text(text, encoding="utf-8")


def after(steps: int) -> Callable[[float, np.ndarray], bool]:
    """Ends a descent after this many steps."""
    left = steps

    def over(_loss: float, _image: np.ndarray) -> bool:
        nonlocal left
        left -= 1
        return left <= 0

    return over


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
