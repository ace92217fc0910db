"""Self-transfer: taken off and put back, as exactly as was asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from decouple.features.features import Features
from decouple.flows.lift import Lift
from decouple.flows.motion import Flow, Way
from decouple.flows.trace import LayerTrace, Observer, ignore
from decouple.images import rms
from decouple.stages.accuracy import allowed_error, beyond_float64
from decouple.stages.impose import Imposed, impose
from decouple.stages.layerwise import (
    DEFAULT_TOLERANCE,
    DecoupledFeatures,
    Move,
    StageError,
    move_layer,
)
from decouple.stages.noisify import Noisified, OnLayer, noisify
from decouple.stages.reference import Reference

# How often the last layer, and the whole, is walked at most.
_TRIES = 3
# What is asked for, as a part of what is needed, where something has to be walked again.
_SAFETY = 0.3
# What misses by more is walked in half the steps, too: long ones make errors grow more.
_FAR = 10.0
# What misses the tolerance by more does so for another reason, such as a network with kinks.
_FARTHEST_MISS = 1e4


@dataclass(frozen=True)
class RoundTrip:
    """An image's decoupled features, taken off and put back.

    Attributes
    ----------
    noisified : with nothing left of them
    imposed : with all of them: ideally the image itself
    rms : of its difference from the image, in units of the image's range
    trace : of all that was done
    """

    noisified: Noisified
    imposed: Imposed
    rms: float
    trace: tuple[LayerTrace, ...] = field(repr=False)


def round_trip(
    image: np.ndarray,
    extractor: Features,
    reference: Reference,
    flow: Flow | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    hold: str = "reference",
    observer: Observer = ignore,
    on_layer: OnLayer = lambda _layer, _image: None,
    on_noisified: Callable[[Noisified], None] = lambda _noisified: None,
    say: Callable[[str], None] = lambda _line: None,
    move: Move = move_layer,
) -> RoundTrip:
    """Noisify an image and impose its own features; the acid test of reports/method.md.

    How much errors grow on the way back depends on the picture and the network. It is found on the
    way out (`noisify`), and every step is solved as exactly as it asks for. Where the last layer's
    way back, the first to be walked, misses what the layers before it allow all the same, that
    layer is walked again as much more exactly; so is the whole, where the result misses. Neither
    is where float64 itself is what misses.

    Parameters
    ----------
    image, extractor, reference, flow, tolerance, hold, observer, say, move : as in `noisify`,
        `impose`
    on_layer : given (layer, image) after each layer that was taken off
    on_noisified : given what was taken off, before it is put back

    Raises
    ------
    ImageError, ConfigError, StageError : as `noisify` and `impose` do; of the first walk only.

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> features = dc.Moments(orders=3)
    >>> reference = dc.noise_reference(features, size=image.shape[:2])
    >>> done = dc.round_trip(image, features, reference)
    >>> dc.psnr_db(done.imposed.image, image) > 80
    True
    """
    how: dict[str, Any] = {
        "extractor": extractor,
        "reference": reference,
        "flow": flow or Lift.suited_to(extractor),
        "tolerance": tolerance,
        "observer": observer,
        "move": move,
    }
    best: RoundTrip | None = None
    trace: tuple[LayerTrace, ...] = ()
    ways: Mapping[str, Way] = {}
    for tries_left in reversed(range(_TRIES)):
        try:
            noisified, imposed, walked = _there_and_back(
                image, how, ways, hold, on_layer, on_noisified, say
            )
        except StageError as error:
            if best is None:
                raise error.after(trace) from None
            trace += error.partial.trace
            break
        trace += walked
        error_left = rms(imposed.image - image)
        better = best is None or error_left < best.rms
        if better:
            best = RoundTrip(noisified, imposed, error_left, trace)
        near = tolerance < error_left < _FARTHEST_MISS * tolerance
        ways = noisified.features.ways
        # Without ways there is nothing that more exact steps could keep to.
        if not near or not better or not ways or not tries_left:
            break
        if beyond_float64(tolerance, [*map(ways.get, extractor.layers)]):
            break
        say(
            f"The round trip's RMS error {error_left:.1e} exceeds tolerance={tolerance:g}: once "
            "more, each step solved more exactly"
        )
        ways = _solved_better(ways, error_left / tolerance)
    assert best is not None
    return replace(best, trace=trace)


def _there_and_back(
    image: np.ndarray,
    how: Mapping[str, Any],
    ways: Mapping[str, Way],
    hold: str,
    on_layer: OnLayer,
    on_noisified: Callable[[Noisified], None],
    say: Callable[[str], None],
) -> tuple[Noisified, Imposed, tuple[LayerTrace, ...]]:
    """One round trip; the last layer's way is walked until it comes back as its turn asks for."""
    extractor = how["extractor"]
    depth = len(extractor.layers)
    layer = extractor.layers[-1]
    before = np.asarray(image, np.float64)  # the last layer's turn

    def keep(done: str, x: np.ndarray) -> None:
        nonlocal before
        before = x if done != layer else before
        on_layer(done, x)

    noisified = noisify(image, ways=ways, on_layer=keep, say=say, **how)
    trace = noisified.trace
    for tries_left in reversed(range(_TRIES)):
        on_noisified(noisified)
        try:
            imposed = impose(noisified.image, noisified.features, hold=hold, down_to=depth, **how)
        except StageError as error:
            raise error.after(trace) from None
        trace += imposed.trace
        features = noisified.features
        earlier = {k: way for k, way in features.ways.items() if k != layer}
        allowed = allowed_error(how["tolerance"], map(earlier.get, extractor.layers[:-1]))
        # Nothing is allowed behind a growth without bound.
        missed = rms(imposed.image - before) / allowed if allowed > 0 else math.inf
        if not 1 < missed < _FARTHEST_MISS or layer not in features.ways or not tries_left:
            break
        if beyond_float64(how["tolerance"], [*map(features.ways.get, extractor.layers)]):
            break
        values = {k: v for k, v in features.values.items() if k != layer}
        done = Noisified(before, DecoupledFeatures(values, earlier, features.signature), ())
        again = _solved_better({layer: features.ways[layer]}, missed)
        try:
            noisified = noisify(image, ways=again, after=done, on_layer=on_layer, say=say, **how)
        except StageError as error:  # what less exact steps came to stands
            trace += error.partial.trace
            break
        trace += noisified.trace
    if depth > 1:
        last = imposed
        try:
            imposed = impose(
                last.image,
                noisified.features,
                hold=hold,
                **{**how, "extractor": extractor.first(depth - 1)},
            )
        except StageError as error:
            raise error.after(trace) from None
        trace += imposed.trace
        imposed = replace(
            imposed, ways={**last.ways, **imposed.ways}, trace=last.trace + imposed.trace
        )
    return noisified, imposed, trace


def _solved_better(ways: Mapping[str, Way], missed: float) -> dict[str, Way]:
    """Ways whose steps are to be solved more exactly, and to be shorter where much was missed."""
    better = {}
    for layer, way in ways.items():
        exact = way.solved(_SAFETY / missed)
        better[layer] = exact.halved() if missed > _FAR else exact
    return better
