"""All features at once: descent of their distance in the unit of the image's own motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.linalg import LinAlgError

from decouple.features.likeness import relative_mse
from decouple.flows.descent import Seen, descended, watched
from decouple.flows.motion import Motion, Moved, Tell
from decouple.flows.optimizers import Lbfgs, Optimizer
from decouple.flows.preconditioner import Factor
from decouple.flows.stop import StopReason
from decouple.flows.stopping import Scale, StopRule, StopRules

# Of the trace of a layer's part of K. Iterations from noise to a photograph's means, to a relative
# MSE of 3e-10, with 1e-3, 3e-3, 1e-2 and 3e-2: ImageNet's filters, three layers, 96 px, 210, 197,
# 174 and 202; to bricks' and coins' at 128 px, to 1e-6: 147 and 166, 150 and 140, 168 and 152, 214
# and 217. With one share of the whole trace for all layers, relative to the squares of their sizes,
# they took 391, 142 and 126. But of five layers at 256 px the deep ones with many channels make up
# that trace nearly alone, and the first two were damped by a hundred times their own part: 700
# iterations came to 4e-8, where 300 come to 3e-9 now.
_DAMPING = 3e-3


def damped(matrix: np.ndarray, sizes: Sequence[int], pixels: int) -> Factor:
    """The factor of K + D, where D is of each layer a share of the trace of its part of K.

    So a feature that noise can hardly move, and whose part of K is next to nothing, counts as if it
    could be moved like others of its layer (Levenberg 1944, Marquardt 1963).

    Parameters
    ----------
    matrix : K, (C, C)
    sizes : of each layer, its number of features; C in all
    pixels : N, how many values an image has

    Raises
    ------
    numpy.linalg.LinAlgError : K is not finite.
    """
    traces = [float(own.sum()) for own in np.split(np.diag(matrix), np.cumsum(sizes)[:-1])]
    # A layer that noise does not move at all has no scale of its own.
    share = [_DAMPING * (trace or max(traces) or 1.0) for trace in traces]
    return Factor(matrix + np.diag(np.repeat(share, sizes)), pixels)


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
        try:
            factor = motion.nearby()
        except LinAlgError:  # K is not finite
            return Moved(image, StopReason.UNREACHABLE, 0)
        extractor, seen = motion.extractor, Seen(motion.extractor)

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
