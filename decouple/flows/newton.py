"""Newton's method with minimum-norm steps, to reach a target without following the path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError

from decouple.flows.field import LiftField, SingularError
from decouple.flows.motion import Motion, Moved, Tell
from decouple.flows.preconditioner import Factor, factor_cost
from decouple.flows.stop import StopReason

# Relative residual of the linear solve: at first no more than a linear model deserves, then as much
# as the last step showed it to be worth (Eisenstat & Walker, SIAM J. Sci. Comput. 17 (1996),
# choice 2).
_LOOSEST, _TIGHTEST = 0.5, 1e-2
# Of conjugate gradients. Their iterates grow, so few iterations are a short step (Steihaug, SIAM J.
# Numer. Anal. 20 (1983)): twice as many where the last step was good at its whole length, half as
# many where it had to be cut.
_FEWEST, _MOST = 1, 15


@dataclass
class Newton:
    """x ← x + t J⁺ (end − f(x)), with t halved until the distance to the target falls.

    The linear systems are solved roughly by conjugate gradients, which begin with one iteration and
    may take more as steps succeed. They are preconditioned by the factor that the motion has near
    by; where that leads nowhere, or has taken as many passes as a new one costs, or there is none,
    by one formed at the image. Fast near the target, but it does not follow the lift's path: what
    it moves cannot be moved back. For users who only want features matched.
    """

    max_steps: int = 50
    smallest_step: float = 1e-4
    name: str = "newton"

    def walk(self, image: np.ndarray, motion: Motion, tell: Tell) -> Moved:
        """Carry out a motion; see `Flow.move`."""
        extractor = motion.extractor
        near_by = _near_by(motion)
        field = LiftField(motion, _LOOSEST, near_by)
        x, point = image, extractor.linearize(image)
        whole_way = motion.end - point.features
        cost, spent_before = factor_cost(extractor, image[..., 0].size), extractor.passes.count
        accuracy, iterations = _LOOSEST, _FEWEST
        needed, fresh = near_by is None, False  # a factor; whether it was formed at x
        steps = 0
        while steps < self.max_steps:
            # Whatever another factor would save, no more than twice its passes are spent.
            if needed or extractor.passes.count - spent_before > cost:
                try:
                    field.refresh(point)
                    fresh = True
                except SingularError:
                    if needed:
                        return Moved(x, StopReason.UNREACHABLE, steps)
                    cost = np.inf  # the one at hand has to do
                needed, spent_before = False, extractor.passes.count
            residual = motion.end - point.features
            first, distance = field.distance(whole_way), field.distance(residual)
            if distance <= max(motion.tolerance, field.rounding(motion.end)):
                return Moved(x, StopReason.REACHED, steps)
            change = extractor.vjp(point, field.nearly(point, residual, accuracy, iterations))
            length, tried = 1.0, extractor.linearize(x + change)
            # Written so that a distance of NaN counts as too large.
            while not (left := field.distance(motion.end - tried.features)) < (
                (1 - length / 4) * distance
            ):
                length /= 2
                if length < self.smallest_step:
                    break
                tried = extractor.linearize(x + length * change)
            if length < self.smallest_step:
                # As near as rounding lets it come, or stuck.
                if distance < 1e-5 * first:
                    return Moved(x, StopReason.REACHED, steps)
                if fresh:
                    return Moved(x, StopReason.UNREACHABLE, steps)
                needed = True
                continue
            whole = length == 1.0
            iterations = min(2 * iterations, _MOST) if whole else max(iterations // 2, _FEWEST)
            x, point, fresh = x + length * change, tried, False
            steps += 1
            accuracy = float(np.clip((left / distance) ** 2, _TIGHTEST, _LOOSEST))
            motion.show(x)
            tell(float(np.clip(1.0 - left / first, 0.0, 1.0)), point.features)
        return Moved(x, StopReason.STEP_LIMIT, steps)


def _near_by(motion: Motion) -> Factor | None:
    """The factor that costs nothing, if there is one."""
    try:
        return motion.nearby() if motion.nearby else None
    except LinAlgError:  # K is singular there, which says nothing of the image
        return None
