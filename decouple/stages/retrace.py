"""Imposition whose result is noisified again, to see that it gives up what was imposed on it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from decouple.features.features import Features
from decouple.flows.lift import Lift
from decouple.flows.motion import Flow
from decouple.flows.trace import LayerTrace, Observer, StepReport, ignore
from decouple.stages.impose import Imposed, impose
from decouple.stages.layerwise import (
    DEFAULT_TOLERANCE,
    DecoupledFeatures,
    Move,
    StageError,
    move_layer,
)
from decouple.stages.noisify import noisify
from decouple.stages.reference import Reference

STAGE = "noisify_result"
"""The name under which the way out of the result is reported."""

RETRACED = 1e-7
"""What decoupled features may differ by: mean square, relative to that of the imposed ones."""

# Errors at the first layer grow most before the features behind it are measured again: its steps
# are solved so much more exactly than features alone need, and those of the others.
_FIRST_LAYER, _FURTHER_LAYERS = 1e-3, 1e-1
# The features miss by the square of what the steps do; a factor of ten to be safe.
_SAFETY = 10.0
# The most by which steps are solved more exactly at a time, and how often they are.
_MOST_AT_A_TIME, _TRIES = 1e4, 4
# What misses by no more, in units of what it may, needs no shorter steps.
_NEAR = 10.0


@dataclass(frozen=True)
class Retraced:
    """An imposition, and what its result holds.

    Attributes
    ----------
    imposed : the image that carries the features, and its ways
    held : the decoupled features that were taken off it again; None where the way could not be
        walked, or not to its end, or was not tried
    traceable : whether these are what was imposed, up to `RETRACED` in each layer; None where it
        was not tried, or given up
    trace : of all that was done, the layers of the imposition first
    """

    imposed: Imposed
    held: DecoupledFeatures | None
    traceable: bool | None
    trace: tuple[LayerTrace, ...] = field(repr=False)


class _Spent(Exception):
    """The check has taken the passes that it may."""


def impose_retraced(
    image: np.ndarray,
    features: DecoupledFeatures,
    extractor: Features,
    reference: Reference,
    flow: Flow | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    hold: str = "reference",
    check_passes: int | None = None,
    observer: Observer = ignore,
    move: Move = move_layer,
) -> Retraced:
    """Impose features, noisify the result again, and compare.

    Where what comes off differs from what was imposed by more than `RETRACED`, the first layer is
    walked once more, in steps that are solved more exactly, in float64 where need be, and half as
    long unless it was missed by little. The image with which the imposition ended stands whatever
    the check finds. What cannot be imposed in steps that could be taken back is in others.

    Parameters
    ----------
    image, features, extractor, reference, flow, tolerance, hold, observer, move : as in `impose`
    check_passes : the most passes that all behind the imposition may take, 0 for no check; by
        default as many as the imposition took

    Raises
    ------
    ImageError, ConfigError, StageError : as `impose` does.

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> features = dc.Moments(orders=3)
    >>> reference = dc.noise_reference(features, size=image.shape[:2])
    >>> coffee = dc.load("sample:coffee", size=24).pixels
    >>> source, target = (dc.noisify(a, features, reference) for a in (image, coffee))
    >>> done = dc.impose_retraced(target.image, source.features, features, reference)
    >>> done.imposed.image.shape, done.traceable
    ((24, 36, 3), True)
    """
    common: dict[str, Any] = {
        "reference": reference,
        "flow": flow or Lift.suited_to(extractor),
        "move": move,
    }
    how = {**common, "observer": observer, "tolerance": tolerance, "or_near": True}
    retraced, share = check_passes != 0, _FIRST_LAYER
    above: Imposed | None = None
    if len(extractor.layers) > 1:
        above = impose(
            image,
            features,
            extractor,
            hold=hold,
            down_to=2,
            retraced=retraced,
            share=_FURTHER_LAYERS,
            **how,
        )
        image, retraced = above.image, above.retraced
    first, one = extractor.layers[0], extractor.first(1)

    def on_top(done: Imposed) -> Imposed:
        if above is None:
            return done
        ways, trace = {**above.ways, **done.ways}, above.trace + done.trace
        return replace(done, ways=ways, trace=trace, retraced=above.retraced and done.retraced)

    try:
        imposed = on_top(impose(image, features, one, retraced=retraced, share=share, **how))
    except StageError as error:
        before = () if above is None else above.trace
        raise error.after(before) from None
    trace = imposed.trace
    budget = sum(t.passes for t in trace) if check_passes is None else check_passes
    held: DecoupledFeatures | None = None
    if budget == 0:
        return Retraced(imposed, None, None, trace)
    spent = 0  # of the motions of the check that have ended

    def watched(report: StepReport) -> None:
        observer(report)
        if spent + report.passes > budget:
            raise _Spent

    done = Retraced(imposed, None, None, trace)
    try:
        for tries_left in reversed(range(_TRIES)):
            ways = imposed.ways
            try:
                off = noisify(
                    imposed.image,
                    extractor,
                    tolerance=share * tolerance,
                    ways=ways,
                    stage=STAGE,
                    comes_back=False,
                    features_only=True,
                    observer=watched,
                    **common,
                )
                held, more = off.features, off.trace
            except StageError as error:
                held, more = None, error.partial.trace
            trace += more
            spent += sum(t.passes for t in more)
            apart = max(relative_distances(held, features).values()) if held else math.inf
            traceable = apart <= RETRACED
            done = Retraced(imposed, held, traceable, trace)
            # Without ways that can be taken back there is nothing that smaller steps could keep to.
            if traceable or first not in ways or not imposed.retraced or not tries_left:
                return done
            missed = math.sqrt(apart / RETRACED)
            share /= min(_SAFETY * missed, _MOST_AT_A_TIME)
            again = replace(ways[first], tolerances=())
            if missed > _NEAR:
                again = again.halved()
            features = replace(features, ways={**features.ways, first: again})
            try:
                again_so = {**common, "observer": watched, "tolerance": share * tolerance}
                imposed = on_top(impose(image, features, one, **again_so))
            except StageError as error:
                return replace(done, trace=trace + error.partial.trace)
            more = imposed.trace[len(above.trace) if above else 0 :]
            trace += more
            spent += sum(t.passes for t in more)
    except _Spent:
        return replace(done, trace=trace)
    return done


def distances(a: DecoupledFeatures, b: DecoupledFeatures) -> dict[str, float]:
    """{group: mean squared difference} of decoupled features."""
    return {k: float(np.mean(np.square(a.values[k] - b.values[k]))) for k in b.values}


def relative_distances(a: DecoupledFeatures, b: DecoupledFeatures) -> dict[str, float]:
    """`distances`, relative to the mean square of `b`."""
    return {k: d / float(np.mean(np.square(b.values[k]))) for k, d in distances(a, b).items()}
