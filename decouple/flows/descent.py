"""Descent of a loss: the thesis's own way of moving an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from decouple.flows.motion import Motion, Moved, Tell
from decouple.flows.optimizers import Callback, Lbfgs, Loss, Optimizer
from decouple.flows.stop import StopReason
from decouple.flows.stopping import StopRules, Watch

if TYPE_CHECKING:
    from decouple.features.features import Features


@dataclass(frozen=True)
class Gradient:
    """Descend Σ_j MSE_j over the active and the held layers (Miralles 2022, chapter 3).

    The held layers are not held, only pulled back once they have moved: their gradients at the
    reference are zero. So the path depends on the optimizer, and the way back is another one.

    Attributes
    ----------
    optimizer : how far to go at a time
    stop : when to end, for each stage

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> features = dc.Moments(orders=3)
    >>> reference = dc.noise_reference(features, size=image.shape[:2])
    >>> flow = dc.Gradient(dc.optimizer("lbfgs"), dc.StopRules(dc.StopRule(loss=1e-6)))
    >>> source = dc.noisify(image, features, reference, flow=flow)
    >>> [trace.stop_reason.name for trace in source.trace]
    ['REACHED', 'REACHED', 'REACHED']
    """

    optimizer: Optimizer = field(default_factory=Lbfgs)
    stop: StopRules = field(default_factory=StopRules)
    name: str = "gradient"

    @property
    def stepper_name(self) -> str:
        """The optimizer's name."""
        return self.optimizer.name

    def arrived(self, reason: StopReason) -> bool:
        """Whether its image may go on: a threshold that is missed is a result, not an error."""
        return reason.usable

    def move(self, image: np.ndarray, motion: Motion, tell: Tell) -> Moved:
        """Carry out a motion; see `Flow.move`."""
        extractor, target = motion.extractor, motion.end
        weights, seen = layer_weights(motion), Seen(extractor)

        def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
            features, gradient = extractor.squared_error(x, target, weights)
            seen.keep(x, features)
            return float(weights @ np.square(features - target)), gradient

        return descended(image, loss, self.optimizer, watched(motion, self.stop, tell, seen))


class Seen:
    """The features at the image whose loss was had last: who looks there needs no pass."""

    def __init__(self, extractor: Features) -> None:
        self._extractor = extractor
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def keep(self, image: np.ndarray, features: np.ndarray) -> None:
        """Of an image (H, W, 3) the features (C,)."""
        self._last = image.copy(), features

    def at(self, image: np.ndarray) -> np.ndarray:
        """Features (C,) of an image; measured, where it is another, which is not counted."""
        if self._last is not None and np.array_equal(self._last[0], image):
            return self._last[1]
        passes = self._extractor.passes
        spent = passes.count
        features = self._extractor.measure(image)
        passes.count = spent  # looking is not descending
        return features


def layer_weights(motion: Motion, active_only: bool = False) -> np.ndarray:
    """Weights (C,) with which squared differences add up to Σ_j MSE_j, or to the last MSE."""
    sizes = motion.extractor.sizes
    shares = [1.0 / size if not active_only else 0.0 for size in sizes[:-1]]
    return np.repeat([*shares, 1.0 / sizes[-1]], sizes)


def watched(
    motion: Motion,
    stop: StopRules,
    tell: Tell,
    seen: Seen,
    enough: Callable[[np.ndarray], bool] | None = None,
) -> Watch:
    """A watch over a motion that reports features at every look.

    Parameters
    ----------
    seen : is told of the features at every image whose loss is had
    enough : see `Watch`
    """
    passes = motion.extractor.passes
    before = passes.count

    def look(fraction: float, image: np.ndarray) -> None:
        motion.show(image)
        tell(fraction, seen.at(image))

    return Watch(stop.of(motion.stage), lambda: passes.count - before, look, enough)


def descended(image: np.ndarray, loss: Loss, optimizer: Optimizer, watch: Watch) -> Moved:
    """Go down a loss from an image (H, W, 3) until its watch ends it."""
    # Before anything is measured: the start may turn out to be the best image.
    gone_down(optimizer.feasible(image), loss, optimizer, watch, watch.step)
    return ended(watch)


def gone_down(
    image: np.ndarray, loss: Loss, optimizer: Optimizer, watch: Watch, over: Callback
) -> np.ndarray:
    """The image (H, W, 3) to which a loss leads from another, until `over` says so.

    Or the best one, where the optimizer finds no way down any more.

    Parameters
    ----------
    watch : begins anew with this loss
    over : told of each iteration; asks the watch
    """
    first, _ = loss(image)
    if watch.begin(first, image):
        return image
    found = optimizer.begin(image.shape).run(loss, image, over)
    if found is None:
        watch.stuck()
        return watch.best
    return found


def ended(watch: Watch) -> Moved:
    """Where a descent ended: at the best image that was looked at."""
    reason = watch.reason or StopReason.STAGNATED
    return Moved(watch.best, reason, watch.iterations, threshold=watch.threshold)
