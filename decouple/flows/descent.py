"""Descent of a loss: the thesis's own way of moving an image."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from decouple.flows.motion import Motion, Moved, Tell
from decouple.flows.optimizers import Lbfgs, Loss, Optimizer
from decouple.flows.stop import StopReason
from decouple.flows.stopping import StopRules, Watch


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
        weights = layer_weights(motion)

        def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
            features, gradient = extractor.squared_error(x, target, weights)
            return float(weights @ np.square(features - target)), gradient

        return descended(image, loss, self.optimizer, watched(motion, self.stop, tell))


def layer_weights(motion: Motion, active_only: bool = False) -> np.ndarray:
    """Weights (C,) with which squared differences add up to Σ_j MSE_j, or to the last MSE."""
    sizes = motion.extractor.sizes
    shares = [1.0 / size if not active_only else 0.0 for size in sizes[:-1]]
    return np.repeat([*shares, 1.0 / sizes[-1]], sizes)


def watched(motion: Motion, stop: StopRules, tell: Tell) -> Watch:
    """A watch over a motion that reports features at every look."""
    extractor = motion.extractor
    before = extractor.passes.count

    def look(fraction: float, image: np.ndarray) -> None:
        spent = extractor.passes.count
        features = extractor.measure(image)
        extractor.passes.count = spent  # looking is not descending
        motion.show(image)
        tell(fraction, features)

    return Watch(stop.of(motion.stage), lambda: extractor.passes.count - before, look)


def descended(image: np.ndarray, loss: Loss, optimizer: Optimizer, watch: Watch) -> Moved:
    """Go down a loss from an image (H, W, 3) until its watch ends it."""
    # Before anything is measured: the start may turn out to be the best image.
    image = optimizer.feasible(image)
    first, _ = loss(image)
    if not watch.begin(first, image):
        descent = optimizer.begin(image.shape)
        if descent.run(loss, image, watch.step) is None:
            watch.stuck()
    return ended(watch)


def ended(watch: Watch) -> Moved:
    """Where a descent ended: at the best image that was looked at."""
    reason = watch.reason or StopReason.STAGNATED
    return Moved(watch.best, reason, watch.iterations, threshold=watch.threshold)
