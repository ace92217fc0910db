"""Anderson acceleration with weights fitted to sketches, beside weights fitted to whole residuals.

    python experiments/benchmarks/acceleration.py [pixels a side, 128 512]

An iteration of each, turn about in one process, with all 48 vectors in use, of images of so many
pixels, linear algebra on one thread as the lift has it; between iterations as much other memory is
touched as a pass through the network does. Prints both times and their ratio.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

import numpy as np

from decouple.blas import undisturbed
from decouple.flows import anderson
from decouple.flows.symmetric import Symmetric

ROUNDS = 20
# Values of an activation that a pass reads and writes.
_TOUCHED = 6_000_000


def main(*sides: int) -> None:
    """Measure and print."""
    for side in sides or (128, 512):
        with undisturbed():
            sketched, whole = milliseconds(3 * side**2)
        print(
            f"{side} px: {sketched:.2f} ms an iteration with sketches, {whole:.2f} ms without, "
            f"a ratio of {whole / sketched:.2f}"
        )


def milliseconds(size: int) -> list[float]:
    """Of an iteration of each, the medians."""
    memory, ways = Symmetric.memory, []
    for sketched in (anderson._SKETCHED, size):
        with mock.patch.object(anderson, "_SKETCHED", sketched):
            ways.append(anderson.Anderson(size, memory))
    rates, touched = np.linspace(0.3, 0.9, size), np.zeros(_TOUCHED)
    images, taken = [np.zeros(size) for _ in ways], [[] for _ in ways]  # type: ignore[var-annotated]
    for _ in range(memory + ROUNDS):
        for number, way in enumerate(ways):
            touched += 1
            residual = rates * (1 - images[number])
            began = time.perf_counter()
            images[number] = way.next(images[number], residual)
            taken[number].append(time.perf_counter() - began)
    return [1e3 * median(own[memory:]) for own in taken]


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
