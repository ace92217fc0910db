"""Step 3: put decoupled features on a noisified image, in reverse order."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from decouple.errors import ConfigError, NamedChoice
from decouple.features.features import Features, check_same
from decouple.flows.lift import Lift, in_symmetric_steps
from decouple.flows.motion import Flow, Motion, Way
from decouple.flows.newton import Newton
from decouple.flows.trace import LayerTrace, Observer, ignore
from decouple.stages.accuracy import needed_by_features, needed_by_retracing
from decouple.stages.layerwise import (
    DEFAULT_TOLERANCE,
    DecoupledFeatures,
    Move,
    StageError,
    checked_image,
    failure,
    move_layer,
    until_arrived,
)
from decouple.stages.noisify import OnLayer
from decouple.stages.reference import Reference


class Hold(NamedChoice):
    """Towards what the layers before the active one are kept."""

    REFERENCE = "reference"
    FEATURES = "features"


@dataclass(frozen=True)
class Imposed:
    """An image that carries the decoupled features imposed on it.

    Attributes
    ----------
    image : (H, W, 3) float64; its values may leave [0, 1]
    ways : {layer: Way}, the ways back to the noisified image it came from, for `noisify`
    trace : one entry a layer, the last layer first; of one that did not arrive at once, its tries
    retraced : whether each layer arrived as exactly as `retraced` asks for
    """

    image: np.ndarray
    ways: Mapping[str, Way] = field(repr=False)
    trace: tuple[LayerTrace, ...] = field(repr=False)
    retraced: bool = True


def impose(
    image: np.ndarray,
    features: DecoupledFeatures,
    extractor: Features,
    reference: Reference,
    flow: Flow | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    hold: str = "reference",
    down_to: int = 1,
    retraced: bool = True,
    share: float = 1.0,
    or_near: bool = False,
    observer: Observer = ignore,
    on_layer: OnLayer = lambda _layer, _image: None,
    move: Move = move_layer,
) -> Imposed:
    """Move a noisified image until it carries `features`, from the last layer to the first.

    At layer k the layers before it are held at the reference, the layers behind it are free.

    Parameters
    ----------
    image : (H, W, 3), noisified with the same extractor and reference
    features : what to impose; where they hold a way that ended at this image, its steps are taken
        in reverse, as exactly as they were; other images are led along the same features in steps
        of their own
    extractor, reference, flow, tolerance, observer, on_layer, move : as in `noisify`
    retraced : whether steps may be taken back, or once more by `noisify`, and are solved exactly
        enough for that. If not, features are near (see `stages.accuracy`) for less: half the passes
        or fewer of three layers of ImageNet's filters. Ways that are followed stay exact
    share : of the tolerance, to what steps are solved that may be taken back
    or_near : whether a layer that does not arrive in such steps, and those before it, are imposed
        as if `retraced` were false
    hold : towards what the layers before the active one are kept: the `reference`, as the thesis's
        text has it, or their own `features` to be imposed later, as its code does
    down_to : number of the layer to stop at, from 1 for the first

    Raises
    ------
    ImageError : the image cannot be used.
    ConfigError : the features are of other layers, channels or networks.
    StageError : a layer did not reach its features; `.partial` is what was done, an `Imposed`.

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> features = dc.Moments(orders=3)
    >>> reference = dc.noise_reference(features, size=image.shape[:2])
    >>> source = dc.noisify(image, features, reference)
    >>> result = dc.impose(source.image, source.features, features, reference)
    >>> dc.psnr_db(result.image, image) > 80
    True
    """
    x = checked_image(image, extractor)
    for layer, size in zip(extractor.layers, extractor.sizes, strict=True):
        if layer not in features.values or features.values[layer].shape != (size,):
            raise ConfigError(
                f"the features to impose do not fit {layer} ({size} channels): use the layers "
                "and the mask with which they were taken off"
            )
    check_same("the features to impose", features.signature, extractor)
    flow = flow or Lift.suited_to(extractor)
    traces: list[LayerTrace] = []
    ways: dict[str, Way] = {}
    held = reference.features if Hold.named(hold) is Hold.REFERENCE else features.values
    for depth in range(len(extractor.layers), down_to - 1, -1):
        part = extractor.first(depth)
        layer = part.layers[-1]
        start = reference.vector(part)
        end = part.join({**held, layer: features.values[layer]})
        way = features.ways[layer].reversed() if layer in features.ways else None
        exactly = Motion(
            part,
            start,
            end,
            tolerance=needed_by_retracing(share * tolerance),
            way=way,
            stage="impose",
            nearby=functools.partial(reference.factor, extractor, depth, x.size),
        )
        nearly = replace(
            exactly, tolerance=needed_by_retracing(tolerance), near=needed_by_features(tolerance)
        )
        motions = [exactly] if retraced else [nearly]
        if retraced and or_near and in_symmetric_steps(flow):
            motions.append(nearly)
        tried = (attempt for m in motions for attempt in _attempts(m, flow))
        attempts = until_arrived(x, tried, move, observer)
        traces += [attempt.trace for attempt in attempts]
        last = attempts[-1]
        if last.arrived:
            retraced = last.motion.near is None
        x, moved = last.moved.image, last.moved
        if moved.way is not None:
            ways[layer] = moved.way.reversed()
        on_layer(layer, x)
        if not last.arrived:
            raise StageError(failure(last.trace, part), Imposed(x, ways, tuple(traces)))
    return Imposed(x, ways, tuple(traces), retraced)


def _attempts(motion: Motion, flow: Flow) -> Iterator[tuple[Flow, Motion]]:
    """The ways to the features, until one arrives.

    Where the lift does not get there along the features of the way out: along those that it would
    take without, then in Newton steps, which look for the features and not for a path.
    """
    yield flow, motion
    if not in_symmetric_steps(flow):
        return
    if motion.way is not None and motion.way.curve is not None:
        yield flow, replace(motion, way=Way((), motion.way.factors))
    yield Lift(Newton()), motion
