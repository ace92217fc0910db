"""The equations of one symmetric step, and how they are solved.

x₁ = x₀ + J̄ᵀ λ and f(x₁) = way-point (see `flows.symmetric`) are solved by the iteration
λ ← λ + K₀⁻¹ (way-point − f(x₁)), x₁ ← x₀ + J̄ᵀ λ with Anderson acceleration over both unknowns: two
passes each, since the secants come with the change of the features (at J in the middle there would
be a third). The last condition is posed as f(x₁) − f(x₀) = difference of the way-points, and the
left side computed as a change from x₀: its rounding is relative to the step, not to the features.
Where float32 cannot solve a step as exactly as asked (Jᵀλ cancels in deep layers), what it leaves
is solved for by iterative refinement: residuals in float64, corrections in float32 (Wilkinson,
*Rounding Errors in Algebraic Processes*, 1963; Higham, *Accuracy and Stability of Numerical
Algorithms*, ch. 12); a step that nobody takes back is computed in float64 then. What Anderson
acceleration learns in one step serves the next ones, and what a step leaves of the features is
measured at its end, for the next one to make up for.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from decouple.flows.anderson import Anderson
from decouple.images import rms

if TYPE_CHECKING:
    from decouple.features.features import Features, Point, Secant
    from decouple.flows.nearby import Adapted
    from decouple.flows.preconditioner import Factor

# Of an iteration in the network's own precision, in its passes, and of one in float64: a pass of it
# takes 2.2 to 2.6 at layers 1 to 3, and 4 at layers 4 and 5.
_WORK, _EXACT_WORK = 2.0, 7.0
# Fewer iterations than this are not worth a new factor; than the second where steps are not to be
# taken back.
_GOOD_ITERATIONS, _GOOD_ONE_WAY = 8, 4
# How much more than the features Jᵀλ loses by rounding: its terms cancel. At the starts of stages
# it was 4 times as much at layer 1 and 16 times at layer 5.
_CANCELLED = 10.0
# A step's error, in units of what is lost in float32, below which it is solved further in float64.
_NEARLY = 3.0
# Of the iterates about a base, how far they are told at, in units of where bending and rounding are
# equal if both are as they are on the average: what bends does so at few places.
_BENT = 0.3
# How small the error becomes about one base at best, and in how many iterations it must be halved.
_GAIN, _CREEPING = 1e-2, 4


@dataclass
class Solved:
    """What came of the equations of a step.

    Attributes
    ----------
    image, multipliers : x₁, (H, W, 3), and λ, (C,); x₀ and the last λ where it did not converge
    iterations : that it took
    rate : by how much each of them changed the error, in the mean
    excess : work beyond what is good for a step, in passes of the network's own precision
    residual : (C,), what is left to do for the features: where steps are exact at x₁, else as last
        measured
    tolerance : to what they are solved (RMS over the image), or were to be
    rounding : what float64 rounds them to, at best (RMS over the image)
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
    rounding: float = 0.0


class _At(NamedTuple):
    """The equations at an iterate (λ, x₁).

    Attributes
    ----------
    residual : (C,), what is left to do for the features
    correction : (C,), of λ
    moved : (H, W, 3), x₀ + J̄ᵀ λ with λ corrected
    error : of the image, RMS over its values, that the residual stands for
    work : that it took, in passes of the network's own precision
    exact : whether these are they, not only told from others near by
    anew : whether they are not to be compared with those at the iterates before
    """

    residual: np.ndarray
    correction: np.ndarray
    moved: np.ndarray
    error: float
    work: float = _WORK
    exact: bool = True
    anew: bool = False


class _Equations:
    """Those of one step, from x₀ to a change (C,) of its features, in one precision.

    `work` is that of one evaluation, in passes of the network's own precision.
    """

    def __init__(
        self,
        extractor: Features,
        x0: np.ndarray,
        wanted: np.ndarray,
        factor: Adapted,
        begin: Point | None = None,
        work: float = _WORK,
    ) -> None:
        self.extractor, self.x0, self.wanted, self.factor = extractor, x0, wanted, factor
        self.begin = begin or extractor.linearize(x0)
        self.work = work

    def residual(self, x1: np.ndarray) -> tuple[np.ndarray, Secant]:
        """What is left to do for the features at x₁, and J̄ as a secant."""
        # As a difference: the rounding of features that did not move is not amplified.
        secant = self.extractor.secant(self.begin, x1 - self.x0)
        return self.wanted - secant.change, secant

    def pulled(self, secant: Secant, multipliers: np.ndarray) -> np.ndarray:
        """J̄ᵀ λ."""
        return np.asarray(self.extractor.vjp(secant, multipliers), np.float64)

    def at(self, multipliers: np.ndarray, x1: np.ndarray) -> _At:
        """See `_At`."""
        residual, secant = self.residual(x1)
        correction = self.factor.solve(residual)
        moved = self.x0 + self.pulled(secant, multipliers + correction)
        error = self.factor.distance(residual, correction)
        return _At(residual, correction, moved, error, self.work)


class _Refined:
    """The same in float64, most of it told from evaluations in the network's own precision.

    Where a solution is nearly found, the equations are linear in what is left of the error, (l, e).
    So they are computed in float64 at one iterate, the base. At those about it, base + (l, e), they
    are as there plus 1/k times the difference between base + k (l, e) and the base, both in the
    network's own precision. What is bent makes that wrong in proportion to k, what is rounded to
    1/k; k is about where they are equal. When an error is as small as that can tell, its iterate
    becomes the base.

    Parameters
    ----------
    own, exact : the equations in the network's precision and in float64
    lost : error (RMS over the image) that the former's rounding makes
    tolerance : error that is asked for
    """

    def __init__(self, own: _Equations, exact: _Equations, lost: float, tolerance: float) -> None:
        self.own, self.exact, self.lost, self.tolerance = own, exact, lost, tolerance
        self._base: _Base | None = None
        # At the base, in the network's own precision: residual, J̄ᵀ λ, and J̄ᵀ times the correction.
        self._own: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._errors: list[float] = []

    def at(self, multipliers: np.ndarray, x1: np.ndarray) -> _At:
        """See `_At`."""
        base, own = self._base, self.own
        if base is None or not base.step:
            return self._exactly(multipliers, x1)
        if self._own is None:
            own_residual, secant = own.residual(base.x1)
            both = own.extractor.vjp_batch(
                secant, np.stack([base.multipliers, base.there.correction])
            )
            self._own = own_residual, *both.astype(np.float64)
        own_residual, own_pulled, own_corrected = self._own
        size = max(rms(x1 - base.x1), sys.float_info.min)
        gain = math.sqrt(self.lost / base.step)
        k = max(_BENT * gain * base.step / size, 1.0)
        residual, secant = own.residual(base.x1 + k * (x1 - base.x1))
        residual = base.there.residual + (residual - own_residual) / k
        correction = own.factor.solve(residual)
        beyond = multipliers + correction - base.multipliers
        pulled = own.pulled(secant, base.multipliers + k * beyond)
        moved = base.there.moved - own_corrected + (pulled - own_pulled) / k
        error = own.factor.distance(residual, correction)
        self._errors.append(error)
        creeps = len(self._errors) > _CREEPING and error > self._errors[-1 - _CREEPING] / 2
        if error < max(gain, _GAIN) * base.there.error or error < self.tolerance or creeps:
            self._base = None
        return _At(residual, correction, moved, error, exact=False)

    def _exactly(self, multipliers: np.ndarray, x1: np.ndarray) -> _At:
        there = self.exact.at(multipliers, x1)._replace(anew=True)
        self._base = _Base(multipliers, x1, rms(x1 - self.exact.x0), there)
        self._own, self._errors = None, [there.error]
        return there


class _Base(NamedTuple):
    """An iterate, how long (RMS over the image) the step to it is, and the equations in float64."""

    multipliers: np.ndarray
    x1: np.ndarray
    step: float
    there: _At


class StepSolver:
    """Solves one step after the other.

    Parameters
    ----------
    extractor : of the features that move
    memory : of Anderson acceleration, in iterations; they may be those of earlier steps. Half as
        many where steps are not exact: those take few, and what failed ones taught is among them
    exact : whether steps are to be taken back or once more. If not, x₁ is where the features were
        last measured, and solves the equations about as well

    Attributes
    ----------
    begin : the extractor linearized where the next step begins, where that is known
    """

    def __init__(self, extractor: Features, memory: int, exact: bool = True) -> None:
        self.extractor, self.exact = extractor, exact
        self.memory = memory if exact else memory // 2
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
        limit: Callable[[float, float], int],
        predict: Callable[[Point], tuple[np.ndarray, np.ndarray]],
    ) -> Solved:
        """Find x₁ and λ.

        Parameters
        ----------
        x0 : (H, W, 3)
        wanted : (C,), f(x₁) − f(x₀)
        factor : of K, near by
        asked : tolerance, RMS over the image; rounding in float64 may hold it up
        limit : of iterations, by the error of the first and that to be left
        predict : λ and x₁ to begin with, from the extractor linearized at x₀
        """
        own = _Equations(self.extractor, x0, wanted, factor, self.begin)
        equations: _Equations | _Refined = own
        finest = own
        self.begin = None  # not held beside that in float64
        # A plain difference loses what the features round to, and not what their change does.
        rounded = wanted if self.extractor.exact_secant else own.begin.features
        lost = _CANCELLED * factor.rounding(rounded, self.extractor.epsilon)
        loses = lost > asked
        finer = self.exact and loses
        last = self.extractor.in_float64() if loses else self.extractor

        def exactly() -> _Equations:
            return _Equations(last, x0, wanted, factor, work=_EXACT_WORK)

        # However well the features are computed, the image is rounded as well.
        least = np.finfo(np.float64).eps
        least_rounding = max(factor.rounding(rounded, least), least * rms(x0))
        rounding = max(factor.rounding(rounded, last.epsilon), least_rounding)
        tolerance = max(asked, rounding)
        multipliers, x1 = predict(own.begin)
        if loses and not self.exact:
            # For the few iterations of such a step refinement does not pay.
            own = equations = exactly()
        size = len(multipliers)
        if self._anderson is not None and self._learnt_with is factor.factor:
            self._anderson.restart()
        else:
            self._anderson = None
        first = best = np.inf
        since_best = 0
        good = _GOOD_ITERATIONS if self.exact else _GOOD_ONE_WAY
        excess = 0.0
        iteration, last_one = 0, 1
        while iteration < last_one:
            iteration += 1
            there = equations.at(multipliers, x1)
            residual, error, moved = there.residual, there.error, there.moved
            if iteration > good:
                excess += there.work
            lag = moved - x1
            lag_rms = rms(lag)
            finite = bool(np.isfinite(error + lag_rms))
            if not finite or error > 1e3 * first:
                self._anderson = None
                return Solved(
                    x0, multipliers, iteration, excess, residual, tolerance, False, finite
                )
            if iteration == 1:
                first, last_one = error, limit(error, tolerance)
            if there.exact:
                since_best = 0 if error < best else since_best + 1
                best = min(best, error)
            refines = equations is not own
            # Rounding can hold the error just above the tolerance for good; and above it by far in
            # float64, if what was told about one base has not made the next one better.
            held = _NEARLY * _CANCELLED * rounding if refines and since_best >= 1 else 0.0
            settled = lag_rms < 10 * max(tolerance, held)
            enough = max(_NEARLY * tolerance if since_best >= 2 else tolerance, held)
            if settled and error < enough and there.exact and refines == finer:
                corrected = multipliers + there.correction
                # Once more is nearer to the equations, but changes features that hardly answer.
                x1, multipliers = (moved, corrected) if self.exact else (x1, multipliers)
                rate = (error / first) ** (1 / (iteration - 1)) if iteration > 1 else 0.0
                tolerance = max(tolerance, error)
                if self.exact:
                    residual, _ = finest.residual(x1)
                told = {"rate": rate, "rounding": least_rounding}
                return Solved(x1, multipliers, iteration, excess, residual, tolerance, True, **told)
            if self._anderson is None:
                # λ in units of the motion, so that both unknowns weigh alike.
                motion, size_of_multipliers = map(np.linalg.norm, (moved - x0, multipliers))
                self._scale = float(motion / size_of_multipliers) if motion > 0 else 1.0
                self._anderson = Anderson(size + x1.size, self.memory)
                self._learnt_with = factor.factor
            if there.anew:
                # The difference between two precisions teaches nothing.
                self._anderson.restart()
            u = self._anderson.next(
                np.concatenate([self._scale * multipliers, x1.ravel()]),
                np.concatenate([self._scale * there.correction, lag.ravel()]),
            )
            multipliers, x1 = u[:size] / self._scale, u[size:].reshape(x1.shape)
            if finer and not refines and error < _NEARLY * lost:
                finest = exactly()
                equations, best, since_best = _Refined(own, finest, lost, tolerance), np.inf, 0
        if self.exact:
            # What it learnt far from any solution would hold up the next try. Of steps that are not
            # taken back nothing bounds the length but that they fail: those go on as carefully.
            self._anderson = None
        return Solved(x0, multipliers, iteration, excess, residual, tolerance, False)
