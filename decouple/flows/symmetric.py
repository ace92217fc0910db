"""The lift in symmetric steps: a scheme that is its own inverse.

One step finds x₁ and λ with

    x₁ = x₀ + J̄ᵀ λ,    f(x₁) = way-point,

where J̄ = J̄(x₀, x₁) is the network with each activation's slope replaced by that of its secant
from x₀ to x₁, so that f(x₁) − f(x₀) = J̄ (x₁ − x₀) exactly: a discrete gradient (Gonzalez, J.
Nonlinear Sci. 6 (1996); McLachlan, Quispel & Robidoux, Phil. Trans. R. Soc. A 357 (1999)), and
J at the middle but for terms of second order. Exchange x₀ and x₁ and change the sign of λ: the
same equations. So the way back retraces every step whatever its size, and the features are on their
way-points at every step; what is left is the solver's residual (Hairer, Lubich & Wanner, *Geometric
Numerical Integration*, ch. V).

How the equations of one step are solved is told in `flows.step`, and how long and how exact steps
are in `flows.pacing`. They are short rather than few: a short step needs 5 to 9 iterations where a
long one needs 50, and it amplifies the errors of the way back less.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import LinAlgError

from decouple.flows.motion import Motion, Moved, Tell, Way, thumbnail
from decouple.flows.nearby import Adapted, Factors
from decouple.flows.pacing import Look, Where, pace_of
from decouple.flows.paths import Curve, PathKind, extrapolation
from decouple.flows.planned import planned_steps
from decouple.flows.preconditioner import factor_cost
from decouple.flows.step import Solved, StepSolver
from decouple.flows.stop import StopReason

if TYPE_CHECKING:
    from decouple.features.features import Point

# Of the first step, in s, of 1: what is learnt in a first step that fails is lost, and a picture's
# way is most curved where it begins.
_FIRST_STEP = 1 / 32
# A start that is farther (RMS) from its nominal features than any rounding is another image's.
_OFF_THE_WAY = 1e-3
# Of the smallest step, on the path behind which no other is tried. The way of a nearly flat picture
# may be bent where the picture is and nowhere else: the moon's, out of a reference of another size,
# takes steps of 2e-5 there and of 0.1 later.
_LAST_RESORT = 1e-2
# An image that would have to move at this speed (RMS, in units of its range, per unit of s).
_FAR = 100.0


@dataclass
class Symmetric:
    """Symmetric steps of adaptive length.

    Attributes
    ----------
    first_step : length in s, of 1; by default 1/32
    smallest_step : below it the path has collapsed. On a straight path, behind which no other is
        tried, a hundredth of it, but where exact steps of unknown growth are imposed
    max_steps : then the motion ends with what was reached
    max_iterations : of one step; a step that needs more is halved. Four times as many where
        the growth of errors is found, six times where the steps are known
    memory : of Anderson acceleration, in iterations; they may be those of earlier steps
    """

    first_step: float | None = None
    smallest_step: float = 1e-4
    max_steps: int = 500
    max_iterations: int = 20
    memory: int = 48
    name: str = "symmetric"

    def walk(
        self,
        image: np.ndarray,
        motion: Motion,
        tell: Tell,
        path: PathKind = PathKind.STRAIGHT,
    ) -> Moved:
        """Carry out a motion along a path; see `Flow.move`."""
        return _Walk(self, image, motion, tell, path).run()


class _Walk:
    """One motion under way."""

    def __init__(
        self, stepper: Symmetric, image: np.ndarray, motion: Motion, tell: Tell, path: PathKind
    ) -> None:
        self.stepper, self.motion, self.tell = stepper, motion, tell
        self.extractor = motion.extractor
        self.image = self.origin = image
        self.s = 0.0
        self.recent: deque[tuple[float, np.ndarray, np.ndarray]] = deque(maxlen=4)
        self.steps: list[float] = []
        self.multipliers: list[np.ndarray] = []
        self.tolerances: list[float] = []
        # Another image's steps would be too long here and too short there, its factors poor.
        way = motion.way if motion.way and motion.way.begins_at(image) else Way(())
        self.factors = Factors.of(way)
        self.pace = pace_of(motion, bool(way.steps), image.shape, stepper.max_steps)
        self.solver = StepSolver(self.extractor, stepper.memory, exact=self.pace.exact)
        self.path, self.path_name = motion.path(image, path)
        self.planned = planned_steps(way, motion.start, motion.end)
        self.follows = bool(way.steps)
        creeps = self.path_name == PathKind.STRAIGHT.value and self.pace.creeps
        self.smallest_step = stepper.smallest_step * (_LAST_RESORT if creeps else 1.0)
        # Measured once, then carried on by what the steps changed.
        self.features = self.extractor.measure(image)
        # Where the features should be now, and where they should have been after each step.
        self.nominal = motion.start
        self.passed = [(0.0, motion.start)]
        # How far features are behind nominal ones. What a step leaves the next one makes up for: of
        # features that hardly answer to the image it would mean ever more where they fade.
        self.drift = np.zeros_like(motion.start) if way.drift is None else way.drift[0]
        self.drifted_from = self.drift
        # How far the image is from the start of its path, which it takes along in parallel.
        self.aside = np.zeros_like(motion.start)
        self.refreshed_at: float | None = None

    def _waypoint(self, h: float) -> np.ndarray:
        """Nominal features (C,) after a step from here."""
        planned = self.planned[0].target if self.planned else None
        if planned is None:
            planned = self.path(1.0 if 1.0 - self.s - h < 1e-9 else self.s + h)
        return planned + (1.0 - self.s - h) * self.aside

    def run(self) -> Moved:
        try:
            return self._run()
        except LinAlgError:  # K cannot be factored any more
            return self._ended(StopReason.UNREACHABLE)

    def _run(self) -> Moved:
        if not self.factors.made:
            self._refresh()
        if not self._factor().distance(self.features - self.motion.start) < _OFF_THE_WAY:
            # Not the image that this way begins at: go on from where it is.
            self.aside = self.features - self.motion.start
            self.nominal = self.features
        length = self.pace.first(self.stepper.first_step or _FIRST_STEP, self.smallest_step)
        first = self.planned[0].length if self.planned else length
        if self._factor().distance(self._waypoint(first) - self.nominal) > _FAR * first:
            return self._ended(StopReason.UNREACHABLE)
        while self.s < 1.0:
            if len(self.steps) >= self.stepper.max_steps:
                return self._ended(StopReason.STEP_LIMIT)
            h = self.planned[0].length if self.planned else self._fitted(length)
            # The last step ends at 1 exactly.
            h = 1.0 - self.s if 1.0 - self.s - h < 1e-9 else h
            target = self._waypoint(h)
            solved = self._solve(h, target - self.nominal + self.drift)
            excess = self.factors.worked(solved.excess, solved.converged)
            if not solved.converged:
                aged = not self.factors.new
                failure = self._after_failure(h, solved)
                if failure is not None:
                    return self._ended(failure)
                # With a new factor the same is tried once more.
                length = h if aged and self.factors.new else min(h / 2, length)
                continue
            look = self.pace.look(self.extractor, self.image, solved, self._factor)
            if look.too_bent and not self.planned and h / 2 >= self.smallest_step:
                length = h / 2
                continue
            self._accept(h, target, solved, look)
            longer = self.pace.lengthened(solved, self.factors.new)
            length = min(h * longer, self.pace.longest)
            steps_left = (1.0 - self.s) / length
            pays = excess * steps_left > self._factor_cost()
            if not self.follows and pays and self.factors.excess > self._factor_cost():
                self._refresh()
        return self._ended(self.motion.ended(self.features))

    def _fitted(self, length: float) -> float:
        """A length, so that no short step is left at the end."""
        left = 1.0 - self.s
        if left < self.pace.stretched * length:
            return left
        return left / 2 if left < 2 * length else length

    def _accept(self, h: float, target: np.ndarray, solved: Solved, look: Look) -> None:
        middle, change = self.s + h / 2, solved.image - self.image
        self.recent.append((middle, solved.multipliers / h, change / h))
        self.image = solved.image
        self.multipliers.append(solved.multipliers)
        self.tolerances.append(solved.tolerance)
        self.solver.begin = look.end
        self.pace.accept(solved, look)
        self.s = 1.0 if 1.0 - self.s - h < 1e-9 else self.s + h
        self.steps.append(h)
        if self.planned:
            self.planned.popleft()
        seen = target - self.nominal + self.drift - solved.residual
        self.factors.learn(middle, self.features + seen / 2, seen, solved.multipliers)
        self.features = self.features + (target - self.nominal)
        self.nominal = target
        self.passed.append((self.s, target))
        self.motion.show(self.image)
        self.tell(self.s, self.features - solved.residual)
        if self.pace.exact:
            self.drift = solved.residual
        else:
            self.features = self.nominal = self.features - solved.residual

    def _after_failure(self, h: float, solved: Solved) -> StopReason | None:
        """Prepare another try of a step that did not converge, or say why there is none."""
        if len(self.recent) > 1 and (self.planned or not self.pace.exact):
            # Foretell it more simply. A planned step has a solution: that before anything else.
            self.recent = deque([self.recent[-1]], maxlen=self.recent.maxlen)
            if self.planned:
                return None
        aged = not self.factors.new or self.factors.excess > self._factor_cost()
        if (self.planned or aged) and self.refreshed_at != self.s:
            # A new factor is tried before a planned step is cut up.
            self._refresh()
            if self.planned:
                return None
        if h / 2 < self.smallest_step:
            if not solved.finite:
                return StopReason.NOT_FINITE
            far = self._distance_left() > 1.0
            return StopReason.UNREACHABLE if far else StopReason.STEP_COLLAPSE
        if self.planned:
            # Deque's order is turned round: the first half comes last.
            self.planned.extendleft(reversed(self.planned.popleft().halves()))
        return None

    def _factor_cost(self) -> float:
        """Of a new factor, in passes."""
        return self.pace.factor_cost(factor_cost(self.extractor, self.image[..., 0].size))

    def _refresh(self) -> None:
        point = self.solver.begin or self.extractor.linearize(self.image)
        self.factors.make(self.s, self.extractor, point)
        self.refreshed_at = self.s

    def _factor(self) -> Adapted:
        return self.factors.at(self.s, self.features)

    def _distance_left(self) -> float:
        return self._factor().distance(self.motion.end - self.nominal)

    def _predict(self, h: float, wanted: np.ndarray, begin: Point) -> tuple[np.ndarray, np.ndarray]:
        """λ and x₁ for a step, extrapolated by a polynomial through the last steps.

        Or λ as it is known.
        """
        known = self.planned[0].multipliers if self.planned else None
        if not self.recent:
            multipliers = self._factor().solve(wanted) if known is None else known
            return multipliers, self.image + self.extractor.vjp(begin, multipliers)
        weights = extrapolation([s for s, _, _ in self.recent], self.s + h / 2)
        multipliers, change = np.zeros(self.extractor.size), np.zeros_like(self.image)
        for weight, (_, rate, velocity) in zip(weights, self.recent, strict=True):
            multipliers += h * weight * rate
            change += h * weight * velocity
        return multipliers if known is None else known, self.image + change

    def _solve(self, h: float, wanted: np.ndarray) -> Solved:
        def predict(begin: Point) -> tuple[np.ndarray, np.ndarray]:
            return self._predict(h, wanted, begin)

        factor = self.factors.at(self.s, self.features + wanted / 2)
        asked = self._tolerance(h, factor.distance(wanted))
        return self.solver.solve(self.image, wanted, factor, asked, self._limit, predict)

    def _tolerance(self, h: float, distance: float) -> float:
        """To what the next step must be solved, which moves the image by about a distance."""
        planned = self.planned[0].tolerance if self.planned else None
        if planned is not None:
            return planned
        return self.pace.tolerance(Where(self.s, h, len(self.steps)), distance)

    def _limit(self, first: float, last: float) -> int:
        """Iterations of the next step, which is to be solved from one error to another."""
        return self.pace.limit(self.stepper.max_iterations, bool(self.planned), first, last)

    def _ended(self, reason: StopReason) -> Moved:
        way = None
        if reason.succeeded:
            way = Way(
                steps=tuple(self.steps),
                factors=self.factors.made,
                curve=Curve(*map(np.asarray, zip(*self.passed, strict=True))),
                thumbnails=(thumbnail(self.origin), thumbnail(self.image)),
                tolerances=tuple(self.tolerances),
                multipliers=tuple(self.multipliers),
                drift=(self.drifted_from, self.drift),
                **self.pace.told(),
            )
        return Moved(self.image, reason, len(self.steps), way, path=self.path_name)
