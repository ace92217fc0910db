"""The quick way to given features: all layers at once, by a path that does not lead back."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from decouple.features.features import Features
from decouple.flows.matching import Matching, damped, middle, share_of_middle
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
from decouple.stages.reference import Reference, noise_reference

# The longest side of an example at which K is formed, in pixels. Bricks at 256 px, five layers of
# ImageNet's filters: after 60 iterations the means were as far off with 64 as after 54 with 128,
# and K takes a quarter of the time, which is that of 75 iterations less.
_EXAMPLE = 64


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
    L-BFGS on their distance in the metric of K at the noise, and later on where the image has come
    to (`flows.matching`), takes fewer passes than on the joint loss
    (`experiments/benchmarks/matching.py`). Where the image's features hardly
    move some of those that are wanted, it ends before the tolerance: from noise to a texture some
    thousandths of the layers' sizes are left (`reports/textures.md`).

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
    nearby : gives the preconditioner, by default of `MatchingFactors`

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
    nearby = nearby or MatchingFactors(extractor, reference).of(x.size)
    motion = Motion(extractor, start, end, tolerance, stage=stage, nearby=nearby)
    moved, trace = carried_out(x, motion, flow, observer)
    done = Matched(moved.image, trace)
    if not flow.arrived(trace.stop_reason):
        raise StageError(failure(trace, extractor), done)
    return done


class MatchingFactors:
    """What `match` descends with: factors of K at the noise, damped (see `flows.matching`).

    Or, with an example, of the mean of K at the noise and at the example: from noise to a texture
    descents take fewer passes, down to half. It is looked at where that is for less than it saves,
    and once for all images.

    Parameters
    ----------
    extractor : of the layers
    reference : whose noise it is
    example : (H, W, 3), of any size, an image that has features like those wanted; its middle is
        looked at, no more than 64 × 64 pixels
    values : how many the largest images have
    """

    def __init__(
        self,
        extractor: Features,
        reference: Reference,
        example: np.ndarray | None = None,
        values: int = 0,
    ) -> None:
        self.extractor, self.reference, self._example = extractor, reference, None
        if example is not None and share_of_middle(extractor, example, values):
            self._example = middle(np.asarray(example, np.float64))

    def of(self, values: int) -> Callable[[], Factor]:
        """The one for images of so many values, formed when it is asked for and then kept."""
        return functools.cache(functools.partial(self._formed, values))

    def _formed(self, values: int) -> Factor:
        matrix = self.reference.normal_matrix(self.extractor, len(self.extractor.layers), values)
        if self._example is not None:
            # Gradients of means are spread over all pixels.
            matrix = (matrix + self._example.size / values * self._at_example) / 2
        return damped(matrix, self.extractor.sizes, values)

    @functools.cached_property
    def _at_example(self) -> np.ndarray:
        assert self._example is not None
        return self.extractor.normal_matrix(self.extractor.linearize(self._example))
