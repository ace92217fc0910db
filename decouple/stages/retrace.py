"""Imposition whose result gives up what was imposed on it when it is noisified again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from decouple.features.extractor import Extractor
from decouple.flows.lift import Lift
from decouple.flows.motion import Flow, Way
from decouple.flows.trace import LayerTrace, Observer, ignore
from decouple.stages.impose import Imposed, impose
from decouple.stages.layerwise import (
    DEFAULT_TOLERANCE,
    DecoupledFeatures,
    Mover,
    StageError,
    move_layer,
)
from decouple.stages.noisify import noisify
from decouple.stages.reference import Reference

STAGE = "noisify_result"
"""The name under which the way out of the result is reported."""

RETRACED_MSE = 1e-8
"""What a decoupled feature may differ by, squared and averaged over a layer (activation²)."""

# On the way out of an image on which another's features were imposed, errors at layer 1 grow by 60
# to 90 dB, and where one picture is nearly black by 130 and more, before the features of the
# layers behind it are measured: beyond float32. The first growth allowed for is enough for most
# pairs; for the others it is foretold from what was missed, by at most so much at a time.
_FIRST_GROWTH, _MOST_AT_A_TIME, _LARGEST_GROWTH = 1e5, 1e4, 1e12
# The features miss by the square of what the steps do; a factor of ten to be safe.
_SAFETY = 10.0
# What misses by no more, in units of what it may, needs no shorter steps.
_NEAR = 10.0


@dataclass(frozen=True)
class Retraced:
    """An imposition, and what its result holds.

    Attributes
    ----------
    imposed : the image that carries the features, and its ways
    held : the decoupled features that were taken off it again; None where the way could not be
        walked
    traceable : whether these are what was imposed, up to `RETRACED_MSE` in each layer
    trace : of all that was done, the layers of the imposition first
    """

    imposed: Imposed
    held: DecoupledFeatures | None
    traceable: bool
    trace: tuple[LayerTrace, ...] = field(repr=False)


def impose_retraced(
    image: np.ndarray,
    features: DecoupledFeatures,
    extractor: Extractor,
    reference: Reference,
    flow: Flow | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    hold: str = "reference",
    observer: Observer = ignore,
    move: Mover = move_layer,
) -> Retraced:
    """Impose features, noisify the result again, and compare.

    Where what comes off differs from what was imposed by more than `RETRACED_MSE`, the first layer
    is walked once more, in steps that are solved more exactly, in float64 where need be, and half
    as long unless it was missed by little.

    Parameters
    ----------
    image, features, extractor, reference, flow, tolerance, hold, observer, move : as in `impose`

    Raises
    ------
    ImageError, ConfigError, StageError : as `impose` does.
    """
    common: dict[str, Any] = {
        "reference": reference,
        "flow": flow or Lift.suited_to(extractor),
        "tolerance": tolerance,
        "observer": observer,
        "move": move,
    }
    first = extractor.layers[0]
    before = image  # the first layer is imposed

    def keep(layer: str, x: np.ndarray) -> None:
        nonlocal before
        before = before if layer == first else x

    part = extractor
    done: Retraced | None = None
    trace: tuple[LayerTrace, ...] = ()
    ways: dict[str, Way] = {}
    growth = _FIRST_GROWTH
    while True:  # the growth rises to its limit
        last = growth >= _LARGEST_GROWTH
        how = {**common, "growth": growth}
        try:
            imposed = impose(before, features, part, **how, hold=hold, on_layer=keep)
        except StageError as error:
            trace += error.partial.trace
            if done is not None:  # what larger steps came to stands
                return replace(done, trace=trace)
            if last or trace[-1].layer != first:
                raise StageError(str(error), replace(error.partial, trace=trace)) from None
            ways |= error.partial.ways
            part, growth = extractor.first(1), growth * _MOST_AT_A_TIME
            continue
        trace += imposed.trace
        ways |= imposed.ways
        held = None
        try:
            off = noisify(
                imposed.image, extractor, **how, ways=ways, stage=STAGE, features_only=True
            )
            held, trace = off.features, trace + off.trace
        except StageError as error:
            trace += error.partial.trace
        apart = max(distances(held, features).values()) if held else math.inf
        # Without ways there is nothing that smaller steps could keep to.
        done = Retraced(replace(imposed, ways=dict(ways)), held, apart <= RETRACED_MSE, trace)
        if done.traceable or not ways or last:
            return done
        part, missed = extractor.first(1), math.sqrt(apart / RETRACED_MSE)
        growth *= min(_SAFETY * missed, _MOST_AT_A_TIME)
        again = ways[first]
        if missed > _NEAR:
            # Errors grow less along shorter steps, and some can be taken one way but not back.
            again = replace(again, steps=tuple(h / 2 for h in again.steps for _ in range(2)))
        features = replace(features, ways={**features.ways, first: again})


def distances(a: DecoupledFeatures, b: DecoupledFeatures) -> dict[str, float]:
    """{layer: mean squared difference} of decoupled features, activation²."""
    return {k: float(np.mean(np.square(a.values[k] - b.values[k]))) for k in b.values}
