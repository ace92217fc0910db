"""The lift's velocity by conjugate gradients, against forming the Jacobian.

    python experiments/benchmarks/velocity.py [pixels a side, 128] [layers, 5]

dx/ds = Jᵀ K⁻¹ [0; d] at a photograph, d being what its last layer has to go to the noise's means.
Either the whole Jacobian J is formed, K = J Jᵀ factored, and the system solved; or it is solved by
conjugate gradients, preconditioned by K at the noise (which is kept on the disk, and not timed).
Printed and written to `reports/velocity.md` are both times, and how far apart the velocities are.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

import numpy as np

import decouple as dc
from decouple.flows.field import LiftField
from decouple.flows.preconditioner import Factor
from experiments.benchmarks.timing import turn_about
from experiments.common import REPORTS, markdown_table

PICTURES = ("astronaut", "coffee")
ACCURACY, MOST, ROUNDS = 1e-5, 200, 3
HEADER = ["picture", "passes", "apart", "conjugate gradients (s)", "Jacobian (s)", "ratio"]


def main(size: int = 128, layers: int = 5) -> None:
    """Measure and write."""
    extractor = dc.ChannelMeans(
        dc.vgg19(weights="calibrated", last=f"block{layers}_conv1"), layers=layers
    )
    reference = dc.noise_reference(extractor, (size, size), seed=0)
    near = reference.factor(extractor, layers, 3 * size**2)
    rows = []
    for picture in PICTURES:
        image = dc.load(f"sample:{picture}", size=size, fit="crop").pixels.astype(float)
        rows.append([picture, *_row(extractor, reference.vector(extractor), near, image)])
        print(" ".join(rows[-1]), flush=True)
    text = f"""# The lift's velocity

Made by `python experiments/benchmarks/velocity.py {size} {layers}`: VGG-19, calibrated random
filters, softplus, average pooling, {layers} layers, {size} px, float32. The velocity with which the
last layer's means go to the noise's, the others being held: by conjugate gradients, preconditioned
by K at the noise, against forming all {extractor.size} rows of the Jacobian. *Apart* is the
relative distance of the two velocities; the ratio is of the times, conjugate gradients' a median.

{markdown_table(HEADER, rows)}
"""
    (REPORTS / "velocity.md").write_text(text, encoding="utf-8")


def _row(extractor: dc.ChannelMeans, end: np.ndarray, near: Factor, image: np.ndarray) -> list[str]:
    start = extractor.measure(image)
    start[: -extractor.sizes[-1]] = end[: -extractor.sizes[-1]]
    direction = end - start
    field = LiftField(dc.Motion(extractor, start, end, 0.0), ACCURACY, near)
    passes = 0

    def solved() -> np.ndarray:
        nonlocal passes
        before = extractor.passes.count
        point = extractor.linearize(image)
        multipliers = field.nearly(point, direction, ACCURACY / 10, MOST)
        passes = extractor.passes.count + 1 - before
        return extractor.vjp(point, multipliers)

    timed = turn_about({"cg": solved}, ROUNDS)["cg"]
    velocity = solved()
    began = time.perf_counter()
    point = extractor.linearize(image)
    explicit = extractor.vjp(point, Factor.at(extractor, point).solve(direction))
    formed = time.perf_counter() - began
    apart = np.linalg.norm(velocity - explicit) / np.linalg.norm(explicit)
    ratio = formed / timed.median
    return [str(passes), f"{apart:.0e}", f"{timed.median:.2f}", f"{formed:.1f}", f"{ratio:.0f}"]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
