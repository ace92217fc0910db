"""A motion that ends as near its target as float64 can tell."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from decouple.flows.lift import Lift
from decouple.flows.motion import Motion, Moved, Tell
from decouple.flows.newton import Newton
from decouple.flows.preconditioner import Factor
from decouple.flows.stop import StopReason

# How much nearer each attempt is to come than the one before, of which there are so many at most.
_NEARER, _ATTEMPTS = 1e-2, 4


@dataclass(frozen=True)
class Landing:
    """The lift, and then Newton steps in float64 to what it left of its way.

    Attributes
    ----------
    most : distance ‖f − end‖ of the features, Euclidean norm, at which the motion has landed
    lift : how the way is walked; where it does not get to the end, Newton steps go on from there
    """

    most: float
    lift: Lift = field(default_factory=Lift)
    name: str = "lift"

    @property
    def stepper_name(self) -> str:
        """That of the lift."""
        return self.lift.stepper_name

    def arrived(self, reason: StopReason) -> bool:
        """Only where it landed."""
        return reason is StopReason.REACHED

    def move(self, image: np.ndarray, motion: Motion, tell: Tell) -> Moved:
        """Carry out a motion; see `Flow.move`."""
        moved = self.lift.move(image, motion, tell)
        exact, nearby = motion.extractor.in_float64(), motion.nearby
        if moved.way is not None and moved.way.factors:
            nearby = partial(_given, moved.way.factors[-1][1])
        x, steps, tolerance = moved.image, moved.steps, motion.tolerance
        for _ in range(_ATTEMPTS):
            start = exact.measure(x)
            if np.linalg.norm(start - motion.end) <= self.most:
                return replace(moved, image=x, stop_reason=StopReason.REACHED, steps=steps)
            how = replace(
                motion, extractor=exact, start=start, tolerance=tolerance, way=None, nearby=nearby
            )
            further = Newton().walk(x, how, tell)
            x, steps = further.image, steps + further.steps
            if further.stop_reason is not StopReason.REACHED:
                break
            tolerance *= _NEARER
        return replace(moved, image=x, stop_reason=StopReason.UNREACHABLE, steps=steps, way=None)


def _given(factor: Factor) -> Factor:
    return factor
