"""The lift as a velocity field: dx/ds = J⁺ [0; d], for steppers that integrate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import LinAlgError
from scipy.sparse.linalg import LinearOperator, cg

from decouple.flows.motion import Motion
from decouple.flows.preconditioner import Factor

if TYPE_CHECKING:
    from decouple.features.features import Point

_MAX_ITERATIONS = 60
# As many iterations as this are worth a new factor where solves follow each other.
_WORN_ITERATIONS = 12


class SingularError(Exception):
    """K = J Jᵀ cannot be inverted: features are dead, dependent or out of reach."""


class LiftField:
    """Minimum-norm velocities that move the active features and leave the held ones alone.

    λ = K⁻¹ [0; d] is found by conjugate gradients, preconditioned by the factor of an earlier K
    and started at the previous λ; one iteration costs a VJP and a JVP.

    Parameters
    ----------
    motion : from where to where the features go
    accuracy : of the velocity, relative to its size
    factor : of K at some other point, to begin with
    """

    def __init__(
        self,
        motion: Motion,
        accuracy: float,
        factor: Factor | None = None,
    ) -> None:
        self.motion = motion
        self.accuracy = accuracy
        self.direction = motion.end - motion.start
        self.features = motion.start
        self._multipliers: np.ndarray | None = None
        self._factor = factor

    def velocity(self, image: np.ndarray) -> np.ndarray:
        """dx/ds at `image`, (H, W, 3); leaves the features there in `self.features`.

        Raises
        ------
        SingularError : the equations cannot be solved there.
        """
        point = self.motion.extractor.linearize(image)
        self.features = point.features
        start = self._multipliers
        multipliers = self.solve(point, self.direction, self.accuracy, start)
        self._multipliers = multipliers
        return self.motion.extractor.vjp(point, multipliers)

    def solve(
        self,
        point: Point,
        right: np.ndarray,
        accuracy: float,
        start: np.ndarray | None = None,
    ) -> np.ndarray:
        """λ with K λ = `right` at a point, to a relative residual of `accuracy`."""
        fresh = self._factor is None
        if fresh:
            self.refresh(point)
        solution, iterations = self._conjugate_gradients(point, right, accuracy, start)
        if iterations >= _WORN_ITERATIONS and not fresh:
            self.refresh(point)
            if iterations >= _MAX_ITERATIONS:
                solution, iterations = self._conjugate_gradients(point, right, accuracy, start)
        if iterations >= _MAX_ITERATIONS or not np.isfinite(solution).all():
            raise SingularError("conjugate gradients broke down")
        return solution

    def nearly(
        self, point: Point, right: np.ndarray, accuracy: float, iterations: int
    ) -> np.ndarray:
        """λ after so many iterations, or before with K λ = `right` to `accuracy`.

        With the factor that it was begun with, or of the last `refresh`.

        Whatever their number, Jᵀλ is a part of the smallest motion that the features ask for: the
        iterates of conjugate gradients approach it from below.
        """
        return self._conjugate_gradients(point, right, accuracy, None, iterations)[0]

    def refresh(self, point: Point) -> None:
        """Form K at a point; raises SingularError."""
        self._factor = self._make_factor(point)

    def factor(self) -> Factor:
        """The factor in use: the one that it was begun with, or of the last `refresh`."""
        if self._factor is None:
            raise RuntimeError("no solve has made a factor yet")
        return self._factor

    def distance(self, residual: np.ndarray) -> float:
        """How far the image must move to remove a residual; see `Factor.distance`."""
        return self.factor().distance(residual)

    def rounding(self, features: np.ndarray) -> float:
        """What rounding leaves of measured features, in the unit of `distance`."""
        return self.factor().rounding(features, self.motion.extractor.epsilon)

    def _make_factor(self, point: Point) -> Factor:
        try:
            return Factor.near(self.motion.extractor, point)
        except LinAlgError as error:
            raise SingularError(str(error)) from error

    def _conjugate_gradients(
        self,
        point: Point,
        right: np.ndarray,
        accuracy: float,
        start: np.ndarray | None,
        most: int = _MAX_ITERATIONS,
    ) -> tuple[np.ndarray, int]:
        extractor, factor = self.motion.extractor, self._factor
        assert factor is not None
        size = extractor.size
        iterations = 0

        def count(_: np.ndarray) -> None:
            nonlocal iterations
            iterations += 1

        def apply(multipliers: np.ndarray) -> np.ndarray:
            return extractor.jvp(point, extractor.vjp(point, multipliers))

        solution, failed = cg(
            LinearOperator((size, size), matvec=apply, dtype=np.float64),
            right,
            x0=start,
            rtol=accuracy,
            maxiter=most,
            M=LinearOperator((size, size), matvec=factor.solve, dtype=np.float64),
            callback=count,
        )
        return solution, most if failed else iterations
