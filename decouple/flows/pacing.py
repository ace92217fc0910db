"""How long a walk's steps are, how exactly each is solved, and how much work it may take.

That depends on what becomes of them. Steps that are to be taken back are as exact, and as little
bent, as the growth of errors on the way back asks for, which is measured on the way (`Measured`).
Others are taken back or once more, but nobody measures it: those of an earlier way, and those that
impose features on another image (`Pace`). Of steps that nobody takes back only the features at
their end matter (`OneWay`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from decouple.flows.growth import Growth

if TYPE_CHECKING:
    from decouple.features.features import Features, Point
    from decouple.flows.motion import Motion
    from decouple.flows.nearby import Adapted
    from decouple.flows.step import Solved

# To what part of their length steps are solved that nobody takes back, where it does not matter by
# which of many ways near each other the features at their end are reached.
_COARSELY = 1e-2
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
# By how much a step may be longer or shorter than the one before.
_LONGER, _SHORTER = 1.5, 0.8
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
# Of the iterations that a step may take, how many times as many one may that is known to have a
# solution, and one whose bend is looked at when it is found.
_PLANNED_PATIENCE, _MEASURED_PATIENCE = 6, 4


class Look(NamedTuple):
    """What a solved step is like.

    end : linearized at it, where that is known
    growth : of errors with it, where that is measured
    """

    end: Point | None = None
    growth: Growth | None = None

    @property
    def too_bent(self) -> bool:
        """Whether it cannot be taken back for sure."""
        return self.growth is not None and self.growth.bend > _TOO_BENT


class Where(NamedTuple):
    """At which step a walk is: at `s`, of 1, behind `taken` others, about to take one of `h`."""

    s: float
    h: float
    taken: int


class Pace:
    """Of steps that are taken back or once more, while nobody measures how errors grow.

    Parameters
    ----------
    motion : whose steps they are

    Attributes
    ----------
    exact : whether steps are solved as those that are taken back or once more
    creeps : whether steps much shorter than the stepper's smallest are worth their time
    longest : that a step may be, in s
    stretched : how many times longer the last step may be, if no other has to follow it
    patience : how many times the stepper's limit of iterations a step may take
    few, many : of what tells how much a step is bent, below which the next one is longer, and
        above which it is shorter
    """

    exact = True
    longest = 1.0
    # Where nobody looks at its bend, a longer one may not be taken back.
    stretched = 1.0
    # One that is found without a look at its bend would pass for one that can be taken back.
    patience = 1
    few: float = _FEW_UNTOLD
    many: float = _MANY_UNTOLD

    def __init__(self, motion: Motion) -> None:
        self.motion = motion
        # Exact steps of unknown growth are imposed ones, which others can take the place of: not
        # worth to creep for, unless features are recorded behind them.
        self.creeps = motion.following is not None

    def first(self, length: float, smallest: float) -> float:
        """The first step, where others begin with one of a length."""
        del smallest
        return length

    def tolerance(self, where: Where, distance: float) -> float:
        """To what a step must be solved that moves the image by about a distance."""
        del where, distance
        return self.motion.tolerance

    def limit(self, most: int, planned: bool, first: float, last: float) -> int:
        """Iterations of a step that is to be solved from one error to another.

        Parameters
        ----------
        most : the stepper's limit
        planned : whether it is known to have a solution: it is cut up last of all
        """
        patience = _PLANNED_PATIENCE if planned else self.patience
        limit = patience * most
        if patience == 1 or not 0 < last < first < math.inf:
            return limit
        return max(limit, math.ceil(math.log(first / last, 1 / _SLOWEST)))

    def look(
        self,
        extractor: Features,
        image: np.ndarray,
        solved: Solved,
        factor: Callable[[], Adapted],
    ) -> Look:
        """At a step that was solved from an image, (H, W, 3); `factor` gives that of K there."""
        del extractor, image, solved, factor
        return Look()

    def accept(self, solved: Solved, look: Look) -> None:
        """A step is taken."""

    def lengthened(self, solved: Solved, new: bool) -> float:
        """How many times longer the step behind one may be; `new` as `Factors.new`."""
        told = self._bent(solved)
        longer = _LONGER if told <= self.few else _SHORTER if told > self.many else 1.0
        # If not, it is the factor that is poor, however short a step.
        return longer if new else max(longer, 1.0)

    def _bent(self, solved: Solved) -> float:
        """What tells how much a step is bent."""
        return solved.iterations

    def factor_cost(self, passes: float) -> float:
        """Of a new factor that takes so many passes."""
        return max(_LEAST_COST, passes)

    def told(self) -> dict[str, Any]:
        """What `Way` is to know of all steps."""
        return {}


class Measured(Pace):
    """Of steps that are to be taken back as exactly as `Motion.allowed` says.

    Parameters
    ----------
    motion : whose steps they are
    shape : (H, W, 3) of the image
    """

    stretched = _STRETCHED
    patience = _MEASURED_PATIENCE
    few, many = _FAST, _SLOW

    def __init__(self, motion: Motion, shape: tuple[int, ...]) -> None:
        super().__init__(motion)
        assert motion.allowed is not None
        self.allowed = motion.allowed
        self.creeps = True
        self.growth = Growth.none(shape)
        # Squared error of the image when it is back, as far as it got: told, and of rounding alone.
        self.expected = self.least = 0.0

    def tolerance(self, where: Where, distance: float) -> float:
        """See `Pace.tolerance`.

        What the errors of a step grow by on the way back is known when it is taken, and each may
        leave its share of what is allowed.
        """
        del distance
        steps = np.clip(where.taken / max(where.s, 1e-9), _FEW_STEPS, _MANY_STEPS)
        error = self.allowed / (_GATHERED * np.sqrt(2 * steps))
        return float(min(self.motion.tolerance, error / self.growth.of_errors))

    def look(
        self,
        extractor: Features,
        image: np.ndarray,
        solved: Solved,
        factor: Callable[[], Adapted],
    ) -> Look:
        """See `Pace.look`."""
        end = extractor.linearize(solved.image)
        # A factor that is poor here has made the step as much slower.
        rounds = max(1, solved.iterations // _ITERATIONS_A_ROUND)
        change = solved.image - image
        after = self.growth.after(extractor, end, change, solved.multipliers, factor(), rounds)
        return Look(end, after)

    def accept(self, solved: Solved, look: Look) -> None:
        """See `Pace.accept`."""
        assert look.growth is not None
        self.growth = look.growth
        self.expected += (solved.tolerance * self.growth.of_errors) ** 2
        self.least += (solved.rounding * self.growth.anywhere) ** 2

    def lengthened(self, solved: Solved, new: bool) -> float:
        """See `Pace.lengthened`."""
        longer, bend = super().lengthened(solved, new), self.growth.bend
        return min(longer, _LARGEST_BEND / bend) if bend > 0 else longer

    def _bent(self, solved: Solved) -> float:
        return solved.rate

    def factor_cost(self, passes: float) -> float:
        """See `Pace.factor_cost`: half of it is for the way back."""
        return super().factor_cost(passes / 2)

    def told(self) -> dict[str, Any]:
        """See `Pace.told`."""
        return {
            "growth": self.growth.anywhere,
            "growth_of_errors": self.growth.of_errors,
            "error": _GATHERED * math.sqrt(2 * self.expected),
            "least_error": math.sqrt(2 * self.least),
        }


class OneWay(Pace):
    """Of steps that nobody takes back or once more: only the features at their end matter.

    Parameters
    ----------
    motion : whose steps they are
    most : steps that are allowed
    """

    exact = False
    stretched = _STRETCHED
    few, many = _FEW_ONE_WAY, _MANY_ONE_WAY

    def __init__(self, motion: Motion, most: int) -> None:
        super().__init__(motion)
        assert motion.near is not None
        self.near, self.following = motion.near, motion.following
        self.creeps = True
        if self.following is not None:
            # A step of length h along an arc of one radian is off by h²/24. Ways are more curved
            # than that, in places.
            self.longest = max(math.sqrt(self.following), _FEWEST / most)

    def first(self, length: float, smallest: float) -> float:
        """See `Pace.first`."""
        if self.following is None:
            return length
        return min(length, max(_FIRST_FOLLOWING * self.following, smallest))

    def tolerance(self, where: Where, distance: float) -> float:
        """See `Pace.tolerance`."""
        if where.s + where.h >= 1.0:
            return self.near
        # No step is longer than the image's range, whatever a poor factor makes of it: one that
        # seems to be would be taken as it was foretold, and lead nowhere.
        share = _COARSELY if self.following is None else self.following
        return max(self.near, share * min(distance, 1.0))

    def factor_cost(self, passes: float) -> float:
        """See `Pace.factor_cost`."""
        return passes


def pace_of(motion: Motion, planned: bool, shape: tuple[int, ...], most: int) -> Pace:
    """Of the steps of a motion, by what becomes of them.

    Parameters
    ----------
    motion : whose steps they are
    planned : whether they are those of an earlier way, which stay exact
    shape : (H, W, 3) of the image
    most : steps that are allowed
    """
    if motion.near is not None and not planned:
        return OneWay(motion, most)
    return Pace(motion) if motion.allowed is None else Measured(motion, shape)
