"""A symmetric step finished by iterative refinement, against all of it in float64.

    python experiments/benchmarks/refinement.py [pixels a side, 128] [layers, 4] [turns, 3]

One step of the last layer's lift from a photograph, the layers before it held, as a round trip
needs it: far below what float32 leaves. The two ways turn about, each from the same start; both are
run once before. Prints and writes to `reports/refinement.md`: iterations, seconds, their ratio, and
how far (RMS) the two solutions are from each other.
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
from decouple.flows import step
from decouple.flows.nearby import Adapted
from decouple.flows.preconditioner import Factor
from decouple.images import rms
from experiments.common import REPORTS, markdown_table

PICTURE, MEMORY, LIMIT = "astronaut", 24, 60
# Of the way to the noise's features, and to what the step is solved (RMS over the image).
SHARE, TOLERANCE = 0.03, 1e-12
HEADER = ["way", "iterations", "median seconds", "all in float64 / this"]


class _AllInFloat64(step._Refined):
    """What float32 leaves, by the same iteration in float64."""

    def at(self, multipliers: np.ndarray, x1: np.ndarray) -> step._At:
        there = self.exact.at(multipliers, x1)._replace(anew=not self._errors)
        self._errors.append(there.error)
        return there


WAYS = {"all in float64": _AllInFloat64, "refined": step._Refined}


def main(size: int = 128, layers: int = 4, turns: int = 3) -> None:
    """Measure and write."""
    chain = dc.vgg19(weights="calibrated", last=f"block{layers}_conv1")
    extractor = dc.ChannelMeans(chain, layers=layers)
    image = dc.load(f"sample:{PICTURE}", size=size, fit="crop").pixels.astype(float)
    point = extractor.linearize(image)
    factor = Adapted(Factor.at(extractor, point), np.ones(extractor.size))
    held = extractor.size - extractor.sizes[-1]
    wanted = SHARE * (
        dc.noise_reference(extractor, (size, size)).vector(extractor) - point.features
    )
    wanted[:held] = 0.0

    def limit(_first: float, _last: float) -> int:
        return LIMIT

    def solved() -> step.Solved:
        solver = step.StepSolver(extractor, MEMORY)
        start = factor.solve(wanted)
        moved = image + extractor.vjp(point, start)
        return solver.solve(image, wanted, factor, TOLERANCE, limit, lambda _begin: (start, moved))

    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    found: dict[str, step.Solved] = {}
    for turn in range(turns + 1):
        for name, way in WAYS.items():
            step._Refined = way  # type: ignore[misc]
            began = time.perf_counter()
            found[name] = solved()
            if turn:  # the first compiles
                seconds[name].append(time.perf_counter() - began)
    median = {name: float(np.median(taken)) for name, taken in seconds.items()}
    whole = median["all in float64"]
    rows = [
        [name, str(found[name].iterations), f"{median[name]:.2f}", f"{whole / median[name]:.2f}"]
        for name in WAYS
    ]
    apart = rms(found["refined"].image - found["all in float64"].image)
    moved = rms(found["refined"].image - image)
    text = f"""# Steps finished by iterative refinement

Made by `python experiments/benchmarks/refinement.py {size} {layers} {turns}`: VGG-19, calibrated
random filters, {layers} layers, {size} px, {PICTURE}. One symmetric step of layer {layers}'s lift,
{SHARE:g} of the way to the noise's features with the other layers held, solved to {TOLERANCE:g}
(RMS over the image); what float32 leaves of it is solved for in float64, or by iterative refinement
(residuals in float64, corrections in float32). {turns} turns of each, one after the other.

{markdown_table(HEADER, rows)}
The step moves the image by {moved:.1e}; the two solutions are {apart:.0e} apart.
"""
    print(text)
    (REPORTS / "refinement.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
