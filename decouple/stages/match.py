"""The quick way to given features: all layers at once, by a path that does not lead back."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from decouple.features.features import Features
from decouple.flows.lift import Lift
from decouple.flows.motion import Flow, Motion
from decouple.flows.newton import Newton
from decouple.flows.trace import LayerTrace, Observer, ignore
from decouple.stages.layerwise import (
    DEFAULT_TOLERANCE,
    StageError,
    carried_out,
    checked_image,
    failure,
)
from decouple.stages.reference import Reference, noise_reference


@dataclass(frozen=True)
class Matched:
    """An image with given features.

    Attributes
    ----------
    image : (H, W, 3) float64; its values may leave [0, 1]
    trace : of the motion; its layer is the last one
    """

    image: np.ndarray
    trace: LayerTrace = field(repr=False)


def match(
    image: np.ndarray,
    extractor: Features,
    features: Mapping[str, np.ndarray],
    reference: Reference | None = None,
    flow: Flow | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    observer: Observer = ignore,
) -> Matched:
    """Move an image until its features equal those given, in all layers at once.

    Nothing is decoupled: for those who only want features matched, such as the means of a texture.
    Newton steps of minimum norm, preconditioned by K at the noise, take fewer passes than L-BFGS on
    the joint loss (`experiments/benchmarks/matching.py`).

    Parameters
    ----------
    image : (H, W, 3), RGB, nominally in [0, 1]
    extractor : of the layers
    features : {layer: (C_k,)}, such as `extractor.split(extractor.measure(texture))` or
        `reference.features`
    reference : whose noise gives the preconditioner; by default of the image's size
    flow : how the image moves; by default the lift in Newton steps
    tolerance : RMS distance, in units of the image's range, from an image with these features
    observer : told of each step

    Raises
    ------
    ImageError : the image cannot be used.
    StageError : the features were not reached; `.partial` is what was done, a `Matched`.
    """
    x = checked_image(image, extractor)
    flow = flow or Lift(Newton())
    reference = reference or noise_reference(extractor, x.shape[:2])
    nearby = functools.partial(reference.factor, extractor, len(extractor.layers), x.size)
    start, end = extractor.measure(x), extractor.join(features)
    motion = Motion(extractor, start, end, tolerance, stage="match", nearby=nearby)
    moved, trace = carried_out(x, motion, flow, observer)
    done = Matched(moved.image, trace)
    if not flow.arrived(trace.stop_reason):
        raise StageError(failure(trace, extractor), done)
    return done
