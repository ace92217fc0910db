"""Newton's method with minimum-norm steps, to reach a target without following the path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from decouple.flows.field import LiftField, SingularError
from decouple.flows.motion import Motion, Moved, Tell
from decouple.flows.stop import StopReason

# Relative residual of the linear solve; more would be wasted on a linear model.
_ACCURACY = 1e-2


@dataclass
class Newton:
    """x ← x + t J⁺ (end − f(x)), with t halved until the distance to the target falls.

    Quadratic near the target, but it does not follow the lift's path: what it moves cannot be
    moved back. For users who only want features matched.
    """

    max_steps: int = 50
    smallest_step: float = 1e-4
    name: str = "newton"

    def walk(self, image: np.ndarray, motion: Motion, tell: Tell) -> Moved:
        """Carry out a motion; see `Flow.move`."""
        extractor = motion.extractor
        field = LiftField(motion, _ACCURACY)
        x, point = image, extractor.linearize(image)
        first: float | None = None
        for step in range(self.max_steps):
            residual = motion.end - point.features
            try:
                change = extractor.vjp(point, field.solve(point, residual, _ACCURACY))
            except SingularError:
                return Moved(x, StopReason.UNREACHABLE, step)
            distance = field.distance(residual)
            first = distance if first is None else first
            if distance <= max(motion.tolerance, field.rounding(motion.end)):
                return Moved(x, StopReason.REACHED, step)
            length, tried = 1.0, extractor.linearize(x + change)
            # Written so that a distance of NaN counts as too large.
            while not field.distance(motion.end - tried.features) < (1 - length / 4) * distance:
                length /= 2
                if length < self.smallest_step:
                    # As near as rounding lets it come, or stuck.
                    near = distance < 1e-5 * first
                    reason = StopReason.REACHED if near else StopReason.UNREACHABLE
                    return Moved(x, reason, step)
                tried = extractor.linearize(x + length * change)
            x, point = x + length * change, tried
            gone = 1.0 - field.distance(motion.end - point.features) / first
            tell(float(np.clip(gone, 0.0, 1.0)), point.features)
        return Moved(x, StopReason.STEP_LIMIT, self.max_steps)
