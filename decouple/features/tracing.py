"""Compiled passes that do not depend on which images came before."""

from __future__ import annotations

import numpy as np

from decouple.features.extractor import Extractor

# Every layer of VGG exists at these sizes; they differ in both sides.
_SIZES = ((16, 17), (18, 19))


def trace_open_shapes(extractor: Extractor) -> None:
    """Trace the passes of every depth with sides left open.

    A program is traced at its first use, for that image's size alone, and once more with open
    sides at the first image of another size; the two round differently. So that a run that goes
    on in its middle computes what the uncut one did, to the bit, the open ones are made first:
    they then serve all sizes. No pass is counted.
    """
    passes = extractor.passes.count
    for depth in range(1, len(extractor.layers) + 1):
        part = extractor.first(depth)
        for height, width in _SIZES:
            image = np.full((height, width, 3), 0.5)
            point = part.linearize(image)
            part.vjp(point, np.ones(part.size))
            part.jvp(point, image)
            part.change(point, image)
    extractor.passes.count = passes
