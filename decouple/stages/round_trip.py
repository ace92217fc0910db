"""Self-transfer: taken off and put back, as exactly as was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from decouple.features.extractor import Extractor
from decouple.flows.motion import Flow, Way
from decouple.flows.trace import LayerTrace, Observer, ignore
from decouple.stages.impose import Imposed, impose
from decouple.stages.layerwise import DEFAULT_TOLERANCE, Mover, StageError, move_layer
from decouple.stages.noisify import Noisified, OnLayer, noisify
from decouple.stages.reference import Reference

# How often a round trip is walked at most. A picture whose errors grow more than those of most
# meets the tolerance the second time.
_TRIES = 2
# The errors follow the tolerance of the steps roughly in proportion.
_SAFETY = 2.0
# What misses the tolerance by more does so for another reason, such as a network with kinks.
_FARTHEST_MISS = 100.0


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
    extractor: Extractor,
    reference: Reference,
    flow: Flow | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    hold: str = "reference",
    observer: Observer = ignore,
    on_layer: OnLayer = lambda _layer, _image: None,
    on_noisified: Callable[[Noisified], None] = lambda _noisified: None,
    on_miss: Callable[[float], None] = lambda _rms: None,
    move: Mover = move_layer,
) -> RoundTrip:
    """Noisify an image and impose its own features; the acid test of METHOD.md, section 1.

    How much errors grow on the way back depends on the picture (dark ones travel far) and is known
    only at its end. Where the result misses the tolerance, both ways are walked once more in the
    same steps, each solved as much more exactly as was missed.

    Parameters
    ----------
    image, extractor, reference, flow, tolerance, hold, observer, move : as in `noisify`, `impose`
    on_layer : given (layer, image) after each layer that was taken off
    on_noisified : given what was taken off, before it is put back
    on_miss : given the RMS error before both ways are walked once more

    Raises
    ------
    ImageError, ConfigError, StageError : as `noisify` and `impose` do; of the first walk only.
    """
    best: RoundTrip | None = None
    trace: tuple[LayerTrace, ...] = ()
    ways: Mapping[str, Way] = {}
    solved = tolerance  # to what the steps are
    for tries_left in reversed(range(_TRIES)):
        common: dict[str, Any] = {
            "extractor": extractor,
            "reference": reference,
            "flow": flow,
            "tolerance": solved,
            "observer": observer,
            "move": move,
        }
        try:
            noisified = noisify(image, ways=ways, on_layer=on_layer, **common)
            trace += noisified.trace
            on_noisified(noisified)
            imposed = impose(noisified.image, noisified.features, hold=hold, **common)
            trace += imposed.trace
        except StageError as error:
            trace += error.partial.trace
            if best is None:
                raise StageError(str(error), replace(error.partial, trace=trace)) from None
            break
        rms = float(np.sqrt(np.mean(np.square(imposed.image - image))))
        better = best is None or rms < best.rms
        if better:
            best = RoundTrip(noisified, imposed, rms, trace)
        # Without ways there is nothing that more exact steps could keep to.
        near = tolerance < rms < _FARTHEST_MISS * tolerance
        if not near or not better or not noisified.features.ways or not tries_left:
            break
        on_miss(rms)
        ways = {
            # What a layer holds before its turn changes a little: its ends are measured anew.
            layer: replace(way, ends=None)
            for layer, way in noisified.features.ways.items()
        }
        solved *= tolerance / (_SAFETY * rms)
    assert best is not None
    return replace(best, trace=trace)
