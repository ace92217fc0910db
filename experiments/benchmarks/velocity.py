"""The lift's velocity against the Jacobian that it would be computed from directly.

    python experiments/benchmarks/velocity.py [pixels a side, 128] [layers, 5]

A photograph whose features were taken off in all layers but the last, and the lift of that one, in
Euler steps. Its velocity at each is found by conjugate gradients, with the factor of K from the
stage's start and the λ of the step before, as the integrators do it. Written to
`reports/velocity.md`: passes, error and time in both precisions, and the time's share of that which
the Jacobian with K takes.
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
from decouple.flows import Motion
from decouple.flows.field import LiftField
from decouple.flows.preconditioner import Factor
from experiments.common import REPORTS, markdown_table

PICTURE, STEPS = "astronaut", 8
# Relative residual of the equations for λ, and that of what velocities are compared with.
ACCURACY, EXACT = 1e-5, 1e-7
HEADER = ["s", "precision", "passes", "relative error", "seconds", "share of the Jacobian's time"]


def main(size: int = 128, layers: int = 5) -> None:
    """Measure and write."""
    chain = dc.vgg19(weights="calibrated", last=f"block{layers}_conv1")
    extractor = dc.ChannelMeans(chain, layers=layers)
    image = dc.load(f"sample:{PICTURE}", size=size, fit="crop").pixels.astype(float)
    reference = dc.noise_reference(extractor, (size, size), seed=0)
    x = dc.noisify(image, extractor.first(layers - 1), reference).image
    end = reference.vector(extractor)
    held = extractor.size - extractor.sizes[-1]
    start = np.concatenate([end[:held], extractor.measure(x)[held:]])

    # The second time: the first contains the programs' compilation.
    for _ in range(2):
        began = time.perf_counter()
        factor = Factor.at(extractor, extractor.linearize(x))
        jacobian = time.perf_counter() - began
    print(f"Jacobian and K: {jacobian:.1f} s", flush=True)

    precise = extractor.in_float64()
    fields = {
        name: LiftField(Motion(net, start, end, 0.0), accuracy, factor)
        for name, net, accuracy in (
            ("exact", precise, EXACT),
            ("float64", precise, ACCURACY),
            ("float32", extractor, ACCURACY),
        )
    }
    for field in fields.values():
        field.velocity(x)
    rows = []
    for step in range(STEPS):
        velocity = fields["exact"].velocity(x)
        for name in ("float32", "float64"):
            before, began = extractor.passes.count, time.perf_counter()
            found = fields[name].velocity(x)
            took = time.perf_counter() - began
            error = np.linalg.norm(found - velocity) / np.linalg.norm(velocity)
            rows.append(
                [
                    f"{step / STEPS:g}",
                    name,
                    str(extractor.passes.count - before),
                    f"{error:.0e}",
                    f"{took:.2f}",
                    f"{100 * took / jacobian:.1f} %",
                ]
            )
            print(" ".join(rows[-1]), flush=True)
        x = x + velocity / STEPS
    text = f"""# Velocities of the lift

Made by `python experiments/benchmarks/velocity.py {size} {layers}`: VGG-19, calibrated random
filters, softplus, average pooling, {layers} layers, {size} px, {PICTURE}. The velocity along the
lift of layer {layers}, the others held, at steps of Euler's method, by conjugate gradients on λ to
a relative residual of {ACCURACY:g}, preconditioned by the factor of K from s = 0 and begun with the
λ of the step before. The Jacobian with K = J Jᵀ, formed anew, takes {jacobian:.1f} s in float32.
Errors are those of the velocity, against one solved to {EXACT:g} in float64.

{markdown_table(HEADER, rows)}
In float32 the error stays above 1e-5 however far the equations are solved: Jᵀλ cancels.
"""
    (REPORTS / "velocity.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
