"""A walk among images that have the same features: along the level set {x : f(x) = v}.

At an image x of the level set a direction u has the part

    t = u − Jᵀ K⁻¹ J u,    J = ∂f/∂x,  K = J Jᵀ

that no feature sees, to first order. A step goes along it and is lifted back to the features,

    x ← y + lift of f(y) to v,    y = x + h t / rms(t),

and the next step's direction is t, off the gradients where the walk then is. So the walk goes
straight on, as far as the level set lets it: a discrete geodesic (projection and retraction; Absil,
Mahony & Sepulchre, *Optimization Algorithms on Matrix Manifolds*, 2008, chapter 4).

The features know nothing of an image's range. Where a step would leave [0, 1] its direction is
turned back, value by value, as a ball from a wall; what the lift moves beyond the range stays
there, a few values in a thousand.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import LinAlgError

from decouple.features.likeness import relative_mse
from decouple.flows.field import LiftField, SingularError
from decouple.flows.motion import Motion, Moved, Tell
from decouple.flows.newton import Newton
from decouple.flows.stop import StopReason
from decouple.images import rms

if TYPE_CHECKING:
    from decouple.features.features import Point

# Relative residual of K λ = J u: what is left of it the lift takes off.
_ACCURACY = 1e-2
# How near the features the lift goes, in units of the image's range; then how much nearer, and how
# often, where that does not meet the bound on features.
_NEAR, _NEARER, _ATTEMPTS = 1e-5, 1 / 30, 4
# Newton steps of an attempt. A step that cannot be lifted back is halved, so often at most; after
# one that could be, the next is longer by a factor.
_LIFTS, _HALVINGS, _LONGER = 20, 6, 1.25


@dataclass(frozen=True)
class LevelSetWalk:
    """Away from an image, by a random direction, with the features that a motion ends with.

    Attributes
    ----------
    direction : (H, W, 3), in which it sets out; its size does not matter
    step : length of a step, RMS over the image, in units of its range
    steps : at most
    distance : RMS distance from where it set out at which it ends; None to go on until the image is
        not correlated with that any more. Where it comes no farther it ends before
    relative_mse : of each group of features, the mean square of what is left of them, in units of
        their own mean square
    """

    direction: np.ndarray = field(repr=False)
    step: float = 0.03
    steps: int = 60
    distance: float | None = None
    relative_mse: float = 1e-9
    name: str = "level_set_walk"

    @property
    def stepper_name(self) -> str:
        """What lifts a step back to the features."""
        return Newton.name

    def arrived(self, reason: StopReason) -> bool:
        """Whether the walk ended of itself."""
        return reason is StopReason.REACHED

    def move(self, image: np.ndarray, motion: Motion, tell: Tell) -> Moved:
        """Walk from `image` (H, W, 3), which has the features `motion.end`."""
        try:
            near_by = motion.nearby() if motion.nearby else None
        except LinAlgError:  # features are dead or dependent
            return Moved(image, StopReason.UNREACHABLE, 0)
        return _Walking(self, image, motion, LiftField(motion, _ACCURACY, near_by)).run(tell)


class _Walking:
    """A walk under way; the last factor that K had serves what comes after."""

    def __init__(
        self, walk: LevelSetWalk, image: np.ndarray, motion: Motion, field: LiftField
    ) -> None:
        self.walk, self.origin, self.motion, self.field = walk, image, motion, field

    def run(self, tell: Tell) -> Moved:
        walk = self.walk
        image, direction, length = self.origin, walk.direction, walk.step
        far, steps = 0.0, 0
        while steps < walk.steps:
            try:
                point = self.motion.extractor.linearize(image)
                direction = self._unseen(point, reflected(image, direction, length))
                reached = self._lifted(image + length * direction)
            except SingularError:
                return Moved(image, StopReason.UNREACHABLE, steps)
            if reached is None:
                length /= 2
                if length < walk.step / 2**_HALVINGS:
                    return Moved(image, StopReason.STEP_COLLAPSE, steps)
                continue
            moved, features = reached
            distance = rms(moved - self.origin)
            if distance <= far:  # it comes back
                break
            image, far, steps = moved, distance, steps + 1
            length = min(_LONGER * length, walk.step)
            share = max(steps / walk.steps, self._share(image, far))
            self.motion.show(image)
            tell(min(share, 1.0), features)
            if share >= 1:
                break
        return Moved(image, StopReason.REACHED, steps)

    def _share(self, image: np.ndarray, far: float) -> float:
        """How much of its way a walk is that came to an image, so far from its start."""
        if self.walk.distance is not None:
            return far / self.walk.distance
        return 1 - correlation(image, self.origin)

    def _unseen(self, point: Point, direction: np.ndarray) -> np.ndarray:
        """The part of a direction that no feature sees, of RMS 1."""
        extractor = self.motion.extractor
        seen = extractor.jvp(point, direction)
        multipliers = self.field.solve(point, seen, _ACCURACY, None)
        unseen = direction - extractor.vjp(point, multipliers)
        return unseen / rms(unseen)

    def _lifted(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """An image that has the features, and those; None where none is found that has them."""
        motion, tolerance = self.motion, _NEAR
        for _ in range(_ATTEMPTS):
            start = motion.extractor.measure(image)
            how = replace(
                motion, start=start, tolerance=tolerance, nearby=self.field.factor, seen=None
            )
            moved = Newton(max_steps=_LIFTS).walk(image, how, lambda _, __: None)
            if moved.stop_reason is not StopReason.REACHED:
                return None
            image = moved.image
            features = motion.extractor.measure(image)
            if self._met(features):
                return image, features
            tolerance *= _NEARER
        return None

    def _met(self, features: np.ndarray) -> bool:
        errors = relative_mse(self.motion.extractor, features, self.motion.end)
        return max(errors.values()) <= self.walk.relative_mse


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Of the values of two images (H, W, 3), each less the mean of its channel; −1 to 1."""
    one, other = (x - x.mean((0, 1)) for x in (a, b))
    return float(np.vdot(one, other) / (np.linalg.norm(one) * np.linalg.norm(other)))


def reflected(image: np.ndarray, direction: np.ndarray, length: float) -> np.ndarray:
    """A direction, turned back where a step of a length would leave [0, 1]; both (H, W, 3).

    >>> reflected(np.array([0.0, 0.5, 0.9]), np.array([-1.0, 1.0, 1.0]), 0.2)
    array([ 1.,  1., -1.])
    """
    ahead, size = image + length * direction, np.abs(direction)
    return np.where(ahead < 0, size, np.where(ahead > 1, -size, direction))
