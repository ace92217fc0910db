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

How the equations of one step are solved is told in `flows.step`. Steps are short rather than few: a
short step needs 5 to 9 iterations where a long one needs 50, and it amplifies the errors of the way
back less.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import LinAlgError

from decouple.flows.growth import Growth
from decouple.flows.motion import COARSELY, Motion, Moved, Tell, Way, thumbnail
from decouple.flows.nearby import Adapted, Factors
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
# Where only features are wanted, the first step, as a part of what steps may be off by: nothing is
# known yet of how curved the way is, and it is so most at its beginning.
_FIRST_FOLLOWING = 1 / 4
# Of the steps that are allowed, into how many such a way is cut at most: some are shorter.
_FEWEST = 2.0
# Steps get longer while an iteration leaves no more than the first part of the error, and shorter
# where it leaves more than the second with a new factor: if that part goes with a power γ of a
# step's length, the work for a way is least at e^-γ. γ is 1/2 where a step is bent everywhere, and
# less where a few channels bend it, since the acceleration learns them: 0.1 to 0.3 at the fifth
# layer of ImageNet's filters.
_FAST, _SLOW = 0.55, 0.7
# A step that is to be solved so exactly that this takes it more iterations than others may have
# them: what each leaves of the error, in the mean.
_SLOWEST = 0.75
# Where growth is not found, only the number of iterations tells how much a step is bent.
_FEW_UNTOLD, _MANY_UNTOLD = 9, 12
_FEW_ONE_WAY, _MANY_ONE_WAY = 4, 6
# Longer steps than those with so large a bend (see `growth`) make errors grow by more than the way
# itself does, (1 + a) / (1 − a) in place of e^2a.
_LARGEST_BEND = 0.4
# For what the features see of a direction, one round of conjugate gradients for so many iterations
# of the step.
_ITERATIONS_A_ROUND = 8
# A step that is bent so much is taken anew, at half its length: at 1 its way back has more than one
# solution, or none (the astronaut at 128 px came back from layer 2 with 31 dB).
_TOO_BENT = 0.6
# The last step may be so much longer than it would be, if no other has to follow it.
_STRETCHED = 1.15
# How many steps a motion is taken to have before it has ended.
_FEW_STEPS, _MANY_STEPS = 20, 200
# By how much more than changes anywhere errors are taken to grow: growth is known from one random
# change only, and errors gather where the solver converges slowest, where more grows.
_GATHERED = 3.0
# Of a new factor, in passes: however cheap it is, what was learnt with the former one is lost. Not
# so where only features are wanted: steps of few iterations learn little.
_LEAST_COST = 40.0
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


def _longest(following: float | None, max_steps: int) -> float:
    """Of steps that may be off by so much of their length.

    A step of length h along an arc of one radian is off by h²/24. Ways are more curved than that,
    in places.
    """
    return 1.0 if following is None else max(math.sqrt(following), _FEWEST / max_steps)


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
        self.growth = Growth.none(image.shape) if motion.allowed is not None else None
        # Where no step is taken back or once more: only the features at the end matter.
        self.one_way = motion.near if not way.steps else None
        # What each of these may be off by, of its length, where features are recorded behind them.
        self.following = motion.following if self.one_way is not None else None
        self.longest = _longest(self.following, stepper.max_steps)
        self.solver = StepSolver(self.extractor, stepper.memory, exact=self.one_way is None)
        self.path, self.path_name = motion.path(image, path)
        self.planned = planned_steps(way, motion.start, motion.end)
        self.follows = bool(way.steps)
        # Exact steps of unknown growth are imposed ones, which others can take the place of: not
        # worth to creep for, unless features are recorded behind them.
        creeps = self.path_name == PathKind.STRAIGHT.value and (
            self.growth is not None or self.one_way is not None or motion.following is not None
        )
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
        # Squared error of the image when it is back, as far as it got: told, and of rounding alone.
        self.expected = self.least = 0.0
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
        length = self.stepper.first_step or _FIRST_STEP
        if self.following is not None:
            length = min(length, max(_FIRST_FOLLOWING * self.following, self.smallest_step))
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
            end, growth = self._grown(solved)
            bent = growth is not None and growth.bend > _TOO_BENT
            if bent and not self.planned and h / 2 >= self.smallest_step:
                length = h / 2
                continue
            self._accept(h, target, solved, end, growth)
            length = min(h * self._lengthened(solved), self.longest)
            steps_left = (1.0 - self.s) / length
            pays = excess * steps_left > self._factor_cost()
            if not self.follows and pays and self.factors.excess > self._factor_cost():
                self._refresh()
        return self._ended(self.motion.ended(self.features))

    def _fitted(self, length: float) -> float:
        """A length, so that no short step is left at the end."""
        left = 1.0 - self.s
        # Where nobody looks at its bend, a longer one may not be taken back.
        untold = self.growth is None and self.one_way is None
        if left < (1.0 if untold else _STRETCHED) * length:
            return left
        return left / 2 if left < 2 * length else length

    def _grown(self, solved: Solved) -> tuple[Point | None, Growth | None]:
        """The end of a step, linearized, and growth with it; None where nothing comes back."""
        if self.growth is None:
            return None, None
        end = self.extractor.linearize(solved.image)
        change = solved.image - self.image
        return end, self.growth.after(
            self.extractor,
            end,
            change,
            solved.multipliers,
            self._factor(),
            # A factor that is poor here has made the step as much slower.
            max(1, solved.iterations // _ITERATIONS_A_ROUND),
        )

    def _accept(
        self, h: float, target: np.ndarray, solved: Solved, end: Point | None, growth: Growth | None
    ) -> None:
        middle, change = self.s + h / 2, solved.image - self.image
        self.recent.append((middle, solved.multipliers / h, change / h))
        self.image = solved.image
        self.multipliers.append(solved.multipliers)
        self.tolerances.append(solved.tolerance)
        self.solver.begin, self.growth = end, growth
        if growth is not None:
            self.expected += (solved.tolerance * growth.of_errors) ** 2
            self.least += (solved.rounding * growth.anywhere) ** 2
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
        if self.one_way is not None:
            self.features = self.nominal = self.features - solved.residual
        else:
            self.drift = solved.residual

    def _after_failure(self, h: float, solved: Solved) -> StopReason | None:
        """Prepare another try of a step that did not converge, or say why there is none."""
        if len(self.recent) > 1 and (self.planned or self.one_way is not None):
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

    def _lengthened(self, solved: Solved) -> float:
        """How many times longer the next step may be."""
        told: tuple[float, float, float] = (solved.iterations, _FEW_UNTOLD, _MANY_UNTOLD)
        if self.one_way is not None:
            told = (solved.iterations, _FEW_ONE_WAY, _MANY_ONE_WAY)
        elif self.growth is not None:
            told = (solved.rate, _FAST, _SLOW)
        work, few, many = told
        longer = 1.5 if work <= few else 0.8 if work > many else 1.0
        if longer < 1.0 and not self.factors.new:
            longer = 1.0  # it is the factor that is poor, however short a step
        bend = 0.0 if self.growth is None else self.growth.bend
        return min(longer, _LARGEST_BEND / bend) if bend > 0 else longer

    def _factor_cost(self) -> float:
        """Of a new factor, in passes; half of it is for the way back, where there is one."""
        cost = factor_cost(self.extractor, self.image[..., 0].size)
        if self.one_way is not None:
            return cost
        return max(_LEAST_COST, cost if self.growth is None else cost / 2)

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
        """To what the next step must be solved.

        What the errors of a step grow by on the way back is known when it is taken, and each may
        leave its share of what is allowed.
        """
        planned = self.planned[0].tolerance if self.planned else None
        if planned is not None:
            return planned
        if self.one_way is not None:
            last = self.s + h >= 1.0
            # No step is longer than the image's range, whatever a poor factor makes of it: one that
            # seems to be would be taken as it was foretold, and lead nowhere.
            share = COARSELY if self.following is None else self.following
            followed = share * min(distance, 1.0)
            return self.one_way if last else max(self.one_way, followed)
        if self.growth is None:
            return self.motion.tolerance
        assert self.motion.allowed is not None
        steps = np.clip(len(self.steps) / max(self.s, 1e-9), _FEW_STEPS, _MANY_STEPS)
        error = self.motion.allowed / (_GATHERED * np.sqrt(2 * steps))
        return float(min(self.motion.tolerance, error / self.growth.of_errors))

    def _limit(self, first: float, last: float) -> int:
        """Iterations of the next step, which is to be solved from one error to another."""
        # One that is found without a look at its bend would pass for one that can be taken back. A
        # planned step is known to have a solution: it is cut up last of all.
        patience = 6 if self.planned else 4 if self.growth is not None else 1
        limit = patience * self.stepper.max_iterations
        if patience == 1 or not 0 < last < first < math.inf:
            return limit
        return max(limit, math.ceil(math.log(first / last, 1 / _SLOWEST)))

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
            )
            if self.growth is not None:
                way = replace(
                    way,
                    growth=self.growth.anywhere,
                    growth_of_errors=self.growth.of_errors,
                    error=_GATHERED * math.sqrt(2 * self.expected),
                    least_error=math.sqrt(2 * self.least),
                )
        return Moved(self.image, reason, len(self.steps), way, path=self.path_name)
