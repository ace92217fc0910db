"""All features at once: descent of their distance in the unit of the image's own motion."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from decouple.features.likeness import relative_mse
from decouple.flows.descent import Seen, descended, watched
from decouple.flows.motion import Motion, Moved, Tell
from decouple.flows.optimizers import Lbfgs, Optimizer
from decouple.flows.preconditioner import Factor
from decouple.flows.stop import StopReason
from decouple.flows.stopping import Scale, StopRule, StopRules

# Of the trace of K, relative to the layers' squares. From noise to grass, behind two layers of
# calibrated filters, many of which are nearly dead on grass, 1e-2 took 49 passes to a hundredth of
# the layers' sizes, 3e-3 took 89, 1e-3 took 259, and D alone 69. From a photograph to the noise,
# where none is, they took 55, 39 and 31 to an MSE of 1e-8, and Newton's steps 51.
_DAMPING = 3e-3


def damped(matrix: np.ndarray, squares: np.ndarray, pixels: int) -> Factor:
    """The factor of K + D, where D is a share of the squares of the features' layers.

    So a feature that noise can hardly move, and whose part of K is next to nothing, counts by how
    far it is from its target relative to its layer (Levenberg 1944, Marquardt 1963).

    Parameters
    ----------
    matrix : K, (C, C)
    squares : (C,), each feature's that of the norm of its whole layer, as it is wanted
    pixels : N, how many values an image has

    Raises
    ------
    numpy.linalg.LinAlgError : K is not finite.
    """
    largest = float(squares.max(initial=0.0))
    # A layer of which nothing is wanted has no size of its own.
    known = squares > np.finfo(np.float32).eps * largest
    sizes = np.where(known, squares, largest or 1.0)
    share = _DAMPING * float(np.trace(matrix / sizes[:, None])) or 1.0
    return Factor(matrix + np.diag(share * sizes), pixels)


@dataclass(frozen=True)
class Matching:
    """Descend rᵀ (K + D)⁻¹ r / N, where r = end − f(x), by L-BFGS.

    That is the squared distance of the image from one with the features `end`, as the factor that
    the motion has near by knows it; there its gradient −Jᵀ (K + D)⁻¹ r is the smallest motion that
    the features ask for, as long as they change in proportion. It leads to no path back. For users
    who only want features matched.

    Attributes
    ----------
    optimizer : how far to go at a time
    stop : when to end before the motion's tolerance is met; of `loss` nothing is asked
    enough : relative squared distance of the features, mean over the layers of
        ‖f − end‖² / ‖end‖², below which it ends, too; in units of `stop.scale`
    """

    optimizer: Optimizer = field(default_factory=lambda: Lbfgs(memory=20))
    stop: StopRules = field(
        default_factory=lambda: StopRules(StopRule(max_iterations=500, stagnation=5e-3))
    )
    enough: float = 0.0
    name: str = "matching"

    @property
    def stepper_name(self) -> str:
        """The optimizer's name."""
        return self.optimizer.name

    def arrived(self, reason: StopReason) -> bool:
        """Only at its target."""
        return reason is StopReason.REACHED

    def move(self, image: np.ndarray, motion: Motion, tell: Tell) -> Moved:
        """Carry out a motion, which must have a factor near by; see `Flow.move`."""
        assert motion.nearby is not None
        extractor, factor, seen = motion.extractor, motion.nearby(), Seen(motion.extractor)

        def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
            value = np.nan

            def downhill(features: np.ndarray) -> np.ndarray:
                nonlocal value
                residual = motion.end - features
                solved = factor.solve(residual)
                value = float(residual @ solved) / factor.pixels
                return -2 * solved / factor.pixels

            features, gradient = extractor.gradient(x, downhill)
            seen.keep(x, features)
            return value, gradient

        rounding = factor.rounding(motion.end, extractor.epsilon)
        least = max(motion.tolerance, rounding) ** 2
        told = self.stop.of(motion.stage)
        rule = replace(told, loss=least, scale="absolute")

        def far(features: np.ndarray) -> float:
            layers = relative_mse(extractor, features, motion.end).values()
            return sum(layers) / len(layers)

        limit = self.enough * Scale.named(told.scale).unit(far(motion.start))

        def enough(x: np.ndarray) -> bool:
            return far(seen.at(x)) < limit

        watch = watched(motion, StopRules(rule), tell, seen, enough)
        return descended(image, loss, self.optimizer, watch)
