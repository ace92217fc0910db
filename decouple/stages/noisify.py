"""Steps 1 and 2: move an image, layer by layer, until its features equal those of the noise."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from decouple.features.extractor import Extractor
from decouple.flows.lift import Lift
from decouple.flows.motion import Flow, Way
from decouple.flows.trace import LayerTrace, Observer, ignore
from decouple.stages.layerwise import (
    AMPLIFICATION_FIRST,
    DEFAULT_TOLERANCE,
    DecoupledFeatures,
    Mover,
    StageError,
    checked_image,
    failure,
    move_layer,
)
from decouple.stages.reference import Reference

OnLayer = Callable[[str, np.ndarray], None]


@dataclass(frozen=True)
class Noisified:
    """An image whose features equal the reference's.

    Attributes
    ----------
    image : (H, W, 3) float64; its values may leave [0, 1]
    features : the decoupled features that were taken off it
    trace : one entry a layer that was moved
    """

    image: np.ndarray
    features: DecoupledFeatures
    trace: tuple[LayerTrace, ...] = field(repr=False)


def noisify(
    image: np.ndarray,
    extractor: Extractor,
    reference: Reference,
    flow: Flow | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    ways: Mapping[str, Way] | None = None,
    stage: str = "noisify_source",
    growth: float = AMPLIFICATION_FIRST,
    features_only: bool = False,
    observer: Observer = ignore,
    on_layer: OnLayer = lambda _layer, _image: None,
    move: Mover = move_layer,
) -> Noisified:
    """Take the decoupled features off an image (METHOD.md, section 1).

    x̂_k is x̂_{k-1} moved until f_k = v_k while f_1..f_{k-1} stay at v_1..v_{k-1}; recorded is
    c_k = f_k(x̂_{k-1}).

    Parameters
    ----------
    image : (H, W, 3), RGB, nominally in [0, 1]
    extractor, reference : features and the values to which they are moved
    flow : how the image moves; by default `Lift.suited_to(extractor)`
    tolerance : RMS error, in units of the image's range, that taking off and putting back may
        make; 1e-4 is 80 dB
    ways : {layer: Way} to follow instead of finding steps
    stage : the name under which it is reported
    growth : by how much an error at the first layer grows on the way that the image takes next;
        for large ones that layer is computed in float64
    features_only : leave out the last layer's motion: its features are known before its turn
    observer : told of each step
    on_layer : given (layer, image) after each layer
    move : carries out a layer's motion

    Raises
    ------
    ImageError : the image cannot be used.
    StageError : a layer did not reach the reference; `.partial` is what was done, a `Noisified`.
    """
    x = checked_image(image, extractor)
    flow = flow or Lift.suited_to(extractor)
    values: dict[str, np.ndarray] = {}
    found: dict[str, Way] = {}
    traces: list[LayerTrace] = []
    for depth, layer in enumerate(extractor.layers, start=1):
        part = extractor.first(depth)
        end = reference.vector(part)
        values[layer] = part.split(part.measure(x))[layer]
        if features_only and depth == len(extractor.layers):
            break
        way = ways.get(layer) if ways else None
        # What is measured at the end of a way differs from its nominal end by rounding, which
        # the way back would amplify.
        nominal = way.ends and way.ends[0] if way else None
        own = part.join({**reference.features, layer: values[layer]})
        start = own if nominal is None else nominal
        nearby = functools.partial(reference.factor, extractor, depth, x.size)
        moved, trace = move(
            stage, x, part, start, end, flow, tolerance, way, observer, growth, nearby
        )
        x = moved.image
        traces.append(trace)
        on_layer(layer, x)
        if moved.way is not None:
            found[layer] = moved.way
        if not flow.arrived(trace.stop_reason):
            partial = Noisified(x, DecoupledFeatures(values, found), tuple(traces))
            raise StageError(failure(trace, part), partial)
    return Noisified(x, DecoupledFeatures(values, found), tuple(traces))
