"""Steps 1 and 2: move an image, layer by layer, until its features equal those of the noise."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from decouple.features.features import Features
from decouple.flows.lift import Lift, in_symmetric_steps
from decouple.flows.motion import Flow, Motion, Way
from decouple.flows.trace import LayerTrace, Observer, ignore
from decouple.stages.accuracy import (
    allowed_error,
    needed_by_features,
    needed_by_following,
    needed_by_retracing,
    too_much_growth,
)
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
from decouple.stages.reference import Reference

OnLayer = Callable[[str, np.ndarray], None]


@dataclass(frozen=True)
class Noisified:
    """An image whose features equal the reference's.

    Attributes
    ----------
    image : (H, W, 3) float64; its values may leave [0, 1]
    features : the decoupled features that were taken off it
    trace : one entry a layer that was moved; two where it went in exact steps only
    """

    image: np.ndarray
    features: DecoupledFeatures
    trace: tuple[LayerTrace, ...] = field(repr=False)


def noisify(
    image: np.ndarray,
    extractor: Features,
    reference: Reference,
    flow: Flow | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    ways: Mapping[str, Way] | None = None,
    stage: str = "noisify_source",
    comes_back: bool = True,
    following: float | None = None,
    features_only: bool = False,
    after: Noisified | None = None,
    observer: Observer = ignore,
    on_layer: OnLayer = lambda _layer, _image: None,
    say: Callable[[str], None] = lambda _line: None,
    move: Move = move_layer,
) -> Noisified:
    """Take the decoupled features off an image (reports/method.md).

    x̂_k is x̂_{k-1} moved until f_k = v_k while f_1..f_{k-1} stay at v_1..v_{k-1}; recorded is
    c_k = f_k(x̂_{k-1}).

    Parameters
    ----------
    image : (H, W, 3), RGB, nominally in [0, 1]
    extractor, reference : features and the values to which they are moved
    flow : how the image moves; by default `Lift.suited_to(extractor)`
    tolerance : RMS error, in units of the image's range, that taking off and putting back may
        make; 1e-4 is 80 dB
    ways : {layer: Way} to follow instead of finding steps, each as exactly as it was walked
    stage : the name under which it is reported
    comes_back : whether the features are to be put back on this image. Then steps are solved as
        exactly as the growth of errors on the way back asks for (see `stages.accuracy`); else they
        need only follow their path, and features are near where it ends; where that leads nowhere
        they are solved so after all. Ways that are followed stay exact
    following : where nothing comes back, to what part of its length each step is solved, and how
        near its features come with it; no step is longer than the square root of it, of 1, since a
        chord is off its curve by the square of its length. Decoupled features are off by about as
        much of their own, and how much depends on picture and filters. By default steps are solved
        coarsely, and as long as may be
    features_only : leave out the last layer's motion: its features are known before its turn
    after : what is done already: the first layers, taken off this image
    observer : told of each step
    on_layer : given (layer, image) after each layer
    say : told in one line where the tolerance cannot be met, or may not
    move : carries out a layer's motion

    Raises
    ------
    ImageError : the image cannot be used.
    StageError : a layer did not reach the reference; `.partial` is what was done, a `Noisified`.

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> features = dc.Moments(orders=3)
    >>> reference = dc.noise_reference(features, size=image.shape[:2])
    >>> source = dc.noisify(image, features, reference)
    >>> {name: values.shape for name, values in source.features.values.items()}
    {'mean': (3,), 'variance': (3,), 'skewness': (3,)}
    >>> left = features.split(features.measure(source.image))
    >>> all(abs(left[name] - reference.features[name]).max() < 1e-6 for name in left)
    True
    """
    x = checked_image(image, extractor)
    flow = flow or Lift.suited_to(extractor)
    values: dict[str, np.ndarray] = {}
    found: dict[str, Way] = {}
    traces: list[LayerTrace] = []
    if after is not None:
        x, values, found = after.image, dict(after.features.values), dict(after.features.ways)
    noise = reference.image(*image.shape[:2])
    exact, near = needed_by_retracing(tolerance), needed_by_features(tolerance)
    if following is not None:
        exact = near = needed_by_following(following)

    def taken_off() -> Noisified:
        features = DecoupledFeatures(values, found, extractor.signature)
        return Noisified(x, features, tuple(traces))

    for depth, layer in enumerate(extractor.layers[len(values) :], start=len(values) + 1):
        part, last = extractor.first(depth), depth == len(extractor.layers)
        values[layer] = part.split(part.measure(x))[layer]
        if features_only and last:
            break
        way = ways.get(layer) if ways else None
        # What is measured at the end of a way differs from its nominal end by rounding, which
        # the way back would amplify. What comes back ends with what is recorded: it has to begin
        # with that, and does so elsewhere once the layer before was walked more exactly.
        nominal = way.curve.values[0] if way and way.curve and not comes_back else None
        own = part.join({**reference.features, layer: values[layer]})
        allowed = allowed_error(tolerance, [found.get(k) for k in part.layers[:-1]])
        motion = Motion(
            part,
            start=own if nominal is None else nominal,
            end=reference.vector(part),
            tolerance=exact,
            allowed=allowed if comes_back else None,
            near=None if comes_back else near,
            following=following,
            way=way,
            stage=stage,
            nearby=functools.partial(reference.factor, extractor, depth, x.size),
            noise=noise,
        )
        motions = [motion]
        if motion.near is not None and in_symmetric_steps(flow):
            # A nearly flat picture may leave in steps that are as exact as if it were to come back.
            # Where only features are wanted, errors on a way back that nobody takes are no matter.
            bounded = allowed if following is None else None
            motions.append(replace(motion, near=None, allowed=bounded))
        attempts = until_arrived(x, ((flow, along) for along in motions), move, observer)
        traces += [attempt.trace for attempt in attempts]
        moved = attempts[-1].moved
        x = moved.image
        on_layer(layer, x)
        if moved.way is not None:
            found[layer] = moved.way
            if moved.way.error is not None:
                so_far = sum(t.seconds for t in traces)
                line = too_much_growth(layer, moved.way, allowed, tolerance, so_far)
                if line is not None:
                    say(line)
        if not attempts[-1].arrived:
            raise StageError(failure(traces[-1], part), taken_off())
    return taken_off()
