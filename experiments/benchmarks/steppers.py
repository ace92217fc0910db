"""Which stepper meets a given round-trip tolerance at the least cost, layer by layer.

    python experiments/benchmarks/steppers.py

Each layer of a self-transfer is walked out and back by each adaptive stepper from the same image,
with the same `tolerance`; printed and written to `reports/steppers.md` are the round trip's error
of that layer alone, its passes, and its time as a ratio to symmetric steps.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

import numpy as np

import decouple as dc
from decouple.stages.layerwise import DEFAULT_TOLERANCE
from experiments.common import REPORTS, markdown_table

SIZE, LAYERS, SEED = 64, 2, 0
HEADER = ["picture", "layer", "stepper", "steps", "passes", "PSNR (dB)", "error", "time"]
PICTURES = ("astronaut", "coffee")
STEPPERS = ("symmetric", "rk45", "dop853")


def main() -> None:
    """Measure and write."""
    extractor = dc.ChannelMeans(dc.vgg19(weights="calibrated"), layers=LAYERS)
    rows = []
    for picture in PICTURES:
        image = dc.load(f"sample:{picture}", size=SIZE, fit="crop").pixels.astype(float)
        reference = dc.noise_reference(extractor, image.shape[:2], SEED)
        # The images between the layers, the same for all steppers.
        after: dict[str, np.ndarray] = {}
        dc.noisify(image, extractor, reference, on_layer=after.__setitem__)
        before = [image, *after.values()]
        for depth in range(1, LAYERS + 1):
            rows += _compare(picture, depth, before[depth - 1], extractor, reference)
    text = f"""# Steppers at one tolerance

Made by `python experiments/benchmarks/steppers.py`: VGG-19, calibrated random filters, softplus,
average pooling, {SIZE} px, seed {SEED}. Each layer alone, out and back, with a tolerance of
{DEFAULT_TOLERANCE:g} for each step. *Error* is the RMS of what is not recovered, in units of that;
*time* is relative to symmetric steps, in the same process.

{markdown_table(HEADER, rows)}
"""
    (REPORTS / "steppers.md").write_text(text, encoding="utf-8")
    print(text)


def _compare(
    picture: str,
    depth: int,
    image: np.ndarray,
    extractor: dc.ChannelMeans,
    reference: dc.Reference,
) -> list[list[str]]:
    part = extractor.first(depth)
    layer = part.layers[-1]
    held = reference.vector(part)
    own = part.join({**part.split(held), layer: part.split(part.measure(image))[layer]})
    rows, first = [], None
    for name in STEPPERS:
        stepper = dc.stepper(name)
        began, passes = time.perf_counter(), part.passes.count
        there = dc.Motion(part, own, held, DEFAULT_TOLERANCE)
        out = stepper.walk(image, there, lambda *_: None)
        way = out.way.reversed() if out.way else None
        back = dc.Motion(part, held, own, DEFAULT_TOLERANCE, way)
        again = stepper.walk(out.image, back, lambda *_: None)
        seconds, passes = time.perf_counter() - began, part.passes.count - passes
        first = seconds if first is None else first
        error = float(np.sqrt(np.mean((again.image - image) ** 2)))
        psnr = dc.psnr_db(again.image, image)
        columns = [f"{out.steps} + {again.steps}", str(passes), f"{psnr:.1f}"]
        columns += [f"{error / DEFAULT_TOLERANCE:.0f}", f"{seconds / first:.1f}"]
        reached = out.stop_reason.succeeded and again.stop_reason.succeeded
        label = name if reached else f"{name} ({again.stop_reason.label})"
        rows.append([picture, layer, label, *columns])
        print(" ".join(rows[-1]), flush=True)
    return rows


if __name__ == "__main__":
    main()
