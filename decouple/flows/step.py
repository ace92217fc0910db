"""The equations of one symmetric step, and how they are solved.

x₁ = x₀ + J̄ᵀ λ and f(x₁) = way-point (see `flows.symmetric`) are solved by the iteration
λ ← λ + K₀⁻¹ (way-point − f(x₁)), x₁ ← x₀ + J̄ᵀ λ with Anderson acceleration over both unknowns: two
passes each, since the secants come with the change of the features (at J in the middle there would
be a third). The last condition is posed as f(x₁) − f(x₀) = difference of the way-points, and the
left side computed as a change from x₀: its rounding is relative to the step, not to the features.
Where float32 cannot solve a step as exactly as asked (Jᵀλ cancels in deep layers), its last
iterations are computed in float64. What Anderson acceleration learns in one step serves the next
ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from decouple.flows.anderson import Anderson
from decouple.images import rms

if TYPE_CHECKING:
    from decouple.features.features import Features, Point, Secant
    from decouple.flows.nearby import Adapted
    from decouple.flows.preconditioner import Factor

_PASSES_PER_ITERATION = 2
# What a pass takes in float64, in passes in float32: 2.2 to 2.6 at layers 1 to 3.
_DOUBLE_WORK = 2.4
# Fewer iterations than this are not worth a new factor; than the second where steps are not to be
# taken back.
_GOOD_ITERATIONS, _GOOD_ONE_WAY = 8, 4
# How much more than the features Jᵀλ loses by rounding: its terms cancel. At the starts of stages
# it was 4 times as much at layer 1 and 16 times at layer 5.
_CANCELLED = 10.0
# A step's error, in units of what is lost in float32, below which it is solved further in float64.
_NEARLY = 3.0


@dataclass
class Solved:
    """What came of the equations of a step.

    Attributes
    ----------
    image, multipliers : x₁, (H, W, 3), and λ, (C,); x₀ and the last λ where it did not converge
    iterations : that it took
    rate : by how much each of them changed the error, in the mean
    excess : work beyond what is good for a step, in passes of the network's own precision
    residual : (C,), of the features, as last measured
    tolerance : to what they were to be solved (RMS over the image)
    converged, finite : whether they were, and whether all numbers were finite
    """

    image: np.ndarray
    multipliers: np.ndarray
    iterations: int
    excess: float
    residual: np.ndarray
    tolerance: float
    converged: bool
    finite: bool = True
    rate: float = 1.0


class _Equations:
    """Those of one step, from x₀ to a change (C,) of its features, in one precision."""

    def __init__(
        self, extractor: Features, x0: np.ndarray, wanted: np.ndarray, begin: Point | None = None
    ) -> None:
        self.extractor, self.x0, self.wanted = extractor, x0, wanted
        self.begin = begin or extractor.linearize(x0)

    def residual(self, x1: np.ndarray) -> tuple[np.ndarray, Secant]:
        """What is left to do for the features at x₁, and J̄ as a secant."""
        # As a difference: the rounding of features that did not move is not amplified.
        secant = self.extractor.secant(self.begin, x1 - self.x0)
        return self.wanted - secant.change, secant

    def moved(self, secant: Secant, multipliers: np.ndarray) -> np.ndarray:
        """x₀ + J̄ᵀ λ."""
        return self.x0 + self.extractor.vjp(secant, multipliers)


class StepSolver:
    """Solves one step after the other.

    Parameters
    ----------
    extractor : of the features that move
    memory : of Anderson acceleration, in iterations; they may be those of earlier steps
    exact : whether steps are to be taken back or once more. If not, x₁ is where the features were
        last measured, and solves the equations about as well; the network's precision will do

    Attributes
    ----------
    begin : the extractor linearized where the next step begins, where that is known
    """

    def __init__(self, extractor: Features, memory: int, exact: bool = True) -> None:
        self.extractor, self.memory, self.exact = extractor, memory, exact
        self.begin: Point | None = None
        # Kept from step to step, as long as the factor stays: what it learnt of the equations
        # changes little between them.
        self._anderson: Anderson | None = None
        self._learnt_with: Factor | None = None
        self._scale = 1.0

    def solve(
        self,
        x0: np.ndarray,
        wanted: np.ndarray,
        factor: Adapted,
        asked: float,
        limit: int,
        predict: Callable[[Point], tuple[np.ndarray, np.ndarray]],
    ) -> Solved:
        """Find x₁ and λ.

        Parameters
        ----------
        x0 : (H, W, 3)
        wanted : (C,), f(x₁) − f(x₀)
        factor : of K, near by
        asked : tolerance, RMS over the image; rounding in float64 may hold it up
        limit : of iterations
        predict : λ and x₁ to begin with, from the extractor linearized at x₀
        """
        equations = _Equations(self.extractor, x0, wanted, self.begin)
        self.begin = None  # not held beside that in float64
        # A plain difference loses what the features round to, and not what their change does.
        rounded = wanted if self.extractor.exact_secant else equations.begin.features
        lost = _CANCELLED * factor.rounding(rounded, self.extractor.epsilon)
        finer = self.exact and lost > asked
        last = self.extractor.in_float64() if finer else self.extractor
        tolerance = max(asked, factor.rounding(rounded, last.epsilon))
        multipliers, x1 = predict(equations.begin)
        size = len(multipliers)
        if self._anderson is not None and self._learnt_with is factor.factor:
            self._anderson.restart()
        else:
            self._anderson = None
        first = best = np.inf
        since_best = 0
        good = _GOOD_ITERATIONS if self.exact else _GOOD_ONE_WAY
        excess = 0.0
        for iteration in range(1, limit + 1):
            if iteration > good:
                own = equations.extractor is self.extractor
                excess += _PASSES_PER_ITERATION * (1.0 if own else _DOUBLE_WORK)
            residual, secant = equations.residual(x1)
            correction = factor.solve(residual)
            moved = equations.moved(secant, multipliers + correction)
            del secant  # before the next one is made: it is as large as a point
            error = factor.distance(residual, correction)
            lag = moved - x1
            lag_rms = rms(lag)
            finite = bool(np.isfinite(error + lag_rms))
            if not finite or error > 1e3 * first:
                self._anderson = None
                return Solved(
                    x0, multipliers, iteration, excess, residual, tolerance, False, finite
                )
            first = error if iteration == 1 else first
            settled = lag_rms < 10 * tolerance
            since_best = 0 if error < best else since_best + 1
            best = min(best, error)
            # Rounding can hold the error just above the tolerance for good.
            solved = error < tolerance or (since_best >= 2 and error < 3 * tolerance)
            if settled and solved and equations.extractor is last:
                # Once more is nearer to the equations, but changes features that hardly answer.
                x1, multipliers = (
                    (moved, multipliers + correction) if self.exact else (x1, multipliers)
                )
                rate = (error / first) ** (1 / (iteration - 1)) if iteration > 1 else 0.0
                return Solved(
                    x1, multipliers, iteration, excess, residual, tolerance, True, rate=rate
                )
            if self._anderson is None:
                # λ in units of the motion, so that both unknowns weigh alike.
                motion, size_of_multipliers = map(np.linalg.norm, (moved - x0, multipliers))
                self._scale = float(motion / size_of_multipliers) if motion > 0 else 1.0
                self._anderson = Anderson(size + x1.size, self.memory)
                self._learnt_with = factor.factor
            u = self._anderson.next(
                np.concatenate([self._scale * multipliers, x1.ravel()]),
                np.concatenate([self._scale * correction, lag.ravel()]),
            )
            multipliers, x1 = u[:size] / self._scale, u[size:].reshape(x1.shape)
            if error < _NEARLY * lost and equations.extractor is not last:
                equations, best, since_best = _Equations(last, x0, wanted), np.inf, 0
                # The difference between two precisions teaches nothing.
                self._anderson.restart()
        return Solved(x0, multipliers, limit, excess, residual, tolerance, False)
