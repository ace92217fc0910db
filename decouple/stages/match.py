"""The quick way to given features: all layers at once, by a path that does not lead back."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from decouple.features.features import Features
from decouple.flows.matching import Matching, damped
from decouple.flows.motion import Flow, Motion
from decouple.flows.preconditioner import Factor
from decouple.flows.trace import LayerTrace, Observer, ignore
from decouple.stages.layerwise import (
    DEFAULT_TOLERANCE,
    StageError,
    carried_out,
    checked_image,
    failure,
)
from decouple.stages.reference import Reference, middle, noise_reference


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
    stage: str = "match",
    observer: Observer = ignore,
    nearby: Callable[[], Factor] | None = None,
) -> Matched:
    """Move an image until its features equal those given, in all layers at once.

    Nothing is decoupled: for those who only want features matched, such as the means of a texture.
    L-BFGS on their distance in the metric of K at the noise (`flows.matching`) takes fewer passes
    than on the joint loss (`experiments/benchmarks/matching.py`). Where the image's features hardly
    move some of those that are wanted, it ends before the tolerance: from noise to a texture some
    thousandths of the layers' sizes are left with calibrated filters, one or two hundredths with
    ImageNet's.

    Parameters
    ----------
    image : (H, W, 3), RGB, nominally in [0, 1]
    extractor : of the layers
    features : {layer: (C_k,)}, such as `extractor.split(extractor.measure(texture))` or
        `reference.features`
    reference : whose noise gives the preconditioner; by default of the image's size
    flow : how the image moves; by default `Matching()`
    tolerance : RMS distance, in units of the image's range, from an image with these features, as
        K at the noise knows it
    stage : the name under which it is reported
    observer : told of each step
    nearby : gives the preconditioner, by default `matching_factor`

    Raises
    ------
    ImageError : the image cannot be used.
    StageError : the features were not reached; `.partial` is what was done, a `Matched`.

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> features = dc.Moments(orders=3)
    >>> wanted = features.split(features.measure(image))
    >>> made = dc.match(dc.noise_image(24, 36, seed=1), features, wanted)
    >>> found = features.split(features.measure(made.image))
    >>> all(abs(found[name] - wanted[name]).max() < 1e-3 for name in wanted)
    True
    """
    x = checked_image(image, extractor)
    flow = flow or Matching()
    reference = reference or noise_reference(extractor, x.shape[:2])
    start, end = extractor.measure(x), extractor.join(features)
    nearby = nearby or matching_factor(extractor, end, reference, x.size)
    motion = Motion(extractor, start, end, tolerance, stage=stage, nearby=nearby)
    moved, trace = carried_out(x, motion, flow, observer)
    done = Matched(moved.image, trace)
    if not flow.arrived(trace.stop_reason):
        raise StageError(failure(trace, extractor), done)
    return done


def matching_factor(
    extractor: Features,
    end: np.ndarray,
    reference: Reference,
    pixels: int,
    example: np.ndarray | None = None,
) -> Callable[[], Factor]:
    """What `match` descends with, formed when it is asked for and then kept.

    It is of K at the noise, damped by the sizes of the layers that are wanted (`flows.matching`).

    Parameters
    ----------
    end : features (C,) that are wanted
    reference : whose noise it is
    pixels : how many values the images have
    example : (H, W, 3), of any size, an image that has such features. K is then the mean of K at
        the noise and at its middle, no more than 128 × 128 pixels of it: from noise to a texture
        descents take about half the passes. It is looked at where that is for less than it saves
    """
    return functools.cache(functools.partial(_formed, extractor, end, reference, pixels, example))


def example_saves(extractor: Features, example: np.ndarray, pixels: int) -> bool:
    """Whether `matching_factor` looks at an example, for images of so many values.

    That takes a pass for each feature, over the example's middle, and saves about a third as many
    over the images.
    """
    return extractor.spatial_means and 3 * middle(example).size <= pixels


def _formed(
    extractor: Features,
    end: np.ndarray,
    reference: Reference,
    pixels: int,
    example: np.ndarray | None,
) -> Factor:
    layers = extractor.split(end).values()
    squares = np.concatenate([np.full(len(values), values @ values) for values in layers])
    matrix = reference.normal_matrix(extractor, len(extractor.layers), pixels)
    if example is not None and example_saves(extractor, example, pixels):
        piece = middle(np.asarray(example, np.float64))
        own = extractor.normal_matrix(extractor.linearize(piece))
        matrix = (matrix + piece.size / pixels * own) / 2
    return damped(matrix, squares, pixels)
