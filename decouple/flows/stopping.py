"""When a descent has gone far enough: threshold, limit, stagnation."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from decouple.errors import ConfigError, NamedChoice
from decouple.flows.stop import StopReason

# Fewer than this many looks say nothing about stagnation.
_LOOKS = 10
# Behind a stage's name.
_NUMBER = re.compile(r"_\d+$")


class Scale(NamedChoice):
    """What a threshold is measured in."""

    ABSOLUTE = "absolute"
    INITIAL = "initial"

    def unit(self, first: float) -> float:
        """What a threshold is multiplied by, where it was `first` at the start."""
        return first if self is Scale.INITIAL else 1.0


@dataclass
class StopRule:
    """When a descent ends.

    Attributes
    ----------
    loss : threshold; the descent has reached its target below it
    scale : `absolute`, or `initial` for a threshold in units of the loss at the start
    max_iterations : steps of the optimizer
    check_every : iterations between two looks at the loss, which are also what is reported
    stagnation : the descent ends when the best loss has not fallen by this share over the last
        10 looks; 0 never ends it
    max_passes : of one image through the network; None for no limit

    Raises
    ------
    ConfigError : a value out of its range.

    Examples
    --------
    >>> import decouple as dc
    >>> dc.StopRule(loss=1e-4, max_iterations=50).stagnation
    0.0001
    """

    loss: float = 1e-8
    scale: str = "absolute"
    max_iterations: int = 300
    check_every: int = 1
    stagnation: float = 1e-4
    max_passes: int | None = None

    def __post_init__(self) -> None:
        """Refuse values that cannot be."""
        Scale.named(self.scale)
        if not 0 < self.loss < math.inf:
            raise ConfigError(f"loss={self.loss} must be a positive number")
        if not 0 <= self.stagnation < 1:
            raise ConfigError(f"stagnation={self.stagnation} must be from 0 to below 1")
        for name in ("max_iterations", "check_every", "max_passes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name}={value} is too small: at least 1")


@dataclass(frozen=True)
class StopRules:
    """One rule for all stages, and others where stages differ.

    Attributes
    ----------
    common : for every stage that is not named
    stages : {stage: rule}, e.g. `impose`

    Examples
    --------
    >>> import decouple as dc
    >>> rules = dc.StopRules(dc.StopRule(loss=1e-6), {"impose": dc.StopRule(loss=1e-8)})
    >>> rules.of("impose").loss, rules.of("noisify_source").loss
    (1e-08, 1e-06)
    """

    common: StopRule = field(default_factory=StopRule)
    stages: dict[str, StopRule] = field(default_factory=dict)

    def of(self, stage: str) -> StopRule:
        """The rule of a stage; a number behind its name, as of `noisify_source_2`, is no matter."""
        return self.stages.get(_NUMBER.sub("", stage), self.common)

    def within(self, max_passes: int) -> StopRules:
        """The same rules, none of which takes more passes than this."""
        return StopRules(
            replace(self.common, max_passes=max_passes),
            {name: replace(rule, max_passes=max_passes) for name, rule in self.stages.items()},
        )


class Watch:
    """Looks at a descent as it goes and says when it ends; keeps the best image it saw.

    Parameters
    ----------
    rule : when to end
    passes : how many passes through the network the descent has taken so far
    look : told (share of the iterations, image) at every look
    enough : whether an image that is looked at (H, W, 3) may be the last, whatever its loss

    Attributes
    ----------
    reason : why the descent ended; None while it goes on
    iterations : so far
    threshold : of the loss; known once the descent has begun
    """

    def __init__(
        self,
        rule: StopRule,
        passes: Callable[[], int],
        look: Callable[[float, np.ndarray], None],
        enough: Callable[[np.ndarray], bool] | None = None,
    ) -> None:
        self.rule, self._passes, self._look = rule, passes, look
        self._enough = enough or (lambda _: False)
        self.reason: StopReason | None = None
        self.iterations = 0
        self.threshold: float | None = None
        self._best: tuple[float, np.ndarray] | None = None
        self._bests: list[float] = []
        # Since the last look.
        self._unseen: tuple[float, np.ndarray] | None = None

    @property
    def best(self) -> np.ndarray:
        """The image (H, W, 3) with the smallest loss among those looked at."""
        if self._best is None:
            raise RuntimeError("nothing has been looked at yet")
        return self._best[1]

    @property
    def best_loss(self) -> float:
        """The loss at `best`."""
        if self._best is None:
            raise RuntimeError("nothing has been looked at yet")
        return self._best[0]

    def state(self) -> dict[str, np.ndarray]:
        """What the watch has seen so far, as arrays; see `resume`."""
        return {
            "iterations": np.array(self.iterations),
            "threshold": np.array(self.threshold),
            "best": self.best,
            "best_loss": np.array(self.best_loss),
            "bests": np.array(self._bests),
        }

    def resume(self, state: Mapping[str, np.ndarray]) -> bool:
        """Instead of `begin`, go on from a `state`; True if the descent has nothing to do."""
        self.iterations = int(state["iterations"])
        self.threshold = float(state["threshold"])
        self._best = (float(state["best_loss"]), np.asarray(state["best"]))
        self._bests = [float(loss) for loss in state["bests"]]
        if self.iterations >= self.rule.max_iterations:
            self.reason = StopReason.STEP_LIMIT
        return self.reason is not None

    def begin(self, loss: float, image: np.ndarray) -> bool:
        """Look at the start; True if the descent has nothing to do.

        Or at where the loss becomes another one: what is known of the former is forgotten.
        """
        self.threshold = self.rule.loss * Scale.named(self.rule.scale).unit(loss)
        self._best, self._bests = (loss, image), []
        self._unseen = self.reason = None
        return self._judge(loss, image)

    def step(self, loss: float, image: np.ndarray) -> bool:
        """After an iteration, with the loss at its image; True if the descent is over."""
        self.iterations += 1
        last = self.iterations >= self.rule.max_iterations
        spent = self.rule.max_passes is not None and self._passes() >= self.rule.max_passes
        due = self.iterations % self.rule.check_every == 0
        if not math.isfinite(loss) or due or last or spent:
            if self._judge(loss, image):
                return True
            self._look(self._fraction(), image)
            self._unseen = None
        else:
            self._unseen = (loss, image.copy())
        if last or spent:
            self.reason = StopReason.STEP_LIMIT
        return self.reason is not None

    def _fraction(self) -> float:
        """Of the limit that comes first."""
        done = self.iterations / self.rule.max_iterations
        if self.rule.max_passes is None:
            return done
        return min(max(done, self._passes() / self.rule.max_passes), 1.0)

    def stuck(self) -> None:
        """The optimizer finds no way down any more."""
        if self.reason is None and self._unseen is not None and not self._judge(*self._unseen):
            self._look(1.0, self._unseen[1])
        self.reason = self.reason or StopReason.STAGNATED

    def _judge(self, loss: float, image: np.ndarray) -> bool:
        assert self.threshold is not None
        assert self._best is not None
        if not math.isfinite(loss) or not np.isfinite(image).all():
            self.reason = StopReason.NOT_FINITE
            if self._unseen is not None:
                self._keep(*self._unseen)
            return True
        self._keep(loss, image)
        enough = self._enough(image)
        if enough:  # which an image of a smaller loss need not be
            self._best = (loss, image.copy())
        # No loss is below a share of nothing.
        if loss < self.threshold or loss == 0 or enough:
            self.reason = StopReason.REACHED
            self._look(1.0, image)
            return True
        # Only as many as are compared: nothing grows with the steps.
        self._bests = [*self._bests[-_LOOKS:], self._best[0]]
        fallen = 1 - self._bests[-1] / self._bests[0] if self._bests[0] > 0 else 0.0
        if len(self._bests) > _LOOKS and fallen < self.rule.stagnation:
            self.reason = StopReason.STAGNATED
            self._look(1.0, image)
        return self.reason is not None

    def _keep(self, loss: float, image: np.ndarray) -> None:
        assert self._best is not None
        if loss <= self._best[0] and np.isfinite(image).all():
            self._best = (loss, image.copy())
